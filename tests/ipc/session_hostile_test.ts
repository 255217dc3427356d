import { assert, assertEquals, assertRejects } from "@std/assert";
import type { LentMethod } from "../../coroutine/_lending.ts";
import { Queue } from "../../coroutine/mod.ts";
import { encode } from "../../ipc/_encoding.ts";
import { FrameStream } from "../../ipc/_frame_stream.ts";
import { Loan } from "../../ipc/_loan.ts";
import { Flag, makeCallHead, makeShortHead, Message } from "../../ipc/_messages.ts";
import { rootObject, Session } from "../../ipc/_session.ts";
import { ProtocolError } from "../../ipc/mod.ts";
import { createRandom } from "../coroutine/_random.ts";
import { Gate } from "../support/gate.ts";
import { guard } from "../support/guard.ts";
import { settle } from "../support/settle.ts";
import { concat, utf8 } from "./_bytes.ts";
import { createMemoryPair } from "./_memory_stream.ts";
import { MIB } from "./_sessions.ts";

interface Raw extends AsyncDisposable {
  peer: FrameStream;
  session: Session;
}

/** A session, and a peer that sends it what it likes. */
function openRaw(methods: Record<string, LentMethod> = {}): Raw {
  const [end, raw] = createMemoryPair();
  const session = new Session(new FrameStream(end, { peer: "raw", maxFrameBytes: MIB }), {
    methods,
    background: false,
  });
  session.start();
  const peer = new FrameStream(raw, { peer: "session", maxFrameBytes: MIB });
  return {
    peer,
    session,
    async [Symbol.asyncDispose](): Promise<void> {
      peer.close();
      await session.closed;
    },
  };
}

Deno.test("Session ends when it is sent what is no message", async () => {
  const frames: Uint8Array[] = [
    new Uint8Array(),
    Uint8Array.of(1),
    new Uint8Array(5),
    new Uint8Array(6),
    Uint8Array.of(10, 0, 0, 0, 0, 0),
    Uint8Array.of(255, 0, 0, 0, 0, 0),
    Uint8Array.of(Message.CALL, 0, 0, 0, 0, 1),
    Uint8Array.of(Message.NOTIFY, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0),
    Uint8Array.of(Message.RELEASE, 0, 0, 0, 0, 0),
  ];
  for (const frame of frames) {
    await using raw = openRaw();
    const call = raw.session.call(rootObject({ methods: ["wait"] }), "wait", []);
    raw.peer.send(frame);
    await assertRejects(() => call, ProtocolError, "Cannot read from raw: a message of kind");
    assert(raw.session.isClosed);
  }
});

Deno.test("Session answers a call that cannot be read with an error, and goes on", async () => {
  await using raw = openRaw({ one: () => 1 });
  const payloads: [flags: number, payload: Uint8Array | string][] = [
    [1, "not json"],
    [1, '"no array"'],
    [2, "not from V8"],
    [4, "no references"],
    [9, "no such encoding"],
    [Flag.SIGNAL | 1, "[]"],
    [Flag.SIGNAL | 1, "[5]"],
    [Flag.SIGNAL, ""],
  ];
  for (const [i, [flags, payload]] of payloads.entries()) {
    raw.peer.send(makeCallHead(Message.CALL, flags, i + 1, 0, 0), payload);
    const answer = await raw.peer.receive();
    assertEquals([answer![0], answer![5]], [Message.ERROR, i + 1], String(payload));
  }
  raw.peer.send(makeCallHead(Message.CALL, 0, 50, 0, 0));
  assertEquals(await raw.peer.receive(), concat(Uint8Array.of(3, 1, 0, 0, 0, 50), utf8("1")));
});

Deno.test("Session ignores answers to calls that it did not make", async () => {
  await using raw = openRaw({ one: () => 1 });
  for (const kind of [Message.RESULT, Message.ERROR, Message.CANCEL, Message.CONFIRM]) {
    raw.peer.send(makeShortHead(kind, 1, 12_345), "1");
  }
  raw.peer.send(makeCallHead(Message.CALL, 0, 1, 0, 0));
  assertEquals((await raw.peer.receive())![0], Message.RESULT);
});

Deno.test("Session rejects a call whose answer cannot be read, and goes on", async () => {
  await using raw = openRaw();
  const remote = rootObject({ methods: ["any"] });
  const answers: [kind: number, flags: number, payload: string][] = [
    [Message.RESULT, 1, "no json"],
    [Message.RESULT, 9, "no encoding"],
    [Message.RESULT, Flag.LOAN | 1, "5"],
    [Message.RESULT, Flag.LOAN | 1, "null"],
    [Message.RESULT, Flag.LOAN | 1, '{"id":1.5,"methods":[]}'],
    [Message.RESULT, Flag.LOAN | 1, '{"id":1,"methods":[1]}'],
    [Message.ERROR, 1, "no json"],
    [Message.ERROR, 1, "5"],
  ];
  for (const [kind, flags, payload] of answers) {
    const call = raw.session.call(remote, "any", []);
    const request = await raw.peer.receive();
    const id = new DataView(request!.buffer).getUint32(2);
    raw.peer.send(makeShortHead(kind, flags, id), payload);
    const error = await assertRejects(() => call, Error);
    assertEquals(error instanceof ProtocolError, (flags & Flag.LOAN) !== 0, String(error));
  }
  assert(!raw.session.isClosed);
});

Deno.test("Session that is told one call id twice loses nothing", async () => {
  const queue = new Queue<number>();
  await using raw = openRaw({ lend: () => new Loan(queue) });
  raw.peer.send(makeCallHead(Message.CALL, 0, 1, 0, 0));
  const lent = await raw.peer.receive();
  const { methods } = JSON.parse(new TextDecoder().decode(lent!.subarray(6)));
  const head = makeCallHead(Message.CALL, 0, 2, 1, methods.indexOf("get")).slice();
  raw.peer.send(head);
  raw.peer.send(head);
  await settle();
  for (const item of [1, 2]) queue.putNowait(item);
  await settle();
  raw.peer.close();
  await raw.session.closed;
  await settle();
  assertEquals(queue.qsize(), 2);
});

Deno.test("Session takes as many calls at a time as it may, and no more", async () => {
  const gate = new Gate();
  let running = 0;
  await using raw = openRaw({
    wait: () => {
      running++;
      return gate.wait();
    },
  });
  const most = 65_536;
  for (let id = 1; id <= most + 1; id++) {
    raw.peer.send(makeCallHead(Message.CALL, 0, id, 0, 0));
  }
  const answer = await guard(raw.peer.receive(), () => "the refusal of one call");
  assertEquals(answer![0], Message.ERROR);
  assertEquals(running, most);
  gate.open();
});

Deno.test("Session survives whatever its peer sends", async () => {
  const random = createRandom(77);
  const queue = new Queue<number>();
  for (let round = 0; round < 60; round++) {
    const raw = openRaw({ lend: () => new Loan(queue), echo: (_call, value: unknown) => value });
    for (let i = 0; i < 40 && !raw.session.isClosed; i++) {
      const kind = 1 + Math.floor(random() * 9);
      const flags = Math.floor(random() * 64);
      const id = Math.floor(random() * 4);
      const { payload } = encode(random() < 0.5 ? [1, { a: "b" }] : new Map([[1, -0]]));
      raw.peer.send(
        kind <= 2
          ? makeCallHead(kind, flags, id, Math.floor(random() * 3), Math.floor(random() * 12))
          : makeShortHead(kind, flags, id),
        payload,
      );
      if (i % 5 === 0) await Promise.resolve();
    }
    raw.peer.close();
    await guard(raw.session.closed, () => "the session to end");
  }
  const { getting, putting } = queue.statistics();
  await settle();
  assertEquals([getting, putting], [0, 0]);
});
