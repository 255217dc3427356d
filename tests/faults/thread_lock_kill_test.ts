import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import {
  Barrier,
  Condition,
  Lock,
  RLock,
  Semaphore,
  type TargetFunction,
  Thread,
  Value,
} from "../../thread/mod.ts";
import { guard, GUARD_MS } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { settle } from "../support/settle.ts";
import * as targets from "./thread_lock_targets.ts";

const MODULE = new URL("thread_lock_targets.ts", import.meta.url);

type Words = Int32Array<SharedArrayBuffer>;

function makeWords(): Words {
  return new Int32Array(new SharedArrayBuffer(12));
}

/** A thread that can be killed in the midst of what it does. */
async function begin<F extends TargetFunction>(
  target: F,
  args: Parameters<F>,
): Promise<Thread<F>> {
  const thread = new Thread<F>({ module: MODULE, target, args, killable: true });
  await thread.start();
  // What it was killed in is no error that a test has to see.
  thread.result().catch(() => {});
  return thread;
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  const reach = async () => {
    while (!isSo()) await settle();
  };
  await guard(reach(), () => what);
}

const held = (words: Words) => until(() => Atomics.load(words, 0) === 1, "the lock to be held");

for (const LockClass of [Lock, RLock]) {
  const { name } = LockClass;

  leakTest(
    `${name} whose holder is killed in a loop goes to those who wait, awaiting and blocking`,
    async () => {
      const [lock, words] = [new LockClass(), makeWords()];
      const holder = await begin(targets.holdAndSpin, [lock, words]);
      await held(words);
      const waiting = await begin(targets.acquire, [lock]);
      await until(() => lock.statistics().waiting === 1, "a thread to wait");
      const awaiting = lock.acquire();
      assertEquals([lock.ownerDied, lock.tryAcquire()], [false, false]);
      const start = performance.now();
      await holder.terminate({ graceMs: GUARD_MS });
      assertEquals(await waiting.result(), true);
      assertEquals(await awaiting, true);
      // The second one ended with the lock, too, but by itself.
      assertLess(performance.now() - start, 2_000);
      assertEquals(lock.ownerDied, true);
      lock.markConsistent();
      lock.release();
      assertEquals([lock.locked(), lock.ownerDied], [false, false]);
      await waiting.join();
    },
  );

  leakTest(`${name} whose holder was killed while nobody waited is free`, async () => {
    const [lock, words] = [new LockClass(), makeWords()];
    await using holder = await begin(targets.holdAndSpin, [lock, words]);
    await held(words);
    await holder.terminate({ graceMs: GUARD_MS });
    assertEquals([lock.locked(), lock.ownerDied], [false, false]);
    assertEquals([lock.acquireSync(), lock.ownerDied], [true, true]);
  });

  leakTest(
    `${name} whose holder returned or threw goes to the main thread, which is blocked`,
    async () => {
      const [lock, words] = [new LockClass(), makeWords()];
      const thread = new Thread({
        module: MODULE,
        target: targets.holdAndEnd,
        args: [lock, words],
      });
      await thread.start();
      while (Atomics.load(words, 0) === 0) Atomics.wait(words, 0, 0, 20_000);
      // No turn of the event loop has told this thread of the end.
      assertEquals([lock.acquireSync({ timeoutMs: 20_000 }), lock.ownerDied], [true, true]);
      await thread.join();
    },
  );

  leakTest(`${name} that one waits for who is killed goes to the next one`, async () => {
    const [lock, words] = [new LockClass(), makeWords()];
    const holder = await begin(targets.holdUntil, [lock, words]);
    await held(words);
    const killed = await begin(targets.acquire, [lock]);
    await until(() => lock.statistics().waiting === 1, "a thread to wait");
    const later = lock.acquire();
    assertEquals(lock.statistics().waiting, 2);
    await killed.terminate({ graceMs: GUARD_MS });
    await until(() => lock.statistics().waiting === 1, "the dead one to be out of the line");
    Atomics.store(words, 1, 1);
    Atomics.notify(words, 1);
    assertEquals([await guard(later, () => "the lock"), lock.ownerDied], [true, false]);
    await holder.join();
  });

  leakTest(`${name} handed to one who is killed in the same moment goes on`, async () => {
    for (let round = 0; round < 10; round++) {
      const lock = new LockClass();
      lock.acquireSync();
      const killed = await begin(targets.acquire, [lock]);
      await until(() => lock.statistics().waiting === 1, "a thread to wait");
      const ended = killed.terminate({ graceMs: GUARD_MS });
      lock.release();
      assertEquals(await guard(lock.acquire(), () => "the lock"), true);
      await ended;
    }
  });

  leakTest(`${name} excludes while threads that count under it are killed at random`, async () => {
    const [lock, words] = [new LockClass(), makeWords()];
    for (let round = 0; round < 15; round++) {
      const threads = [
        await begin(targets.countForEver, [lock, words]),
        await begin(targets.countForEver, [lock, words]),
      ];
      const before = Atomics.load(words, 0);
      await until(() => Atomics.load(words, 0) > before + 50, "them to count");
      for (const thread of threads) await thread.terminate({ graceMs: GUARD_MS });
      assertEquals(await guard(lock.acquire(), () => "the lock"), true);
      // Unequal words were always announced.
      assertEquals(words[2], 0);
      assert(words[0] === words[1] || lock.ownerDied);
      if (lock.ownerDied) lock.markConsistent();
      words[1] = words[0]!;
      lock.release();
    }
  });
}

leakTest("RLock that was held twice by one who is killed is free at once", async () => {
  const [lock, words] = [new RLock(), makeWords()];
  const holder = await begin(targets.holdTwiceAndSpin, [lock, words]);
  await held(words);
  assertEquals(lock.statistics().count, 2);
  const waiting = lock.acquire();
  await holder.terminate({ graceMs: GUARD_MS });
  assertEquals([await waiting, lock.recursionCount(), lock.ownerDied], [true, 1, true]);
  lock.release();
  assertEquals(lock.locked(), false);
});

leakTest(
  "Lock of a thread that another one kills goes to the main thread, which is blocked",
  async () => {
    const [lock, words] = [new Lock(), makeWords()];
    await using killer = new Thread({
      module: MODULE,
      target: targets.holdAndBeKilled,
      args: [lock, words],
    });
    await killer.start();
    while (Atomics.load(words, 0) === 0) Atomics.wait(words, 0, 0, 20_000);
    assertEquals([lock.acquireSync({ timeoutMs: 20_000 }), lock.ownerDied], [true, true]);
    await killer.result();
  },
);

leakTest("Lock of a thread that goes down with the one that started it is free", async () => {
  const [lock, words] = [new Lock(), makeWords()];
  const parent = await begin(targets.holdInChild, [lock, words]);
  await held(words);
  const waiting = lock.acquire();
  await parent.terminate({ graceMs: GUARD_MS });
  assertEquals([await guard(waiting, () => "the lock"), lock.ownerDied], [true, true]);
});

leakTest(
  "Lock of a thread that this one has killed goes to it, also when it blocks at once",
  async () => {
    const [lock, words] = [new Lock(), makeWords()];
    const holder = await begin(targets.holdAndSpin, [lock, words]);
    await held(words);
    const ended = holder.terminate({ graceMs: GUARD_MS });
    // No turn of the event loop can tell of the end.
    assertEquals([lock.acquireSync({ timeoutMs: 20_000 }), lock.ownerDied], [true, true]);
    await ended;
  },
);

leakTest("Lock of a value goes on when its holder is killed", async () => {
  const [value, words] = [new Value("int32", 7), makeWords()];
  const holder = await begin(targets.holdValueAndSpin, [value, words]);
  await held(words);
  const lock = value.getLock();
  const waiting = lock.acquire();
  await holder.terminate({ graceMs: GUARD_MS });
  assertEquals([await waiting, lock.ownerDied, value.value], [true, true, 7]);
});

leakTest("Semaphore keeps the place of one who is killed until somebody releases it", async () => {
  const [semaphore, words] = [new Semaphore(1), makeWords()];
  const holder = await begin(targets.holdAndSpin, [semaphore, words]);
  await held(words);
  const killed = await begin(targets.acquire, [semaphore]);
  await until(() => semaphore.statistics().waiting === 1, "a thread to wait");
  const later = semaphore.acquire();
  await holder.terminate({ graceMs: GUARD_MS });
  await killed.terminate({ graceMs: GUARD_MS });
  await until(() => semaphore.statistics().waiting === 1, "the dead one to be out of the line");
  assertEquals(semaphore.value, 0);
  semaphore.release();
  assertEquals(await guard(later, () => "the place"), true);
});

leakTest("Condition whose lock is held by one who is killed notifies the others", async () => {
  const [condition, words] = [new Condition(), makeWords()];
  const killed = await begin(targets.waitFor, [condition]);
  await until(() => condition.statistics().waiting === 1, "a thread to wait");
  const living = await begin(targets.waitFor, [condition]);
  await until(() => condition.statistics().waiting === 2, "another thread to wait");
  const holder = await begin(targets.holdAndSpin, [condition, words]);
  await held(words);
  await killed.terminate({ graceMs: GUARD_MS });
  await holder.terminate({ graceMs: GUARD_MS });
  {
    using _ = await condition.hold();
    condition.notify();
  }
  // The one that was killed had waited longer: its notification is the other one's.
  assertEquals(await living.result(), true);
  await living.join();
  assertEquals(condition.locked(), false);
});

leakTest(
  "Condition.notify() of one who is killed before it has the lock again is not lost",
  async () => {
    for (let round = 0; round < 10; round++) {
      const condition = new Condition();
      const killed = await begin(targets.waitFor, [condition]);
      await until(() => condition.statistics().waiting === 1, "a thread to wait");
      await condition.acquire();
      const later = condition.wait().then((isNotified) => {
        condition.release();
        return isNotified;
      });
      await condition.acquire();
      condition.notify();
      const ended = killed.terminate({ graceMs: GUARD_MS });
      condition.release();
      await ended;
      // It had the lock again, or the other one is notified in its place or by the next call.
      {
        using _ = await condition.hold();
        condition.notify();
      }
      assertEquals(await guard(later, () => "the notification"), true);
    }
  },
);

leakTest("Barrier goes on without a party that is killed while it waits", async () => {
  const barrier = new Barrier(2);
  const killed = await begin(targets.meet, [barrier]);
  await until(() => barrier.nWaiting === 1, "the first party");
  await killed.terminate({ graceMs: GUARD_MS });
  await until(() => barrier.nWaiting === 0, "the dead one to be out of the line");
  const living = await begin(targets.meet, [barrier]);
  await until(() => barrier.nWaiting === 1, "the next party");
  assertEquals([await barrier.wait(), await living.result(), barrier.broken], [1, 0, false]);
  await living.join();
});

leakTest(
  "Thread.result() of one that threw with a lock says so, and the lock goes on",
  async () => {
    const lock = new Lock();
    const thread = await begin(targets.holdAndThrow, [lock]);
    await assertRejects(() => thread.result(), Error, "enough");
    assertEquals([await lock.acquire(), lock.ownerDied], [true, true]);
    await thread.join();
  },
);
