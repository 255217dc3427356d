import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { QueueEmptyError, QueueFullError, QueueShutDownError } from "../../coroutine/mod.ts";
import { ConnectionClosedError, LifoQueue, PriorityQueue, Queue } from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending, settle } from "../support/settle.ts";
import { putAndTake, putEach, work } from "./ordered_queue_targets.ts";

const MODULE = import.meta.resolve("./ordered_queue_targets.ts");

async function runChild<F extends (...args: never[]) => unknown>(
  target: F,
  args: Parameters<F>,
): Promise<Awaited<ReturnType<F>>> {
  await using child = new Process({ module: MODULE, target, args });
  await child.start();
  return await child.result();
}

leakTest("ipc.LifoQueue gives the newest item first, here and in a child", async () => {
  await using queue = new LifoQueue<unknown>();
  assertEquals(await putAndTake(queue, [1, 2, 3], 2), [3, 2]);
  assertEquals(await runChild(putAndTake, [queue, ["a", 5n, "c"], 2]), ["c", 5n]);
  assertEquals([await queue.get(), await queue.getNowait()], ["a", 1]);
  await assertRejects(() => queue.getNowait(), QueueEmptyError);
});

leakTest("ipc.PriorityQueue gives the smallest item first, here and in a child", async () => {
  await using queue = new PriorityQueue<unknown>();
  assertEquals(await putAndTake(queue, [3, 1, 2], 2), [1, 2]);
  assertEquals(await runChild(putAndTake, [queue, [5, -1, 4n, 0.5], 3]), [-1, 0.5, 3]);
  assertEquals([await queue.get(), await queue.get()], [4n, 5]);
  // Pairs by the first, then by the second; equal ones as they came.
  const pairs = [[2, "b"], [1, "z"], [2, "a"], [1, "a"]];
  assertEquals(await runChild(putAndTake, [queue, pairs, 4]), [
    [1, "a"],
    [1, "z"],
    [2, "a"],
    [2, "b"],
  ]);
});

leakTest("ipc.PriorityQueue is ordered by compare, which is called where it lives", async () => {
  let calls = 0;
  const compare = (a: { age: number }, b: { age: number }) => {
    calls++;
    return b.age - a.age;
  };
  await using queue = new PriorityQueue<{ age: number; name?: string }>(0, { compare });
  await queue.put({ age: 3, name: "first" });
  const items = [{ age: 5 }, { age: 3, name: "second" }, { age: 9 }];
  const taken = await runChild(putAndTake, [queue as PriorityQueue<unknown>, items, 3]);
  assertEquals(taken, [{ age: 9 }, { age: 5 }, { age: 3, name: "first" }]);
  assertEquals(await queue.get(), { age: 3, name: "second" });
  assertEquals(calls > 0, true);
});

leakTest("ipc.PriorityQueue refuses an item without an order, and puts the others", async () => {
  await using queue = new PriorityQueue<unknown>();
  const items = [1, "text", 3, { priority: 2 }, NaN, 2];
  const expected = ["put", "TypeError", "put", "TypeError", "TypeError", "put"];
  assertEquals(await runChild(putEach, [queue, items]), expected);
  assertEquals([await queue.get(), await queue.get(), await queue.get()], [1, 2, 3]);
  assertThrows(
    () => new PriorityQueue(0, { compare: "smallest" as never }),
    TypeError,
    '"compare" must be a function, got string',
  );
});

for (const QueueClass of [LifoQueue, PriorityQueue]) {
  const { name } = QueueClass;

  leakTest(`ipc.${name}.join() waits until other processes have reported all as done`, async () => {
    await using queue = new QueueClass<number>();
    for (const n of [1, 2, 3]) await queue.put(n);
    const joined = queue.join();
    await assertPending(joined);
    const order = QueueClass === LifoQueue ? [3, 2, 1] : [1, 2, 3];
    assertEquals(await runChild(work, [queue as PriorityQueue<number>]), order);
    await joined;
    await assertRejects(() => queue.taskDone(), RangeError);
  });

  leakTest(`ipc.${name} comes back as itself, and holds no more than its maxSize`, async () => {
    await using carrier = new Queue<object>();
    await using queue = new QueueClass<number>(1);
    await carrier.put(queue);
    assertStrictEquals(await carrier.get(), queue);
    assertInstanceOf(queue, Queue);
    await queue.put(1);
    await assertRejects(() => queue.putNowait(2), QueueFullError);
    const waiting = queue.put(2);
    await assertPending(waiting);
    assertEquals([await queue.get(), await queue.get()], [1, 2]);
    await waiting;
  });

  Deno.test(`ipc.${name} ends for everybody when it is closed`, async () => {
    const queue = new QueueClass<number>();
    const waiting = assertRejects(() => queue.get(), QueueShutDownError);
    await settle();
    await queue.close();
    await queue.close();
    await waiting;
    await assertRejects(() => queue.get(), ConnectionClosedError);
    assertThrows(() => new QueueClass(0.5), TypeError);
  });
}
