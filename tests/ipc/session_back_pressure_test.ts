import {
  assertEquals,
  assertGreater,
  assertLess,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { TimeoutError } from "../../coroutine/mod.ts";
import { ConnectionLostError } from "../../ipc/mod.ts";
import { Gate } from "../support/gate.ts";
import { guard } from "../support/guard.ts";
import { assertPending, settle } from "../support/settle.ts";
import { MIB, REASON, SessionPair } from "./_sessions.ts";

/** Intervals that pass only when they are told to. */
class Intervals implements Disposable {
  readonly everyMs: (number | undefined)[] = [];
  readonly #real = globalThis.setInterval;
  readonly #begun = Promise.withResolvers<void>();
  #run: () => void = () => {};

  constructor() {
    const begin = (run: () => void, everyMs?: number) => {
      this.everyMs.push(everyMs);
      this.#run = run;
      this.#begun.resolve();
      return this.#real(() => {}, everyMs);
    };
    Object.assign(globalThis, { setInterval: begin });
  }

  /** Resolves when there is one. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  /** The time of the last one has passed. */
  run(): void {
    this.#run();
  }

  [Symbol.dispose](): void {
    globalThis.setInterval = this.#real;
  }
}

Deno.test("Session.call() waits while the other side does not read, and holds no more", async () => {
  const received: number[] = [];
  await using pair = new SessionPair({
    take: (_call, bytes: Uint8Array) => void received.push(bytes[0]!),
  });
  const { end, stream } = pair.client;
  pair.server.end.pauseReading(0);
  let most = 0;
  const write = end.write.bind(end);
  end.write = (bytes) => {
    most = Math.max(most, stream.bufferedBytes);
    return write(bytes);
  };
  const indices = Array.from({ length: 64 }, (_, i) => i);
  const calls = indices.map((i) => pair.call("take", new Uint8Array(MIB).fill(i)));
  await assertPending(calls[0]!, "the first call");
  assertLess(stream.bufferedBytes, 4 * MIB);
  assertEquals(received, []);
  pair.server.end.resumeReading();
  await guard(Promise.all(calls), () => "all calls to be answered");
  assertEquals(received, indices);
  assertLess(most, 4 * MIB);
});

Deno.test("Session.call() that waits for its turn to be sent can be cancelled", async () => {
  let calls = 0;
  await using pair = new SessionPair({ take: () => ++calls, one: () => 1 });
  const { session, remote } = pair.client;
  pair.server.end.pauseReading(0);
  const first = pair.call("take", new Uint8Array(2 * MIB));
  const controller = new AbortController();
  const second = session.call(remote, "take", [], { signal: controller.signal });
  await settle();
  controller.abort(REASON);
  pair.server.end.resumeReading();
  assertStrictEquals(await assertRejects(() => second), REASON);
  await first;
  assertEquals(calls, 1);
});

Deno.test("Session.call() that waits for its turn rejects when the connection drops", async () => {
  await using pair = new SessionPair({ take: () => 1 });
  pair.server.end.pauseReading(0);
  const calls = [1, 2, 3].map(() => pair.call("take", new Uint8Array(2 * MIB)));
  await settle();
  pair.client.end.sever();
  for (const call of calls) await assertRejects(() => call, ConnectionLostError);
});

Deno.test("Session.call() that comes when there is room again does not overtake those in line", async () => {
  const received: number[] = [];
  await using pair = new SessionPair({
    take: (_call, bytes: Uint8Array) => void received.push(bytes[0]!),
  });
  pair.server.end.pauseReading(0);
  const calls = Array.from({ length: 8 }, (_, i) => pair.call("take", new Uint8Array(MIB).fill(i)));
  await assertPending(calls[0]!, "the first call");
  pair.server.end.resumeReading();
  // As soon as there is room a last one comes, in the turn in which those in line are woken.
  await pair.client.stream.drained(MIB);
  calls.push(pair.call("take", new Uint8Array([8])));
  await guard(Promise.all(calls), () => "all calls to be answered");
  assertEquals(received, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

Deno.test("Session.call() leaves the line when its signal aborts, and those behind go on", async () => {
  const received: number[] = [];
  await using pair = new SessionPair({
    take: (_call, bytes: Uint8Array) => void received.push(bytes[0]!),
  });
  pair.server.end.pauseReading(0);
  const { session, remote } = pair.client;
  const controller = new AbortController();
  const big = (i: number) => [new Uint8Array(2 * MIB).fill(i)];
  const first = session.call(remote, "take", big(0));
  await settle();
  const second = session.call(remote, "take", big(1), { signal: controller.signal });
  const third = session.call(remote, "take", big(2), { timeoutMs: 1 });
  const fourth = session.call(remote, "take", big(3));
  const reason = new Error("enough");
  controller.abort(reason);
  assertStrictEquals(await second.catch((error) => error), reason);
  await assertRejects(() => third, TimeoutError, "took nothing of what was sent within 1 ms");
  await assertPending(fourth, "the fourth call");
  pair.server.end.resumeReading();
  await guard(Promise.all([first, fourth]), () => "the others");
  assertEquals(received, [0, 3]);
});

Deno.test("Session reads no more from a peer that does not read the answers", async () => {
  let calls = 0;
  await using pair = new SessionPair({
    make: () => {
      calls++;
      return new Uint8Array(MIB);
    },
  });
  pair.client.end.pauseReading(0);
  const answers: Promise<unknown>[] = [];
  for (let i = 0; i < 20; i++) {
    answers.push(pair.call("make"));
    // In a turn of its own, so that they do not all come with one read.
    await settle();
  }
  assertLess(calls, 4);
  assertLess(pair.server.stream.bufferedBytes, 4 * MIB);
  pair.client.end.resumeReading();
  await guard(Promise.all(answers), () => "all answers");
  assertEquals(calls, 20);
});

Deno.test("Session waits for a peer that takes little of an answer, and ends with one that takes nothing for a minute", async () => {
  await using pair = new SessionPair({ make: () => new Uint8Array(4 * MIB) });
  const { end, session, stream } = pair.server;
  using intervals = new Intervals();
  const write = end.write.bind(end);
  let room = new Gate();
  // So much at a time, as over a slow line; the system fails what is written to a connection that was closed.
  end.write = async (bytes) => {
    await room.wait();
    if (!end.isClosed) room = new Gate();
    return await write(bytes.subarray(0, 1_000));
  };
  const { close } = end;
  end.close = () => {
    close.call(end);
    room.open();
  };
  const answer = assertRejects(() => pair.call("make"), ConnectionLostError);
  await guard(intervals.begun, () => "the session to watch");
  assertEquals(intervals.everyMs, [60_000]);
  for (let minute = 1; minute <= 3; minute++) {
    room.open();
    await settle();
    assertEquals(end.writes.length, minute);
    intervals.run();
    assertEquals(end.isClosed, false, `after ${minute} minutes`);
  }
  assertGreater(stream.bufferedBytes, 4 * MIB);
  intervals.run();
  assertEquals(end.isClosed, true);
  await guard(session.closed, () => "the end of the connection");
  await answer;
});
