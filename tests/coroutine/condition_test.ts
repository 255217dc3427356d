import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  CancelledError,
  Condition,
  InvalidStateError,
  Lock,
  RLock,
  sleep,
  spawn,
} from "../../coroutine/mod.ts";
import type { Opened } from "../contracts/_subject.ts";
import { conditionContract, type ConditionHandle } from "../contracts/condition_contract.ts";
import { countListeners } from "../support/listeners.ts";
import { assertPending, settle } from "../support/settle.ts";
import { opened, shared, startOwner, type TaskOwner } from "./_owners.ts";

const REASON = new Error("enough");

conditionContract("Condition", { open: (count) => shared(count, new Condition()) });

conditionContract("Condition with an RLock of given owners", {
  open: (count) => {
    const condition = new Condition(new RLock());
    return Promise.resolve(opened(Array.from({ length: count }, () => ownedBy(condition, {}))));
  },
});

conditionContract("Condition with an RLock of tasks", {
  open: (count): Promise<Opened<ConditionHandle>> => {
    const condition = new Condition(new RLock());
    const owners = Array.from({ length: count }, startOwner);
    return Promise.resolve({
      handles: owners.map((owner) => ownedByTask(condition, owner)),
      [Symbol.asyncDispose]: async () => {
        await Promise.all(owners.map((owner) => owner.end()));
      },
    });
  },
});

function ownedBy(condition: Condition, owner: object): ConditionHandle {
  return {
    acquire: (options) => condition.acquire({ ...options, owner }),
    release: () => condition.release({ owner }),
    locked: () => condition.locked(),
    hold: (options) => condition.hold({ ...options, owner }),
    wait: (options) => condition.wait({ ...options, owner }),
    waitFor: (predicate, options) => condition.waitFor(predicate, { ...options, owner }),
    notify: (n) => condition.notify(n, { owner }),
    notifyAll: () => condition.notifyAll({ owner }),
    statistics: () => condition.statistics(),
    toString: () => condition.toString(),
  };
}

function ownedByTask(condition: Condition, owner: TaskOwner): ConditionHandle {
  return {
    acquire: (options) => owner.run(() => condition.acquire(options)),
    release: () => owner.run(() => condition.release()),
    locked: () => condition.locked(),
    hold: (options) => owner.run(() => condition.hold(options)),
    wait: (options) => owner.run(() => condition.wait(options)),
    waitFor: <T>(predicate: () => T, options?: object) =>
      owner.run(() => condition.waitFor(predicate, options)) as Promise<T>,
    notify: (n) => owner.run(() => condition.notify(n)),
    notifyAll: () => owner.run(() => condition.notifyAll()),
    statistics: () => condition.statistics(),
    toString: () => condition.toString(),
  };
}

// The lock

Deno.test("Condition uses the lock that it is given, and several can share one", async () => {
  const lock = new Lock();
  const [full, empty] = [new Condition(lock), new Condition(lock)];
  await full.acquire();
  assertEquals([lock.locked(), empty.locked(), empty.tryAcquire()], [true, true, false]);
  const waiting = full.wait();
  assertEquals(lock.locked(), false);
  assert(empty.tryAcquire());
  empty.notify();
  full.notify();
  empty.release();
  assertStrictEquals(await waiting, true);
  assertEquals(lock.locked(), true);
});

Deno.test("Condition refuses a lock that is none", () => {
  for (const lock of [null, {}, 1, new Condition()]) {
    assertThrows(() => new Condition(lock as Lock), TypeError, '"lock" must be a Lock or an RLock');
  }
});

Deno.test("Condition.wait() gives up all levels of an RLock, and takes all back", async () => {
  const lock = new RLock();
  const condition = new Condition(lock);
  const waiter = spawn(async () => {
    for (let i = 0; i < 3; i++) await condition.acquire();
    assertStrictEquals(await condition.wait(), true);
    assertEquals(lock.recursionCount(), 3);
    for (let i = 0; i < 3; i++) condition.release();
  });
  await settle();
  assertEquals([lock.locked(), condition.statistics().waiting], [false, 1]);
  await spawn(async () => {
    using _ = await condition.hold();
    condition.notify();
    assertEquals(lock.statistics().waiting, 0);
    await settle();
    assertEquals(lock.statistics().waiting, 1);
  });
  await waiter;
  assertEquals(lock.locked(), false);
});

Deno.test("Condition with an RLock that another one holds says so", () => {
  const condition = new Condition(new RLock());
  condition.tryAcquire({ owner: {} });
  const notify = () => condition.notify(1, { owner: {} });
  assertThrows(notify, InvalidStateError, "its lock is held by another one");
});

// Cancellation

Deno.test("Condition.wait() of a task that is cancelled holds the lock before it throws", async () => {
  const condition = new Condition();
  const log: string[] = [];
  const task = spawn(async () => {
    using _ = await condition.hold();
    try {
      await condition.wait();
    } finally {
      log.push(`locked: ${condition.locked()}`);
    }
  });
  await settle();
  await condition.acquire();
  task.cancel();
  await assertPending(task.join(), "the task, while the lock is held");
  assertEquals(condition.statistics(), { locked: true, waiting: 0, acquiring: 1 });
  condition.release();
  await assertRejects(async () => await task, CancelledError);
  assertEquals([log, condition.locked()], [["locked: true"], false]);
});

for (const takesSignal of ["takes the signal", "does not take the signal"]) {
  Deno.test(`Condition.wait() of a task that ${takesSignal} and is cancelled after the notification passes it on`, async () => {
    const condition = new Condition();
    const waitOnce = async () => {
      using _ = await condition.hold();
      return await condition.wait();
    };
    const first = spawn(
      takesSignal === "takes the signal" ? (_signal: AbortSignal) => waitOnce() : () => waitOnce(),
    );
    const second = spawn(() => waitOnce());
    await settle();
    await condition.acquire();
    condition.notify();
    await settle();
    first.cancel();
    await assertPending(first.join(), "the task, while the lock is held");
    condition.release();
    await assertRejects(async () => await first, CancelledError);
    assertStrictEquals(await second, true);
    assertEquals(condition.statistics(), { locked: false, waiting: 0, acquiring: 0 });
  });
}

Deno.test("Condition.wait() of a task that is cancelled twice still takes the lock", async () => {
  const condition = new Condition();
  const task = spawn(async () => {
    using _ = await condition.hold();
    await condition.wait();
  });
  await settle();
  await condition.acquire();
  task.cancel();
  await settle();
  task.cancel();
  await assertPending(task.join(), "the task, while the lock is held");
  condition.release();
  await assertRejects(async () => await task, CancelledError);
  assertEquals(condition.locked(), false);
});

Deno.test("Condition.wait() in a cancelled task throws what is owed, and holds the lock", async () => {
  const condition = new Condition();
  const task = spawn(async () => {
    await condition.acquire();
    task.cancel();
    try {
      await condition.wait();
    } finally {
      assert(condition.locked());
      condition.release();
    }
  });
  await assertRejects(async () => await task, CancelledError);
  assertEquals(condition.statistics(), { locked: false, waiting: 0, acquiring: 0 });
});

Deno.test("Condition.wait() that was notified before the abort, with the lock free, is over", async () => {
  const condition = new Condition();
  const controller = new AbortController();
  await condition.acquire();
  const waiting = condition.wait({ signal: controller.signal });
  await condition.acquire();
  condition.notify();
  condition.release();
  controller.abort(REASON);
  assertStrictEquals(await waiting, true);
  assert(condition.locked());
});

Deno.test("Condition.wait() leaves no listener on its signal", async () => {
  const condition = new Condition();
  const { signal } = new AbortController();
  const listeners = countListeners(signal);
  await condition.acquire();
  const waiting = condition.wait({ signal });
  await condition.acquire();
  condition.notify();
  await settle();
  assertEquals(listeners.count, 1); // while it waits for the lock
  condition.release();
  await waiting;
  assertEquals(listeners.count, 0);
});

// Predicates

Deno.test("Condition.waitFor() refuses a predicate that is none, or answers a promise", async () => {
  const condition = new Condition();
  await condition.acquire();
  const none = () => condition.waitFor(1 as unknown as () => boolean);
  await assertRejects(none, TypeError, '"predicate" must be a function');
  const late = () => condition.waitFor(() => Promise.resolve(true));
  await assertRejects(late, TypeError, "it must answer at once");
  await assertRejects(() => condition.waitFor(() => spawn(() => true)), TypeError);
  assert(condition.locked());
});

Deno.test("Condition.waitFor() with timeoutMs 0 lets others have the lock once", async () => {
  const condition = new Condition();
  await condition.acquire();
  let isReady = false;
  const other = condition.acquire().then(() => {
    isReady = true;
    condition.release();
  });
  assertStrictEquals(await condition.waitFor(() => isReady, { timeoutMs: 0 }), true);
  await other;
});

Deno.test("Condition passes things from producers to consumers", async () => {
  const condition = new Condition();
  const items: number[] = [];
  const taken: number[] = [];
  const consume = async () => {
    for (let i = 0; i < 10; i++) {
      using _ = await condition.hold();
      await condition.waitFor(() => items.length > 0);
      taken.push(items.shift()!);
    }
  };
  const produce = async (first: number) => {
    for (let i = 0; i < 10; i++) {
      using _ = await condition.hold();
      items.push(first + i);
      condition.notify();
      if (i % 3 === 0) await sleep(0);
    }
  };
  await Promise.all([consume(), consume(), produce(0), produce(10)]);
  assertEquals(taken.toSorted((a, b) => a - b), Array.from({ length: 20 }, (_, i) => i));
});

Deno.test("Condition lets 100,000 wait and be woken in order", async () => {
  const condition = new Condition();
  const count = 100_000;
  const woken: number[] = [];
  const waits = Array.from({ length: count }, async (_, i) => {
    await condition.acquire();
    await condition.wait();
    woken.push(i);
    condition.release();
  });
  await settle();
  assertEquals(condition.statistics(), { locked: false, waiting: count, acquiring: 0 });
  await condition.acquire();
  condition.notifyAll();
  condition.release();
  await Promise.all(waits);
  assertEquals(woken.length, count);
  assert(woken.every((i, at) => i === at));
});

Deno.test("Condition shows its state in one line", async () => {
  const condition = new Condition();
  await condition.acquire();
  const waiting = condition.wait();
  assertEquals(Deno.inspect([condition]), "[ Condition { Lock { unlocked }, waiting: 1 } ]");
  await condition.acquire();
  condition.notify();
  assertEquals(String(condition), "Condition { Lock { locked } }");
  condition.release();
  await waiting;
});
