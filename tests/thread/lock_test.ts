import { assert, assertEquals, assertThrows } from "@std/assert";
import { InvalidStateError, TimeoutError } from "../../coroutine/errors.ts";
import { Lock } from "../../thread/lock.ts";
import { lockContract } from "../contracts/lock_contract.ts";
import { countListeners } from "../support/listeners.ts";
import { openInThreads } from "./_remote_objects.ts";

lockContract("thread.Lock", { open: (count) => openInThreads(count, new Lock()) });

Deno.test("thread.Lock.acquireSync() answers false when its time is over, and has left the line", () => {
  const lock = new Lock();
  assert(lock.tryAcquire());
  assertEquals(lock.acquireSync({ timeoutMs: 2 }), false);
  assertEquals(lock.statistics(), { locked: true, waiting: 0 });
  lock.release();
  assertEquals([lock.acquireSync({ timeoutMs: 2 }), lock.locked()], [true, true]);
});

Deno.test("thread.Lock.acquire() leaves no listener at its signal, however it ends", async () => {
  const lock = new Lock();
  assert(lock.tryAcquire());
  const abort = new AbortController();
  const listeners = countListeners(abort.signal);
  const waits = Array.from({ length: 3 }, () => lock.acquire({ signal: abort.signal }));
  assertEquals(listeners.count, 3);
  lock.release();
  assertEquals(await waits[0], true);
  assertEquals(listeners.count, 2);
  assertEquals(await lock.acquire({ signal: abort.signal, timeoutMs: 1 }), false);
  assertEquals(listeners.count, 2);
  abort.abort("why");
  assertEquals(await Promise.all(waits.slice(1).map((wait) => wait.catch(String))), ["why", "why"]);
  assertEquals([listeners.count, lock.statistics().waiting], [0, 0]);
});

Deno.test("thread.Lock.acquire() that was granted before the abort has the lock", async () => {
  const lock = new Lock();
  assert(lock.tryAcquire());
  const abort = new AbortController();
  const waiting = lock.acquire({ signal: abort.signal });
  lock.release();
  abort.abort("too late");
  assertEquals(await waiting, true);
  assertEquals(lock.statistics(), { locked: true, waiting: 0 });
  lock.release();
  assertEquals(lock.tryAcquire(), true);
});

Deno.test("thread.Lock.holdSync() holds the lock for a block, and throws when its time is over", () => {
  const lock = new Lock();
  {
    using _ = lock.holdSync();
    assertThrows(
      () => lock.holdSync({ timeoutMs: 2 }),
      TimeoutError,
      "Cannot acquire the lock: others held it for 2 ms",
    );
    assertEquals(lock.locked(), true);
  }
  assertEquals(lock.locked(), false);
});

Deno.test("thread.Lock.markConsistent() is for a lock that is held", () => {
  const lock = new Lock();
  assertThrows(
    () => lock.markConsistent(),
    InvalidStateError,
    "the lock is not held, acquire it first",
  );
  using _ = lock.holdSync();
  lock.markConsistent();
});
