import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { InvalidStateError, TimeoutError } from "../../coroutine/mod.ts";
import {
  activeCount,
  enumerate,
  Lock,
  move,
  Queue,
  ThreadPool,
  type ThreadPoolOptions,
  Value,
  WorkerDiedError,
} from "../../thread/mod.ts";
import { Queue as ProcessQueue } from "../../ipc/mod.ts";
import { startProgram } from "../support/child_program.ts";
import { guard, GUARD_MS } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { settle } from "../support/settle.ts";
import { collect } from "../contracts/_pool_subject.ts";
import { makeWords, waitForWord } from "./_make_thread.ts";
import * as targets from "./fixtures/pool_targets.ts";

const MODULE = import.meta.resolve("./fixtures/pool_targets.ts");

function makePool(size = 1, options: ThreadPoolOptions = {}): ThreadPool {
  return new ThreadPool(size, { module: MODULE, ...options });
}

// The start

leakTest("ThreadPool tells which permission its threads lack", async () => {
  const code = `
    import { ThreadPool } from "${import.meta.resolve("../../thread/thread_pool.ts")}";
    if (import.meta.main) {
      await using pool = new ThreadPool(1, { module: import.meta.url });
      await pool.ready().catch((error) => console.log("READY", error.name, error.message));
    }
  `;
  await using program = await startProgram({ code });
  assertMatch(
    program.ready,
    /^WorkerDiedError ThreadPool-1-worker-1 ended before it could take tasks: Requires read access to ".+", run again with the --allow-read flag$/,
  );
});

// Values

leakTest("ThreadPool carries what a structured clone carries, in each way it has", async () => {
  await using pool = makePool();
  const circle: { self?: unknown } = {};
  circle.self = circle;
  const twice = { n: 1 };
  const long = "ä€😀\ud800".repeat(500);
  const values = [
    ...[undefined, null, true, 0, -0, 1, -1, 2 ** 31, -(2 ** 31), 0.5, NaN, Infinity, 5n],
    ...["", "text", "ä€😀", "\ud800", long, [], {}, [1, 2], [1.5, 2], [undefined], [undefined, 1]],
    ...[{ a: [{ b: null }], __proto__: null }, new Date(5), new Map([[1, new Set(["a"])]])],
    ...[/x/gi, new Uint8Array([1, 2]), new RangeError("no"), [1, "a", null], { a: undefined }],
    JSON.parse('{"__proto__": 1}'),
    Array.from({ length: 20_000 }, (_, n) => n / 2),
    "x".repeat(100_000),
  ];
  for (const value of values) {
    assertEquals(await pool.apply(targets.echo, [value]), value);
    assertEquals(await pool.apply(targets.echoAll, [value, 1, value]), [value, 1, value]);
  }
  assertEquals(await pool.map(targets.echo, values), values);
  assert(Object.is(await pool.apply(targets.echo, [-0]), -0));
  const [a, b] = await pool.apply(targets.echo, [[twice, twice]]) as object[];
  assertEquals(a === b, true);
  const back = await pool.apply(targets.echo, [circle]) as typeof circle;
  assertEquals(back.self === back, true);
  const holes = await pool.apply(targets.echo, [[, 1]]) as unknown[];
  assertEquals([holes.length, 0 in holes], [2, false]);
});

leakTest("ThreadPool rejects the call whose arguments cannot be cloned, and goes on", async () => {
  await using pool = makePool();
  const calling = pool.apply(targets.echo, [() => 1]);
  const other = pool.apply(targets.echo, [new Date(1)]);
  await assertRejects(() => calling, TypeError, "Cannot carry a value to another thread");
  assertEquals(await other, new Date(1));
  const items = [new Date(0), () => 1, new Date(2), Symbol("s"), new Date(4)];
  const results = pool.imap(targets.echo, items, { chunkSize: 5 });
  assertEquals((await results.next()).value, new Date(0));
  await assertRejects(() => results.next(), TypeError, "Cannot carry");
  assertEquals((await results.next()).value, new Date(2));
  await assertRejects(() => results.next(), TypeError, "Cannot carry");
  assertEquals((await results.next()).value, new Date(4));
});

leakTest("ThreadPool does not call a toJSON that a structured clone leaves out", async () => {
  await using pool = makePool();
  const value = Object.defineProperty({ a: 1 }, "toJSON", { value: () => "changed" });
  assertEquals(await pool.apply(targets.echo, [value]), { a: 1 });
});

leakTest("ThreadPool carries what is no plain data and was thrown", async () => {
  await using pool = makePool();
  const thrown = new Map([["a", new Date(1)]]);
  const caught = await pool.apply(targets.throwIt, [thrown]).catch((error: unknown) => error);
  assertEquals(caught, thrown);
});

leakTest("ThreadPool tells for which item its thread was when it ended", async () => {
  await using pool = makePool();
  // Of a chunk without a time limit it is not told which item runs.
  for (const options of [{ chunkSize: 1 }, { chunkSize: 4, timeoutMs: 20_000 }]) {
    const error = await assertRejects(
      () => pool.map(targets.closeSelfAtTwo, [0, 1, 2, 3], options),
      WorkerDiedError,
      'ended while it ran "closeSelfAtTwo" for item 2: it was closed from within',
    );
    assertEquals(error.task, { name: "closeSelfAtTwo", index: 2 });
  }
});

leakTest("ThreadPool goes on when a thread has ended that had nothing to do", async () => {
  await using pool = makePool();
  for (let n = 0; n < 3; n++) {
    const [, ident] = await pool.apply(targets.nameAndIdent);
    assertEquals(await pool.apply(targets.closeSelfLater, [n]), n);
    const isThere = () => enumerate().some((thread) => thread.ident === ident);
    await guard(
      (async () => {
        while (isThere()) await settle();
      })(),
      () => "the thread to end",
    );
  }
  assertEquals(await pool.apply(targets.square, [3]), 9);
});

leakTest("ThreadPool fails a call whose reference was changed before it started", async () => {
  await using pool = makePool();
  const words = makeWords();
  const first = pool.apply(targets.blockAtOne, [1, words]);
  const reference = { module: MODULE, name: "square" };
  const changed = pool.apply(reference, [2]);
  reference.name = "";
  Atomics.store(words, 0, 1);
  Atomics.notify(words, 0);
  await assertRejects(() => changed, TypeError, "Cannot call: the task must be a function");
  assertEquals(await first, 1);
  assertEquals(await pool.apply(targets.square, [3]), 9);
});

leakTest("ThreadPool rejects the call whose result cannot be cloned, and goes on", async () => {
  await using pool = makePool();
  await assertRejects(() => pool.apply(targets.makeFunction, [1]), TypeError, "Cannot carry");
  const results = pool.imap(targets.makeFunction, [0, 1, 2], { chunkSize: 3 });
  assertEquals((await results.next()).value, 0);
  await assertRejects(() => results.next(), TypeError, "Cannot carry");
  assertEquals((await results.next()).value, 2);
});

leakTest("ThreadPool keeps the order of calls, whichever way their arguments go", async () => {
  await using pool = makePool();
  const queue = new Queue<number>();
  const calls = Array.from(
    { length: 300 },
    (_, n) =>
      n % 3 === 0
        ? pool.apply(targets.passOn, [queue, n])
        : pool.apply(targets.passOn, [queue, n]).then(() => {}),
  );
  await Promise.all(calls);
  const seen: number[] = [];
  while (queue.qsize() > 0) seen.push(await queue.get());
  assertEquals(seen, Array.from({ length: 300 }, (_, n) => n));
  const mixed = Array.from({ length: 1000 }, (_, n) => n % 7 === 0 ? new Date(n) : n);
  assertEquals(await Promise.all(mixed.map((n) => pool.apply(targets.echo, [n]))), mixed);
});

leakTest("ThreadPool shares what is on shared memory", async () => {
  await using pool = makePool(2);
  const value = new Value("int32", 0);
  const lock = new Lock();
  await Promise.all(
    Array.from({ length: 200 }, () => pool.apply(targets.addLocked, [value, lock])),
  );
  assertEquals(value.value, 200);
  const back = await pool.apply(targets.echo, [value]);
  assertInstanceOf(back, Value);
  back.value = 7;
  assertEquals(value.value, 7);
});

leakTest(
  "ThreadPool lends queues between processes, also to a module that knows only their type",
  async () => {
    await using pool = makePool();
    const queue = new ProcessQueue<number>();
    await pool.apply(targets.passOn, [queue as unknown as Queue<number>, 5]);
    assertEquals(await queue.get(), 5);
    await queue.close();
  },
);

leakTest(
  "ThreadPool.apply() gives each result before the next call starts, also of those that go together",
  async () => {
    await using pool = makePool();
    const word = makeWords();
    const call = (n: number) => pool.apply(targets.blockAtOne, [n, word]);
    await Promise.all(Array.from({ length: 1000 }, () => call(0)));
    const [first, ...others] = [0, 1, 2, 3, 4, 5, 6, 7].map(call);
    assertEquals(await first, 0);
    Atomics.store(word, 0, 1);
    Atomics.notify(word, 0);
    assertEquals(await Promise.all(others), [1, 1, 1, 1, 1, 1, 1]);
  },
);

// move()

leakTest("move() moves memory to a thread and back", async () => {
  await using pool = makePool();
  const bytes = new Uint8Array(1_000_000);
  const filled: Uint8Array<ArrayBuffer> = await pool.apply(targets.fill, [move(bytes), 7]);
  assertEquals([bytes.length, filled.length, filled[999_999]], [0, 1_000_000, 7]);
  await pool.apply(targets.fill, [filled, 8]);
  assertEquals(filled.length, 1_000_000, "it holds for one time");
  const part = new Uint8Array(5);
  const other = new Uint8Array(5);
  await pool.apply(targets.echo, [{ part: move(part), list: [other] }]);
  assertEquals([part.length, other.length], [0, 5]);
  const both = { part: new Uint8Array(5), other };
  await pool.map(targets.echo, [move(both)]);
  assertEquals([both.part.length, other.length], [0, 0]);
});

leakTest("move() loses nothing when what is moved has to wait for a thread", async () => {
  await using pool = makePool(2);
  await pool.map(targets.square, Array.from({ length: 300 }, (_, n) => n));
  const words = makeWords();
  const spinning = pool.apply(targets.spin, [words], { timeoutMs: 300 }).catch(() => "stopped");
  const make = () => move(new Uint8Array(8));
  const one = Array.from({ length: 40 }, (_, n) => pool.apply(targets.fill, [make(), n]));
  const some = pool.starmap(targets.fill, Array.from({ length: 40 }, (_, n) => [make(), n]), {
    chunkSize: 10,
  });
  const plain = pool.map(targets.square, Array.from({ length: 300 }, (_, n) => n));
  assertEquals((await Promise.all(one)).map((bytes) => bytes[0]), one.map((_, n) => n));
  assertEquals((await some).map((bytes) => bytes[7]), one.map((_, n) => n));
  assertEquals((await plain)[299], 299 * 299);
  assertEquals(await spinning, "stopped");
});

leakTest("move() loses nothing of a chunk whose first item waits for the others", async () => {
  await using pool = makePool(2);
  await pool.ready();
  const words = makeWords();
  const items = [0, 1, 2, 3].map((n): Parameters<typeof targets.fillLast> => {
    return [move(new Uint8Array(8)), n, words];
  });
  const filled = await pool.starmap(targets.fillLast, items, { chunkSize: 4 });
  assertEquals(filled.map((bytes) => bytes[7]), [0, 1, 2, 3]);
});

leakTest("move() moves what items of a chunk hold, one after the other", async () => {
  await using pool = makePool();
  const items = [0, 1, 2, 3].map((n) => move(new Uint8Array([n])));
  const back = await pool.map(targets.echo, items, { chunkSize: 4 });
  assertEquals(back, [0, 1, 2, 3].map((n) => new Uint8Array([n])));
  assertEquals(items.map(({ length }) => length), [0, 0, 0, 0]);
});

leakTest("move() of something else leaves what goes in a circle as it is", async () => {
  await using pool = makePool();
  const waiting = move(new Uint8Array(5));
  const circle: { self?: unknown } = {};
  circle.self = circle;
  const back = await pool.apply(targets.echo, [circle]) as typeof circle;
  assertEquals([back.self === back, waiting.length], [true, 5]);
});

leakTest("move() moves ports and streams", async () => {
  await using pool = makePool();
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => port1.postMessage("answer");
  assertEquals(await pool.apply(targets.askPort, [move(port2)]), "answer");
  port1.close();
  const stream = ReadableStream.from(["x", "y"]);
  assertEquals(await pool.apply(targets.readAll, [move(stream)]), "xy");
  const made: ReadableStream<string> = await pool.apply(targets.makeStream);
  assertEquals(await Array.fromAsync(made), ["a", "b", "c"]);
});

leakTest(
  "move() finds what is to be moved in maps, sets and circles, and moves it once",
  async () => {
    await using pool = makePool();
    const make = () => new Uint8Array(5);
    const [inMap, inSet, twice, left] = [make(), make(), make(), make()];
    const item: Record<string, unknown> = {
      map: new Map([["a", move(inMap)]]),
      set: new Set([move(inSet)]),
      twice: [move(twice), twice],
      left,
    };
    item.self = item;
    const answer = await pool.apply(targets.echo, [item]) as Record<string, unknown>;
    assertEquals([inMap, inSet, twice, left].map(({ length }) => length), [0, 0, 0, 5]);
    const [first, second] = answer.twice as Uint8Array[];
    assertEquals([first, second === first], [make(), true]);
  },
);

leakTest("move() moves the values of a generator", async () => {
  await using pool = makePool();
  const values = await collect(pool.stream(targets.countMoved, [3]));
  assertEquals(values, [[0], [1], [2]].map((list) => new Uint8Array(list)));
});

Deno.test("move() refuses what has nothing to be moved", () => {
  assertThrows(() => move({ a: 1 }), TypeError, "Cannot move the value");
});

leakTest("move() of what has been moved already rejects the call", async () => {
  await using pool = makePool();
  const bytes = new Uint8Array(5);
  const first = pool.apply(targets.fill, [move(bytes), 1]);
  await first;
  await assertRejects(() => pool.apply(targets.fill, [move(bytes), 2]), TypeError);
  assertEquals(await pool.apply(targets.square, [3]), 9);
});

// Threads

leakTest("ThreadPool calls the initializer in each thread", async () => {
  await using pool = makePool(2, { initializer: targets.prepare, initArgs: [1, "two"] });
  assertEquals(await pool.apply(targets.listPrepared), [1, "two"]);
  assertThrows(() => makePool(1, { initArgs: [1] }), TypeError, 'no "initializer"');
});

leakTest("ThreadPool fails with the error of its initializer", async () => {
  await using pool = makePool(2, { initializer: targets.failToPrepare });
  for (let n = 0; n < 2; n++) {
    await assertRejects(() => pool.apply(targets.square, [1]), RangeError, "cannot prepare");
  }
});

leakTest("ThreadPool replaces a thread after so many tasks", async () => {
  await using pool = makePool(1, { maxTasksPerChild: 2 });
  const idents: number[] = [];
  for (let n = 0; n < 4; n++) idents.push((await pool.apply(targets.nameAndIdent))[1]);
  assertEquals(idents[0], idents[1]);
  assertEquals(idents[2], idents[3]);
  assert(idents[1] !== idents[2]);
});

leakTest("ThreadPool names its threads after itself", async () => {
  await using pool = makePool(1, { name: "painters" });
  assertEquals((await pool.apply(targets.nameAndIdent))[0], "painters-worker-1");
  await using other = makePool();
  assertMatch((await other.apply(targets.nameAndIdent))[0], /^ThreadPool-\d+-worker-1$/);
});

leakTest("ThreadPool ends idle threads, and starts them again", async () => {
  await using pool = makePool(2, { idleTimeoutMs: 1 });
  assertEquals(activeCount(), 1);
  assertEquals(await pool.apply(targets.square, [3]), 9);
  while (activeCount() > 1) await new Promise<void>((resolve) => setTimeout(resolve, 1));
  assertEquals(await pool.apply(targets.square, [4]), 16);
});

leakTest("ThreadPool starts its threads at once, and as many as minThreads says", async () => {
  await using pool = makePool(3, { minThreads: 2 });
  await pool.ready();
  assertEquals(activeCount(), 3);
  assertThrows(() => makePool(1, { minThreads: 2 }), RangeError, '"minThreads" must be 1 at most');
});

leakTest("ThreadPool may be used within a thread of another one", async () => {
  await using pool = makePool(2);
  assertEquals(await pool.map(targets.squareInPool, [1, 2, 3, 4]), [1, 4, 9, 16]);
});

leakTest("ThreadPool finds functions of other modules by reference", async () => {
  await using pool = new ThreadPool(1);
  assertEquals(await pool.apply({ module: MODULE, name: "square" }, [5]), 25);
  await assertRejects(
    () => pool.apply({ module: MODULE, name: "none" }),
    TypeError,
    'Cannot call "none": the module does not export a function of that name',
  );
  const broken = import.meta.resolve("./fixtures/throws_at_import.ts");
  await assertRejects(
    () => pool.apply({ module: broken, name: "square" }),
    RangeError,
    "not to be imported",
  );
  assertEquals(await pool.apply({ module: MODULE, name: "square" }, [6]), 36);
  assertThrows(() => pool.applyAsync(targets.square, [1]), TypeError, 'no "module"');
});

leakTest("ThreadPool refuses options that make no sense", () => {
  assertThrows(() => makePool(0), RangeError);
  assertThrows(() => makePool(1.5), RangeError);
  assertThrows(() => new ThreadPool(1, { module: "./a.ts" }), TypeError, "absolute URL");
  assertThrows(() => makePool(1, { taskTimeoutMs: 0 }), RangeError, "taskTimeoutMs");
  assertThrows(() => makePool(1, { maxTasksPerChild: 0 }), RangeError, "maxTasksPerChild");
  assertThrows(() => makePool(1, { retries: -1 }), RangeError, "retries");
  assertThrows(
    () => makePool(1, { initializer: targets.prepare, initArgs: [() => 1] }),
    TypeError,
    "Cannot carry",
  );
  assertEquals(activeCount(), 1);
});

// Stopping

for (const target of [targets.spin, targets.park]) {
  leakTest(`ThreadPool stops a task that exceeds its time: ${target.name}`, async () => {
    await using pool = makePool(2, { taskTimeoutMs: 200 });
    const running = pool.apply(target);
    const others = pool.map(targets.square, Array.from({ length: 500 }, (_, n) => n));
    await assertRejects(() => running, TimeoutError, "it ran longer than 200 ms");
    assertEquals((await others)[20], 400);
    assertEquals(await pool.map(targets.square, [1, 2, 3]), [1, 4, 9]);
    await pool.ready();
    assertEquals(activeCount(), 3);
  });

  leakTest(`ThreadPool stops a task that is cancelled: ${target.name}`, async () => {
    await using pool = makePool(1);
    const words = makeWords();
    const controller = new AbortController();
    const running = pool.apply(target, [words], { signal: controller.signal });
    const next = pool.apply(targets.square, [5]);
    await waitForWord(words);
    controller.abort(new Error("enough"));
    await assertRejects(() => running, Error, "enough");
    assertEquals(await next, 25);
  });

  leakTest(`ThreadPool.terminate() stops what runs: ${target.name}`, async () => {
    const pool = makePool(1);
    const words = makeWords();
    const running = pool.applyAsync(target, [words]);
    const rejected = assertRejects(() => running.get(), Error, "The pool was terminated");
    await waitForWord(words);
    await pool.terminate();
    await rejected;
    assertEquals(activeCount(), 1);
  });
}

leakTest("ThreadPool lets a task that looks at its signal end by itself", async () => {
  await using pool = makePool(1);
  const words = makeWords();
  const [, ident] = await pool.apply(targets.nameAndIdent);
  const running = pool.applyAsync(targets.untilCancelled, [words]);
  await waitForWord(words);
  running.cancel();
  assertEquals(await running.get(), undefined, "what returns all the same has succeeded");
  assertEquals(words[1], 1);
  assertEquals((await pool.apply(targets.nameAndIdent))[1], ident);
});

leakTest("ThreadPool.join() is refused while it is open, and waits after close()", async () => {
  const pool = makePool(1);
  await assertRejects(() => pool.join(), InvalidStateError);
  const result = pool.apply(targets.square, [3]);
  pool.close();
  await pool.join();
  assertEquals(await result, 9);
  assertEquals(activeCount(), 1);
});

leakTest("ThreadPool ends a thread that does not stop long before the grace is over", async () => {
  await using pool = makePool(1, { graceMs: 20 * GUARD_MS });
  const spinning = pool.apply(targets.spin, [makeWords(1)], { timeoutMs: 50 });
  await assertRejects(() => spinning, TimeoutError);
  // There is one thread: it has another one's turn when that one has ended.
  assertEquals(await guard(pool.apply(targets.square, [3]), () => "the next thread"), 9);
});

// Threads that die

leakTest("ThreadPool rejects the task of a thread that closes itself, and goes on", async () => {
  await using pool = makePool(1);
  const error = await assertRejects(() => pool.apply(targets.closeSelf), WorkerDiedError);
  assertMatch(error.message, /^ThreadPool-\d+-worker-1 ended while it ran "closeSelf"/);
  assertEquals(error.task, { name: "closeSelf", index: 0 });
  assertEquals(await pool.apply(targets.square, [3]), 9);
});

leakTest("ThreadPool starts a task again that was lost with its thread", async () => {
  await using pool = makePool(1, { retries: 1 });
  assertEquals(await pool.apply(targets.closeSelfOnce, [makeWords(1)]), 2);
});

leakTest("ThreadPool tells the error that a thread did not catch", async () => {
  await using pool = makePool(1);
  const error = await assertRejects(() => pool.apply(targets.throwOutside), WorkerDiedError);
  assertInstanceOf(error.cause, RangeError);
  assertEquals(error.cause.message, "outside");
});
