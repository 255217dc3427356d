import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { toText } from "@std/streams/to-text";
import { Queue } from "../../ipc/mod.ts";
import { Process, ProcessDiedError, ProcessStateError } from "../../process/mod.ts";
import { leakTest } from "../support/leaks.ts";
import * as classes from "./subclasses.ts";

// A life

leakTest(
  "Process.run() of a subclass goes on in the child, with methods and queues [cpython: _TestSubclassingProcess.test_subclassing]",
  async () => {
    await using questions = new Queue<string | null>();
    await using answers = new Queue<string>();
    await using upcaser = new classes.Upcaser(questions, answers);
    await upcaser.start();
    assertEquals(await upcaser.submit("hello"), "HELLO");
    assertEquals(await upcaser.submit("world"), "WORLD");
    await upcaser.stop();
    assertEquals(upcaser.exitCode, 0);
  },
);

leakTest("Process.run() of a subclass has the fields as they are at the start", async () => {
  await using worker = new classes.PlainWorker(7, "Worker Seven");
  worker.later = "set after the constructor";
  worker.made.set("more", 2);
  const starting = worker.start();
  worker.later = "too late";
  await starting;
  const report = await worker.result();
  assertNotEquals(report.ownPid, Deno.pid);
  assertEquals(report, {
    n: 7,
    made: new Map([["key", 1], ["more", 2]]),
    later: "set after the constructor",
    constructed: 0,
    pid: worker.pid,
    ownPid: worker.pid!,
    name: "Worker Seven",
    daemon: false,
    isAlive: true,
    exitCode: undefined,
    isWorker: true,
  });
});

leakTest("Process.run() of a subclass can call that of Process", async () => {
  await using around = new classes.Around(3, 4);
  await around.start();
  assertEquals(await around.result(), 107);
});

leakTest("Process: a subclass without run() runs its target, whatever its fields are", async () => {
  await using more = new classes.MoreMethods(3, 4);
  assertEquals(await more.sum(), 7);
});

leakTest("Process.run() of a subclass that throws is printed, and rejects the result", async () => {
  await using failing = new classes.Failing();
  await failing.start();
  const printed = toText(failing.stderr);
  const error = await assertRejects(() => failing.result(), RangeError, "in run()");
  assertMatch(error.stack!, /subclasses\.ts:\d+/);
  assertStringIncludes(await printed, "RangeError: in run()");
  await failing.join();
  assertEquals(failing.exitCode, 1);
});

leakTest("Process.result() names the run() of a subclass that was ended", async () => {
  await using questions = new Queue<string | null>();
  await using answers = new Queue<string>();
  await using upcaser = new classes.Upcaser(questions, answers);
  await upcaser.start();
  upcaser.terminate();
  await assertRejects(
    () => upcaser.result(),
    ProcessDiedError,
    "before Upcaser.run() had returned",
  );
});

// In the process that made it

leakTest("Process.run() called here runs here", () => {
  assertEquals(new classes.Around(1, 2).run(), 103);
  assertEquals(new classes.MoreMethods(1, 2).run(), 3);
  const named = new Process({ module: import.meta.resolve("./subclasses.ts"), target: "add" });
  assertThrows(() => named.run(), ProcessStateError, 'its target "add" is known by name only');
  // Nothing was started.
  assertEquals(named.isAlive(), false);
});

leakTest("Process: an object in the child cannot be asked for what is the parent's", async () => {
  await using asks = new classes.AsksItself();
  await asks.start();
  const [start, join, result, terminate, kill, close, stdout, run] = await asks.result();
  assertStringIncludes(start!, "ProcessStateError: Cannot start Process-");
  assertStringIncludes(start!, "it was started before");
  for (const text of [join, result, terminate, kill, stdout]) {
    assertMatch(text!, /^ProcessStateError: Cannot .*: it is the process that runs this/);
  }
  assertStringIncludes(close!, "it still runs");
  assertStringIncludes(run!, "it has no target");
});

// What stays, and what cannot go

leakTest("Process: private fields of a subclass stay in the parent", async () => {
  await using keeps = new classes.Private(9);
  await keeps.start();
  assertEquals([await keeps.result(), keeps.listen()], [9, 9]);

  await using uses = new classes.UsesPrivate();
  await uses.start();
  const error = await assertRejects(() => uses.result(), TypeError);
  assertStringIncludes(error.message, "Cannot use a private field in UsesPrivate.run()");
  assertStringIncludes(error.message, "#n");
  assertInstanceOf(error.cause, TypeError);

  await using method = new classes.Worker(1);
  await method.start();
  await assertRejects(
    () => method.result(),
    TypeError,
    "Cannot use a private field in Worker.run()",
  );
});

leakTest("Process.start() names the field of a subclass that cannot be carried", async () => {
  await using child = new classes.Uncarriable();
  const { message } = await assertRejects(() => child.start(), TypeError);
  assertStringIncludes(message, "a field of the Uncarriable cannot go to the child");
  assertMatch(message, /inner.*callback/);
  assertEquals(child.pid, undefined);
});

leakTest("Process.start() tells that a subclass is not exported", async () => {
  await using hidden = classes.makeNotExported();
  const { message } = await assertRejects(() => hidden.start(), TypeError);
  assertStringIncludes(message, 'Cannot run "NotExported": the module does not export a class');
  assertStringIncludes(message, "PlainWorker, ");

  await using misnamed = classes.makeMisnamed();
  await assertRejects(() => misnamed.start(), TypeError, 'Cannot run "add": the module does not');
});

Deno.test("new Process() refuses a subclass that the child could not find or run", () => {
  assertThrows(() => classes.makeAnonymous(), TypeError, "the class has no name");
  assertThrows(() => new classes.ArrowRun(), TypeError, "must have its own run() as a method");
  assert(new classes.Worker(1) instanceof Process);
});
