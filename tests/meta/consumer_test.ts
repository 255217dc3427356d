import { assertEquals, assertStringIncludes } from "@std/assert";
import { Consumer } from "../publish/_consumer.ts";
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

// What `deno pack` makes for npm, in a folder node_modules.

/** It names the classes as types only, so nobody has loaded them before they arrive. */
const TARGETS = `
import type { Lock as SharedLock, Queue } from "${NAME}/ipc";
import type { Lock, Value } from "${NAME}/thread";

export const square = (n: number): number => n * n;

export function fail(): never {
  throw new RangeError("far away");
}

export async function put(queue: Queue<number>, lock: SharedLock): Promise<void> {
  using _ = await lock.hold();
  await queue.put(1);
}

export function increase(value: Value<"int32">, lock: Lock): void {
  using _ = lock.holdSync();
  value.value++;
}

export const scores = (): Map<string, number> => new Map([["Bob", 8]]);
`;

const STARTING = `
import { BaseManager, Manager } from "${NAME}/distributed";
import { Lock as SharedLock, Queue } from "${NAME}/ipc";
import { fork, Pool, Process, waitPid } from "${NAME}/process";
import { Lock, setExcepthook, Thread, ThreadPool, Value } from "${NAME}/thread";
import { fail, increase, put, scores, square } from "./targets.ts";

const forked = { by: Deno.pid };
const pid = await fork({ state: forked });
if (pid === 0) Deno.exit(forked.by === Deno.ppid ? 42 : 1);
console.log("fork", (await waitPid(pid)).exitCode);

setExcepthook(() => {});
const module = import.meta.resolve("./targets.ts");
await using queue = new Queue<number>();
await using shared = new SharedLock();
const value = new Value("int32", 0);
const lock = new Lock();

async function result(started: Process | Thread): Promise<unknown> {
  await started.start();
  return await started.result().catch(String);
}

console.log(
  "Process",
  await result(new Process({ module, target: square, args: [7] })),
  await result(new Process({ module, target: put, args: [queue, shared] })),
  await result(new Process({ module, target: fail, stderr: "null" })),
);
for (const kind of [{}, { killable: true }, { permissions: "none" }] as const) {
  console.log(
    "Thread",
    await result(new Thread({ module, target: square, args: [7], ...kind })),
    await result(new Thread({ module, target: increase, args: [value, lock], ...kind })),
    await result(new Thread({ module, target: fail, ...kind })),
  );
}
await result(new Thread({ module, target: put, args: [queue, shared] }));
{
  await using pool = new Pool(2, { module });
  console.log("Pool", await pool.map(square, [1, 2, 3]));
  await pool.apply(put, [queue, shared]);
}
{
  await using pool = new ThreadPool(2, { module });
  console.log("ThreadPool", await pool.map(square, [1, 2, 3]));
  await pool.apply(put, [queue, shared]);
  await pool.apply(increase, [value, lock]);
}
console.log("put", await queue.qsize(), "increased", value.value);
{
  await using manager = await Manager();
  const list = await manager.list([1, 2]);
  console.log("Manager", await list.pop());
}
const Scores = BaseManager.register("scores", { callable: scores });
await using manager = new Scores({ address: "127.0.0.1:0", authkey: "key", module });
await manager.start();
console.log("BaseManager", await (await manager.scores()).get("Bob"));
`;

const STARTED = `fork 42
Process 49 undefined RangeError: far away
${"Thread 49 undefined RangeError: far away\n".repeat(3)}Pool [ 1, 4, 9 ]
ThreadPool [ 1, 4, 9 ]
put 4 increased 4
Manager 2
BaseManager 8
`;

leakTest("a project that has the package of deno pack starts processes and threads", async () => {
  await using registry = await startRegistry([]);
  await using consumer = await Consumer.create(registry, {
    "package.json": JSON.stringify({ dependencies: { [NAME]: "0.1.0" } }),
    "main.ts": FIVE_ROOMS,
    "targets.ts": TARGETS,
    "starting.ts": STARTING,
  });
  const folder = consumer.path(`node_modules/${NAME}`);
  await installPacked(folder);
  // A module that no other one imports, be it the type of something in it, is not made JavaScript.
  assertEquals(await findTypeScript(folder), []);
  const checked = await consumer.deno("check", "main.ts", "starting.ts");
  assertEquals(checked.code, 0, checked.stderr);
  const run = (...args: string[]) => consumer.deno("run", "--no-prompt", ...FLAGS, ...args);
  for (const config of ["deno.json", "package.json"]) {
    if (config === "package.json") await Deno.remove(consumer.path("deno.json"));
    const rooms = await run("main.ts");
    assertEquals([rooms.code, rooms.stdout], [0, "10 a process\ntrue\n"], rooms.stderr);
    const { code, stdout, stderr } = await run("--unstable-worker-options", "starting.ts");
    assertEquals([code, stdout], [0, STARTED], `with ${config}: ${stderr}`);
  }
});

/** The modules of a folder that are no JavaScript. */
async function findTypeScript(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) found.push(...await findTypeScript(`${folder}/${name}`));
    else if (/(?<!\.d)\.ts$/.test(name)) found.push(`${folder}/${name}`);
  }
  return found;
}

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
