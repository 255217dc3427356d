import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { CancelledError, sleep, spawn, TimeoutError } from "../../coroutine/mod.ts";
import { ConnectionClosedError } from "../../ipc/mod.ts";
import { connectSession } from "../../ipc/_connect.ts";
import { type RemoteObject, rootObject } from "../../ipc/_session.ts";
import { RpcClient, rpcTimeLeftMs } from "../../distributed/mod.ts";

import { Gate } from "../support/gate.ts";
import { leakTest } from "../support/leaks.ts";
import { connect, createCounter, createWaiter, KEY, LONG_MS, serve, until } from "./_rpc.ts";

leakTest("RpcServer cancels a function whose caller's task is cancelled", async () => {
  const waiter = createWaiter();
  await using served = await serve({ wait: waiter.wait });
  const caller = spawn(() => served.api.wait());
  await waiter.started.wait();
  caller.cancel();
  await assertRejects(async () => await caller, CancelledError);
  assertInstanceOf(await waiter.ended, CancelledError);
  await until(() => served.server.statistics().calls === 0);
});

leakTest(
  "RpcClient.within() ends calls with a signal, of a function and of an object",
  async () => {
    const waiters = [createWaiter(), createWaiter()];
    class Thing {
      wait = undefined;
      stay() {
        return waiters[1]!.wait();
      }
    }
    await using served = await serve({ wait: waiters[0]!.wait, Thing });
    await using thing = await served.api.Thing.create();
    const controller = new AbortController();
    const { signal } = controller;
    const calls = [
      RpcClient.within(served.api, { signal }).wait(),
      RpcClient.within(thing, { signal }).stay(),
    ];
    for (const { started } of waiters) await started.wait();
    const reason = new Error("enough");
    controller.abort(reason);
    for (const call of calls) assertStrictEquals(await call.catch((error) => error), reason);
    for (const { ended } of waiters) assertInstanceOf(await ended, CancelledError);
    // Looked at first.
    const late = RpcClient.within(served.api, { signal });
    assertStrictEquals(await late.wait().catch((error) => error), reason);
    assertThrows(() => RpcClient.within({}, {}), TypeError, 'expected the "api" of a client');
    assertThrows(() => RpcClient.within(served.api, { timeoutMs: -1 }), RangeError);
  },
);

leakTest(
  "RpcServer gives a function a signal in place of the one of its last argument",
  async () => {
    const started = new Gate();
    const seen = Promise.withResolvers<{ options: { a: number }; reason: unknown }>();
    const api = {
      async wait(options: { a: number; signal: AbortSignal }) {
        started.open();
        await new Promise<void>((resolve) =>
          options.signal.addEventListener("abort", () => resolve())
        );
        // Told by the signal: the next wait is a part of the cleaning up.
        await sleep(1);
        seen.resolve({ options: { a: options.a }, reason: options.signal.reason });
      },
    };
    await using served = await serve(api);
    const controller = new AbortController();
    const call = served.api.wait({ a: 1, signal: controller.signal });
    await started.wait();
    const reason = new Error("enough");
    controller.abort(reason);
    assertStrictEquals(await call.catch((error) => error), reason);
    const { options, reason: there } = await seen.promise;
    assertEquals(options, { a: 1 });
    assertInstanceOf(there, DOMException);
  },
);

leakTest("RpcClient.within() limits the time of a call, which the function knows", async () => {
  const left = Promise.withResolvers<number>();
  const ended = Promise.withResolvers<unknown>();
  await using served = await serve({
    async wait() {
      left.resolve(rpcTimeLeftMs());
      try {
        await sleep(LONG_MS);
      } catch (error) {
        ended.resolve(error);
        throw error;
      }
    },
  });
  const error = await assertRejects(
    () => RpcClient.within(served.api, { timeoutMs: 80 }).wait(),
    TimeoutError,
  );
  assertMatch(error.message, /80 ms/);
  const first = await left.promise;
  assert(first > 0 && first <= 80, `${first}`);
  assertInstanceOf(await ended.promise, CancelledError);
});

leakTest("RpcServer ends a call in time also when its caller has gone silent", async () => {
  const ended = Promise.withResolvers<unknown>();
  await using served = await serve({
    wait: () => sleep(LONG_MS).catch((error) => ended.resolve(error)),
  });
  const said = Promise.withResolvers<unknown>();
  const { session, root } = await connectSession(served.server.address, {
    key: new TextEncoder().encode(KEY),
    methods: { welcome: (_, token) => said.resolve(token), pull() {}, end() {} },
  });
  const object = await session.call(root, "open", [await said.promise]) as RemoteObject;
  // This client has no limit of its own, and so tells nobody that the time is over.
  const call = session.call(object, "wait", [{ timeoutMs: 20 }]);
  assertInstanceOf(await ended.promise, CancelledError);
  await call.catch(() => {});
  await session.close();
  assertEquals(rootObject({ methods: [] }).methods, []);
});

leakTest("rpcTimeLeftMs() is inherited by calls to a third server", async () => {
  await using last = await serve({ left: () => rpcTimeLeftMs() });
  await using middle = await serve({
    left: async (): Promise<[number, number]> => [await last.api.left(), rpcTimeLeftMs()],
    shorter: () => RpcClient.within(last.api, { timeoutMs: 500 }).left(),
  });
  const limited = RpcClient.within(middle.api, { timeoutMs: LONG_MS });
  const [there, after] = await limited.left();
  assert(there > LONG_MS / 2 && there <= LONG_MS, `${there}`);
  assert(after > LONG_MS / 2 && after <= LONG_MS, `${after}`);
  assert(await limited.shorter() <= 500);
  // Without a limit there is none; what is over is not even called.
  assertEquals(await middle.api.left(), [Infinity, Infinity]);
  assertEquals(rpcTimeLeftMs(), Infinity);
  await assertRejects(
    () => RpcClient.within(last.api, { timeoutMs: 0 }).left(),
    TimeoutError,
    'Cannot call "left": the time is over',
  );
});

leakTest("RpcServer cancels functions whose client is gone, and frees its objects", async () => {
  const waiter = createWaiter();
  const { count, closed } = createCounter();
  const disposed = new Gate();
  class Thing implements AsyncDisposable {
    async [Symbol.asyncDispose]() {
      await sleep(0);
      disposed.open();
    }
  }
  await using served = await serve({ wait: waiter.wait, count, Thing });
  const client = await connect<typeof served.api>(served.server) as unknown as RpcClient<
    { wait(): Promise<void>; count: typeof count; Thing: typeof Thing }
  >;
  const call = client.api.wait();
  const iterator = client.api.count()[Symbol.asyncIterator]();
  assertEquals((await iterator.next()).value, 0);
  await client.api.Thing.create();
  await waiter.started.wait();
  const { calls, objects, streams } = served.server.statistics();
  assertEquals({ calls, objects, streams }, { calls: 1, objects: 1, streams: 1 });
  await Promise.all([client.close(), assertRejects(() => call, ConnectionClosedError)]);
  assertInstanceOf(await waiter.ended, CancelledError);
  await closed.wait();
  await disposed.wait();
  await until(() => served.server.statistics().connections === 1);
  await until(() => served.server.statistics().objects === 0);
  assertEquals(served.server.statistics().streams, 0);
});

leakTest("RpcServer takes back a stream that is answered to one who has given up", async () => {
  const entered = new Gate();
  const api = {
    async late({ signal }: { signal: AbortSignal }) {
      entered.open();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return ReadableStream.from([1]);
    },
  };
  await using served = await serve(api);
  const controller = new AbortController();
  const refused = assertRejects(
    async () => await served.api.late({ signal: controller.signal }),
    Error,
    "enough",
  );
  await entered.wait();
  controller.abort(new Error("enough"));
  await refused;
  assertEquals(served.server.statistics().streams, 0);
});
