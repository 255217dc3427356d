import { assert, assertEquals, assertRejects } from "@std/assert";
import { BrokenBarrierError } from "../../coroutine/errors.ts";
import { Barrier } from "../../thread/barrier.ts";
import { Condition } from "../../thread/condition.ts";
import { Event } from "../../thread/event.ts";
import { allocateIdent, MAIN_IDENT, markEnded, setCurrentIdent } from "../../thread/_ident.ts";
import { lockLine, standForOther } from "../../thread/_lock_lines.ts";
import { Lock } from "../../thread/lock.ts";
import { RLock } from "../../thread/rlock.ts";
import { Semaphore } from "../../thread/semaphore.ts";
import { CONTENDED } from "../../thread/_shared_line.ts";
import { guard } from "../support/guard.ts";
import { settle } from "../support/settle.ts";
import { dieAt, dieAtEachStep } from "./_dying.ts";

// A thread that dies at any of its steps in shared memory, each in turn.

function until<T>(promise: Promise<T>): Promise<T> {
  return guard(promise, () => "what the dead one owed", 5_000);
}

Deno.test("Lock.release() passes over one who waits and has died", async () => {
  const lock = new Lock();
  assert(lock.tryAcquire());
  const line = lockLine(lock);
  const dead = allocateIdent();
  line.lock();
  line.enter(0);
  line.join(0, dead);
  line.unlock();
  const waiting = lock.acquire();
  // Nobody has had a turn to notice.
  markEnded(dead);
  lock.release();
  // Whoever never had the lock has left nothing half done.
  assertEquals([await until(waiting), lock.ownerDied], [true, false]);
  assertEquals(lock.statistics(), { locked: true, waiting: 0 });
  lock.release();
});

for (const LockClass of [Lock, RLock]) {
  const { name } = LockClass;

  Deno.test(`${name}.acquireSync() that dies leaves the lock to others`, async () => {
    await dieAtEachStep({
      make: (): Lock | RLock => new LockClass(),
      act: (lock) => {
        lock.acquireSync();
      },
      check: async (lock) => {
        assertEquals(lock.locked(), false);
        assertEquals(await until(lock.acquire()), true);
        lock.release();
        assertEquals([lock.tryAcquire(), lock.statistics().waiting], [true, 0]);
      },
    });
  });

  Deno.test(`${name}.acquireSync() that dies while it waits swallows no grant`, async () => {
    await dieAtEachStep({
      make: () => {
        const lock: Lock | RLock = new LockClass();
        assert(lock.tryAcquire());
        return { lock, later: [] as Promise<boolean>[] };
      },
      act: ({ lock }) => {
        lock.acquireSync();
      },
      whileParked: ({ lock, later }) => {
        if (later.length > 0) return;
        // The one that dies is first in the line, and a living one comes behind it.
        if (lock instanceof Lock) later.push(lock.acquire());
        lock.release();
        if (lock instanceof RLock) later.push(lock.acquire());
      },
      check: async ({ lock, later }, died) => {
        assert(died || later.length > 0);
        for (const wait of later) assertEquals(await until(wait), true);
        // This thread holds it, once: from the beginning, or again.
        assertEquals([lock.locked(), lock.statistics().waiting], [true, 0]);
        lock.release();
        assertEquals(lock.tryAcquire(), true);
      },
    });
  });

  Deno.test(`${name}.release() that dies hands the lock over, once`, async () => {
    await dieAtEachStep({
      make: () => ({ lock: new LockClass() as Lock | RLock, waits: [] as Promise<boolean>[] }),
      act: ({ lock, waits }, outside) => {
        lock.acquireSync();
        outside(() => waits.push(lock.acquire(), lock.acquire()));
        lock.release();
      },
      check: async ({ lock, waits }) => {
        for (const wait of waits) {
          assertEquals(await until(wait), true);
          if (lock instanceof Lock) lock.release();
        }
        // Several waits of one owner end together.
        if (lock instanceof RLock) { for (const _ of waits) lock.release(); }
        assertEquals([lock.locked(), lock.statistics().waiting], [false, 0]);
        assertEquals(lock.tryAcquire(), true);
      },
    });
  });

  Deno.test(`Condition with ${name}.notify() that dies leaves those who wait to the next one`, async () => {
    await dieAtEachStep({
      make: () => {
        const condition = new Condition(new LockClass());
        condition.acquireSync();
        return { condition, wait: condition.wait() };
      },
      act: ({ condition }) => {
        condition.acquireSync();
        condition.notify();
        condition.release();
      },
      check: ({ condition, wait }) => assertNotifiable(condition, wait),
    });
  });

  Deno.test(`Condition with ${name}.waitSync() that dies loses no notification`, async () => {
    await dieAtEachStep({
      make: () => ({ condition: new Condition(new LockClass()), waits: [] as Promise<boolean>[] }),
      act: ({ condition }) => {
        condition.acquireSync();
        condition.waitSync();
        condition.release();
      },
      whileParked: ({ condition }) => {
        if (condition.statistics().waiting === 0 || !condition.tryAcquire()) return;
        condition.notify();
        condition.release();
      },
      check: async ({ condition }) => {
        assertEquals(await until(condition.acquire()), true);
        const wait = condition.wait();
        await until(condition.acquire());
        condition.notify();
        condition.release();
        assertEquals(await until(wait), true);
        condition.release();
        const { locked, waiting, acquiring } = condition.statistics();
        assertEquals([locked, waiting, acquiring], [false, 0, 0]);
      },
    });
  });
}

/** The one who waits can be notified, or was; nothing is left of the one who died. */
async function assertNotifiable(condition: Condition, wait: Promise<boolean>): Promise<void> {
  let isOver = false;
  const waited = wait.then((isNotified) => {
    isOver = true;
    return isNotified;
  });
  // It holds the lock when it was notified, so this cannot before it has gone on.
  const acquire = () => condition.tryAcquire();
  await until((async () => {
    while (!isOver) {
      if (acquire()) {
        condition.notify();
        condition.release();
      }
      await settle();
    }
  })());
  assertEquals([await waited, condition.locked()], [true, true]);
  condition.release();
  const { locked, waiting, acquiring } = condition.statistics();
  assertEquals([locked, waiting, acquiring], [false, 0, 0]);
}

/** The word of the lock that says who holds it. */
function holderOf(lock: Lock): number {
  return Atomics.load(lockLine(lock).head, 0);
}

Deno.test("Condition.notify() that dies while another thread holds the lock loses no waiter", async () => {
  for (let step = 0, died = true; died; step++) {
    const lock = new Lock();
    const condition = new Condition(lock);
    assert(condition.tryAcquire());
    const wait = condition.wait();
    assert(condition.tryAcquire());
    const dead = dieAt(() => condition.notify(), { step });
    died = dead.died;
    // The lock is released before the death is known, when that needs nothing of the dead one.
    const isAlone = holderOf(lock) === MAIN_IDENT;
    if (isAlone) condition.release();
    dead.bury();
    if (!isAlone) condition.release();
    // The one who waits hears of the death first.
    await settle();
    await assertNotifiable(condition, wait);
  }
});

Deno.test("Lock is free when one dies who mends it, and all who wait for it", () => {
  let tried = 0;
  for (let first = 0, isAlone = true; isAlone; first++) {
    for (let second = 0, died = true; isAlone && died; second++) {
      const lock = new Lock();
      assert(lock.tryAcquire());
      const waiting = allocateIdent();
      // As a condition does that notifies.
      const stand = () => void standForOther(lockLine(lock), waiting, 0, () => {});
      const notifier = dieAt(stand, { step: first });
      isAlone = holderOf(lock) === MAIN_IDENT;
      notifier.bury();
      lock.release();
      const mender = dieAt(() => lock.statistics(), { step: second });
      died = mender.died;
      // Only this state is of interest: the lock is taken for nobody.
      if (holderOf(lock) !== CONTENDED) continue;
      tried++;
      markEnded(waiting);
      mender.bury();
      assertEquals([lock.statistics().waiting, lock.locked(), lock.tryAcquire()], [0, false, true]);
    }
  }
  assert(tried > 0);
});

Deno.test("Semaphore.release() that dies has released or has not", async () => {
  await dieAtEachStep({
    make: () => {
      const semaphore = new Semaphore(0);
      return { semaphore, waits: [semaphore.acquire(), semaphore.acquire()] };
    },
    act: ({ semaphore }) => semaphore.release(),
    check: async ({ semaphore, waits }, died) => {
      await settle();
      const { waiting, value } = semaphore.statistics();
      assertEquals(value, 0);
      assert(waiting === 1 || died && waiting === 2, String(waiting));
      semaphore.release(waiting);
      for (const wait of waits) assertEquals(await until(wait), true);
      assertEquals(semaphore.value, 0);
      semaphore.release();
      assertEquals([semaphore.tryAcquire(), semaphore.tryAcquire()], [true, false]);
    },
  });
});

Deno.test("Semaphore.acquireSync() that dies while it waits swallows no place", async () => {
  await dieAtEachStep({
    make: () => ({ semaphore: new Semaphore(0), isReleased: false }),
    act: ({ semaphore }) => {
      semaphore.acquireSync();
    },
    whileParked: (world) => {
      if (world.isReleased) return;
      world.isReleased = true;
      world.semaphore.release();
    },
    check: async ({ semaphore, isReleased }, died) => {
      assertEquals(await semaphore.acquire({ timeoutMs: died ? 50 : 1 }), isReleased && died);
      assertEquals(semaphore.statistics().waiting, 0);
    },
  });
});

Deno.test("Event.set() that dies has woken all who wait, or is not set", async () => {
  await dieAtEachStep({
    make: () => {
      const event = new Event();
      return { event, waits: [event.wait(), event.wait()] };
    },
    act: ({ event }) => event.set(),
    check: async ({ event, waits }) => {
      if (!event.isSet()) event.set();
      for (const wait of waits) assertEquals(await until(wait), true);
      event.clear();
      assertEquals([event.isSet(), event.statistics().waiting], [false, 0]);
    },
  });
});

Deno.test("Barrier.waitSync() that dies leaves nobody behind", async () => {
  await dieAtEachStep({
    make: () => {
      const barrier = new Barrier(3);
      return { barrier, waits: [barrier.wait(), barrier.wait()].map(indexOrError) };
    },
    act: ({ barrier }) => {
      barrier.waitSync();
    },
    check: async ({ barrier, waits }, died) => {
      await settle();
      // It had not come: another one comes in its place.
      if (barrier.nWaiting === 2) {
        assert(died);
        assertEquals(await until(barrier.wait()), 2);
      }
      const answers: unknown[] = [];
      for (const wait of waits) answers.push(await until(wait));
      if (answers.some((answer) => answer instanceof BrokenBarrierError)) assert(barrier.broken);
      else assertEquals(answers, [0, 1]);
      barrier.reset();
      const again = [barrier.wait(), barrier.wait(), barrier.wait()];
      assertEquals(await until(Promise.all(again)), [0, 1, 2]);
    },
  });
});

function indexOrError(wait: Promise<number>): Promise<unknown> {
  return wait.catch((error: unknown) => error);
}

Deno.test("Barrier is broken for those who wait when the thread that runs its action dies", async () => {
  const barrier = new Barrier(3, { action: () => new Promise(() => {}) });
  const waits = [barrier.wait(), barrier.wait()];
  const dead = allocateIdent();
  setCurrentIdent(dead);
  // The last party: it runs the action, which never ends.
  void barrier.wait();
  setCurrentIdent(MAIN_IDENT);
  await settle();
  markEnded(dead);
  for (const wait of waits) {
    await assertRejects(
      () => until(wait),
      BrokenBarrierError,
      "the thread that ran its action has ended",
    );
  }
  assertEquals([barrier.broken, barrier.nWaiting], [true, 0]);
});
