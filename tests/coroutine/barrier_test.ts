import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  Barrier,
  BrokenBarrierError,
  CancelledError,
  currentTask,
  Event,
  spawn,
} from "../../coroutine/mod.ts";
import { barrierContract } from "../contracts/barrier_contract.ts";
import { createGates, Gate } from "../support/gate.ts";
import { assertPending, settle } from "../support/settle.ts";
import { shared } from "./_owners.ts";

const REASON = new Error("enough");

barrierContract("Barrier", {
  open: (parties, settings) => shared(parties, new Barrier(parties, settings)),
});

Deno.test("Barrier refuses an action that is no function", () => {
  const action = "go" as unknown as () => void;
  assertThrows(() => new Barrier(2, { action }), TypeError, '"action" must be a function');
});

Deno.test("Barrier.parties, nWaiting and broken tell its state", async () => {
  const barrier = new Barrier(2);
  const waiting = barrier.wait();
  assertEquals([barrier.parties, barrier.nWaiting, barrier.broken], [2, 1, false]);
  barrier.abort();
  await assertRejects(() => waiting, BrokenBarrierError, "it was aborted");
  assertEquals([barrier.parties, barrier.nWaiting, barrier.broken], [2, 0, true]);
});

Deno.test("Barrier.wait() gives the indices in the order in which the parties came", async () => {
  const barrier = new Barrier(3);
  assertEquals(await Promise.all([1, 2, 3].map(() => barrier.wait())), [0, 1, 2]);
});

Deno.test("Barrier.wait() that passed before the abort has passed", async () => {
  const barrier = new Barrier(2);
  const controller = new AbortController();
  const first = barrier.wait({ signal: controller.signal });
  const second = barrier.wait();
  controller.abort(REASON);
  barrier.abort();
  assertEquals(await Promise.all([first, second]), [0, 1]);
});

Deno.test("Barrier.wait() clears its timer when it passes", async () => {
  const barrier = new Barrier(2, { timeoutMs: 60_000 });
  assertEquals(await Promise.all([barrier.wait(), barrier.wait({ timeoutMs: 50_000 })]), [0, 1]);
});

Deno.test("Barrier.wait() ends with the task that waits, as if it had not come", async () => {
  const barrier = new Barrier(2);
  const task = spawn(() => barrier.wait());
  await settle();
  task.cancel();
  await assertRejects(async () => await task, CancelledError);
  assertEquals(barrier.statistics(), { parties: 2, waiting: 0, broken: false });
  assertEquals(await Promise.all([barrier.wait(), barrier.wait()]), [0, 1]);
});

// Actions that take their time

/** A barrier whose action waits at a gate, one for each round. */
function withSlowAction(
  parties: number,
): { barrier: Barrier; rounds: Gate[]; begun: () => number } {
  const rounds = [new Gate(), new Gate(), new Gate()];
  let begun = 0;
  const action = () => rounds[begun++]!.wait();
  return { barrier: new Barrier(parties, { action }), rounds, begun: () => begun };
}

Deno.test("Barrier waits for an action that answers a promise", async () => {
  const { barrier, rounds } = withSlowAction(2);
  const waits = Promise.all([barrier.wait(), barrier.wait()]);
  await assertPending(waits, "the parties, while the action runs");
  rounds[0]!.open();
  assertEquals(await waits, [0, 1]);
});

Deno.test("Barrier does not mix rounds: those who come while the action runs wait for the next one", async () => {
  const { barrier, rounds, begun } = withSlowAction(2);
  const first = [barrier.wait(), barrier.wait()];
  const second = [barrier.wait(), barrier.wait()];
  const third = [barrier.wait()];
  await settle();
  assertEquals([begun(), barrier.nWaiting], [1, 3]);
  rounds[1]!.open();
  await assertPending(Promise.race([...first, ...second]), "both rounds");
  rounds[0]!.open();
  assertEquals(await Promise.all(first), [0, 1]);
  assertEquals(await Promise.all(second), [0, 1]);
  assertEquals([begun(), barrier.nWaiting], [2, 1]);
  rounds[2]!.open();
  third.push(barrier.wait());
  assertEquals(await Promise.all(third), [0, 1]);
});

Deno.test("Barrier calls the action in the task that came last, also for a round that waited", async () => {
  const unblock = new Gate();
  const callers: (string | undefined)[] = [];
  const barrier = new Barrier(2, {
    action: async () => {
      callers.push(currentTask()?.name);
      await unblock.wait();
    },
  });
  const tasks = ["a", "b", "c", "d"].map((name) => spawn(() => barrier.wait(), { name }));
  await settle();
  unblock.open();
  assertEquals(await Promise.all(tasks), [0, 1, 0, 1]);
  assertEquals(callers, ["b", "d"]);
});

Deno.test("Barrier takes no notice of time limits and signals while the action runs", async () => {
  const { barrier, rounds } = withSlowAction(2);
  const controller = new AbortController();
  const waits = [barrier.wait({ timeoutMs: 5, signal: controller.signal }), barrier.wait()];
  controller.abort(REASON);
  await new Event().wait({ timeoutMs: 10 }); // longer than theirs
  rounds[0]!.open();
  assertEquals(await Promise.all(waits), [0, 1]);
});

Deno.test("Barrier breaks when its action rejects, for those who came meanwhile as well", async () => {
  const { fail } = createGates("fail");
  const barrier = new Barrier(2, { action: () => fail.wait().then(() => Promise.reject(REASON)) });
  const first = barrier.wait();
  const last = barrier.wait();
  const meanwhile = barrier.wait();
  fail.open();
  const error = await assertRejects(() => first, BrokenBarrierError, "its action failed");
  assertStrictEquals(error.cause, REASON);
  assertStrictEquals(await assertRejects(() => last), REASON);
  await assertRejects(() => meanwhile, BrokenBarrierError, "its action failed");
  assert(barrier.broken);
  barrier.reset();
  assertEquals(barrier.statistics(), { parties: 2, waiting: 0, broken: false });
});

for (const way of ["abort", "reset"] as const) {
  Deno.test(`Barrier.${way}() lets nobody wait for an action that runs`, async () => {
    const { barrier, rounds, begun } = withSlowAction(2);
    const waits = [barrier.wait(), barrier.wait()];
    await settle();
    barrier[way]();
    const [first, last] = waits;
    await assertRejects(() => first!, BrokenBarrierError, `it was ${way}`);
    await assertRejects(() => last!, BrokenBarrierError, `it was ${way}`);
    barrier.reset();
    const next = [barrier.wait(), barrier.wait()];
    // The end of the old action does not open the new round.
    rounds[0]!.open();
    await assertPending(Promise.race(next), "the next round");
    const late = [barrier.wait(), barrier.wait()];
    await settle();
    assertEquals(begun(), 2);
    rounds[1]!.open();
    assertEquals(await Promise.all(next), [0, 1]);
    rounds[2]!.open();
    assertEquals(await Promise.all(late), [0, 1]);
  });
}

Deno.test("Barrier.reset() between the rounds keeps the action of the next one from beginning", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let begun = 0;
  const action = () => {
    begun++;
    return promise;
  };
  const barrier = new Barrier(2, { action });
  const waits = [barrier.wait(), barrier.wait()];
  await settle();
  const next = [barrier.wait(), barrier.wait()];
  // Behind the barrier, which begins the next round then, and before those who wait for it.
  const reset = promise.then(() => barrier.reset());
  resolve();
  await reset;
  for (const wait of next) await assertRejects(() => wait, BrokenBarrierError, "it was reset");
  assertEquals(await Promise.all(waits), [0, 1]);
  await settle();
  assertEquals([begun, barrier.broken], [1, false]);
});

Deno.test("Barrier ignores what an action throws after a reset", async () => {
  const { fail } = createGates("fail");
  const barrier = new Barrier(1, { action: () => fail.wait().then(() => Promise.reject(REASON)) });
  const waiting = barrier.wait();
  barrier.reset();
  await assertRejects(() => waiting, BrokenBarrierError, "it was reset");
  fail.open();
  await settle();
  assertEquals(barrier.broken, false);
});

Deno.test("Barrier of one party gives the error of its action, and nothing unhandled", async () => {
  const barrier = new Barrier(1, { action: () => Promise.reject(REASON) });
  assertStrictEquals(await assertRejects(() => barrier.wait()), REASON);
  await settle();
  assert(barrier.broken);
});

Deno.test("Barrier shows its state in one line", async () => {
  const barrier = new Barrier(3);
  const waiting = barrier.wait();
  assertEquals(Deno.inspect([barrier]), "[ Barrier { waiting: 1 of 3 } ]");
  barrier.abort();
  assertEquals(String(barrier), "Barrier { broken }");
  await assertRejects(() => waiting, BrokenBarrierError);
});
