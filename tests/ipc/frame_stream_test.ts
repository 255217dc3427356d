import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { type ByteStream, FrameStream } from "../../ipc/_frame_stream.ts";
import { ConnectionLostError, ProtocolError } from "../../ipc/mod.ts";
import { createRandom } from "../coroutine/_random.ts";
import { assertPending, settle } from "../support/settle.ts";
import { concat, fromHex, longFrame, shortFrame, toHex, utf8 } from "./_bytes.ts";
import { createMemoryPair, ScriptedStream } from "./_memory_stream.ts";

const KIB = 1024;
const MIB = 1024 * 1024;

function open(stream: ByteStream, maxFrameBytes = 64 * MIB): FrameStream {
  return new FrameStream(stream, { peer: "the peer", maxFrameBytes });
}

/** Bytes that differ from their neighbours. */
function pattern(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 7 + seed) & 0xff);
}

async function receiveAll(frames: FrameStream): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for (;;) {
    const frame = await frames.receive();
    if (frame === undefined) return all;
    all.push(frame);
  }
}

/** Cuts bytes at the given places. */
function cut(bytes: Uint8Array, ...places: number[]): Uint8Array[] {
  const ends = [...places, bytes.length];
  return ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end));
}

// Reading

Deno.test("FrameStream reads frames however the stream is split", async () => {
  const bodies = [utf8("abc"), utf8(""), pattern(17), utf8("x")];
  const bytes = concat(
    shortFrame(bodies[0]!),
    shortFrame(bodies[1]!),
    longFrame(bodies[2]!),
    shortFrame(bodies[3]!),
  );
  for (let first = 0; first <= bytes.length; first++) {
    for (let second = first; second <= bytes.length; second++) {
      const frames = open(new ScriptedStream(cut(bytes, first, second)));
      assertEquals(await receiveAll(frames), bodies, `cut at ${first} and ${second}`);
    }
  }
  const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
  assertEquals(await receiveAll(open(new ScriptedStream(single))), bodies);
});

Deno.test("FrameStream reads large and small frames in chunks of any size", async () => {
  const random = createRandom(5);
  const bodies: Uint8Array[] = [];
  for (let i = 0; i < 60; i++) {
    const length = Math.floor(random() ** 4 * 400_000);
    bodies.push(pattern(length, i));
  }
  const bytes = concat(
    ...bodies.map((body, i) => i % 7 === 0 ? longFrame(body) : shortFrame(body)),
  );
  for (const largest of [1000, 64 * KIB, 64 * KIB + 1, 300_000, bytes.length]) {
    const places: number[] = [];
    for (let at = 0; at < bytes.length; at += 1 + Math.floor(random() * largest)) places.push(at);
    const received = await receiveAll(open(new ScriptedStream(cut(bytes, ...places))));
    assertEquals(received.map(toHex), bodies.map(toHex));
  }
});

Deno.test("FrameStream reads frames of the sizes around its buffer", async () => {
  for (const around of [16 * KIB, 64 * KIB, 128 * KIB]) {
    for (let length = around - 13; length <= around + 13; length++) {
      const bytes = concat(shortFrame(pattern(length)), shortFrame(utf8("after")));
      const [first, second, third] = await receiveAll(open(new ScriptedStream([bytes])));
      assertEquals(toHex(first!), toHex(pattern(length)));
      assertEquals([second, third], [utf8("after"), undefined]);
    }
  }
});

Deno.test("FrameStream accepts the long header for a short frame", async () => {
  const frames = open(new ScriptedStream([longFrame(utf8("hi")), longFrame(utf8(""))]));
  assertEquals(await receiveAll(frames), [utf8("hi"), utf8("")]);
});

Deno.test("FrameStream.receive() answers a copy", async () => {
  const frames = open(new ScriptedStream([shortFrame(utf8("one")), shortFrame(utf8("two"))]));
  const one = await frames.receive();
  await frames.receive();
  assertEquals(one, utf8("one"));
});

Deno.test("FrameStream.take() gives what is here, and nothing of what is not", async () => {
  const two = concat(shortFrame(utf8("one")), shortFrame(utf8("two")));
  const frames = open(new ScriptedStream([two.subarray(0, 9), two.subarray(9)]));
  assertEquals(frames.take(), undefined);
  assert(await frames.fill());
  assertEquals(frames.take(), utf8("one"));
  assertEquals(frames.take(), undefined);
  assert(await frames.fill());
  assertEquals(frames.take(), utf8("two"));
  assert(!await frames.fill());
});

Deno.test("FrameStream refuses negative lengths", async () => {
  for (const header of ["fffffffe", "80000000", "ffffff00"]) {
    const frames = open(new ScriptedStream([fromHex(header), new Uint8Array(16)]));
    await assertRejects(() => frames.receive(), ProtocolError, "a frame of length -");
  }
});

Deno.test("FrameStream refuses a frame above the limit before its body arrives", async () => {
  const limit = 256;
  const just = open(new ScriptedStream([shortFrame(pattern(limit))]), limit);
  assertEquals((await just.receive())?.length, limit);
  const tooLong = [
    shortFrame(pattern(limit + 1)).subarray(0, 4),
    longFrame(new Uint8Array(), BigInt(limit + 1)),
    longFrame(new Uint8Array(), 2n ** 32n),
    longFrame(new Uint8Array(), 2n ** 64n - 1n),
    fromHex("7fffffff"),
    utf8("GET "),
  ];
  for (const header of tooLong) {
    const stream = new ScriptedStream([header]);
    await assertRejects(() => open(stream, limit).receive(), ProtocolError, "the limit is 256");
    assertEquals(stream.rooms.length, 1);
  }
});

Deno.test("FrameStream takes a new limit between frames", async () => {
  const frames = open(new ScriptedStream([shortFrame(pattern(10)), shortFrame(pattern(11))]), 10);
  assertEquals((await frames.receive())?.length, 10);
  frames.maxFrameBytes = 11;
  assertEquals((await frames.receive())?.length, 11);
});

Deno.test("FrameStream tells a clean end from one in the midst of a frame", async () => {
  const bytes = concat(shortFrame(utf8("whole")), shortFrame(utf8("cut off")));
  for (let end = 0; end < bytes.length; end++) {
    const frames = open(new ScriptedStream([bytes.subarray(0, end)]));
    if (end >= 9) assertEquals(await frames.receive(), utf8("whole"));
    if (end === 0 || end === 9) assertEquals(await frames.receive(), undefined);
    else {
      await assertRejects(
        () => frames.receive(),
        ConnectionLostError,
        "Lost the connection to the peer: it ended in the midst of a message",
      );
    }
  }
  for (const end of [4, 8, 11]) {
    const frames = open(new ScriptedStream([longFrame(utf8("")).subarray(0, end)]));
    await assertRejects(() => frames.receive(), ConnectionLostError, "in the midst");
  }
});

Deno.test("FrameStream tells that the connection broke, and why", async () => {
  const cause = new Deno.errors.ConnectionReset("reset");
  const frames = open(new ScriptedStream([], cause));
  const error = await assertRejects(() => frames.receive(), ConnectionLostError, "the peer");
  assertStrictEquals(error.cause, cause);
});

Deno.test("FrameStream allocates nothing for bytes that have not arrived", async () => {
  const headers = [fromHex("7fffffff"), longFrame(new Uint8Array(), 2n ** 40n)];
  for (const header of headers) {
    const chunk = pattern(100_000);
    const stream = new ScriptedStream([header, ...new Array(20).fill(chunk)]);
    const frames = open(stream, 2 ** 50);
    await assertRejects(() => frames.receive(), ConnectionLostError, "in the midst");
    // The header alone.
    assertLess(Math.max(...stream.rooms.slice(0, 2)), 64 * KIB + 1);
    // Never more than what has arrived, once more.
    assertLess(Math.max(...stream.rooms), 2_000_000 + 64 * KIB);
  }
});

Deno.test("FrameStream gives the memory of a large frame back", async () => {
  const stream = new ScriptedStream([
    shortFrame(pattern(5 * MIB)),
    shortFrame(utf8("a")),
    shortFrame(utf8("b")),
  ]);
  const frames = open(stream);
  assertEquals((await receiveAll(frames)).map(({ length }) => length), [5 * MIB, 1, 1]);
  assertEquals(stream.rooms.at(-1), 64 * KIB);
});

// Writing

Deno.test("FrameStream writes header and body at once", async () => {
  for (const length of [0, 1, 16 * KIB, 16 * KIB + 1, 200_000]) {
    const stream = new ScriptedStream([]);
    const frames = open(stream);
    frames.send(pattern(length));
    await frames.flushed();
    assertEquals(stream.writes.length, 1);
    assertEquals(toHex(stream.writes[0]!), toHex(shortFrame(pattern(length))));
  }
});

Deno.test("FrameStream writes what is sent in one turn at once", async () => {
  const stream = new ScriptedStream([]);
  const frames = open(stream);
  const bodies = Array.from({ length: 1_000 }, (_, i) => utf8(`message ${i}`));
  for (const body of bodies) frames.send(body);
  assertEquals(stream.writes.length, 0);
  await frames.flushed();
  assertEquals(stream.writes.length, 1);
  assertEquals(await receiveAll(open(new ScriptedStream(stream.writes))), bodies);
});

Deno.test("FrameStream collects what is sent during a write for the next one", async () => {
  const [here, there] = createMemoryPair();
  there.pauseReading(0);
  const frames = open(here);
  frames.send(utf8("first"));
  await settle();
  for (const text of ["second", "third"]) frames.send(utf8(text));
  await settle();
  assertEquals(here.writes.length, 1);
  there.resumeReading();
  const other = open(there);
  assertEquals(await other.receive(), utf8("first"));
  assertEquals(await other.receive(), utf8("second"));
  assertEquals(await other.receive(), utf8("third"));
  await frames.flushed();
  assertEquals(here.writes.length, 2);
});

Deno.test("FrameStream writes a head and a body of bytes or text as one frame", async () => {
  const stream = new ScriptedStream([]);
  const frames = open(stream);
  frames.send(utf8("head "), utf8("bytes"));
  frames.send(utf8("head "), "text: é 中 😀");
  frames.send(utf8("head"), "");
  await frames.flushed();
  assertEquals(await receiveAll(open(new ScriptedStream(stream.writes))), [
    utf8("head bytes"),
    utf8("head text: é 中 😀"),
    utf8("head"),
  ]);
});

Deno.test("FrameStream.send() copies at once", async () => {
  const stream = new ScriptedStream([]);
  const frames = open(stream);
  const [head, body] = [utf8("one"), utf8("two")];
  frames.send(head, body);
  head.fill(0);
  body.fill(0);
  await frames.flushed();
  assertEquals(stream.writes[0]!.subarray(4), utf8("onetwo"));
});

Deno.test("FrameStream writes long texts whole", async () => {
  const text = "é中😀".repeat(100_000);
  const stream = new ScriptedStream([]);
  const frames = open(stream);
  frames.send(utf8("<"), text);
  frames.send(utf8(">"));
  await frames.flushed();
  const [first, second] = await receiveAll(open(new ScriptedStream(stream.writes)));
  assert(new TextDecoder().decode(first) === `<${text}`);
  assertEquals(second, utf8(">"));
});

Deno.test("FrameStream goes on where a write stopped", async () => {
  const written: Uint8Array[] = [];
  const stream = new ScriptedStream([]);
  stream.write = (bytes) => {
    const part = bytes.slice(0, 1_000);
    written.push(part);
    return Promise.resolve(part.length);
  };
  const frames = open(stream);
  frames.send(pattern(12_345));
  await frames.flushed();
  assertEquals(toHex(concat(...written)), toHex(shortFrame(pattern(12_345))));
});

Deno.test("FrameStream reads on in large parts while nobody takes what is there", async () => {
  const frame = shortFrame(pattern(32 * KIB));
  const stream = new ScriptedStream(new Array(64).fill(frame));
  const frames = open(stream);
  for (let n = 0; n < 60; n++) assert(await frames.fill());
  assertLess(KIB, Math.min(...stream.rooms));
  for (let n = 0; n < 50; n++) assertEquals(frames.take()?.length, 32 * KIB);
});

Deno.test("FrameStream writes a large frame in parts, so that a slow peer is seen to take it", async () => {
  const written: Uint8Array[] = [];
  const stream = new ScriptedStream([]);
  // As over TLS: a write is over when all of it has left.
  stream.write = (bytes) => {
    written.push(bytes.slice());
    return Promise.resolve(bytes.length);
  };
  const frames = open(stream);
  const body = pattern(5_000_000);
  frames.send(body);
  await frames.flushed();
  assertLess(Math.max(...written.map(({ length }) => length)), 2 * MIB + 1);
  assertEquals(concat(...written).subarray(4), body);
});

Deno.test("FrameStream tells how much waits to leave, and when less does", async () => {
  const [here, there] = createMemoryPair();
  there.pauseReading(0);
  const frames = open(here);
  assertEquals(frames.bufferedBytes, 0);
  await frames.drained(1);
  frames.send(pattern(1_000));
  assertEquals(frames.bufferedBytes, 1_004);
  await settle();
  frames.send(pattern(500));
  assertEquals(frames.bufferedBytes, 1_508);
  await frames.drained(2_000);
  const drained = frames.drained(1_508);
  await assertPending(drained, "drained()");
  there.resumeReading();
  const other = open(there);
  await other.receive();
  await other.receive();
  await drained;
  await frames.flushed();
  assertEquals(frames.bufferedBytes, 0);
});

Deno.test("FrameStream tells that a write failed, and closes the connection", async () => {
  const cause = new Deno.errors.BrokenPipe("broken");
  const stream = new ScriptedStream([]);
  stream.write = () => Promise.reject(cause);
  const frames = open(stream);
  frames.send(utf8("lost"));
  const error = await assertRejects(() => frames.flushed(), ConnectionLostError, "the peer");
  assertStrictEquals(error.cause, cause);
  assert(stream.isClosed);
  assertEquals(frames.bufferedBytes, 0);
  frames.send(utf8("lost as well"));
  assertEquals(frames.bufferedBytes, 0);
  await assertRejects(() => frames.flushed(), ConnectionLostError);
  await frames.drained(0);
});

Deno.test("FrameStream that is closed reads and writes no more", async () => {
  const [here, there] = createMemoryPair();
  const frames = open(here);
  const reading = frames.receive();
  frames.send(utf8("gone"));
  frames.close();
  frames.close();
  assert(here.isClosed);
  assertInstanceOf(await reading.catch((error) => error), ConnectionLostError);
  frames.send(utf8("gone as well"));
  await frames.flushed();
  assertEquals(here.writes, []);
  assertEquals(await open(there).receive(), undefined);
});

Deno.test("FrameStream.drained() ends when the connection is closed", async () => {
  const [here, there] = createMemoryPair();
  there.pauseReading(0);
  const frames = open(here);
  frames.send(pattern(100));
  const drained = frames.drained(1);
  await assertPending(drained, "drained()");
  frames.close();
  await drained;
});

Deno.test("FrameStream names its peer in what it throws", async () => {
  const frames = new FrameStream(new ScriptedStream([fromHex("fffffffe")]), {
    peer: "10.0.0.1:5000",
    maxFrameBytes: 10,
  });
  const { message } = await assertRejects(() => frames.receive(), ProtocolError);
  assertStringIncludes(message, "Cannot read from 10.0.0.1:5000");
});
