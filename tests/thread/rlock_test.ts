import { assertEquals, assertThrows } from "@std/assert";
import { InvalidStateError } from "../../coroutine/errors.ts";
import { spawn } from "../../coroutine/task.ts";
import { RLock } from "../../thread/rlock.ts";
import { rlockContract } from "../contracts/rlock_contract.ts";
import { openInThreads } from "./_remote_objects.ts";
import { doJobs } from "./_shared_jobs.ts";

rlockContract("thread.RLock", { open: (count) => openInThreads(count, new RLock()) });

Deno.test("RLock belongs to its thread: another one can neither take nor release it [cpython: RLockTests.test_different_thread]", async () => {
  const lock = new RLock();
  lock.acquireSync();
  lock.acquireSync();
  assertEquals(await doJobs(["meddle", { lock }]), [[
    ...[false, false, 0],
    "Cannot release the lock: another thread holds it, and only the owner can release it",
    "Cannot mark as consistent: the lock is not held, acquire it first",
  ]]);
  assertEquals(lock.statistics(), { locked: true, owner: 1, count: 2, waiting: 0 });
  lock.release();
  lock.release();
  assertThrows(() => lock.release(), InvalidStateError, "nobody holds it");
});

Deno.test("RLock excludes two tasks of one thread, and tells one that would block for ever", async () => {
  const lock = new RLock();
  const [isHeld, isDone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const holder = spawn(async () => {
    using _ = await lock.hold();
    // A function that blocks may be called by the task that has awaited the lock.
    assertEquals([lock.acquireSync(), lock.recursionCount()], [true, 2]);
    lock.release();
    isHeld.resolve();
    await isDone.promise;
  });
  await isHeld.promise;
  await spawn(() => {
    assertEquals([lock.tryAcquire(), lock.recursionCount()], [false, 0]);
    assertEquals(lock.acquireSync({ timeoutMs: 1 }), false);
    assertThrows(() => lock.acquireSync(), InvalidStateError, "a task of this thread holds it");
    assertThrows(() => lock.holdSync(), InvalidStateError, "a task of this thread holds it");
    assertThrows(() => lock.release(), InvalidStateError, "another task holds it");
  });
  const waiting = lock.acquire();
  isDone.resolve();
  await holder;
  assertEquals([await waiting, lock.recursionCount()], [true, 1]);
});
