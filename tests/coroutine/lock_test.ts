import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { CancelledError, InvalidStateError, Lock, spawn } from "../../coroutine/mod.ts";
import { lockContract } from "../contracts/lock_contract.ts";
import { settle } from "../support/settle.ts";
import { shared } from "./_owners.ts";

const REASON = new Error("enough");

lockContract("Lock", { open: (count) => shared(count, new Lock()) });

// Without waiting

Deno.test("Lock.tryAcquire() takes a free lock only", () => {
  const lock = new Lock();
  assertEquals([lock.tryAcquire(), lock.tryAcquire(), lock.locked()], [true, false, true]);
  lock.release();
  assertEquals([lock.locked(), lock.tryAcquire()], [false, true]);
});

Deno.test("Lock.acquire() of a free lock makes no promise", () => {
  const lock = new Lock();
  const first = lock.acquire();
  lock.release();
  assertStrictEquals(lock.acquire({ timeoutMs: 10 }), first);
});

Deno.test("Lock.acquire() holds the lock before it is awaited", () => {
  const lock = new Lock();
  void lock.acquire();
  assert(lock.locked());
});

Deno.test("Lock.release() throws at once when nobody holds the lock", () => {
  const message = "Cannot release the lock: nobody holds it";
  assertThrows(() => new Lock().release(), InvalidStateError, message);
});

// Fairness

Deno.test("Lock.release() hands the lock over: it is never free while somebody waits", async () => {
  const lock = new Lock();
  await lock.acquire();
  const waiting = lock.acquire();
  lock.release();
  assertEquals([lock.locked(), lock.tryAcquire()], [true, false]);
  assertStrictEquals(await lock.acquire({ timeoutMs: 0 }), false);
  assertStrictEquals(await waiting, true);
});

Deno.test("Lock.acquire() that was handed the lock before the abort keeps it", async () => {
  const lock = new Lock();
  await lock.acquire();
  const controller = new AbortController();
  const waiting = lock.acquire({ signal: controller.signal });
  lock.release();
  controller.abort(REASON);
  assertStrictEquals(await waiting, true);
  lock.release();
  assertEquals(lock.statistics(), { locked: false, waiting: 0 });
});

Deno.test("Lock.acquire() that was aborted before the release gets nothing, in the same tick", async () => {
  const lock = new Lock();
  await lock.acquire();
  const controller = new AbortController();
  const waiting = lock.acquire({ signal: controller.signal });
  controller.abort(REASON);
  lock.release();
  assertStrictEquals(await assertRejects(() => waiting), REASON);
  assertEquals(lock.statistics(), { locked: false, waiting: 0 });
});

Deno.test("Lock clears the timer of a wait that was granted", async () => {
  const lock = new Lock();
  await lock.acquire();
  const waiting = lock.acquire({ timeoutMs: 60_000 });
  lock.release();
  assertStrictEquals(await waiting, true);
});

Deno.test("Lock lets 100,000 wait, leave from anywhere and be served in order", async () => {
  const lock = new Lock();
  await lock.acquire();
  const count = 100_000;
  const served: number[] = [];
  const leaving: AbortController[] = [];
  const waits = Array.from({ length: count }, (_, i) => {
    if (i % 2 === 0) {
      return lock.acquire().then(() => {
        served.push(i);
        lock.release();
      });
    }
    const controller = new AbortController();
    leaving.push(controller);
    return assertRejects(() => lock.acquire({ signal: controller.signal }));
  });
  assertEquals(lock.statistics().waiting, count);
  for (const controller of leaving) controller.abort(REASON);
  assertEquals(lock.statistics().waiting, count / 2);
  lock.release();
  await Promise.all(waits);
  assertEquals(served.length, count / 2);
  assert(served.every((i, at) => i === at * 2));
  assertEquals(lock.statistics(), { locked: false, waiting: 0 });
});

// Permits

Deno.test("Lock.hold() gives a permit that releases once, however often it is disposed", async () => {
  const lock = new Lock();
  const permit = await lock.hold();
  permit[Symbol.dispose]();
  assertEquals(lock.locked(), false);
  await lock.acquire();
  permit[Symbol.dispose]();
  assertEquals(lock.locked(), true);
});

Deno.test("Lock.hold() that was handed the lock before the abort keeps it", async () => {
  const lock = new Lock();
  await lock.acquire();
  const controller = new AbortController();
  const holding = lock.hold({ signal: controller.signal });
  lock.release();
  controller.abort(REASON);
  {
    using _ = await holding;
    assertEquals(lock.locked(), true);
  }
  assertEquals(lock.locked(), false);
});

// Tasks

Deno.test("Lock.acquire() ends with the task that waits, and the next one is served", async () => {
  const lock = new Lock();
  await lock.acquire();
  const first = spawn(() => lock.acquire());
  const second = spawn(() => lock.acquire());
  await settle();
  assertEquals(lock.statistics().waiting, 2);
  first.cancel();
  assertEquals(lock.statistics().waiting, 1);
  lock.release();
  await assertRejects(async () => await first, CancelledError);
  assertStrictEquals(await second, true);
});

Deno.test("Lock.acquire() that was handed the lock before its task was cancelled keeps it", async () => {
  const lock = new Lock();
  await lock.acquire();
  const task = spawn(async () => {
    const answer = await lock.acquire();
    lock.release();
    return answer;
  });
  await settle();
  lock.release();
  task.cancel();
  assertStrictEquals(await task, true);
  assertEquals(lock.locked(), false);
});

Deno.test("Lock.acquire() with a time limit and a signal rejects with the reason of the signal", async () => {
  const lock = new Lock();
  await lock.acquire();
  const controller = new AbortController();
  const waiting = lock.acquire({ timeoutMs: 60_000, signal: controller.signal });
  controller.abort(REASON);
  assertStrictEquals(await assertRejects(() => Promise.resolve(waiting)), REASON);
  assertEquals(lock.statistics(), { locked: true, waiting: 0 });
});

// Text

Deno.test("Lock shows its state in one line", async () => {
  const lock = new Lock();
  assertEquals(String(lock), "Lock { unlocked }");
  await lock.acquire();
  const waiting = [lock.acquire(), lock.acquire()];
  assertEquals(Deno.inspect({ lock }), "{ lock: Lock { locked, waiting: 2 } }");
  for (const _ of waiting) lock.release();
  await Promise.all(waiting);
});
