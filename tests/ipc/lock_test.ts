import {
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { CancelledError, InvalidStateError, spawn } from "../../coroutine/mod.ts";
import { decode } from "../../ipc/_encoding.ts";
import { ConnectionClosedError, Lock, Queue } from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { untilWaiting } from "../contracts/_subject.ts";
import { lockContract, type LockHandle } from "../contracts/lock_contract.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { settle } from "../support/settle.ts";
import { openInChildren, startChildren } from "./_children.ts";
import { acquireAndClose, acquireAndEnd, holdAndEnd, keep, passOn } from "./lock_targets.ts";

const TARGETS = import.meta.resolve("./lock_targets.ts");

lockContract("ipc.Lock", { open: (count) => openInChildren<LockHandle>(count, new Lock()) });

// Where it lives, and where it goes

Deno.test("ipc.Lock that is never passed on opens no port", async () => {
  await using lock = new Lock();
  await lock.acquire();
  assertEquals(await lock.locked(), true);
});

leakTest(
  "ipc.Lock is the same in siblings and grandchildren, and its owner gets itself back",
  async () => {
    await using lock = new Lock();
    await using back = new Queue<Lock>();
    const args: Parameters<typeof passOn> = [lock, back, 2];
    const permissions = { net: ["127.0.0.1"], run: [Deno.execPath(), "deno"] };
    await using child = new Process({ module: TARGETS, target: passOn, args, permissions });
    await lock.acquire();
    await child.start();
    const waits = async () => (await lock.statistics()).waiting;
    await guard(
      (async () => {
        while (await waits() < 3) await settle();
      })(),
      () => "the child, its child and that one's child to wait",
    );
    await lock.release();
    for (let i = 0; i < 3; i++) assertStrictEquals(await back.get(), lock);
    await child.join();
    assertEquals([child.exitCode, await lock.locked()], [0, false]);
    const { ownerDied } = await lock.statistics();
    assertEquals(ownerDied, false);
  },
);

leakTest(
  "ipc.Lock is given back, and tells, when a process ends or closes it while it holds it",
  async () => {
    for (const target of [acquireAndEnd, acquireAndClose]) {
      await using lock = new Lock();
      await using child = new Process({ module: TARGETS, target, args: [lock] });
      await child.start();
      await child.join();
      assertEquals(child.exitCode, 0);
      assertEquals([await lock.acquire(), lock.ownerDied], [true, true]);
      await lock.release();
    }
  },
);

leakTest("ipc.Lock is released by `using` without waiting, before the process ends", async () => {
  await using lock = new Lock();
  await using child = new Process({ module: TARGETS, target: holdAndEnd, args: [lock] });
  await child.start();
  await child.join();
  assertEquals([await lock.acquire({ timeoutMs: 0 }), lock.ownerDied], [true, false]);
  await lock.release();
});

Deno.test("ipc.Lock.markConsistent() needs the lock", async () => {
  await using lock = new Lock();
  await assertRejects(() => lock.markConsistent(), InvalidStateError, "acquire it first");
});

Deno.test("ipc.Lock.tryAcquire() takes a free lock only", async () => {
  await using lock = new Lock();
  assertEquals([await lock.tryAcquire(), await lock.tryAcquire()], [true, false]);
});

Deno.test("ipc.Lock.hold() gives a permit that releases once, however often it is disposed", async () => {
  await using lock = new Lock();
  const permit = await lock.hold();
  permit[Symbol.dispose]();
  assertEquals(await lock.locked(), false);
  await lock.acquire();
  permit[Symbol.dispose]();
  await permit[Symbol.asyncDispose]();
  assertEquals(await lock.locked(), true);
});

Deno.test("ipc.Lock that its owner closes ends every wait, and permits that are held", async () => {
  const lock = new Lock();
  const permit = await lock.hold();
  const waits = [lock.acquire(), lock.acquire({ timeoutMs: 60_000 }), lock.hold()];
  const failed = waits.map((wait) => assertRejects(() => wait, ConnectionClosedError));
  await lock.close();
  await Promise.all(failed);
  await permit[Symbol.asyncDispose]();
  for (const use of [() => lock.acquire(), () => lock.release(), () => lock.statistics()]) {
    await assertRejects(use, ConnectionClosedError, "the lock is closed");
  }
  assertEquals(String(lock), "Lock { closed }");
});

leakTest("ipc.Lock that its owner closes ends the waits of other processes", async () => {
  await using other = new Lock();
  const lock = new Lock();
  const [child] = await startChildren(1, lock);
  await using _child = child!;
  // The port stays open.
  await using queue = new Queue<Lock>();
  await using sibling = new Process({ module: TARGETS, target: keep, args: [queue, other] });
  await sibling.start();
  await lock.acquire();
  const waiting = child!.call(0, "acquire", []);
  await untilWaiting(lock, 1);
  await lock.close();
  const error = await assertRejects(() => waiting, ConnectionClosedError);
  assertStringIncludes(error.message, "its owner has closed it");
  await queue.put(other);
  await sibling.join();
});

Deno.test("ipc.Lock.acquire() ends with the task that waits", async () => {
  await using lock = new Lock();
  await lock.acquire();
  const task = spawn(() => lock.acquire());
  await untilWaiting(lock, 1);
  task.cancel();
  await assertRejects(async () => await task, CancelledError);
  assertEquals((await lock.statistics()).waiting, 0);
});

Deno.test("ipc.Lock refuses a reference that is not well formed", () => {
  for (const data of [null, 5, {}, { port: 1 }, { port: "1", id: "a" }]) {
    const head = new TextEncoder().encode(
      JSON.stringify([{ path: [], wire: { type: "ipc.Lock", data } }]),
    );
    const payload = new Uint8Array([0, 0, 0, head.length, ...head, 0]);
    assertThrows(() => decode(4, payload), TypeError, "Cannot receive a lock");
  }
});

leakTest("ipc.Lock.release() of a child throws when it has released before", async () => {
  await using lock = new Lock();
  const [child] = await startChildren(1, lock);
  await using _child = child!;
  for (let round = 0; round < 2; round++) {
    await child!.call(0, "acquire", []);
    await child!.call(0, "release", []);
    const again = () => child!.call(0, "release", []);
    await assertRejects(again, InvalidStateError, "nobody holds it");
  }
});

leakTest("ipc.Lock.hold() tells at its end that the lock is not held any more", async () => {
  await using lock = new Lock();
  const permit = await lock.hold();
  await lock.release();
  await assertRejects(() => permit[Symbol.asyncDispose](), InvalidStateError, "nobody holds it");
  // It was undone, or tried to be, once.
  await permit[Symbol.asyncDispose]();
  // Where the lock itself has ended, there is nothing to tell.
  const last = await lock.hold();
  await lock.close();
  await last[Symbol.asyncDispose]();
});

Deno.test("ipc.Lock.acquire() takes a signal and a time limit at once", async () => {
  await using lock = new Lock();
  await lock.acquire();
  const controller = new AbortController();
  const timeoutMs = 600_000;
  const waiting = lock.acquire({ timeoutMs, signal: controller.signal });
  await untilWaiting(lock, 1);
  const reason = new Error("enough");
  controller.abort(reason);
  const ended = guard(waiting, () => "the wait to end");
  assertStrictEquals(await assertRejects(() => ended), reason);
  assertEquals((await lock.statistics()).waiting, 0);
});
