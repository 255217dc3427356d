import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { QueueFullError, QueueShutDownError, spawn, TimeoutError } from "../../coroutine/mod.ts";
import { decode, encode } from "../../ipc/_encoding.ts";
import { ConnectionClosedError, JoinableQueue, Queue, SimpleQueue } from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { FakeTime } from "../support/fake_time.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending, settle } from "../support/settle.ts";
import { utf8 } from "./_bytes.ts";
import { putAndClose, putAndMeasure, putQuickly, squareAll } from "./queue_targets.ts";

const MODULE = import.meta.resolve("./queue_targets.ts");
const REASON = new Error("enough");

function cross<T extends object>(queue: T): T {
  const { encoding, payload } = encode([queue]);
  const bytes = typeof payload === "string" ? utf8(payload) : payload.slice();
  return (decode(encoding, bytes as Uint8Array<ArrayBuffer>) as T[])[0]!;
}

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  await guard(
    (async () => {
      while (!await isSo()) await settle();
    })(),
    () => what,
  );
}

// Many puts at a time

leakTest(
  "ipc.Queue keeps the order of puts that are not awaited one by one, whatever they are",
  async () => {
    await using queue = new Queue<unknown>();
    const count = 5_000;
    const args: Parameters<typeof putQuickly> = [queue, count];
    await using child = new Process({ module: MODULE, target: putQuickly, args });
    await child.start();
    for (let i = 0; i < count; i++) assertEquals(await queue.get(), i % 100 === 7 ? BigInt(i) : i);
    assertEquals([await child.join(), child.exitCode, await queue.empty()], [true, 0, true]);
  },
);

Deno.test("ipc.Queue holds no more than its maxSize, however fast items are put", async () => {
  await using queue = new Queue<number>(10);
  await using there = cross(queue);
  const count = 10_000;
  let inQueue = 0;
  const puts = Array.from({ length: count }, (_, i) => there.put(i).then(() => inQueue++));
  await until(async () => (await queue.statistics()).putting > 0, "the queue to be full");
  for (let i = 0; i < 20; i++) await settle();
  const { size, putting } = await queue.statistics();
  assertEquals([size, inQueue], [10, 0]);
  // What waits here are a few messages; the rest has not been sent.
  assert(putting <= 4 * 1_024, `${putting} items wait`);
  for (let i = 0; i < count; i++) assertEquals(await queue.get(), i);
  await Promise.all(puts);
});

Deno.test("ipc.Queue takes items as they were when they were put", async () => {
  await using queue = new Queue<number[]>();
  await using there = cross(queue);
  const item = [0];
  const puts = [there.put(item)];
  for (let i = 1; i < 5; i++) {
    item[0] = i;
    puts.push(there.put(item));
  }
  await Promise.all(puts);
  const items = await Promise.all(puts.map(() => queue.get()));
  assertEquals(items, [[0], [1], [2], [3], [4]]);
});

Deno.test("ipc.Queue tells each of many puts by itself that the queue was shut down", async () => {
  const queue = new Queue<number>(2);
  const there = cross(queue);
  await using another = new Queue<number>();
  // Another one keeps the port open.
  await using _ = cross(another);
  void encode(another);
  const puts = [1, 2, 3, 4].map((item) => there.put(item));
  const outcomes = Promise.allSettled(puts);
  await until(async () => (await queue.statistics()).putting === 2, "two puts to wait");
  await queue.close();
  const failed = (await outcomes).map((outcome) =>
    outcome.status === "rejected" ? (outcome.reason as Error).name : "in the queue"
  );
  assertEquals(failed.slice(0, 2), ["in the queue", "in the queue"]);
  for (const name of failed.slice(2)) {
    assert([QueueShutDownError.name, "ConnectionLostError"].includes(name), name);
  }
  await there.close();
});

Deno.test("ipc.Queue refuses an item among many that cannot be carried, and puts the others [cpython: _TestQueue.test_queue_feeder_donot_stop_onexc, _TestQueue.test_queue_feeder_on_queue_feeder_error]", async () => {
  await using queue = new Queue<unknown>();
  await using there = cross(queue);
  const outcomes = await Promise.allSettled([1, () => 1, 2, Symbol(), 3].map((x) => there.put(x)));
  assertEquals(outcomes.map(({ status }) => status === "fulfilled"), [
    true,
    false,
    true,
    false,
    true,
  ]);
  assertInstanceOf((outcomes[1] as PromiseRejectedResult).reason, TypeError);
  assertEquals([await queue.get(), await queue.get(), await queue.get()], [1, 2, 3]);
});

Deno.test("ipc.Queue.put() with a time limit does not overtake, and fails while others wait for a place", async () => {
  await using queue = new Queue<number>(1);
  await using there = cross(queue);
  const puts = [there.put(1), there.put(2)];
  await until(async () => (await queue.statistics()).putting === 1, "the second to wait");
  await assertRejects(() => there.put(3, { timeoutMs: 1 }), QueueFullError);
  await assertRejects(() => there.put(3, { timeoutMs: 0 }), QueueFullError);
  await assertRejects(() => there.put(3, { signal: AbortSignal.abort(REASON) }), Error, "enough");
  const late = there.put(3, { timeoutMs: 60_000 });
  await assertPending(late, "the third");
  assertEquals([await queue.get(), await queue.get(), await queue.get()], [1, 2, 3]);
  await Promise.all([...puts, late]);
});

Deno.test("ipc.Queue.put() in a task ends with the task, and leaves nothing", async () => {
  await using queue = new Queue<number>(1);
  await using there = cross(queue);
  await there.put(1);
  const task = spawn(() => there.put(2));
  await until(async () => (await queue.statistics()).putting === 1, "the put to wait");
  task.cancel();
  await assertRejects(async () => await task);
  await until(async () => (await queue.statistics()).putting === 0, "the put to be forgotten");
  assertEquals([await queue.get(), await queue.empty()], [1, true]);
});

leakTest("ipc.Queue in a child takes bounded memory for puts that nobody waits for", async () => {
  await using queue = new Queue<number>(100);
  const count = 200_000;
  const args: Parameters<typeof putAndMeasure> = [queue, count];
  await using child = new Process({ module: MODULE, target: putAndMeasure, args });
  await child.start();
  const result = child.result();
  let total = 0;
  for (let i = 0; i < count; i++) {
    total += await queue.get();
    if (i % 10_000 === 0) assert((await queue.statistics()).putting <= 4 * 1_024);
  }
  assertEquals(total, count * (count - 1) / 2);
  const bytes = await result / count;
  assert(bytes < 1_000, `${bytes} bytes for each put that waits`);
});

// Closing

leakTest(
  "ipc.Queue.close() waits for what was put without waiting, in the process that put it",
  async () => {
    await using queue = new Queue<number>();
    const args: Parameters<typeof putAndClose> = [queue, 20_000];
    await using child = new Process({ module: MODULE, target: putAndClose, args });
    await child.start();
    await child.join();
    assertEquals([child.exitCode, await queue.qsize()], [0, 20_000]);
  },
);

Deno.test("ipc.Queue.joinThread() waits for what was put", async () => {
  await using queue = new Queue<number>(1);
  await using there = cross(queue);
  await queue.joinThread();
  await there.joinThread();
  void there.put(1);
  void there.put(2);
  const joined = there.joinThread();
  await assertPending(joined, "joinThread");
  assertEquals(await queue.get(), 1);
  await joined;
  assertEquals(await queue.get(), 2);
});

Deno.test("ipc.Queue.close() after cancelJoinThread() waits for nothing", async () => {
  await using queue = new Queue<number>(1);
  const there = cross(queue);
  const puts = Promise.allSettled([there.put(1), there.put(2)]);
  await until(async () => (await queue.statistics()).putting === 1, "the second to wait");
  there.cancelJoinThread();
  await there.close();
  const [, second] = await puts;
  assertInstanceOf((second as PromiseRejectedResult).reason, ConnectionClosedError);
  await until(async () => (await queue.statistics()).putting === 0, "the put to be forgotten");
});

// Joinable and simple queues

leakTest(
  "ipc.JoinableQueue.join() waits until other processes have reported all as done [cpython: _TestQueue.test_task_done]",
  async () => {
    await using tasks = new JoinableQueue<number>();
    await using results = new SimpleQueue<number>();
    const args: Parameters<typeof squareAll> = [tasks, results];
    const start = () => new Process({ module: MODULE, target: squareAll, args });
    await using a = start();
    await using b = start();
    await Promise.all([a.start(), b.start()]);
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 10; n++) await tasks.put(n);
      await tasks.join();
      const squares = await Promise.all(Array.from({ length: 10 }, () => results.get()));
      assertEquals(squares.toSorted((x, y) => x - y), [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]);
    }
    a.terminate();
    b.terminate();
    await Promise.all([a.join(), b.join()]);
  },
);

Deno.test("ipc.JoinableQueue refuses more reports than items, here and there", async () => {
  await using queue = new JoinableQueue<number>();
  await using there = cross(queue);
  assertInstanceOf(there, JoinableQueue);
  await there.put(1);
  await assertRejects(() => there.join({ timeoutMs: 1 }), TimeoutError, "1 items are unfinished");
  await assertRejects(() => queue.join({ timeoutMs: 0 }), TimeoutError);
  assertEquals(await there.get(), 1);
  await there.taskDone();
  await there.join();
  await assertRejects(() => there.taskDone(), RangeError);
  await assertRejects(() => queue.taskDone(), RangeError);
});

Deno.test("ipc.SimpleQueue puts, gets and says whether it is empty [cpython: TestSimpleQueue.test_empty]", async () => {
  await using queue = new SimpleQueue<string>();
  await using there = cross(queue);
  assertInstanceOf(there, SimpleQueue);
  assertEquals([await queue.empty(), await there.empty()], [true, true]);
  await there.put("a");
  await queue.put("b");
  assertEquals([await queue.empty(), await there.empty()], [false, false]);
  assertEquals([await queue.get(), await there.get()], ["a", "b"]);
  const waiting = there.get();
  await queue.put("c");
  assertEquals(await waiting, "c");
});

Deno.test("ipc.SimpleQueue that is closed refuses everything, and may be closed again [cpython: TestSimpleQueue.test_close, TestSimpleQueue.test_closed, TestSimpleQueue.test_empty_exceptions]", async () => {
  const queue = new SimpleQueue<string>();
  await queue.close();
  await queue.close();
  for (const use of [() => queue.put("a"), () => queue.get(), () => queue.empty()]) {
    await assertRejects(use, ConnectionClosedError, "the queue is closed");
  }
});

leakTest(
  "ipc.Queue that holds items gives each of them once, also when a child puts more [cpython: _TestQueue.test_fork]",
  async () => {
    await using queue = new Queue<unknown>();
    for (let i = 0; i < 10; i++) await queue.put(i);
    const args: Parameters<typeof putQuickly> = [queue, 5];
    await using child = new Process({ module: MODULE, target: putQuickly, args });
    await child.start();
    await child.join();
    const items: unknown[] = [];
    while (!await queue.empty()) items.push(await queue.get());
    assertEquals(items, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4]);
  },
);

Deno.test("ipc.Queue.put() with a time limit comes after thousands that were put before", async () => {
  await using queue = new Queue<number>(10);
  await using there = cross(queue);
  const count = 10_000;
  const puts = Array.from({ length: count }, (_, i) => there.put(i));
  puts.push(there.put(count, { timeoutMs: 60_000 }));
  for (let i = 0; i <= count; i++) assertEquals(await queue.get(), i);
  await Promise.all(puts);
});

Deno.test("ipc.Queue that was shut down refuses each of many puts", async () => {
  await using other = new Queue<number>();
  await using keepsThePortOpen = cross(other);
  await keepsThePortOpen.put(1);
  const queue = new Queue<number>();
  const there = cross(queue);
  await there.put(0);
  await queue.close();
  const outcomes = await Promise.allSettled([1, 2, 3].map((item) => there.put(item)));
  for (const outcome of outcomes) {
    assertInstanceOf((outcome as PromiseRejectedResult).reason, QueueShutDownError);
  }
  await there.close();
});

// Their texts

Deno.test("ipc queues show how much they hold, where they live", async () => {
  await using joinable = new JoinableQueue<string>(3);
  await joinable.put("one");
  assertEquals(`${joinable}`, "JoinableQueue { size: 1, maxSize: 3, unfinished: 1 }");
  assertEquals(Deno.inspect(joinable), `${joinable}`);
  await using elsewhere = cross(joinable);
  assertEquals(Deno.inspect(elsewhere), "JoinableQueue { in another process }");
  await using simple = new SimpleQueue<string>();
  assertEquals(Deno.inspect(simple), "SimpleQueue { size: 0, maxSize: 0 }");
  await simple.close();
  assertEquals(`${simple}`, "SimpleQueue { closed }");
});

Deno.test("Queue.put() has one time limit, for its turn and for its place", async () => {
  using time = new FakeTime();
  await using queue = new Queue<number>(1);
  await using other = cross(queue);
  await queue.put(0);
  const before = other.put(1);
  await until(async () => (await queue.statistics()).putting === 1, "the first put to wait");
  const put = other.put(2, { timeoutMs: 1_000 });
  const failed = assertRejects(() => put, QueueFullError);
  await assertPending(put, "the put");
  await time.tick(900);
  assertEquals(await queue.get(), 0);
  await before;
  await until(async () => (await queue.statistics()).putting === 1, "the second put to wait");
  await time.tick(150);
  await settle();
  assertEquals((await queue.statistics()).putting, 0);
  await failed;
  assertEquals(await queue.get(), 1);
});
