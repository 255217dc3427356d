import { assert, assertEquals } from "@std/assert";
import {
  gather,
  InvalidStateError,
  sleep,
  spawn,
  type Task,
  TimeoutError,
  wait,
} from "../../coroutine/mod.ts";
import { createGates } from "../support/gate.ts";
import { settle } from "../support/settle.ts";
import { cancellationOf, hang } from "./_task_work.ts";

Deno.test("Task that awaits a task that is cancelled is cancelled too [cpython: BaseTaskTests.test_cancel_inner_future]", async () => {
  const inner = spawn(() => hang());
  const outer = spawn(async () => await inner);
  await settle();
  inner.cancel();
  await cancellationOf(outer);
  assertEquals([outer.cancelled(), outer.cancelling()], [true, 0]);
});

Deno.test("Task that is cancelled together with the one that it awaits [cpython: BaseTaskTests.test_cancel_both_task_and_inner_future]", async () => {
  const seen: string[] = [];
  const inner = spawn(() => hang(seen));
  const outer = spawn(async () => await inner);
  await settle();
  assertEquals([inner.cancel(), outer.cancel()], [true, true]);
  await cancellationOf(outer);
  assertEquals([inner.cancelled(), outer.cancelled(), seen], [true, true, ["task"]]);
});

Deno.test("Task that is cancelled cancels the one that it awaits, and waits for it [cpython: BaseTaskTests.test_cancel_awaited_task, BaseTaskTests.test_task_cancel_waiter_future]", async () => {
  const { cleaned } = createGates("cleaned");
  const inner = spawn(async () => {
    try {
      await sleep(Infinity);
    } finally {
      await cleaned.wait();
    }
  });
  const outer = spawn(async () => await inner);
  await settle();
  outer.cancel();
  await settle();
  assertEquals([inner.done(), outer.done()], [false, false]);
  cleaned.open();
  await cancellationOf(outer);
  assert(inner.cancelled());
});

Deno.test("Task that is cancelled between two waits cancels the task that it awaits next", async () => {
  const { go } = createGates("go");
  const seen: unknown[] = [];
  const inner = spawn(() => hang(seen));
  const task = spawn(async () => {
    await go.wait();
    await inner;
  });
  await settle();
  task.cancel();
  assertEquals(seen, []);
  go.open();
  await cancellationOf(task);
  assertEquals([seen, inner.cancelled()], [["task"], true]);
});

Deno.test("A second cancellation is passed on to the task that is awaited", async () => {
  const seen: string[] = [];
  const inner = spawn(async () => {
    try {
      await hang(seen, "work");
    } finally {
      await hang(seen, "cleaning up").catch(() => {});
    }
  });
  const outer = spawn(async () => await inner);
  await settle();
  outer.cancel();
  await settle();
  outer.cancel();
  await cancellationOf(outer);
  assertEquals([seen, inner.cancelling()], [["work", "cleaning up"], 2]);
});

Deno.test("Task that returns another one without await cancels it too, and not through its spawner", async () => {
  const inner = spawn(() => hang());
  const spawner = spawn(async () => {
    const outer = spawn(() => inner);
    await sleep(0);
    return { outer };
  });
  const { outer } = await spawner;
  const bystander = spawn(async () => {
    const outer = spawn(() => inner);
    await sleep(Infinity);
    return outer;
  });
  await settle();
  bystander.cancel();
  await cancellationOf(bystander);
  assertEquals(inner.cancelling(), 0);
  outer.cancel();
  await cancellationOf(outer);
  assert(inner.cancelled());
});

Deno.test("Task that awaits several at once cancels all of them", async () => {
  const seen: unknown[] = [];
  const inner = [spawn(() => hang(seen, 1)), spawn(() => hang(seen, 2))];
  const outer = spawn(() => Promise.all(inner));
  await settle();
  outer.cancel();
  await cancellationOf(outer);
  assertEquals(seen, [1, 2]);
});

Deno.test("A cancellation passes through nested awaits and can be handled outside [cpython: BaseTaskTests.test_yield_future_passes_cancel]", async () => {
  const { go } = createGates("go");
  const seen: string[] = [];
  const inner = async () => {
    try {
      await sleep(Infinity);
    } catch (error) {
      seen.push("inner");
      throw error;
    }
  };
  const outer = spawn(async () => {
    try {
      await (async () => await spawn(inner))();
    } catch {
      seen.push("outer");
    }
    await go.wait();
    return "went on";
  });
  await settle();
  outer.cancel();
  await settle();
  assertEquals(seen, ["inner", "outer"]);
  go.open();
  assertEquals(await outer, "went on");
});

Deno.test("Task that is cancelled in wait() and join() leaves the tasks alone [cpython: BaseTaskTests.test_yield_wait_does_not_shield_cancel]", async () => {
  const { end } = createGates("end");
  const inner = spawn(() => end.wait().then(() => "inner"));
  for (const waitForIt of [() => wait([inner]), () => inner.join()]) {
    const outer = spawn(async () => void await waitForIt());
    await settle();
    outer.cancel();
    await cancellationOf(outer);
    assertEquals([inner.done(), inner.cancelling()], [false, 0]);
  }
  end.open();
  assertEquals(await inner, "inner");
});

Deno.test("Two tasks that await each other can be cancelled", async () => {
  const one: Task<unknown> = spawn(async (): Promise<unknown> => await two);
  const two: Task<unknown> = spawn(async () => await Promise.race([one, sleep(Infinity)]));
  await settle();
  assertEquals(one.cancel(), true);
  await cancellationOf(one);
  await cancellationOf(two);
});

Deno.test("A chain of 1,000 tasks is cancelled from its end", async () => {
  let last: Task<unknown> = spawn(() => hang());
  const chain = [last];
  for (let link = 1; link < 1000; link++) {
    const before = last;
    chain.push(last = spawn(async () => await before));
  }
  await settle();
  last.cancel("all");
  assertEquals((await cancellationOf(last)).cause, "all");
  assert(chain.every((task) => task.cancelled()));
});

Deno.test("Task.cancel() ends a gather, a limit and a wait that go on in it", async () => {
  const seen: unknown[] = [];
  const task = spawn(async () => {
    try {
      await gather([() => hang(seen, 1), () => hang(seen, 2)]);
    } catch (error) {
      assert(!(error instanceof TimeoutError) && !(error instanceof InvalidStateError));
      throw error;
    }
  });
  await settle();
  task.cancel();
  await cancellationOf(task);
  assertEquals(seen, [1, 2]);
});
