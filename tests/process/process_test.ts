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
import { toText } from "@std/streams/to-text";
import { TimeoutError } from "../../coroutine/mod.ts";
import { ConnectionLostError, Queue, RemoteError } from "../../ipc/mod.ts";
import {
  activeChildren,
  cpuCount,
  currentProcess,
  parentProcess,
  Process,
  ProcessDiedError,
  type ProcessOptions,
  ProcessStateError,
  type TargetFunction,
} from "../../process/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending } from "../support/settle.ts";
import * as targets from "./targets.ts";

const MODULE = new URL("targets.ts", import.meta.url);

/** A process that runs a function of `targets.ts`, and does not print on the tests' output. */
function make<F extends TargetFunction>(
  target: F,
  args: Parameters<F>,
  options: Partial<ProcessOptions<F>> = {},
): Process<F> {
  return new Process<F>({
    module: MODULE,
    target,
    args,
    stdout: "null",
    stderr: "null",
    ...options,
  });
}

// A life

leakTest(
  "Process runs a function from start() to join() [cpython: _TestProcess.test_process]",
  async () => {
    await using child = make(targets.tellSelf, [], { name: "Number Five" });
    assertEquals(child.name, "Number Five");
    assertEquals(child.daemon, false);
    assertEquals(child.isAlive(), false);
    assertEquals(child.pid, undefined);
    assertEquals(child.exitCode, undefined);
    assertEquals(activeChildren(), []);

    const starting = child.start();
    assertGreater(child.pid, 0);
    assertNotEquals(child.pid, Deno.pid);
    assert(child.isAlive());
    assertEquals(activeChildren().length, 1);
    assertStrictEquals(activeChildren()[0], child as unknown as Process);
    await starting;

    assertEquals(await child.result(), {
      current: { name: "Number Five", pid: child.pid!, daemon: false },
      parent: { name: "MainProcess", pid: Deno.pid },
    });
    assertEquals(await child.join(), true);
    assertEquals(child.exitCode, 0);
    assertEquals(child.isAlive(), false);
    assertEquals(activeChildren(), []);
    assertEquals(await child.join(), true);
    assertEquals((await child.result()).current.name, "Number Five");
  },
);

leakTest("Process.result() has the type and the value of what the target returned", async () => {
  await using now = make(targets.square, [7]);
  await using later = make(targets.squareLater, [8]);
  await using none = make(targets.nothing, []);
  await using named = new Process({ module: MODULE, target: "square", args: [9] });
  // @ts-expect-error The arguments are those of the target.
  new Process({ module: MODULE, target: targets.square, args: ["7"] });
  // @ts-expect-error The arguments are those of the target.
  new Process({ module: MODULE, target: targets.square, args: [7, 8] });
  await Promise.all([now.start(), later.start(), none.start(), named.start()]);
  const first: number = await now.result();
  const second: number = await later.result();
  const third: void = await none.result();
  const fourth: unknown = await named.result();
  assertEquals([first, second, third, fourth], [49, 64, undefined, 81]);
});

leakTest(
  "Process.sentinel resolves when the process has ended [cpython: _TestProcess.test_sentinel]",
  async () => {
    await using running = new Queue<string>();
    await using words = new Queue<string>();
    await using child = make(targets.waitForWord, [running, words]);
    await assertPending(child.sentinel, "the sentinel before the start");
    await child.start();
    assertEquals(await running.get(), "running");
    await assertPending(child.sentinel, "the sentinel of a process that runs");
    await words.put("end");
    await child.sentinel;
    assertEquals(child.exitCode, 0);
    assertEquals(await child.result(), "end");
  },
);

leakTest("Process ends when its target has settled, whatever timers are left", async () => {
  await using child = make(targets.leaveTimer, []);
  await child.start();
  assertEquals(await child.result(), "returned");
  await child.join();
  assertEquals(child.exitCode, 0);
});

leakTest(
  "Process: several run at the same time [cpython: _TestProcess.test_many_processes]",
  async () => {
    const numbers = [1, 2, 3, 4, 5];
    const children = numbers.map((n) => make(targets.square, [n]));
    await Promise.all(children.map((child) => child.start()));
    assertEquals(await Promise.all(children.map((child) => child.result())), [1, 4, 9, 16, 25]);
    await Promise.all(children.map((child) => child.join()));
    assertEquals(children.map((child) => child.exitCode), [0, 0, 0, 0, 0]);

    const endless = numbers.map(() => make(targets.waitForever, []));
    await Promise.all(endless.map((child) => child.start()));
    assertEquals(activeChildren(), endless as unknown as Process[]);
    for (const child of endless) child.terminate();
    await Promise.all(endless.map((child) => child.join()));
    assertEquals(endless.map((child) => child.exitCode), [-15, -15, -15, -15, -15]);
    assertEquals(activeChildren(), []);
  },
);

// Misuse

leakTest("Process.start() rejects the second time, and the first one goes on", async () => {
  await using child = make(targets.square, [3]);
  const starting = child.start();
  const again = await assertRejects(() => child.start(), ProcessStateError);
  assertStringIncludes(again.message, "it was started before");
  await starting;
  assertEquals(await child.result(), 9);
  await child.join();
  await assertRejects(() => child.start(), ProcessStateError, "it was started before");
});

leakTest("Process methods that need a started process say so before the start", async () => {
  await using child = make(targets.nothing, []);
  await assertRejects(() => child.join(), ProcessStateError, "it was not started");
  await assertRejects(() => child.result(), ProcessStateError, "it was not started");
  assertThrows(() => child.terminate(), ProcessStateError, "it was not started");
  assertThrows(() => child.kill(), ProcessStateError, "it was not started");
  assertThrows(() => child.stdout, ProcessStateError, "it was not started");
  assertThrows(() => child.stderr, ProcessStateError, "it was not started");
});

leakTest(
  "Process.close() needs a process that has ended [cpython: _TestProcess.test_close]",
  async () => {
    await using running = new Queue<string>();
    await using words = new Queue<string>();
    const child = make(targets.waitForWord, [running, words]);
    await child.start();
    assertEquals(await running.get(), "running");
    assertThrows(() => child.close(), ProcessStateError, "it still runs");
    await words.put("end");
    await child.join();
    child.close();
    child.close();
    await assertRejects(() => child.join(), ProcessStateError, "it is closed");
    await assertRejects(() => child.result(), ProcessStateError, "it is closed");
    await assertRejects(() => child.start(), ProcessStateError, "it is closed");
    assertThrows(() => child.terminate(), ProcessStateError, "it is closed");
    assertThrows(() => child.kill(), ProcessStateError, "it is closed");
    await child[Symbol.asyncDispose]();
  },
);

leakTest("Process.close() before the start forbids it", async () => {
  const child = make(targets.nothing, []);
  child.close();
  await assertRejects(() => child.start(), ProcessStateError, "it is closed");
  assertEquals(child.pid, undefined);
});

Deno.test("new Process() refuses options of the wrong kind", () => {
  const anonymous = (() => () => 1)();
  const make = (options: unknown) => new Process(options as ProcessOptions<TargetFunction>);
  assertThrows(() => make({ module: MODULE, target: anonymous }), TypeError, "has no name");
  assertThrows(() => make({ module: MODULE, target: "" }), TypeError, "has no name");
  assertThrows(() => make({ module: MODULE, target: 5 }), TypeError, "got number");
  assertThrows(() => make({ module: MODULE }), TypeError, "got undefined");
  assertThrows(() => make({ module: "./a.ts", target: "a" }), TypeError, 'got "./a.ts"');
  assertThrows(() => make({ module: "a.ts", target: "a" }), TypeError, "import.meta.url");
  assertThrows(() => make({ target: "a" }), TypeError, '"module" must be an absolute URL');
  assertThrows(() => make({ module: MODULE, target: "a", args: 5 }), TypeError, '"args"');
});

// join()

leakTest("Process.join() answers false when the time is over, and true at the end", async () => {
  await using running = new Queue<string>();
  await using words = new Queue<string>();
  await using child = make(targets.waitForWord, [running, words]);
  await child.start();
  assertEquals(await running.get(), "running");
  assertEquals(await child.join({ timeoutMs: 0 }), false);
  assertEquals(await child.join({ timeoutMs: 1 }), false);
  assert(child.isAlive());
  await words.put("end");
  assertEquals(await child.join({ timeoutMs: 1e9 }), true);
  assertEquals(await child.join({ timeoutMs: 0 }), true);
});

leakTest(
  "Process.join() stops to wait when its signal aborts, and the process goes on",
  async () => {
    await using running = new Queue<string>();
    await using words = new Queue<string>();
    await using child = make(targets.waitForWord, [running, words]);
    await child.start();
    assertEquals(await running.get(), "running");
    const before = new Error("before");
    const early = await assertRejects(() => child.join({ signal: AbortSignal.abort(before) }));
    assertStrictEquals(early, before);
    const during = new Error("during");
    const controller = new AbortController();
    const joining = child.join({ signal: controller.signal });
    await assertPending(joining, "join()");
    controller.abort(during);
    assertStrictEquals(await assertRejects(() => joining), during);
    assert(child.isAlive());
    await words.put("end");
    const late = new AbortController();
    assertEquals(await child.join({ signal: late.signal }), true);
    late.abort();
    // An aborted signal comes first, also when the process has ended.
    await assertRejects(() => child.join({ signal: late.signal }), DOMException);
  },
);

leakTest("Process.join() refuses a time limit that is none", async () => {
  await using child = make(targets.nothing, []);
  await child.start();
  await assertRejects(() => child.join({ timeoutMs: -1 }), RangeError, "0 or more");
  await assertRejects(() => child.join({ timeoutMs: NaN }), RangeError, "0 or more");
  const wrong = "1" as unknown as number;
  await assertRejects(() => child.join({ timeoutMs: wrong }), TypeError, "must be a number");
});

// Ends

leakTest(
  "Process.terminate() ends the process by SIGTERM [cpython: _TestProcess.test_terminate]",
  async () => {
    await using child = make(targets.waitForever, []);
    await child.start();
    const result = assertRejects(() => child.result(), ProcessDiedError);
    child.terminate();
    await child.join();
    assertEquals(child.exitCode, -15);
    assertEquals(child.isAlive(), false);
    const error = await result;
    assertEquals(error.pid, child.pid!);
    assertEquals(error.exitCode, -15);
    assertEquals(error.signal, "SIGTERM");
    assertStringIncludes(
      error.message,
      `(pid ${child.pid}) was ended by SIGTERM before "waitForever"`,
    );
    child.terminate();
    child.kill();
    assertEquals(child.exitCode, -15);
  },
);

leakTest(
  "Process.kill() ends a process that computes for ever [cpython: _TestProcess.test_kill]",
  async () => {
    await using running = new Queue<string>();
    await using child = make(targets.spin, [running]);
    await child.start();
    assertEquals(await running.get(), "running");
    child.kill();
    await child.join();
    assertEquals(child.exitCode, -9);
    const { exitCode, signal } = await assertRejects(() => child.result(), ProcessDiedError);
    assertEquals([exitCode, signal], [-9, "SIGKILL"]);
  },
);

leakTest("Process.terminate() ends a process that computes for ever", async () => {
  await using running = new Queue<string>();
  await using child = make(targets.spin, [running]);
  await child.start();
  assertEquals(await running.get(), "running");
  child.terminate();
  await child.join();
  assertEquals(child.exitCode, -15);
});

leakTest("Process.kill() right after start() was called rejects the start", async () => {
  await using child = make(targets.square, [1]);
  const starting = assertRejects(() => child.start(), ProcessDiedError, "SIGKILL");
  child.kill();
  const error = await starting;
  assertEquals(error.exitCode, -9);
  await assertRejects(() => child.result(), ProcessDiedError, "SIGKILL");
});

leakTest(
  "Process.exitCode is the code of Deno.exit() [cpython: _TestSubclassingProcess.test_sys_exit]",
  async () => {
    for (const code of [3, 0]) {
      await using child = make(targets.exitWith, [code]);
      await child.start();
      const error = await assertRejects(() => child.result(), ProcessDiedError);
      assertEquals([error.pid, error.exitCode, error.signal], [child.pid!, code, null]);
      assertStringIncludes(error.message, `ended with exit code ${code} before "exitWith"`);
      await child.join();
      assertEquals(child.exitCode, code);
    }
  },
);

leakTest("Process.exitCode is what Deno.exitCode was set to", async () => {
  await using child = make(targets.setExitCode, [4]);
  await child.start();
  assertEquals(await child.result(), "returned");
  await child.join();
  assertEquals(child.exitCode, 4);
});

leakTest("Process.result() rejects when the runtime ends the child", async () => {
  await using child = make(targets.rejectUnhandled, [], { stderr: "piped" });
  await child.start();
  const errors = toText(child.stderr);
  const error = await assertRejects(() => child.result(), ProcessDiedError);
  assertEquals(error.exitCode, 1);
  assertStringIncludes(await errors, "nobody handles this");
});

// Disposal

leakTest("Process is terminated when it is disposed, and again is nothing", async () => {
  const child = make(targets.waitForever, []);
  await child.start();
  await Promise.all([child[Symbol.asyncDispose](), child[Symbol.asyncDispose]()]);
  assertEquals(child.exitCode, -15);
  await child[Symbol.asyncDispose]();
  await assertRejects(() => child.join(), ProcessStateError, "it is closed");
});

leakTest("Process is killed at disposal when it does not heed SIGTERM", async () => {
  await using running = new Queue<string>();
  const child = make(targets.ignoreTerm, [running]);
  await child.start();
  assertEquals(await running.get(), "running");
  await child[Symbol.asyncDispose]();
  assertEquals(child.exitCode, -9);
});

leakTest(
  "Process can be disposed while it starts, before its start and after its end",
  async () => {
    await make(targets.nothing, [])[Symbol.asyncDispose]();
    const starting = make(targets.nothing, []);
    const start = starting.start().then(() => "started", (error) => (error as Error).name);
    await starting[Symbol.asyncDispose]();
    assertMatch(await start, /^(started|ProcessDiedError)$/);
    const ended = make(targets.nothing, []);
    await ended.start();
    await ended.join();
    await ended[Symbol.asyncDispose]();
    assertEquals(ended.exitCode, 0);
  },
);

// Errors

leakTest(
  "Process.result() rejects with the class, message, cause and fields of the error",
  async () => {
    const failures: targets.Failure[] = ["range", "payment", "unknown", "aggregate", "text"];
    const children = failures.map((failure) => make(targets.failWith, [failure]));
    await Promise.all(children.map((child) => child.start()));
    const [range, payment, unknown, aggregate, text] = await Promise.all(
      children.map((child) => child.result().then(() => "resolved", (error) => error)),
    );
    await Promise.all(children.map((child) => child.join()));
    assertEquals(children.map(({ exitCode }) => exitCode), [1, 1, 1, 1, 1]);

    assertInstanceOf(range, RangeError);
    assertEquals(range.message, "out of range");
    assertInstanceOf(range.cause, TypeError);
    assertEquals(range.cause.message, "the cause");
    assertMatch(range.stack!, /failWith.*targets\.ts:\d+/);

    assertInstanceOf(payment, targets.PaymentError);
    assertEquals([payment.name, payment.message], ["PaymentError", "declined"]);
    assertEquals([payment.account, payment.cause], ["DE-1", "no money"]);

    assertInstanceOf(unknown, RemoteError);
    assertEquals([unknown.name, unknown.message], ["LocalError", "only there"]);
    assertEquals((unknown as RemoteError & { field: number }).field, 7);

    assertInstanceOf(aggregate, AggregateError);
    assertEquals(aggregate.errors.map(({ name }) => name), ["TypeError", "RangeError"]);

    assertEquals(text, "just a text");
  },
);

leakTest(
  "Process prints an uncaught error with its stack on standard error [cpython: _TestSubclassingProcess.test_stderr_flush]",
  async () => {
    await using child = make(targets.failWith, ["range"], { name: "Printer", stderr: "piped" });
    await child.start();
    const printed = await toText(child.stderr);
    assertStringIncludes(printed, "Uncaught (in process Printer)");
    assertStringIncludes(printed, "RangeError: out of range");
    assertStringIncludes(printed, "the cause");
    assertMatch(printed, /failWith.*targets\.ts.*:\d+/s);
    await child.join();
    assertEquals(child.exitCode, 1);
  },
);

leakTest("Process.result() rejects with the path to a result that cannot be carried", async () => {
  await using child = make(targets.returnFunction, []);
  await child.start();
  const { message } = await assertRejects(() => child.result(), TypeError);
  assertMatch(message, /inner.*0/);
  await child.join();
});

// Names and relations

leakTest("Process names its children in order, and theirs after them", async () => {
  const first = make(targets.branch, [1, 2], { permissions: "inherit" });
  const second = make(targets.nothing, []);
  const number = Number(/^Process-(\d+)$/.exec(first.name)?.[1]);
  assertEquals(second.name, `Process-${number + 1}`);
  await using _first = first;
  await first.start();
  const { name, children } = await first.result();
  assertEquals(name, first.name);
  assertEquals(children.map((child) => child.name), [`${name}:1`, `${name}:2`]);
});

leakTest("Process: children can have children [cpython: _TestProcess.test_recursion]", async () => {
  await using child = make(targets.branch, [2, 1], { permissions: "inherit", name: "Root" });
  await child.start();
  const tree = await child.result();
  assertEquals([tree.name, tree.parentName], ["Root", "MainProcess"]);
  const [second] = tree.children;
  assertEquals(second!.parentName, "Root");
  const [third] = second!.children;
  assertEquals(third!.parentName, second!.name);
  assertEquals(third!.name, `${second!.name}:1`);
  assertEquals(third!.children, []);
});

leakTest("Process: a child without the permission cannot have children", async () => {
  await using child = make(targets.tryToStart, []);
  await child.start();
  const { error } = await child.result();
  assertStringIncludes(error!, "NotCapable");
  assertMatch(error!, /--allow-(net|run)/);
});

leakTest(
  "Process.daemon is that of the creator, unless it is told [cpython: _TestProcess.test_daemon_argument]",
  async () => {
    await using daemon = make(targets.tryToStart, [], { daemon: true, permissions: "inherit" });
    await using plain = make(targets.tryToStart, [], { permissions: "inherit" });
    assertEquals([daemon.daemon, plain.daemon], [true, false]);
    await Promise.all([daemon.start(), plain.start()]);
    const { byDefault, asTold, error } = await daemon.result();
    assertEquals([byDefault, asTold], [true, false]);
    assertStringIncludes(error!, "ProcessStateError");
    assertStringIncludes(error!, `${daemon.name} is a daemon, and daemons have no children`);
    assertEquals(await plain.result(), { byDefault: false, asTold: true, error: undefined });
  },
);

Deno.test("currentProcess() and parentProcess() in the main process [cpython: _TestProcess.test_current]", () => {
  assertEquals(currentProcess(), { name: "MainProcess", pid: Deno.pid, daemon: false });
  assertEquals(parentProcess(), undefined);
});

leakTest(
  "activeChildren() lists those of this process only [cpython: _TestProcess.test_active_children]",
  async () => {
    await using other = make(targets.waitForever, []);
    await other.start();
    await using child = make(targets.countChildren, []);
    await child.start();
    assertEquals(await child.result(), 0);
    await child.join();
    assertEquals(activeChildren(), [other as unknown as Process]);
  },
);

Deno.test("cpuCount() is a whole number of at least one [cpython: _TestProcess.test_cpu_count]", () => {
  assert(Number.isInteger(cpuCount()) && cpuCount() >= 1);
});

leakTest("Process.result() stops to wait when its time is over or its signal aborts", async () => {
  await using child = make(targets.waitForever, []);
  await child.start();
  await assertRejects(
    () => child.result({ timeoutMs: 1 }),
    TimeoutError,
    "did not return within 1 ms",
  );
  const controller = new AbortController();
  const waiting = child.result({ signal: controller.signal });
  const reason = new Error("enough");
  controller.abort(reason);
  assertStrictEquals(await waiting.catch((error) => error), reason);
  assert(child.isAlive());
});

leakTest(
  "Process.result() tells a connection that the target lost from the death of the child",
  async () => {
    await using child = make(targets.loseConnection, []);
    await child.start();
    await assertRejects(
      () => child.result(),
      ConnectionLostError,
      "the manager of the target is gone",
    );
    await child.join();
    assertEquals(child.exitCode, 1);
  },
);
