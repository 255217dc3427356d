import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { InvalidStateError } from "../../coroutine/mod.ts";
import { assertPending, settle } from "../support/settle.ts";
import {
  type Answer,
  type Handles,
  LONG_MS,
  type Opened,
  SHORT_MS,
  untilWaiting,
  type Wait,
  withHandles,
} from "./_subject.ts";

/** A condition as one owner sees it. */
export interface ConditionHandle {
  acquire(options?: Wait): Promise<boolean>;
  release(): Answer<void>;
  locked(): Answer<boolean>;
  hold(options?: Wait): Promise<Disposable | AsyncDisposable>;
  wait(options?: Wait): Promise<boolean>;
  waitFor<T>(predicate: () => T, options?: Wait): Promise<T>;
  notify(n?: number): Answer<void>;
  notifyAll(): Answer<void>;
  statistics(): Answer<{ locked: boolean; waiting: number; acquiring: number }>;
  toString(): string;
}

/** Makes conditions. */
export interface ConditionSubject {
  open(count: number): Promise<Opened<ConditionHandle>>;
}

const REASON = new Error("enough");

/** What every condition does, whatever its lock is. */
export function conditionContract(name: string, subject: ConditionSubject): void {
  function test(
    title: string,
    count: number,
    run: (...handles: Handles<ConditionHandle>) => Promise<void>,
  ): void {
    Deno.test(title, () => withHandles(subject.open(count), run));
  }

  /** Waits for one notification, and releases the lock again. */
  async function waitOnce(condition: ConditionHandle, options?: Wait): Promise<boolean> {
    await using _ = await condition.hold();
    return await condition.wait(options);
  }

  async function notify(condition: ConditionHandle, n?: number): Promise<void> {
    await using _ = await condition.hold();
    await condition.notify(n);
  }

  async function notifyAll(condition: ConditionHandle): Promise<void> {
    await using _ = await condition.hold();
    await condition.notifyAll();
  }

  /** Lets each of them wait, in this order, and notes who goes on. */
  async function letWait(
    conditions: readonly ConditionHandle[],
  ): Promise<{ woken: number[]; ended: Promise<void>[] }> {
    const woken: number[] = [];
    const ended: Promise<void>[] = [];
    for (const [i, condition] of conditions.entries()) {
      ended.push(
        waitOnce(condition).then((answer) => {
          assertStrictEquals(answer, true);
          woken.push(i);
        }),
      );
      await untilWaiting(condition, i + 1);
    }
    return { woken, ended };
  }

  test(
    `${name} is held while its lock is held [cpython: ConditionTests.test_acquire]`,
    2,
    async (a, b) => {
      assertStrictEquals(await a.acquire(), true);
      assertEquals(await a.locked(), true);
      assertStrictEquals(await b.acquire({ timeoutMs: 0 }), false);
      await a.release();
      assertStrictEquals(await b.acquire({ timeoutMs: 0 }), true);
      await b.release();
      assertEquals(await a.locked(), false);
    },
  );

  test(
    `${name}.wait() and waitFor() without the lock throw [cpython: ConditionTests.test_unacquired_wait]`,
    1,
    async (condition) => {
      await assertRejects(() => condition.wait(), InvalidStateError, "acquire it first");
      await assertRejects(() => condition.wait({ timeoutMs: 0 }), InvalidStateError);
      await assertRejects(() => condition.waitFor(() => true), InvalidStateError);
      assertEquals((await condition.statistics()).waiting, 0);
    },
  );

  test(
    `${name}.notify() and notifyAll() without the lock throw [cpython: ConditionTests.test_unacquired_notify]`,
    1,
    async (condition) => {
      await assertRejects(
        async () => await condition.notify(),
        InvalidStateError,
        "acquire it first",
      );
      await assertRejects(async () => await condition.notifyAll(), InvalidStateError);
    },
  );

  test(`${name}.release() without the lock throws`, 1, async (condition) => {
    await assertRejects(async () => await condition.release(), InvalidStateError, "nobody holds");
  });

  test(
    `${name}.notify(n) wakes n, those first who came first [cpython: ConditionTests.test_notify]`,
    6,
    async (notifier, ...others) => {
      const { woken, ended } = await letWait(others);
      await settle();
      assertEquals(woken, []);
      await notify(notifier);
      await ended[0];
      await settle();
      assertEquals(woken, [0]);
      await notify(notifier, 2);
      await Promise.all(ended.slice(0, 3));
      await settle();
      // What wakes together, in several threads, may tell so in any order.
      assertEquals(woken.toSorted(), [0, 1, 2]);
      await notify(notifier, 10);
      await Promise.all(ended);
      assertEquals(woken.toSorted(), [0, 1, 2, 3, 4]);
      await notify(notifier);
      assertEquals((await notifier.statistics()).waiting, 0);
    },
  );

  test(
    `${name}.notify() wakes exactly one [cpython: _TestCondition.test_notify]`,
    3,
    async (notifier, ...others) => {
      const { woken, ended } = await letWait(others);
      for (let i = 0; i < 2; i++) {
        await notify(notifier);
        await ended[i];
        await settle();
        assertEquals(woken.length, i + 1);
      }
    },
  );

  test(
    `${name}.notifyAll() wakes all; those whose time is over are gone [cpython: _TestCondition.test_notify_all]`,
    7,
    async (notifier, ...others) => {
      const late = others.map((condition) => waitOnce(condition, { timeoutMs: SHORT_MS }));
      assertEquals(new Set(await Promise.all(late)), new Set([false]));
      assertEquals((await notifier.statistics()).waiting, 0);
      const { woken, ended } = await letWait(others);
      await notifyAll(notifier);
      await Promise.all(ended);
      assertEquals(woken.toSorted(), [0, 1, 2, 3, 4, 5]);
    },
  );

  test(
    `${name}.notify(2), notify(4) and notify(3) of six [cpython: _TestCondition.test_notify_n]`,
    7,
    async (notifier, ...others) => {
      const { woken, ended } = await letWait(others);
      await notify(notifier, 2);
      await Promise.all(ended.slice(0, 2));
      await settle();
      assertEquals(woken.length, 2);
      await notify(notifier, 4);
      await Promise.all(ended);
      assertEquals(woken.length, 6);
      await notify(notifier, 3);
      // It was for those who waited then: the next one waits.
      const next = waitOnce(others[0]!);
      await untilWaiting(notifier, 1);
      await assertPending(next, "a wait after the notification");
      await notify(notifier);
      assertStrictEquals(await next, true);
    },
  );

  test(`${name}.notify() refuses a number that is none or below 0`, 1, async (condition) => {
    await using _ = await condition.hold();
    await assertRejects(async () => await condition.notify(-1), RangeError, '"n" must be');
    for (const n of [1.5, NaN, "1", null]) {
      await assertRejects(
        async () => await condition.notify(n as number),
        TypeError,
        '"n" must be',
      );
    }
    await condition.notify(0);
  });

  test(
    `${name}.wait() of five answers false when the time is over [cpython: ConditionTests.test_timeout, _TestCondition.test_timeout]`,
    5,
    async (...conditions) => {
      const waits = conditions.map((condition) => waitOnce(condition, { timeoutMs: SHORT_MS }));
      assertEquals(await Promise.all(waits), [false, false, false, false, false]);
      const { locked, waiting } = await conditions[0].statistics();
      assertEquals([locked, waiting], [false, 0]);
    },
  );

  test(
    `${name}.wait() answers false in the end of its time, true when notified [cpython: _TestCondition.test_wait_result]`,
    2,
    async (a, b) => {
      await a.acquire();
      assertStrictEquals(await a.wait({ timeoutMs: 0 }), false);
      assertStrictEquals(await a.wait({ timeoutMs: SHORT_MS }), false);
      const waiting = a.wait({ timeoutMs: LONG_MS });
      await notify(b);
      assertStrictEquals(await waiting, true);
      await a.release();
    },
  );

  test(`${name}.wait() holds the lock again before it ends`, 2, async (a, b) => {
    const waiting = waitOnce(a);
    await untilWaiting(a, 1);
    await b.acquire();
    await b.notify();
    await assertPending(waiting, "wait, while the lock is held");
    const { waiting: left, acquiring } = await b.statistics();
    assertEquals([left, acquiring], [0, 1]);
    await b.release();
    assertStrictEquals(await waiting, true);
    assertEquals(await a.locked(), false);
  });

  test(`${name}.wait() that times out waits for the lock, and holds it`, 2, async (a, b) => {
    await a.acquire();
    // Long enough for the other one to have the lock before it is over.
    const waiting = a.wait({ timeoutMs: 100 * SHORT_MS });
    await b.acquire();
    while ((await b.statistics()).acquiring === 0) await settle();
    await assertPending(waiting, "wait, while the lock is held");
    await b.release();
    assertStrictEquals(await waiting, false);
    assertStrictEquals(await b.acquire({ timeoutMs: 0 }), false);
    await a.release();
  });

  test(`${name}.wait() that is cancelled waits for the lock, and holds it`, 2, async (a, b) => {
    const controller = new AbortController();
    await a.acquire();
    const waiting = a.wait({ signal: controller.signal });
    // It may fail before it is asked for: the others, who are elsewhere, take their time.
    waiting.catch(() => {});
    await b.acquire();
    controller.abort(REASON);
    await assertPending(waiting, "wait, while the lock is held");
    assertEquals((await b.statistics()).waiting, 0);
    await b.release();
    assertEquals((await assertRejects(() => waiting, Error)).message, "enough");
    assertStrictEquals(await b.acquire({ timeoutMs: 0 }), false);
    await a.release();
  });

  test(
    `${name}.wait() that is cancelled leaves the notification to the next one`,
    3,
    async (a, b, c) => {
      const controller = new AbortController();
      const cancelled = waitOnce(a, { signal: controller.signal });
      cancelled.catch(() => {});
      await untilWaiting(a, 1);
      const next = waitOnce(b);
      await untilWaiting(a, 2);
      controller.abort(REASON);
      await assertRejects(() => cancelled);
      await notify(c);
      assertStrictEquals(await next, true);
    },
  );

  test(
    `${name}.wait() that is cancelled after the notification, before it has the lock, passes it on`,
    3,
    async (a, b, c) => {
      const controller = new AbortController();
      const cancelled = waitOnce(a, { signal: controller.signal });
      cancelled.catch(() => {});
      await untilWaiting(a, 1);
      const next = waitOnce(b);
      await untilWaiting(a, 2);
      await c.acquire();
      await c.notify();
      while ((await c.statistics()).acquiring === 0) await settle();
      controller.abort(REASON);
      await settle();
      await c.release();
      assertEquals((await assertRejects(() => cancelled, Error)).message, "enough");
      assertStrictEquals(await next, true);
      assertEquals(await c.locked(), false);
    },
  );

  test(
    `${name}.wait() looks at an aborted signal first, and keeps the lock`,
    1,
    async (condition) => {
      const signal = AbortSignal.abort(REASON);
      await condition.acquire();
      assertEquals(
        (await assertRejects(() => condition.wait({ signal }), Error)).message,
        "enough",
      );
      assertEquals(await condition.locked(), true);
      await condition.release();
    },
  );

  test(`${name}.wait() refuses a bad time, and keeps the lock`, 1, async (condition) => {
    await condition.acquire();
    for (const timeoutMs of [-1, NaN]) {
      await assertRejects(() => condition.wait({ timeoutMs }), RangeError, '"timeoutMs" must be');
      const waitFor = () => condition.waitFor(() => true, { timeoutMs });
      await assertRejects(waitFor, RangeError, '"timeoutMs" must be');
    }
    assertEquals(await condition.locked(), true);
    await condition.release();
  });

  test(
    `${name}.waitFor() answers what the predicate answers at last [cpython: ConditionTests.test_waitfor, _TestCondition.test_waitfor]`,
    2,
    async (a, b) => {
      let state = 0;
      const waiting = (async () => {
        await using _ = await a.hold();
        return await a.waitFor(() => state === 4 && "four");
      })();
      await untilWaiting(b, 1);
      for (let i = 0; i < 4; i++) {
        await using _ = await b.hold();
        state++;
        await b.notify();
      }
      assertStrictEquals(await waiting, "four");
      assertEquals(await a.locked(), false);
    },
  );

  test(`${name}.waitFor() with what is true already does not wait`, 2, async (a) => {
    await using _ = await a.hold();
    assertStrictEquals(await a.waitFor(() => 7), 7);
    assertStrictEquals(await a.waitFor(() => true, { timeoutMs: 0 }), true);
  });

  test(
    `${name}.waitFor() answers what is false when the time is over, however often it is notified [cpython: ConditionTests.test_waitfor_timeout, _TestCondition.test_waitfor_timeout]`,
    2,
    async (a, b) => {
      let asked = 0;
      let isOver = false;
      const waiting = (async () => {
        await using _ = await a.hold();
        return await a.waitFor(() => ++asked < 0, { timeoutMs: SHORT_MS });
      })().finally(() => isOver = true);
      while (!isOver) {
        await notify(b);
        await settle();
      }
      assertStrictEquals(await waiting, false);
      assert(asked >= 2, `the predicate was called ${asked} times`);
      assertEquals((await a.statistics()).waiting, 0);
    },
  );

  test(
    `${name}.waitFor() lets an error of the predicate out, with the lock held`,
    1,
    async (condition) => {
      await condition.acquire();
      const waitFor = () =>
        condition.waitFor(() => {
          throw REASON;
        });
      assertEquals((await assertRejects(waitFor, Error)).message, "enough");
      assertEquals(await condition.locked(), true);
      await condition.release();
    },
  );
}
