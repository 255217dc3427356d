import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { TimeoutError } from "../../coroutine/mod.ts";
import { makeProxy } from "../../ipc/_proxy.ts";
import { callMethod, exposedMethods } from "../../ipc/mod.ts";
import { createGates } from "../support/gate.ts";
import { settle } from "../support/settle.ts";
import { createWaiting, REASON, SessionPair } from "./_sessions.ts";

Deno.test("Session.call() with an aborted signal calls nothing", async () => {
  let calls = 0;
  await using pair = new SessionPair({ count: () => ++calls });
  const { session, remote } = pair.client;
  const signal = AbortSignal.abort(REASON);
  const call = session.call(remote, "count", [], { signal });
  assertStrictEquals(await assertRejects(() => call), REASON);
  const inner = session.call(remote, "count", [{ signal }]);
  assertStrictEquals(await assertRejects(() => inner), REASON);
  assertEquals(await pair.call("count"), 1);
});

Deno.test("Session.call() that is cancelled aborts the signal of the method", async () => {
  const { method, started, reasons } = createWaiting();
  await using pair = new SessionPair({ wait: method, one: () => 1 });
  const controller = new AbortController();
  const { session, remote } = pair.client;
  const call = session.call(remote, "wait", [], { signal: controller.signal });
  await started.wait();
  controller.abort(REASON);
  assertStrictEquals(await assertRejects(() => call), REASON);
  assertEquals(reasons.length, 1);
  assertInstanceOf(reasons[0], DOMException);
  assertEquals(await pair.call("one"), 1);
});

Deno.test("Session.call() carries the signal of its last argument", async () => {
  const seen: unknown[] = [];
  const { started, stopped } = createGates("started", "stopped");
  await using pair = new SessionPair({
    wait: async (_call, first: string, options: { signal: AbortSignal; depth: number }) => {
      seen.push(first, options.depth);
      options.signal.addEventListener("abort", () => stopped.open());
      started.open();
      await stopped.wait();
      options.signal.throwIfAborted();
    },
  });
  const controller = new AbortController();
  const call = pair.call("wait", "first", { signal: controller.signal, depth: 3 });
  await started.wait();
  controller.abort(REASON);
  assertStrictEquals(await assertRejects(() => call), REASON);
  await stopped.wait();
  assertEquals(seen, ["first", 3]);
});

Deno.test("Session.call() that was cancelled leaves a method that does not heed its signal", async () => {
  const { started, unblock } = createGates("started", "unblock");
  await using pair = new SessionPair({
    deaf: async () => {
      started.open();
      await unblock.wait();
      return "too late";
    },
    one: () => 1,
  });
  const controller = new AbortController();
  const { session, remote } = pair.client;
  const call = session.call(remote, "deaf", [], { signal: controller.signal });
  await started.wait();
  controller.abort(REASON);
  assertStrictEquals(await assertRejects(() => call), REASON);
  unblock.open();
  await settle();
  assertEquals(await pair.call("one"), 1);
});

Deno.test("Session.call() that was answered is not changed by a late abort", async () => {
  await using pair = new SessionPair({ one: () => 1 });
  const controller = new AbortController();
  const { session, remote } = pair.client;
  assertEquals(await session.call(remote, "one", [], { signal: controller.signal }), 1);
  const writes = pair.client.end.writes.length;
  controller.abort(REASON);
  await settle();
  assertEquals(pair.client.end.writes.length, writes);
});

Deno.test("Session.call() that had happened before the cancel came answers its result", async () => {
  const { started, unblock } = createGates("started", "unblock");
  await using pair = new SessionPair({
    finish: async () => {
      started.open();
      await unblock.wait();
      return "done";
    },
  });
  const controller = new AbortController();
  const { session, remote } = pair.client;
  const call = session.call(remote, "finish", [], { signal: controller.signal });
  await started.wait();
  // The answer is under way when the call is cancelled.
  pair.client.end.pauseReading(Infinity);
  unblock.open();
  await settle();
  controller.abort(REASON);
  await settle();
  pair.client.end.resumeReading();
  assertEquals(await call, "done");
});

Deno.test("Session.call() takes no longer than timeoutMs", async () => {
  const { method, reasons } = createWaiting();
  await using pair = new SessionPair({ wait: method, one: () => 1 });
  const { session, remote } = pair.client;
  await assertRejects(
    () => session.call(remote, "wait", [], { timeoutMs: 1 }),
    TimeoutError,
    '"wait" did not answer within 1 ms',
  );
  assertEquals(reasons.length, 1);
  assertEquals(await session.call(remote, "one", [], { timeoutMs: 60_000 }), 1);
  await assertRejects(() => session.call(remote, "one", [], { timeoutMs: -1 }), RangeError);
});

Deno.test("callMethod() calls with a signal and a time limit of this side's", async () => {
  interface Waiter {
    wait(): Promise<void>;
    add(a: number, b: number): number;
  }
  const { method } = createWaiting();
  await using pair = new SessionPair({ wait: method, add: (_call, a: number, b: number) => a + b });
  const proxy = makeProxy<Waiter>(pair.client.session, pair.client.remote);
  assertEquals(await callMethod(proxy, "add", [2, 3]), 5);
  await assertRejects(() => callMethod(proxy, "wait", [], { timeoutMs: 1 }), TimeoutError);
  const signal = AbortSignal.abort(REASON);
  assertStrictEquals(await assertRejects(() => callMethod(proxy, "wait", [], { signal })), REASON);
  assertEquals(exposedMethods(proxy), ["wait", "add"]);
  assertThrows(() => exposedMethods({}), TypeError, "it is no proxy");
});
