import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { InvalidStateError } from "../../coroutine/mod.ts";
import { assertPending } from "../support/settle.ts";
import { type Answer, type Handles, untilWaiting, withHandles } from "./_subject.ts";
import { baseLockContract, type LockHandle, type LockSubject } from "./lock_contract.ts";

/** A lock with an owner, as one owner sees it. */
export interface RLockHandle extends LockHandle {
  recursionCount(): Answer<number>;
}

/** What a lock that its owner can acquire again does. */
export function rlockContract(name: string, subject: LockSubject<RLockHandle>): void {
  baseLockContract(name, subject);

  function test(
    title: string,
    count: number,
    run: (...handles: Handles<RLockHandle>) => Promise<void>,
  ): void {
    Deno.test(title, () => withHandles(subject.open(count), run));
  }

  test(
    `${name} is free after as many releases as acquires [cpython: RLockTests.test_reacquire]`,
    2,
    async (a, b) => {
      for (let depth = 1; depth <= 3; depth++) {
        assertStrictEquals(await a.acquire(), true);
        assertEquals(await a.recursionCount(), depth);
      }
      await a.release();
      await a.release();
      assertStrictEquals(await b.acquire({ timeoutMs: 0 }), false);
      await a.release();
      assertStrictEquals(await b.acquire({ timeoutMs: 0 }), true);
      await b.release();
    },
  );

  test(
    `${name} takes three acquires and three releases, not four [cpython: _TestLock.test_rlock]`,
    1,
    async (lock) => {
      for (let i = 0; i < 3; i++) assertStrictEquals(await lock.acquire(), true);
      for (let i = 0; i < 3; i++) assertStrictEquals(await lock.release(), undefined);
      await assertRejects(async () => await lock.release(), InvalidStateError);
    },
  );

  test(
    `${name}.release() of what is not held throws, also after balanced use [cpython: RLockTests.test_release_unacquired]`,
    1,
    async (lock) => {
      const release = async () => await lock.release();
      await assertRejects(release, InvalidStateError);
      await lock.acquire();
      await lock.acquire();
      await lock.release();
      await lock.acquire();
      await lock.release();
      await lock.release();
      await assertRejects(release, InvalidStateError);
      assertEquals(await lock.locked(), false);
    },
  );

  test(
    `${name}.release() by another one throws and changes nothing [cpython: RLockTests.test_different_thread]`,
    2,
    async (a, b) => {
      await a.acquire();
      await assertRejects(async () => await b.release(), InvalidStateError, "another");
      assertEquals([await a.recursionCount(), await a.locked()], [1, true]);
      await a.release();
    },
  );

  test(
    `${name}.recursionCount() counts for the owner alone [cpython: RLockTests.test_recursion_count]`,
    2,
    async (a, b) => {
      assertEquals(await a.recursionCount(), 0);
      await a.acquire();
      await a.acquire();
      assertEquals([await a.recursionCount(), await b.recursionCount()], [2, 0]);
      await a.release();
      assertEquals([await a.recursionCount(), await b.recursionCount()], [1, 0]);
      await a.release();
      assertEquals([await a.recursionCount(), await b.recursionCount()], [0, 0]);
    },
  );

  test(
    `${name}.recursionCount() tells the owner from others [cpython: RLockTests.test__is_owned]`,
    2,
    async (a, b) => {
      assertEquals([await a.recursionCount() > 0, await b.recursionCount() > 0], [false, false]);
      await a.acquire();
      assertEquals([await a.recursionCount() > 0, await b.recursionCount() > 0], [true, false]);
      const waiting = b.acquire();
      await untilWaiting(a, 1);
      await a.release();
      await waiting;
      assertEquals([await a.recursionCount() > 0, await b.recursionCount() > 0], [false, true]);
      await b.release();
    },
  );

  test(`${name} lets the owner in again before those who wait`, 2, async (a, b) => {
    await a.acquire();
    const waiting = b.acquire();
    await untilWaiting(a, 1);
    assertStrictEquals(await a.acquire(), true);
    await a.release();
    await assertPending(waiting, "the other owner");
    await a.release();
    assertStrictEquals(await waiting, true);
    assertEquals(await b.recursionCount(), 1);
    await b.release();
  });

  test(`${name} ends all waits of one owner together`, 3, async (a, b, c) => {
    await a.acquire();
    const first = b.acquire();
    await untilWaiting(a, 1);
    const other = c.acquire();
    await untilWaiting(a, 2);
    const second = b.acquire();
    await untilWaiting(a, 3);
    await a.release();
    assertEquals(await Promise.all([first, second]), [true, true]);
    assertEquals(await b.recursionCount(), 2);
    await b.release();
    await assertPending(other, "the other owner");
    await b.release();
    assertStrictEquals(await other, true);
    await c.release();
    assertEquals(await a.locked(), false);
  });
}
