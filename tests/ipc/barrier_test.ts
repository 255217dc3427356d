import { assertEquals, assertRejects } from "@std/assert";
import { Barrier, ConnectionClosedError } from "../../ipc/mod.ts";
import { barrierContract, type BarrierHandle } from "../contracts/barrier_contract.ts";
import { untilWaiting } from "../contracts/_subject.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending } from "../support/settle.ts";
import { openInChildren, startChildren } from "./_children.ts";

barrierContract("ipc.Barrier", {
  open: (parties, settings) =>
    openInChildren<BarrierHandle>(parties, new Barrier(parties, settings)),
});

leakTest(
  "ipc.Barrier is left by a child whose wait is cancelled, or that closes its handle",
  async () => {
    await using barrier = new Barrier(2);
    const [child] = await startChildren(1, barrier);
    await using _child = child!;
    const controller = new AbortController();
    const cancelled = child!.call(0, "wait", [{ signal: controller.signal }]);
    await untilWaiting(barrier, 1);
    controller.abort(new Error("enough"));
    await assertRejects(() => cancelled, Error, "enough");
    assertEquals(await barrier.statistics(), { parties: 2, waiting: 0, broken: false });
    const closed = assertRejects(() => child!.call(0, "wait", []));
    await untilWaiting(barrier, 1);
    await child!.call(0, "close", []);
    await closed;
    await untilWaiting(barrier, 0);
    assertEquals(await barrier.broken(), false);
  },
);

Deno.test("ipc.Barrier that its owner closes ends every wait", async () => {
  const barrier = new Barrier(2);
  const waiting = assertRejects(() => barrier.wait(), ConnectionClosedError);
  await barrier.close();
  await waiting;
});

leakTest(
  "ipc.Barrier.wait() without an end waits longer than the barrier itself, in a child too",
  async () => {
    await using barrier = new Barrier(2, { timeoutMs: 1 });
    const [child] = await startChildren(1, barrier);
    await using _child = child!;
    const longest = child!.call(0, "wait", [{ timeoutMs: Infinity }]);
    await untilWaiting(barrier, 1);
    await assertPending(longest, "the wait");
    const indices = await Promise.all([longest, barrier.wait({ timeoutMs: Infinity })]);
    assertEquals(indices.sort(), [0, 1]);
  },
);
