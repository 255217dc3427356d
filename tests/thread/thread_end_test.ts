import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  Barrier,
  Condition,
  Lock,
  RLock,
  ThreadDiedError,
  ThreadNotStoppedError,
} from "../../thread/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending } from "../support/settle.ts";
import { makeThread, makeWords, waitForWord } from "./_make_thread.ts";
import { runProgram } from "./_run_program.ts";
import * as targets from "./fixtures/targets.ts";

// The end of the program, and of threads that started threads

leakTest(
  "A program does not end before its threads [cpython: ThreadTests.test_join_nondaemon_on_shutdown, ThreadTests.test_finalization_shutdown]",
  async () => {
    const { code, stdout, stderr } = await runProgram("waitsForThread");
    assertEquals([code, stdout, stderr], [0, "main\nthread\n", ""]);
  },
);

leakTest(
  "A thread that a thread has started comes to its end [cpython: ThreadJoinOnShutdown.test_thread_from_thread]",
  async () => {
    const { code, stdout, stderr } = await runProgram("threadFromThread");
    assertEquals([code, stdout, stderr], [0, "main\ninner\n", ""]);
    await using thread = makeThread(targets.startChild, [5]);
    await thread.start();
    assertEquals(await thread.result(), 25);
  },
);

leakTest(
  "A daemon does not keep the program alive, whatever it does [cpython: ThreadTests.test_daemon_param, ThreadJoinOnShutdown.test_4_daemon_threads]",
  async () => {
    assertEquals(makeThread(targets.nothing, [], { daemon: true }).daemon, true);
    assertEquals(makeThread(targets.nothing, [], { daemon: false }).daemon, false);
    assertEquals(makeThread(targets.nothing, [], { daemon: true }).killable, true);
    const { code, stdout, stderr } = await runProgram("daemon");
    assertEquals([code, stdout, stderr], [0, "main\n", ""]);
    await using thread = makeThread(targets.tellNewThread, [], { daemon: true });
    await thread.start();
    assertEquals(await thread.result(), { name: "Thread-1 (square)", daemon: true });
  },
);

leakTest("A program may wait for the result of a thread at its top level", async () => {
  const { code, stdout, stderr } = await runProgram("neverAsked");
  assertEquals([code, stdout, stderr], [0, "49\ntrue\n", ""]);
});

leakTest("A program that waits for the result of a daemon does not end before", async () => {
  const { code, stdout, stderr } = await runProgram("asksDaemon");
  assertEquals([code, stdout, stderr], [0, "42\ntrue\n", ""]);
});

leakTest("A thread ends after the threads that it has started, daemons apart", async () => {
  const words = makeWords();
  await using thread = makeThread(targets.leaveChild, [words]);
  await thread.start();
  assertEquals(await thread.result(), "returned");
  assertEquals(await thread.join({ timeoutMs: 20 }), false);
  Atomics.store(words, 0, 1);
  Atomics.notify(words, 0);
  assertEquals(await thread.join(), true);
  await using other = makeThread(targets.leaveDaemon, [makeWords()]);
  await other.start();
  assertEquals(await other.result(), "Thread-1 (waitForWord)");
  assertEquals(await other.join(), true);
});

// Termination of a thread that is not killable

leakTest("Thread.terminate() ends a thread at its next turn", async () => {
  await using thread = makeThread(targets.wait, []);
  await thread.start();
  await thread.terminate();
  assertEquals(thread.isAlive(), false);
  await assertRejects(() => thread.result(), ThreadDiedError, "it was terminated");
  await thread.terminate();
});

leakTest("Thread.terminate() reaches a thread in a blocking wait of ours", async () => {
  const words = makeWords();
  const lock = new Lock();
  lock.acquireSync();
  await using thread = makeThread(targets.blockInLock, [words, lock]);
  await thread.start();
  await waitForWord(words);
  await thread.terminate({ graceMs: 10_000 });
  assertEquals(thread.isAlive(), false);
  lock.release();
  assert(lock.acquireSync({ timeoutMs: 0 }));
});

for (const LockClass of [Lock, RLock]) {
  leakTest(
    `Thread.terminate() of one that waits for a Condition leaves its ${LockClass.name} to whoever holds it`,
    async () => {
      const words = makeWords();
      const lock = new LockClass();
      const condition = new Condition(lock);
      await using thread = makeThread(targets.blockInCondition, [words, condition]);
      await thread.start();
      await waitForWord(words);
      // It has given the lock up, and waits.
      lock.acquireSync();
      await thread.terminate({ graceMs: 10_000 });
      assertEquals([lock.locked(), lock.ownerDied, condition.statistics().waiting], [
        true,
        false,
        0,
      ]);
      // What releases the lock when the block is left has not thrown.
      assertEquals(words[1], 1);
      lock.release();
      assertEquals(lock.locked(), false);
    },
  );
}

leakTest("Thread.terminate() of a busy thread has it begin no blocking wait", async () => {
  const words = makeWords();
  const barrier = new Barrier(2);
  const waiting = barrier.wait();
  const thread = makeThread(targets.spinAndMeet, [words, barrier]);
  await thread.start();
  await waitForWord(words);
  await assertRejects(() => thread.terminate({ graceMs: 5 }), ThreadNotStoppedError);
  Atomics.store(words, 1, 1);
  assertEquals(await thread.join(), true);
  // It would have been the last party.
  await assertPending(waiting);
  assertEquals(barrier.nWaiting, 1);
  assertEquals(await Promise.all([waiting, barrier.wait()]), [0, 1]);
});

leakTest("Thread.terminate() tells that a busy thread runs on, until it is not busy", async () => {
  const words = makeWords();
  const thread = makeThread(targets.spinUntil, [words]);
  await thread.start();
  await waitForWord(words);
  const error = await assertRejects(
    () => thread.terminate({ graceMs: 5 }),
    ThreadNotStoppedError,
    "still runs after 5 ms",
  );
  assertStringIncludes(error.message, '"killable: true"');
  assert(thread.isAlive());
  Atomics.store(words, 1, 1);
  assertEquals(await thread.join(), true);
  await assertRejects(() => thread.result(), ThreadDiedError);
});
