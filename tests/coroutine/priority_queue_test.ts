import { assert, assertEquals, assertLess, assertRejects, assertThrows } from "@std/assert";
import { PriorityQueue } from "../../coroutine/mod.ts";
import { createRandom } from "./_random.ts";

// What it has in common with the other queues is tested in queue_test.ts.

Deno.test("PriorityQueue gives equal items in the order in which they were put", () => {
  const queue = new PriorityQueue<{ priority: number; turn: number }>(0, {
    compare: (a, b) => a.priority - b.priority,
  });
  const random = createRandom(7);
  const items = Array.from({ length: 500 }, (_, turn) => ({
    priority: Math.floor(random() * 5),
    turn,
  }));
  for (const item of items) queue.putNowait(item);
  const taken = items.map(() => queue.getNowait());
  assertEquals(taken, items.toSorted((a, b) => a.priority - b.priority));
});

Deno.test("PriorityQueue compares arrays element by element, and the shorter first", () => {
  const queue = new PriorityQueue<unknown[]>();
  const sorted = [[], [1], [1, "a"], [1, "a", 0], [1, "b"], [2], [2, [1]], [2, [1, 2]], [2, [2]]];
  for (const item of [...sorted.slice(4), ...sorted.slice(0, 4)]) queue.putNowait(item);
  assertEquals(sorted.map(() => queue.getNowait()), sorted);
});

Deno.test("PriorityQueue orders numbers, bigints and booleans among each other, dates and strings", () => {
  const numeric = new PriorityQueue<number | bigint | boolean>();
  for (const item of [3, 2n, true, -Infinity, 2.5, false]) numeric.putNowait(item);
  const taken: unknown[] = [];
  while (!numeric.empty()) taken.push(numeric.getNowait());
  assertEquals(taken, [-Infinity, false, true, 2n, 2.5, 3]);
  const dates = new PriorityQueue<Date>();
  for (const item of [new Date(2), new Date(1)]) dates.putNowait(item);
  assertEquals(dates.getNowait(), new Date(1));
  const strings = new PriorityQueue<string>();
  for (const item of ["b", "B", "a"]) strings.putNowait(item);
  assertEquals([strings.getNowait(), strings.getNowait()], ["B", "a"]);
});

Deno.test("PriorityQueue takes its order from the option compare", async () => {
  const queue = new PriorityQueue<string>(1, { compare: (a, b) => b.length - a.length });
  queue.putNowait("x");
  const waiting = [queue.put("yy"), queue.put("zzz")];
  assertEquals([await queue.get(), await queue.get(), await queue.get()], ["x", "yy", "zzz"]);
  await Promise.all(waiting);
  const free = new PriorityQueue<string>(0, { compare: (a, b) => b.length - a.length });
  for (const item of ["yy", "x", "zzz"]) free.putNowait(item);
  assertEquals(free.getNowait(), "zzz");
});

Deno.test("PriorityQueue needs few comparisons, however many items it holds", () => {
  let comparisons = 0;
  const queue = new PriorityQueue<number>(0, {
    compare: (a, b) => {
      comparisons++;
      return a - b;
    },
  });
  const count = 2 ** 16;
  const random = createRandom(3);
  for (let i = 0; i < count; i++) queue.putNowait(random());
  assertLess(comparisons, 4 * count);
  comparisons = 0;
  let before = -1;
  for (let i = 0; i < count; i++) {
    const item = queue.getNowait();
    assert(item >= before);
    before = item;
  }
  assertLess(comparisons, 2 * count * 17);
});

Deno.test("PriorityQueue refuses an item that has no order, and holds what it held [cpython: FailingQueueTest.test_failing_queue]", async () => {
  for (const bad of ["text", NaN, {}, null, undefined, [1], Symbol("s"), () => 1]) {
    const queue = new PriorityQueue<unknown>();
    for (const item of [2, 1]) queue.putNowait(item);
    assertThrows(() => queue.putNowait(bad), TypeError, 'give a "compare" option');
    await assertRejects(() => queue.put(bad), TypeError, "Cannot order");
    const { size, unfinished } = queue.statistics();
    assertEquals([size, unfinished], [2, 2]);
    assertEquals([queue.getNowait(), queue.getNowait()], [1, 2]);
  }
});

Deno.test("PriorityQueue fails the waiting put of an item that has no order, and lets in the next [cpython: FailingQueueTest.test_failing_queue]", async () => {
  const queue = new PriorityQueue<unknown>(2);
  for (const item of [1, 5]) queue.putNowait(item);
  const bad = queue.put("text");
  const good = queue.put(3);
  assertEquals(queue.getNowait(), 1);
  await assertRejects(() => bad, TypeError, "Cannot order");
  await good;
  const { size, unfinished, putting } = queue.statistics();
  assertEquals([size, unfinished, putting], [2, 3, 0]);
  assertEquals([queue.getNowait(), queue.getNowait()], [3, 5]);
});

Deno.test("PriorityQueue shows what it can when items have no order", () => {
  let isBroken = false;
  const queue = new PriorityQueue<number>(0, {
    compare: (a, b) => {
      if (isBroken) throw new Error("broken");
      return a - b;
    },
  });
  for (const item of [2, 1, 3]) queue.putNowait(item);
  isBroken = true;
  assertEquals(Deno.inspect(queue).startsWith("PriorityQueue { size: 3"), true);
});

Deno.test("PriorityQueue whose comparison throws in get loses nothing", () => {
  let isBroken = false;
  const queue = new PriorityQueue<number>(0, {
    compare: (a, b) => {
      if (isBroken) throw new Error("broken");
      return a - b;
    },
  });
  for (const item of [4, 2, 5, 1, 3]) queue.putNowait(item);
  isBroken = true;
  assertThrows(() => queue.getNowait(), Error, "broken");
  assertThrows(() => queue.putNowait(0), Error, "broken");
  isBroken = false;
  assertEquals(queue.qsize(), 5);
  const taken = Array.from({ length: 5 }, () => queue.getNowait());
  assertEquals(taken, [1, 2, 3, 4, 5]);
});
