import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { BrokenBarrierError } from "../../coroutine/errors.ts";
import { packShared, unpackShared } from "../../thread/_shared.ts";
import { Barrier } from "../../thread/barrier.ts";
import { barrierContract } from "../contracts/barrier_contract.ts";
import { Gate } from "../support/gate.ts";
import { guard } from "../support/guard.ts";
import { assertPending } from "../support/settle.ts";
import { openInThreads } from "./_remote_objects.ts";

barrierContract("thread.Barrier", {
  open: (parties, settings) => {
    const barrier = new Barrier(parties, settings);
    return openInThreads(parties, barrier, settings?.action);
  },
});

/** The same barrier as another thread has it: without an action. */
function withoutAction(barrier: Barrier): Barrier {
  return unpackShared(structuredClone(packShared(barrier))) as Barrier;
}

Deno.test("thread.Barrier.waitSync() calls the action, and blocks nobody when there is one party", () => {
  const calls: string[] = [];
  const barrier = new Barrier(1, { action: () => calls.push("action") });
  assertEquals([barrier.waitSync(), barrier.waitSync(), calls.length], [0, 0, 2]);
  assertEquals(withoutAction(barrier).waitSync(), 0);
  assertEquals([calls.length, barrier.action?.()], [2, 3]);
});

Deno.test("thread.Barrier.waitSync() throws what its action throws, and is broken then", () => {
  const reason = new Error("enough");
  const barrier = new Barrier(1, {
    action: () => {
      throw reason;
    },
  });
  assertStrictEquals(assertThrows(() => barrier.waitSync()), reason);
  assertThrows(() => barrier.waitSync(), BrokenBarrierError);
  barrier.reset();
  barrier.action = () => Promise.resolve();
  assertThrows(() => barrier.waitSync(), TypeError, "its action answered a promise");
  assertEquals(barrier.broken, true);
});

Deno.test("thread.Barrier refuses an action that is no function", () => {
  assertThrows(
    () => new Barrier(1, { action: 7 as never }),
    TypeError,
    "must be a function, got number",
  );
  const barrier = new Barrier(1);
  assertThrows(() => barrier.action = "go" as never, TypeError, "must be a function, got string");
  assertEquals(barrier.action, undefined);
});

Deno.test("thread.Barrier has another party run its action when the last one has none", async () => {
  const gate = new Gate();
  let calls = 0;
  const barrier = new Barrier(3, {
    action: async () => {
      calls++;
      await gate.wait();
    },
  });
  const other = withoutAction(barrier);
  const waits = [other.wait(), barrier.wait(), other.wait()];
  await assertPending(Promise.race(waits), "the action");
  assertEquals([calls, barrier.nWaiting], [1, 0]);
  // Enough for the next round come meanwhile.
  const next = [barrier.wait(), other.wait(), other.wait()];
  await assertPending(Promise.race(next), "the next round");
  gate.open();
  assertEquals((await Promise.all(waits)).sort(), [0, 1, 2]);
  const passed = await guard(Promise.all(next), () => "the next round");
  assertEquals(passed.sort(), [0, 1, 2]);
  assertEquals(calls, 2);
});

for (const way of ["abort", "reset"] as const) {
  Deno.test(`thread.Barrier.${way}() while an action runs fails those who wait for it`, async () => {
    const gate = new Gate();
    const barrier = new Barrier(2, { action: () => gate.wait() });
    const other = withoutAction(barrier);
    const [first, last] = [other.wait(), barrier.wait()];
    await assertPending(first, "the action");
    other[way]();
    await assertRejects(() => first, BrokenBarrierError, `it was ${way}`);
    gate.open();
    await assertRejects(() => last, BrokenBarrierError, `it was ${way}`);
    assertEquals(barrier.broken, way === "abort");
  });
}
