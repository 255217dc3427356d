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
  Lock,
  move,
  type TargetFunction,
  Thread,
  ThreadDiedError,
  ThreadStateError,
} from "../../thread/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending } from "../support/settle.ts";
import { makeThread, makeWords, MODULE } from "./_make_thread.ts";
import { runProgram } from "./_run_program.ts";
import * as targets from "./fixtures/targets.ts";

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

leakTest("Thread.start() that takes too long ends the thread", async () => {
  await using thread = makeThread(targets.wait, []);
  await assertRejects(
    () => thread.start({ timeoutMs: 0 }),
    TimeoutError,
    "did not start within 0 ms",
  );
  assertEquals(await thread.join(), true);
});

leakTest(
  "Thread.terminate() with an aborted signal rejects with its reason, and ends nothing",
  async () => {
    const words = makeWords();
    await using thread = makeThread(targets.waitForWord, [words]);
    await thread.start();
    const reason = new Error("enough");
    const terminated = thread.terminate({ signal: AbortSignal.abort(reason) });
    assertStrictEquals(await assertRejects(() => terminated), reason);
    Atomics.store(words, 0, 1);
    Atomics.notify(words, 0);
    assertEquals(await thread.result(), "woken");
  },
);

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
