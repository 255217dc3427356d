import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { CancelledError, InvalidStateError, RLock, spawn } from "../../coroutine/mod.ts";
import type { Opened } from "../contracts/_subject.ts";
import { rlockContract, type RLockHandle } from "../contracts/rlock_contract.ts";
import { createGates } from "../support/gate.ts";
import { assertPending, settle } from "../support/settle.ts";
import { opened, startOwner, type TaskOwner } from "./_owners.ts";

const REASON = new Error("enough");

rlockContract("RLock of given owners", {
  open: (count) => {
    const lock = new RLock();
    return Promise.resolve(opened(Array.from({ length: count }, () => ownedBy(lock, {}))));
  },
});

rlockContract("RLock of tasks", {
  open: (count): Promise<Opened<RLockHandle>> => {
    const lock = new RLock();
    const owners = Array.from({ length: count }, startOwner);
    return Promise.resolve({
      handles: owners.map((owner) => ownedByTask(lock, owner)),
      [Symbol.asyncDispose]: async () => {
        await Promise.all(owners.map((owner) => owner.end()));
      },
    });
  },
});

function ownedBy(lock: RLock, owner: object): RLockHandle {
  return {
    acquire: (options) => lock.acquire({ ...options, owner }),
    release: () => lock.release({ owner }),
    locked: () => lock.locked(),
    hold: (options) => lock.hold({ ...options, owner }),
    statistics: () => lock.statistics(),
    recursionCount: () => lock.recursionCount({ owner }),
    toString: () => lock.toString(),
  };
}

function ownedByTask(lock: RLock, owner: TaskOwner): RLockHandle {
  return {
    acquire: (options) => owner.run(() => lock.acquire(options)),
    release: () => owner.run(() => lock.release()),
    locked: () => lock.locked(),
    hold: (options) => owner.run(() => lock.hold(options)),
    statistics: () => lock.statistics(),
    recursionCount: () => owner.run(() => lock.recursionCount()),
    toString: () => lock.toString(),
  };
}

// Owners

Deno.test("RLock needs an owner outside of tasks", async () => {
  const lock = new RLock();
  const message = 'call it in a task (see "spawn") or pass "owner"';
  await assertRejects(() => lock.acquire(), InvalidStateError, message);
  await assertRejects(() => lock.hold(), InvalidStateError, message);
  assertThrows(() => lock.tryAcquire(), InvalidStateError, "Cannot acquire the lock");
  assertThrows(() => lock.release(), InvalidStateError, "nobody holds it");
  lock.tryAcquire({ owner: lock });
  assertThrows(() => lock.release(), InvalidStateError, message);
  assertEquals([lock.recursionCount(), lock.locked()], [0, true]);
});

Deno.test("RLock refuses an owner that is no object", async () => {
  const lock = new RLock();
  for (const bad of [null, 1, "me", Symbol()]) {
    const owner = bad as unknown as object;
    await assertRejects(() => lock.acquire({ owner }), TypeError, '"owner" must be an object');
    await assertRejects(() => lock.hold({ owner }), TypeError, '"owner" must be an object');
    assertThrows(() => lock.tryAcquire({ owner }), TypeError, '"owner" must be an object');
    assertThrows(() => lock.recursionCount({ owner }), TypeError, '"owner" must be an object');
  }
  assertEquals(lock.locked(), false);
});

Deno.test("RLock belongs to its task across awaits, and not to those that the task spawns", async () => {
  const lock = new RLock();
  const { held, unblock } = createGates("held", "unblock");
  const task = spawn(async () => {
    await lock.acquire();
    held.open();
    await unblock.wait();
    assertEquals(lock.recursionCount(), 1);
    assertEquals(await spawn(() => [lock.recursionCount(), lock.tryAcquire()]), [0, false]);
    assert(lock.tryAcquire());
    lock.release();
    lock.release();
  });
  await held.wait();
  assertStrictEquals(lock.statistics().owner, task);
  unblock.open();
  await task;
  assertStrictEquals(lock.statistics().owner, undefined);
});

Deno.test("RLock.release() on behalf of a task that has ended frees the lock", async () => {
  const lock = new RLock();
  const task = spawn(async () => {
    await lock.acquire();
    await lock.acquire();
  });
  await task;
  const waiting = lock.acquire({ owner: {} });
  for (let left = lock.recursionCount({ owner: task }); left > 0; left--) {
    lock.release({ owner: task });
  }
  assertStrictEquals(await waiting, true);
});

Deno.test("RLock.hold() gives a permit that releases for the one who acquired it, once", async () => {
  const lock = new RLock();
  const { permit } = await spawn(async () => ({ permit: await lock.hold() }));
  assertEquals(lock.locked(), true);
  permit[Symbol.dispose]();
  assertEquals(lock.locked(), false);
  const owner = {};
  lock.tryAcquire({ owner });
  permit[Symbol.dispose]();
  assertEquals(lock.recursionCount({ owner }), 1);
});

// Waiting

Deno.test("RLock.acquire() of a free lock and of one's own makes no promise", () => {
  const lock = new RLock();
  const owner = {};
  assertStrictEquals(lock.acquire({ owner }), lock.acquire({ owner }));
});

Deno.test("RLock hands the lock over: it is never free while somebody waits", async () => {
  const lock = new RLock();
  const [a, b, c] = [{}, {}, {}];
  lock.tryAcquire({ owner: a });
  const waiting = lock.acquire({ owner: b });
  lock.release({ owner: a });
  assertEquals([lock.tryAcquire({ owner: c }), lock.recursionCount({ owner: b })], [false, 1]);
  assertStrictEquals(await waiting, true);
});

Deno.test("RLock.acquire() that was handed the lock before the abort keeps it, one aborted before does not", async () => {
  const lock = new RLock();
  const [a, b, c] = [{}, {}, {}];
  lock.tryAcquire({ owner: a });
  const [early, late] = [new AbortController(), new AbortController()];
  const aborted = lock.acquire({ owner: b, signal: early.signal });
  const granted = lock.acquire({ owner: c, signal: late.signal });
  early.abort(REASON);
  lock.release({ owner: a });
  late.abort(REASON);
  assertStrictEquals(await assertRejects(() => aborted), REASON);
  assertStrictEquals(await granted, true);
  assertStrictEquals(lock.statistics().owner, c);
});

Deno.test("RLock gives an owner that left the line no better place when it comes again", async () => {
  const lock = new RLock();
  const [a, b, c] = [{}, {}, {}];
  lock.tryAcquire({ owner: a });
  const controller = new AbortController();
  const left = lock.acquire({ owner: b, signal: controller.signal });
  const second = lock.acquire({ owner: c });
  controller.abort(REASON);
  const third = lock.acquire({ owner: b });
  await assertRejects(() => left);
  lock.release({ owner: a });
  assertStrictEquals(await second, true);
  await assertPending(third, "the owner that came again");
  lock.release({ owner: c });
  assertStrictEquals(await third, true);
});

Deno.test("RLock goes on with those who come after all that waited have left", async () => {
  const lock = new RLock();
  for (let round = 0; round < 3; round++) {
    const [a, b, c, d] = [{}, {}, {}, {}];
    lock.tryAcquire({ owner: a });
    const controller = new AbortController();
    const left = lock.acquire({ owner: b, signal: controller.signal });
    controller.abort(REASON);
    lock.release({ owner: a });
    assertEquals(lock.locked(), false);
    await assertRejects(() => left);
    lock.tryAcquire({ owner: c });
    const waiting = lock.acquire({ owner: d });
    lock.release({ owner: c });
    assertStrictEquals(await waiting, true);
    lock.release({ owner: d });
  }
});

Deno.test("RLock.acquire() ends with the task that waits, and the next one is served", async () => {
  const lock = new RLock();
  const owner = {};
  lock.tryAcquire({ owner });
  const first = spawn(() => lock.acquire());
  const second = spawn(async () => {
    await lock.acquire();
    return lock.recursionCount();
  });
  await settle();
  first.cancel();
  assertEquals(lock.statistics().waiting, 1);
  lock.release({ owner });
  await assertRejects(async () => await first, CancelledError);
  assertEquals(await second, 1);
});

Deno.test("RLock lets 100,000 owners wait, leave from anywhere and be served in order", async () => {
  const lock = new RLock();
  const holder = {};
  lock.tryAcquire({ owner: holder });
  const count = 100_000;
  const served: number[] = [];
  const leaving: AbortController[] = [];
  const waits = Array.from({ length: count }, (_, i) => {
    const owner = {};
    if (i % 2 === 0) {
      return lock.acquire({ owner }).then(() => {
        served.push(i);
        lock.release({ owner });
      });
    }
    const controller = new AbortController();
    leaving.push(controller);
    return assertRejects(() => lock.acquire({ owner, signal: controller.signal }));
  });
  for (const controller of leaving) controller.abort(REASON);
  assertEquals(lock.statistics().waiting, count / 2);
  lock.release({ owner: holder });
  await Promise.all(waits);
  assert(served.every((i, at) => i === at * 2));
  assertEquals(served.length, count / 2);
  assertEquals(lock.statistics(), { locked: false, owner: undefined, count: 0, waiting: 0 });
});

// Text

Deno.test("RLock shows its state in one line", async () => {
  const lock = new RLock();
  const owner = {};
  assertEquals(String(lock), "RLock { unlocked }");
  lock.tryAcquire({ owner });
  lock.tryAcquire({ owner });
  assertEquals(Deno.inspect([lock]), "[ RLock { locked, count: 2 } ]");
  const waiting = lock.acquire({ owner: {} });
  assertEquals(String(lock), "RLock { locked, count: 2, waiting: 1 }");
  lock.release({ owner });
  lock.release({ owner });
  await waiting;
});
