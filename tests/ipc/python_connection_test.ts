import { assertEquals, assertRejects } from "@std/assert";
import {
  type Address,
  AuthenticationError,
  type Codec,
  connect,
  ConnectionLostError,
  EofError,
  Listener,
  type ListenerOptions,
} from "../../ipc/mod.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { pythonAvailable, startPython } from "../support/python.ts";
import { concat, fromHex, longFrame, shortFrame, toHex, utf8 } from "./_bytes.ts";
import { pattern } from "./_connections.ts";

const hasPython = await pythonAvailable();
const UNIX = Deno.build.os !== "windows";
const SIZES = [0, 1, 16_384, 16_385, 70_000, 5_000_000];

/** What Python does at its end: sends back each message, until it is told to stop. */
const ECHO = `
def echo(c):
    while True:
        message = c.recv_bytes()
        if message == b"stop":
            break
        c.send_bytes(message)
    c.close()
`;

const LISTEN = `
import sys
from multiprocessing.connection import Listener
from multiprocessing import AuthenticationError
${ECHO}
family, key, rounds = sys.argv[1], sys.argv[2].encode() or None, int(sys.argv[3])
listener = Listener(('127.0.0.1', 0) if family == 'AF_INET' else None, family, authkey=key)
print('READY', listener.address[1] if family == 'AF_INET' else listener.address)
for _ in range(rounds):
    try:
        echo(listener.accept())
        print('echoed')
    except (AuthenticationError, EOFError, OSError) as error:
        print(type(error).__name__, error)
`;

const CONNECT = `
import sys
from multiprocessing.connection import Client
from multiprocessing import AuthenticationError
${ECHO}
family, place, key = sys.argv[1], sys.argv[2], sys.argv[3].encode() or None
address = ('127.0.0.1', int(place)) if family == 'AF_INET' else place
print('READY')
try:
    echo(Client(address, authkey=key))
    print('echoed')
except (AuthenticationError, EOFError, OSError) as error:
    print(type(error).__name__, error)
`;

async function talk(connection: Awaited<ReturnType<typeof connect>>): Promise<void> {
  for (const size of SIZES) {
    const bytes = pattern(size, size);
    await connection.sendBytes(bytes);
    assertEquals(toHex(await connection.recvBytes()), toHex(bytes));
  }
  assertEquals(await connection.poll(), false);
  await connection.sendBytes(utf8("stop"));
  await assertRejects(() => connection.recvBytes(), EofError);
}

for (const family of UNIX ? ["AF_INET", "AF_UNIX"] as const : ["AF_INET"] as const) {
  for (const key of ["", "a key"]) {
    const authkey = key === "" ? undefined : key;
    const what = `over ${family} ${key === "" ? "without" : "with"} a key`;

    leakTest(`connect() talks bytes with Python's Listener ${what}`, async () => {
      await using program = await startPython(LISTEN, { args: [family, key, "1"] });
      const address = family === "AF_UNIX"
        ? program.ready
        : { hostname: "127.0.0.1", port: Number(program.ready) };
      await using connection = await connect(address, { authkey });
      await guard(talk(connection), () => "Python to answer");
      assertEquals(await program.nextLine(), "echoed");
    }, { ignore: !hasPython });

    leakTest(`Listener talks bytes with Python's Client ${what}`, async () => {
      await using listener = new Listener(undefined, { family, authkey });
      const { address } = listener;
      const place = typeof address === "string" ? address : String(address.port);
      await using program = await startPython(CONNECT, { args: [family, place, key] });
      await using connection = await listener.accept({ timeoutMs: 20_000 });
      await guard(talk(connection), () => "Python to answer");
      assertEquals(await program.nextLine(), "echoed");
    }, { ignore: !hasPython });
  }
}

leakTest("connect() with a wrong key is refused by Python's Listener, and refuses it", async () => {
  await using program = await startPython(LISTEN, { args: ["AF_INET", "right", "2"] });
  const address = { hostname: "127.0.0.1", port: Number(program.ready) };
  await assertRejects(() => connect(address, { authkey: "wrong" }), AuthenticationError);
  assertEquals(await program.nextLine(), "AuthenticationError digest received was wrong");
  await using connection = await connect(address, { authkey: "right" });
  await connection.sendBytes(utf8("stop"));
  assertEquals(await program.nextLine(), "echoed");
}, { ignore: !hasPython });

leakTest("Listener refuses Python's Client with a wrong key", async () => {
  await using listener = new Listener(undefined, { authkey: "right" });
  const { port } = listener.address as Address;
  const refused = assertRejects(() => listener.accept(), AuthenticationError);
  await using program = await startPython(CONNECT, { args: ["AF_INET", String(port), "wrong"] });
  await refused;
  assertEquals(await program.nextLine(), "AuthenticationError digest sent was rejected");
}, { ignore: !hasPython });

leakTest("Connection and Python both send a mebibyte before they receive", async () => {
  const program = `
import sys
from multiprocessing.connection import Client
c = Client(('127.0.0.1', int(sys.argv[1])))
print('READY')
c.send_bytes(b'p' * 16_000_000)
print(len(c.recv_bytes()))
`;
  await using listener = new Listener();
  const { port } = listener.address as Address;
  const accepted = listener.accept();
  await using python = await startPython(program, { args: [String(port)] });
  await using connection = await accepted;
  // Python sends and does not read meanwhile: it is we who must read.
  await guard(connection.sendBytes(new Uint8Array(16_000_000)), () => "our bytes to leave");
  assertEquals((await connection.recvBytes()).length, 16_000_000);
  assertEquals(await python.nextLine(), "16000000");
}, { ignore: !hasPython });

leakTest("Connection with a codec of one's own sends and receives Python's objects", async () => {
  const program = `
import sys
from multiprocessing.connection import Client
c = Client(('127.0.0.1', int(sys.argv[1])))
print('READY')
print(repr(c.recv()))
c.send(None)
`;
  // As much of pickle as the test needs: true and None.
  const codec: Codec = {
    encode: () => fromHex("8004882e"),
    decode: (bytes) => toHex(bytes) === "80044e2e" ? null : toHex(bytes),
  };
  await using listener = new Listener(undefined, { codec });
  const { port } = listener.address as Address;
  const accepted = listener.accept();
  await using python = await startPython(program, { args: [String(port)] });
  await using connection = await accepted;
  await connection.send(true);
  assertEquals(await python.nextLine(), "True");
  assertEquals(await connection.recv(), null);
}, { ignore: !hasPython });

// The same without Python: the bytes that it sends and expects

/** Talks to a socket byte by byte, as Python was seen to do. */
async function play(
  options: ListenerOptions,
  script: (exchange: (out: Uint8Array, bytesBack: number) => Promise<Uint8Array>) => Promise<void>,
): Promise<Awaited<ReturnType<Listener["accept"]>>> {
  await using listener = new Listener("127.0.0.1:0", options);
  const accepted = listener.accept();
  accepted.catch(() => {});
  const socket = await Deno.connect(listener.address as Address);
  try {
    await script(async (out, bytesBack) => {
      for (let at = 0; at < out.length;) at += await socket.write(out.subarray(at));
      const back = new Uint8Array(bytesBack);
      for (let at = 0; at < bytesBack;) {
        const count = await socket.read(back.subarray(at));
        if (count === null) throw new Error(`The stream ended after ${at} of ${bytesBack} bytes`);
        at += count;
      }
      return back;
    });
    return await accepted;
  } finally {
    socket.close();
  }
}

Deno.test("Connection reads and writes Python's bytes", async () => {
  const connection = await play({}, async (exchange) => {
    await exchange(fromHex("0000000000000003616263"), 0);
    await exchange(longFrame(utf8("long form")), 0);
  });
  assertEquals(await connection.recvBytes(), new Uint8Array(0));
  assertEquals(await connection.recvBytes(), utf8("abc"));
  assertEquals(await connection.recvBytes(), utf8("long form"));
  await assertRejects(() => connection.recvBytes(), EofError);
  await connection.close();

  await using listener = new Listener();
  const socket = await Deno.connect(listener.address as Address);
  const server = await listener.accept();
  await server.sendBytes(utf8("abc"));
  await server.sendBytes(new Uint8Array(0));
  await server.close();
  const bytes = new Uint8Array(await new Response(socket.readable).arrayBuffer());
  assertEquals(toHex(bytes), "0000000361626300000000");
});

for (const form of ["old", "new"] as const) {
  Deno.test(`Listener shakes hands with Python's ${form} form, byte by byte [cpython: ChallengeResponseTest.test_challengeresponse]`, async () => {
    const key = utf8("abc");
    const { createHmac } = await import("node:crypto");
    const mac = (digest: string, message: Uint8Array) =>
      new Uint8Array(createHmac(digest, key).update(message).digest());
    const random = fromHex("000102030405060708090a0b0c0d0e0f10111213");
    const connection = await play({ authkey: "abc" }, async (exchange) => {
      const challenge = await exchange(new Uint8Array(0), 4 + 11 + 48);
      assertEquals(toHex(challenge.subarray(0, 4)), "0000003b");
      const message = challenge.subarray(15);
      const reply = form === "old"
        ? mac("md5", message)
        : concat(utf8("{sha256}"), mac("sha256", message));
      assertEquals(
        toHex(await exchange(shortFrame(reply), 13)),
        "000000092357454c434f4d4523",
      );
      const own = form === "old"
        ? random
        : concat(utf8("{sha256}"), Uint8Array.from({ length: 40 }, (_, i) => i));
      const answer = await exchange(
        shortFrame(concat(utf8("#CHALLENGE#"), own)),
        form === "old" ? 20 : 44,
      );
      assertEquals(
        toHex(answer),
        form === "old"
          ? "000000101b373176a84c1b044d9ba09795b53791"
          : "000000287b7368613235367dee2b4cd766c1e0f5eb564525d250361f729d00e3948c83c5651d1cefdb97de31",
      );
      await exchange(fromHex("000000092357454c434f4d4523"), 0);
      await exchange(shortFrame(utf8("in")), 0);
    });
    assertEquals(await connection.recvBytes(), utf8("in"));
    await connection.close();
  });
}

Deno.test("Listener tells that a reply is wrong [cpython: OtherTest.test_deliver_challenge_auth_failure]", async () => {
  const refused = play({ authkey: "abc" }, async (exchange) => {
    await exchange(new Uint8Array(0), 63);
    const verdict = await exchange(shortFrame(utf8("something bogus")), 13);
    assertEquals(toHex(verdict), "00000009234641494c55524523");
  });
  await assertRejects(() => refused, AuthenticationError, "digest received was wrong");
});

Deno.test("connect() tells that its reply was refused [cpython: OtherTest.test_answer_challenge_auth_failure]", async () => {
  await using listener = new Listener();
  const connecting = assertRejects(
    () => connect(listener.address, { authkey: "abc" }),
    AuthenticationError,
    "digest sent was rejected",
  );
  await using server = await listener.accept();
  await server.sendBytes(concat(utf8("#CHALLENGE#"), new Uint8Array(20)));
  assertEquals((await server.recvBytes()).length, 16);
  await server.sendBytes(utf8("something bogus"));
  await connecting;
});

Deno.test("Listener refuses HMAC-MD5 when it is told to", async () => {
  await using listener = new Listener(undefined, { authkey: "abc", allowLegacyAuth: false });
  const accepted = assertRejects(() => listener.accept(), AuthenticationError);
  const client = await connect(listener.address);
  assertEquals((await client.recvBytes()).length, 59);
  await client.sendBytes(new Uint8Array(16));
  assertEquals(await client.recvBytes(), utf8("#FAILURE#"));
  await accepted;
  await assertRejects(() => client.recvBytes(), ConnectionLostError);
  await client.close();
});
