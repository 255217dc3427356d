import {
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  type ExceptHook,
  excepthook,
  setExcepthook,
  type TargetFunction,
  Thread,
  ThreadDiedError,
  type ThreadInfo,
} from "../../thread/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { makeThread } from "./_make_thread.ts";
import { runProgram } from "./_run_program.ts";
import * as targets from "./fixtures/targets.ts";

/** Has the hook be another one for the time of a test. */
function withHook(hook: ExceptHook): Disposable {
  const before = setExcepthook(hook);
  return { [Symbol.dispose]: () => void setExcepthook(before) };
}

// Errors

leakTest("Thread.result() rejects with what the target throws, class and cause kept", async () => {
  using _ = withHook(() => {});
  await using sync = makeThread(targets.fail, ["oops"]);
  await using later = makeThread(targets.reject, []);
  await using text = makeThread(targets.failWithText, []);
  await using fields = makeThread(targets.failWithFields, []);
  await Promise.all([sync, later, text, fields].map((thread) => thread.start()));
  const error = await assertRejects(() => sync.result(), RangeError, "oops");
  assertInstanceOf(error.cause, TypeError);
  assertStrictEquals(sync.exception, error);
  await assertRejects(() => later.result(), RangeError, "rejected");
  assertEquals(await text.result().catch((thrown) => thrown), "just text");
  const thrown = await assertRejects(() => fields.result(), TypeError, "with fields");
  assertEquals((thrown as TypeError & { tally: number }).tally, 7);
});

leakTest("An error aside of the target ends the thread and not the program", async () => {
  const seen: string[] = [];
  using _ = withHook((error) => seen.push(String(error)));
  for (const options of [{}, { killable: true }]) {
    await using timer = makeThread(targets.failLater, [], options);
    await using rejection = makeThread(targets.rejectAside, [], options);
    await Promise.all([timer.start(), rejection.start()]);
    await assertRejects(() => timer.result(), RangeError, "from a timer");
    await assertRejects(() => rejection.result(), RangeError, "not handled");
    assertEquals(await timer.join(), true);
    assertEquals(await rejection.join(), true);
  }
  assertEquals(seen.toSorted(), [
    ...["RangeError: from a timer", "RangeError: from a timer"],
    ...["RangeError: not handled", "RangeError: not handled"],
  ]);
});

leakTest("A listener of the user's module can deal with an error itself", async () => {
  await using thread = new Thread({
    module: new URL("fixtures/handles_errors.ts", import.meta.url),
    target: "work",
  });
  await thread.start();
  assertEquals(await thread.result(), "handled aside");
});

leakTest("Thread.result() rejects when what was returned cannot be cloned", async () => {
  using _ = withHook(() => {});
  for (const killable of [false, true]) {
    await using thread = makeThread(targets.returnFunction, [], { killable });
    await thread.start();
    await assertRejects(
      () => thread.result(),
      TypeError,
      'Cannot return from "returnFunction": the value cannot be cloned',
    );
  }
});

leakTest("Thread.start() rejects with what a getter of an argument throws", async () => {
  class Odd {
    readonly list = [1];
  }
  const odd = Object.defineProperty(new Odd(), "text", {
    enumerable: true,
    get() {
      throw new RangeError("no reason");
    },
  });
  for (const killable of [false, true]) {
    const thread = makeThread(targets.echo as TargetFunction, [odd], { killable });
    await assertRejects(() => thread.start(), RangeError, "no reason");
    assertEquals([thread.isAlive(), thread.ident], [false, undefined]);
  }
});

leakTest("Thread.result() tells which room the program lacks for what was returned", async () => {
  const { code, stdout, stderr } = await runProgram("", { file: "few_rooms.ts" });
  assertEquals([code, stderr], [0, ""]);
  assertEquals(stdout.trim().split("\n"), [
    'TypeError: Cannot receive a "thread.Lock": its class is not loaded',
    'TypeError: Cannot receive an object of type "ipc.Queue": it is not known here',
    "a map that was thrown: 1",
  ]);
});

leakTest(
  "A stack overflow in a thread can be caught, and does no harm if not [cpython: ThreadingExceptionTests.test_recursion_limit]",
  async () => {
    using _ = withHook(() => {});
    await using caught = makeThread(targets.catchOverflow, []);
    await using failing = makeThread(targets.recurse, []);
    await Promise.all([caught.start(), failing.start()]);
    assertEquals(await caught.result(), "RangeError");
    await assertRejects(() => failing.result(), RangeError, "call stack");
  },
);

leakTest(
  "exit() ends only its thread, silently [cpython: ExceptHookTests.test_system_exit]",
  async () => {
    const { code, stdout, stderr } = await runProgram("exits");
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^ThreadDiedError: Thread-1 \(leave\) ended .*: it called exit\(\)\n$/);
  },
);

leakTest("A thread that closes itself, or exits the runtime, is one that has died", async () => {
  for (const target of [targets.closeSelf, targets.exitRuntime]) {
    for (const killable of [false, true]) {
      await using thread = makeThread(target as TargetFunction, [], { killable });
      await thread.start();
      await assertRejects(() => thread.result(), ThreadDiedError, "it was closed from within");
      assertEquals(await thread.join(), true);
      assertInstanceOf(thread.exception, ThreadDiedError);
    }
  }
  await using atImport = new Thread({
    module: new URL("fixtures/closes_at_import.ts", import.meta.url),
    target: "never",
  });
  await assertRejects(() => atImport.start(), ThreadDiedError, "it was closed from within");
});

leakTest("What the user's code posts is not taken for ours", async () => {
  await using thread = makeThread(targets.postByHand, []);
  await thread.start();
  assertEquals(await thread.result(), "returned");
});

// The hook

leakTest(
  "The default hook prints thread, class, message and stack [cpython: ThreadingExceptionTests.test_print_exception, ExceptHookTests.test_excepthook]",
  async () => {
    const { code, stdout, stderr } = await runProgram("fails");
    assertEquals([code, stdout], [0, "goes on\n"]);
    assertMatch(stderr, /^Exception in thread Thread-1 \(fail\): RangeError: the message\n/);
    assertMatch(stderr, /at fail \(.*targets\.ts:\d+:\d+\)/);
  },
);

leakTest(
  "setExcepthook() has a hook of one's own called, and the original put back [cpython: ExceptHookTests.test_custom_excepthook, ExceptHookTests.test_original_excepthook]",
  async () => {
    const calls: [unknown, ThreadInfo][] = [];
    const before = setExcepthook((error, info) => calls.push([error, info]));
    using _ = { [Symbol.dispose]: () => void setExcepthook(excepthook) };
    assertStrictEquals(before, excepthook);
    await using thread = makeThread(targets.fail, ["once"], { name: "failing" });
    await thread.start();
    const error = await assertRejects(() => thread.result(), RangeError);
    assertEquals(calls.length, 1);
    assertStrictEquals(calls[0]![0], error);
    assertEquals(calls[0]![1], { name: "failing", ident: thread.ident!, daemon: false });
    assertNotEquals(setExcepthook(before), before);
    assertThrows(() => setExcepthook(1 as unknown as ExceptHook), TypeError);
  },
);

leakTest(
  "A hook that fails is reported, with the error that it was for [cpython: ExceptHookTests.test_custom_excepthook_fail]",
  async () => {
    const { code, stdout, stderr } = await runProgram("hookFails");
    assertEquals([code, stdout], [0, "goes on\n"]);
    assertStringIncludes(stderr, "the hook's own");
    assertStringIncludes(stderr, "the message");
  },
);

Deno.test("excepthook() prints the thread and the error, and never throws", () => {
  const printed: unknown[][] = [];
  const before = console.error;
  console.error = (...values) => {
    if (printed.push(values) > 1) throw new Error("standard error is closed");
  };
  try {
    const error = new Error("enough");
    const thread = { name: "worker", ident: 3, daemon: false };
    excepthook(error, thread);
    excepthook(error, thread);
    assertEquals(printed[0], ["Exception in thread worker:", error]);
    assertEquals(printed.length, 2);
  } finally {
    console.error = before;
  }
});
