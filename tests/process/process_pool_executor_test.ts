import { assert, assertEquals, assertRejects } from "@std/assert";
import { Queue } from "../../ipc/mod.ts";
import { activeChildren, ProcessPoolExecutor, WorkerDiedError } from "../../process/mod.ts";
import { executorContract } from "../contracts/executor_contract.ts";
import { leakTest } from "../support/leaks.ts";
import { startProgram } from "../support/child_program.ts";
import {
  answerThatKills,
  answerThatThrows,
  echo,
  failToPrepare,
  getPid,
  killItself,
  listPrepared,
  prepare,
  square,
} from "./pool_targets.ts";
import { failWithTrap, kindOf, setTrap, Trap } from "./serializer_targets.ts";

const MODULE = import.meta.resolve("./pool_targets.ts");
const SERIALIZERS = import.meta.resolve("./serializer_targets.ts");
const CONTRACT = import.meta.resolve("../contracts/pool_functions.ts");

const queues: Queue<number>[] = [];

executorContract("ProcessPoolExecutor", {
  createExecutor: (maxWorkers) => new ProcessPoolExecutor({ maxWorkers, module: CONTRACT }),
  createQueue: () => {
    const queue = new Queue<number>();
    queues.push(queue);
    return queue;
  },
  cleanUp: async () => {
    for (const queue of queues.splice(0)) await queue.close();
  },
});

leakTest(
  "ProcessPoolExecutor starts no more processes than it needs, and ends them [cpython: ProcessPoolExecutorTest.test_idle_process_reuse_one, ProcessPoolShutdownTest.test_processes_terminate]",
  async () => {
    const executor = new ProcessPoolExecutor({ maxWorkers: 4, module: MODULE });
    assertEquals(activeChildren(), []);
    const pids = new Set<number>();
    for (let n = 0; n < 5; n++) pids.add(await executor.submit(getPid));
    assertEquals([pids.size, activeChildren().length], [1, 1]);
    await executor.shutdown();
    assertEquals(activeChildren(), []);
  },
);

leakTest(
  "ProcessPoolExecutor goes on when a worker dies [cpython: ProcessPoolExecutorTest.test_killed_child, ExecutorDeadlockTest.test_shutdown_deadlock]",
  async () => {
    await using executor = new ProcessPoolExecutor({ maxWorkers: 1, module: MODULE });
    const future = executor.submit(killItself);
    const error = await future.exception();
    assert(error instanceof WorkerDiedError);
    assertEquals(await executor.submit(square, 3), 9);
    const last = executor.submit(killItself);
    const died = assertRejects(() => last.result(), WorkerDiedError);
    await executor.shutdown();
    await died;
  },
);

leakTest(
  "ProcessPoolExecutor.shutdown() does not wait for a call that cannot be sent [cpython: ExecutorDeadlockTest.test_shutdown_deadlock_pickle]",
  async () => {
    const executor = new ProcessPoolExecutor({ maxWorkers: 1, module: MODULE });
    const future = executor.submit(echo, () => 1);
    const failed = assertRejects(() => future.result(), TypeError, "Cannot carry");
    await executor.shutdown({ wait: false });
    await failed;
    await executor.shutdown();
  },
);

leakTest(
  "ProcessPoolExecutor does not hang when a worker dies with much on its way [cpython: ExecutorDeadlockTest.test_crash_big_data]",
  async () => {
    await using executor = new ProcessPoolExecutor({ maxWorkers: 1, module: MODULE });
    const bytes = new Uint8Array(8 << 20);
    const died = [executor.submit(killItself), executor.submit(killItself)];
    const big = executor.submit(echo<Uint8Array>, bytes);
    for (const future of died) await assertRejects(() => future.result(), WorkerDiedError);
    assertEquals((await big).length, bytes.length);
  },
);

leakTest(
  "ProcessPoolExecutor goes on when a worker dies while its answer is made ready [cpython: ExecutorDeadlockTest.test_crash_during_result_pickle_on_worker, ExecutorDeadlockTest.test_exit_during_result_pickle_on_worker, ExecutorDeadlockTest.test_error_during_result_pickle_on_worker]",
  async () => {
    await using executor = new ProcessPoolExecutor({ maxWorkers: 1, module: MODULE });
    const killed = await executor.submit(answerThatKills, "SIGKILL").exception();
    assert(killed instanceof WorkerDiedError);
    assertEquals([killed.signal, killed.task], ["SIGKILL", { name: "answerThatKills", index: 0 }]);
    const exited = await executor.submit(answerThatKills, "exit").exception();
    assert(exited instanceof WorkerDiedError);
    assertEquals(exited.exitCode, 3);
    const unread = executor.submit(answerThatThrows);
    await assertRejects(() => unread.result(), RangeError, "not to be read");
    assertEquals(await executor.submit(square, 3), 9);
  },
);

leakTest(
  "ProcessPoolExecutor goes on when an answer cannot be read here [cpython: ExecutorDeadlockTest.test_error_during_result_unpickle_in_result_handler]",
  async () => {
    await using executor = new ProcessPoolExecutor({ maxWorkers: 1, module: SERIALIZERS });
    for (const target of [setTrap, failWithTrap]) {
      const future = executor.submit<unknown[], unknown>(target);
      await assertRejects(() => future.result(), RangeError, "not to be read here");
    }
    assertEquals(await executor.submit(kindOf, new Trap("harmless")), "harmless");
  },
);

leakTest(
  "ProcessPoolExecutor rejects a call whose arguments cannot be read, and goes on [cpython: ExecutorDeadlockTest.test_error_at_task_unpickle]",
  async () => {
    await using executor = new ProcessPoolExecutor({ maxWorkers: 1, module: SERIALIZERS });
    const future = executor.submit(kindOf, new Trap("throw"));
    const beside = executor.submit(kindOf, new Trap("harmless"));
    await assertRejects(() => future.result(), RangeError, "not to be read here");
    assertEquals(await beside, "harmless");
  },
);

leakTest(
  "ProcessPoolExecutor rejects a call whose arguments kill the worker that reads them, and goes on [cpython: ExecutorDeadlockTest.test_crash_at_task_unpickle]",
  async () => {
    await using executor = new ProcessPoolExecutor({ maxWorkers: 1, module: SERIALIZERS });
    const error = await executor.submit(kindOf, new Trap("kill")).exception();
    assert(error instanceof WorkerDiedError);
    assertEquals(error.signal, "SIGKILL");
    assertEquals(await executor.submit(kindOf, new Trap("harmless")), "harmless");
  },
);

leakTest(
  "ProcessPoolExecutor runs its initializer, and fails with its error [cpython: InitializerMixin.test_initializer, FailingInitializerMixin.test_initializer]",
  async () => {
    const options = { maxWorkers: 1, module: MODULE };
    await using executor = new ProcessPoolExecutor({
      ...options,
      initializer: prepare,
      initArgs: ["x"],
    });
    assertEquals(await executor.submit(listPrepared), ["x"]);
    const failing = new ProcessPoolExecutor({
      ...options,
      initializer: failToPrepare,
      stderr: "null",
    });
    const future = failing.submit(square, 1);
    await assertRejects(() => future.result(), RangeError, "not today");
  },
);

leakTest(
  "ProcessPoolExecutor has a program go on until its calls have ended, and no longer [cpython: ExecutorShutdownTest.test_interpreter_shutdown, ExecutorShutdownTest.test_hang_gh83386, _TestPoolWorkerLifetime.test_worker_finalization_via_atexit_handler_of_multiprocessing]",
  async () => {
    const file = new URL("fixtures/leaves_pool_open.ts", import.meta.url);
    const flags = ["--allow-run", "--allow-net=127.0.0.1"];
    await using program = await startProgram(file, { flags });
    assertEquals(await Array.fromAsync(program.stdout), ["9"]);
    assertEquals((await program.status).code, 0);
  },
);
