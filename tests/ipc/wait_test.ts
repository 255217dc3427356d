import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { spawn } from "../../coroutine/mod.ts";
import { connect, type Connection, Listener, pipe, wait, type Waitable } from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { guard } from "../support/guard.ts";
import { countListeners } from "../support/listeners.ts";
import { assertPending, settle } from "../support/settle.ts";
import { pattern, pipeTest, WAYS } from "./_connections.ts";
import { sendTen, square } from "./connection_targets.ts";

const MODULE = new URL("connection_targets.ts", import.meta.url);
const REASON = new Error("enough");

/** Receives from all until all have ended, as they become ready. */
async function drain(readers: Connection<never, [number, number]>[]): Promise<[number, number][]> {
  const messages: [number, number][] = [];
  const open = new Set(readers);
  while (open.size > 0) {
    for (const reader of await wait(open)) {
      try {
        messages.push(await reader.recv());
      } catch {
        open.delete(reader);
        await reader.close();
      }
    }
  }
  return messages;
}

const EXPECTED = [0, 1, 2, 3].flatMap((sender) =>
  Array.from({ length: 10 }, (_, n): [number, number] => [n, sender])
);

pipeTest(
  "wait() collects the messages of four children, and their ends [cpython: TestWait.test_wait, TestWait.test_wait_slow]",
  async () => {
    await using children = new AsyncDisposableStack();
    const readers = await Promise.all([0, 1, 2, 3].map(async (sender) => {
      const [reader, writer] = pipe<never, [number, number]>({ duplex: false });
      const child = children.use(
        new Process({ module: MODULE, target: sendTen, args: [writer, sender] }),
      );
      await child.start();
      await writer.close();
      return reader;
    }));
    const messages = await guard(drain(readers), () => "all messages and ends");
    messages.sort(([a, x], [b, y]) => x - y || a - b);
    assertEquals(messages, EXPECTED);
  },
);

Deno.test("wait() collects what comes over sockets [cpython: TestWait.test_wait_socket, TestWait.test_wait_socket_slow]", async () => {
  await using listener = new Listener<never, [number, number]>();
  const senders = [0, 1, 2, 3].map(async (sender) => {
    await using connection = await connect<[number, number]>(listener.address);
    await sendTen(connection, sender);
  });
  const readers: Connection<never, [number, number]>[] = [];
  while (readers.length < 4) {
    const [ready] = await wait([listener]);
    assertStrictEquals(ready, listener);
    readers.push(await listener.accept());
  }
  const messages = await guard(drain(readers), () => "all messages and ends");
  await Promise.all(senders);
  messages.sort(([a, x], [b, y]) => x - y || a - b);
  assertEquals(messages, EXPECTED);
});

for (const { name, open } of WAYS) {
  Deno.test(`wait() with a ${name} answers what is ready, or nothing in time [cpython: TestWait.test_wait_timeout]`, async () => {
    await using one = await open();
    await using two = await open();
    const both = [one.here, two.here];
    assertEquals(await wait(both, { timeoutMs: 5 }), []);
    assertEquals(await wait(both, { timeoutMs: 0 }), []);
    const waiting = wait(both, { timeoutMs: 60_000 });
    await assertPending(waiting, "the wait");
    await two.there.sendBytes(pattern(3));
    assertEquals(await waiting, [two.here]);
    assertEquals(await wait(both), [two.here]);
    await one.there.close();
    await wait([one.here]);
    assertEquals(await wait(both), [one.here, two.here]);
    assertEquals((await two.here.recvBytes()).length, 3);
    assertEquals(await wait(both), [one.here]);
    await two.here.close();
    assertEquals(await wait(both), [one.here, two.here]);
  });
}

pipeTest(
  "wait() takes promises, as the sentinel of a process, beside connections [cpython: TestWait.test_wait_integer]",
  async () => {
    const [here, there] = pipe<string>();
    await using child = new Process({ module: MODULE, target: square, args: [2] });
    await child.start();
    const { promise, resolve } = Promise.withResolvers<void>();
    const never = new Promise<void>(() => {});
    const { sentinel } = child;
    assertEquals(await wait<Waitable>([sentinel, here, promise, never]), [sentinel]);
    await there.send("ready");
    const first = await wait<Waitable>([never, here, sentinel, promise]);
    assertEquals(first.map((one) => one === here ? "here" : "sentinel"), ["here", "sentinel"]);
    resolve();
    assertEquals(await wait<Waitable>([promise, never]), [promise]);
    const failed = Promise.reject(new Error("also settled"));
    assertEquals(await wait([failed, never]), [failed]);
  },
);

Deno.test("wait() stops when it is told to, and leaves no trace", async () => {
  const [here, there] = pipe<string>();
  const controller = new AbortController();
  const listeners = countListeners(controller.signal);
  const waiting = wait([here], { signal: controller.signal });
  await assertPending(waiting, "the wait");
  controller.abort(REASON);
  assertStrictEquals(await assertRejects(() => waiting), REASON);
  assertEquals(listeners.count, 0);
  await there.send("here");
  const { signal } = controller;
  assertStrictEquals(await assertRejects(() => wait([here], { signal })), REASON);
  await here.recv();
  const task = spawn(() => wait([here]));
  await settle();
  task.cancel();
  await assertRejects(() => task);
  await there.send("next");
  assertEquals(await here.recv(), "next");
});

Deno.test("wait() refuses what cannot be waited for", async () => {
  const [reader, writer] = pipe({ duplex: false });
  await assertRejects(() => wait([writer]), TypeError, "connection at 0 is write-only");
  await assertRejects(
    () => wait<Waitable>([reader, 7 as unknown as Waitable]),
    TypeError,
    "at 1, got number",
  );
  await assertRejects(() => wait([reader], { timeoutMs: -1 }), RangeError);
  assertEquals(await wait([], { timeoutMs: 0 }), []);
});

Deno.test("wait() does not take a listener for ready when nobody is let in", async () => {
  await using listener = new Listener("127.0.0.1:0", { authkey: "right" });
  const waiting = wait([listener]);
  await assertRejects(() => connect(listener.address, { authkey: "wrong" }));
  await assertPending(waiting, "the wait");
  await using client = await connect(listener.address, { authkey: "right" });
  assertEquals(await waiting, [listener]);
  await using server = await listener.accept();
  await client.send(1);
  assertEquals(await server.recv(), 1);
  const last = wait([listener]);
  await listener.close();
  assertEquals(await last, [listener]);
});

Deno.test("wait() listens to a promise once, however often it is waited for", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let listening = 0;
  const awaited: PromiseLike<void> = {
    then(...handlers) {
      listening++;
      return promise.then(...handlers);
    },
  };
  for (let n = 0; n < 10; n++) assertEquals(await wait([awaited], { timeoutMs: 0 }), []);
  const waits = [wait([awaited]), wait([awaited])];
  resolve();
  assertEquals(await Promise.all(waits), [[awaited], [awaited]]);
  assertEquals(await wait([awaited]), [awaited]);
  assertEquals(listening, 1);
});
