import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { CancelledError, sleep, spawn, TimeoutError } from "../../coroutine/mod.ts";
import { ConnectionLostError } from "../../ipc/mod.ts";
import { RpcClient, RpcServer } from "../../distributed/mod.ts";
import { Gate } from "../support/gate.ts";
import { leakTest } from "../support/leaks.ts";
import { settle } from "../support/settle.ts";
import { connect, createCounter, KEY, LONG_MS, serve, until } from "./_rpc.ts";

const FOREVER = Promise.withResolvers<never>().promise;

// Streams that are results

leakTest("RpcStream has the values of generators and of what else is iterable", async () => {
  const api = {
    *numbers(to: number) {
      for (let n = 0; n < to; n++) yield n;
    },
    async *texts() {
      yield "a";
      await sleep(1);
      yield "b";
    },
    made: () => api.numbers(3),
    readable: () => ReadableStream.from([1n, 2n]),
    later: async () => {
      await sleep(0);
      return api.texts();
    },
    async *nothing(): AsyncGenerator<number> {},
    list: () => [1, 2],
  };
  await using served = await serve(api);
  const remote = served.api;
  assertEquals(await Array.fromAsync(remote.numbers(1000)), [...api.numbers(1000)]);
  assertEquals(await Array.fromAsync(remote.texts()), ["a", "b"]);
  assertEquals(await Array.fromAsync(remote.made()), [0, 1, 2]);
  assertEquals(await Array.fromAsync(remote.readable()), [1n, 2n]);
  assertEquals(await Array.fromAsync(await remote.later()), ["a", "b"]);
  assertEquals(await Array.fromAsync(remote.nothing()), []);
  assertEquals(await remote.list(), [1, 2]);
  await until(() => served.server.statistics().streams === 0);
});

leakTest("RpcStream that is left early closes the generator on the server", async () => {
  const { count, closed, state } = createCounter();
  await using served = await serve({ count });
  for await (const n of served.api.count()) {
    if (n === 3) break;
  }
  // The loop has waited for it.
  assertEquals(closed.isOpen, true);
  assert(state.made <= 3 + 256 + 1);
  await until(() => served.server.statistics().streams === 0);
});

leakTest("RpcStream is ahead by lookAhead values and no more", async () => {
  for (const [lookAhead, taken, least, most] of [[0, 2, 2, 2], [1, 2, 3, 3], [8, 5, 12, 13]]) {
    const { count, state } = createCounter();
    await using served = await serve({ count }, {}, { lookAhead });
    const iterator = served.api.count()[Symbol.asyncIterator]();
    await settle();
    assertEquals(state.made, 0);
    for (let n = 0; n < taken!; n++) assertEquals((await iterator.next()).value, n);
    await until(() => state.made >= least!);
    for (let turn = 0; turn < 5; turn++) await settle();
    assert(state.made <= most!, `${state.made} values were made with a lookAhead of ${lookAhead}`);
    await iterator.return();
  }
});

leakTest("RpcStream is not ahead by more than about a megabyte", async () => {
  let made = 0;
  await using served = await serve({
    *blocks() {
      for (;;) {
        made++;
        yield new Uint8Array(512 * 1024);
      }
    },
  });
  const iterator = served.api.blocks()[Symbol.asyncIterator]();
  await iterator.next();
  for (let turn = 0; turn < 5; turn++) await settle();
  assert(made <= 8, `${made} blocks were made`);
  await iterator.return();
});

leakTest("RpcStream throws what the generator throws, after the values before it", async () => {
  await using served = await serve({
    *fail() {
      yield 1;
      yield 2;
      throw new RangeError("no more");
    },
    *uncarriable() {
      yield 1;
      yield () => 2;
      yield 3;
    },
  });
  for (const name of ["fail", "uncarriable"] as const) {
    const got: unknown[] = [];
    const error = await assertRejects(async () => {
      for await (const value of served.api[name]()) got.push(value);
    }, Error);
    assertEquals(got, name === "fail" ? [1, 2] : [1]);
    assertMatch(error.message, name === "fail" ? /no more/ : /Cannot carry a function/);
  }
  await until(() => served.server.statistics().streams === 0);
});

leakTest("RpcStream.next() takes a time limit of its own, and goes on after it", async () => {
  const gate = new Gate();
  await using served = await serve({
    async *wait() {
      await gate.wait();
      yield 1;
    },
  });
  const iterator = served.api.wait()[Symbol.asyncIterator]();
  await assertRejects(
    () => iterator.next({ timeoutMs: 1 }),
    TimeoutError,
    '"wait" made no value within 1 ms',
  );
  const controller = new AbortController();
  const waiting = iterator.next({ signal: controller.signal });
  controller.abort(new Error("enough"));
  await assertRejects(() => waiting, Error, "enough");
  gate.open();
  assertEquals(await iterator.next(), { done: false, value: 1 });
  assertEquals(await iterator.next(), { done: true, value: undefined });
  assertEquals(await iterator.next(), { done: true, value: undefined });
});

leakTest("RpcStream is closed when it is disposed of", async () => {
  const { count, closed } = createCounter();
  await using served = await serve({ count });
  {
    await using iterator = served.api.count()[Symbol.asyncIterator]();
    assertEquals(await iterator.next(), { done: false, value: 0 });
  }
  assertEquals(closed.isOpen, true);
  await until(() => served.server.statistics().streams === 0);
});

leakTest("RpcStream of a signal that is aborted already makes nothing", async () => {
  const { count, state } = createCounter();
  await using served = await serve({
    count: (_options: { signal?: AbortSignal | undefined }) => count(),
    async *generate(_options: { signal?: AbortSignal | undefined }) {
      yield* count();
    },
  });
  const reason = new Error("enough");
  for (const name of ["count", "generate"] as const) {
    await assertRejects(
      () => Array.fromAsync(served.api[name]({ signal: AbortSignal.abort(reason) })),
      Error,
      "enough",
    );
  }
  assertEquals(state.made, 0);
});

leakTest(
  "RpcStream that a function returns can be iterated, left and disposed of at once",
  async () => {
    const { count, closed, state } = createCounter();
    await using served = await serve({ made: () => count(), list: () => [1, 2] });
    {
      await using iterator = served.api.made()[Symbol.asyncIterator]() as AsyncGenerator<number>;
      assertEquals(iterator[Symbol.asyncIterator](), iterator);
      assertEquals(await iterator.next(), { done: false, value: 0 });
      assertEquals(await iterator.return(undefined), { done: true, value: undefined });
      assertEquals(closed.isOpen, true);
      assertEquals((await iterator.next()).done, true);
    }
    await until(() => served.server.statistics().streams === 0);
    assert(state.made > 0);
    const list = served.api.list() as unknown as AsyncIterable<number>;
    await assertRejects(
      () => Array.fromAsync(list),
      TypeError,
      "Cannot iterate: the function did not return a stream",
    );
  },
);

leakTest("RpcStream serves those in order who wait at the same time", async () => {
  await using served = await serve({
    async *slow() {
      for (let n = 0; n < 4; n++) {
        await sleep(1);
        yield n;
      }
    },
  });
  const iterator = served.api.slow()[Symbol.asyncIterator]();
  const results = await Promise.all(Array.from({ length: 5 }, () => iterator.next()));
  assertEquals(results.map(({ value }) => value), [0, 1, 2, 3, undefined]);
});

leakTest("RpcStream ends with the task that iterates it, and with a signal", async () => {
  for (const how of ["task", "signal", "time"] as const) {
    const closed = new Gate();
    const started = new Gate();
    await using served = await serve({
      async *wait() {
        try {
          yield 1;
          started.open();
          await sleep(Infinity);
        } finally {
          closed.open();
        }
      },
    });
    const controller = new AbortController();
    const limits = { task: {}, signal: { signal: controller.signal }, time: { timeoutMs: 50 } };
    const api = RpcClient.within(served.api, limits[how]);
    const task = spawn(async () => {
      for await (const _ of api.wait());
    });
    await started.wait();
    if (how === "task") task.cancel();
    if (how === "signal") controller.abort(new RangeError("enough"));
    const expected = { task: CancelledError, signal: RangeError, time: TimeoutError }[how];
    await assertRejects(async () => await task, expected);
    await closed.wait();
  }
});

leakTest("RpcStream can be left although the generator waits for what cannot end", async () => {
  const gate = new Gate();
  await using served = await serve({
    async *stuck() {
      yield 1;
      await FOREVER;
    },
    // Later calls are not held up.
    open: () => gate.open(),
  });
  const left = (async () => {
    for await (const _ of served.api.stuck()) break;
  })();
  await served.api.open();
  assertEquals(gate.isOpen, true);
  await left;
});

leakTest("RpcStream fails when the connection is lost", async () => {
  const { count } = createCounter();
  const server = new RpcServer({ count, wait: () => sleep(LONG_MS) }, { authkey: KEY });
  await using client = await connect<{ count: typeof count; wait(): Promise<void> }>(server);
  const call = assertRejects(() => client.api.wait(), ConnectionLostError, "was shut down");
  const iterator = client.api.count()[Symbol.asyncIterator]();
  await iterator.next();
  await server.shutdown();
  await server.shutdown();
  await call;
  await assertRejects(async () => {
    for (;;) await iterator.next();
  }, ConnectionLostError);
  await server.serveForever();
  await assertRejects(() => client.api.wait(), ConnectionLostError);
});

// Streams that are arguments

leakTest("RpcServer pulls from iterables that are arguments", async () => {
  const api = {
    async sum(numbers: AsyncIterable<number>, more: AsyncIterable<number>) {
      let sum = 0;
      for await (const n of numbers) sum += n;
      for await (const n of more) sum += n;
      return sum;
    },
    async size(bytes: ReadableStream<Uint8Array>) {
      return (await new Response(bytes).arrayBuffer()).byteLength;
    },
    async *double(numbers: AsyncIterable<number>) {
      for await (const n of numbers) yield 2 * n;
    },
  };
  await using served = await serve(api);
  const numbers = function* () {
    for (let n = 0; n < 1000; n++) yield n;
  };
  const more = ReadableStream.from([1, 2, 3]);
  assertEquals(await served.api.sum(numbers(), more), 499_500 + 6);
  const bytes = ReadableStream.from([new Uint8Array(70_000), new Uint8Array(30_000)]);
  assertEquals(await served.api.size(bytes), 100_000);
  assertEquals(
    await Array.fromAsync(served.api.double(numbers())),
    [...numbers()].map((n) => 2 * n),
  );
});

leakTest("RpcServer pulls as far as is needed, and closes what was pulled from", async () => {
  const api = {
    async first(numbers: AsyncIterable<number>) {
      for await (const n of numbers) return n;
      return undefined;
    },
    ignore(_numbers: AsyncIterable<number>) {},
    async *echo(numbers: AsyncIterable<number>) {
      yield* numbers;
    },
    async fail(numbers: AsyncIterable<number>) {
      for await (const _ of numbers) throw new RangeError("enough");
    },
  };
  await using served = await serve(api, { lookAhead: 4 });
  for (const name of ["first", "echo", "fail"] as const) {
    const { count, closed, state } = createCounter();
    if (name === "echo") {
      for await (const n of served.api.echo(count())) if (n === 1) break;
    } else await served.api[name](count()).catch(() => {});
    await closed.wait();
    assert(state.made <= (name === "echo" ? 300 : 6), `${name}: ${state.made} were made`);
  }
  const { count, state } = createCounter();
  const unused = count();
  await served.api.ignore(unused);
  await settle();
  assertEquals(state.made, 0);
  assertEquals(await unused.next(), { done: true, value: undefined });
});

leakTest("RpcServer sees the error of an argument that it pulls from", async () => {
  await using served = await serve({
    async sum(numbers: AsyncIterable<number>) {
      const got: number[] = [];
      try {
        for await (const n of numbers) got.push(n);
        return "no error";
      } catch (error) {
        return `${got} ${error}`;
      }
    },
  });
  const numbers = async function* () {
    yield 1;
    await sleep(0);
    throw new RangeError("broken");
  };
  assertEquals(await served.api.sum(numbers()), "1 RangeError: broken");
});

leakTest("RpcClient closes arguments when the call is cancelled or the server gone", async () => {
  for (const how of ["cancelled", "gone"] as const) {
    const { count, closed } = createCounter();
    const started = new Gate();
    const server = new RpcServer({
      async wait(numbers: AsyncIterable<number>) {
        for await (const _ of numbers) {
          started.open();
          await sleep(LONG_MS);
        }
      },
    }, { authkey: KEY });
    await using client = await connect<{ wait(numbers: AsyncIterable<number>): Promise<void> }>(
      server,
    );
    const task = spawn(() => client.api.wait(count()));
    await started.wait();
    if (how === "cancelled") task.cancel();
    else await server.shutdown();
    await assertRejects(async () => await task);
    await closed.wait();
    await server.shutdown();
  }
});

leakTest(
  "RpcStream that a function has answered is ended although nobody took from it",
  async () => {
    const closed = new Gate();
    const api = { readable: () => new ReadableStream<number>({ cancel: () => closed.open() }) };
    await using served = await serve(api);
    const stream = await served.api.readable();
    assertEquals(served.server.statistics().streams, 1);
    await stream[Symbol.asyncIterator]().return();
    await closed.wait();
    await until(() => served.server.statistics().streams === 0);
  },
);

leakTest("RpcStream ends with the signal of its arguments, whatever limits it has", async () => {
  const { count, closed } = createCounter();
  const api = { count: (_options: { signal: AbortSignal }) => count() };
  await using served = await serve(api);
  const limit = new AbortController();
  const enough = new AbortController();
  const limited = RpcClient.within(served.api, { signal: limit.signal });
  const values = limited.count({ signal: enough.signal })[Symbol.asyncIterator]();
  assertEquals((await values.next()).value, 0);
  enough.abort(new Error("enough"));
  const takeAll = async () => {
    while ((await values.next()).done !== true);
  };
  await assertRejects(takeAll, Error, "enough");
  await closed.wait();
});

leakTest("RpcServer closes a stream for which a client has no room", async () => {
  const closed = [new Gate(), new Gate()];
  const api = {
    readable: (n: number) => new ReadableStream<number>({ cancel: () => closed[n]!.open() }),
  };
  await using served = await serve(api, { maxObjects: 1 });
  const first = await served.api.readable(0);
  await assertRejects(
    async () => await served.api.readable(1),
    RangeError,
    "1 objects and streams",
  );
  await closed[1]!.wait();
  await first[Symbol.asyncIterator]().return();
  await closed[0]!.wait();
});
