import { assertEquals } from "@std/assert";
import { type Address, connect, Listener } from "../../ipc/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { startPython } from "../support/python.ts";
import { noPython } from "./python_sync_servers.ts";

/** The handshake with Pythons of all ages, forced in both directions, and each way in which it can fail. */

if (noPython) {
  console.warn("python_handshake_test: there is no python3, so nothing is tested with it");
}

const KEY = "abc";

function startPeer(...args: string[]): ReturnType<typeof startPython> {
  const file = new URL("fixtures/python_handshake.py", import.meta.url);
  return Deno.readTextFile(file).then((script) => startPython(script, { args }));
}

type Side = Awaited<ReturnType<typeof connect>>;

/** What this side makes of the other one: the message that it got, or the class of the error. */
async function outcome(opened: Promise<Side>): Promise<string> {
  try {
    await using connection = await opened;
    const message = new TextDecoder().decode(await connection.recvBytes());
    await connection.sendBytes(new TextEncoder().encode("bye"));
    return message;
  } catch (error) {
    return (error as Error).name;
  }
}

/** What each side says: Python first, then this one. */
const AS_LISTENER: Readonly<Record<string, readonly [python: string, here: string]>> = {
  old: ["#WELCOME# right bye", "hello"],
  sha256: ["#WELCOME# right bye", "hello"],
  md5: ["#WELCOME# right bye", "hello"],
  sha384: ["#WELCOME# right bye", "hello"],
  "reply: a wrong reply": ["#FAILURE# (end)", "AuthenticationError"],
  "reply: a short reply": ["#FAILURE# (end)", "AuthenticationError"],
  // More than anybody has to read before the key is proved: it is hung up on.
  "reply: 300 bytes": ["(end) (end)", "ProtocolError"],
  "challenge: 19 bytes": ["#WELCOME# (end)", "AuthenticationError"],
  "challenge: no tag": ["#WELCOME# (end)", "ProtocolError"],
  "challenge: an unknown digest": ["#WELCOME# (end)", "AuthenticationError"],
  "challenge: 300 bytes": ["#WELCOME# (end)", "ProtocolError"],
  refuses: ["#WELCOME# right (end)", "AuthenticationError"],
  "leaves at once": ["#CHALLENGE# (end)", "ConnectionLostError"],
  "leaves after its reply": ["#WELCOME# (end)", "ConnectionLostError"],
  "leaves after its challenge": ["#WELCOME# right (end)", "ConnectionLostError"],
};

leakTest("Listener shakes hands with every Python, or fails as is due", async () => {
  await using listener = new Listener("127.0.0.1:0", { authkey: KEY });
  const { port } = listener.address as Address;
  await using python = await startPeer("client", String(port));
  for (const [name, [theirs, ours]] of Object.entries(AS_LISTENER)) {
    assertEquals([name, await outcome(listener.accept())], [name, ours]);
    assertEquals(await python.nextLine(), `${name}: ${theirs}`);
  }
  assertEquals((await python.status).code, 0);
}, { ignore: noPython });

const AS_CLIENT: Readonly<Record<string, readonly [python: string, here: string]>> = {
  old: ["right #WELCOME# bye", "hello"],
  sha256: ["right #WELCOME# bye", "hello"],
  md5: ["right #WELCOME# bye", "hello"],
  sha384: ["right #WELCOME# bye", "hello"],
  "challenge: 19 bytes": ["(end)", "AuthenticationError"],
  "challenge: no tag": ["(end)", "ProtocolError"],
  "challenge: an unknown digest": ["(end)", "AuthenticationError"],
  "challenge: 300 bytes": ["(end)", "ProtocolError"],
  refuses: ["right (end)", "AuthenticationError"],
  "reply: a wrong reply": ["right #FAILURE# (end)", "AuthenticationError"],
  "reply: a short reply": ["right #FAILURE# (end)", "AuthenticationError"],
  "reply: 300 bytes": ["right (end) (end)", "ProtocolError"],
  "leaves at once": ["(end)", "ConnectionLostError"],
  "leaves after its challenge": ["right (end)", "ConnectionLostError"],
  "leaves after its welcome": ["right #CHALLENGE# (end)", "ConnectionLostError"],
};

leakTest("connect() shakes hands with every Python, or fails as is due", async () => {
  await using python = await startPeer("server");
  const address = { hostname: "127.0.0.1", port: Number(python.ready) };
  for (const [name, [theirs, ours]] of Object.entries(AS_CLIENT)) {
    assertEquals([name, await outcome(connect(address, { authkey: KEY }))], [name, ours]);
    assertEquals(await python.nextLine(), `${name}: ${theirs}`);
  }
  assertEquals((await python.status).code, 0);
}, { ignore: noPython });

leakTest("Listener and connect() without MD5 refuse Pythons before 3.12", async () => {
  await using listener = new Listener("127.0.0.1:0", { authkey: KEY, allowLegacyAuth: false });
  await using client = await startPeer("client", String((listener.address as Address).port));
  assertEquals(await outcome(listener.accept()), "AuthenticationError");
  assertEquals(await client.nextLine(), "old: #FAILURE#");
  assertEquals(await outcome(listener.accept()), "hello");
  assertEquals(await client.nextLine(), "sha256: #WELCOME# right bye");

  await using server = await startPeer("server");
  const address = { hostname: "127.0.0.1", port: Number(server.ready) };
  const options = { authkey: KEY, allowLegacyAuth: false };
  assertEquals(await outcome(connect(address, options)), "AuthenticationError");
}, { ignore: noPython });
