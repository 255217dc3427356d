import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CancelledError, spawn } from "../../coroutine/mod.ts";
import { fromWire } from "../../ipc/_portable.ts";
import { ConnectionClosedError, Event, Lock, Value } from "../../ipc/mod.ts";
import { settle } from "../support/settle.ts";
import { Condition } from "../../ipc/condition.ts";
import { RLock } from "../../ipc/rlock.ts";
import { conditionContract, type ConditionHandle } from "../contracts/condition_contract.ts";
import { untilWaiting } from "../contracts/_subject.ts";
import { leakTest } from "../support/leaks.ts";
import { openInChildren, startChildren } from "./_children.ts";

conditionContract("ipc.Condition", {
  open: (count) => openInChildren<ConditionHandle>(count, new Condition()),
});
conditionContract("ipc.Condition with an RLock", {
  open: async (count) => {
    const lock = new RLock();
    const opened = await openInChildren<ConditionHandle>(count, new Condition(lock));
    return {
      handles: opened.handles,
      [Symbol.asyncDispose]: async () => {
        // The condition does not own it.
        await lock.close();
        await opened[Symbol.asyncDispose]();
      },
    };
  },
});

Deno.test("ipc.Condition refuses what is no lock, and a lock of another process", async () => {
  assertThrows(() => new Condition({} as Lock), TypeError, '"lock" must be a Lock or an RLock');
  await using event = new Event();
  assertThrows(() => new Condition(event as unknown as Lock), TypeError);
  const wire = { type: "ipc.Lock", data: { port: 1, id: "elsewhere" } };
  const elsewhere = fromWire(wire) as Lock;
  assertThrows(() => new Condition(elsewhere), TypeError, "lives in another process");
});

Deno.test("ipc.Condition.wait() gives up all of an RLock, and takes all back", async () => {
  await using lock = new RLock();
  await using changed = new Condition(lock);
  for (let i = 0; i < 3; i++) await changed.acquire();
  const waiting = changed.wait();
  const owner = {};
  assertEquals(await lock.acquire({ owner }), true);
  await changed.notify(1, { owner });
  await lock.release({ owner });
  assertEquals([await waiting, await lock.recursionCount()], [true, 3]);
  for (let i = 0; i < 3; i++) await changed.release();
  assertEquals(await lock.locked(), false);
});

Deno.test("ipc.Condition.waitFor() takes a predicate that answers a promise", async () => {
  await using changed = new Condition();
  await using value = new Value("int32", 0);
  const waiting = (async () => {
    await using _ = await changed.hold();
    return await changed.waitFor(async () => await value.get() >= 2 && "enough");
  })();
  for (let i = 0; i < 2; i++) {
    await using _ = await changed.hold();
    await value.add(1);
    await changed.notifyAll();
  }
  assertEquals(await waiting, "enough");
});

Deno.test("ipc.Condition.waitFor() refuses what is no function, and keeps the lock", async () => {
  await using changed = new Condition();
  await changed.acquire();
  await assertRejects(
    () => changed.waitFor(7 as never),
    TypeError,
    '"predicate" must be a function, got number',
  );
  assertEquals(await changed.locked(), true);
});

Deno.test("ipc.Condition that its owner closes ends every wait, whoever holds its lock", async () => {
  await using lock = new Lock();
  for (const given of [undefined, lock]) {
    const changed = new Condition(given);
    await changed.acquire();
    const waiting = assertRejects(() => changed.wait(), ConnectionClosedError);
    const acquiring = changed.acquire();
    assertEquals(await acquiring, true);
    await changed.close();
    if (given !== undefined) await lock.release();
    await waiting;
  }
  assertEquals(await lock.locked(), false);
});

Deno.test("ipc.Condition.wait() ends with the task that waits, which holds the lock then", async () => {
  await using changed = new Condition();
  const held: boolean[] = [];
  const task = spawn(async () => {
    await changed.acquire();
    try {
      await changed.wait();
    } finally {
      held.push(await changed.locked());
      await changed.release();
    }
  });
  while ((await changed.statistics()).waiting === 0) await settle();
  task.cancel();
  await assertRejects(async () => await task, CancelledError);
  assertEquals([held, await changed.locked()], [[true], false]);
});

leakTest(
  "ipc.Condition.wait() of a child that closes its handle ends, and its lock is given back",
  async () => {
    await using changed = new Condition();
    const [child] = await startChildren(1, changed);
    await using _child = child!;
    await child!.call(0, "acquire", []);
    const closed = assertRejects(() => child!.call(0, "wait", []), ConnectionClosedError);
    await untilWaiting(changed, 1);
    await child!.call(0, "close", []);
    await closed;
    await untilWaiting(changed, 0);
    assertEquals(await changed.acquire(), true);
    await changed.release();
  },
);
