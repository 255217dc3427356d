import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { familyKey } from "../../ipc/_family.ts";
import { toWire } from "../../ipc/_portable.ts";
import { connectSession } from "../../ipc/_connect.ts";
import {
  type Connection,
  ConnectionClosedError,
  ConnectionLostError,
  EofError,
  pipe,
} from "../../ipc/mod.ts";
import { Pool, Process } from "../../process/mod.ts";
import { guard } from "../support/guard.ts";
import { assertPending } from "../support/settle.ts";
import { cross, pattern, pipeTest } from "./_connections.ts";
import { echo, echoBytes, passOn, receiveOne, sendOne } from "./connection_targets.ts";

const MODULE = new URL("connection_targets.ts", import.meta.url);

pipeTest(
  "pipe() without duplex has one end that receives and one that sends [cpython: _TestConnection.test_duplex_false]",
  async () => {
    const [reader, writer] = pipe<never, string>({ duplex: false });
    assertEquals([reader.readable, reader.writable], [true, false]);
    assertEquals([writer.readable, writer.writable], [false, true]);
    await writer.send("one");
    assertEquals(await reader.recv(), "one");
    const wrong = writer as unknown as Connection<string>;
    await assertRejects(() => reader.send("no" as never), TypeError, "read-only");
    await assertRejects(() => reader.closeWrite(), TypeError, "read-only");
    for (const use of [() => wrong.recv(), () => wrong.poll(), () => wrong.recvBytes()]) {
      await assertRejects(use, TypeError, "write-only");
    }
    const [crossedReader, crossedWriter] = cross([reader, writer]) as [
      typeof reader,
      typeof writer,
    ];
    assertEquals([crossedReader.readable, crossedReader.writable], [true, false]);
    assertEquals([crossedWriter.readable, crossedWriter.writable], [false, true]);
    await crossedWriter.send("two");
    assertEquals(await crossedReader.recv(), "two");
    for (const end of [crossedWriter, crossedReader, writer, reader]) await end.close();
  },
);

pipeTest("pipe() ends for a reader that reads too much at once", async () => {
  const [reader, writer] = pipe<never, string>({ duplex: false });
  await writer.send("one");
  await assertRejects(() => reader.recvBytes({ maxLength: 1 }), RangeError);
  assertEquals(reader.closed, true);
  await assertRejects(() => writer.send("two"), ConnectionLostError);
  await writer.close();
});

Deno.test("pipe() refuses options that are none", () => {
  assertThrows(() => pipe({ duplex: 1 as unknown as boolean }), TypeError, '"duplex"');
  for (const maxMessageBytes of [0, -1, 1.5, NaN, 2 ** 28 + 1]) {
    assertThrows(() => pipe({ maxMessageBytes }), RangeError, '"maxMessageBytes" must be');
  }
});

pipeTest(
  "pipe() works when one end was closed here after it was passed on [cpython: _TestConnection.test_spawn_close]",
  async () => {
    const [here, there] = pipe<unknown>();
    await using child = new Process({ module: MODULE, target: echoBytes, args: [there] });
    await child.start();
    await there.close();
    const message = new TextEncoder().encode("hello");
    await here.sendBytes(message);
    assertEquals(await here.recvBytes(), message);
    await here.close();
    assertEquals(await child.join({ timeoutMs: 20_000 }), true);
    assertEquals(child.exitCode, 0);
  },
);

pipeTest("pipe() carries objects to a child and back, and 16 MiB of bytes", async () => {
  const [here, there] = pipe<unknown>();
  await using child = new Process({ module: MODULE, target: echo, args: [there] });
  await child.start();
  for (const value of [{ a: [1, 2n] }, undefined, "text"]) {
    await here.send(value);
    assertEquals(await here.recv(), value);
  }
  const bytes = pattern(16 * 1024 * 1024);
  await here.send(bytes);
  assert(Uint8Array.prototype.every.call(await here.recv(), (byte, i) => byte === bytes[i]));
  await here.close();
  assertEquals(await child.result(), 4);
});

pipeTest("pipe() joins two children, and ends when its maker has closed both ends", async () => {
  const [one, two] = pipe<unknown>();
  await using sender = new Process({ module: MODULE, target: sendOne, args: [one, [1, "two"]] });
  await using receiver = new Process({ module: MODULE, target: receiveOne, args: [two] });
  await Promise.all([sender.start(), receiver.start()]);
  await one.close();
  await two.close();
  assertEquals(await receiver.result(), [1, "two"]);
});

pipeTest("pipe() tells of the end of a child, although the copy here was not closed", async () => {
  const [here, there] = pipe<unknown>();
  await using child = new Process({ module: MODULE, target: sendOne, args: [there, "last"] });
  await child.start();
  assertEquals(await guard(Array.fromAsync(here), () => "the end"), ["last"]);
  await assertRejects(() => here.recv(), EofError);
  // Passed on again, the pipe goes on.
  await using next = new Process({ module: MODULE, target: sendOne, args: [there, "again"] });
  await next.start();
  assertEquals(await guard(here.recv(), () => "the next one"), "again");
  await here.close();
  await there.close();
});

pipeTest("pipe() stays open for a copy here that is used", async () => {
  const [here, there] = pipe<unknown>();
  await using child = new Process({ module: MODULE, target: sendOne, args: [there, 1] });
  await child.start();
  await there.send(2);
  const received = [await here.recv(), await here.recv()].sort();
  assertEquals(received, [1, 2]);
  await child.join();
  const waiting = here.recv();
  await assertPending(waiting, "the receive");
  await there.send(3);
  assertEquals(await waiting, 3);
  await there.close();
  await assertRejects(() => here.recv(), EofError);
  await here.close();
});

pipeTest("pipe() has several senders at one end", async () => {
  const [reader, writer] = pipe<never, unknown>({ duplex: false });
  await using children = new AsyncDisposableStack();
  await Promise.all([1, 2, 3].map(async (n) => {
    const child = children.use(
      new Process({ module: MODULE, target: sendOne, args: [writer as Connection, n] }),
    );
    await child.start();
  }));
  await writer.close();
  const all = await guard(Array.fromAsync(reader), () => "all senders to end");
  assertEquals(all.sort(), [1, 2, 3]);
  await reader.close();
});

pipeTest("pipe() goes to a grandchild, and as an argument of a pool's task", async () => {
  {
    const [here, there] = pipe<unknown>();
    await using child = new Process({
      module: MODULE,
      target: passOn,
      args: [there],
      permissions: "inherit",
    });
    await child.start();
    await there.close();
    await here.send("far");
    assertEquals(await here.recv(), "far");
    await here.close();
    assertEquals(await child.join({ timeoutMs: 20_000 }), true);
  }
  const [here, there] = pipe<unknown>();
  await using pool = new Pool(2, { module: MODULE });
  const sent = pool.applyAsync(sendOne, [there, "from a pool"]);
  assertEquals(await here.recv(), "from a pool");
  await sent.get();
  await here.close();
  await there.close();
});

pipeTest(
  "pipe() cannot be passed on when it is closed, and is gone for who comes too late",
  async () => {
    const [here, there] = pipe<unknown>();
    const { port, id } = toWire(there)!.data as { port: number; id: string };
    const crossed = cross(there);
    await there.close();
    assertThrows(() => toWire(there), ConnectionClosedError, "Cannot pass on the connection");
    await crossed.send("in time");
    assertEquals(await here.recv(), "in time");
    await crossed.close();
    await assertRejects(() => here.recv(), EofError);
    await assertRejects(() =>
      connectSession({ hostname: "127.0.0.1", port }, { key: familyKey() })
        .then(({ session, root }) =>
          session.call(root, "borrow", [id]).finally(() => session.close())
        )
    );
    await here.close();
  },
);

pipeTest("pipe() of another process is closed while it is being opened", async () => {
  const [here, there] = pipe<unknown>();
  const crossed = cross(there);
  const closed = crossed.close();
  await assertRejects(() => crossed.send(1), ConnectionClosedError);
  await closed;
  await there.close();
  await assertRejects(() => here.recv(), EofError);
  await here.close();
});

pipeTest("pipe() counts a copy here in which somebody waits when it is passed on", async () => {
  const [here, there] = pipe<unknown>();
  const received = there.recv();
  const crossed = cross(there);
  await crossed.send("first");
  assertEquals(await here.recv(), "first");
  await crossed.close();
  const waiting = here.recv();
  await assertPending(waiting, "the receive");
  await there.send("second");
  assertEquals(await waiting, "second");
  await here.send("third");
  assertEquals(await received, "third");
  await here.close();
  await there.close();
});
