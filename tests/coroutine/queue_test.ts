import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  LifoQueue,
  PriorityQueue,
  Queue,
  QueueEmptyError,
  QueueFullError,
  QueueShutDownError,
  TimeoutError,
} from "../../coroutine/mod.ts";
import { assertPending, settle } from "../support/settle.ts";
import { createRandom } from "./_random.ts";

interface Kind {
  name: string;
  make(maxSize?: number): Queue<number>;
  /** In which order items leave that were put in this order. */
  order(items: number[]): number[];
}

const KINDS: Kind[] = [
  {
    name: "Queue",
    make: (maxSize) => new Queue<number>(maxSize),
    order: (items) => [...items],
  },
  {
    name: "LifoQueue",
    make: (maxSize) => new LifoQueue<number>(maxSize),
    order: (items) => items.toReversed(),
  },
  {
    name: "PriorityQueue",
    make: (maxSize) => new PriorityQueue<number>(maxSize),
    order: (items) => items.toSorted((a, b) => a - b),
  },
];

for (const kind of KINDS) testContract(kind);

/** The rules that all queues of the room share. */
function testContract({ name, make, order }: Kind): void {
  const REASON = new Error("enough");

  function fill(queue: Queue<number>, items: number[]): void {
    for (const item of items) queue.putNowait(item);
  }

  function drain(queue: Queue<number>): number[] {
    const items: number[] = [];
    while (!queue.empty()) items.push(queue.getNowait());
    return items;
  }

  // Without waiting

  Deno.test(`${name}.getNowait() takes an item [cpython: QueueGetTests.test_nonblocking_get]`, () => {
    const queue = make();
    queue.putNowait(1);
    assertEquals(queue.getNowait(), 1);
  });

  Deno.test(`${name}.getNowait() of an empty queue throws QueueEmptyError [cpython: QueueGetTests.test_nonblocking_get_exception]`, () => {
    assertThrows(() => make().getNowait(), QueueEmptyError, "queue is empty");
  });

  Deno.test(`${name}.putNowait() puts an item [cpython: QueuePutTests.test_nonblocking_put]`, () => {
    const queue = make();
    queue.putNowait(1);
    assertEquals([queue.qsize(), queue.getNowait()], [1, 1]);
  });

  Deno.test(`${name}.putNowait() into a full queue throws QueueFullError [cpython: QueuePutTests.test_nonblocking_put_exception]`, () => {
    const queue = make(2);
    fill(queue, [1, 2]);
    assertThrows(() => queue.putNowait(3), QueueFullError, "queue holds 2 of 2 items");
    assertEquals(drain(queue), order([1, 2]));
  });

  Deno.test(`${name} puts and gets without waiting when it can [cpython: QueuePutTests.test_blocking_put, QueueGetTests.test_blocking_get]`, async () => {
    const queue = make(1);
    await queue.put(1);
    assertEquals(await queue.get(), 1);
  });

  Deno.test(`${name} gives the items in its order [cpython: BaseQueueTestMixin.test_basic]`, async () => {
    const queue = make(4);
    for (const item of [3, 1, 4, 2]) await queue.put(item);
    const taken: number[] = [];
    for (let i = 0; i < 4; i++) taken.push(await queue.get());
    assertEquals(taken, order([3, 1, 4, 2]));
  });

  Deno.test(`${name} carries undefined-like items as items`, async () => {
    const queue = name === "PriorityQueue"
      ? new PriorityQueue<unknown>(0, { compare: () => 0 })
      : make() as Queue<unknown>;
    for (const item of [undefined, null, 0, ""]) {
      queue.putNowait(item);
      assertEquals(queue.qsize(), 1);
      assertStrictEquals(await queue.get(), item);
      assert(queue.empty());
    }
    const waiting = queue.get();
    queue.putNowait(undefined);
    assertStrictEquals(await waiting, undefined);
  });

  Deno.test(`${name}.empty() and qsize() follow put and get [cpython: QueueBasicTests.test_empty]`, () => {
    const queue = make();
    assertEquals([queue.empty(), queue.qsize()], [true, 0]);
    queue.putNowait(1);
    assertEquals([queue.empty(), queue.qsize()], [false, 1]);
    queue.getNowait();
    assertEquals([queue.empty(), queue.qsize()], [true, 0]);
  });

  Deno.test(`${name}.full() is false without a limit and true at maxSize [cpython: QueueBasicTests.test_full]`, () => {
    const unlimited = make();
    fill(unlimited, [1, 2, 3]);
    assertEquals([unlimited.full(), unlimited.maxSize], [false, 0]);
    const limited = make(1);
    assertEquals([limited.full(), limited.maxSize], [false, 1]);
    limited.putNowait(1);
    assert(limited.full());
  });

  Deno.test(`${name} takes 0, a negative number and Infinity as no limit`, () => {
    for (const maxSize of [0, -1, -0, Infinity]) {
      const queue = make(maxSize);
      fill(queue, [1, 2, 3]);
      assertStrictEquals(queue.maxSize, 0);
      assert(!queue.full());
    }
  });

  Deno.test(`${name} refuses a maxSize that is no whole number [cpython: QueuePutTests.test_float_maxsize]`, () => {
    for (const maxSize of [1.5, NaN, -Infinity, "2", null, {}, true]) {
      assertThrows(() => make(maxSize as number), TypeError, '"maxSize" must be a whole number');
    }
  });

  // Waiting

  Deno.test(`${name}.put() waits while the queue is full [cpython: QueueBasicTests.test_maxsize, QueuePutTests.test_blocking_put_wait]`, async () => {
    const queue = make(2);
    await queue.put(1);
    await queue.put(2);
    const third = queue.put(3);
    await assertPending(third, "the third put");
    assertEquals(queue.qsize(), 2);
    const first = queue.getNowait();
    await third;
    assertEquals(queue.qsize(), 2);
    assertEquals([first, ...drain(queue)].toSorted(), [1, 2, 3]);
  });

  Deno.test(`${name}.get() waits for an item [cpython: QueueGetTests.test_blocking_get_wait]`, async () => {
    const queue = make();
    const waiting = queue.get();
    await assertPending(waiting, "get");
    await queue.put(7);
    assertEquals(await waiting, 7);
    assert(queue.empty());
  });

  Deno.test(`${name} serves those who wait to get in the order in which they came [cpython: QueuePutTests.test_put_with_waiting_getters]`, async () => {
    const queue = make();
    const getters = [queue.get(), queue.get(), queue.get()];
    fill(queue, [30, 10, 20]);
    assertEquals(await Promise.all(getters), [30, 10, 20]);
  });

  Deno.test(`${name} serves those who wait to put in the order in which they came [cpython: QueueGetTests.test_get_with_waiting_putters]`, async () => {
    const queue = make(1);
    queue.putNowait(9);
    const settled: number[] = [];
    const putters = [30, 10, 20].map((item) => queue.put(item).then(() => settled.push(item)));
    const taken: number[] = [];
    for (let i = 0; i < 4; i++) taken.push(await queue.get());
    await Promise.all(putters);
    assertEquals(taken, [9, 30, 10, 20]);
    assertEquals(settled, [30, 10, 20]);
  });

  Deno.test(`${name}.get() lets exactly one waiting put in [cpython: QueueGetTests.test_get_with_putters]`, async () => {
    const queue = make(1);
    queue.putNowait(1);
    const second = queue.put(2);
    const third = queue.put(3);
    assertEquals(await queue.get(), 1);
    await second;
    await assertPending(third, "the third put");
    assertEquals(queue.statistics().putting, 1);
    assertEquals([await queue.get(), await queue.get()], [2, 3]);
    await third;
  });

  Deno.test(`${name}.put() that comes later does not overtake one that waits`, async () => {
    const queue = make(1);
    queue.putNowait(1);
    const waiting = queue.put(2);
    assertThrows(() => queue.putNowait(3), QueueFullError);
    assertEquals(queue.getNowait(), 1);
    assertThrows(() => queue.putNowait(3), QueueFullError);
    await waiting;
    assertEquals(queue.getNowait(), 2);
  });

  Deno.test(`${name}.get() that comes later does not overtake one that waits`, async () => {
    const queue = make();
    const waiting = queue.get();
    queue.putNowait(1);
    assertThrows(() => queue.getNowait(), QueueEmptyError);
    const late = queue.get();
    queue.putNowait(2);
    assertEquals([await waiting, await late], [1, 2]);
  });

  Deno.test(`${name} with maxSize 1 does not stall [cpython: QueueGetTests.test_why_are_getters_waiting]`, async () => {
    const queue = make(1);
    const count = 50;
    const taken: number[] = [];
    await Promise.all([
      (async () => {
        for (let i = 0; i < count; i++) await queue.put(i);
      })(),
      (async () => {
        for (let i = 0; i < count; i++) taken.push(await queue.get());
      })(),
    ]);
    assertEquals(taken, Array.from({ length: count }, (_, i) => i));
  });

  Deno.test(`${name} lets every one of many producers finish [cpython: QueuePutTests.test_why_are_putters_waiting]`, async () => {
    const queue = make(2);
    const producers = Array.from({ length: 10 }, (_, i) => queue.put(i));
    const taken: number[] = [];
    for (let i = 0; i < 10; i++) taken.push(await queue.get());
    await Promise.all(producers);
    assertEquals(taken.toSorted((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  // Time limits

  Deno.test(`${name}.get() with timeoutMs 0 does not wait`, async () => {
    const queue = make();
    await assertRejects(() => queue.get({ timeoutMs: 0 }), QueueEmptyError);
    queue.putNowait(1);
    assertEquals(await queue.get({ timeoutMs: 0 }), 1);
    assertEquals(queue.statistics().getting, 0);
  });

  Deno.test(`${name}.put() with timeoutMs 0 does not wait`, async () => {
    const queue = make(1);
    await queue.put(1, { timeoutMs: 0 });
    await assertRejects(() => queue.put(2, { timeoutMs: 0 }), QueueFullError, "holds 1 of 1");
    assertEquals(drain(queue), [1]);
  });

  Deno.test(`${name}.get() that timed out has taken nothing [cpython: QueueGetTests.test_cancelled_getters_not_being_held_in_self_getters]`, async () => {
    const queue = make();
    await assertRejects(() => queue.get({ timeoutMs: 1 }), QueueEmptyError);
    assertEquals(queue.statistics().getting, 0);
    queue.putNowait(1);
    assertEquals(queue.getNowait(), 1);
  });

  Deno.test(`${name}.put() that timed out has left nothing`, async () => {
    const queue = make(1);
    queue.putNowait(1);
    await assertRejects(() => queue.put(2, { timeoutMs: 1 }), QueueFullError);
    assertEquals(queue.statistics().putting, 0);
    assertEquals([drain(queue), queue.statistics().unfinished], [[1], 1]);
  });

  Deno.test(`${name} clears the timer of a wait that was granted`, async () => {
    // A timer that were left behind would be found by the sanitizer.
    const queue = make(1);
    const getting = queue.get({ timeoutMs: 60_000 });
    queue.putNowait(1);
    assertEquals(await getting, 1);
    queue.putNowait(2);
    const putting = queue.put(3, { timeoutMs: 60_000 });
    queue.getNowait();
    await putting;
    const joining = queue.join({ timeoutMs: 60_000 });
    for (let i = 0; i < 3; i++) queue.taskDone();
    await joining;
  });

  Deno.test(`${name} takes a time limit beyond 24 days as none`, async () => {
    const queue = make();
    const waiting = queue.get({ timeoutMs: 2 ** 31 });
    await assertPending(waiting, "get");
    queue.putNowait(1);
    assertEquals(await waiting, 1);
  });

  Deno.test(`${name} refuses a bad timeoutMs, also when nothing has to wait [cpython: BaseQueueTestMixin.test_negative_timeout_raises_exception]`, async () => {
    for (const [timeoutMs, expected] of [[-1, RangeError], [NaN, RangeError], ["1", TypeError]]) {
      const bad = { timeoutMs: timeoutMs as number };
      const errorClass = expected as new () => Error;
      const queue = make(2);
      queue.putNowait(1);
      await assertRejects(() => queue.get(bad), errorClass, '"timeoutMs" must be');
      await assertRejects(() => queue.put(2, bad), errorClass, '"timeoutMs" must be');
      queue.getNowait();
      queue.taskDone();
      await assertRejects(() => queue.join(bad), errorClass, '"timeoutMs" must be');
      assertEquals(queue.statistics().size, 0);
    }
  });

  // Signals

  Deno.test(`${name} looks at an aborted signal first, even when the result is there`, async () => {
    const queue = make();
    queue.putNowait(1);
    const signal = AbortSignal.abort(REASON);
    assertStrictEquals(await assertRejects(() => queue.get({ signal })), REASON);
    assertStrictEquals(await assertRejects(() => queue.put(2, { signal })), REASON);
    assertStrictEquals(await assertRejects(() => queue.join({ signal })), REASON);
    assertEquals(drain(queue), [1]);
  });

  Deno.test(`${name}.get() that was cancelled has taken nothing`, async () => {
    const queue = make();
    const controller = new AbortController();
    const waiting = queue.get({ signal: controller.signal });
    await assertPending(waiting, "get");
    controller.abort(REASON);
    assertStrictEquals(await assertRejects(() => waiting), REASON);
    assertEquals(queue.statistics().getting, 0);
    queue.putNowait(1);
    assertEquals(drain(queue), [1]);
  });

  Deno.test(`${name}.put() that was cancelled has left nothing [cpython: QueuePutTests.test_cancelled_puts_not_being_held_in_self_putters]`, async () => {
    const queue = make(1);
    queue.putNowait(1);
    const controller = new AbortController();
    const waiting = queue.put(2, { signal: controller.signal });
    await assertPending(waiting, "put");
    controller.abort(REASON);
    assertStrictEquals(await assertRejects(() => waiting), REASON);
    const { putting, unfinished } = queue.statistics();
    assertEquals([putting, unfinished, drain(queue)], [0, 1, [1]]);
  });

  Deno.test(`${name} ignores a signal that aborts after the wait`, async () => {
    const queue = make(1);
    const controller = new AbortController();
    const { signal } = controller;
    const getting = queue.get({ signal });
    queue.putNowait(1);
    assertEquals(await getting, 1);
    queue.putNowait(2);
    const putting = queue.put(3, { signal });
    assertEquals(queue.getNowait(), 2);
    await putting;
    controller.abort(REASON);
    await settle();
    assertEquals(drain(queue), [3]);
  });

  Deno.test(`${name}.get() that was granted before the abort keeps its item [cpython: QueuePutTests.test_get_cancel_drop_one_pending_reader]`, async () => {
    const queue = make();
    const controller = new AbortController();
    const getting = queue.get({ signal: controller.signal });
    queue.putNowait(1);
    controller.abort(REASON);
    assertEquals(await getting, 1);
    assert(queue.empty());
  });

  Deno.test(`${name}.put() that was let in before the abort stays in [cpython: QueuePutTests.test_put_cancel_drop, QueuePutTests.test_cancelled_put_silence_value_error_exception]`, async () => {
    const queue = make(1);
    queue.putNowait(1);
    const controller = new AbortController();
    const putting = queue.put(2, { signal: controller.signal });
    assertEquals(queue.getNowait(), 1);
    controller.abort(REASON);
    await putting;
    assertEquals(drain(queue), [2]);
  });

  Deno.test(`${name}.get() that was aborted before the put gets nothing, in the same tick`, async () => {
    const queue = make();
    const controller = new AbortController();
    const getting = queue.get({ signal: controller.signal });
    controller.abort(REASON);
    queue.putNowait(1);
    assertStrictEquals(await assertRejects(() => getting), REASON);
    assertEquals(drain(queue), [1]);
  });

  Deno.test(`${name} hands the item of a cancelled get to the next one [cpython: QueueGetTests.test_get_cancelled_race, QueuePutTests.test_get_cancel_drop_many_pending_readers]`, async () => {
    const queue = make();
    const controller = new AbortController();
    const first = queue.get();
    const second = queue.get({ signal: controller.signal });
    const third = queue.get();
    controller.abort(REASON);
    fill(queue, [1, 2]);
    assertEquals(await Promise.all([first, third]), [1, 2]);
    await assertRejects(() => second);
    assertEquals(queue.statistics().getting, 0);
  });

  Deno.test(`${name} lets in the others when a put between them was cancelled [cpython: QueuePutTests.test_put_cancelled_race]`, async () => {
    const queue = make(1);
    queue.putNowait(1);
    const controller = new AbortController();
    const second = queue.put(2);
    const third = queue.put(3, { signal: controller.signal });
    const fourth = queue.put(4);
    controller.abort(REASON);
    const taken = [await queue.get(), await queue.get(), await queue.get()];
    assertEquals(taken, [1, 2, 4]);
    await Promise.all([second, fourth]);
    await assertRejects(() => third);
    assert(queue.empty());
  });

  Deno.test(`${name}.put() in flight ends when its item is taken [cpython: QueuePutTests.test_put_cancelled]`, async () => {
    const queue = make(1);
    queue.putNowait(0);
    const putting = queue.put(1).then(() => true);
    assertEquals([await queue.get(), await queue.get()], [0, 1]);
    assert(await putting);
  });

  Deno.test(`${name} leaves no listener on a signal, however the wait ends`, async () => {
    const controller = new AbortController();
    const { signal } = controller;
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = function (...args: unknown[]): void {
      listeners++;
      addEventListener.apply(signal, args as Parameters<typeof addEventListener>);
    };
    signal.removeEventListener = function (...args: unknown[]): void {
      listeners--;
      removeEventListener.apply(signal, args as Parameters<typeof removeEventListener>);
    };
    const queue = make(1);
    const granted = queue.get({ signal });
    assertEquals(listeners, 1);
    queue.putNowait(1);
    await granted;
    assertEquals(listeners, 0);
    await assertRejects(() => queue.get({ signal, timeoutMs: 1 }), QueueEmptyError);
    assertEquals(listeners, 0);
    queue.putNowait(2);
    const put = queue.put(3, { signal });
    const join = queue.join({ signal });
    assertEquals(listeners, 2);
    controller.abort(REASON);
    await assertRejects(() => put);
    await assertRejects(() => join);
    assertEquals(listeners, 0);
  });

  Deno.test(`${name} lets many getters leave from anywhere in the line`, async () => {
    const queue = make();
    const count = 100_000;
    const middle: AbortController[] = [];
    const getters = Array.from({ length: count }, (_, i) => {
      if (i < count / 4 || i >= count * 3 / 4) return queue.get();
      const own = new AbortController();
      middle.push(own);
      return queue.get({ signal: own.signal }).catch((error) => {
        assertStrictEquals(error, REASON);
        return -1;
      });
    });
    assertEquals(queue.statistics().getting, count);
    for (const own of middle) own.abort(REASON);
    assertEquals(queue.statistics().getting, count / 2);
    for (let i = 0; i < count / 2; i++) queue.putNowait(i);
    const got = await Promise.all(getters);
    assertEquals(got.filter((item) => item === -1).length, count / 2);
    assert(got.filter((item) => item !== -1).every((item, i) => item === i));
    assertEquals([queue.statistics().getting, queue.qsize()], [0, 0]);
  });

  // taskDone and join

  Deno.test(`${name}.taskDone() more often than items were put throws [cpython: _QueueJoinTestMixin.test_task_done_underflow]`, () => {
    const queue = make();
    assertThrows(() => queue.taskDone(), RangeError, "no item of this queue is unfinished");
    queue.putNowait(1);
    queue.taskDone();
    assertThrows(() => queue.taskDone(), RangeError);
  });

  Deno.test(`${name}.join() of an unused queue ends at once, twice [cpython: _QueueJoinTestMixin.test_join_empty_queue]`, async () => {
    const queue = make();
    await queue.join();
    await queue.join({ timeoutMs: 0 });
  });

  Deno.test(`${name}.join() waits until two workers have done 100 items [cpython: _QueueJoinTestMixin.test_task_done]`, async () => {
    const queue = make();
    for (let i = 0; i < 100; i++) queue.putNowait(i);
    let sum = 0;
    const workers = [1, 2].map(async () => {
      for await (const item of queue) {
        await Promise.resolve();
        sum += item;
        queue.taskDone();
      }
    });
    await queue.join();
    assertEquals(sum, 4950);
    queue.shutdown();
    await Promise.all(workers);
  });

  Deno.test(`${name}.join() waits for items that nobody took, and for those that were taken`, async () => {
    const queue = make();
    fill(queue, [1, 2]);
    const joins = [queue.join(), queue.join()];
    queue.getNowait();
    queue.taskDone();
    await assertPending(joins[0]!, "join");
    queue.getNowait();
    await assertPending(joins[1]!, "join");
    assertEquals(queue.statistics().joining, 2);
    queue.taskDone();
    await Promise.all(joins);
    assertEquals(queue.statistics().joining, 0);
  });

  Deno.test(`${name}.join() can be used again`, async () => {
    const queue = make();
    for (let round = 0; round < 3; round++) {
      queue.putNowait(round);
      const joining = queue.join();
      await assertPending(joining, "join");
      queue.getNowait();
      queue.taskDone();
      await joining;
    }
  });

  Deno.test(`${name}.join() counts an item that went straight to one who waited`, async () => {
    const queue = make();
    const getting = queue.get();
    queue.putNowait(1);
    await getting;
    const joining = queue.join();
    await assertPending(joining, "join");
    queue.taskDone();
    await joining;
  });

  Deno.test(`${name}.join() that took too long throws TimeoutError`, async () => {
    const queue = make();
    queue.putNowait(1);
    await assertRejects(() => queue.join({ timeoutMs: 0 }), TimeoutError, "1 items are unfinished");
    await assertRejects(() => queue.join({ timeoutMs: 1 }), TimeoutError, "after 1 ms");
    assertEquals(queue.statistics().joining, 0);
  });

  Deno.test(`${name}.join() can be cancelled`, async () => {
    const queue = make();
    queue.putNowait(1);
    const controller = new AbortController();
    const cancelled = queue.join({ signal: controller.signal });
    const other = queue.join();
    controller.abort(REASON);
    assertStrictEquals(await assertRejects(() => cancelled), REASON);
    await assertPending(other, "the other join");
    queue.taskDone();
    await other;
  });

  // Shutdown

  Deno.test(`${name}.shutdown() of an empty queue fails those who wait to get, and all later calls [cpython: _QueueShutdownTestMixin.test_shutdown_empty, BaseQueueTestMixin.test_shutdown_pending_get]`, async () => {
    const queue = make();
    const waiting = [queue.get(), queue.get({ timeoutMs: 60_000 })];
    queue.shutdown();
    for (const get of waiting) await assertRejects(() => get, QueueShutDownError, "get from queue");
    await assertRejects(() => queue.get(), QueueShutDownError);
    await assertRejects(() => queue.get({ timeoutMs: 0 }), QueueShutDownError);
    assertThrows(() => queue.getNowait(), QueueShutDownError);
    await assertRejects(() => queue.put(1), QueueShutDownError, "put into queue");
    assertThrows(() => queue.putNowait(1), QueueShutDownError);
    await queue.join();
  });

  Deno.test(`${name}.shutdown() leaves what is held to be taken [cpython: _QueueShutdownTestMixin.test_shutdown_nonempty]`, async () => {
    const queue = make(2);
    fill(queue, [2, 1]);
    const putting = queue.put(3);
    queue.shutdown();
    await assertRejects(() => putting, QueueShutDownError, "put into queue");
    const joining = queue.join();
    assertEquals([await queue.get(), queue.getNowait()], order([2, 1]));
    await assertRejects(() => queue.get(), QueueShutDownError);
    assertThrows(() => queue.getNowait(), QueueShutDownError);
    queue.taskDone();
    await assertPending(joining, "join");
    queue.taskDone();
    await joining;
  });

  Deno.test(`${name}.shutdown() at once throws away what is held and ends join [cpython: _QueueShutdownTestMixin.test_shutdown_immediate, BaseQueueTestMixin.test_shutdown_immediate_join]`, async () => {
    const queue = make();
    fill(queue, [1, 2]);
    const joining = queue.join();
    queue.shutdown({ immediate: true });
    await joining;
    assertEquals([queue.qsize(), queue.empty(), queue.statistics().unfinished], [0, true, 0]);
    assertThrows(() => queue.getNowait(), QueueShutDownError);
    await assertRejects(() => queue.get(), QueueShutDownError);
    await assertRejects(() => queue.put(1), QueueShutDownError);
    assertThrows(() => queue.taskDone(), RangeError);
  });

  Deno.test(`${name}.shutdown() at once leaves join waiting for what was taken [cpython: _QueueShutdownTestMixin.test_shutdown_immediate_with_unfinished]`, async () => {
    const queue = make();
    fill(queue, [1, 2, 3]);
    queue.getNowait();
    queue.shutdown({ immediate: true });
    const joining = queue.join();
    await assertPending(joining, "join");
    queue.taskDone();
    await joining;
    assertThrows(() => queue.taskDone(), RangeError);
  });

  Deno.test(`${name}.shutdown() at once fails everybody who waits [cpython: BaseQueueTestMixin.test_shutdown_immediate_put_join, BaseQueueTestMixin.test_shutdown_immediate_get]`, async () => {
    const full = make(1);
    full.putNowait(1);
    const putters = [full.put(2), full.put(3)];
    full.shutdown({ immediate: true });
    for (const put of putters) await assertRejects(() => put, QueueShutDownError);
    const empty = make();
    const getters = [empty.get(), empty.get()];
    empty.shutdown({ immediate: true });
    for (const get of getters) await assertRejects(() => get, QueueShutDownError);
    assertEquals([full.statistics().putting, empty.statistics().getting], [0, 0]);
  });

  Deno.test(`${name}.shutdown() may be called again, in either form [cpython: BaseQueueTestMixin.test_shutdown_allowed_transitions]`, () => {
    const queue = make();
    fill(queue, [1, 2]);
    queue.shutdown();
    queue.shutdown();
    assertEquals(queue.qsize(), 2);
    queue.shutdown({ immediate: true });
    assertEquals(queue.qsize(), 0);
    queue.shutdown();
    queue.shutdown({ immediate: true });
    assertThrows(() => queue.putNowait(1), QueueShutDownError);
  });

  Deno.test(`${name}.shutdown() in the midst of writers and readers ends all of them [cpython: BaseQueueTestMixin.test_shutdown_all_methods_in_many_threads]`, async () => {
    const queue = make(8);
    let put = 0;
    const taken: number[] = [];
    const writers = Array.from({ length: 4 }, async () => {
      try {
        for (;;) {
          await queue.put(put + 1);
          if (++put === 2_000) queue.shutdown();
        }
      } catch (error) {
        assertInstanceOf(error, QueueShutDownError);
      }
    });
    const readers = Array.from({ length: 6 }, async () => {
      for await (const item of queue) taken.push(item);
    });
    await Promise.all([...writers, ...readers]);
    assertEquals(taken.length, queue.statistics().unfinished);
    assertEquals([queue.qsize(), queue.statistics().putting], [0, 0]);
  });

  // Iteration and statistics

  Deno.test(`${name} iterates until it is shut down and empty`, async () => {
    const queue = make();
    fill(queue, [2, 1]);
    const taken: number[] = [];
    const consumer = (async () => {
      for await (const item of queue) taken.push(item);
    })();
    await assertPending(consumer, "the loop");
    queue.putNowait(3);
    await settle();
    queue.shutdown();
    await consumer;
    assertEquals(taken, [...order([2, 1]), 3]);
  });

  Deno.test(`${name} keeps what a loop that was left did not take`, async () => {
    const queue = make();
    fill(queue, [1, 2, 3]);
    for await (const item of queue) {
      assertEquals(item, order([1, 2, 3])[0]);
      break;
    }
    assertEquals(drain(queue), order([1, 2, 3]).slice(1));
  });

  Deno.test(`${name}.statistics() tells how much is held and who waits`, async () => {
    const queue = make(1);
    const getting = queue.get();
    assertEquals(queue.statistics(), {
      size: 0,
      maxSize: 1,
      unfinished: 0,
      getting: 1,
      putting: 0,
      joining: 0,
    });
    queue.putNowait(1);
    await getting;
    queue.putNowait(2);
    const putting = queue.put(3);
    const joining = queue.join();
    assertEquals(queue.statistics(), {
      size: 1,
      maxSize: 1,
      unfinished: 2,
      getting: 0,
      putting: 1,
      joining: 1,
    });
    queue.getNowait();
    await putting;
    for (let i = 0; i < 3; i++) queue.taskDone();
    await joining;
  });

  Deno.test(`${name} gives a million items in order`, () => {
    const queue = make();
    const count = 1_000_000;
    for (let i = 0; i < count; i++) queue.putNowait(i);
    assertEquals(queue.qsize(), count);
    const [first] = order([0, count - 1]);
    const step = first === 0 ? 1 : -1;
    let expected = first!;
    let wrong = 0;
    while (!queue.empty()) {
      if (queue.getNowait() !== expected) wrong++;
      expected += step;
    }
    assertEquals(wrong, 0);
    // It can be used as before.
    fill(queue, [5, 4, 6]);
    assertEquals(drain(queue), order([5, 4, 6]));
  });

  Deno.test(`${name} does what its stupid twin does`, () => {
    const random = createRandom(20_260_801);
    for (let round = 0; round < 30; round++) {
      const maxSize = Math.floor(random() * 40);
      const queue = make(maxSize);
      const twin: number[] = [];
      for (let step = 0; step < 400; step++) {
        // First it grows, then it shrinks, so that the store does both.
        if (random() < (step < 250 ? 0.65 : 0.3)) {
          const item = Math.floor(random() * 50);
          if (maxSize > 0 && twin.length >= maxSize) {
            assertThrows(() => queue.putNowait(item), QueueFullError);
          } else {
            queue.putNowait(item);
            twin.push(item);
          }
        } else if (twin.length === 0) {
          assertThrows(() => queue.getNowait(), QueueEmptyError);
        } else {
          const [next] = order(twin);
          assertEquals(queue.getNowait(), next);
          twin.splice(name === "LifoQueue" ? twin.length - 1 : twin.indexOf(next!), 1);
        }
        assertEquals(queue.qsize(), twin.length);
      }
      assertEquals(drain(queue), order(twin));
    }
  });
}

// Orders

Deno.test("Queue gives first what was put first [cpython: QueueBasicTests.test_order]", () => {
  const queue = new Queue<number>();
  for (const item of [1, 3, 2]) queue.putNowait(item);
  assertEquals([queue.getNowait(), queue.getNowait(), queue.getNowait()], [1, 3, 2]);
});

Deno.test("LifoQueue gives first what was put last [cpython: LifoQueueTests.test_order]", () => {
  const queue = new LifoQueue<number>();
  for (const item of [1, 3, 2]) queue.putNowait(item);
  assertEquals([queue.getNowait(), queue.getNowait(), queue.getNowait()], [2, 3, 1]);
});

Deno.test("PriorityQueue gives first what is smallest [cpython: PriorityQueueTests.test_order]", () => {
  const queue = new PriorityQueue<number>();
  for (const item of [1, 3, 2]) queue.putNowait(item);
  assertEquals([queue.getNowait(), queue.getNowait(), queue.getNowait()], [1, 2, 3]);
});

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
