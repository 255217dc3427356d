import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { CancelledError, sleep, spawn } from "../../coroutine/mod.ts";
import { decode, encode } from "../../ipc/_encoding.ts";
import { ConnectionLostError, Queue } from "../../ipc/mod.ts";
import { Gate } from "../support/gate.ts";
import { guard } from "../support/guard.ts";
import { settle } from "../support/settle.ts";
import { utf8 } from "./_bytes.ts";
import { SessionPair } from "./_sessions.ts";

/** The queue as it arrives in another process. */
function cross<T>(queue: Queue<T>): Queue<T> {
  const { encoding, payload } = encode([queue]);
  const bytes = typeof payload === "string" ? utf8(payload) : payload.slice();
  const [crossed] = decode(encoding, bytes as Uint8Array<ArrayBuffer>) as [Queue<T>];
  return crossed;
}

async function untilGetting(queue: Queue<number>, getting: number): Promise<void> {
  await guard(
    (async () => {
      while ((await queue.statistics()).getting !== getting) await settle();
    })(),
    () => `${getting} calls of get to wait`,
  );
}

Deno.test("a remote call without a signal ends with the task that makes it, and takes nothing", async () => {
  await using queue = new Queue<number>();
  await using other = cross(queue);
  const task = spawn(async () => await other.get());
  await untilGetting(queue, 1);

  task.cancel("enough");

  const error = await assertRejects(async () => await task, CancelledError);
  assertEquals(error.cause, "enough");
  await untilGetting(queue, 0);
  await queue.put(1);
  assertEquals(await queue.get(), 1);
});

Deno.test("a remote call with a signal of its own does not end with the task", async () => {
  await using queue = new Queue<number>();
  await using other = cross(queue);
  const { signal } = new AbortController();
  const task = spawn(async () => await other.get({ signal }));
  await untilGetting(queue, 1);

  task.cancel();
  await settle();
  assertEquals((await queue.statistics()).getting, 1);
  await queue.put(7);
  assertEquals(await task, 7);
});

Deno.test("a connection that a task opened first does not end with the task", async () => {
  await using queue = new Queue<number>();
  await using other = cross(queue);
  // The first call opens the connection; the task is cancelled while it does.
  const first = spawn(async () => await other.get());
  await Promise.resolve();
  await Promise.resolve();
  first.cancel();
  const second = other.get();
  await first.join();
  assert(first.cancelled());
  await queue.put(1);
  assertEquals(await second, 1);
});

Deno.test("what a hub serves does not end with the task that needed the hub first", async () => {
  const task = spawn(async () => {
    const queue = new Queue<number>();
    const other = cross(queue); // starts the hub within the task
    await other.qsize();
    return { queue, other };
  });
  const { queue, other } = await task;
  const waiting = other.get();
  task.cancel();
  await queue.put(3);
  assertEquals(await waiting, 3);
  await other.close();
  await queue.close();
});

Deno.test("a cancellation that comes too late for a remote call ends the task's next wait", async () => {
  await using queue = new Queue<number>();
  await using empty = new Queue<number>();
  await using crossed = cross(queue);
  await using waiting = cross(empty);
  await crossed.put(0);
  await waiting.qsize();
  // The put is under way, or about to be, in all of them, and happens all the same.
  for (const turns of [1, 2, 3, 5, 8, 13, 21]) {
    const task = spawn(async () => {
      await crossed.put(turns);
      await waiting.get();
    });
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    task.cancel();
    await guard(assertRejects(async () => await task, CancelledError), () => `turn ${turns}`);
  }
  assertEquals((await empty.statistics()).getting, 0);
});

Deno.test("a cancellation ends the task's next wait when the connection ends before the call is told", async () => {
  await using pair = new SessionPair({ wait: () => new Promise(() => {}) });
  // What says that the call is cancelled does not get through.
  const { session, remote } = pair.client;
  const calling = new Gate();
  const errors: unknown[] = [];
  const task = spawn(async () => {
    const call = session.call(remote, "wait", [], { withTask: true });
    calling.open();
    await call.catch((error) => errors.push(error));
    await sleep(0);
    errors.push("went on");
  });
  await calling.wait();
  await settle();
  pair.server.end.pauseReading(0);
  task.cancel("enough");
  pair.client.end.sever();
  const error = await assertRejects(async () => await task, CancelledError);
  assertEquals(error.cause, "enough");
  assertEquals(errors.length, 1);
  assertInstanceOf(errors[0], ConnectionLostError);
});
