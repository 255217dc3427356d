import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { InvalidStateError } from "../../coroutine/errors.ts";
import { spawn } from "../../coroutine/task.ts";
import { Condition } from "../../thread/condition.ts";
import type { Lock } from "../../thread/lock.ts";
import { RLock } from "../../thread/rlock.ts";
import { conditionContract } from "../contracts/condition_contract.ts";
import { settle } from "../support/settle.ts";
import { openInThreads } from "./_remote_objects.ts";

conditionContract("thread.Condition", {
  open: (count) => openInThreads(count, new Condition()),
});
conditionContract("thread.Condition with an RLock", {
  open: (count) => openInThreads(count, new Condition(new RLock())),
});

Deno.test("thread.Condition refuses what is no lock, and no predicate", async () => {
  assertThrows(() => new Condition({} as Lock), TypeError, '"lock" must be a Lock or an RLock');
  const changed = new Condition();
  using _ = await changed.hold();
  const bad = 7 as never;
  await assertRejects(
    () => changed.waitFor(bad),
    TypeError,
    '"predicate" must be a function, got number',
  );
  assertThrows(() => changed.waitForSync(bad), TypeError, "got number");
  const later = () => Promise.resolve(true);
  await assertRejects(() => changed.waitFor(later), TypeError, "the predicate answered a promise");
  assertThrows(() => changed.waitForSync(later), TypeError, "the predicate answered a promise");
});

Deno.test("thread.Condition.waitSync() that is over in time has the lock as before", () => {
  const rlock = new RLock();
  for (const changed of [new Condition(), new Condition(rlock)]) {
    assertThrows(() => changed.waitSync(), InvalidStateError, "its lock is not held");
    changed.acquireSync();
    if (changed.statistics().locked && String(changed).includes("RLock")) rlock.acquireSync();
    for (const timeoutMs of [0, 2]) {
      assertEquals(changed.waitSync({ timeoutMs }), false);
      assertEquals(changed.statistics(), { locked: true, waiting: 0, acquiring: 0 });
      assertEquals(changed.waitForSync(() => 0, { timeoutMs }), 0);
    }
    changed.release();
  }
  assertEquals(rlock.recursionCount(), 1);
  rlock.release();
});

Deno.test("thread.Condition.wait() gives up all of an RLock, and takes all back", async () => {
  const lock = new RLock();
  const changed = new Condition(lock);
  const task = spawn(async () => {
    for (let n = 0; n < 3; n++) await lock.acquire();
    const isNotified = await changed.wait();
    const count = lock.recursionCount();
    for (let n = 0; n < 3; n++) lock.release();
    return [isNotified, count];
  });
  await settle();
  await changed.acquire();
  await assertRejects(
    () => spawn(() => changed.wait()).then(),
    InvalidStateError,
    "its lock is held by another one",
  );
  changed.notify();
  changed.release();
  assertEquals(await task, [true, 3]);
  assertEquals(lock.locked(), false);
});
