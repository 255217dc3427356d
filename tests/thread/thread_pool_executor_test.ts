import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import {
  activeCount,
  Queue,
  ThreadPoolExecutor,
  type ThreadPoolExecutorOptions,
  WorkerDiedError,
} from "../../thread/mod.ts";
import { executorContract } from "../contracts/executor_contract.ts";
import { leakTest } from "../support/leaks.ts";
import { makeWords, waitForWord } from "./_make_thread.ts";
import { runProgram } from "./_run_program.ts";
import * as targets from "./fixtures/pool_targets.ts";

const CONTRACT = import.meta.resolve("../contracts/pool_functions.ts");
const MODULE = import.meta.resolve("./fixtures/pool_targets.ts");

executorContract("ThreadPoolExecutor", {
  createExecutor: (maxWorkers) => new ThreadPoolExecutor({ maxWorkers, module: CONTRACT }),
  createQueue: () => new Queue<number>(),
});

function makeExecutor(options: ThreadPoolExecutorOptions = {}): ThreadPoolExecutor {
  return new ThreadPoolExecutor({ maxWorkers: 1, module: MODULE, ...options });
}

leakTest(
  "ThreadPoolExecutor names its threads with a prefix [cpython: ThreadPoolShutdownTest.test_thread_names_assigned]",
  async () => {
    await using executor = makeExecutor({ threadNamePrefix: "SpecialPool" });
    const [name] = await executor.submit(targets.nameAndIdent);
    assertEquals(name, "SpecialPool_0");
  },
);

leakTest(
  "ThreadPoolExecutor names its threads after its class and number [cpython: ThreadPoolShutdownTest.test_thread_names_default]",
  async () => {
    await using executor = makeExecutor();
    const [name] = await executor.submit(targets.nameAndIdent);
    assertMatch(name, /^ThreadPoolExecutor-\d+_0$/);
    await using empty = makeExecutor({ threadNamePrefix: "" });
    assertMatch((await empty.submit(targets.nameAndIdent))[0], /^ThreadPoolExecutor-\d+_0$/);
  },
);

leakTest(
  "ThreadPoolExecutor has as many threads as there are processors [cpython: ThreadPoolExecutorTest.test_default_workers]",
  async () => {
    await using executor = new ThreadPoolExecutor();
    assertEquals(executor.maxWorkers, navigator.hardwareConcurrency);
    assertThrows(() => makeExecutor({ maxWorkers: 0 }), RangeError, "maxWorkers");
  },
);

leakTest(
  "ThreadPoolExecutor starts no more threads than it needs, and ends them [cpython: ThreadPoolExecutorTest.test_idle_thread_reuse, ThreadPoolShutdownTest.test_threads_terminate]",
  async () => {
    const executor = makeExecutor({ maxWorkers: 4 });
    assertEquals(activeCount(), 1);
    const idents = new Set<number>();
    for (let n = 0; n < 5; n++) idents.add((await executor.submit(targets.nameAndIdent))[1]);
    assertEquals([idents.size, activeCount()], [1, 2]);
    await executor.shutdown();
    assertEquals(activeCount(), 1);
  },
);

leakTest(
  "ThreadPoolExecutor ends its threads at the end of its block [cpython: ThreadPoolShutdownTest.test_context_manager_shutdown]",
  async () => {
    {
      await using executor = makeExecutor({ maxWorkers: 2 });
      const results: number[] = [];
      for await (const n of executor.map(targets.square, [1, 2, 3])) results.push(n);
      assertEquals(results, [1, 4, 9]);
    }
    assertEquals(activeCount(), 1);
  },
);

leakTest(
  "ThreadPoolExecutor.shutdown() that does not wait still gives the results [cpython: ThreadPoolShutdownTest.test_shutdown_no_wait]",
  async () => {
    const executor = makeExecutor({ maxWorkers: 2 });
    const results = executor.map(targets.square, [1, 2, 3]);
    await executor.shutdown({ wait: false });
    assertEquals(await Array.fromAsync(results), [1, 4, 9]);
    while (activeCount() > 1) await new Promise<void>((resolve) => setTimeout(resolve, 1));
  },
);

leakTest(
  "ThreadPoolExecutor.shutdown() that does not wait and cancels lets the program end [cpython: ThreadPoolShutdownTest.test_cancel_futures_wait_false]",
  async () => {
    const { code, stdout } = await runProgram("cancelAndEnd", { file: "pool_programs.ts" });
    assertEquals([code, stdout], [0, "9\nend\n"]);
  },
);

leakTest("ThreadPoolExecutor that nobody shuts down lets the program end", async () => {
  const { code, stdout } = await runProgram("leaveOpen", { file: "pool_programs.ts" });
  assertEquals(code, 0);
  assert(stdout.includes("9\n") && stdout.includes("late 4\n"), stdout);
});

leakTest("ThreadPoolExecutor rejects every call when its initializer throws", async () => {
  await using executor = makeExecutor({ initializer: targets.failToPrepare });
  const future = executor.submit(targets.square, 1);
  await assertRejects(() => future.result(), RangeError, "cannot prepare");
  assertThrows(() => executor.submit(targets.square, 1), RangeError, "cannot prepare");
});

leakTest("ThreadPoolExecutor goes on when a thread dies", async () => {
  await using executor = makeExecutor();
  const error = await executor.submit(targets.closeSelf).exception();
  assert(error instanceof WorkerDiedError);
  assertEquals(await executor.submit(targets.square, 3), 9);
});

leakTest(
  "ThreadPoolExecutor does not cancel what runs, and limits it by taskTimeoutMs",
  async () => {
    await using executor = makeExecutor({ taskTimeoutMs: 300 });
    const words = makeWords();
    const future = executor.submit(targets.spin, words);
    await waitForWord(words);
    assertEquals(future.cancel(), false);
    await assertRejects(() => future.result(), Error, "it ran longer than 300 ms");
  },
);
