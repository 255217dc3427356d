import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { startProgram } from "../support/child_program.ts";
import { fileURLToPath } from "node:url";
import { BaseManager, TaskQueue } from "@manyhands/concurrency/distributed";
import { withDenoOnPath } from "../support/deno_on_path.ts";
import { freePort } from "../support/free_port.ts";
import { guard } from "../support/guard.ts";
import * as certificates from "../distributed/fixtures/tls_certificates.ts";

/**
 * The tables of permissions in README.md and docs/permissions.md: each of their rows has a program here, which does
 * what the row says with the flags that the row says, and fails without any one of them with an error that names the
 * flag.
 */

const ROOT = new URL("../../", import.meta.url);
const TMPDIR = Deno.env.get("TMPDIR") ?? "/tmp";
/** A module whose functions a worker may call. */
const JOBS = fileURLToPath(new URL("fixtures/jobs.ts", import.meta.url));
/** What works without the flag as well, but does less. */
const TESTED_ELSEWHERE = [
  // tests/process/subprocess_permissions_test.ts
  "`run`, `Popen` with a limit",
];

/** What a row of the table is tested with. */
interface RowProgram {
  /** The package's rooms that the code uses. */
  readonly rooms: readonly string[];
  /** Prints what it came to, on one line. */
  readonly code?: string;
  /** What it prints. */
  readonly prints: string;
  /** Flags that are needed beside those of the row, when the row says "as well". */
  readonly beside?: readonly string[];
  /** Whether it can run here. */
  readonly ignore?: boolean;
  /** In place of code: a command line of the package's program. */
  readonly command?: readonly string[];
  /** Whether a server is there that has a task. */
  readonly isServed?: boolean;
}

const PROCESS_FLAGS = ["--allow-run=deno", "--allow-net=127.0.0.1"];
const NOBODY = "Cannot connect to HOST:PORT: nobody is listening there";
const WORKER = ["worker", "MODULE", "--host", "HOST", "--port", "PORT"];
const PROCESS_CODE = `
      await using queue = new ipc.Queue<number>();
      await using child = new process.Process({ module: import.meta.url, target: give, args: [queue] });
      await child.start();
      console.log(await queue.get(), await child.result());
      await using pool = new process.Pool(1, { module: import.meta.url });
      console.log(await pool.apply(square, [5]));`;
const ADDRESS = `const address = "127.0.0.1:PORT", authkey = "a key";`;

const PROGRAMS: Readonly<Record<string, RowProgram>> = {
  "`coroutine`, and queues and locks of `ipc` in one process": {
    rooms: ["coroutine", "ipc"],
    code: `
      await using queue = new ipc.Queue<number>();
      await queue.put(4);
      const pool = new coroutine.Pool(2);
      console.log(await pool.map((n: number) => n * n, [await queue.get()]));
      await pool.terminate();`,
    prints: "[ 16 ]",
  },
  "`Process`, `Pool`, and what is passed to their children": {
    rooms: ["process", "ipc"],
    code: PROCESS_CODE,
    prints: "7 given\n25",
  },
  "`fork`": {
    rooms: ["process"],
    code: `
      const pid = await process.fork();
      if (pid === 0) console.log("the child");
      else console.log((await process.waitPid(pid)).exitCode);`,
    prints: "READY\nthe child\n0",
  },
  "`thread.Thread`, `ThreadPool`, `toThread`": {
    rooms: ["thread"],
    code: `
      await using killable = new thread.Thread({ module: import.meta.url, target: square, args: [3], killable: true });
      await killable.start();
      console.log(await killable.result());
      await using pool = new thread.ThreadPool(1, { module: import.meta.url });
      console.log(await pool.apply(square, [4]));
      console.log(await thread.toThread({ module: import.meta.url, target: square }, 5));`,
    prints: "9\n16\n25",
  },
  "what is of `ipc`, passed to a thread": {
    rooms: ["thread", "ipc"],
    code: `
      await using queue = new ipc.Queue<number>();
      await using worker = new thread.Thread({ module: import.meta.url, target: give, args: [queue] });
      await worker.start();
      console.log(await queue.get(), await worker.result());`,
    prints: "7 given",
    beside: ["--allow-read"],
  },
  "`Manager()`, `SyncManager.start()` without an address": {
    rooms: ["distributed"],
    code: `
      await using manager = await distributed.Manager();
      const list = await manager.list<number>();
      console.log(await list.push(5));`,
    prints: "1",
  },
  "`BaseManager.getServer()`, `RpcServer`, `WorkerPool`, `serveStatus`": {
    rooms: ["distributed"],
    code: `
      ${ADDRESS}
      {
        const Manager = distributed.BaseManager.register("square", { callable: () => 1 });
        await using server = new Manager({ address, authkey }).getServer();
      }
      {
        await using server = new distributed.RpcServer({ square }, { address, authkey });
      }
      {
        await using pool = new distributed.WorkerPool({ address, authkey });
      }
      await using endpoint = distributed.serveStatus({}, { port: PORT });
      console.log("listens");`,
    prints: "listens",
  },
  "`BaseManager.connect()`, `RpcClient`, `serveTasks`": {
    rooms: ["distributed"],
    code: `
      ${ADDRESS}
      const nobody = (error: unknown) => {
        if (error instanceof Deno.errors.NotCapable) throw error;
      };
      await using manager = new distributed.BaseManager({ address, authkey });
      await manager.connect().catch(nobody);
      await distributed.RpcClient.connect({ address, authkey }).catch(nobody);
      await distributed.serveTasks({ address, authkey, module: { square }, reconnectMs: 1 }).catch(nobody);
      console.log("nobody is there");`,
    prints: "nobody is there",
  },
  "the option `tls` of these": {
    rooms: ["distributed"],
    code: `
      ${ADDRESS}
      const cert = ${JSON.stringify(certificates.server.cert)};
      const key = ${JSON.stringify(certificates.server.key)};
      const caCerts = [${JSON.stringify(certificates.authority.cert)}];
      const api = { square };
      await using server = new distributed.RpcServer(api, { address, authkey, tls: { cert, key } });
      await using client = await distributed.RpcClient.connect<typeof api>({ address, authkey, tls: { caCerts } });
      console.log(await client.api.square(6));`,
    prints: "36",
    beside: [],
  },
  "`natsEngine`, `NatsDict`, `NatsLock`, `NatsEvent`, `NatsCounter`": {
    rooms: ["distributed"],
    code: `
      const nats = await import(${JSON.stringify(new URL("distributed/engines/nats.ts", ROOT))});
      const options = { servers: "127.0.0.1:PORT", patienceMs: 1 };
      await using queue = new distributed.TaskQueue<number>({ engine: nats.natsEngine(options, { queue: "q" }) });
      const nobody = (error: unknown) => {
        if (error instanceof Deno.errors.NotCapable) throw error;
      };
      await queue.put(1, { timeoutMs: 1 }).catch(nobody);
      await nats.openNats(options).catch(nobody);
      console.log("nobody is there");`,
    prints: "nobody is there",
  },
  "`TaskQueue`, `readStatus`": {
    rooms: ["distributed"],
    code: `
      await using tasks = new distributed.TaskQueue<number, number>();
      const handle = await tasks.put(6);
      await using lease = await tasks.get();
      await lease.complete(lease.value * 7);
      console.log(await handle.result(), (await distributed.readStatus({ queues: { tasks } })).queues.tasks?.size);`,
    prints: "42 0",
  },
  "`manyhands serve`": {
    rooms: [],
    command: ["serve", "--host", "HOST", "--port", "PORT"],
    prints: "Serving queue tasks on HOST:PORT",
  },
  "`manyhands put`, `get`, `stats`, `top`, `ping`": {
    rooms: [],
    command: ["ping", "--host", "HOST", "--port", "PORT"],
    prints: NOBODY,
  },
  "`manyhands worker`": {
    rooms: [],
    command: WORKER,
    prints: "Working for HOST:PORT, with square\nThe server on HOST:PORT has ended\n9",
    isServed: true,
  },
  "`manyhands worker --inside processes`": {
    rooms: [],
    command: [...WORKER, "--inside", "processes"],
    prints: "Working for HOST:PORT\nThe server on HOST:PORT has ended\n9",
    isServed: true,
  },
  "`ipc.SharedMemory`, `ipc.ShareableList`": {
    rooms: ["ipc"],
    code: `
      using memory = ipc.SharedMemory.create(16);
      memory.buf[0] = 7;
      console.log(memory.buf[0]);
      memory.unlink();
      const list = ipc.ShareableList.create([1, "two"]);
      console.log(list.get(1));
      list.shm.close();
      list.shm.unlink();`,
    prints: "7\ntwo",
    ignore: Deno.build.os === "windows",
  },
  "`ipc.Listener`, `ipc.connect` over TCP": {
    rooms: ["ipc"],
    code: `
      ${ADDRESS}
      await using listener = new ipc.Listener(address, { authkey });
      const [here, there] = await Promise.all([listener.accept(), ipc.connect(address, { authkey })]);
      await here.send("over TCP");
      console.log(await there.recv());
      await here.close();
      await there.close();`,
    prints: "over TCP",
  },
  "`ipc.Listener`, `ipc.connect` over a Unix socket": {
    rooms: ["ipc"],
    code: `
      const path = "PATH", authkey = "a key";
      await using listener = new ipc.Listener(path, { authkey });
      const [here, there] = await Promise.all([listener.accept(), ipc.connect(path, { authkey })]);
      await here.send("over a socket");
      console.log(await there.recv());
      await here.close();
      await there.close();`,
    prints: "over a socket",
    ignore: Deno.build.os === "windows",
  },
  "a `niceness` for a `Process`": {
    rooms: ["process"],
    code: `
      const options = { module: import.meta.url, target: square, args: [3], niceness: 5 } as const;
      await using child = new process.Process(options);
      await child.start();
      console.log(await child.result());`,
    prints: "9",
    beside: PROCESS_FLAGS,
    ignore: Deno.build.os === "windows",
  },
  "`run`, `Popen`, `pipeline`": {
    rooms: ["process"],
    code: `
      const told = { stdout: "pipe", text: true } as const;
      console.log((await process.run(["sh", "-c", "echo ran"], told)).stdout.trim());
      await using popen = new process.Popen(["sh", "-c", "exit 3"]);
      console.log(await popen.wait());
      const commands = [["sh", "-c", "echo 1; echo 2"], ["sh", "-c", "cat"]];
      console.log((await process.pipeline(commands, told)).stdout.trim().split("\\n")[1]);`,
    prints: "ran\n3\n2",
    ignore: Deno.build.os === "windows",
  },
  "`BaseManager.start()`": {
    rooms: ["distributed"],
    code: `
      ${ADDRESS.replace("127.0.0.1", "localhost")}
      const options = { module: import.meta.url, address, authkey };
      await using manager = new distributed.BaseManager(options);
      await manager.start();
      console.log("started");`,
    prints: "started",
  },
};

/** A table of permissions. */
const DOCUMENTS = [
  { file: "README.md", title: "\n## Permissions\n" },
  { file: "docs/permissions.md", title: "\n## What a program needs\n" },
];

/** A row of a table, as far as it is read here: what is used, and the text of its flags. */
interface Row {
  readonly file: string;
  readonly use: string;
  readonly needs: string;
}

function readRows(file: string, title: string, text: string): Row[] {
  const [, section = ""] = text.split(title);
  const [table = ""] = section.split("\n## ");
  const lines = table.split("\n").filter((line) => line.startsWith("|")).slice(2);
  return lines.map((line) => {
    const [, use = "", needs = ""] = line.split("|").map((cell) => cell.trim());
    return { file, use, needs };
  });
}

/** The path of a Unix socket that is there while a program listens. */
function socketPath(port: number): string {
  return `${TMPDIR}/manyhands-permissions-${port}`;
}

/** A host of this machine; another name for it, where 127.0.0.1 is needed for something else as well. */
function hostOf(needs: string): string {
  return needs.includes("127.0.0.1") ? "localhost" : "127.0.0.1";
}

/** The flags that a row tells, for this machine. */
function readFlags(needs: string, port: number): string[] {
  return [...needs.matchAll(/--allow-[^\s`]+/g)].map(([flag]) =>
    flag.replace("HOST:PORT", `${hostOf(needs)}:${port}`).replace("PROGRAM", "sh")
      .replace("PATH", socketPath(port)).replace("MODULE", JOBS)
      .replace(/^--allow-read$/, `--allow-read=${ROOT.pathname},${TMPDIR}`)
  );
}

/** Runs the program of a row: what it printed, with the errors. */
async function runCode(row: RowProgram, flags: string[], port: number): Promise<string> {
  const imports = row.rooms.map((room) =>
    `import * as ${room} from ${JSON.stringify(new URL(`${room}/mod.ts`, ROOT).href)};`
  );
  const code = `
    ${imports.join("\n")}
    export function square(n: number): number { return n * n; }
    export async function give(queue: { put(n: number): Promise<void> }): Promise<string> {
      await queue.put(7);
      return "given";
    }
    async function main(): Promise<void> {${
    row.code!.replaceAll("PORT", String(port)).replaceAll("PATH", socketPath(port))
  }
    }
    if (import.meta.main) {
      console.log("READY");
      await main().catch((error) => console.log(error.name + ": " + error.message));
    }`;
  await using program = await startProgram({ code }, { flags });
  const lines = await Array.fromAsync(program.stdout);
  assertEquals((await program.status).code, 0);
  return [...lines, program.stderr].join("\n").trim();
}

/** Runs a command of the package's program; one that serves is ended when it says so. */
async function runCommand(command: readonly string[], flags: string[]): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...flags, "distributed/cli.ts", ...command],
    cwd: ROOT,
    env: withDenoOnPath({ MANYHANDS_AUTHKEY: "a key" }),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const told: string[] = [];
  const read = async (stream: ReadableStream<Uint8Array>, isOutput: boolean): Promise<void> => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      told.push(text);
      if (isOutput && text.startsWith("Serving")) child.kill("SIGTERM");
    }
  };
  const ended = Promise.all([read(child.stdout, true), read(child.stderr, false), child.status]);
  await guard(ended, () => `"manyhands ${command.join(" ")}" to end; it said ${told.join("")}`);
  return told.join("").trim();
}

/** Serves one task for a worker, who leaves when it is done. */
async function serveTask(
  hostname: string,
  port: number,
): Promise<AsyncDisposable & { outcome: Promise<string> }> {
  const tasks = new TaskQueue<unknown, number>();
  const Manager = BaseManager.register("getTasks", { callable: () => tasks });
  const server = new Manager({ address: { hostname, port }, authkey: "a key" }).getServer();
  const handle = await tasks.put({ name: "square", args: [3] });
  await tasks.shutdown();
  return {
    outcome: handle.result().then(String, String),
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await tasks[Symbol.asyncDispose]();
    },
  };
}

/** What a row comes to with these flags. */
async function runRow(
  row: RowProgram,
  needs: string,
  flags: string[],
  port: number,
): Promise<string> {
  if (row.command === undefined) return await runCode(row, flags, port);
  await using served = row.isServed === true ? await serveTask(hostOf(needs), port) : undefined;
  const command = row.command.map((word) =>
    word.replace("HOST", hostOf(needs)).replace("PORT", String(port)).replace("MODULE", JOBS)
  );
  const told = await runCommand(command, flags);
  if (served === undefined || !told.endsWith("has ended")) return told;
  return `${told}\n${await served.outcome}`;
}

const ROWS: Row[] = [];
for (const { file, title } of DOCUMENTS) {
  ROWS.push(...readRows(file, title, await Deno.readTextFile(new URL(file, ROOT))));
}

Deno.test("each row of the tables of permissions is tested", () => {
  assertEquals(
    [...new Set(ROWS.map(({ use }) => use))].toSorted(),
    [...Object.keys(PROGRAMS), ...TESTED_ELSEWHERE].toSorted(),
  );
});

for (const { file, use, needs } of ROWS) {
  const row = PROGRAMS[use];
  if (row === undefined) continue;
  Deno.test({
    name: `${file} says which permissions are needed for ${use}`,
    ignore: row.ignore === true,
    fn: async () => {
      const port = freePort();
      const told = readFlags(needs, port).flatMap(splitList);
      assert(told.length > 0 || needs === "nothing", needs);
      const flags = [...row.beside ?? [], ...told];
      const prints = row.prints.replaceAll("HOST", hostOf(needs)).replaceAll("PORT", String(port));
      assertEquals(await runRow(row, needs, flags, port), prints);
      for (const left of told) {
        const printed = await runRow(row, needs, flags.filter((flag) => flag !== left), port);
        const [flag = ""] = left.split("=");
        assertStringIncludes(printed, flag, `without ${left}`);
      }
    },
  });
}

/** A flag with several entries, as several flags with one. */
function splitList(flag: string): string[] {
  const [name = "", list] = flag.split("=");
  return list === undefined || name === "--allow-read"
    ? [flag]
    : list.split(",").map((entry) => `${name}=${entry}`);
}
