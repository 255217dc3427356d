import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  CancelledError,
  currentTask,
  Event,
  Lock,
  Queue,
  Semaphore,
  sleep,
  spawn,
  type Task,
  timeout,
} from "../../coroutine/mod.ts";
import { createGates } from "../support/gate.ts";
import { guard } from "../support/guard.ts";
import { assertPending, settle } from "../support/settle.ts";

async function assertCancelled(task: Task<unknown>): Promise<void> {
  const ended = guard(task, () => `the cancellation of ${task}`);
  await assertRejects(() => ended, CancelledError);
}

// Waits of this library

Deno.test("A wait without a signal ends with its task and leaves no trace", async () => {
  const queue = new Queue<number>();
  const full = new Queue<number>(1);
  full.putNowait(0);
  const lock = new Lock();
  await lock.acquire();
  const semaphore = new Semaphore(0);
  const waits: (() => Promise<unknown>)[] = [
    () => queue.get(),
    () => full.put(1),
    () => full.join(),
    () => lock.acquire(),
    () => semaphore.acquire(),
    () => new Event().wait(),
    () => sleep(Infinity),
  ];
  for (const wait of waits) {
    const task = spawn(async () => void await wait());
    await settle();
    task.cancel();
    await assertCancelled(task);
  }
  lock.release();
  semaphore.release();
  assertEquals([lock.locked(), full.qsize(), await semaphore.acquire()], [false, 1, true]);
  queue.putNowait(1);
  assertEquals(queue.qsize(), 1);
});

Deno.test("A wait with a signal of its own listens only to that", async () => {
  const queue = new Queue<number>();
  const controller = new AbortController();
  const task = spawn(async () => await queue.get({ signal: controller.signal }));
  await settle();
  task.cancel();
  await settle();
  assertEquals(task.done(), false);
  queue.putNowait(1);
  assertEquals(await task, 1);
  const reason = new Error("own");
  const other = spawn(async () => await queue.get({ signal: controller.signal }));
  await settle();
  controller.abort(reason);
  assertStrictEquals(await assertRejects(async () => await other), reason);
});

Deno.test("A wait outside every task is not cancelled by one", async () => {
  const queue = new Queue<number>();
  const outside = queue.get();
  const task = spawn(() => queue.get());
  await settle();
  task.cancel();
  await assertCancelled(task);
  await assertPending(outside);
  queue.putNowait(1);
  assertEquals(await outside, 1);
});

Deno.test("Waits that go on side by side in a task all fail", async () => {
  const queue = new Queue<number>();
  const task = spawn(async () => {
    const results = await Promise.allSettled([queue.get(), sleep(Infinity), queue.get()]);
    return results.map((result) => result.status === "rejected" && result.reason.name);
  });
  await settle();
  task.cancel();
  assertEquals(await task, ["CancelledError", "CancelledError", "CancelledError"]);
});

Deno.test("An item that was granted before the cancellation is not lost", async () => {
  const queue = new Queue<number>();
  const task = spawn(() => queue.get());
  await settle();
  queue.putNowait(1);
  assertEquals(task.cancel(), true);
  assertEquals([await task, queue.qsize()], [1, 0]);
});

Deno.test("An item that comes after the cancellation goes to the next one, in the same tick", async () => {
  const queue = new Queue<number>();
  const cancelled = spawn(() => queue.get());
  const next = spawn(() => queue.get());
  await settle();
  cancelled.cancel();
  queue.putNowait(1);
  assertEquals(await next, 1);
  await assertCancelled(cancelled);
});

Deno.test("No item is lost when cancellations and items come in any order", async () => {
  const queue = new Queue<number>();
  const taken: number[] = [];
  const tasks = Array.from({ length: 200 }, () =>
    spawn(async () => {
      taken.push(await queue.get());
    }));
  await settle();
  for (let i = 0; i < 100; i++) {
    if (i % 3 === 0) tasks[i * 2]?.cancel();
    queue.putNowait(i);
    if (i % 3 === 1) tasks[i]?.cancel();
    if (i % 7 === 0) await Promise.resolve();
  }
  await settle();
  for (const task of tasks) task.cancel();
  await Promise.allSettled(tasks);
  while (!queue.empty()) taken.push(queue.getNowait());
  assertEquals(taken.toSorted((a, b) => a - b), Array.from({ length: 100 }, (_, i) => i));
});

Deno.test("A lock that was granted before the cancellation is held, and given back by finally", async () => {
  const lock = new Lock();
  await lock.acquire();
  const task = spawn(async () => {
    await lock.acquire();
    try {
      await sleep(0);
    } finally {
      lock.release();
    }
  });
  await settle();
  lock.release();
  task.cancel();
  await assertCancelled(task);
  assertEquals(lock.locked(), false);
});

// The signal

Deno.test("Task gives its function a signal that aborts with the CancelledError", async () => {
  let given: AbortSignal | undefined;
  const task = spawn(async (signal) => {
    given = signal;
    await sleep(Infinity);
  });
  await settle();
  assertStrictEquals(given, task.signal);
  assertEquals(given?.aborted, false);
  task.cancel("why");
  assertEquals([given?.aborted, given?.reason.cause], [true, "why"]);
  assertStrictEquals(await assertRejects(async () => await task), given?.reason);
});

Deno.test("Task gives the signal also to a function that passes on all it is given", async () => {
  const seen: AbortSignal[] = [];
  const wrapped = (...args: [AbortSignal]) => void seen.push(...args);
  const task = spawn(wrapped);
  await task;
  assertEquals(wrapped.length, 0);
  assertStrictEquals(seen[0], task.signal);
});

Deno.test("Task that is told by its signal is not disturbed in its cleaning up", async () => {
  const seen: unknown[] = [];
  const task = spawn(async (signal) => {
    try {
      // As fetch does it.
      await new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      );
    } finally {
      await sleep(0);
      seen.push("cleaned");
    }
  });
  await settle();
  task.cancel();
  await assertCancelled(task);
  assertEquals(seen, ["cleaned"]);
});

Deno.test("Task that asks for its own signal on the way is told by it as well", async () => {
  const seen: unknown[] = [];
  const task = spawn(async () => {
    const signal = currentTask()!.signal;
    try {
      await new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      );
    } finally {
      await sleep(0);
      seen.push("cleaned");
    }
  });
  await settle();
  task.cancel();
  await assertCancelled(task);
  assertEquals(seen, ["cleaned"]);
});

Deno.test("Task is still told by its next wait when others look at its signal", async () => {
  for (const lookAfter of [false, true]) {
    const { go } = createGates("go");
    const task = spawn(async () => {
      await go.wait();
      await sleep(Infinity);
    });
    if (!lookAfter) assertEquals(task.signal.aborted, false);
    await settle();
    task.cancel();
    assertEquals(task.signal.aborted, true);
    go.open();
    await assertCancelled(task);
  }
});

Deno.test("Task that was told by its signal and waits again fails with the next cancellation", async () => {
  const { go } = createGates("go");
  const seen: unknown[] = [];
  const task = spawn(async (signal) => {
    await go.wait();
    seen.push(signal.aborted);
    await sleep(0);
    await sleep(Infinity);
  });
  await settle();
  task.cancel();
  go.open();
  await settle();
  assertEquals([seen, task.done()], [[true], false]);
  task.cancel("again");
  assertEquals((await assertRejects(async () => await task, CancelledError)).cause, "again");
});

Deno.test("Task.uncancel() gives a fresh signal; the old one stays aborted", async () => {
  const task = spawn(async (signal) => {
    await sleep(Infinity).catch(() => {});
    currentTask()?.uncancel();
    return [signal.aborted, currentTask()?.signal.aborted];
  });
  await settle();
  task.cancel();
  assertEquals(await task, [true, false]);
});

Deno.test("Task.uncancel() leaves a function with the old signal, so its next wait tells it", async () => {
  const { heard, go } = createGates("heard", "go");
  const task = spawn(async (_signal) => {
    await sleep(Infinity).catch(() => {});
    currentTask()?.uncancel();
    heard.open();
    await go.wait();
    await sleep(Infinity);
  });
  await settle();
  task.cancel();
  await heard.wait();
  assertEquals(task.signal.aborted, false);
  task.cancel("again");
  go.open();
  assertEquals((await assertRejects(async () => await task, CancelledError)).cause, "again");
});

// Scopes in a task

Deno.test("Task.cancel() reaches waits within limits, also nested ones", async () => {
  const seen: string[] = [];
  const task = spawn(() =>
    timeout(60_000, () =>
      timeout(null, async (signal) => {
        await sleep(Infinity).catch((error) => {
          seen.push(error.name, String(signal.aborted));
          throw error;
        });
      }))
  );
  await settle();
  task.cancel();
  await assertCancelled(task);
  assertEquals(seen, ["CancelledError", "true"]);
});

Deno.test("A limit that begins when a cancellation is owed has an aborted signal", async () => {
  const { go } = createGates("go");
  const seen: unknown[] = [];
  const task = spawn(async () => {
    await timeout(60_000, async () => {
      await go.wait();
      await timeout(60_000, async (signal) => {
        seen.push(signal.aborted);
        await sleep(Infinity);
      });
    });
  });
  await settle();
  task.cancel();
  go.open();
  await assertCancelled(task);
  assertEquals(seen, [true]);
});

Deno.test("Task does not cancel the tasks that it has spawned and does not await", async () => {
  const { end } = createGates("end");
  const box: { child?: Task<string> } = {};
  const task = spawn(async () => {
    box.child = spawn(() => end.wait().then(() => "child"));
    await sleep(Infinity);
  });
  await settle();
  task.cancel();
  await assertCancelled(task);
  assert(box.child !== undefined && !box.child.done());
  end.open();
  assertEquals(await box.child, "child");
});
