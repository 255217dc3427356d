import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { concat, fromHex, longFrame, shortFrame, utf8 } from "../ipc/_bytes.ts";
import { pattern, pipeTest } from "../ipc/_connections.ts";
import { hang, receiveOne, sendHuge } from "../ipc/connection_targets.ts";
import { createRandom } from "../coroutine/_random.ts";
import { readKey } from "../../ipc/_authentication.ts";
import { connectSession } from "../../ipc/_connect.ts";
import { MAX_HANDSHAKES } from "../../ipc/_limits.ts";
import {
  type Address,
  connect,
  type Connection,
  ConnectionLostError,
  EofError,
  Listener,
  pipe,
  ProtocolError,
} from "../../ipc/mod.ts";
import { Process, ProcessDiedError } from "../../process/mod.ts";
import { startProgram } from "../support/child_program.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending } from "../support/settle.ts";

const MODULE = new URL("../ipc/connection_targets.ts", import.meta.url);
const SPINS_AT_IMPORT = new URL("fixtures/spins_at_import.ts", import.meta.url);
const SEED = 20_261;
const MIB = 1024 * 1024;

/** Whole numbers below a bound, the same ones each time. */
function createBelow(): (end: number) => number {
  const random = createRandom(SEED);
  return (end) => Math.floor(random() * end);
}

// Processes that are killed

pipeTest(
  "Connection.recv() rejects when the process that has the other end is killed",
  async () => {
    const [here, there] = pipe<unknown>();
    await using child = new Process({ module: MODULE, target: hang, args: [there] });
    await child.start();
    assertEquals(await here.recv(), "running");
    const waiting = [here.recv(), here.recvBytes()].map((one) =>
      assertRejects(() => one, EofError)
    );
    const iterated = Array.fromAsync(here);
    Deno.kill(child.pid!, "SIGKILL");
    await guard(Promise.all(waiting), () => "the receives to end");
    assertEquals(await iterated, []);
    await child.join();
    await here.close();
    await there.close();
  },
);

pipeTest("Connection ends when the sender is killed in the midst of 100 MB", async () => {
  const [here, there] = pipe<unknown>();
  await using child = new Process({ module: MODULE, target: sendHuge, args: [there, 100e6] });
  await child.start();
  assertEquals(await here.recv(), "begins");
  const received = here.recvBytes();
  Deno.kill(child.pid!, "SIGKILL");
  // Whole or not at all.
  const outcome = await guard(received.catch((error) => error), () => "the receive to end");
  if (outcome instanceof Uint8Array) assertEquals(outcome.length, 100e6);
  else assertInstanceOf(outcome, EofError);
  await child.join();
  await here.close();
  await there.close();
});

pipeTest("Connection.sendBytes() rejects when the receiver of 100 MB is killed", async () => {
  const [here, there] = pipe<unknown>();
  await using child = new Process({ module: MODULE, target: hang, args: [there] });
  await child.start();
  assertEquals(await here.recv(), "running");
  // The first one lies in the pipe; the second one waits for it to be taken, which nobody does.
  await here.sendBytes(new Uint8Array(100e6));
  const second = assertRejects(() => here.sendBytes(pattern(1)), ConnectionLostError);
  Deno.kill(child.pid!, "SIGKILL");
  await guard(second, () => "the send to end");
  await child.join();
  await here.close();
  await there.close();
});

pipeTest("Connection between two children ends for the one that is left", async () => {
  const [one, two] = pipe<unknown>();
  await using dead = new Process({ module: MODULE, target: hang, args: [one] });
  await using left = new Process({ module: MODULE, target: receiveOne, args: [two] });
  const [ready, tell] = pipe<unknown>();
  await using also = new Process({ module: MODULE, target: hang, args: [tell] });
  await Promise.all([dead.start(), left.start(), also.start()]);
  assertEquals(await ready.recv(), "running");
  assertEquals(await left.result(), "running");
  Deno.kill(dead.pid!, "SIGKILL");
  await dead.join();
  // What was passed on and is used by nobody is at its end.
  await assertRejects(() => guard(two.recv(), () => "the end"), EofError);
  Deno.kill(also.pid!, "SIGKILL");
  await assertRejects(() => ready.recv(), EofError);
  await also.join();
  for (const end of [one, two, ready, tell]) await end.close();
});

pipeTest(
  "Connection ends when the process that was given the other end is killed before it takes it",
  async () => {
    const [here, there] = pipe<unknown>();
    const waiting = assertRejects(() => here.recv(), EofError);
    await using child = new Process({ module: SPINS_AT_IMPORT, target: "never", args: [there] });
    const started = assertRejects(() => child.start(), ProcessDiedError);
    child.kill();
    await started;
    await guard(waiting, () => "the receive to end, although the copy here is open");
    // Who uses it here afterwards takes it up again.
    await there.send("still here");
    assertEquals(await here.recv(), "still here");
    await here.close();
    await there.close();
  },
);

pipeTest(
  "Connection ends when the process that was given the other end is killed as it takes it",
  async () => {
    for (let round = 0; round < 5; round++) {
      const [here, there] = pipe<unknown>();
      await using child = new Process({ module: MODULE, target: receiveOne, args: [there] });
      await child.start();
      child.kill();
      await assertRejects(() => guard(here.recv(), () => `the end of round ${round}`), EofError);
      await child.join();
      await here.close();
      await there.close();
    }
  },
);

// Broken streams

/** A raw socket whose other end is a connection. */
async function joinRaw(
  options: { maxMessageBytes?: number } = {},
): Promise<{ socket: Deno.TcpConn; connection: Connection; end(): Promise<void> }> {
  const listener = new Listener("127.0.0.1:0", options);
  const accepted = listener.accept();
  const socket = await Deno.connect(listener.address as Address);
  const connection = await accepted;
  return {
    socket,
    connection,
    async end(): Promise<void> {
      await connection.close();
      try {
        socket.close();
      } catch {
        // The test has closed it.
      }
      await listener.close();
    },
  };
}

async function writeAll(socket: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await socket.write(bytes.subarray(at));
}

Deno.test("Connection tells a stream that is cut in the midst of a frame from its end", async () => {
  const frame = shortFrame(pattern(1000));
  const long = longFrame(pattern(10));
  for (const bytes of [frame.subarray(0, 2), frame.subarray(0, 500), long.subarray(0, 7)]) {
    const { socket, connection, end } = await joinRaw();
    await writeAll(socket, concat(frame, bytes));
    socket.close();
    assertEquals((await connection.recvBytes()).length, 1000);
    const error = await assertRejects(() => connection.recvBytes(), ConnectionLostError, "midst");
    assertEquals(error.name, "ConnectionLostError");
    assertEquals(await connection.poll(), true);
    await end();
  }
});

Deno.test("Connection ends at a length that cannot be, and gives what came before", async () => {
  const lengths: [hex: string, message: string][] = [
    ["fffffffe", "a frame of length -2"],
    ["80000000", "a frame of length"],
    ["7fffffff", "a frame of 2147483647 bytes, the limit is 1000"],
    ["ffffffffffffffffffffffff", "the limit is 1000"],
    ["ffffffff0000010000000000", "the limit is 1000"],
    ["000003e9", "a frame of 1001 bytes, the limit is 1000"],
  ];
  for (const [hex, message] of lengths) {
    const { socket, connection, end } = await joinRaw({ maxMessageBytes: 1000 });
    await writeAll(socket, concat(shortFrame(utf8("before")), fromHex(hex)));
    assertEquals(await connection.recvBytes(), utf8("before"));
    await assertRejects(() => connection.recvBytes(), ProtocolError, message);
    await assertRejects(() => connection.recv(), ProtocolError);
    await assertRejects(() => connection.sendBytes(pattern(1)), ProtocolError);
    // The other side learns of it as well: by the end of the stream, or by a reset.
    const count = await socket.read(new Uint8Array(1)).catch(() => null);
    assertEquals(count, null);
    await end();
  }
});

Deno.test("Connection puts frames together however they are cut", async () => {
  const below = createBelow();
  const bodies = Array.from({ length: 300 }, (_, i) => pattern(below(3000), i));
  const all = concat(...bodies.map((body, i) => i % 3 === 0 ? longFrame(body) : shortFrame(body)));
  const { socket, connection, end } = await joinRaw();
  const sent = (async () => {
    socket.setNoDelay(true);
    for (let at = 0; at < all.length;) {
      const size = 1 + below(below(4) === 0 ? 5000 : 7);
      await writeAll(socket, all.subarray(at, at + size));
      at += size;
    }
  })();
  for (const body of bodies) assertEquals(await connection.recvBytes(), body);
  await sent;
  await end();
});

Deno.test("Connection ends with a clear error, or gives messages, whatever comes", async () => {
  const below = createBelow();
  await using listener = new Listener("127.0.0.1:0", { maxMessageBytes: 4096 });
  for (let round = 0; round < 150; round++) {
    const accepted = listener.accept();
    const socket = await Deno.connect(listener.address as Address);
    await using connection = await accepted;
    const bytes = concat(
      ...Array.from({ length: 5 }, (_, i) => shortFrame(pattern(below(50), i))),
    );
    for (let flips = below(4); flips >= 0; flips--) {
      bytes[below(bytes.length)]! ^= 1 << below(8);
    }
    await writeAll(socket, bytes);
    await socket.closeWrite();
    const end = await guard(
      (async () => {
        for (let n = 0;; n++) {
          assert(n < 100);
          try {
            await (below(2) === 0 ? connection.recvBytes() : connection.recv());
          } catch (error) {
            if (await connection.poll() && error instanceof ProtocolError) {
              if ((error as Error).message.startsWith("Cannot receive an object")) continue;
            }
            return error;
          }
        }
      })(),
      () => `the connection of round ${round} to end`,
    );
    assert(
      end instanceof ConnectionLostError || end instanceof ProtocolError,
      `round ${round}: ${end}`,
    );
    socket.close();
  }
});

// Crowds at the door

Deno.test("Listener lets honest clients in between handshakes of garbage", async () => {
  const below = createBelow();
  await using listener = new Listener("127.0.0.1:0", { authkey: "key" });
  const served = (async () => {
    let count = 0;
    for await (const connection of listener) {
      await connection.send(await connection.recv());
      await connection.close();
      count++;
    }
    return count;
  })();
  for (let round = 0; round < 150; round++) {
    const socket = await Deno.connect(listener.address as Address);
    const bytes = crypto.getRandomValues(new Uint8Array(1 + below(300)));
    // Half of them have a header that can be read.
    await socket.write(round % 2 === 0 ? bytes : shortFrame(bytes)).catch(() => {});
    const isLeft = round % 3 === 0;
    if (isLeft) socket.close();
    if (round % 10 === 0) {
      await using client = await connect<unknown>(listener.address, { authkey: "key" });
      await client.send(round);
      assertEquals(await guard(client.recv(), () => "the answer"), round);
    }
    if (!isLeft) socket.close();
  }
  await listener.close();
  assertEquals(await served, 15);
});

Deno.test("Listener gives up the oldest of too many that are silent", async () => {
  const refused: Error[] = [];
  await using listener = new Listener("127.0.0.1:0", {
    authkey: "key",
    onRefused: (error) => refused.push(error as Error),
  });
  const accepted = listener.accept();
  const silent: Deno.TcpConn[] = [];
  for (let n = 0; n < MAX_HANDSHAKES + 44; n++) {
    silent.push(await Deno.connect(listener.address as Address));
  }
  await using client = await connect(listener.address, { authkey: "key" });
  await using server = await guard(accepted, () => "the honest one to be let in");
  await client.send("in");
  assertEquals(await server.recv(), "in");
  assert(refused.length >= 44 && refused.length < 100, `${refused.length} were refused`);
  assert(refused.every((error) => error.message.startsWith("Gave up a connection")));
  for (const socket of silent) socket.close();
});

Deno.test("Listener outlives connections that come and go", async () => {
  await using listener = new Listener("127.0.0.1:0", { authkey: "key" });
  const accepted = (async () => {
    const { value } = await listener[Symbol.asyncIterator]().next();
    return value as Connection;
  })();
  for (let n = 0; n < 500; n++) {
    (await Deno.connect(listener.address as Address)).close();
  }
  await using client = await connect(listener.address, { authkey: "key" });
  await using server = await guard(accepted, () => "the honest one to be let in");
  await client.sendBytes(pattern(MIB));
  assertEquals((await server.recvBytes()).length, MIB);
});

Deno.test("Connection.sendBytes() rejects for all who wait for room when what is no message comes", async () => {
  await using listener = new Listener("127.0.0.1:0");
  const accepted = listener.accept();
  const socket = await Deno.connect(listener.address as Address);
  await using server = await accepted;
  const sends = [1, 2, 3, 4].map((n) => server.sendBytes(pattern(16 * MIB, n)));
  const ends = sends.map((send) => assertRejects(() => send, ConnectionLostError));
  await assertPending(sends[0]!, "the first send");
  // A frame of a length below zero.
  await socket.write(fromHex("fffffffe"));
  const [_first, ...waiting] = await guard(Promise.all(ends), () => "all to be told");
  for (const { cause } of waiting) assertInstanceOf(cause, ProtocolError);
  // Each has an error of its own, with the stack of its own send.
  assertEquals(new Set(waiting).size, 3);
  socket.close();
});

// Limits of the system

/** What listens, for a program: it answers "hello" to each who comes, and tells `refused` of errors. */
const LISTENING = {
  Listener: `
    const listener = new Listener("127.0.0.1:0", { onRefused: refused });
    const { port } = listener.address;
    const served = listener.accept().then((connection) => connection.close());
    const close = () => listener.close();`,
  Hub: `
    const served = Promise.withResolvers();
    const onSession = ({ closed }) => closed.then(served.resolve);
    const hub = new Hub({ key: readKey("abc"), methods: {}, onSession, onRefused: refused });
    const { port } = hub.listen({ hostname: "127.0.0.1", port: 0 });
    const close = async () => {
      await served.promise;
      await hub.close("the end");
    };`,
};

for (const [name, setUp] of Object.entries(LISTENING)) {
  leakTest(`${name} goes on when descriptors had run out, and tells of it`, async () => {
    if (Deno.build.os === "windows") return;
    const url = (path: string) => JSON.stringify(new URL(`../../ipc/${path}`, import.meta.url));
    const code = `
    import { readKey } from ${url("_authentication.ts")};
    import { Hub } from ${url("_hub.ts")};
    import { Listener } from ${url("mod.ts")};
    const errors = [];
    const first = Promise.withResolvers();
    const refused = (error) => {
      errors.push(String(error));
      first.resolve();
    };
    ${setUp}
    const files = [];
    try {
      for (;;) files.push(Deno.openSync("/dev/null"));
    } catch {
      // No more.
    }
    console.log("READY", port);
    await first.promise;
    for (const file of files) file.close();
    ${name === "Listener" ? "await served;" : ""}
    await close();
    console.log("DONE", JSON.stringify([...new Set(errors)]));`;
    const file = await Deno.makeTempFile({ suffix: ".ts" });
    try {
      await Deno.writeTextFile(file, code);
      const flags = "--no-prompt --no-check --allow-net --allow-read";
      await using program = await startProgram({ command: "sh" }, {
        args: ["-c", `ulimit -n 100; exec "$0" run ${flags} "$1"`, Deno.execPath(), file],
      });
      const address = { hostname: "127.0.0.1", port: Number(program.ready) };
      if (name === "Hub") {
        const { session } = await connectSession(address, { key: readKey("abc") });
        await session.close();
      } else {
        await using client = await connect(address);
        await assertRejects(() => guard(client.recv(), () => "the end"), EofError);
      }
      const line = await program.nextLine({ matches: (line) => line.startsWith("DONE") });
      const [error, ...others] = JSON.parse(line.slice("DONE ".length)) as string[];
      assertStringIncludes(error!, "Too many open files");
      assertEquals(others, []);
    } finally {
      await Deno.remove(file);
    }
  });
}
