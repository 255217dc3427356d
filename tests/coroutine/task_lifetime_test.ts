import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { CancelledError, sleep, spawn, wait } from "../../coroutine/mod.ts";
import { createGates } from "../support/gate.ts";
import { settle } from "../support/settle.ts";
import { startProgram } from "../support/child_program.ts";

/** Runs a program with these lines, and tells what it wrote to standard error, and its exit code. */
async function outcomeOf(lines: string): Promise<{ code: number; stderr: string }> {
  const code = `
    import { asCompleted, gather, joinAll, shield, sleep, spawn, Task, wait, waitFor }
      from "@manyhands/concurrency/coroutine";
    const fail = () => { throw new Error("nobody saw this"); };
    console.log("READY");
    ${lines}
  `;
  await using program = await startProgram({ code });
  const status = await program.status;
  await settle();
  return { code: status.code, stderr: program.stderr };
}

// Failures that nobody sees

Deno.test("A failure that nobody awaits is reported by the runtime", async () => {
  for (
    const lines of [
      "spawn(fail);",
      "spawn(async () => { await sleep(1); fail(); });",
      "gather([fail]);",
      "shield(fail);",
      "const task = spawn(async () => { await sleep(5); fail(); }); await wait([task], { timeoutMs: 1 });",
      "spawn(fail).finally(() => {});",
    ]
  ) {
    const { code, stderr } = await outcomeOf(lines);
    assertEquals(code, 1, lines);
    assertMatch(stderr, /nobody saw this/, lines);
  }
});

Deno.test("A failure that somebody awaits or looks at is not reported, nor a cancellation [cpython: BaseTaskTests.test_tb_logger_not_called_after_cancel, CoroutineGatherTests.test_exception_marking]", async () => {
  const { code, stderr } = await outcomeOf(`
    await spawn(fail).catch(() => {});
    await spawn(fail).join();
    await wait([fail, () => Promise.reject(new Error("nobody saw this"))]);
    await gather([fail, fail, () => sleep(1).then(fail)]).catch(() => {});
    await gather([fail, fail], { returnExceptions: true });
    await shield(fail).catch(() => {});
    spawn(fail).addDoneCallback((task) => task.exception());
    // The runtime looks when this turn of the event loop is over: the task has failed by then.
    const failed = async () => {
      const task = spawn(fail);
      while (!task.done()) await null;
      return [task];
    };
    await (await failed())[0].join();
    await joinAll(await failed());
    await wait(await failed());
    await waitFor((await failed())[0]).catch(() => {});
    await gather(await failed()).catch(() => {});
    await shield((await failed())[0]).catch(() => {});
    for await (const task of asCompleted(await failed())) task.exception();
    const cancelled = spawn(() => sleep(Infinity));
    await sleep(0);
    cancelled.cancel();
    const both = gather([() => sleep(Infinity)]);
    both.cancel();
    const child = spawn(() => sleep(Infinity));
    gather([child]);
    child.cancel();
    spawn(fail).cancel();
    await sleep(5);
  `);
  assertEquals([code, stderr], [0, ""]);
});

// What is left behind

/** A signal that counts its listeners. */
function countedSignal(): { signal: AbortSignal; count(): number } {
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  Object.assign(signal, {
    addEventListener(...args: Parameters<typeof addEventListener>) {
      listeners++;
      addEventListener.apply(signal, args);
    },
    removeEventListener(...args: Parameters<typeof removeEventListener>) {
      listeners--;
      removeEventListener.apply(signal, args);
    },
  });
  return { signal, count: () => listeners };
}

Deno.test("10,000 tasks with one long-lived signal leave no listener", async () => {
  const { signal, count } = countedSignal();
  const { end } = createGates("end");
  const tasks = Array.from({ length: 10_000 }, (_, i) =>
    spawn(async () => {
      if (i % 2 === 0) await end.wait();
      else await sleep(Infinity);
    }, { signal }));
  assertEquals(count(), tasks.length);
  await settle();
  for (const [i, task] of tasks.entries()) if (i % 2 === 1) task.cancel();
  end.open();
  await Promise.allSettled(tasks);
  assertEquals(count(), 0);
});

Deno.test("wait(), join() and sleep() with one long-lived signal leave no listener", async () => {
  const { signal, count } = countedSignal();
  const task = spawn(() => sleep(Infinity));
  for (let turn = 0; turn < 10; turn++) {
    await wait([task], { signal, timeoutMs: 0 });
    await task.join({ signal, timeoutMs: 0 });
    await sleep(0, { signal });
  }
  assertEquals(count(), 0);
  task.cancel();
  await assertRejects(async () => await task, CancelledError);
});

Deno.test("Task that has awaited 10,000 others does not cancel them: it keeps no waits", async () => {
  let cancels = 0;
  const task = spawn(async () => {
    for (let i = 0; i < 10_000; i++) {
      const inner = spawn(async () => {
        for (let turn = 0; turn < 5; turn++) await Promise.resolve();
        return i;
      });
      inner.cancel = () => ++cancels > 0;
      await inner;
    }
    await sleep(Infinity);
  });
  while (task.cancelling() === 0) {
    await settle();
    task.cancel();
  }
  await assertRejects(async () => await task, CancelledError);
  assertEquals(cancels, 0);
});
