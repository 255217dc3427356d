import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  ConnectionLostError,
  Event,
  LifoQueue,
  type Namespace,
  PriorityQueue,
  Queue,
  SharedDict,
  type SharedList,
} from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { settle } from "../support/settle.ts";
import { beginAndStay, own, takeAll, writePairs } from "./shared_data_targets.ts";

/** Processes that are killed while they use shared data, or while others use theirs. */

const MODULE = import.meta.resolve("./shared_data_targets.ts");

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  const reach = async (): Promise<void> => {
    while (!await isSo()) await settle();
  };
  await guard(reach(), () => what);
}

leakTest("SharedDict: a process that is killed leaves no call half done", async () => {
  for (let round = 0; round < 3; round++) {
    await using dict = new SharedDict<string, number>();
    await using started = new Event();
    const args: Parameters<typeof writePairs> = [dict, started];
    await using killed = new Process({ module: MODULE, target: writePairs, args });
    await using other = new Process({ module: MODULE, target: writePairs, args });
    await Promise.all([killed.start(), other.start()]);
    await started.wait();
    killed.kill();
    await killed.join();
    const before = (await dict.get("computed"))!;
    // The other one goes on.
    await until(async () => (await dict.get("computed"))! > before + 20, "the other process");
    const { left, right } = Object.fromEntries(await dict.entries());
    assertEquals(left, right);
    other.kill();
  }
});

leakTest(
  "SharedDict forgets the iteration and the change of a process that is killed",
  async () => {
    await using dict = new SharedDict<string, unknown>();
    await dict.update(Array.from({ length: 5_000 }, (_, i): [string, number] => [`${i}`, i]));
    await using started = new Event();
    const args: Parameters<typeof beginAndStay> = [dict, started];
    await using child = new Process({ module: MODULE, target: beginAndStay, args });
    await child.start();
    await Promise.race([started.wait(), child.result()]);
    assertEquals(await dict.statistics(), { size: 5_000, iterating: 1 });
    child.kill();
    await until(async () => (await dict.statistics()).iterating === 0, "the iteration to end");
    assertEquals(await dict.compute("0", (value) => [value]), [0]);
  },
);

leakTest("Shared data of a process that is killed ends calls, iterations and waits", async () => {
  await using objects = new Queue<object[]>();
  const args: Parameters<typeof own> = [objects];
  await using owner = new Process({ module: MODULE, target: own, args, permissions: "inherit" });
  await owner.start();
  const [dict, list, namespace, queue] = await objects.get() as [
    SharedDict<number, number>,
    SharedList<number>,
    Namespace<{ a: number }>,
    PriorityQueue<number>,
  ];
  const iterator = dict[Symbol.asyncIterator]();
  await iterator.next();
  assertEquals([await list.at(0), await namespace.get("a"), await queue.qsize()], [1, 1, 0]);
  const waiting = assertRejects(() => queue.get(), ConnectionLostError);
  // Each calls again and again, so that it is in the midst of a call.
  const calls = [
    () => dict.set(1, 2),
    () => dict.compute(1, () => 2),
    () => dict.add(1, 2),
    () => dict.entries(),
    () => list.push(2),
    () => namespace.set("a", 2),
    () => queue.qsize(),
  ].map((call) =>
    assertRejects(async () => {
      for (;;) await call();
    }, ConnectionLostError)
  );
  while (await list.length() < 20);
  owner.kill();
  await Promise.all([...calls, waiting]);
  await assertRejects(async () => {
    for await (const _ of iterator);
  }, ConnectionLostError);
  // And these come too late.
  for (const call of [() => dict.get(1), () => list.length(), () => namespace.has("a")]) {
    const error = await assertRejects(call, Error);
    assert(error instanceof ConnectionLostError, String(error));
  }
  await Promise.all([dict, list, namespace, queue].map((object) => object.close()));
});

for (const QueueClass of [LifoQueue, PriorityQueue]) {
  leakTest(`ipc.${QueueClass.name} loses at most what a killed process had taken`, async () => {
    await using queue = new QueueClass<number>();
    await using taken = new Queue<number>();
    const args = [queue as LifoQueue<number>, taken] as Parameters<typeof takeAll>;
    await using child = new Process({ module: MODULE, target: takeAll, args });
    await child.start();
    const count = 3_000;
    for (let i = 0; i < count; i++) await queue.put(i);
    for (let i = 0; i < 50; i++) await taken.get();
    child.kill();
    await child.join();
    const seen = new Set<number>();
    while (!await queue.empty()) {
      const item = await queue.get();
      assert(!seen.has(item), `${item} is there twice`);
      seen.add(item);
    }
    while (!await taken.empty()) seen.add(await taken.get());
    // It had at most one item that was neither in the one queue nor in the other.
    assert(seen.size >= count - 51, `${count - 50 - seen.size} items are lost`);
  });
}
