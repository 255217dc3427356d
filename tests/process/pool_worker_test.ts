import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { CancelledError, PoolClosedError, TimeoutError } from "../../coroutine/mod.ts";
import { Queue } from "../../ipc/mod.ts";
import {
  activeChildren,
  Pool,
  type PoolOptions,
  Process,
  ProcessStateError,
  WorkerDiedError,
} from "../../process/mod.ts";
import {
  countOpenly,
  makeFunctions,
  passGate,
  passGateWith,
  record,
  square as squareOfContract,
} from "../contracts/pool_functions.ts";
import { until } from "../faults/alive.ts";
import { leakTest } from "../support/leaks.ts";
import {
  compute,
  echo,
  exitWith,
  fail,
  failToPrepare,
  getPid,
  heedSignal,
  isInTask,
  killItself,
  leaveBy,
  listArguments,
  listPrepared,
  makeFunction,
  nothing,
  prepare,
  prepareLater,
  readConfig,
  sleepForever,
  spinIfZero,
  square,
  squareInPool,
  waitForever,
} from "./pool_targets.ts";

const MODULE = import.meta.resolve("./pool_targets.ts");
const CONTRACT = import.meta.resolve("../contracts/pool_functions.ts");
const GUARD_MS = 20_000;

function createPool(size: number, options: PoolOptions = {}): Pool {
  return new Pool(size, { module: MODULE, ...options });
}

const fixture = (name: string) => import.meta.resolve(`./fixtures/${name}.ts`);

// Values

leakTest("process.Pool carries values there and back", async () => {
  await using pool = createPool(1);
  const values: unknown[] = [
    ...[0, -0, 1, -1, 2 ** 31, -(2 ** 31), 0.1, NaN, Infinity, 2 ** 53],
    ...[undefined, null, true, "", "text", 10n, new Date(0), new Map([[1, { a: [2] }]])],
    ...[[], {}, [undefined], [1, "two", [3]], new Uint8Array([1, 2, 3]), new Uint8Array()],
    ...[new Float64Array([1.5]), new Set(["a"])],
  ];
  for (const value of values) assertEquals(await pool.apply(echo, [value]), value);
  for (const chunkSize of [1, 3, 100]) {
    assertEquals(await pool.map(echo, values, { chunkSize }), values);
  }
  for (
    const list of [[1, 2, 3], [1, 2.5, -0], [1, "two"], [undefined, undefined], [undefined, 1]]
  ) {
    assertEquals(await pool.map(echo<unknown>, list, { chunkSize: 10 }), list);
    assertEquals(await pool.apply(listArguments, list), list);
  }
  assert(Object.is(await pool.apply(echo, [-0]), -0));
  const many = Array.from({ length: 50_000 }, (_, n) => n % 2 === 0 ? n : n / 2);
  assertEquals(await pool.map(echo, many, { chunkSize: 40_000 }), many);
  assertEquals(await pool.apply(nothing), undefined);
  assertEquals(await pool.apply(listArguments), []);
});

leakTest("process.Pool carries a megabyte there and back", async () => {
  await using pool = createPool(1);
  const bytes = crypto.getRandomValues(new Uint8Array(65_536));
  const megabyte = new Uint8Array(1 << 20);
  for (let at = 0; at < megabyte.length; at += bytes.length) megabyte.set(bytes, at);
  assertEquals(await pool.apply(echo, [megabyte]), megabyte);
});

leakTest(
  "process.Pool rejects a call with an argument that cannot be carried, and goes on [cpython: _TestPool.test_map_unplicklable, ExecutorDeadlockTest.test_error_at_task_pickle]",
  async () => {
    await using pool = createPool(2);
    for (let round = 0; round < 3; round++) {
      const call = pool.apply(echo, [{ callback: () => 1 }]);
      await assertRejects(() => call, TypeError, "value[0].callback");
      for (const chunkSize of [1, 2, 5]) {
        const items = [1, 2, () => 3, 4, 5];
        await assertRejects(
          () => pool.map(echo<unknown>, items, { chunkSize }),
          TypeError,
          "Cannot carry",
        );
      }
      const { done, failed } = pool.statistics();
      assertEquals([done, failed], [13 * round + 12, 4 * round + 4]);
      assertEquals(await pool.apply(square, [3]), 9);
    }
  },
);

leakTest(
  "process.Pool rejects a call with a result that cannot be carried, and goes on [cpython: _TestPoolWorkerErrors.test_unpickleable_result, ExecutorDeadlockTest.test_error_during_result_pickle_on_worker]",
  async () => {
    await using pool = createPool(1);
    const pid = await pool.apply(getPid);
    for (let round = 0; round < 20; round++) {
      await assertRejects(() => pool.apply(makeFunction), TypeError, "Cannot carry function inner");
    }
    await assertRejects(() => pool.map(makeFunction, [1, 2, 3], { chunkSize: 3 }), TypeError);
    assertEquals(await pool.apply(getPid), pid);
  },
);

leakTest(
  "process.Pool keeps the class, the cause and the remote stack of an error [cpython: _TestPool.test_traceback, _TestPool.test_wrapped_exception, ProcessPoolExecutorTest.test_traceback, ExecutorDeadlockTest.test_error_during_func_exec_on_worker]",
  async () => {
    await using pool = createPool(1);
    const error = await assertRejects(() => pool.apply(fail, ["wrong"]), RangeError, "wrong");
    assertEquals(error.cause, "on purpose");
    assertStringIncludes(error.stack ?? "", "pool_targets.ts");
  },
);

leakTest("process.Pool.stream() rejects at a value that cannot be carried", async () => {
  await using pool = createPool(1, { module: CONTRACT });
  const values = pool.stream(makeFunctions);
  assertEquals((await values.next()).value, 1);
  await assertRejects(() => values.next(), TypeError, "Cannot carry");
  assertEquals(await pool.apply(squareOfContract, [2]), 4);
});

leakTest(
  "process.Pool goes on after a worker died in the midst of a stream, which is not started again",
  async () => {
    await using pool = createPool(1, { module: CONTRACT, retries: 3 });
    await using queue = new Queue<number>();
    const values = pool.stream(countOpenly, [queue], { lookAhead: 1 });
    assertEquals((await values.next()).value, 0);
    for (const child of activeChildren()) child.kill();
    await assertRejects(
      async () => {
        for (;;) await values.next();
      },
      WorkerDiedError,
      'while it ran "countOpenly"',
    );
    assertEquals(await pool.apply(squareOfContract, [2]), 4);
  },
);

// Functions

leakTest(
  "process.Pool grants nothing unless it is told [cpython: ExecutorTest.test_submit]",
  async () => {
    await using pool = createPool(1);
    await assertRejects(() => pool.apply(readConfig), Deno.errors.NotCapable);
    await using other = createPool(1, {
      permissions: { read: [new URL("../../deno.json", import.meta.url)] },
    });
    assertStringIncludes(await other.apply(readConfig), "@manyhands/concurrency");
  },
);

leakTest("process.Pool runs a function in a task of its own", async () => {
  await using pool = createPool(1);
  assertEquals(await pool.apply(isInTask), true);
});

leakTest(
  "process.Pool may be used in a worker of another one [cpython: TestStdinBadfiledescriptor.test_pool_in_process]",
  async () => {
    await using pool = createPool(1, {
      permissions: { run: "inherit", net: "inherit", env: "inherit", read: "inherit" },
    });
    assertEquals(await pool.apply(squareInPool, [7]), 49);
  },
);

// Starting

leakTest(
  "process.Pool runs the initializer in each worker before any task [cpython: TestInitializers.test_pool_initializer, InitializerMixin.test_initializer]",
  async () => {
    await using pool = createPool(2, { initializer: prepare, initArgs: ["a", 1] });
    const seen = await pool.map(listPrepared, [1, 2, 3, 4]);
    assertEquals(seen, Array.from({ length: 4 }, () => ["a", 1]));
    await using queue = new Queue<number>();
    await using waiting = createPool(2, { initializer: prepareLater, initArgs: [queue] });
    const pids = [await queue.get(), await queue.get()];
    assertNotEquals(pids[0], pids[1]);
    assert(pids.includes(await waiting.apply(getPid)));
  },
);

leakTest(
  "process.Pool refuses options that make no sense [cpython: TestInitializers.test_pool_initializer, _TestPoolWorkerLifetime.test_pool_maxtasksperchild_invalid]",
  () => {
    const bad: [PoolOptions, typeof TypeError | typeof RangeError][] = [
      [{ initializer: 1 as never }, TypeError],
      [{ initArgs: [1] }, TypeError],
      [{ initializer: prepare, initArgs: [() => 1] }, TypeError],
      [{ initializer: prepare, initArgs: 1 as never }, TypeError],
      [{ module: "pool.ts" }, TypeError],
      ...[0, -1, 0.5].map((n) =>
        [{ maxTasksPerChild: n }, RangeError] as [PoolOptions, typeof RangeError]
      ),
      [{ maxTasksPerChild: "12" as never }, TypeError],
      [{ taskTimeoutMs: 0 }, RangeError],
      [{ taskTimeoutMs: -1 }, RangeError],
      [{ retries: -1 }, RangeError],
      [{ minProcesses: 3 }, RangeError],
      [{ idleTimeoutMs: -1 }, RangeError],
      [{ graceMs: -1 }, RangeError],
      [{ memoryLimitMb: 0 }, RangeError],
    ];
    for (const [options, error] of bad) assertThrows(() => createPool(2, options), error, "Cannot");
    assertEquals(activeChildren(), []);
  },
);

leakTest(
  "process.Pool fails when the initializer throws, and starts no more workers [cpython: FailingInitializerMixin.test_initializer]",
  async () => {
    await using pool = createPool(2, { initializer: failToPrepare, stderr: "null" });
    const calls = [pool.apply(square, [1]), pool.map(square, [1, 2])];
    const settled = await Promise.allSettled(calls);
    for (const { reason } of settled as PromiseRejectedResult[]) {
      assertInstanceOf(reason, RangeError);
      assertEquals(reason.message, "not today");
    }
    await assertRejects(() => pool.apply(square, [1]), RangeError, "not today");
    await until(() => activeChildren().length === 0, "the workers have ended", GUARD_MS);
    assertEquals(pool.statistics().runners, 0);
  },
);

leakTest(
  "process.Pool fails when its module throws at import [cpython: TestPoolNotLeakOnFailure.test_release_unused_processes]",
  async () => {
    await using pool = createPool(3, { module: fixture("throws_at_import"), stderr: "null" });
    await assertRejects(
      () => pool.apply({ module: fixture("throws_at_import"), name: "x" }),
      Error,
    );
    assertThrows(() => pool.applyAsync(square, [1]), Error);
  },
);

leakTest("process.Pool fails when a worker exits at import", async () => {
  await using pool = createPool(1, { module: fixture("exits_at_import"), stderr: "null" });
  const error = await assertRejects(
    () => pool.apply({ module: fixture("exits_at_import"), name: "x" }),
    WorkerDiedError,
    "before it could take tasks",
  );
  assertEquals([error.signal, error.task], [null, undefined]);
});

leakTest(
  "process.Pool.terminate() ends workers that never come to an end of their import",
  async () => {
    const pool = createPool(2, { module: fixture("spins_at_import") });
    const call = assertRejects(
      () => pool.apply({ module: fixture("spins_at_import"), name: "x" }),
      CancelledError,
    );
    await until(() => activeChildren().length === 2, "the workers run", GUARD_MS);
    await pool.terminate();
    await call;
    assertEquals(activeChildren(), []);
  },
);

leakTest(
  "process.Pool.ready() waits for the first workers, or tells why there are none",
  async () => {
    await using pool = createPool(2);
    await assertRejects(() => pool.ready({ timeoutMs: 0 }), TimeoutError, "after 0 ms");
    await pool.ready();
    await pool.ready({ timeoutMs: 1_000 });
    assertEquals(activeChildren().length, 2);
    await using failing = createPool(1, { initializer: failToPrepare, stderr: "null" });
    await assertRejects(() => failing.ready(), RangeError, "not today");
    await pool.terminate();
    await assertRejects(() => pool.ready(), PoolClosedError);
  },
);

// The life of workers

leakTest(
  "process.Pool replaces a worker after so many tasks [cpython: _TestPoolWorkerLifetime.test_pool_worker_lifetime, ProcessPoolExecutorTest.test_max_tasks_per_child]",
  async () => {
    await using pool = createPool(3, { maxTasksPerChild: 10 });
    const pids = await pool.map(getPid, Array.from({ length: 60 }, (_, n) => n));
    const counts = new Map<number, number>();
    for (const pid of pids) counts.set(pid, (counts.get(pid) ?? 0) + 1);
    assert(counts.size >= 6, `${counts.size} workers`);
    assert(Math.max(...counts.values()) <= 10);
  },
);

leakTest(
  "process.Pool.close() lets replaced workers finish everything [cpython: _TestPoolWorkerLifetime.test_pool_worker_lifetime_early_close, ProcessPoolExecutorTest.test_max_tasks_early_shutdown]",
  async () => {
    const pool = createPool(3, { maxTasksPerChild: 1 });
    const calls = [1, 2, 3, 4, 5, 6].map((n) => pool.applyAsync(square, [n]));
    pool.close();
    await pool.join();
    assertEquals(await Promise.all(calls), [1, 4, 9, 16, 25, 36]);
  },
);

leakTest("process.Pool lets idle workers end, and starts them again", async () => {
  await using pool = createPool(2, { idleTimeoutMs: 1, minProcesses: 1 });
  await using queue = new Queue<number>();
  await using permits = new Queue<number>();
  const gate = { arrivals: queue, permits };
  const calls = [1, 2].map((n) =>
    pool.apply({ module: CONTRACT, name: "passGate" }, [gate, n] as never)
  );
  await Promise.all([queue.get(), queue.get()]);
  assertEquals(pool.statistics().runners, 2);
  await permits.put(1);
  await permits.put(1);
  await Promise.all(calls);
  await until(() => pool.statistics().runners === 1, "one worker has ended", GUARD_MS);
  assertEquals(await pool.map(square, [1, 2, 3]), [1, 4, 9]);
});

// Stopping for real

leakTest(
  "process.Pool ends a worker whose task computes for longer than its time, and the others go on",
  async () => {
    await using pool = createPool(2, { taskTimeoutMs: 500 });
    const results = await Promise.allSettled(
      [1, 0, 2, 3, 0, 4].map((n) => pool.apply(spinIfZero, [n])),
    );
    assertEquals(
      results.map((result) => result.status === "fulfilled" ? result.value : result.reason.name),
      [1, "TimeoutError", 2, 3, "TimeoutError", 4],
    );
    const items = [1, 0, 2, 3, 4, 5];
    await assertRejects(() => pool.map(spinIfZero, items, { chunkSize: 3 }), TimeoutError);
    const { done, failed } = pool.statistics();
    assertEquals([done, failed], [9, 3]);
  },
);

leakTest("process.Pool ends a worker whose task is cancelled and does not end", async () => {
  await using pool = createPool(1);
  const before = await pool.apply(getPid);
  for (const call of [pool.applyAsync(waitForever), pool.applyAsync(spinIfZero, [0])]) {
    await until(() => pool.statistics().running === 1, "the task runs", GUARD_MS);
    assertEquals(call.cancel("enough"), true);
    assertEquals((await assertRejects(() => call.get(), CancelledError)).cause, "enough");
  }
  assertNotEquals(await pool.apply(getPid), before);
});

leakTest("process.Pool cannot be created in a daemon", async () => {
  await using daemon = new Process({
    module: MODULE,
    target: squareInPool,
    args: [3],
    daemon: true,
    stderr: "null",
  });
  await daemon.start();
  await assertRejects(
    () => daemon.result(),
    ProcessStateError,
    `Cannot create a pool: ${daemon.name} is a daemon, and daemons have no children`,
  );
});

leakTest(
  "process.Pool fails when an initializer ends the worker, also without an error",
  async () => {
    await using pool = createPool(1, { initializer: leaveBy, initArgs: [0] });
    await assertRejects(
      () => pool.ready(),
      WorkerDiedError,
      "ended with exit code 0 before it could take tasks",
    );
  },
);

leakTest("process.Pool keeps a worker whose task ends when it is cancelled", async () => {
  await using pool = createPool(1);
  await using running = new Queue<number>();
  const before = await pool.apply(getPid);
  const sleeping = pool.applyAsync(sleepForever);
  await until(() => pool.statistics().running === 1, "the task runs", GUARD_MS);
  sleeping.cancel();
  await assertRejects(() => sleeping.get(), CancelledError);
  const heeding = pool.applyAsync(heedSignal, [running]);
  assertEquals(await running.get(), before);
  heeding.cancel();
  assertEquals(await heeding.get(), before);
  assertEquals(await pool.apply(getPid), before);
});

leakTest(
  "process.Pool starts elsewhere, once, what waited behind a task that was ended",
  async () => {
    await using pool = createPool(1);
    await using queue = new Queue<number>();
    // Short tasks: several of them are with the worker at a time.
    await pool.map(square, Array.from({ length: 200 }, (_, n) => n), { chunkSize: 1 });
    const spinning = pool.applyAsync(spinIfZero, [0]);
    const after = Array.from(
      { length: 5 },
      (_, n) => pool.apply({ module: CONTRACT, name: "record" }, [{ queue, n }] as never),
    );
    const others = [1, 2, 3].map((n) => pool.apply(square, [n]));
    await until(() => pool.statistics().running === 1, "the task runs", GUARD_MS);
    spinning.cancel();
    await assertRejects(() => spinning.get(), CancelledError);
    assertEquals(await Promise.all(after), [0, 1, 2, 3, 4]);
    assertEquals(await Promise.all(others), [1, 4, 9]);
    assertEquals(await queue.qsize(), 5);
  },
);

leakTest(
  "process.Pool never starts a call that was cancelled while it waited with a worker",
  async () => {
    await using arrivals = new Queue<number>();
    await using permits = new Queue<number>();
    await using queue = new Queue<number>();
    await using pool = createPool(1, { module: CONTRACT });
    await pool.map(squareOfContract, Array.from({ length: 200 }, (_, n) => n), { chunkSize: 1 });
    await permits.put(1);
    const first = pool.applyAsync(passGate, [{ arrivals, permits }, 1]);
    const second = pool.applyAsync(record, [{ queue, n: 2 }]);
    // Both are handed out in the next microtask.
    await Promise.resolve();
    assertEquals(second.cancel(), true);
    assertEquals(second.cancelled(), true);
    assertEquals(await first, 1);
    assertEquals(await pool.apply(squareOfContract, [3]), 9);
    assertEquals(await queue.qsize(), 0);
  },
);

leakTest(
  "process.Pool has 80 workers compute [cpython: _test_multiprocessing.MiscTestCase.test_large_pool]",
  async () => {
    await using pool = createPool(80);
    const numbers = Array.from({ length: 1_000 }, (_, n) => n);
    const squares = await pool.map(square, numbers, { chunkSize: 1 });
    assertEquals(squares, numbers.map((n) => n * n));
    await pool.ready();
    assertEquals(activeChildren().length, 80);
  },
);

// Who works

leakTest("process.Pool has no short task wait behind a long one", async () => {
  await using arrivals = new Queue<number>();
  await using permits = new Queue<number>();
  await using pool = createPool(2, { module: CONTRACT });
  await pool.map(squareOfContract, Array.from({ length: 200 }, (_, n) => n), { chunkSize: 1 });
  const gate = { arrivals, permits };
  const long = pool.applyAsync(passGate, [gate, 1]);
  const short = Array.from({ length: 64 }, (_, n) => pool.apply(squareOfContract, [n]));
  assertEquals((await Promise.all(short)).length, 64);
  assertEquals(long.ready(), false);
  await permits.put(1);
  assertEquals(await long, 1);
});

leakTest("process.Pool shares a chunk whose first item takes long", async () => {
  await using arrivals = new Queue<number>();
  await using permits = new Queue<number>();
  await using pool = createPool(2, { module: CONTRACT });
  const gate = { arrivals, permits };
  const items = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => ({ gate, n }));
  const list = pool.mapAsync(passGateWith, items, { chunkSize: 8 });
  assertEquals(await arrivals.get(), 0);
  assertEquals(await arrivals.get(), 1);
  for (const _ of items) await permits.put(1);
  assertEquals(await list, [0, 1, 2, 3, 4, 5, 6, 7]);
});

leakTest("process.Pool hands a chunk back that computes for long", async () => {
  await using pool = createPool(2);
  // The other worker is there to take what is handed back.
  await pool.ready();
  const pids = await pool.map(compute, Array.from({ length: 16 }, () => 60), { chunkSize: 16 });
  assertEquals(new Set(pids).size, 2);
});

// Death

leakTest(
  "process.Pool rejects a task whose worker dies, and says which one it was [cpython: ExecutorDeadlockTest.test_crash_during_func_exec_on_worker, ExecutorDeadlockTest.test_exit_at_task_unpickle, ProcessPoolExecutorTest.test_killed_child]",
  async () => {
    await using pool = createPool(1);
    const pid = await pool.apply(getPid);
    const exited = await assertRejects(() => pool.map(exitWith, [0], {}), WorkerDiedError);
    assertEquals([exited.pid, exited.exitCode, exited.signal], [pid, 0, null]);
    assertEquals(exited.task, { name: "exitWith", index: 0 });
    assertStringIncludes(exited.message, 'ended with exit code 0 while it ran "exitWith"');
    const killed = await assertRejects(() => pool.apply(killItself), WorkerDiedError, "SIGKILL");
    assertEquals([killed.exitCode, killed.signal], [-9, "SIGKILL"]);
    const called = Deno.pid;
    assertNotEquals(await pool.apply(getPid), called);
  },
);

leakTest(
  "process.Pool rejects with the error of a function that leaves by exit() [cpython: ExecutorDeadlockTest.test_exit_during_func_exec_on_worker]",
  async () => {
    await using pool = createPool(1);
    const pid = await pool.apply(getPid);
    const error = await assertRejects(() => pool.apply(leaveBy, [3]), Error);
    assertEquals(error.name, "SystemExitError");
    assertEquals(await pool.apply(getPid), pid);
  },
);

Deno.test("new Pool() refuses what its workers could not be started with, at once", () => {
  const create = (options: Record<string, unknown>) => () =>
    new Pool(1, { module: MODULE, minProcesses: 0, ...options });
  assertThrows(create({ niceness: 99 }), RangeError, '"niceness"');
  assertThrows(create({ permissions: { reed: true } }), TypeError, '"reed"');
  assertThrows(create({ memoryLimitMb: 0 }), RangeError, '"memoryLimitMb"');
  assertThrows(create({ stdout: "piped" }), TypeError, '"stdout" must be "inherit" or "null"');
  assertThrows(create({ stderr: "pipe" }), TypeError, '"stderr" must be "inherit" or "null"');
});
