import {
  assert,
  assertEquals,
  assertGreater,
  assertInstanceOf,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { TimeoutError } from "../../coroutine/mod.ts";
import {
  activeCount,
  type ExceptHook,
  excepthook,
  Lock,
  move,
  setExcepthook,
  type TargetFunction,
  Thread,
  ThreadDiedError,
  type ThreadInfo,
  ThreadNotStoppedError,
  ThreadStateError,
} from "../../thread/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending } from "../support/settle.ts";
import { makeThread, makeWords, MODULE, waitForWord } from "./_make_thread.ts";
import { runProgram } from "./_run_program.ts";
import * as targets from "./fixtures/targets.ts";

/** Has the hook be another one for the time of a test. */
function withHook(hook: ExceptHook): Disposable {
  const before = setExcepthook(hook);
  return { [Symbol.dispose]: () => void setExcepthook(before) };
}

// A life

leakTest("Thread runs a function from start() to join()", async () => {
  await using thread = makeThread(targets.tellSelf, [], { name: "Number Five" });
  assertEquals(thread.name, "Number Five");
  assertEquals(thread.daemon, false);
  assertEquals(thread.killable, false);
  assertEquals(thread.isAlive(), false);
  assertEquals(thread.ident, undefined);
  const starting = thread.start();
  assertGreater(thread.ident, 1);
  assert(thread.isAlive());
  await starting;
  assertEquals(await thread.result(), {
    current: { name: "Number Five", ident: thread.ident!, daemon: false },
    main: { name: "MainThread", ident: 1, daemon: false },
    ident: thread.ident!,
  });
  assertEquals(await thread.join(), true);
  assertEquals(thread.isAlive(), false);
  assertEquals(thread.exception, undefined);
  assertEquals(await thread.join(), true);
  assertEquals((await thread.result()).ident, thread.ident);
});

leakTest("Thread.result() has the type and the value of what the target returned", async () => {
  await using now = makeThread(targets.square, [7]);
  await using later = makeThread(targets.squareLater, [8]);
  await using none = makeThread(targets.nothing, []);
  await using named = new Thread({ module: MODULE, target: "square", args: [9] });
  // @ts-expect-error The arguments are those of the target.
  new Thread({ module: MODULE, target: targets.square, args: ["7"] });
  await Promise.all([now.start(), later.start(), none.start(), named.start()]);
  const first: number = await now.result();
  const second: number = await later.result();
  const third: void = await none.result();
  const fourth: unknown = await named.result();
  assertEquals([first, second, third, fourth], [49, 64, undefined, 81]);
});

leakTest(
  "Thread.name is a number and the target, unless it is given [cpython: ThreadTests.test_name]",
  () => {
    const first = makeThread(targets.square, [1]);
    const second = makeThread(targets.square, [1], { name: "" });
    const [, number] = /^Thread-(\d+) \(square\)$/.exec(first.name) ?? [];
    assertEquals(second.name, `Thread-${Number(number) + 1} (square)`);
    assertEquals(makeThread(targets.square, [1], { name: "worker" }).name, "worker");
    assertEquals(makeThread(targets.square, [1], { name: 123 as unknown as string }).name, "123");
  },
);

leakTest(
  "Thread gives the arguments to the target as they are [cpython: ThreadTests.test_args_argument]",
  async () => {
    for (
      const value of [1, "text", [1, [2]], new Map([[1, { a: new Date(0) }]]), undefined, null]
    ) {
      await using thread = makeThread(targets.echo, [value]);
      await thread.start();
      assertEquals(await thread.result(), value);
    }
  },
);

leakTest("Thread shares what is on shared memory, and copies the rest", async () => {
  const words = makeWords();
  const lock = new Lock();
  lock.acquireSync();
  await using adder = makeThread(targets.add, [words]);
  await using asker = makeThread(targets.isLocked, [lock]);
  await Promise.all([adder.start(), asker.start()]);
  await adder.join();
  assertEquals(words[0], 1);
  assertEquals(await asker.result(), true);
  lock.release();
});

leakTest("Thread moves what was given to move(), there and back", async () => {
  for (const killable of [false, true]) {
    const numbers = new Float64Array([1, 2, 3]);
    await using thread = makeThread(
      targets.doubleAll,
      [move(numbers), { name: "copied" }],
      { killable },
    );
    await thread.start();
    assertEquals(numbers.length, 0);
    assertEquals(await thread.result(), {
      numbers: new Float64Array([2, 4, 6]),
      name: "copied",
    });
    const { port1, port2 } = new MessageChannel();
    await using asking = makeThread(targets.answerPort, [move(port2)], { killable });
    const asked = Promise.withResolvers<unknown>();
    port1.onmessage = ({ data }) => asked.resolve(data);
    await asking.start();
    assertEquals(await asked.promise, "ready");
    port1.postMessage("42");
    assertEquals(await asking.result(), "got 42");
    port1.close();
    await using opening = makeThread(targets.openPort, [], { killable });
    await opening.start();
    const opened = await opening.result();
    assert(opened.port instanceof MessagePort);
    opened.port.close();
  }
});

leakTest("Thread leaves what was not given to move()", async () => {
  const numbers = new Float64Array([1, 2, 3]);
  await using thread = makeThread(targets.doubleAll, [numbers, { name: "copied" }]);
  await thread.start();
  await thread.result();
  assertEquals(numbers, new Float64Array([1, 2, 3]));
});

leakTest(
  "Thread calls a target that would count as false [cpython: ThreadTests.test_boolean_target]",
  async () => {
    const falsy = Object.assign(() => 1, { [Symbol.toPrimitive]: () => 0 });
    Object.defineProperty(falsy, "name", { value: "nothing" });
    await using thread = makeThread(falsy as TargetFunction, []);
    await thread.start();
    assertEquals(await thread.result(), undefined);
  },
);

leakTest(
  "Thread.toString() tells name, state and daemon [cpython: ThreadTests.test_repr_daemon, ThreadTests.test_repr_stopped]",
  async () => {
    assertEquals(String(makeThread(targets.nothing, [], { name: "a" })), "Thread(a, initial)");
    const daemon = makeThread(targets.nothing, [], { name: "a", daemon: true });
    assertStringIncludes(String(daemon), "daemon");
    await using thread = makeThread(targets.nothing, [], { name: "a" });
    await thread.start();
    assertMatch(String(thread), /^Thread\(a, (started|stopped) \d+\)$/);
    await thread.join();
    assertEquals(String(thread), `Thread(a, stopped ${thread.ident})`);
  },
);

leakTest(
  "Thread ends by itself when nobody joins it, and leaves nothing [cpython: ThreadTests.test_leak_without_join]",
  async () => {
    const thread = makeThread(targets.leaveTimer, []);
    await thread.start();
    assertEquals(await thread.result(), "returned");
  },
);

leakTest(
  "Threads run at the same time, each with a number of its own [cpython: ThreadTests.test_various_ops]",
  async () => {
    const words = makeWords();
    const threads = Array.from({ length: 5 }, () => makeThread(targets.waitForWord, [words]));
    for (const thread of threads) {
      assertEquals(thread.ident, undefined);
      assertMatch(String(thread), /initial/);
    }
    await Promise.all(threads.map((thread) => thread.start()));
    assertEquals(new Set(threads.map(({ ident }) => ident)).size, 5);
    assert(threads.every((thread) => thread.isAlive()));
    assertEquals(activeCount(), 6);
    Atomics.store(words, 0, 1);
    Atomics.notify(words, 0);
    await Promise.all(threads.map((thread) => thread.join()));
    assert(threads.every((thread) => !thread.isAlive() && /stopped/.test(String(thread))));
    assertEquals(activeCount(), 1);
  },
);

leakTest(
  "Thread.join() may be waited for by many, and answers false after timeoutMs [cpython: ThreadTests.test_join_from_multiple_threads, ThreadTests.test_join_with_timeout]",
  async () => {
    const words = makeWords();
    await using thread = makeThread(targets.waitForWord, [words]);
    await thread.start();
    assertEquals(await thread.join({ timeoutMs: 1 }), false);
    assertEquals(await thread.join({ timeoutMs: 0 }), false);
    assert(thread.isAlive());
    const joining = Array.from({ length: 4 }, () => thread.join());
    await assertPending(Promise.race(joining), "the joins");
    Atomics.store(words, 0, 1);
    Atomics.notify(words, 0);
    assertEquals(await Promise.all(joining), [true, true, true, true]);
    assertEquals(await thread.join({ timeoutMs: 0 }), true);
  },
);

leakTest("Thread.join() and result() end with their signal, and the thread goes on", async () => {
  const words = makeWords();
  await using thread = makeThread(targets.waitForWord, [words]);
  await thread.start();
  const controller = new AbortController();
  const waits = [thread.join(controller), thread.result(controller)];
  controller.abort(new Error("enough"));
  for (const wait of waits) await assertRejects(() => wait, Error, "enough");
  await assertRejects(() => thread.join(controller), Error, "enough");
  await assertRejects(() => thread.result({ timeoutMs: 1 }), TimeoutError, '"waitForWord"');
  Atomics.store(words, 0, 1);
  Atomics.notify(words, 0);
  assertEquals(await thread.result(), "woken");
});

leakTest("Thread.start() ends with its signal, and the thread with it", async () => {
  await using aborted = makeThread(targets.wait, []);
  await assertRejects(() => aborted.start({ signal: AbortSignal.abort(new Error("no")) }), Error);
  assertEquals(aborted.ident, undefined);
  await using thread = makeThread(targets.wait, []);
  const controller = new AbortController();
  const starting = thread.start(controller);
  controller.abort(new Error("enough"));
  await assertRejects(() => starting, Error, "enough");
  assertEquals(await thread.join(), true);
  await assertRejects(() => thread.result(), ThreadDiedError, "it was terminated");
});

// Misuse

leakTest(
  "Thread.start() twice is refused [cpython: ThreadingExceptionTests.test_start_thread_again]",
  async () => {
    await using thread = makeThread(targets.nothing, []);
    await thread.start();
    await assertRejects(() => thread.start(), ThreadStateError, "it was started before");
    await thread.join();
    await assertRejects(() => thread.start(), ThreadStateError, "it was started before");
  },
);

leakTest(
  "Thread.join() before the start is refused [cpython: ThreadingExceptionTests.test_joining_inactive_thread]",
  async () => {
    const thread = makeThread(targets.nothing, []);
    await assertRejects(() => thread.join(), ThreadStateError, "it was not started");
    await assertRejects(() => thread.result(), ThreadStateError, "it was not started");
    await assertRejects(() => thread.terminate(), ThreadStateError, "it was not started");
  },
);

leakTest("Thread.close() refuses a thread that runs, and forgets one that has ended", async () => {
  const thread = makeThread(targets.wait, []);
  await thread.start();
  assertThrows(() => thread.close(), ThreadStateError, "it still runs");
  await thread.terminate();
  thread.close();
  await assertRejects(() => thread.join(), ThreadStateError, "it is closed");
  await assertRejects(() => thread.start(), ThreadStateError, "it is closed");
  await thread[Symbol.asyncDispose]();
});

leakTest(
  "Thread.daemon cannot be changed [cpython: ThreadingExceptionTests.test_daemonize_active_thread]",
  async () => {
    await using thread = makeThread(targets.nothing, []);
    await thread.start();
    assertThrows(() => (thread as { daemon: boolean }).daemon = true, TypeError);
    assertEquals(thread.daemon, false);
  },
);

Deno.test("Thread refuses options of the wrong kind, before anything starts", () => {
  const make = (options: unknown) => () => new Thread(options as { module: URL; target: string });
  assertThrows(make({ module: "./x.ts", target: "f" }), TypeError, "must be an absolute URL");
  assertThrows(make({ module: MODULE }), TypeError, '"target" must be a function or its name');
  assertThrows(make({ module: MODULE, target: (() => () => 1)() }), TypeError, "has no name");
  assertThrows(make({ module: MODULE, target: "f", args: 3 }), TypeError, '"args" is no array');
  assertThrows(
    make({ module: MODULE, target: "f", permissions: "none", daemon: true }),
    TypeError,
    '"permissions" cannot be had together',
  );
});

leakTest(
  "Thread.start() that fails leaves no thread behind [cpython: ThreadTests.test_limbo_cleanup]",
  async () => {
    const thread = makeThread(targets.echo, [() => 1]);
    await assertRejects(() => thread.start(), TypeError, "an argument cannot be cloned");
    assertEquals([thread.isAlive(), thread.ident, activeCount()], [false, undefined, 1]);
    const killable = makeThread(targets.echo, [() => 1], { killable: true });
    await assertRejects(() => killable.start(), TypeError, "an argument cannot be cloned");
    assertEquals([killable.isAlive(), killable.ident, activeCount()], [false, undefined, 1]);
  },
);

leakTest("Thread.start() names the exports when the target is not among them", async () => {
  await using thread = new Thread({ module: MODULE, target: "squared" });
  await assertRejects(
    () => thread.start(),
    TypeError,
    'Cannot run "squared": the module does not export a function of that name. It exports TallyError',
  );
  assertEquals(await thread.join(), true);
  assertInstanceOf(thread.exception, TypeError);
});

leakTest("Thread.start() rejects with what the module throws at import", async () => {
  await using thread = new Thread({
    module: new URL("fixtures/throws_at_import.ts", import.meta.url),
    target: "never",
  });
  await assertRejects(() => thread.start(), RangeError, "not to be imported");
  await assertRejects(() => thread.result(), RangeError, "not to be imported");
  assertEquals(await thread.join(), true);
});

leakTest("Thread.start() rejects when there is no such module", async () => {
  await using thread = new Thread({ module: new URL("none.ts", import.meta.url), target: "f" });
  await assertRejects(() => thread.start(), Error, "none.ts");
  assertEquals(await thread.join(), true);
});

leakTest("Thread.start() explains a missing import.meta.main", async () => {
  const { code, stdout, stderr } = await runProgram("", { file: "no_guard.ts" });
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, "still importing this module");
  assertStringIncludes(stdout, "if (import.meta.main)");
});

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

// Permissions

leakTest(
  "Thread.permissions needs a flag, which the runtime names when it is missing",
  async () => {
    const without = await runProgram("permissions");
    assertNotEquals(without.code, 0);
    assertStringIncludes(without.stderr, "--unstable-worker-options");
    const { code, stdout, stderr } = await runProgram("permissions", {
      flags: ["--allow-all", "--unstable-worker-options"],
    });
    assertEquals([code, stdout, stderr], [
      ...[0, "NotCapable\nThreadDiedError\njust text\n", ""],
    ]);
  },
);

leakTest("Thread needs permission to read the files of local modules, and no other", async () => {
  const root = new URL("../../", import.meta.url);
  const { code, stdout } = await runProgram("neverAsked", {
    flags: [`--allow-read=${root.pathname}`],
  });
  assertEquals([code, stdout], [0, "49\ntrue\n"]);
  const without = await runProgram("neverAsked", { flags: [] });
  assertEquals(without.code, 1);
  assertStringIncludes(without.stderr, "--allow-read");
});

// Many

leakTest(
  "Threads that write one file get in nobody's way [cpython: ThreadingExceptionTests.test_multithread_modify_file_noerror]",
  async () => {
    const path = await Deno.makeTempFile();
    try {
      const threads = Array.from({ length: 12 }, () => makeThread(targets.writeFile, [path]));
      await Promise.all(threads.map((thread) => thread.start()));
      await Promise.all(threads.map((thread) => thread.result()));
      await Promise.all(threads.map((thread) => thread.join()));
      assertEquals(await Deno.readTextFile(path), "line\n".repeat(12));
    } finally {
      await Deno.remove(path);
    }
  },
);
