import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Consumer, type ConsumerResult } from "../publish/_consumer.ts";
import { packProject, startRegistry } from "../support/jsr_registry.ts";
import { leakTest } from "../support/leaks.ts";

/** Somebody's project, which has the package from JSR or from npm. */

const PROJECT_ROOT = new URL("../../", import.meta.url);
const NAME = "@manyhands/concurrency";

/** All five rooms in one program: words are counted by processes and threads that come to a manager. */
const FIVE_ROOMS = `
import { TaskGroup } from "${NAME}/coroutine";
import { BaseManager, TaskQueue } from "${NAME}/distributed";
import { Queue } from "${NAME}/ipc";
import { Process } from "${NAME}/process";
import { Thread } from "${NAME}/thread";

const Client = BaseManager.register("getTasks", { proxyType: TaskQueue<string, number> });

export async function count(port: number, who: string, told?: Queue<string>): Promise<number> {
  await using manager = new Client({ address: ["127.0.0.1", port], authkey: "key" });
  await manager.connect();
  await using tasks = await TaskQueue.over(await manager.getTasks());
  let done = 0;
  await tasks.work(async (text) => {
    if (done++ === 0) await told?.put(who);
    return text.split(" ").length;
  });
  return done;
}

if (import.meta.main) {
  await using tasks = new TaskQueue<string, number>();
  const Master = BaseManager.register("getTasks", { callable: () => tasks });
  await using server = new Master({ address: "127.0.0.1:0", authkey: "key" }).getServer();
  const { port } = server.address;
  await using told = new Queue<string>();
  const module = import.meta.url;
  await using process = new Process({
    module,
    target: count,
    args: [port, "a process", told],
    permissions: { net: ["127.0.0.1:" + port] },
  });
  await using thread = new Thread({ module, target: count, args: [port, "a thread"] });
  await Promise.all([process.start(), thread.start()]);

  const words = await TaskGroup.run(async (group) => {
    const texts = ["to be", "or not", "to be", "that is the question"];
    const parts = texts.map((text) =>
      group.spawn(async () => (await tasks.put(text)).result())
    );
    let sum = 0;
    for (const part of parts) sum += await part;
    return sum;
  });
  // The process has certainly had one, once it has told so.
  while ((await told.empty()) && (await tasks.statistics()).done < 1000) {
    await (await tasks.put("more")).result();
  }
  console.log(words, await told.get());
  await tasks.shutdown();
  const done = await process.result() + await thread.result();
  console.log(done === (await tasks.statistics()).done);
}
`;

const FLAGS = ["--allow-run=deno", "--allow-net=127.0.0.1", "--allow-read=."];

leakTest(
  "a project that has the package from JSR uses all five rooms with three permissions",
  async () => {
    await using registry = await startRegistry(await packProject());
    const imports = { [NAME]: `jsr:${NAME}@^0.1` };
    await using consumer = await Consumer.create(registry, {
      "deno.json": JSON.stringify({ imports }),
      "main.ts": FIVE_ROOMS,
    });
    const checked = await consumer.deno("check", "main.ts");
    assertEquals(checked.code, 0, checked.stderr);
    const run = (flags: readonly string[]) =>
      consumer.deno("run", "--no-prompt", ...flags, "main.ts");
    const { code, stdout, stderr } = await run(FLAGS);
    assertEquals([code, stdout], [0, "10 a process\ntrue\n"], stderr);
    for (const left of FLAGS) {
      const { code, stderr } = await run(FLAGS.filter((flag) => flag !== left));
      assertEquals(code === 0, false, `without ${left}`);
      assertStringIncludes(stderr, left.split("=")[0]!, `without ${left}`);
    }
  },
);

// What `deno pack` makes, in a folder node_modules.

const WORKING = `
import { Queue } from "${NAME}/coroutine";
import { BaseManager } from "${NAME}/distributed";
import { connect, Listener } from "${NAME}/ipc";
import { run } from "${NAME}/process";
import { Lock, SharedArray } from "${NAME}/thread";

const tasks = new Queue<number>();
const Master = BaseManager.register("getTasks", { callable: () => tasks });
await using server = new Master({ address: "127.0.0.1:0", authkey: "key" }).getServer();
const Client = BaseManager.register("getTasks", { proxyType: Queue<number> });
await using client = new Client({ address: server.address, authkey: "key" });
await client.connect();
await tasks.put(1);
console.log("distributed", await (await client.getTasks()).get());

await using listener = new Listener("127.0.0.1:0", { authkey: "key" });
const [here, there] = await Promise.all([
  listener.accept(),
  connect(listener.address, { authkey: "key" }),
]);
await here.send(2);
console.log("ipc", await there.recv());
await Promise.all([here.close(), there.close()]);

const numbers = new SharedArray("int32", 1);
using _ = new Lock().holdSync();
numbers.set(0, 3);
console.log("thread", numbers.get(0));

const { returnCode } = await run(["deno", "--version"], { stdout: "devnull" });
console.log("process", returnCode);
`;

const STARTING = `
import { Process } from "${NAME}/process";
import { Thread } from "${NAME}/thread";

export function square(n: number): number {
  return n * n;
}

if (import.meta.main) {
  for (const Kind of [Process, Thread]) {
    const one = new Kind({ module: import.meta.url, target: square, args: [7] });
    const end = one.start().then(() => one.result());
    console.log(await end.catch((error) => error.name));
  }
}
`;

leakTest(
  "a project that has the package of deno pack uses what starts neither processes nor threads",
  async () => {
    await using registry = await startRegistry([]);
    await using consumer = await Consumer.create(registry, {
      "deno.json": JSON.stringify({ nodeModulesDir: "manual" }),
      "package.json": JSON.stringify({ dependencies: { [NAME]: "0.1.0" } }),
      "working.ts": WORKING,
      "starting.ts": STARTING,
    });
    await installPacked(consumer.path("node_modules/@manyhands/concurrency"));
    const net = "--allow-net=127.0.0.1";
    const run = (...args: string[]): Promise<ConsumerResult> =>
      consumer.deno("run", "--no-prompt", "--allow-read=.", net, "--allow-run=deno", ...args);
    const working = await run("working.ts");
    assertEquals(
      [working.code, working.stdout],
      [0, "distributed 1\nipc 2\nthread 3\nprocess 0\n"],
      working.stderr,
    );
    // Modules that are named in strings, for a child or a thread to load, are not renamed to .js by deno pack.
    const starting = await run("starting.ts");
    assertEquals(starting.stdout, "ProcessDiedError\nThreadDiedError\n", starting.stderr);
    assertMatch(starting.stderr, /Unable to load .*\/process\/_child\.ts/);
    assertMatch(starting.stderr, /Unable to load .*\/thread\/_bootstrap\.ts/);
  },
);

/** Packs the project, and unpacks it into a folder. */
async function installPacked(folder: string): Promise<void> {
  const tarball = await Deno.makeTempFile({ suffix: ".tgz" });
  try {
    await output("deno", ["pack", "--allow-dirty", "--output", tarball], PROJECT_ROOT);
    await Deno.mkdir(folder, { recursive: true });
    await output("tar", ["-xzf", tarball, "-C", folder, "--strip-components=1"], PROJECT_ROOT);
  } finally {
    await Deno.remove(tarball);
  }
}

async function output(command: string, args: string[], cwd: URL): Promise<void> {
  const program = command === "deno" ? Deno.execPath() : command;
  const { success, stderr } = await new Deno.Command(program, {
    args,
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stderr);
  if (!success) throw new Error(`Cannot run ${command} ${args.join(" ")}: ${text}`);
}
