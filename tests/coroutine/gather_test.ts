import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { CancelledError, gather, sleep, spawn, Task } from "../../coroutine/mod.ts";
import { createGates, Gate } from "../support/gate.ts";
import { assertPending, settle } from "../support/settle.ts";
import { hang } from "./_task_work.ts";

/** What is gathered, all of it waiting for its gate. */
interface Kind {
  name: string;
  make(run: () => Promise<unknown>): (() => Promise<unknown>) | PromiseLike<unknown>;
}

const KINDS: Kind[] = [
  { name: "functions", make: (run) => run },
  { name: "tasks", make: (run) => spawn(run) },
  { name: "promises", make: (run) => run() },
];

for (const { name, make } of KINDS) {
  const inOrder = name === "functions"
    ? "in their order [cpython: GatherTestsBase.test_success, GatherTestsBase.test_result_exception_success]"
    : "in their order";

  Deno.test(`gather() of ${name} gives the results, whatever ended first, ${inOrder}`, async () => {
    for (const options of [{}, { returnExceptions: true }]) {
      const gates = [new Gate(), new Gate(), new Gate()];
      const gathered = gather(
        gates.map((gate, i) => make(() => gate.wait().then(() => i))),
        options,
      );
      let calls = 0;
      gathered.addDoneCallback(() => calls++);
      for (const i of [1, 2, 0]) {
        await assertPending(gathered.join());
        gates[i]?.open();
      }
      assertEquals(await gathered, [0, 1, 2]);
      await settle();
      assertEquals(calls, 1);
    }
  });

  Deno.test(`gather() of ${name} throws the first error at once; the others go on`, async () => {
    const { a, b, c } = createGates("a", "b", "c");
    const ended: string[] = [];
    const error = new Error("b");
    const gathered = gather([
      make(() => a.wait().then(() => ended.push("a"))),
      make(() => b.wait().then(() => Promise.reject(error))),
      make(() => c.wait().then(() => Promise.reject(new Error("c")))),
    ]);
    await settle();
    b.open();
    assertStrictEquals(await assertRejects(async () => await gathered), error);
    a.open();
    c.open();
    await settle();
    assertEquals(ended, ["a"]);
    assertStrictEquals(gathered.exception(), error);
  });

  Deno.test(`gather() of ${name} with returnExceptions has errors among the results, and waits for all`, async () => {
    const { a, b } = createGates("a", "b");
    const error = new Error("a");
    const gathered = gather([
      make(() => a.wait().then(() => Promise.reject(error))),
      make(() => b.wait().then(() => "b")),
    ], { returnExceptions: true });
    a.open();
    await assertPending(gathered.join());
    b.open();
    assertEquals(await gathered, [error, "b"]);
  });
}

Deno.test("gather() throws the first error, and ignores what comes after it [cpython: GatherTestsBase.test_one_exception]", async () => {
  const [first, second, third] = [new Gate(), new Gate(), new Gate()];
  const cancelled = spawn(() => hang());
  const gathered = gather([
    () => first.wait(),
    () => second.wait().then(() => Promise.reject(new Error("second"))),
    () => third.wait().then(() => Promise.reject(new Error("third"))),
    cancelled,
  ]);
  second.open();
  await assertRejects(async () => await gathered, Error, "second");
  third.open();
  first.open();
  cancelled.cancel();
  await settle();
  assertEquals((gathered.exception() as Error).message, "second");
});

Deno.test("gather() with returnExceptions gives all errors as results [cpython: GatherTestsBase.test_return_exceptions]", async () => {
  const one = new Error("one");
  const two = new RangeError("two");
  const results = await gather([
    () => 1,
    () => Promise.reject(one),
    Promise.reject(two),
    () => sleep(0, { result: 4 }),
  ], { returnExceptions: true });
  assertEquals(results, [1, one, two, 4]);
  assertStrictEquals(results[1], one);
});

Deno.test("gather() passes on what is thrown, whatever it is", async () => {
  for (const thrown of [undefined, null, 0]) {
    const gathered = gather([() => Promise.reject(thrown)]);
    const caught = await gathered.then(() => ["nothing"], (error) => [error]);
    assertEquals(caught, [thrown]);
    assertEquals(
      await gather([() => Promise.reject(thrown)], { returnExceptions: true }),
      [thrown as unknown as Error],
    );
  }
});

Deno.test("gather() of nothing gives nothing [cpython: FutureGatherTests.test_constructor_empty_sequence_use_running_loop]", async () => {
  assertEquals(await gather([]), []);
  assertEquals(await gather(new Set<() => void>()), []);
  const gathered = gather([]);
  assertEquals([gathered.done(), gathered.result()], [true, []]);
});

Deno.test("gather() of what has ended already", async () => {
  const task = spawn(() => "task");
  await task;
  const gathered = gather([task, task]);
  assertEquals([gathered.done(), await gathered], [true, ["task", "task"]]);
});

Deno.test("gather() runs a task and a promise that are given twice once [cpython: CoroutineGatherTests.test_duplicate_coroutines]", async () => {
  const { end } = createGates("end");
  let runs = 0;
  const task = spawn(() => end.wait().then(() => ++runs));
  const promise = end.wait().then(() => `promise${++runs}`);
  const gathered = gather([task, promise, task, promise]);
  end.open();
  const [a, b, c, d] = await gathered;
  assertEquals([a === c, b === d, runs], [true, true, 2]);
});

Deno.test("gather() runs a function as often as it is given", async () => {
  let runs = 0;
  const count = () => ++runs;
  assertEquals(await gather([count, count, count]), [1, 2, 3]);
});

Deno.test("gather() refuses what cannot be waited for, and starts nothing [cpython: CoroutineGatherTests.test_issue46672, BaseTaskTests.test_ensure_future_neither]", async () => {
  let hasStarted = false;
  const start = () => hasStarted = true;
  for (const wrong of ["ok", 1, null, undefined, {}]) {
    assertThrows(
      () => gather([start, wrong as unknown as () => void]),
      TypeError,
      "Cannot gather: expected tasks, functions and promises",
    );
  }
  for (const wrong of [start, 5, undefined, "text", spawn(() => 1)]) {
    assertThrows(
      () => gather(wrong as unknown as (() => void)[]),
      TypeError,
      "Cannot gather: expected several in an iterable",
    );
  }
  await settle();
  assertEquals(hasStarted, false);
});

Deno.test("gather() takes iterators and any thenable [cpython: BaseTaskTests.test_ensure_future_awaitable, BaseTaskTests.test_ensure_future_coroutine, BaseTaskTests.test_ensure_future_future]", async () => {
  const thenable = { then: (resolve: (value: string) => void) => resolve("thenable") };
  function* all() {
    yield () => "function";
    yield async () => await Promise.resolve("async");
    yield Promise.resolve("promise");
    yield thenable as PromiseLike<string>;
    yield spawn(() => "task");
  }
  assertEquals(await gather(all()), ["function", "async", "promise", "thenable", "task"]);
});

// Cancelling

Deno.test("gather() has failed with the CancelledError of a part; it was not cancelled itself [cpython: FutureGatherTests.test_one_cancellation]", async () => {
  const { end } = createGates("end");
  const parts = [spawn(() => end.wait()), spawn(() => hang()), spawn(() => end.wait())];
  const gathered = gather(parts);
  await settle();
  parts[1]?.cancel();
  await assertRejects(async () => await gathered, CancelledError);
  assertEquals([gathered.cancelled(), gathered.exception() instanceof CancelledError], [
    false,
    true,
  ]);
  assertEquals(parts[0]?.done(), false);
  end.open();
  await parts[2];
});

Deno.test("gather() with returnExceptions has the CancelledError of a part among the results [cpython: FutureGatherTests.test_result_exception_one_cancellation]", async () => {
  const part = spawn(() => hang());
  const gathered = gather([() => 1, part], { returnExceptions: true });
  await settle();
  part.cancel();
  const [one, two] = await gathered;
  assertEquals([one, two instanceof CancelledError], [1, true]);
});

Deno.test("gather() that is cancelled, or whose waiter is, cancels all parts and waits for them [cpython: CoroutineGatherTests.test_cancellation_broadcast]", async () => {
  for (const returnExceptions of [false, true]) {
    for (const who of ["waiter", "gather"]) {
      const { cleaned } = createGates("cleaned");
      const seen: unknown[] = [];
      const slow = async () => {
        try {
          await hang(seen, "slow");
        } finally {
          await cleaned.wait();
        }
      };
      const gathered = gather([() => hang(seen, "hang"), slow], { returnExceptions });
      const waiter = spawn(async () => await gathered);
      await settle();
      assertEquals((who === "waiter" ? waiter : gathered).cancel("stop"), true);
      await settle();
      assertEquals([seen, gathered.done(), waiter.done()], [["hang", "slow"], false, false]);
      cleaned.open();
      const error = await assertRejects(async () => await waiter, CancelledError);
      assertEquals([error.cause, gathered.cancelled(), waiter.cancelled()], ["stop", true, true]);
    }
  }
});

Deno.test("gather() refuses to be cancelled when all parts have ended [cpython: BaseTaskTests.test_cancel_gather_1]", async () => {
  const { end } = createGates("end");
  const part = spawn(() => end.wait().then(() => 42));
  const gathered = gather([part]);
  const asked: boolean[] = [];
  part.addDoneCallback(() => asked.push(gathered.cancel()));
  end.open();
  assertEquals([await gathered, asked, gathered.cancelled()], [[42], [false], false]);
});

Deno.test("gather() with returnExceptions that is cancelled throws the CancelledError [cpython: BaseTaskTests.test_cancel_gather_2]", async () => {
  const waiter = spawn(async () => {
    await sleep(0);
    return await gather([() => hang(), () => hang()], { returnExceptions: true });
  });
  await settle();
  waiter.cancel("my message");
  const error = await assertRejects(async () => await waiter, CancelledError);
  assertEquals([error.cause, waiter.cancelled()], ["my message", true]);
});

Deno.test("gather() that is cancelled again cancels the parts again", async () => {
  const seen: unknown[] = [];
  const gathered = gather([async () => {
    await hang(seen, 1).catch(() => {});
    await hang(seen, 2);
  }]);
  await settle();
  gathered.cancel();
  await settle();
  assertEquals([seen, gathered.done()], [[1], false]);
  gathered.cancel();
  await assertRejects(async () => await gathered, CancelledError);
  assertEquals(seen, [1, 2]);
});

Deno.test("gather() that is cancelled throws what a part throws in its cleaning up", async () => {
  const error = new Error("cleaning up failed");
  const part = () => hang().catch(() => Promise.reject(error));
  const gathered = gather([() => hang(), part]);
  await settle();
  gathered.cancel();
  assertStrictEquals(await assertRejects(async () => await gathered), error);
  const quiet = gather([part], { returnExceptions: true });
  await settle();
  quiet.cancel();
  await assertRejects(async () => await quiet, CancelledError);
});

Deno.test("gather() inside a gather is cancelled with it", async () => {
  const seen: unknown[] = [];
  const outer = gather([gather([() => hang(seen, 1)]), () => gather([() => hang(seen, 2)])]);
  await settle();
  outer.cancel();
  await assertRejects(async () => await outer, CancelledError);
  assertEquals(seen, [1, 2]);
});

Deno.test("gather() with a signal is cancelled by it, before and during, and not after", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const gathered = gather([() => hang()], { signal });
  const early = gather([() => 1], { signal });
  assertEquals(await early, [1]);
  controller.abort("stop");
  const error = await assertRejects(async () => await gathered, CancelledError);
  assertEquals([error.cause, early.cancelled()], ["stop", false]);
  let hasStarted = false;
  const late = gather([() => hasStarted = true], { signal });
  assertEquals([late.cancelled(), late.cancel()], [true, false]);
  await assertRejects(async () => await late, CancelledError);
  assertEquals(hasStarted, false);
});

// Many, and types

Deno.test("gather() of 100,000 functions", async () => {
  const results = await gather(Array.from({ length: 100_000 }, (_, i) => async () => await i));
  assertEquals([results.length, results[99_999]], [100_000, 99_999]);
});

Deno.test("gather() has the types of all results, each in its place", async () => {
  const gathered = gather([
    () => 1,
    async () => await Promise.resolve("two"),
    Promise.resolve(true),
    spawn(() => 4n),
    (signal: AbortSignal) => signal.aborted,
  ]);
  const task: Task<[number, string, boolean, bigint, boolean]> = gathered;
  const [one, two, three, four, five] = await gathered;
  const typed: [number, string, boolean, bigint, boolean] = [one, two, three, four, five];
  assertEquals(typed, [1, "two", true, 4n, false]);
  assert(task instanceof Task);
  const list: number[] = await gather([1, 2].map((n) => () => n));
  const kept: (number | Error)[] = await gather([() => 1], { returnExceptions: true });
  const iterated: (number | Error)[] = await gather(new Set([() => 1]), {
    returnExceptions: true,
  });
  // @ts-expect-error: an error may be among them
  const wrong: number[] = await gather(new Set([() => 1]), { returnExceptions: true });
  assertEquals([list, kept, iterated, wrong], [[1, 2], [1], [1], [1]]);
});
