import { assert, assertEquals, assertMatch } from "@std/assert";
import { packProject, startRegistry } from "../support/jsr_registry.ts";
import { leakTest } from "../support/leaks.ts";
import { Consumer } from "./_consumer.ts";

const PACKAGE = "jsr:@manyhands/concurrency@^0.1";

const PROCESS_USER = `
import { Process } from "${PACKAGE}/process";

export function square(n: number): number {
  return n * n;
}

if (import.meta.main) {
  await using process = new Process({ module: import.meta.url, target: square, args: [7] });
  await process.start();
  console.log(await process.result());
}
`;

const COROUTINE_USER = `
import { Queue } from "${PACKAGE}/coroutine";

const queue = new Queue<number>();
await queue.put(42);
console.log(await queue.get());
`;

const MANAGER_USER = `
import { Queue } from "${PACKAGE}/coroutine";
import { BaseManager } from "${PACKAGE}/distributed";

const tasks = new Queue<number>();
export function getTasks(): Queue<number> {
  return tasks;
}
const Manager = BaseManager.register("getTasks", { callable: getTasks });

if (import.meta.main) {
  await using manager = new Manager({ module: import.meta.url });
  await manager.start();
  const remote = await manager.getTasks();
  await remote.put(49);
  console.log(await remote.get());
}
`;

const PROCESS_FLAGS = ["--no-prompt", "--allow-run=deno", "--allow-net=127.0.0.1"];

leakTest(
  "process.Process from JSR runs a function of a local program, which cannot read",
  async () => {
    await using registry = await startRegistry(await packProject());
    await using consumer = await Consumer.create(registry, { "main.ts": PROCESS_USER });
    const { code, stdout, stderr } = await consumer.deno("run", ...PROCESS_FLAGS, "main.ts");
    assertEquals([code, stdout], [0, "49\n"], stderr);
    assert(
      registry.requests.some((path) => /^\/@manyhands\/concurrency\/[\d.]+\/process\//.test(path)),
    );
  },
);

leakTest(
  "process.Process from JSR runs a function of a program that was loaded over HTTP",
  async () => {
    await using registry = await startRegistry(await packProject());
    await using consumer = await Consumer.create(registry);
    const url = registry.addText("consumer/main.ts", PROCESS_USER);
    const allowImport = `--allow-import=${registry.host}`;
    const { code, stdout, stderr } = await consumer.deno("run", ...PROCESS_FLAGS, allowImport, url);
    assertEquals([code, stdout], [0, "49\n"], stderr);
  },
);

leakTest("distributed.BaseManager from JSR serves in a process of its own", async () => {
  await using registry = await startRegistry(await packProject());
  await using consumer = await Consumer.create(registry, { "main.ts": MANAGER_USER });
  const { code, stdout, stderr } = await consumer.deno("run", ...PROCESS_FLAGS, "main.ts");
  assertEquals([code, stdout], [0, "49\n"], stderr);
});

leakTest("coroutine.Queue from JSR needs no permission", async () => {
  await using registry = await startRegistry(await packProject());
  await using consumer = await Consumer.create(registry, { "main.ts": COROUTINE_USER });
  const { code, stdout, stderr } = await consumer.deno("run", "--no-prompt", "main.ts");
  assertEquals([code, stdout], [0, "42\n"], stderr);
});

leakTest("a program that uses the package from JSR is typed", async () => {
  await using registry = await startRegistry(await packProject());
  await using consumer = await Consumer.create(registry, {
    "good.ts": PROCESS_USER + COROUTINE_USER,
    "bad.ts": PROCESS_USER.replace("args: [7]", 'args: ["seven"]'),
  });
  const good = await consumer.deno("check", "good.ts");
  assertEquals(good.code, 0, good.stderr);
  const bad = await consumer.deno("check", "bad.ts");
  assertEquals(bad.code, 1);
  assertMatch(bad.stderr, /not assignable to type .*number/);
});
