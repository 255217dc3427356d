import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { QueueEmptyError, QueueFullError } from "../../coroutine/mod.ts";
import { assertPending, settle } from "../support/settle.ts";
import {
  call,
  drain,
  fill,
  orderOf,
  type QueueHandle,
  type QueueSubject,
  untilWaiting,
} from "./_queue_subject.ts";

const REASON = new Error("enough");

/**
 * The rules of every queue, wherever it is: put and get, limits, waiting, time limits and signals.
 *
 * @param name How the titles name the queue.
 * @param subject Makes the queues.
 */
export function queueContract(name: string, subject: QueueSubject<QueueHandle>): void {
  const order = (items: readonly number[]) => orderOf(subject.order, items);

  // Without waiting

  Deno.test(`${name}.getNowait() takes an item [cpython: QueueGetTests.test_nonblocking_get]`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    await queue.putNowait(1);
    assertEquals(await other.getNowait(), 1);
  });

  Deno.test(`${name}.getNowait() of an empty queue throws QueueEmptyError [cpython: QueueGetTests.test_nonblocking_get_exception]`, async () => {
    await using opened = await subject.open();
    const [queue] = opened.handles;
    await assertRejects(() => call(() => queue.getNowait()), QueueEmptyError, "queue is empty");
  });

  Deno.test(`${name}.putNowait() puts an item [cpython: QueuePutTests.test_nonblocking_put]`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    await queue.putNowait(1);
    assertEquals([await other.qsize(), await other.getNowait()], [1, 1]);
  });

  Deno.test(`${name}.putNowait() into a full queue throws QueueFullError [cpython: QueuePutTests.test_nonblocking_put_exception]`, async () => {
    await using opened = await subject.open({ maxSize: 2 });
    const [queue, other] = opened.handles;
    await fill(queue, [1, 2]);
    for (const handle of [queue, other]) {
      await assertRejects(
        () => call(() => handle.putNowait(3)),
        QueueFullError,
        "queue holds 2 of 2 items",
      );
    }
    assertEquals(await drain(queue), order([1, 2]));
  });

  Deno.test(`${name} takes what there is room for, and gives what it holds, without waiting [cpython: BaseQueueTestMixin.test_nowait]`, async () => {
    await using opened = await subject.open({ maxSize: 3 });
    const [queue, other] = opened.handles;
    for (let round = 0; round < 2; round++) {
      await fill(queue, [1, 2, 3]);
      await assertRejects(() => call(() => other.putNowait(4)), QueueFullError);
      for (const item of order([1, 2, 3])) assertEquals(await other.getNowait(), item);
      await assertRejects(() => call(() => other.getNowait()), QueueEmptyError);
    }
  });

  Deno.test(`${name} puts and gets without waiting when it can [cpython: QueuePutTests.test_blocking_put, QueueGetTests.test_blocking_get]`, async () => {
    await using opened = await subject.open({ maxSize: 1 });
    const [queue, other] = opened.handles;
    await queue.put(1);
    assertEquals(await other.get(), 1);
  });

  Deno.test(`${name} gives the items in its order`, async () => {
    await using opened = await subject.open({ maxSize: 4 });
    const [queue, other] = opened.handles;
    for (const item of [3, 1, 4, 2]) await queue.put(item);
    const taken: number[] = [];
    for (let i = 0; i < 4; i++) taken.push(await other.get());
    assertEquals(taken, order([3, 1, 4, 2]));
  });

  Deno.test(`${name}.empty() and qsize() follow put and get [cpython: QueueBasicTests.test_empty, _TestQueue.test_qsize]`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    const look = async () => [await other.empty(), await other.qsize()];
    assertEquals(await look(), [true, 0]);
    await queue.putNowait(1);
    assertEquals(await look(), [false, 1]);
    await queue.put(2);
    assertEquals(await look(), [false, 2]);
    await queue.getNowait();
    assertEquals(await look(), [false, 1]);
    await queue.get();
    assertEquals(await look(), [true, 0]);
  });

  Deno.test(`${name}.full() is false without a limit and true at maxSize [cpython: QueueBasicTests.test_full]`, async () => {
    await using opened = await subject.open();
    const [unlimited] = opened.handles;
    await fill(unlimited, [1, 2, 3]);
    assertEquals([await unlimited.full(), (await unlimited.statistics()).maxSize], [false, 0]);
    await using limited = await subject.open({ maxSize: 1 });
    const [queue, other] = limited.handles;
    assertEquals([await other.full(), (await other.statistics()).maxSize], [false, 1]);
    await queue.putNowait(1);
    assert(await other.full());
  });

  // Waiting

  Deno.test(`${name} keeps to its limit and its order in every form of put and get [cpython: BaseQueueTestMixin.test_basic, _TestQueue.test_put, _TestQueue.test_get]`, async () => {
    await using opened = await subject.open({ maxSize: 3 });
    const [queue, other] = opened.handles;
    for (let round = 0; round < 2; round++) {
      assertEquals(await queue.qsize(), 0);
      for (const item of [11, 33, 22]) await queue.put(item);
      assert(await queue.full());
      await assertRejects(() => queue.put(44, { timeoutMs: 0 }), QueueFullError);
      await assertRejects(() => queue.put(44, { timeoutMs: 1 }), QueueFullError);
      assertEquals(await drain(other), order([11, 33, 22]));
      await assertRejects(() => other.get({ timeoutMs: 0 }), QueueEmptyError);
      await assertRejects(() => other.get({ timeoutMs: 1 }), QueueEmptyError);
      for (const options of [{}, { timeoutMs: 60_000 }]) {
        await fill(queue, [1, 2, 3]);
        const putting = queue.put(4, options);
        await untilWaiting(other, "putting", 1);
        const taken = await other.get();
        await putting;
        assertEquals([taken, ...await drain(other)].toSorted(), [1, 2, 3, 4]);
        const getting = queue.get(options);
        await untilWaiting(other, "getting", 1);
        await other.put(5);
        assertEquals([await getting, await queue.empty()], [5, true]);
      }
    }
  });

  Deno.test(`${name}.put() waits while the queue is full [cpython: QueueBasicTests.test_maxsize, QueuePutTests.test_blocking_put_wait]`, async () => {
    await using opened = await subject.open({ maxSize: 2 });
    const [queue, other] = opened.handles;
    await queue.put(1);
    await queue.put(2);
    const third = queue.put(3);
    await untilWaiting(other, "putting", 1);
    await assertPending(third, "the third put");
    assertEquals(await queue.qsize(), 2);
    const first = await other.getNowait();
    await third;
    assertEquals(await queue.qsize(), 2);
    assertEquals([first, ...await drain(queue)].toSorted(), [1, 2, 3]);
  });

  Deno.test(`${name}.get() waits for an item [cpython: QueueGetTests.test_blocking_get_wait]`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    const waiting = queue.get();
    await untilWaiting(other, "getting", 1);
    await assertPending(waiting, "get");
    await other.put(7);
    assertEquals(await waiting, 7);
    assert(await queue.empty());
  });

  Deno.test(`${name} serves those who wait to get in the order in which they came [cpython: QueuePutTests.test_put_with_waiting_getters]`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    const getters: Promise<number>[] = [];
    for (const handle of [queue, other, queue]) {
      getters.push(handle.get());
      await untilWaiting(other, "getting", getters.length);
    }
    await fill(other, [30, 10, 20]);
    assertEquals(await Promise.all(getters), [30, 10, 20]);
  });

  Deno.test(`${name} serves those who wait to put in the order in which they came [cpython: QueueGetTests.test_get_with_waiting_putters]`, async () => {
    await using opened = await subject.open({ maxSize: 1 });
    const [queue, other] = opened.handles;
    await queue.putNowait(9);
    const putters: Promise<void>[] = [];
    for (const item of [30, 10, 20]) {
      putters.push((item === 10 ? other : queue).put(item));
      await untilWaiting(other, "putting", putters.length);
    }
    const taken: number[] = [];
    for (let i = 0; i < 4; i++) taken.push(await other.get());
    await Promise.all(putters);
    assertEquals(taken, [9, 30, 10, 20]);
  });

  Deno.test(`${name}.get() lets exactly one waiting put in [cpython: QueueGetTests.test_get_with_putters]`, async () => {
    await using opened = await subject.open({ maxSize: 1 });
    const [queue, other] = opened.handles;
    await queue.putNowait(1);
    const second = queue.put(2);
    await untilWaiting(other, "putting", 1);
    const third = queue.put(3);
    await untilWaiting(other, "putting", 2);
    assertEquals(await other.get(), 1);
    await second;
    await assertPending(third, "the third put");
    assertEquals((await other.statistics()).putting, 1);
    assertEquals([await other.get(), await other.get()], [2, 3]);
    await third;
  });

  Deno.test(`${name}.put() that comes later does not overtake one that waits`, async () => {
    await using opened = await subject.open({ maxSize: 1 });
    const [queue, other] = opened.handles;
    await queue.putNowait(1);
    const waiting = queue.put(2);
    await untilWaiting(other, "putting", 1);
    await assertRejects(() => call(() => other.putNowait(3)), QueueFullError);
    assertEquals(await other.getNowait(), 1);
    await assertRejects(() => call(() => other.putNowait(3)), QueueFullError);
    await waiting;
    assertEquals(await other.getNowait(), 2);
  });

  Deno.test(`${name}.get() that comes later does not overtake one that waits`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    const waiting = queue.get();
    await untilWaiting(other, "getting", 1);
    await other.putNowait(1);
    await assertRejects(() => call(() => other.getNowait()), QueueEmptyError);
    const late = other.get();
    await other.putNowait(2);
    assertEquals([await waiting, await late], [1, 2]);
  });

  Deno.test(`${name} with maxSize 1 does not stall [cpython: QueueGetTests.test_why_are_getters_waiting]`, async () => {
    await using opened = await subject.open({ maxSize: 1 });
    const [queue, other] = opened.handles;
    const count = 50;
    const taken: number[] = [];
    await Promise.all([
      (async () => {
        for (let i = 0; i < count; i++) await queue.put(i);
      })(),
      (async () => {
        for (let i = 0; i < count; i++) taken.push(await other.get());
      })(),
    ]);
    assertEquals(taken, Array.from({ length: count }, (_, i) => i));
  });

  Deno.test(`${name} lets every one of many producers finish [cpython: QueuePutTests.test_why_are_putters_waiting]`, async () => {
    await using opened = await subject.open({ maxSize: 2 });
    const [queue, other] = opened.handles;
    const producers = Array.from({ length: 10 }, (_, i) => (i % 2 ? queue : other).put(i));
    const taken: number[] = [];
    for (let i = 0; i < 10; i++) taken.push(await other.get());
    await Promise.all(producers);
    assertEquals(taken.toSorted((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  Deno.test(`${name}.put() in flight ends when its item is taken [cpython: QueuePutTests.test_put_cancelled]`, async () => {
    await using opened = await subject.open({ maxSize: 1 });
    const [queue, other] = opened.handles;
    await queue.putNowait(0);
    const putting = queue.put(1).then(() => true);
    await untilWaiting(other, "putting", 1);
    assertEquals([await other.get(), await other.get()], [0, 1]);
    assert(await putting);
  });

  // Many at a time

  Deno.test(`${name} is a simple queue when it has no limit [cpython: BaseSimpleQueueTest.test_basic]`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    assertEquals([await queue.empty(), await queue.qsize()], [true, 0]);
    await queue.put(1);
    await queue.putNowait(2);
    await queue.put(3, { timeoutMs: 0 });
    await queue.put(4, { timeoutMs: 60_000 });
    assertEquals([await other.empty(), await other.qsize()], [false, 4]);
    const taken = [await other.get(), await other.getNowait(), await other.get({ timeoutMs: 0 })];
    taken.push(await other.get({ timeoutMs: 60_000 }));
    assertEquals(taken, order([1, 2, 3, 4]));
    assertEquals([await queue.empty(), await queue.qsize()], [true, 0]);
    await assertRejects(() => call(() => queue.getNowait()), QueueEmptyError);
    await assertRejects(() => queue.get({ timeoutMs: 0 }), QueueEmptyError);
    await assertRejects(() => queue.get({ timeoutMs: 1 }), QueueEmptyError);
  });

  /** Feeds and consumes by many at a time, and awaits that nothing is lost and nothing doubled. */
  async function passMany(
    consume: (queue: QueueHandle, taken: number[], count: number) => Promise<void>,
  ): Promise<void> {
    const hands = 20;
    const count = 50;
    await using opened = await subject.open();
    const { handles } = opened;
    const taken: number[] = [];
    await Promise.all(
      Array.from({ length: hands }, async (_, hand) => {
        for (let i = 0; i < count; i++) await handles[hand % 2 ? 1 : 0].put(hand * count + i);
      }).concat(
        Array.from(
          { length: hands },
          (_, hand) => consume(handles[hand % 2 ? 1 : 0], taken, hands * count),
        ),
      ),
    );
    assertEquals(
      taken.toSorted((a, b) => a - b),
      Array.from({ length: hands * count }, (_, i) => i),
    );
    assert(await handles[0].empty());
  }

  Deno.test(`${name} loses nothing and doubles nothing among many producers and consumers [cpython: BaseSimpleQueueTest.test_many_threads]`, async () => {
    await passMany(async (queue, taken, count) => {
      for (let i = 0; i < count / 20; i++) taken.push(await queue.get());
    });
  });

  Deno.test(`${name} loses nothing and doubles nothing among many consumers that do not wait [cpython: BaseSimpleQueueTest.test_many_threads_nonblock]`, async () => {
    await passMany(async (queue, taken, count) => {
      while (taken.length < count) {
        try {
          taken.push(await queue.getNowait());
        } catch (error) {
          if (!(error instanceof QueueEmptyError)) throw error;
          await settle();
        }
      }
    });
  });

  Deno.test(`${name} loses nothing and doubles nothing among many consumers that wait for a moment [cpython: BaseSimpleQueueTest.test_many_threads_timeout]`, async () => {
    await passMany(async (queue, taken, count) => {
      while (taken.length < count) {
        try {
          taken.push(await queue.get({ timeoutMs: 1 }));
        } catch (error) {
          if (!(error instanceof QueueEmptyError)) throw error;
        }
      }
    });
  });

  // Time limits

  Deno.test(`${name}.get() with timeoutMs 0 does not wait`, async () => {
    await using opened = await subject.open();
    const [queue] = opened.handles;
    await assertRejects(() => queue.get({ timeoutMs: 0 }), QueueEmptyError);
    await queue.putNowait(1);
    assertEquals(await queue.get({ timeoutMs: 0 }), 1);
    assertEquals((await queue.statistics()).getting, 0);
  });

  Deno.test(`${name}.put() with timeoutMs 0 does not wait`, async () => {
    await using opened = await subject.open({ maxSize: 1 });
    const [queue] = opened.handles;
    await queue.put(1, { timeoutMs: 0 });
    await assertRejects(() => queue.put(2, { timeoutMs: 0 }), QueueFullError, "holds 1 of 1");
    assertEquals(await drain(queue), [1]);
  });

  Deno.test(`${name}.get() that timed out has taken nothing [cpython: QueueGetTests.test_cancelled_getters_not_being_held_in_self_getters, _TestQueue.test_timeout]`, async () => {
    await using opened = await subject.open();
    const [queue] = opened.handles;
    await assertRejects(() => queue.get({ timeoutMs: 1 }), QueueEmptyError);
    assertEquals((await queue.statistics()).getting, 0);
    await queue.putNowait(1);
    assertEquals(await queue.getNowait(), 1);
  });

  Deno.test(`${name}.put() that timed out has left nothing`, async () => {
    await using opened = await subject.open({ maxSize: 1 });
    const [queue] = opened.handles;
    await queue.putNowait(1);
    await assertRejects(() => queue.put(2, { timeoutMs: 1 }), QueueFullError);
    assertEquals((await queue.statistics()).putting, 0);
    assertEquals([await drain(queue), (await queue.statistics()).unfinished], [[1], 1]);
  });

  Deno.test(`${name} clears the timer of a wait that was granted`, async () => {
    // A timer that were left behind would be found by the sanitizer.
    await using opened = await subject.open({ maxSize: 1 });
    const [queue, other] = opened.handles;
    const getting = queue.get({ timeoutMs: 60_000 });
    await untilWaiting(other, "getting", 1);
    await other.putNowait(1);
    assertEquals(await getting, 1);
    await queue.putNowait(2);
    const putting = queue.put(3, { timeoutMs: 60_000 });
    await untilWaiting(other, "putting", 1);
    await other.getNowait();
    await putting;
  });

  Deno.test(`${name} takes a time limit beyond 24 days as none`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    const waiting = queue.get({ timeoutMs: 2 ** 31 });
    await untilWaiting(other, "getting", 1);
    await assertPending(waiting, "get");
    await other.putNowait(1);
    assertEquals(await waiting, 1);
  });

  Deno.test(`${name} refuses a bad timeoutMs, also when nothing has to wait [cpython: BaseQueueTestMixin.test_negative_timeout_raises_exception, BaseSimpleQueueTest.test_negative_timeout_raises_exception]`, async () => {
    for (const [timeoutMs, expected] of [[-1, RangeError], [NaN, RangeError], ["1", TypeError]]) {
      const bad = { timeoutMs: timeoutMs as number };
      const errorClass = expected as new () => Error;
      await using opened = await subject.open({ maxSize: 2 });
      const [queue] = opened.handles;
      await queue.putNowait(1);
      await assertRejects(() => queue.get(bad), errorClass, '"timeoutMs" must be');
      await assertRejects(() => queue.put(2, bad), errorClass, '"timeoutMs" must be');
      assertEquals(await drain(queue), [1]);
    }
  });

  // Signals

  Deno.test(`${name} looks at an aborted signal first, even when the result is there`, async () => {
    await using opened = await subject.open();
    const [queue] = opened.handles;
    await queue.putNowait(1);
    const signal = AbortSignal.abort(REASON);
    assertStrictEquals(await assertRejects(() => queue.get({ signal })), REASON);
    assertStrictEquals(await assertRejects(() => queue.put(2, { signal })), REASON);
    assertEquals(await drain(queue), [1]);
  });

  Deno.test(`${name}.get() that was cancelled has taken nothing`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    const controller = new AbortController();
    const waiting = queue.get({ signal: controller.signal });
    await untilWaiting(other, "getting", 1);
    await assertPending(waiting, "get");
    controller.abort(REASON);
    assertStrictEquals(await assertRejects(() => waiting), REASON);
    await untilWaiting(other, "getting", 0);
    await queue.putNowait(1);
    assertEquals(await drain(queue), [1]);
  });

  Deno.test(`${name}.put() that was cancelled has left nothing [cpython: QueuePutTests.test_cancelled_puts_not_being_held_in_self_putters]`, async () => {
    await using opened = await subject.open({ maxSize: 1 });
    const [queue, other] = opened.handles;
    await queue.putNowait(1);
    const controller = new AbortController();
    const waiting = queue.put(2, { signal: controller.signal });
    await untilWaiting(other, "putting", 1);
    await assertPending(waiting, "put");
    controller.abort(REASON);
    assertStrictEquals(await assertRejects(() => waiting), REASON);
    await untilWaiting(other, "putting", 0);
    assertEquals([(await queue.statistics()).unfinished, await drain(queue)], [1, [1]]);
  });

  Deno.test(`${name} ignores a signal that aborts after the wait`, async () => {
    await using opened = await subject.open({ maxSize: 1 });
    const [queue, other] = opened.handles;
    const controller = new AbortController();
    const { signal } = controller;
    const getting = queue.get({ signal });
    await untilWaiting(other, "getting", 1);
    await other.putNowait(1);
    assertEquals(await getting, 1);
    await other.putNowait(2);
    const putting = queue.put(3, { signal });
    await untilWaiting(other, "putting", 1);
    assertEquals(await other.getNowait(), 2);
    await putting;
    controller.abort(REASON);
    await settle();
    assertEquals(await drain(queue), [3]);
  });

  Deno.test(`${name} hands the item of a cancelled get to the next one [cpython: QueueGetTests.test_get_cancelled_race, QueuePutTests.test_get_cancel_drop_many_pending_readers]`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    const controller = new AbortController();
    const first = queue.get();
    await untilWaiting(other, "getting", 1);
    const second = queue.get({ signal: controller.signal });
    await untilWaiting(other, "getting", 2);
    const third = other.get();
    await untilWaiting(other, "getting", 3);
    controller.abort(REASON);
    assertStrictEquals(await assertRejects(() => second), REASON);
    await untilWaiting(other, "getting", 2);
    await fill(other, [1, 2]);
    assertEquals(await Promise.all([first, third]), [1, 2]);
    assertEquals((await queue.statistics()).getting, 0);
  });

  Deno.test(`${name} lets in the others when a put between them was cancelled [cpython: QueuePutTests.test_put_cancelled_race]`, async () => {
    await using opened = await subject.open({ maxSize: 1 });
    const [queue, other] = opened.handles;
    await queue.putNowait(1);
    const controller = new AbortController();
    const second = queue.put(2);
    await untilWaiting(other, "putting", 1);
    const third = queue.put(3, { signal: controller.signal });
    await untilWaiting(other, "putting", 2);
    const fourth = other.put(4);
    await untilWaiting(other, "putting", 3);
    controller.abort(REASON);
    assertStrictEquals(await assertRejects(() => third), REASON);
    await untilWaiting(other, "putting", 2);
    const taken = [await other.get(), await other.get(), await other.get()];
    assertEquals(taken, [1, 2, 4]);
    await Promise.all([second, fourth]);
    assert(await queue.empty());
  });

  // Statistics

  Deno.test(`${name}.statistics() tells how much is held and who waits`, async () => {
    await using opened = await subject.open({ maxSize: 1 });
    const [queue, other] = opened.handles;
    const look = async () => {
      const { size, maxSize, unfinished, getting, putting } = await other.statistics();
      return [size, maxSize, unfinished, getting, putting];
    };
    const waiting = queue.get();
    await untilWaiting(other, "getting", 1);
    assertEquals(await look(), [0, 1, 0, 1, 0]);
    await other.putNowait(1);
    await waiting;
    await other.putNowait(2);
    const put = queue.put(3);
    await untilWaiting(other, "putting", 1);
    assertEquals(await look(), [1, 1, 2, 0, 1]);
    await other.getNowait();
    await put;
    assertEquals(await look(), [1, 1, 3, 0, 0]);
  });
}
