import { assert, assertEquals, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import { InvalidStateError, TimeoutError } from "../../coroutine/mod.ts";
import { assertPending, settle } from "../support/settle.ts";
import {
  type Answer,
  ELSEWHERE,
  type Handles,
  type Opened,
  SHORT_MS,
  untilWaiting,
  type Wait,
  withHandles,
} from "./_subject.ts";

/** A lock as one owner sees it. */
export interface LockHandle {
  acquire(options?: Wait): Promise<boolean>;
  release(): Answer<void>;
  locked(): Answer<boolean>;
  hold(options?: Wait): Promise<Disposable | AsyncDisposable>;
  statistics(): Answer<{ locked: boolean; waiting: number }>;
  toString(): string;
}

/** Makes locks. */
export interface LockSubject<Handle extends LockHandle = LockHandle> {
  open(count: number): Promise<Opened<Handle>>;
  /** The object lives in another process than the test, so that its text cannot tell how it is. */
  readonly isElsewhere?: boolean | undefined;
}

const REASON = new Error("enough");

/** What every lock does, whether its owner can acquire it again or not. */
export function baseLockContract<Handle extends LockHandle>(
  name: string,
  subject: LockSubject<Handle>,
): void {
  function test(
    title: string,
    count: number,
    run: (...handles: Handles<Handle>) => Promise<void>,
  ): void {
    Deno.test(title, () => withHandles(subject.open(count), run));
  }

  test(
    `${name} can be made and dropped [cpython: BaseLockTests.test_constructor]`,
    1,
    async (lock) => {
      assertEquals(await lock.locked(), false);
    },
  );

  test(
    `${name} can be dropped while it is held [cpython: BaseLockTests.test_acquire_destroy]`,
    1,
    async (lock) => {
      assert(await lock.acquire());
    },
  );

  test(
    `${name}.toString() says whether it is held [cpython: BaseLockTests.test_repr, BaseLockTests.test_locked_repr]`,
    1,
    async (lock) => {
      if (subject.isElsewhere === true) return assertMatch(lock.toString(), ELSEWHERE);
      assertMatch(lock.toString(), /\bunlocked\b/);
      await lock.acquire();
      assertMatch(lock.toString(), /\blocked\b/);
      await lock.release();
      assertMatch(lock.toString(), /\bunlocked\b/);
    },
  );

  test(
    `${name}.acquire() takes a free lock, release() gives it back [cpython: BaseLockTests.test_acquire_release]`,
    1,
    async (lock) => {
      for (let round = 0; round < 3; round++) {
        assertStrictEquals(await lock.acquire(), true);
        assertEquals(await lock.locked(), true);
        assertStrictEquals(await lock.release(), undefined);
        assertEquals(await lock.locked(), false);
      }
    },
  );

  test(
    `${name}.acquire() with timeoutMs 0 takes a free lock [cpython: BaseLockTests.test_try_acquire]`,
    1,
    async (lock) => {
      assertStrictEquals(await lock.acquire({ timeoutMs: 0 }), true);
      await lock.release();
    },
  );

  test(
    `${name}.acquire() with timeoutMs 0 is false for one that another holds [cpython: BaseLockTests.test_try_acquire_contended]`,
    2,
    async (a, b) => {
      await a.acquire();
      assertStrictEquals(await b.acquire({ timeoutMs: 0 }), false);
      await a.release();
      assertStrictEquals(await b.acquire({ timeoutMs: 0 }), true);
      await b.release();
    },
  );

  test(
    `${name} lets five that wait in one after the other, none before the release [cpython: BaseLockTests.test_acquire_contended]`,
    6,
    async (holder, ...others) => {
      await holder.acquire();
      const entered: number[] = [];
      let inside = 0;
      const passing: Promise<void>[] = [];
      for (const [i, lock] of others.entries()) {
        passing.push((async () => {
          assertStrictEquals(await lock.acquire(), true);
          entered.push(i);
          assertEquals(++inside, 1);
          await settle();
          inside--;
          await lock.release();
        })());
        await untilWaiting(holder, i + 1);
      }
      assertEquals(entered, []);
      await holder.release();
      await Promise.all(passing);
      assertEquals(entered, [0, 1, 2, 3, 4]);
      assertEquals(await holder.locked(), false);
    },
  );

  test(
    `${name} serves many owners, and ends free [cpython: BaseLockTests.test_thread_leak]`,
    15,
    async (...locks) => {
      await Promise.all(locks.map(async (lock) => {
        for (let round = 0; round < 5; round++) {
          await lock.acquire();
          await lock.release();
        }
      }));
      const { locked, waiting } = await locks[0].statistics();
      assertEquals([locked, waiting], [false, 0]);
    },
  );

  test(
    `${name}.hold() releases at the end of the block, also after an error [cpython: BaseLockTests.test_with]`,
    2,
    async (a, b) => {
      {
        await using _ = await a.hold();
        assertStrictEquals(await b.acquire({ timeoutMs: 0 }), false);
      }
      assertEquals(await a.locked(), false);
      await assertRejects(async () => {
        await using _ = await a.hold();
        throw REASON;
      });
      assertStrictEquals(await b.acquire({ timeoutMs: 0 }), true);
      await b.release();
    },
  );

  test(`${name}.hold() throws TimeoutError when the time is over`, 2, async (a, b) => {
    await a.acquire();
    await assertRejects(() => b.hold({ timeoutMs: 0 }), TimeoutError, "Cannot acquire the lock");
    await assertRejects(() => b.hold({ timeoutMs: SHORT_MS }), TimeoutError, `${SHORT_MS} ms`);
    await a.release();
    assertEquals(await a.locked(), false);
  });

  test(
    `${name}.acquire() answers false when the time is over, and refuses bad times [cpython: BaseLockTests.test_timeout]`,
    2,
    async (a, b) => {
      await assertRejects(() => a.acquire({ timeoutMs: -1 }), RangeError, '"timeoutMs" must be');
      await assertRejects(() => a.acquire({ timeoutMs: NaN }), RangeError, '"timeoutMs" must be');
      assertEquals(await a.locked(), false);
      assertStrictEquals(await a.acquire({ timeoutMs: SHORT_MS }), true);
      assertStrictEquals(await b.acquire({ timeoutMs: SHORT_MS }), false);
      assertEquals((await a.statistics()).waiting, 0);
      await a.release();
      assertStrictEquals(await b.acquire({ timeoutMs: Infinity }), true);
      await b.release();
    },
  );

  test(`${name}.acquire() that times out makes room for the next one`, 3, async (a, b, c) => {
    await a.acquire();
    const late = b.acquire({ timeoutMs: SHORT_MS });
    const next = c.acquire();
    assertStrictEquals(await late, false);
    await a.release();
    assertStrictEquals(await next, true);
    await c.release();
    assertEquals(await a.locked(), false);
  });

  test(`${name}.acquire() looks at an aborted signal first`, 1, async (lock) => {
    const signal = AbortSignal.abort(REASON);
    assertEquals((await assertRejects(() => lock.acquire({ signal }), Error)).message, "enough");
    assertEquals((await assertRejects(() => lock.hold({ signal }), Error)).message, "enough");
    assertEquals(await lock.locked(), false);
  });

  test(`${name}.acquire() that is cancelled makes room for the next one`, 3, async (a, b, c) => {
    await a.acquire();
    const controller = new AbortController();
    const cancelled = b.acquire({ signal: controller.signal });
    await untilWaiting(a, 1);
    const next = c.acquire();
    await untilWaiting(a, 2);
    controller.abort(REASON);
    assertEquals((await assertRejects(() => cancelled, Error)).message, "enough");
    await untilWaiting(a, 1);
    await a.release();
    assertStrictEquals(await next, true);
    await c.release();
    assertEquals(await a.locked(), false);
  });

  test(`${name} ignores a signal that aborts when it is held`, 2, async (a, b) => {
    await a.acquire();
    const controller = new AbortController();
    const waiting = b.acquire({ signal: controller.signal });
    await untilWaiting(a, 1);
    await a.release();
    assertStrictEquals(await waiting, true);
    controller.abort(REASON);
    await settle();
    assertEquals(await a.locked(), true);
    await b.release();
  });

  test(
    `${name}.release() of a free lock throws [cpython: ThreadingExceptionTests.test_releasing_unacquired_lock]`,
    1,
    async (lock) => {
      const release = async () => await lock.release();
      await assertRejects(release, InvalidStateError, "nobody holds it");
      await lock.acquire();
      await lock.release();
      await assertRejects(release, InvalidStateError, "nobody holds it");
    },
  );
}

/** What a lock without an owner does. */
export function lockContract(name: string, subject: LockSubject): void {
  baseLockContract(name, subject);

  Deno.test(`${name}.acquire() in the hands of its holder waits for somebody's release [cpython: LockTests.test_reacquire]`, () =>
    withHandles(subject.open(2), async (a, b) => {
      await a.acquire();
      const again = a.acquire();
      await assertPending(again, "the second acquire");
      await b.release();
      assertStrictEquals(await again, true);
      await a.release();
    }));

  Deno.test(`${name}.release() is open to everybody [cpython: LockTests.test_different_thread]`, () =>
    withHandles(subject.open(2), async (a, b) => {
      await a.acquire();
      await b.release();
      assertStrictEquals(await a.acquire({ timeoutMs: 0 }), true);
      await a.release();
    }));

  Deno.test(`${name} is free and usable after an acquire that timed out and a release [cpython: LockTests.test_state_after_timeout]`, () =>
    withHandles(subject.open(2), async (a, b) => {
      await a.acquire();
      assertStrictEquals(await b.acquire({ timeoutMs: SHORT_MS }), false);
      await a.release();
      assertEquals(await a.locked(), false);
      assertStrictEquals(await a.acquire({ timeoutMs: 0 }), true);
      await a.release();
    }));

  Deno.test(`${name} can be held once, and released once [cpython: _TestLock.test_lock]`, () =>
    withHandles(subject.open(1), async (lock) => {
      assertStrictEquals(await lock.acquire(), true);
      assertStrictEquals(await lock.acquire({ timeoutMs: 0 }), false);
      assertStrictEquals(await lock.release(), undefined);
      await assertRejects(async () => await lock.release(), InvalidStateError);
    }));

  Deno.test(`${name}.hold() holds the lock for a block [cpython: _TestLock.test_lock_context]`, () =>
    withHandles(subject.open(1), async (lock) => {
      {
        await using _ = await lock.hold();
        assertEquals(await lock.locked(), true);
      }
      assertEquals(await lock.locked(), false);
    }));
}
