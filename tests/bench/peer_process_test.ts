import { assertEquals, assertRejects } from "@std/assert";
import { type PeerCommand, PeerProcess } from "../../bench/peer_process.ts";
import { pythonPeer } from "../../bench/python_peer.ts";
import { leakTest } from "../support/leaks.ts";
import { pythonAvailable } from "../support/python.ts";

const PROGRAM = new URL("./fixtures/peer_program.ts", import.meta.url).href;

function peerProgram(manner: string): PeerCommand {
  return { program: Deno.execPath(), args: ["run", PROGRAM, manner] };
}

leakTest("PeerProcess stays alive over its rounds and names its versions", async () => {
  const peer = await PeerProcess.start(peerProgram("behaves"));
  try {
    assertEquals(peer.versions, { fake: "1.2.3" });
    assertEquals(await peer.round(), { seconds: 0.5, operations: 10 });
    assertEquals(await peer.round(), { seconds: 0.5, operations: 10 });
  } finally {
    await peer.end();
  }
});

leakTest("PeerProcess.end() is a no-op the second time", async () => {
  const peer = await PeerProcess.start(peerProgram("behaves"));
  await peer.end();
  await peer.end();
});

leakTest(
  "PeerProcess.start() rejects and leaves nothing when the program ends at once",
  async () => {
    await assertRejects(
      () => PeerProcess.start(peerProgram("exits at once")),
      Error,
      "ended with exit code 3 before it answered",
    );
  },
);

leakTest("PeerProcess.round() rejects when the program ends in the round", async () => {
  const peer = await PeerProcess.start(peerProgram("exits in a round"));
  try {
    await assertRejects(() => peer.round(), Error, "ended with exit code 4 before it answered");
  } finally {
    await peer.end();
  }
});

leakTest("PeerProcess.round() rejects with the error that the program reports", async () => {
  const peer = await PeerProcess.start(peerProgram("reports an error"));
  try {
    await assertRejects(() => peer.round(), Error, "The peer program says: wrong sum");
  } finally {
    await peer.end();
  }
});

leakTest("pythonPeer() runs a program of bench/peers and ends it", async () => {
  const peer = pythonPeer({
    name: "asyncio.Queue",
    goal: 3,
    program: "asyncio_queue.py",
    args: ["seq"],
  });
  assertEquals(await peer.unavailable?.(), undefined);
  await peer.setup?.();
  try {
    const { operations } = await peer.run();
    assertEquals(operations % 100_000, 0);
    assertEquals(Object.keys(peer.versions?.() ?? {}), ["python"]);
  } finally {
    await peer.teardown?.();
  }
}, { ignore: !await pythonAvailable() });
