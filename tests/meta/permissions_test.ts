import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { startProgram } from "../support/child_program.ts";
import { freePort } from "../support/free_port.ts";

/**
 * The table of permissions in README.md: each of its rows has a program here, which does what the row says
 * with the flags that the row says, and fails without any one of them with an error that names the flag.
 */

const ROOT = new URL("../../", import.meta.url);

/** What a row of the table is tested with. */
interface RowProgram {
  /** The package's rooms that the code uses. */
  readonly rooms: readonly string[];
  /** Prints what it came to, on one line. */
  readonly code: string;
  /** What it prints. */
  readonly prints: string;
  /** Flags that are needed beside those of the row, when the row says "as well". */
  readonly beside?: readonly string[];
  /** Whether it can run here. */
  readonly ignore?: boolean;
}

const PROCESS_FLAGS = ["--allow-run=deno", "--allow-net=127.0.0.1"];
const ADDRESS = `const address = "127.0.0.1:PORT", authkey = "a key";`;

const PROGRAMS: Readonly<Record<string, RowProgram>> = {
  "`coroutine`": {
    rooms: ["coroutine"],
    code: `
      const pool = new coroutine.Pool(2);
      console.log(await pool.map((n: number) => n * n, [2]));
      await pool.terminate();`,
    prints: "[ 4 ]",
  },
  "`process`, and `ipc.Queue` passed to a child": {
    rooms: ["process", "ipc"],
    code: `
      await using queue = new ipc.Queue<number>();
      await using child = new process.Process({ module: import.meta.url, target: give, args: [queue] });
      await child.start();
      console.log(await queue.get(), await child.result());
      await using pool = new process.Pool(1, { module: import.meta.url });
      console.log(await pool.apply(square, [5]));`,
    prints: "7 given\n25",
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
  "`thread`": {
    rooms: ["thread"],
    code: `
      await using thread_ = new thread.Thread({ module: import.meta.url, target: square, args: [3] });
      await thread_.start();
      console.log(await thread_.result());`,
    prints: "9",
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
  "`BaseManager.getServer()`": {
    rooms: ["distributed"],
    code: `
      ${ADDRESS}
      const Manager = distributed.BaseManager.register("square", { callable: () => 1 });
      await using server = new Manager({ address, authkey }).getServer();
      console.log("listens");`,
    prints: "listens",
  },
  "`BaseManager.connect()`": {
    rooms: ["distributed"],
    code: `
      ${ADDRESS}
      await using manager = new distributed.BaseManager({ address, authkey });
      await manager.connect().then(() => console.log("connected"), (error) => {
        if (error instanceof Deno.errors.NotCapable) throw error;
        console.log("nobody is there");
      });`,
    prints: "nobody is there",
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

/** The rows of the table, as far as they are read here: what is used, and the text of its flags. */
function readRows(readme: string): { use: string; needs: string }[] {
  const [, section = ""] = readme.split("\n## Permissions\n");
  const lines = section.split("\n").filter((line) => line.startsWith("|")).slice(2);
  return lines.map((line) => {
    const [, use = "", needs = ""] = line.split("|").map((cell) => cell.trim());
    return { use, needs };
  });
}

/** The path of a Unix socket that is there while a program listens. */
function socketPath(port: number): string {
  return `${Deno.env.get("TMPDIR") ?? "/tmp"}/manyhands-permissions-${port}`;
}

/** The flags that a row tells, for this machine. */
function readFlags(needs: string, port: number): string[] {
  // Another name for it, where 127.0.0.1 is needed for something else as well.
  const host = needs.includes("127.0.0.1") ? "localhost" : "127.0.0.1";
  return [...needs.matchAll(/--allow-[^\s`]+/g)].map(([flag]) =>
    flag.replace("HOST:PORT", `${host}:${port}`).replace("PROGRAM", "sh")
      .replace("PATH", socketPath(port))
      .replace(
        /^--allow-read$/,
        `--allow-read=${ROOT.pathname},${Deno.env.get("TMPDIR") ?? "/tmp"}`,
      )
  );
}

/** Runs the program of a row: what it printed, with the errors. */
async function runRow(row: RowProgram, flags: string[], port: number): Promise<string> {
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
    row.code.replaceAll("PORT", String(port)).replaceAll("PATH", socketPath(port))
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

const ROWS = readRows(await Deno.readTextFile(new URL("README.md", ROOT)));

Deno.test("each row of the table of permissions is tested", () => {
  assertEquals(ROWS.map(({ use }) => use).toSorted(), Object.keys(PROGRAMS).toSorted());
});

for (const { use, needs } of ROWS) {
  const row = PROGRAMS[use];
  if (row === undefined) continue;
  Deno.test({
    name: `README.md says which permissions are needed for ${use}`,
    ignore: row.ignore === true,
    fn: async () => {
      const port = freePort();
      const told = readFlags(needs, port).flatMap(splitList);
      assert(told.length > 0 || needs === "nothing", needs);
      const flags = [...row.beside ?? [], ...told];
      assertEquals(await runRow(row, flags, port), row.prints);
      for (const left of told) {
        const printed = await runRow(row, flags.filter((flag) => flag !== left), port);
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
