import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { QueueEmptyError, QueueShutDownError, TimeoutError } from "../../coroutine/mod.ts";
import { assertPending } from "../support/settle.ts";
import {
  assertAllReject,
  call,
  drain,
  fill,
  type JoinableQueueHandle,
  orderOf,
  type QueueSubject,
  untilWaiting,
} from "./_queue_subject.ts";

const REASON = new Error("enough");

/**
 * The rules of a queue that counts what is unfinished and can be shut down. What it has in common with
 * the others is in `queue_contract.ts`.
 *
 * @param name How the titles name the queue.
 * @param subject Makes the queues.
 */
export function joinableQueueContract(
  name: string,
  subject: QueueSubject<JoinableQueueHandle>,
): void {
  const order = (items: readonly number[]) => orderOf(subject.order, items);
  const BOTH = [{}, { immediate: true }];

  /** Takes and finishes items until the queue is shut down and empty. */
  async function work(queue: JoinableQueueHandle, each: (item: number) => void): Promise<void> {
    try {
      for (;;) {
        each(await queue.get());
        await queue.taskDone();
      }
    } catch (error) {
      assertInstanceOf(error, QueueShutDownError);
    }
  }

  // taskDone and join

  Deno.test(`${name}.taskDone() more often than items were put throws [cpython: _QueueJoinTestMixin.test_task_done_underflow, BaseQueueTestMixin.test_queue_task_done]`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    const message = "no item of this queue is unfinished";
    await assertRejects(() => call(() => queue.taskDone()), RangeError, message);
    await other.putNowait(1);
    await queue.taskDone();
    await assertRejects(() => call(() => other.taskDone()), RangeError, message);
  });

  Deno.test(`${name}.join() of an unused queue ends at once, twice [cpython: _QueueJoinTestMixin.test_join_empty_queue]`, async () => {
    await using opened = await subject.open();
    const [queue] = opened.handles;
    await queue.join();
    await queue.join({ timeoutMs: 0 });
  });

  Deno.test(`${name}.join() waits until two workers have done 100 items, and again [cpython: _QueueJoinTestMixin.test_task_done, BaseQueueTestMixin.test_queue_join]`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    let sum = 0;
    const workers = [queue, other].map((handle) => work(handle, (item) => sum += item));
    for (let round = 1; round <= 2; round++) {
      for (let i = 0; i < 100; i++) await queue.put(i);
      await queue.join();
      assertEquals(sum, round * 4950);
    }
    await assertRejects(() => call(() => queue.taskDone()), RangeError);
    await queue.shutdown();
    await Promise.all(workers);
  });

  Deno.test(`${name}.join() waits for items that nobody took, and for those that were taken`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    await fill(queue, [1, 2]);
    const joins = [queue.join(), other.join()];
    await untilWaiting(other, "joining", 2);
    await queue.getNowait();
    await queue.taskDone();
    await assertPending(joins[0]!, "join");
    await queue.getNowait();
    await assertPending(joins[1]!, "join");
    assertEquals((await queue.statistics()).joining, 2);
    await queue.taskDone();
    await Promise.all(joins);
    assertEquals((await queue.statistics()).joining, 0);
  });

  Deno.test(`${name}.join() can be used again`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    for (let round = 0; round < 3; round++) {
      await queue.putNowait(round);
      const joining = queue.join();
      await untilWaiting(other, "joining", 1);
      await assertPending(joining, "join");
      await other.getNowait();
      await other.taskDone();
      await joining;
    }
  });

  Deno.test(`${name}.join() counts an item that went straight to one who waited`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    const getting = queue.get();
    await untilWaiting(other, "getting", 1);
    await other.putNowait(1);
    await getting;
    const joining = other.join();
    await untilWaiting(queue, "joining", 1);
    await assertPending(joining, "join");
    await queue.taskDone();
    await joining;
  });

  Deno.test(`${name}.join() that took too long throws TimeoutError`, async () => {
    await using opened = await subject.open();
    const [queue] = opened.handles;
    await queue.putNowait(1);
    await assertRejects(() => queue.join({ timeoutMs: 0 }), TimeoutError, "1 items are unfinished");
    await assertRejects(() => queue.join({ timeoutMs: 1 }), TimeoutError, "after 1 ms");
    assertEquals((await queue.statistics()).joining, 0);
  });

  Deno.test(`${name}.join() clears its timer when it was granted`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    await queue.putNowait(1);
    const joining = queue.join({ timeoutMs: 60_000 });
    await untilWaiting(other, "joining", 1);
    await other.taskDone();
    await joining;
  });

  Deno.test(`${name}.join() refuses a bad timeoutMs and an aborted signal, also when nothing has to wait`, async () => {
    await using opened = await subject.open();
    const [queue] = opened.handles;
    await assertRejects(() => queue.join({ timeoutMs: -1 }), RangeError, '"timeoutMs" must be');
    await assertRejects(() => queue.join({ timeoutMs: NaN }), RangeError, '"timeoutMs" must be');
    const text = "1" as unknown as number;
    await assertRejects(() => queue.join({ timeoutMs: text }), TypeError, '"timeoutMs" must be');
    const signal = AbortSignal.abort(REASON);
    assertStrictEquals(await assertRejects(() => queue.join({ signal })), REASON);
  });

  Deno.test(`${name}.join() can be cancelled`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    await queue.putNowait(1);
    const controller = new AbortController();
    const cancelled = queue.join({ signal: controller.signal });
    const uncancelled = other.join();
    await untilWaiting(other, "joining", 2);
    controller.abort(REASON);
    assertStrictEquals(await assertRejects(() => cancelled), REASON);
    await assertPending(uncancelled, "the other join");
    await queue.taskDone();
    await uncancelled;
  });

  // shutdown of an idle queue

  Deno.test(`${name}.shutdown() of an empty queue fails all later calls [cpython: BaseQueueTestMixin.test_shutdown_empty]`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    await queue.shutdown();
    await assertRejects(() => other.get(), QueueShutDownError, "get from queue");
    await assertRejects(() => other.get({ timeoutMs: 0 }), QueueShutDownError);
    await assertRejects(() => call(() => other.getNowait()), QueueShutDownError);
    await assertRejects(() => other.put(1), QueueShutDownError, "put into queue");
    await assertRejects(() => other.put(1, { timeoutMs: 0 }), QueueShutDownError);
    await assertRejects(() => call(() => other.putNowait(1)), QueueShutDownError);
    await other.join();
  });

  Deno.test(`${name}.shutdown() leaves what is held to be taken [cpython: BaseQueueTestMixin.test_shutdown_nonempty, BaseQueueTestMixin.test_shutdown_all_methods_in_one_thread]`, async () => {
    await using opened = await subject.open({ maxSize: 2 });
    const [queue, other] = opened.handles;
    await fill(queue, [2, 1]);
    await queue.shutdown();
    await assertRejects(() => other.put(3), QueueShutDownError, "put into queue");
    await assertRejects(() => call(() => other.putNowait(3)), QueueShutDownError);
    assertEquals([await other.qsize(), await other.full()], [2, true]);
    const joining = queue.join();
    await untilWaiting(other, "joining", 1);
    assertEquals([await other.get(), await other.getNowait()], order([2, 1]));
    await assertRejects(() => other.get(), QueueShutDownError);
    await assertRejects(() => other.get({ timeoutMs: 0 }), QueueShutDownError);
    await assertRejects(() => call(() => other.getNowait()), QueueShutDownError);
    await other.taskDone();
    await assertPending(joining, "join");
    await other.taskDone();
    await joining;
  });

  Deno.test(`${name}.shutdown() at once throws away what is held [cpython: BaseQueueTestMixin.test_shutdown_immediate, BaseQueueTestMixin.test_shutdown_immediate_all_methods_in_one_thread]`, async () => {
    await using opened = await subject.open({ maxSize: 2 });
    const [queue, other] = opened.handles;
    await fill(queue, [1, 2]);
    await queue.shutdown({ immediate: true });
    const { unfinished } = await other.statistics();
    assertEquals([await other.qsize(), await other.empty(), unfinished], [0, true, 0]);
    await assertRejects(() => other.get(), QueueShutDownError);
    await assertRejects(() => other.get({ timeoutMs: 0 }), QueueShutDownError);
    await assertRejects(() => call(() => other.getNowait()), QueueShutDownError);
    await assertRejects(() => other.put(1), QueueShutDownError);
    await assertRejects(() => call(() => other.putNowait(1)), QueueShutDownError);
    await assertRejects(() => call(() => other.taskDone()), RangeError);
    await other.join();
  });

  Deno.test(`${name}.shutdown() may be called again, in either form`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    await fill(queue, [1, 2]);
    await queue.shutdown();
    await other.shutdown();
    assertEquals(await queue.qsize(), 2);
    await queue.shutdown({ immediate: true });
    assertEquals(await queue.qsize(), 0);
    await other.shutdown();
    await queue.shutdown({ immediate: true });
    await assertRejects(() => call(() => queue.putNowait(1)), QueueShutDownError);
  });

  // shutdown while others wait

  Deno.test(`${name}.shutdown() fails those who wait to get [cpython: _QueueShutdownTestMixin.test_shutdown_empty, BaseQueueTestMixin.test_shutdown_pending_get, BaseQueueTestMixin.test_shutdown_immediate_get]`, async () => {
    for (const options of BOTH) {
      await using opened = await subject.open();
      const [queue, other] = opened.handles;
      const failing = assertAllReject(
        [queue.get(), other.get({ timeoutMs: 60_000 })],
        QueueShutDownError,
      );
      await untilWaiting(queue, "getting", 2);
      await other.shutdown(options);
      await failing;
      assertEquals((await queue.statistics()).getting, 0);
      await assertRejects(() => queue.get(), QueueShutDownError);
      await assertRejects(() => queue.put(1), QueueShutDownError);
      await queue.join();
    }
  });

  Deno.test(`${name}.shutdown() fails who waits to get when there was an item less [cpython: BaseQueueTestMixin.test_shutdown_get]`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    await fill(queue, [1, 2]);
    const served = [await queue.get(), await other.get()];
    const failing = assertAllReject([queue.get()], QueueShutDownError);
    await untilWaiting(other, "getting", 1);
    await other.shutdown();
    await failing;
    assertEquals(served, order([1, 2]));
  });

  Deno.test(`${name}.shutdown() fails those who wait to put [cpython: BaseQueueTestMixin.test_shutdown_put, BaseQueueTestMixin.test_shutdown_immediate_put, _QueueShutdownTestMixin.test_shutdown_nonempty]`, async () => {
    for (const options of BOTH) {
      await using opened = await subject.open({ maxSize: 1 });
      const [queue, other] = opened.handles;
      await queue.putNowait(1);
      const failing = assertAllReject(
        [queue.put(2), other.put(3, { timeoutMs: 60_000 })],
        QueueShutDownError,
      );
      await untilWaiting(other, "putting", 2);
      await other.shutdown(options);
      await failing;
      const { putting, unfinished } = await queue.statistics();
      assertEquals([putting, unfinished], options.immediate ? [0, 0] : [0, 1]);
      assertEquals(await drain(queue), options.immediate ? [] : [1]);
    }
  });

  Deno.test(`${name}.shutdown() leaves join waiting for what is held [cpython: BaseQueueTestMixin.test_shutdown_join]`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    await queue.putNowait(1);
    const joins = [queue.join(), other.join()];
    await untilWaiting(other, "joining", 2);
    await queue.shutdown();
    await assertPending(joins[0]!, "join");
    assertEquals(await other.get(), 1);
    await other.taskDone();
    await Promise.all(joins);
  });

  Deno.test(`${name}.shutdown() at once ends join [cpython: _QueueShutdownTestMixin.test_shutdown_immediate, BaseQueueTestMixin.test_shutdown_immediate_join]`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    await fill(queue, [1, 2]);
    const joins = [queue.join(), other.join()];
    await untilWaiting(other, "joining", 2);
    await queue.shutdown({ immediate: true });
    await Promise.all(joins);
    assertEquals((await queue.statistics()).unfinished, 0);
  });

  Deno.test(`${name}.shutdown() at once leaves join waiting for what was taken [cpython: _QueueShutdownTestMixin.test_shutdown_immediate_with_unfinished]`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    await fill(queue, [1, 2, 3]);
    await queue.getNowait();
    await queue.shutdown({ immediate: true });
    const joining = other.join();
    await untilWaiting(queue, "joining", 1);
    await assertPending(joining, "join");
    await queue.taskDone();
    await joining;
    await assertRejects(() => call(() => queue.taskDone()), RangeError);
  });

  Deno.test(`${name}.shutdown() fails those who put while others join [cpython: BaseQueueTestMixin.test_shutdown_put_join, BaseQueueTestMixin.test_shutdown_immediate_put_join]`, async () => {
    for (const options of BOTH) {
      await using opened = await subject.open({ maxSize: 2 });
      const [queue, other] = opened.handles;
      await fill(queue, [1, 2]);
      const failing = assertAllReject([queue.put(3), other.put(4)], QueueShutDownError);
      const joining = queue.join();
      await untilWaiting(other, "putting", 2);
      await untilWaiting(other, "joining", 1);
      await other.shutdown(options);
      await failing;
      if (!options.immediate) {
        await assertPending(joining, "join");
        assertEquals(await drain(queue), order([1, 2]));
        await queue.taskDone();
        await other.taskDone();
      }
      await joining;
    }
  });

  Deno.test(`${name}.shutdown() lets workers finish what was put, and then join end [cpython: BaseQueueTestMixin.test_shutdown_get_task_done_join]`, async () => {
    await using opened = await subject.open();
    const [queue, other] = opened.handles;
    const done: number[] = [];
    const workers = [queue, other].map((handle) => work(handle, (item) => done.push(item)));
    await untilWaiting(other, "getting", 2);
    for (const item of [1, 2, 3, 4, 5]) await queue.put(item);
    const joining = other.join();
    await queue.shutdown();
    await Promise.all([...workers, joining]);
    assertEquals(done.toSorted(), [1, 2, 3, 4, 5]);
  });

  // shutdown in the midst of everything

  /** Writers, readers and joiners work until one of the writers shuts the queue down. */
  async function shutDownAmongMany(
    options: { immediate?: boolean },
  ): Promise<{ put: number; taken: number; unfinished: number }> {
    const limit = 1_000;
    await using opened = await subject.open({ maxSize: 8 });
    const { handles: [queue, other] } = opened;
    let put = 0;
    let taken = 0;
    const writers = Array.from({ length: 4 }, async (_, i) => {
      const handle = i % 2 ? queue : other;
      try {
        for (;;) {
          await handle.put(i);
          if (++put === limit) await handle.shutdown(options);
        }
      } catch (error) {
        assertInstanceOf(error, QueueShutDownError);
      }
    });
    const readers = Array.from({ length: 6 }, (_, i) => work(i % 2 ? queue : other, () => taken++));
    const lookers = [queue, other].map(async (handle) => {
      while (put < limit) {
        try {
          await handle.getNowait();
          taken++;
          await handle.taskDone();
        } catch (error) {
          assert(error instanceof QueueEmptyError || error instanceof QueueShutDownError);
        }
        await handle.qsize();
      }
    });
    const joiners = [queue.join(), other.join()];
    await Promise.all([...writers, ...readers, ...lookers, ...joiners]);
    const { size, unfinished, putting, getting, joining } = await queue.statistics();
    assertEquals([size, putting, getting, joining], [0, 0, 0, 0]);
    return { put, taken, unfinished };
  }

  Deno.test(`${name}.shutdown() in the midst of writers and readers ends all of them [cpython: BaseQueueTestMixin.test_shutdown_all_methods_in_many_threads]`, async () => {
    const { put, taken, unfinished } = await shutDownAmongMany({});
    assertEquals([taken, unfinished], [put, 0]);
  });

  Deno.test(`${name}.shutdown() at once in the midst of writers and readers ends all of them [cpython: BaseQueueTestMixin.test_shutdown_immediate_all_methods_in_many_threads]`, async () => {
    const { put, taken, unfinished } = await shutDownAmongMany({ immediate: true });
    assert(taken <= put);
    assertEquals(unfinished, 0);
  });
}
