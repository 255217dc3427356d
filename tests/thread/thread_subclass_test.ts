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
import {
  excepthook,
  Lock,
  move,
  setExcepthook,
  Thread,
  ThreadDiedError,
  ThreadStateError,
} from "../../thread/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { makeWords } from "./_make_thread.ts";
import * as classes from "./fixtures/subclasses.ts";

const MODULE = import.meta.resolve("./fixtures/subclasses.ts");

/** Has nothing printed for the time of a test. */
function quietly(): Disposable {
  setExcepthook(() => {});
  return { [Symbol.dispose]: () => void setExcepthook(excepthook) };
}

// A life

leakTest("Thread.run() of a subclass goes on in the thread, with what it shares", async () => {
  const lock = new Lock();
  const words = makeWords();
  const counters = Array.from({ length: 3 }, () => new classes.Counter(lock, words, 500));
  await Promise.all(counters.map((counter) => counter.start()));
  await Promise.all(counters.map((counter) => counter.result()));
  await Promise.all(counters.map((counter) => counter.join()));
  assertEquals(words[0], 1_500);
});

leakTest("Thread.run() of a subclass has the fields as they are at the start", async () => {
  await using worker = new classes.PlainWorker(7, { name: "Worker Seven" });
  worker.later = "set after the constructor";
  worker.made.set("more", 2);
  const starting = worker.start();
  worker.later = "too late";
  await starting;
  const report = await worker.result();
  assertNotEquals(report.ownIdent, 1);
  assertEquals(report, {
    n: 7,
    made: new Map([["key", 1], ["more", 2]]),
    later: "set after the constructor",
    constructed: 0,
    ident: worker.ident,
    ownIdent: worker.ident!,
    name: "Worker Seven",
    ownName: "Worker Seven",
    daemon: false,
    killable: false,
    isAlive: true,
    text: `Thread(Worker Seven, started ${worker.ident})`,
    isWorker: true,
  });
});

leakTest("Thread: a killable subclass knows that it is, and can be ended", async () => {
  await using worker = new classes.PlainWorker(7, { killable: true });
  await using endless = new classes.Endless();
  await Promise.all([worker.start(), endless.start()]);
  assertEquals((await worker.result()).killable, true);
  await endless.terminate();
  await assertRejects(
    () => endless.result(),
    ThreadDiedError,
    "before Endless.run() had returned: it was terminated",
  );
});

leakTest("Thread: a field of a subclass that was given to move() is moved", async () => {
  const numbers = new Float64Array([1, 2, 3]);
  await using thread = new classes.Doubling(move(numbers));
  await thread.start();
  assertEquals(numbers.length, 0);
  assertEquals(await thread.result(), new Float64Array([2, 4, 6]));
});

leakTest("Thread.run() of a subclass can call that of Thread", async () => {
  await using around = new classes.Around(3, 4);
  await around.start();
  assertEquals(await around.result(), 107);
});

leakTest("Thread: a subclass without run() runs its target, whatever its fields are", async () => {
  await using more = new classes.MoreMethods(3, 4);
  assertMatch(more.name, /^Thread-\d+ \(add\)$/);
  assertEquals(await more.sum(), 7);
});

leakTest("Thread: a subclass without a target has a number for its name", () => {
  assertMatch(new classes.Failing().name, /^Thread-\d+$/);
});

leakTest("Thread.run() of a subclass that throws rejects the result", async () => {
  using _ = quietly();
  await using failing = new classes.Failing();
  await failing.start();
  const error = await assertRejects(() => failing.result(), RangeError, "in run()");
  assertMatch(error.stack!, /subclasses\.ts:\d+/);
  assertEquals(failing.exception, error);
  await using returns = new classes.ReturnsFunction();
  await returns.start();
  await assertRejects(
    () => returns.result(),
    TypeError,
    "Cannot return from ReturnsFunction.run(): the value cannot be cloned",
  );
});

// In the thread that made it

leakTest("Thread.run() called here runs here", () => {
  assertEquals(new classes.Around(1, 2).run(), 103);
  assertEquals(new classes.MoreMethods(1, 2).run(), 3);
  const named = new Thread({ module: MODULE, target: "add" });
  assertThrows(() => named.run(), ThreadStateError, 'its target "add" is known by name only');
  // Nothing was started.
  assertEquals(named.isAlive(), false);
});

leakTest(
  "Thread: an object in its thread cannot be asked for what others do with it [cpython: ThreadingExceptionTests.test_joining_current_thread]",
  async () => {
    await using asks = new classes.AsksItself();
    await asks.start();
    const [start, join, result, terminate, close, run, dispose] = await asks.result();
    assertStringIncludes(start!, "ThreadStateError: Cannot start Thread-");
    assertStringIncludes(start!, "it was started before");
    for (const text of [join, result, terminate, dispose]) {
      assertMatch(text!, /^ThreadStateError: Cannot .*: it is the thread that runs this/);
    }
    assertStringIncludes(close!, "it still runs");
    assertStringIncludes(run!, "it has no target");
  },
);

// What stays, and what cannot go

leakTest("Thread: private fields of a subclass stay in the thread that made them", async () => {
  using _ = quietly();
  await using keeps = new classes.Private(9);
  await keeps.start();
  assertEquals([await keeps.result(), keeps.listen()], [9, 9]);

  await using uses = new classes.Worker(1);
  await uses.start();
  const error = await assertRejects(() => uses.result(), TypeError);
  assertStringIncludes(error.message, "Cannot use a private field in Worker.run()");
  assertStringIncludes(error.message, "stay in the thread that made the object");
  assertInstanceOf(error.cause, TypeError);
});

leakTest("Thread.start() names the field of a subclass that cannot be cloned", async () => {
  await using thread = new classes.Uncloneable();
  const { message } = await assertRejects(() => thread.start(), TypeError);
  assertStringIncludes(message, 'the field "inner" of the Uncloneable');
  assertEquals(thread.ident, undefined);
  await using other = new classes.UncloneableArgument();
  await assertRejects(() => other.start(), TypeError, "an argument cannot be cloned");
});

leakTest("Thread.start() tells that a subclass is not exported", async () => {
  await using hidden = classes.makeNotExported();
  const { message } = await assertRejects(() => hidden.start(), TypeError);
  assertStringIncludes(message, 'Cannot run "NotExported": the module does not export a class');
  assertStringIncludes(message, "that extends Thread");
  assertStringIncludes(message, "PlainWorker, ");

  await using misnamed = classes.makeMisnamed();
  await assertRejects(() => misnamed.start(), TypeError, 'Cannot run "add": the module does not');
});

Deno.test("new Thread() refuses a subclass that the thread could not find or run", () => {
  assertThrows(() => classes.makeAnonymous(), TypeError, "the class has no name");
  assertThrows(() => new classes.ArrowRun(), TypeError, "must have its own run() as a method");
  assert(new classes.Worker(1) instanceof Thread);
});
