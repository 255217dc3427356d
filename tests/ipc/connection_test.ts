import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { spawn, TimeoutError } from "../../coroutine/mod.ts";
import {
  type Address,
  BufferTooShortError,
  type Codec,
  connect,
  Connection,
  ConnectionClosedError,
  ConnectionLostError,
  EofError,
  Listener,
  pipe,
  ProtocolError,
  Queue,
} from "../../ipc/mod.ts";
import { guard } from "../support/guard.ts";
import { countListeners } from "../support/listeners.ts";
import { assertPending, settle } from "../support/settle.ts";
import { utf8 } from "./_bytes.ts";
import { pattern, pipeTest, WAYS } from "./_connections.ts";

const REASON = new Error("enough");
const MIB = 1024 * 1024;

for (const { name, open } of WAYS) {
  // What arrives

  Deno.test(`${name} carries objects, arrays and bytes to and fro [cpython: _TestConnection.test_connection]`, async () => {
    await using pair = await open();
    const { here, there } = pair;
    const values = [
      ...[undefined, null, true, 1.5, -0, NaN, "héllo 中 😀", 2n ** 70n],
      ...[[1, [2]], { a: { b: new Map([[1, new Date(0)]]) } }, new Uint8Array([1, 2])],
      new Int16Array([1, -2]),
    ];
    for (const value of values) {
      await here.send(value);
      assertEquals(await there.recv(), value);
      await there.send(value);
      assertEquals(await here.recv(), value);
    }
    await here.sendBytes(utf8("bytes"));
    assertEquals(await there.recvBytes(), utf8("bytes"));
    const buffer = new Uint8Array(10);
    await there.sendBytes(utf8("abc"));
    assertEquals(await here.recvBytesInto(buffer), 3);
    await there.sendBytes(utf8("abc"));
    assertEquals(await here.recvBytesInto(buffer, { offset: 6 }), 3);
    assertEquals(buffer, utf8("abc\0\0\0abc\0"));
    await there.sendBytes(utf8("0123456789!"));
    const error = await assertRejects(() => here.recvBytesInto(buffer), BufferTooShortError);
    assertEquals(error.bytes, utf8("0123456789!"));
    const wide = new Uint16Array(4);
    await there.sendBytes(new Uint16Array([7, 8]));
    assertEquals(await here.recvBytesInto(wide, { offset: 2 }), 4);
    assertEquals(wide, new Uint16Array([0, 7, 8, 0]));
    await there.close();
    await assertRejects(() => here.recv(), EofError);
    await assertRejects(() => here.recvBytes(), EofError);
  });

  Deno.test(`${name} sends the asked part of the bytes [cpython: _TestConnection.test_sendbytes]`, async () => {
    await using pair = await open();
    const { here, there } = pair;
    const bytes = utf8("abcdefghijklmnopqrstuvwxyz");
    const parts: [options: { offset?: number; size?: number }, text: string][] = [
      [{}, "abcdefghijklmnopqrstuvwxyz"],
      [{ offset: 5 }, "fghijklmnopqrstuvwxyz"],
      [{ offset: 7, size: 8 }, "hijklmno"],
      [{ offset: 26 }, ""],
      [{ offset: 26, size: 0 }, ""],
    ];
    for (const [options, text] of parts) {
      await here.sendBytes(bytes, options);
      assertEquals(await there.recvBytes(), utf8(text));
    }
    for (
      const options of [
        { offset: 27 },
        { offset: 22, size: 5 },
        { offset: 26, size: 1 },
        {
          offset: -1,
        },
        { size: -1 },
        { offset: 4, size: -1 },
        { offset: 0.5 },
      ]
    ) await assertRejects(() => here.sendBytes(bytes, options), RangeError);
    await here.sendBytes(bytes.buffer, { size: 2 });
    assertEquals(await there.recvBytes(), utf8("ab"));
    await assertRejects(() => here.sendBytes("text" as unknown as Uint8Array), TypeError);
    await assertRejects(() => here.recvBytesInto([] as unknown as Uint8Array), TypeError);
    await assertRejects(() => here.recvBytesInto(bytes, { offset: 27 }), RangeError);
  });

  Deno.test(`${name} copies what it sends`, async () => {
    await using pair = await open();
    const { here, there } = pair;
    const bytes = new Uint8Array([1, 2, 3]);
    const sent = here.sendBytes(bytes);
    const object = { a: [1] };
    const also = here.send(object);
    bytes.fill(9);
    object.a.push(2);
    await Promise.all([sent, also]);
    assertEquals(await there.recvBytes(), new Uint8Array([1, 2, 3]));
    const arrived = await there.recv();
    assertEquals(arrived, { a: [1] });
    assert(arrived !== object);
  });

  Deno.test(`${name} copies large messages as well, those that wait and those that leave at once`, async () => {
    await using pair = await open();
    const { here, there } = pair;
    const sizes = [300_000, MIB, 3 * MIB, MIB, 70_000, 5, MIB, MIB, 2 * MIB];
    const sent = sizes.map((size) => {
      const bytes = pattern(size, size);
      const sending = here.sendBytes(bytes);
      bytes.fill(9);
      return sending;
    });
    for (const size of sizes) {
      const bytes = await there.recvBytes();
      assertEquals(bytes.length, size);
      assert(Uint8Array.prototype.every.call(bytes, (b, i) => b === pattern1(i, size)));
    }
    await Promise.all(sent);
  });

  Deno.test(`${name} keeps the boundaries of messages [cpython: _TestPoll.test_strings, _TestPoll.test_boundaries]`, async () => {
    await using pair = await open();
    const { here, there } = pair;
    const texts = ["hello", "", "a", "b", "", "bye", "", "lop"];
    for (const text of texts) await here.sendBytes(utf8(text));
    for (const text of texts) {
      assertEquals(await there.poll({ timeoutMs: 10_000 }), true);
      assertEquals(await there.recvBytes(), utf8(text));
    }
    assertEquals(await there.poll(), false);
  });

  Deno.test(`${name} polls an empty message until it is taken [cpython: _TestPoll.test_empty_string]`, async () => {
    await using pair = await open();
    const { here, there } = pair;
    assertEquals(await there.poll(), false);
    await here.sendBytes(new Uint8Array(0));
    assertEquals(await there.poll({ timeoutMs: 10_000 }), true);
    assertEquals([await there.poll(), await there.poll({ timeoutMs: 0 })], [true, true]);
    assertEquals((await there.recvBytes()).length, 0);
    assertEquals(await there.poll(), false);
  });

  Deno.test(`${name} polls without taking or joining what comes next [cpython: _TestPoll.test_dont_merge]`, async () => {
    await using pair = await open();
    const { here, there } = pair;
    assertEquals(await there.poll({ timeoutMs: 1 }), false);
    await here.sendBytes(utf8("a"));
    assertEquals(await there.poll({ timeoutMs: 10_000 }), true);
    await here.sendBytes(utf8("b"));
    assertEquals([await there.poll(), await there.poll()], [true, true]);
    assertEquals(await there.recvBytes(), utf8("a"));
    assertEquals(await there.poll({ timeoutMs: 10_000 }), true);
    assertEquals(await there.recvBytes(), utf8("b"));
    assertEquals(await there.poll(), false);
  });

  Deno.test(`${name} carries messages of all sizes, in order`, async () => {
    await using pair = await open();
    const { here, there } = pair;
    const sizes = [0, 1, 16_383, 16_384, 16_385, 65_532, 65_536, 70_000, MIB, 16 * MIB, 3];
    const sending = (async () => {
      for (const size of sizes) await here.sendBytes(pattern(size, size));
    })();
    for (const size of sizes) {
      const bytes = await there.recvBytes();
      assertEquals(bytes.length, size);
      assert(Uint8Array.prototype.every.call(bytes, (b, i) => b === pattern1(i, size)));
    }
    await sending;
  });

  Deno.test(`${name} keeps the order of sends that are not awaited`, async () => {
    await using pair = await open();
    const { here, there } = pair;
    const sends = Array.from({ length: 2000 }, (_, i) => here.send([i, "x".repeat(2000)]));
    for (let i = 0; i < sends.length; i++) assertEquals((await there.recv() as [number])[0], i);
    await Promise.all(sends);
  });

  // Waiting

  Deno.test(`${name} gives to who waits first, and takes nothing for who has left`, async () => {
    await using pair = await open();
    const { here, there } = pair;
    const controller = new AbortController();
    const listeners = countListeners(controller.signal);
    const first = there.recv({ signal: controller.signal });
    const second = there.recv({ timeoutMs: 60_000 });
    const third = there.recv();
    await assertPending(second, "the second receive");
    controller.abort(REASON);
    assertStrictEquals(await assertRejects(() => first), REASON);
    assertEquals(listeners.count, 0);
    for (const n of [1, 2]) await here.send(n);
    assertEquals([await second, await third], [1, 2]);
    const { signal } = controller;
    await here.send(3);
    assertStrictEquals(await assertRejects(() => there.recv({ signal })), REASON);
    assertStrictEquals(await assertRejects(() => there.poll({ signal })), REASON);
    assertStrictEquals(await assertRejects(() => here.send(4, { signal })), REASON);
    await assertRejects(() => there.recv({ timeoutMs: -1 }), RangeError);
    await assertRejects(() => here.send(4, { timeoutMs: NaN }), RangeError);
    assertEquals(await there.recv(), 3);
    await assertRejects(() => there.recv({ timeoutMs: 1 }), TimeoutError, "within 1 ms");
    await assertRejects(() => there.recv({ timeoutMs: 0 }), TimeoutError);
    assertEquals(await there.poll(), false);
  });

  Deno.test(`${name} ends a receive with the task in which it waits`, async () => {
    await using pair = await open();
    const { here, there } = pair;
    const task = spawn(() => there.recv());
    await settle();
    task.cancel();
    await assertRejects(() => task);
    await here.send("next");
    assertEquals(await there.recv(), "next");
  });

  Deno.test(`${name} does not stop when both sides send much before they receive`, async () => {
    await using pair = await open();
    const { here, there } = pair;
    const talk = async (connection: Connection, seed: number) => {
      for (let round = 0; round < 3; round++) {
        const sent = connection.sendBytes(pattern(4 * MIB, seed));
        // Over TCP the send itself waits for the other side.
        const [bytes] = await Promise.all([connection.recvBytes(), sent]);
        assertEquals(bytes.length, 4 * MIB);
      }
    };
    await guard(Promise.all([talk(here, 1), talk(there, 2)]), () => "both to have sent");
    const both = [here, there].map((connection) => connection.sendBytes(pattern(MIB)));
    await guard(Promise.all(both), () => "a mebibyte each way, with nobody who receives");
    assertEquals((await here.recvBytes()).length, MIB);
    assertEquals((await there.recvBytes()).length, MIB);
  });

  Deno.test(`${name} lets a fast sender wait for a slow receiver`, async () => {
    await using pair = await open();
    const { here, there } = pair;
    let sent = 0;
    const sending = (async () => {
      for (; sent < 64; sent++) await here.sendBytes(pattern(MIB / 2));
    })();
    sending.catch(() => {});
    await there.recvBytes();
    // It stands still when the system takes no more, however long a busy machine is about it.
    for (let still = 0, before = -1; still < 40; before = sent) {
      await settle();
      still = sent === before ? still + 1 : 0;
    }
    // What the system holds besides is a few mebibytes.
    assert(sent < 40, `${sent} of 64 were sent`);
    const signal = AbortSignal.abort(REASON);
    await assertRejects(() => here.sendBytes(pattern(1), { signal }));
    const late = assertRejects(() => here.sendBytes(pattern(2), { timeoutMs: 1 }), TimeoutError);
    await late;
    const rest = (async () => {
      const lengths: number[] = [];
      for (let length = 0; length !== 3; lengths.push(length)) {
        length = (await there.recvBytes()).length;
      }
      return lengths;
    })();
    await sending;
    await here.sendBytes(pattern(3));
    // What was given up when it had begun to leave arrives all the same.
    const lengths = (await rest).filter((length) => length !== 2);
    assertEquals(lengths, [...Array(63).fill(MIB / 2), 3]);
  });

  // Ends

  Deno.test(`${name} gives what was sent before the other side closed`, async () => {
    await using pair = await open();
    const { here, there } = pair;
    const waiting = here.recv();
    for (const n of [1, 2, 3]) await there.send(n);
    await there.close();
    assertEquals(await waiting, 1);
    assertEquals(await here.poll({ timeoutMs: 10_000 }), true);
    assertEquals(await Array.fromAsync(here), [2, 3]);
    assertEquals(await here.poll(), true);
    const error = await assertRejects(() => here.recv(), EofError);
    assertInstanceOf(error, ConnectionLostError);
    assertEquals(error.name, "EofError");
    assert(await assertRejects(() => here.recv()) !== error);
  });

  Deno.test(`${name} tells those who wait that the other side closed`, async () => {
    await using pair = await open();
    const { here, there } = pair;
    const received = assertRejects(() => here.recv(), EofError);
    const also = assertRejects(() => here.recvBytes(), EofError);
    const polled = here.poll({ timeoutMs: 60_000 });
    await settle();
    await there.close();
    await guard(Promise.all([received, also]), () => "the end");
    assertEquals(await polled, true);
  });

  Deno.test(`${name} refuses to send when the other side has closed`, async () => {
    await using pair = await open();
    const { here, there } = pair;
    await there.close();
    await assertRejects(() => here.recv(), EofError);
    const error = await guard(
      assertRejects(async () => {
        while (true) await here.sendBytes(pattern(1000));
      }, ConnectionLostError),
      () => "a send to fail",
    );
    assertEquals(error.name, "ConnectionLostError");
  });

  Deno.test(`${name} cannot be used after it was closed here [cpython: _TestConnection.test_context]`, async () => {
    const pair = await open();
    const { here, there } = pair;
    {
      await using _here = here;
      await using _there = there;
      await here.send(1729);
      assertEquals(await there.recv(), 1729);
      assertEquals(here.closed, false);
    }
    for (const connection of [here, there]) {
      assertEquals(connection.closed, true);
      for (
        const use of [
          () => connection.send(1),
          () => connection.sendBytes(pattern(1)),
          () => connection.recv(),
          () => connection.recvBytes(),
          () => connection.poll(),
          () => connection.closeWrite(),
        ]
      ) await assertRejects(use, ConnectionClosedError, "the connection is closed");
      await connection.close();
    }
    await pair[Symbol.asyncDispose]();
  });

  Deno.test(`${name} ends receives and iterations when it is closed here`, async () => {
    await using pair = await open();
    const { here } = pair;
    const iterated = Array.fromAsync(here);
    const received = assertRejects(() => here.recv(), ConnectionClosedError);
    const polled = assertRejects(() => here.poll({ timeoutMs: 60_000 }), ConnectionClosedError);
    await settle();
    await here.close();
    assertEquals(await iterated, []);
    await Promise.all([received, polled]);
  });

  Deno.test(`${name} closes after what was sent has left`, async () => {
    await using pair = await open();
    const { here, there } = pair;
    const sent = here.sendBytes(pattern(MIB));
    const last = here.send("last");
    const received = (async () => [(await there.recvBytes()).length, await there.recv()])();
    await Promise.all([sent, last]);
    await here.close();
    assertEquals(await received, [MIB, "last"]);
    await assertRejects(() => there.recv(), EofError);
  });

  Deno.test(`${name} can be closed for sending alone`, async () => {
    await using pair = await open();
    const { here, there } = pair;
    await here.send("question");
    await here.closeWrite();
    await here.closeWrite();
    await assertRejects(() => here.send(1), ConnectionClosedError, "closed for sending");
    assertEquals(await Array.fromAsync(there), ["question"]);
    await there.send("answer");
    assertEquals(await here.recv(), "answer");
    assertEquals(here.closed, false);
  });

  // Limits

  Deno.test(`${name} refuses messages that are too large, here and from there`, async () => {
    await using pair = await open({ maxMessageBytes: 1000 });
    const { here, there } = pair;
    await here.sendBytes(pattern(1000));
    assertEquals((await there.recvBytes()).length, 1000);
    await assertRejects(
      () => here.sendBytes(pattern(1001)),
      RangeError,
      "Cannot send: the message has 1001 bytes, the limit is 1000",
    );
    await assertRejects(() => here.send("é".repeat(500)), RangeError);
    await here.send("é".repeat(490));
    assertEquals(await there.recv(), "é".repeat(490));
  });

  Deno.test(`${name} ends when a message is longer than was wanted`, async () => {
    await using pair = await open();
    const { here, there } = pair;
    await assertRejects(() => there.recvBytes({ maxLength: -1 }), RangeError);
    for (const length of [5, 6, 1]) await here.sendBytes(pattern(length));
    assertEquals((await there.recvBytes({ maxLength: 5 })).length, 5);
    await assertRejects(() => there.recvBytes({ maxLength: 5 }), RangeError, "6 bytes came");
    await assertRejects(() => there.recvBytes(), ConnectionLostError, "at most 5 were wanted");
    // What Python calls unreadable can still be written to.
    await there.sendBytes(pattern(2));
    assertEquals((await here.recvBytes()).length, 2);
  });

  Deno.test(`${name} tells what recv() cannot read`, async () => {
    await using pair = await open();
    const { here, there } = pair;
    for (const bytes of [[], [0x80, 4, 0x4e, 0x2e], [200], [1, 123]]) {
      await here.sendBytes(new Uint8Array(bytes));
      await assertRejects(() => there.recv(), ProtocolError, "Cannot receive an object");
    }
    await here.send("fine");
    assertEquals(await there.recv(), "fine");
    await assertRejects(() => here.send(() => {}), TypeError, "a function");
    await here.send("still fine");
    assertEquals(await there.recv(), "still fine");
  });
}

function pattern1(i: number, seed: number): number {
  return (i * 31 + (i >> 8) + seed) & 0xff;
}

// Objects

Deno.test("Connection.send() uses the codec that was given", async () => {
  const seen: string[] = [];
  const codec: Codec = {
    encode: (value) => utf8(JSON.stringify(value)),
    decode(bytes) {
      seen.push(new TextDecoder().decode(bytes));
      return JSON.parse(seen.at(-1)!);
    },
  };
  const [here, there] = pipe<unknown>({ codec });
  await here.send({ a: 1 });
  assertEquals(await there.recv(), { a: 1 });
  assertEquals(seen, ['{"a":1}']);
  await here.sendBytes(utf8("[2]"));
  assertEquals(await there.recv(), [2]);
  assertThrows(() => pipe({ codec: {} as Codec }), TypeError, '"codec" must have');
  const [plain] = pipe<unknown>();
  await assertRejects(() => plain.send(here), TypeError, "its codec stays in this process");
});

pipeTest("Connection carries ends of pipes and queues", async () => {
  const [here, there] = pipe<unknown>();
  const [inner, other] = pipe<string>();
  await using queue = new Queue<string>();
  await here.send([other, queue]);
  const [arrived, arrivedQueue] = await there.recv() as [Connection<string>, Queue<string>];
  assertInstanceOf(arrived, Connection);
  await arrived.send("from there");
  assertEquals(await inner.recv(), "from there");
  await arrivedQueue.put("also");
  assertEquals(await queue.get(), "also");
  for (const connection of [arrived, inner, other, here, there]) await connection.close();
  await arrivedQueue.close();
});

Deno.test("Connection cannot be constructed, and says what it is", async () => {
  assertThrows(() => new Connection(), TypeError, "use pipe(), connect() or Listener.accept()");
  const [here] = pipe();
  assertEquals(Deno.inspect(here), "Connection { to the other end of the pipe }");
  await here.close();
  assertEquals(String(here), "Connection { to the other end of the pipe, closed }");
});

Deno.test("Connection over TCP stays in its process", async () => {
  const way = WAYS.find((way) => way.name === "Connection over TCP")!;
  await using pair = await way.open();
  const [here] = pipe<unknown>();
  await assertRejects(() => here.send(pair.here), TypeError, "only the ends of a pipe");
  await here.close();
});

Deno.test("Connection over TCP ends an iteration with an error when it was not closed in order", async () => {
  await using listener = new Listener();
  const { hostname, port } = listener.address as Address;
  const conn = await Deno.connect({ hostname, port });
  await using connection = await listener.accept();
  // The beginning of a message.
  await conn.write(Uint8Array.of(0, 0));
  conn.close();
  await assertRejects(async () => {
    for await (const _ of connection);
  }, ConnectionLostError);
});

Deno.test("Connection over a message port cannot be passed on, and ends at what is no message", async () => {
  for (const bad of ["text", null, [], ["a"], [99], [1, "text"]]) {
    const { port1, port2 } = new MessageChannel();
    await using connection = await connect(port1);
    await assertRejects(
      () => pipe<unknown>()[0].send(connection),
      TypeError,
      "transfer the port before it is used",
    );
    const received = assertRejects(() => connection.recv(), Error);
    port2.postMessage(bad);
    await guard(received, () => `the end of the connection after ${Deno.inspect(bad)}`);
    port2.close();
  }
});

Deno.test("Connection over TCP reads on while it sends, however many messages come", async () => {
  const way = WAYS.find((way) => way.name === "Connection over TCP")!;
  await using pair = await way.open();
  const ends = [pair.here, pair.there];
  // Neither receives before it has sent everything.
  const sendThenReceive = async (connection: Connection) => {
    for (let n = 0; n < 60; n++) await connection.sendBytes(pattern(MIB / 2));
    for (let n = 0; n < 60; n++) assertEquals((await connection.recvBytes()).length, MIB / 2);
  };
  await guard(Promise.all(ends.map(sendThenReceive)), () => "both to have sent 30 MiB");
});

Deno.test("Connection.close() over TCP lets a send that is not awaited leave first", async () => {
  const way = WAYS.find((way) => way.name === "Connection over TCP")!;
  await using pair = await way.open();
  const sent = pair.here.sendBytes(pattern(60_000));
  await pair.here.close();
  await sent;
  assertEquals((await pair.there.recvBytes()).length, 60_000);
  await assertRejects(() => pair.there.recv(), EofError);
});
