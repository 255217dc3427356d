import { assertEquals, assertRejects } from "@std/assert";
import { gather, TimeoutError } from "../../coroutine/mod.ts";
import { activeCount, toThread } from "../../thread/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { makeWords, MODULE, waitForWord } from "./_make_thread.ts";
import { runProgram } from "./_run_program.ts";
import * as targets from "./fixtures/targets.ts";

leakTest(
  "toThread() runs a function in a thread and has its result [cpython: ToThreadTests.test_to_thread, ToThreadTests.test_to_thread_args_kwargs]",
  async () => {
    const result: number = await toThread({ module: MODULE, target: targets.square }, 7);
    assertEquals(result, 49);
    const named: unknown = await toThread({ module: MODULE, target: "square" }, 8);
    assertEquals(named, 64);
    assertEquals(activeCount(), 2, "the thread stays for the next call");
  },
);

leakTest(
  "toThread() throws what the function throws [cpython: ToThreadTests.test_to_thread_exception]",
  async () => {
    const calling = toThread({ module: MODULE, target: targets.fail }, "oops");
    await assertRejects(() => calling, RangeError, "oops");
    await assertRejects(() => toThread({ module: MODULE, target: "none" }), TypeError, '"none"');
  },
);

leakTest(
  "toThread() calls the function once [cpython: ToThreadTests.test_to_thread_once]",
  async () => {
    const word = makeWords(1);
    await toThread({ module: MODULE, target: targets.add }, word);
    assertEquals(word[0], 1);
  },
);

leakTest(
  "toThread() may be called many times at once [cpython: ToThreadTests.test_to_thread_concurrent]",
  async () => {
    const word = makeWords(1);
    const call = () => toThread({ module: MODULE, target: targets.add }, word);
    await gather(Array.from({ length: 10 }, () => call));
    assertEquals(word[0], 10);
  },
);

leakTest("toThread() lets the program end", async () => {
  const { code, stdout } = await runProgram("callAndEnd", { file: "pool_programs.ts" });
  assertEquals([code, stdout], [0, "9\n"]);
});

leakTest(
  "toThread() refuses what is no function of a module before it starts anything",
  async () => {
    const call = { module: MODULE, target: 5 as unknown as string };
    await assertRejects(() => toThread(call), TypeError, '"target" must be a function');
    await assertRejects(
      () => toThread({ module: "./a.ts", target: "a" }),
      TypeError,
      "absolute URL",
    );
    const signal = AbortSignal.abort(new Error("enough"));
    await assertRejects(
      () => toThread({ module: MODULE, target: "square", signal }),
      Error,
      "enough",
    );
  },
);

leakTest("toThread() with killable stops a call that takes too long", async () => {
  const words = makeWords();
  const killable = { module: MODULE, killable: true };
  // Its thread has started, and the time is that of the call alone.
  await toThread({ ...killable, target: targets.square }, 1);
  const call = { ...killable, target: targets.spin, timeoutMs: 300 };
  await assertRejects(() => toThread(call, words), TimeoutError);
  assertEquals(activeCount(), 1);
});

leakTest("toThread() without killable stops the wait only", async () => {
  const words = makeWords();
  const controller = new AbortController();
  const { signal } = controller;
  const calling = toThread({ module: MODULE, target: targets.spinUntil, signal }, words);
  await waitForWord(words);
  controller.abort(new Error("enough"));
  await assertRejects(() => calling, Error, "enough");
  assertEquals(activeCount(), 2);
  Atomics.store(words, 1, 1);
});
