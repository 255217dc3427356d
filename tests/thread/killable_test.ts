import { assert, assertEquals, assertLess, assertRejects, assertStringIncludes } from "@std/assert";
import { INTERNALS, type ThreadInternals } from "../../thread/_internals.ts";
import {
  Thread,
  ThreadDiedError,
  ThreadNotStoppedError,
  type ThreadOptions,
} from "../../thread/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { makeThread, makeWords, waitForWord } from "./_make_thread.ts";
import { runProgram } from "./_run_program.ts";
import * as targets from "./fixtures/targets.ts";

const LINUX = { ignore: Deno.build.os !== "linux" };

leakTest(
  "Thread.terminate() stops a killable thread in an endless loop and when parked",
  async () => {
    for (const target of [targets.spin, targets.park]) {
      const words = makeWords();
      await using thread = new Thread({
        ...{ module: new URL("fixtures/targets.ts", import.meta.url), target, args: [words] },
        killable: true,
      });
      await thread.start();
      await waitForWord(words);
      // That its thread of the system is gone is seen by the count of leaks.
      await thread.terminate();
      assertEquals(thread.isAlive(), false);
      await assertRejects(() => thread.result(), ThreadDiedError, "it was terminated");
    }
  },
);

leakTest("A killable thread is stopped within milliseconds in a fresh process", async () => {
  const { code, stdout, stderr } = await runProgram("killable");
  assertEquals([code, stderr], [0, ""]);
  for (const line of stdout.trim().split("\n")) {
    const { isAlive, isGone, took } = JSON.parse(line);
    assertEquals([isAlive, isGone], [false, true]);
    assertLess(took, 500);
  }
}, LINUX);

leakTest("A killable thread does what every thread does", async () => {
  await using thread = makeThread(targets.squareLater, [8], { killable: true });
  assertEquals(thread.killable, true);
  await thread.start();
  assertEquals(await thread.result(), 64);
  assertEquals(await thread.join(), true);
  await thread.terminate();
});

leakTest(
  "Thread.terminate() says so when the runtime does not stop a killable thread",
  async () => {
    const words = makeWords();
    const options: ThreadOptions<typeof targets.spinUntil> & ThreadInternals = {
      ...{ module: new URL("fixtures/targets.ts", import.meta.url), target: targets.spinUntil },
      ...{ args: [words], killable: true },
      // As it would be if a later runtime did with every Worker what it does with plain ones.
      [INTERNALS]: { isUnstoppable: true },
    };
    const thread = new Thread(options);
    await thread.start();
    await waitForWord(words);
    const { message } = await assertRejects(
      () => thread.terminate({ graceMs: 1_000 }),
      ThreadNotStoppedError,
      "still runs after 1000 ms",
    );
    assertStringIncludes(message, "this version of the runtime does not stop a killable thread");
    assert(thread.isAlive());
    Atomics.store(words, 1, 1);
    assertEquals(await thread.join(), true);
  },
);

leakTest("A killable thread that is disposed of in a loop is gone", async () => {
  const words = makeWords();
  const thread = makeThread(targets.spin, [words], { killable: true });
  {
    await using _ = thread;
    await thread.start();
    await waitForWord(words);
    assert(thread.isAlive());
  }
  assertEquals(thread.isAlive(), false);
});

leakTest("Threads that end one after another leave no thread of the system", async () => {
  const run = async () => {
    await using thread = makeThread(targets.nothing, []);
    await thread.start();
    await thread.result();
    await thread.join();
  };
  await run();
  const count = () => [...Deno.readDirSync("/proc/self/task")].length;
  const before = count();
  for (let i = 0; i < 40; i++) await run();
  // What ends is not gone from the list in the same moment.
  assertLess(count() - before, 4);
}, LINUX);
