import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  authenticateClient,
  authenticateServer,
  type AuthenticationOptions,
  hmac,
  MAX_HANDSHAKE_FRAME_BYTES,
  readKey,
} from "../../ipc/_authentication.ts";
import { type ByteStream, FrameStream } from "../../ipc/_frame_stream.ts";
import { AuthenticationError, ConnectionLostError, ProtocolError } from "../../ipc/mod.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { pythonAvailable, startPython } from "../support/python.ts";
import { assertPending } from "../support/settle.ts";
import { concat, fromHex, shortFrame, toHex, utf8 } from "./_bytes.ts";
import { createMemoryPair, ScriptedStream } from "./_memory_stream.ts";

const KEY = readKey("abc");

/** The test vectors: two challenges under the key "abc", and what they are answered. */
const OLD_MESSAGE = Uint8Array.from({ length: 20 }, (_, i) => i);
const NEW_MESSAGE = concat(utf8("{sha256}"), Uint8Array.from({ length: 40 }, (_, i) => i));
const OLD_CHALLENGE = "0000001f234348414c4c454e474523000102030405060708090a0b0c0d0e0f10111213";
const NEW_CHALLENGE = "0000003b234348414c4c454e4745237b7368613235367d" +
  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627";
const OLD_REPLY = "000000101b373176a84c1b044d9ba09795b53791";
const NEW_REPLY = "000000287b7368613235367d" +
  "ee2b4cd766c1e0f5eb564525d250361f729d00e3948c83c5651d1cefdb97de31";
const MACS: [digest: string, message: Uint8Array<ArrayBuffer>, mac: string][] = [
  ["md5", OLD_MESSAGE, "1b373176a84c1b044d9ba09795b53791"],
  ["md5", NEW_MESSAGE, "3e4faf2fc53f133cd76571e5d3fb9fd5"],
  ["sha256", NEW_MESSAGE, "ee2b4cd766c1e0f5eb564525d250361f729d00e3948c83c5651d1cefdb97de31"],
  [
    "sha384",
    NEW_MESSAGE,
    "2d32bf2730ff075bad53a6d7651eab6fbf775bab939b493f38d5a653f15a4df2" +
    "35a2c0f44c5de12a1aa7e38baf661bc3",
  ],
];
const WELCOME = "000000092357454c434f4d4523";
const FAILURE = "00000009234641494c55524523";

function open(stream: ByteStream): FrameStream {
  return new FrameStream(stream, { peer: "the peer", maxFrameBytes: MAX_HANDSHAKE_FRAME_BYTES });
}

function connect(): [FrameStream, FrameStream] {
  const [here, there] = createMemoryPair();
  return [open(here), open(there)];
}

/** Answers a challenge as this or that peer does. */
type Reply = (message: Uint8Array<ArrayBuffer>) => Promise<Uint8Array> | Uint8Array;

/** Receives a challenge and answers it, and tells the verdict. */
async function answer(peer: FrameStream, reply: Reply): Promise<string> {
  const challenge = await peer.receive();
  peer.send(await reply(challenge!.slice(11)));
  return new TextDecoder().decode(await peer.receive());
}

function named(digest: string, key: Uint8Array<ArrayBuffer> = KEY): Reply {
  return async (message) => concat(utf8(`{${digest}}`), await hmac(digest, key, message));
}

const unnamed: Reply = (message) => hmac("md5", KEY, message);

/** Sends a challenge, takes the reply, and says that it is right. */
async function challenge(peer: FrameStream, message: Uint8Array): Promise<Uint8Array> {
  peer.send(utf8("#CHALLENGE#"), message);
  const reply = await peer.receive();
  peer.send(utf8("#WELCOME#"));
  return reply!;
}

// Vectors

for (const [digest, message, mac] of MACS) {
  Deno.test(`hmac() of ${digest} over ${message.length} bytes is the one of Python`, async () => {
    assertEquals(toHex(await hmac(digest, KEY, message)), mac);
  });
}

Deno.test("authenticateServer() answers an old challenge with the bytes of Python", async () => {
  const stream = new ScriptedStream([fromHex(OLD_CHALLENGE)]);
  await assertRejects(() => authenticateServer(open(stream), KEY), ConnectionLostError);
  assertEquals(stream.writes.map(toHex), [OLD_REPLY]);
});

Deno.test("authenticateServer() answers a new challenge with the bytes of Python", async () => {
  const stream = new ScriptedStream([fromHex(NEW_CHALLENGE)]);
  await assertRejects(() => authenticateServer(open(stream), KEY), ConnectionLostError);
  assertEquals(stream.writes.map(toHex), [NEW_REPLY]);
});

for (const digest of ["md5", "sha384"]) {
  Deno.test(`authenticateServer() answers a challenge that names ${digest}`, async () => {
    const [here, peer] = connect();
    const message = concat(utf8(`{${digest}}`), new Uint8Array(40));
    const authenticating = authenticateServer(here, KEY);
    const reply = await challenge(peer, message);
    assertEquals(toHex(reply), toHex(await named(digest)(message)));
    assertEquals(await answer(peer, named("sha256")), "#WELCOME#");
    assertEquals(await authenticating, false);
  });
}

Deno.test("authenticateClient() sends a challenge of 59 bytes that no other is like", async () => {
  const challenges: Uint8Array[] = [];
  for (let i = 0; i < 3; i++) {
    const stream = new ScriptedStream([]);
    await assertRejects(() => authenticateClient(open(stream), KEY), ConnectionLostError);
    assertEquals(stream.writes.length, 1);
    assertEquals(toHex(stream.writes[0]!.subarray(0, 4)), "0000003b");
    const text = new TextDecoder("latin1").decode(stream.writes[0]!.subarray(4));
    assertMatch(text, /^#CHALLENGE#\{sha256\}/);
    challenges.push(stream.writes[0]!.slice(23, 55));
  }
  assertNotEquals(challenges[0], challenges[1]);
  assertNotEquals(challenges[1], challenges[2]);
});

// Right keys

for (
  const [name, reply] of [
    ["{sha256}", named("sha256")],
    ["{sha384}", named("sha384")],
    ["{md5}", named("md5")],
    ["16 bytes of MD5", unnamed],
  ] as const
) {
  Deno.test(`authenticateClient() accepts a reply of ${name}`, async () => {
    const [here, peer] = connect();
    const authenticating = authenticateClient(here, KEY);
    assertEquals(await answer(peer, reply), "#WELCOME#");
    await challenge(peer, OLD_MESSAGE);
    await authenticating;
  });

  Deno.test(`authenticateServer() accepts a reply of ${name}`, async () => {
    const [here, peer] = connect();
    const authenticating = authenticateServer(here, KEY);
    await challenge(peer, NEW_MESSAGE);
    assertEquals(await answer(peer, reply), "#WELCOME#");
    await authenticating;
  });
}

Deno.test("authenticateServer() and authenticateClient() know each other, also without MD5", async () => {
  for (const allowLegacy of [true, false, undefined]) {
    const [server, client] = connect();
    const serving = authenticateClient(server, KEY, { allowLegacy });
    assert(await authenticateServer(client, KEY, { allowLegacy }));
    await serving;
  }
});

Deno.test("authenticateServer() tells a native peer by its mark", async () => {
  const plain = connect();
  const authenticating = authenticateServer(plain[0], KEY);
  await challenge(plain[1], NEW_MESSAGE);
  await answer(plain[1], named("sha256"));
  assertEquals(await authenticating, false);

  const mark = utf8("manyhnd1");
  const short = connect();
  const old = authenticateServer(short[0], KEY);
  await challenge(short[1], concat(new Uint8Array(12), mark));
  await answer(short[1], named("sha256"));
  assertEquals(await old, false);
});

Deno.test("authenticateServer() sends welcome and first request in one write", async () => {
  const [server, client] = createMemoryPair();
  const serving = authenticateClient(open(server), KEY);
  assert(await authenticateServer(open(client), KEY, {}, utf8("first")));
  await serving;
  assertEquals(toHex(client.writes.at(-1)!), WELCOME + toHex(shortFrame(utf8("first"))));
});

Deno.test("authenticateServer() sends no first request to a peer that is not native", async () => {
  const [server, client] = createMemoryPair();
  const peer = open(server);
  const authenticating = authenticateServer(open(client), KEY, {}, utf8("first"));
  await challenge(peer, NEW_MESSAGE);
  assertEquals(await answer(peer, named("sha256")), "#WELCOME#");
  assertEquals(await authenticating, false);
  assertEquals(toHex(client.writes.at(-1)!), WELCOME);
});

// Wrong keys and other failures

Deno.test("authenticateClient() refuses a client with another key, and says so", async () => {
  const [server, client] = createMemoryPair();
  const serving = authenticateClient(open(server), KEY);
  const connecting = authenticateServer(open(client), readKey("xyz"));
  await assertRejects(() => serving, AuthenticationError, "digest received was wrong");
  await assertRejects(() => connecting, AuthenticationError, "digest sent was rejected");
  assertEquals(toHex(server.writes.at(-1)!), FAILURE);
});

Deno.test("authenticateServer() refuses a server that does not have the key", async () => {
  const [here, peer] = connect();
  const authenticating = authenticateServer(here, KEY);
  // A server that takes every reply for right, to be believed itself.
  await challenge(peer, NEW_MESSAGE);
  assertEquals(await answer(peer, named("sha256", readKey("guessed"))), "#FAILURE#");
  await assertRejects(() => authenticating, AuthenticationError, "digest received was wrong");
});

const BAD_REPLIES: [name: string, reply: Reply][] = [
  ["of nothing", () => new Uint8Array()],
  ["of 16 other bytes", () => new Uint8Array(16)],
  ["of 20 bytes", async (message) => concat(await hmac("md5", KEY, message), new Uint8Array(4))],
  ["that is one byte short", async (message) => (await named("sha256")(message)).slice(0, -1)],
  [
    "that is one byte long",
    async (message) => concat(await named("sha256")(message), new Uint8Array(1)),
  ],
  [
    "whose digest is not the one that it names",
    async (message) => concat(utf8("{sha384}"), await hmac("sha256", KEY, message)),
  ],
  ["that names no digest", async (message) => await hmac("sha256", KEY, message)],
  ["that names an unknown digest", () => concat(utf8("{sha3_256}"), new Uint8Array(32))],
  ["that names what is no digest", () => concat(utf8("{__proto_}"), new Uint8Array(32))],
  ["with no end of the name", () => utf8("{sha256 no end of the name of the digest")],
  [
    "over the message without its name",
    async (message) => concat(utf8("{sha256}"), await hmac("sha256", KEY, message.slice(8))),
  ],
];
for (const [name, reply] of BAD_REPLIES) {
  Deno.test(`authenticateClient() refuses a reply ${name}`, async () => {
    const [here, peer] = connect();
    const authenticating = authenticateClient(here, KEY);
    const verdict = answer(peer, reply);
    await assertRejects(() => authenticating, AuthenticationError, "the keys differ");
    assertEquals(await verdict, "#FAILURE#");
  });
}

Deno.test("authenticateClient() reads no reply above 256 bytes", async () => {
  const [here, peer] = connect();
  const authenticating = authenticateClient(here, KEY);
  await peer.receive();
  peer.send(new Uint8Array(300));
  await assertRejects(() => authenticating, ProtocolError, "a frame of 300 bytes");
});

Deno.test("authenticateServer() reads no challenge above 256 bytes", async () => {
  const stream = new ScriptedStream([shortFrame(concat(utf8("#CHALLENGE#"), new Uint8Array(300)))]);
  await assertRejects(() => authenticateServer(open(stream), KEY), ProtocolError, "of 311 bytes");
  assertEquals(stream.writes, []);
});

Deno.test("authenticateServer() answers no challenge below 20 bytes", async () => {
  for (const length of [0, 16, 19]) {
    const bytes = concat(utf8("#CHALLENGE#"), new Uint8Array(length));
    const stream = new ScriptedStream([shortFrame(bytes)]);
    await assertRejects(
      () => authenticateServer(open(stream), KEY),
      AuthenticationError,
      `of ${length} bytes is too short`,
    );
    assertEquals(stream.writes, []);
  }
});

Deno.test("authenticateServer() answers nothing that is no challenge", async () => {
  for (const text of ["", "#CHALLENGE", "#WELCOME#", "HTTP/1.1 400 Bad Request", "#challenge#"]) {
    const stream = new ScriptedStream([shortFrame(concat(utf8(text), new Uint8Array(40)))]);
    await assertRejects(
      () => authenticateServer(open(stream), KEY),
      ProtocolError,
      "it sent no challenge",
    );
    assertEquals(stream.writes, []);
  }
});

Deno.test("authenticateServer() refuses a challenge that names a digest that it does not have", async () => {
  for (const digest of ["sha3_256", "sha1", "none", "__proto_"]) {
    const message = concat(utf8(`#CHALLENGE#{${digest}}`), new Uint8Array(40));
    const stream = new ScriptedStream([shortFrame(message)]);
    await assertRejects(
      () => authenticateServer(open(stream), KEY),
      AuthenticationError,
      `digest "${digest}" is not supported`,
    );
    assertEquals(stream.writes, []);
  }
});

Deno.test("authenticateServer() takes anything but a welcome for a refusal", async () => {
  for (const verdict of [FAILURE, "00000000", "000000062357454c434f", WELCOME + "00"]) {
    const bytes = fromHex(verdict);
    if (verdict === WELCOME + "00") bytes[3] = 10;
    const stream = new ScriptedStream([fromHex(NEW_CHALLENGE), bytes]);
    await assertRejects(
      () => authenticateServer(open(stream), KEY),
      AuthenticationError,
      "digest sent was rejected",
    );
    assertEquals(stream.writes.map(toHex), [NEW_REPLY]);
  }
});

// Without MD5

Deno.test("authenticateClient() without allowLegacy refuses MD5 in both forms", async () => {
  for (const reply of [unnamed, named("md5")]) {
    const [here, peer] = connect();
    const authenticating = authenticateClient(here, KEY, { allowLegacy: false });
    const verdict = answer(peer, reply);
    await assertRejects(() => authenticating, AuthenticationError);
    assertEquals(await verdict, "#FAILURE#");
  }
});

Deno.test("authenticateServer() without allowLegacy answers no challenge with MD5", async () => {
  const options: AuthenticationOptions = { allowLegacy: false };
  for (const message of [OLD_MESSAGE, concat(utf8("{md5}"), new Uint8Array(40))]) {
    const stream = new ScriptedStream([shortFrame(concat(utf8("#CHALLENGE#"), message))]);
    await assertRejects(
      () => authenticateServer(open(stream), KEY, options),
      AuthenticationError,
      "HMAC-MD5 is not allowed here",
    );
    assertEquals(stream.writes, []);
  }
});

// The end of the stream at each step

Deno.test("authenticateClient() learns that the client is gone at each step", async () => {
  const steps: ((peer: FrameStream) => unknown)[] = [
    () => {},
    (peer) => peer.receive(),
    (peer) => answer(peer, named("sha256")),
    async (peer) => {
      await answer(peer, named("sha256"));
      peer.send(utf8("#CHALLENGE#"), NEW_MESSAGE);
      await peer.receive();
    },
  ];
  for (const step of steps) {
    const [here, peer] = connect();
    const authenticating = authenticateClient(here, KEY);
    await Promise.all([
      assertRejects(() => authenticating, ConnectionLostError),
      (async () => {
        await step(peer);
        peer.close();
      })(),
    ]);
  }
});

Deno.test("authenticateServer() learns that the server is gone at each step", async () => {
  const steps: ((peer: FrameStream) => unknown)[] = [
    () => {},
    async (peer) => {
      peer.send(utf8("#CHALLENGE#"), NEW_MESSAGE);
      await peer.flushed();
    },
    async (peer) => {
      await challenge(peer, NEW_MESSAGE);
      await peer.flushed();
    },
    async (peer) => {
      await challenge(peer, NEW_MESSAGE);
      await peer.receive();
    },
  ];
  for (const step of steps) {
    const [here, peer] = connect();
    const authenticating = authenticateServer(here, KEY);
    await Promise.all([
      assertRejects(() => authenticating, ConnectionLostError),
      (async () => {
        await step(peer);
        peer.close();
      })(),
    ]);
  }
});

Deno.test("authenticateServer() waits for a challenge, it sends none first", async () => {
  const [here, there] = createMemoryPair();
  const authenticating = authenticateServer(open(here), KEY);
  await assertPending(authenticating, "authenticateServer()");
  assertEquals(here.writes, []);
  there.close();
  await assertRejects(() => authenticating, ConnectionLostError);
});

// Keys

Deno.test("readKey() takes text as UTF-8 and bytes as they are", () => {
  assertEquals(readKey("é"), Uint8Array.of(0xc3, 0xa9));
  const bytes = Uint8Array.of(1, 2, 3);
  const key = readKey(bytes);
  bytes.fill(0);
  assertEquals(key, Uint8Array.of(1, 2, 3));
});

Deno.test("readKey() refuses an empty key and what is no key", () => {
  for (const key of ["", new Uint8Array()]) {
    assertThrows(() => readKey(key), TypeError, "must not be empty");
  }
  for (const key of [undefined, null, 5, [1, 2], new ArrayBuffer(3)]) {
    assertThrows(
      () => readKey(key as unknown as string),
      TypeError,
      "must be a string or a Uint8Array",
    );
  }
});

// Against Python

const ignore = !await pythonAvailable();
if (ignore) console.warn("authentication_test: there is no python3, so nothing is tested with it");

const PYTHON_LISTENER = `
import sys
from multiprocessing import AuthenticationError
from multiprocessing.connection import Listener
with Listener(('127.0.0.1', 0), authkey=sys.argv[1].encode()) as listener:
    print('READY', listener.address[1])
    try:
        with listener.accept() as connection:
            connection.send_bytes(connection.recv_bytes()[::-1])
            print('served')
    except AuthenticationError as error:
        print('refused', error)
`;

const PYTHON_CLIENT = `
import sys
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
print('READY')
try:
    with Client(('127.0.0.1', int(sys.argv[1])), authkey=sys.argv[2].encode()) as connection:
        connection.send_bytes(b'hello')
        print('got', connection.recv_bytes().decode())
except AuthenticationError as error:
    print('refused', error)
`;

leakTest("authenticateServer() is let in by a Listener of Python", async () => {
  await using python = await startPython(PYTHON_LISTENER, { args: ["abc"] });
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: Number(python.ready) });
  const stream = open(conn);
  const native = await guard(authenticateServer(stream, KEY), () => "the handshake with Python");
  assertEquals(native, false);
  stream.send(utf8("hello"));
  const echo = await guard(stream.receive(), () => "the answer of Python");
  assertEquals(echo, utf8("olleh"));
  assertEquals(await python.nextLine(), "served");
}, { ignore });

leakTest("authenticateServer() with another key is refused by a Listener of Python", async () => {
  await using python = await startPython(PYTHON_LISTENER, { args: ["other"] });
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: Number(python.ready) });
  const handshake = guard(authenticateServer(open(conn), KEY), () => "the handshake with Python");
  await assertRejects(() => handshake, AuthenticationError, "digest sent was rejected");
  assertStringIncludes(await python.nextLine(), "refused digest received was wrong");
}, { ignore });

leakTest("authenticateClient() lets a Client of Python in", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using python = await startPython(PYTHON_CLIENT, {
    args: [String(listener.addr.port), "abc"],
  });
  using conn = await guard(listener.accept(), () => "Python to connect");
  const stream = open(conn);
  await guard(authenticateClient(stream, KEY), () => "the handshake with Python");
  assertEquals(await guard(stream.receive(), () => "a message of Python"), utf8("hello"));
  stream.send(utf8("bye"));
  assertEquals(await python.nextLine(), "got bye");
}, { ignore });

leakTest("authenticateClient() refuses a Client of Python with another key", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using python = await startPython(PYTHON_CLIENT, {
    args: [String(listener.addr.port), "other"],
  });
  using conn = await guard(listener.accept(), () => "Python to connect");
  const handshake = guard(authenticateClient(open(conn), KEY), () => "the handshake with Python");
  await assertRejects(() => handshake, AuthenticationError, "digest received was wrong");
  assertStringIncludes(await python.nextLine(), "refused digest sent was rejected");
}, { ignore });
