import { assert, assertEquals, assertRejects } from "@std/assert";
import { QueueEmptyError, TimeoutError } from "../../coroutine/mod.ts";
import { readKey } from "../../ipc/_authentication.ts";
import { connectSession } from "../../ipc/_connect.ts";
import {
  type Address,
  Barrier,
  connect,
  type Connection,
  Lock,
  pipe,
  Queue,
} from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { guard } from "../support/guard.ts";
import { pipeTest } from "../ipc/_connections.ts";
import {
  attack,
  type Below,
  comeAndGo,
  createBelow,
  type Door,
  mutatedHandshake,
  mutatedMessage,
  mutatedRequest,
} from "./_ipc_attack.ts";
import {
  attackedHub,
  attackedListener,
  getFromOther,
  KEY,
  listenSlowly,
  readSlowly,
  sendToOther,
  type State,
  takeBoth,
  waitForOther,
} from "./ipc_hostility_targets.ts";

const MODULE = new URL("ipc_hostility_targets.ts", import.meta.url);
const SEED = 60_606;
const MIB = 1024 * 1024;

/** How many changed frames are sent to each door; the long run is of 100,000 (200,000 together). */
const FRAMES = Number(Deno.env.get("IPC_FUZZ_FRAMES") ?? 2_500);
/** How many connections come and go at each door; the long run is of 10,000, within ten seconds. */
const VISITS = Number(Deno.env.get("IPC_VISITS") ?? 600);

/**
 * By how much the memory of one that is attacked may grow, from the first tenth of an attack on. It goes up and down:
 * what counts is the least that it has after each third of the rest.
 */
const MOST_GROWTH = 128 * MIB;
const PARTS = [0.3, 0.3, 0.3];
/** The memory of one whose reader takes nothing, above what it had before. */
const MOST_WAITING = 48 * MIB;
const LANES = 4;

// The doors

/** One that is attacked, in a process of its own. */
interface Attacked extends AsyncDisposable {
  readonly address: Address;
  readonly process: Process;
  /** What it tells of itself. */
  state(): Promise<State>;
  /** How many files it has open, where the system tells. */
  files(): number;
}

async function startAttacked(door: Door): Promise<Attacked> {
  const [control, theirs] = pipe<unknown, State | Address>();
  const child = new Process({
    module: MODULE,
    target: door === "hub" ? attackedHub : attackedListener,
    args: [theirs as unknown as Connection<State | Address, unknown>],
    permissions: { net: ["127.0.0.1"] },
    memoryLimitMb: 256,
  });
  await child.start();
  const address = await control.recv() as Address;
  return {
    address,
    process: child as unknown as Process,
    async state(): Promise<State> {
      await control.send("state");
      return await guard(control.recv(), () => "the state of the attacked") as State;
    },
    files() {
      if (Deno.build.os !== "linux") return 0;
      return [...Deno.readDirSync(`/proc/${child.pid}/fd`)].length;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await control.close();
      await theirs.close();
      await guard(child.join(), () => "the attacked to end");
      assertEquals(child.exitCode, 0);
    },
  };
}

/** An honest client: what it sends comes back. */
interface Client extends AsyncDisposable {
  echo(value: unknown): Promise<unknown>;
}

async function openClient(door: Door, address: Address): Promise<Client> {
  if (door === "hub") {
    const { session, root } = await connectSession(address, { key: readKey(KEY) });
    return {
      echo: (value) => session.call(root, "echo", [value]),
      [Symbol.asyncDispose]: () => session.close(),
    };
  }
  const connection = await connect<unknown>(address, { authkey: KEY });
  return {
    async echo(value): Promise<unknown> {
      await connection.send(value);
      return await connection.recv();
    },
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

/** Uses the door until the attack ends: over one connection that stays, and over new ones. */
async function beHonest(door: Door, address: Address, ended: AbortSignal): Promise<number> {
  await using lasting = await openClient(door, address);
  let count = 0;
  while (!ended.aborted || count < 10) {
    await using client = count % 10 === 0 ? await openClient(door, address) : undefined;
    for (const { echo } of client === undefined ? [lasting] : [lasting, client]) {
      const value = { count, text: "x".repeat(count % 1000) };
      assertEquals(await guard(echo(value), () => `the answer to honest call ${count}`), value);
    }
    count++;
  }
  return count;
}

/** Attacks over several connections at a time. */
async function inLanes(times: number, act: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: LANES }, async () => {
    while (next < times) await act(next++);
  }));
}

/** An attack with so many frames, and what goes on beside it and is left after it. */
async function withHonest(
  door: Door,
  act: (attacked: Attacked, part: number) => Promise<void>,
): Promise<void> {
  await using attacked = await startAttacked(door);
  const ended = new AbortController();
  const honest = beHonest(door, attacked.address, ended.signal);
  honest.catch(() => {});
  let before: State;
  let filesBefore: number;
  let least = Infinity;
  try {
    await act(attacked, 0.1);
    before = await attacked.state();
    filesBefore = attacked.files();
    for (const part of PARTS) {
      await act(attacked, part);
      least = Math.min(least, (await attacked.state()).rss);
    }
  } finally {
    ended.abort();
  }
  await honest;
  const after = await attacked.state();
  const growth = least - before.rss;
  assert(growth < MOST_GROWTH, `the memory of the ${door} grew by ${growth} bytes`);
  assert(attacked.files() < filesBefore + 8, `${attacked.files()} files, ${filesBefore} before`);
  assert(after.open <= 2, `${after.open} connections are open`);
  await using client = await openClient(door, attacked.address);
  assertEquals(await guard(client.echo("after"), () => "the answer after the attack"), "after");
}

// Changed frames and handshakes

async function sendFrames(
  door: Door,
  address: Address,
  frames: number,
  below: Below,
): Promise<void> {
  // Handshakes are a fifth, two frames each. A session ends at what it cannot read, a connection rarely does.
  const [make, perConnection] = door === "hub" ? [mutatedRequest, 5] : [mutatedMessage, 50];
  await inLanes(Math.ceil(frames / 10), () => attack(address, undefined, mutatedHandshake(below)));
  await inLanes(Math.ceil(frames * 0.8 / perConnection), () => {
    const batch = Array.from({ length: perConnection }, () => make(below));
    return attack(address, door, batch);
  });
}

for (const [door, name] of [["listener", "Listener"], ["hub", "Hub"]] as const) {
  pipeTest(
    `${name} outlives changed frames and handshakes, and serves honest clients`,
    async () => {
      const below = createBelow(SEED);
      await withHonest(door, async ({ address }, part) => {
        await sendFrames(door, address, FRAMES * part, below);
      });
    },
  );

  pipeTest(`${name} outlives a thousand connections a second that come and go`, async () => {
    await withHonest(door, async ({ address }, part) => {
      const visits = VISITS * part;
      const begin = performance.now();
      await inLanes(visits, (n) => comeAndGo(address, door, n % 4));
      const seconds = (performance.now() - begin) / 1000;
      if (VISITS >= 10_000) console.log(`${door}: ${(visits / seconds).toFixed(0)} a second`);
    });
  });
}

// Slow readers

/** Sends until it has to wait; the writer of a reader that takes nothing. */
async function fillUp(connection: Connection): Promise<number> {
  const bytes = new Uint8Array(MIB);
  for (let sent = 0;; sent++) {
    try {
      await connection.sendBytes(bytes, { timeoutMs: 300 });
    } catch (error) {
      assert(error instanceof TimeoutError, String(error));
      return sent;
    }
    assert(sent < 200, "the writer never waits");
  }
}

for (const way of ["pipe", "TCP"] as const) {
  pipeTest(
    `Connection over ${way} lets its writer wait for a slow reader, in bounded memory`,
    async () => {
      const [control, theirs] = pipe<unknown>();
      const [here, there] = pipe<unknown>();
      await using child = new Process({
        module: MODULE,
        ...(way === "pipe"
          ? { target: readSlowly as () => unknown, args: [there, theirs] as never }
          : { target: listenSlowly as () => unknown, args: [theirs] as never }),
        permissions: { net: ["127.0.0.1"] },
      });
      await child.start();
      const messages = way === "pipe"
        ? here
        : await connect<unknown>(await control.recv() as Address);
      const ask = async (what: string) => {
        await control.send(what);
        return await guard(control.recv(), () => "the reader to answer") as [number, number];
      };
      await messages.sendBytes(new Uint8Array(1));
      const [, before] = await ask("state");
      const mine = Deno.memoryUsage().rss;
      const sent = await fillUp(messages);
      const [, after] = await ask("state");
      assert(after - before < MOST_WAITING, `the reader has ${after - before} bytes more`);
      const growth = Deno.memoryUsage().rss - mine;
      assert(growth < MOST_WAITING, `the writer has ${growth} bytes more`);
      assertEquals((await ask("take"))[0], 1);
      for (let taken = 0; taken < sent; taken++) assertEquals((await ask("take"))[0], MIB);
      await messages.close();
      for (const end of [here, there, control, theirs]) await end.close();
      await child.join();
    },
  );
}

// Two that wait for each other

const WAIT_MS = 200;

pipeTest(
  "Connection.recv() ends by its timeout in two processes that wait for each other",
  async () => {
    const [one, two] = pipe<unknown>();
    await using child = new Process({ module: MODULE, target: waitForOther, args: [two, WAIT_MS] });
    await child.start();
    await assertRejects(() => one.recv({ timeoutMs: WAIT_MS }), TimeoutError);
    assertEquals(await child.result(), "TimeoutError");
    await one.close();
    await two.close();
  },
);

pipeTest("Connection.send() ends by its timeout in two processes that both only send", async () => {
  const [one, two] = pipe<unknown>();
  const [control, theirs] = pipe<unknown, string>();
  await using child = new Process({
    module: MODULE,
    target: sendToOther,
    args: [two, theirs, WAIT_MS],
  });
  await child.start();
  await fillUp(one);
  assertEquals(await guard(control.recv(), () => "the other one to give up"), "TimeoutError");
  await control.close();
  await child.join();
  for (const end of [one, two, theirs]) await end.close();
});

pipeTest("Queue.get() ends by its timeout in two processes that wait for each other", async () => {
  await using mine = new Queue<number>();
  await using yours = new Queue<number>();
  await using child = new Process({ module: MODULE, target: getFromOther, args: [yours, WAIT_MS] });
  await child.start();
  await assertRejects(() => mine.get({ timeoutMs: WAIT_MS }), QueueEmptyError);
  assertEquals(await child.result(), "QueueEmptyError");
});

pipeTest(
  "Lock.acquire() ends by its timeout in two processes that want each other's lock",
  async () => {
    await using first = new Lock();
    await using second = new Lock();
    await using barrier = new Barrier(2);
    await using child = new Process({
      module: MODULE,
      target: takeBoth,
      args: [first, second, barrier, WAIT_MS],
    });
    await child.start();
    assertEquals(await takeBoth(second, first, barrier, WAIT_MS), false);
    assertEquals(await child.result(), false);
  },
);
