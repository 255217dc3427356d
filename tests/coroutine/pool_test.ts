import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  type AsyncResult,
  CancelledError,
  ContextVar,
  currentTask,
  Event,
  Pool,
  Queue,
  reportProgress,
  sleep,
  spawn,
  TimeoutError,
} from "../../coroutine/mod.ts";
import { poolContract } from "../contracts/pool_contract.ts";
import { createGates } from "../support/gate.ts";
import { assertPending, settle } from "../support/settle.ts";

poolContract("Pool", {
  createPool: (size) => new Pool(size),
  createQueue: () => new Queue<number>(),
  errors: "same",
});

// Size

Deno.test("Pool takes any number of functions when its size is Infinity", async () => {
  await using pool = new Pool(Infinity);
  const gate = createGates("open").open;
  const list = pool.map(() => gate.wait(), Array.from({ length: 100 }));
  await settle();
  assertEquals(pool.statistics().running, 100);
  gate.open();
  await list;
});

Deno.test("Pool refuses a grace time that makes no sense", () => {
  assertThrows(() => new Pool(1, { graceMs: -1 }), RangeError, '"graceMs" must be 0 or more');
});

// The task of a call

Deno.test("Pool runs each function in a task of its own", async () => {
  await using pool = new Pool(2);
  const tasks = await pool.map(
    async () => {
      const before = currentTask();
      await 0;
      assertStrictEquals(currentTask(), before);
      return { task: before }; // a task itself would be awaited
    },
    Array.from({ length: 20 }),
    { chunkSize: 5 },
  );
  assertEquals(new Set(tasks.map(({ task }) => task)).size, 20);
  await settle();
  for (const { task } of tasks) assert(task!.done());
});

Deno.test("Pool gives functions that ask late a task of their own as well", async () => {
  await using pool = new Pool(1);
  const tasks = await pool.map(
    async (n: number) => {
      for (let hop = 0; hop < n; hop++) await 0;
      return { task: n % 2 === 0 ? currentTask() : undefined };
    },
    [0, 1, 2, 3, 4, 5, 6],
    { chunkSize: 7 },
  );
  assertEquals(new Set(tasks.map(({ task }) => task)).size, 5);
});

Deno.test("Pool gives what a function left running behind a task that has ended", async () => {
  await using pool = new Pool(1);
  const { go } = createGates("go");
  const { left } = await pool.apply(() => ({
    left: go.wait().then(() => ({ task: currentTask() })),
  }));
  go.open();
  const { task } = await left;
  await settle();
  assert(task!.done());
  assertEquals(await pool.apply(() => 1), 1);
});

Deno.test("Pool aborts the signal of the task, and ends its waits", async () => {
  await using pool = new Pool(2);
  const seen: unknown[] = [];
  const { started } = createGates("started");
  const result = pool.applyAsync(async () => {
    const { signal } = currentTask()!;
    signal.addEventListener("abort", () => seen.push(signal.reason));
    started.open();
    try {
      await sleep(Infinity);
    } finally {
      await sleep(0);
      seen.push("cleaned up");
    }
  });
  await started.wait();
  result.cancel("enough");
  const error = await assertRejects(() => result.get(), CancelledError);
  assertEquals([error.cause, seen.length, seen[1]], ["enough", 2, "cleaned up"]);
});

Deno.test("Pool lets a function succeed that catches its cancellation", async () => {
  await using pool = new Pool(1);
  const result = pool.applyAsync(async () => {
    await sleep(Infinity).catch(() => {});
    return "saved";
  });
  await settle();
  assert(result.cancel());
  assertEquals(await result, "saved");
});

Deno.test("Pool runs functions with the context variables of the caller", async () => {
  await using pool = new Pool(2);
  const user = new ContextVar("user", { default: "nobody" });
  const seen = await user.run("ann", () =>
    pool.map(
      async (n: number) => {
        const before = user.get();
        user.set(`${before} ${n}`);
        await 0;
        return user.get();
      },
      [1, 2, 3, 4],
      { chunkSize: 2 },
    ));
  assertEquals(seen, ["ann 1", "ann 2", "ann 3", "ann 4"]);
  assertEquals(user.get(), "nobody");
});

Deno.test("Pool calls back, reports and reads inputs where it was called", async () => {
  await using pool = new Pool(1);
  const user = new ContextVar("user", { default: "nobody" });
  const seen: string[] = [];
  await user.run("ann", async () => {
    await pool.applyAsync(() => reportProgress(1), [], {
      callback: () => seen.push(user.get()),
      onProgress: () => seen.push(user.get()),
    });
    function* input(): Generator<number> {
      seen.push(user.get());
      yield 1;
    }
    for await (const _ of pool.imap((n: number) => n, input())) seen.push("item");
  });
  assertEquals(seen, ["ann", "ann", "ann", "item"]);
});

Deno.test("Pool.apply() and map() that a task awaits are cancelled with it", async () => {
  await using pool = new Pool(1);
  const calls: (() => Promise<unknown>)[] = [
    () => pool.apply(() => sleep(Infinity)),
    () => pool.map(() => sleep(Infinity), [1, 2]),
    async () => await pool.applyAsync(() => sleep(Infinity)),
  ];
  for (const call of calls) {
    const task = spawn(call);
    await settle();
    task.cancel();
    await assertRejects(async () => await task, CancelledError);
    const { queued, running } = pool.statistics();
    assertEquals([queued, running], [0, 0]);
  }
});

Deno.test("AsyncResult that a task awaits is cancelled when the task was cancelled before", async () => {
  await using pool = new Pool(1);
  let result: AsyncResult<void> | undefined;
  const task = spawn(async () => {
    task.cancel("enough");
    result = pool.applyAsync(() => sleep(Infinity));
    await result;
  });
  await assertRejects(async () => await task, CancelledError);
  assertEquals(result!.cancelled(), true);
  const { queued, running, cancelled } = pool.statistics();
  assertEquals([queued, running, cancelled], [0, 0, 1]);
});

Deno.test("Pool.imap() takes nothing more from an input that has ended the pool", async () => {
  await using pool = new Pool(1);
  let taken = 0;
  function* items(): Generator<number> {
    for (;;) {
      if (++taken === 2) void pool.terminate();
      yield taken;
    }
  }
  const results = pool.imap((n: number) => n, items(), { lookAhead: 10 });
  await assertRejects(() => results.next(), CancelledError, "terminated");
  await pool.join();
  assertEquals([taken, pool.statistics().queued], [2, 0]);
});

Deno.test("Pool.stream() tells what the function returned that cannot be iterated", async () => {
  await using pool = new Pool(1);
  for (const [value, shown] of [[null, "null"], [7, "number"], ["text", "string"]] as const) {
    const values = pool.stream((() => value) as never);
    await assertRejects(() => values.next(), TypeError, `got ${shown}`);
  }
});

Deno.test("Pool.ready() with an aborted signal rejects with its reason", async () => {
  await using pool = new Pool(1);
  const reason = new Error("enough");
  const ready = pool.ready({ signal: AbortSignal.abort(reason) });
  assertStrictEquals(await assertRejects(() => ready), reason);
  await pool.ready({ signal: new AbortController().signal });
  pool.close();
  const late = pool.ready({ signal: AbortSignal.abort(reason) });
  assertStrictEquals(await assertRejects(() => late), reason);
});

Deno.test("AsyncResult.get() in a task that is cancelled only stops waiting", async () => {
  await using pool = new Pool(1);
  const { open } = createGates("open");
  const result = pool.applyAsync(() => open.wait());
  const task = spawn(() => result.get());
  await settle();
  task.cancel();
  await assertRejects(async () => await task, CancelledError);
  assertEquals(result.ready(), false);
  open.open();
  await result;
});

// What cannot be stopped

Deno.test("Pool gives up a function that does not end, and goes on", async () => {
  const pool = new Pool(1, { graceMs: 1 });
  const { open } = createGates("open");
  await assertRejects(() => pool.apply(() => open.wait(), [], { timeoutMs: 1 }), TimeoutError);
  assertEquals(await pool.apply(() => 7), 7);
  const { abandoned, running, runners } = pool.statistics();
  assertEquals([abandoned, running, runners], [1, 0, 1]);
  await pool.terminate();
  open.open();
});

Deno.test("Pool.terminate() tells that a function has not ended", async () => {
  const pool = new Pool(1, { graceMs: 1 });
  const { open } = createGates("open");
  const call = assertRejects(() => pool.apply(() => open.wait()), CancelledError);
  await settle();
  await assertRejects(() => pool.terminate(), TimeoutError, "1 of its runners");
  await call;
  open.open();
});

Deno.test("Pool.terminate() waits until functions have cleaned up", async () => {
  const pool = new Pool(1);
  const { started, open } = createGates("started", "open");
  let isClean = false;
  const call = assertRejects(() =>
    pool.apply(async () => {
      try {
        started.open();
        await sleep(Infinity);
      } finally {
        await open.wait();
        isClean = true;
      }
    }), CancelledError);
  await started.wait();
  const ended = pool.terminate();
  await call;
  await assertPending(ended, "terminate");
  open.open();
  await ended;
  assert(isClean);
});

// Calls from within

Deno.test("Pool does not come to a stand when its functions call it and wait", async () => {
  await using pool = new Pool(2);
  async function sum(depth: number): Promise<number> {
    if (depth === 0) return 1;
    const parts = await pool.map(sum, [depth - 1, depth - 1]);
    const one = await pool.applyAsync(sum, [0]).get();
    let streamed = 0;
    for await (const part of pool.imap(sum, [0, 0])) streamed += part;
    return parts[0]! + parts[1]! + one + streamed;
  }
  assertEquals(await pool.apply(sum, [4]), 61);
  await settle();
  const { queued, running, runners } = pool.statistics();
  assertEquals([queued, running], [0, 0]);
  assert(runners <= 2, `${runners} runners are left`);
});

Deno.test("AsyncResult.wait() in a function of the pool lets another one run meanwhile", async () => {
  await using pool = new Pool(1);
  const outer = pool.apply(async () => {
    const inner = pool.applyAsync(() => 7);
    return [await inner.wait(), inner.ready(), await inner.get()];
  });
  assertEquals(await outer, [true, true, 7]);
});

Deno.test("Pool runs no more functions than its size because one of them calls it", async () => {
  await using pool = new Pool(1);
  const release = new Event();
  let now = 0;
  let most = 0;
  const count = async () => {
    most = Math.max(most, ++now);
    await release.wait();
    now--;
  };
  const outer = pool.apply(async () => await pool.map(count, [1, 2, 3], { chunkSize: 1 }));
  await settle();
  release.set();
  await outer;
  assertEquals(most, 1);
});

Deno.test("Pool runs no more functions than its size after one of them has asked it for a result", async () => {
  await using pool = new Pool(1);
  const release = new Event();
  let now = 0;
  let most = 0;
  const count = async () => {
    most = Math.max(most, ++now);
    await release.wait();
    now--;
  };
  let others: AsyncResult<void[]> | undefined;
  const outer = pool.apply(async () => {
    await pool.applyAsync(() => 1).get();
    await pool.applyAsync(() => 1).wait();
    others = pool.mapAsync(count, [1, 2]); // is not waited for here
    await count();
  });
  await settle();
  release.set();
  await outer;
  await others;
  assertEquals(most, 1);
  assertEquals(pool.statistics().runners, 1);
});

// Chunks

Deno.test("Pool.map() never holds items up behind one that waits", async () => {
  await using pool = new Pool(2);
  const met = new Event();
  // The first one waits for the last one: they would be in one chunk.
  const seen = await pool.map(
    async (n: number) => {
      if (n === 0) await met.wait();
      if (n === 9) met.set();
      return n;
    },
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    { chunkSize: 10 },
  );
  assertEquals(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

Deno.test("Pool.map() runs as many as its size when instant functions begin to wait", async () => {
  await using pool = new Pool(3);
  const release = new Event();
  let waiting = 0;
  const list = pool.map(async (n: number) => {
    if (n < 2000) return n;
    waiting++;
    await release.wait();
    return n;
  }, Array.from({ length: 4000 }, (_, n) => n));
  await settle();
  assertEquals(waiting, 3);
  release.set();
  assertEquals((await list).length, 4000);
});

Deno.test("Pool.map() takes functions that answer with anything that can be awaited", async () => {
  await using pool = new Pool(2);
  assertEquals(await pool.map((n: number) => spawn(() => n), [1, 2, 3]), [1, 2, 3]);
  const thenable = { then: (resolve: (value: number) => void) => resolve(5) } as PromiseLike<
    number
  >;
  assertEquals(await pool.apply(() => thenable), 5);
});

Deno.test("Pool does 100,000 sync functions without going deep", async () => {
  await using pool = new Pool(2);
  const items = Array.from({ length: 100_000 }, (_, n) => n);
  for (const chunkSize of [1, undefined, 50_000]) {
    const list = await pool.map((n: number) => n, items, { chunkSize });
    assertEquals(list.length, items.length);
  }
  await pool.map((n: number) => (currentTask(), n), items.slice(0, 10_000), { chunkSize: 10_000 });
});

Deno.test("Pool.map() starts no other item of a chunk that is cancelled", async () => {
  await using pool = new Pool(1);
  const { started } = createGates("started");
  const seen: number[] = [];
  const list = pool.mapAsync(
    async (n: number) => {
      seen.push(n);
      started.open();
      await sleep(Infinity);
    },
    [1, 2, 3],
    { chunkSize: 3 },
  );
  await started.wait();
  assertEquals(pool.statistics().running, 1);
  list.cancel();
  await assertRejects(() => list.get(), CancelledError);
  await settle();
  assertEquals([seen, pool.statistics().cancelled], [[1], 3]);
});

// Types

Deno.test("Pool infers results, and checks arguments", async () => {
  await using pool = new Pool(1);
  const join = (a: string, n = 1) => `${a}${n}`;
  const one: string = await pool.apply(join, ["a"]);
  const list: string[] = await pool.map((n: number) => Promise.resolve(`${n}`), [1]);
  const sums: number[] = await pool.starmap((a: number, b: number) => a + b, [[1, 2]]);
  assertEquals([one, list, sums], ["a1", ["1"], [3]]);
  const wrong = () => [
    // @ts-expect-error -- a number is not a string
    pool.apply(join, [7]),
    // @ts-expect-error -- the argument is missing
    pool.apply(join),
    // @ts-expect-error -- a string is not a number
    pool.map((n: number) => n, ["a"]),
    // @ts-expect-error -- only pools of processes take references
    pool.apply({ module: "m", name: "n" }, []),
  ];
  assert(typeof wrong === "function");
});
