import { Hub } from "../../ipc/_hub.ts";
import {
  type Address,
  type Barrier,
  type Connection,
  Listener,
  type Lock,
  type Queue,
} from "../../ipc/mod.ts";

/** What the tests of hostility run in processes of their own. */

/** The key that honest clients have, and attackers who get in. */
export const KEY = "a key that is known";

/** The largest message that the attacked take. */
export const MOST_BYTES = 64 * 1024;

/** What one that is attacked tells of itself. */
export interface State {
  /** What the process has of the machine's memory, in bytes. */
  readonly rss: number;
  /** Connections that are open. */
  readonly open: number;
  /** Connections that were not let in. */
  readonly refused: number;
}

/** Tells the address, and then the state each time it is asked for, until the other side closes. */
async function tell(
  control: Connection<State | Address, unknown>,
  address: Address,
  count: () => Omit<State, "rss">,
): Promise<void> {
  await control.send(address);
  for await (const _ of control) await control.send({ ...count(), rss: Deno.memoryUsage().rss });
}

/** A listener that sends back what it can read. */
export async function attackedListener(
  control: Connection<State | Address, unknown>,
): Promise<void> {
  let open = 0;
  let refused = 0;
  await using listener = new Listener("127.0.0.1:0", {
    authkey: KEY,
    maxMessageBytes: MOST_BYTES,
    onRefused: () => void refused++,
  });
  const serve = async (connection: Connection) => {
    open++;
    await using _connection = connection;
    for (;;) {
      try {
        await connection.send(await connection.recv());
      } catch (error) {
        if (!isOfMessage(error as Error)) break;
      }
    }
    open--;
  };
  const serving = (async () => {
    for await (const connection of listener) void serve(connection);
  })();
  await tell(control, listener.address as Address, () => ({ open, refused }));
  await listener.close();
  await serving;
}

/** Whether an error is about one message, which cannot be read or sent back: the connection goes on. */
function isOfMessage({ message }: Error): boolean {
  return /^Cannot (receive an object|carry|send: the message has)/.test(message);
}

/** A hub with a few methods. */
export async function attackedHub(control: Connection<State | Address, unknown>): Promise<void> {
  let refused = 0;
  const hub = new Hub({
    key: new TextEncoder().encode(KEY),
    maxMessageBytes: MOST_BYTES,
    methods: {
      echo: (_call, value: unknown) => value,
      wait: (call) =>
        new Promise((_, reject) => {
          call.signal.addEventListener("abort", () => reject(call.signal.reason), { once: true });
        }),
      fail: () => {
        throw new TypeError("as was asked for");
      },
    },
    onRefused: () => void refused++,
  });
  const address = hub.listen({ hostname: "127.0.0.1", port: 0 });
  await tell(control, address, () => ({ open: hub.connections, refused }));
  await hub.close("the end of the test");
}

/** Takes a message when it is told to, and tells its length and what memory it has. */
export async function readSlowly(
  messages: Connection<never, unknown>,
  control: Connection<[length: number, rss: number], unknown>,
): Promise<void> {
  await messages.poll({ timeoutMs: 60_000 });
  for await (const wanted of control) {
    let length = 0;
    if (wanted === "take") length = (await messages.recvBytes()).length;
    await control.send([length, Deno.memoryUsage().rss]);
  }
}

/** Reads slowly what comes over a listener. */
export async function listenSlowly(
  control: Connection<[length: number, rss: number] | Address, unknown>,
): Promise<void> {
  await using listener = new Listener<never, unknown>("127.0.0.1:0");
  await control.send(listener.address as Address);
  await using messages = await listener.accept();
  await readSlowly(messages, control);
}

/** Waits for what the other one does not send, and tells how that ended. */
export async function waitForOther(connection: Connection, timeoutMs: number): Promise<string> {
  return await connection.recv({ timeoutMs }).then(() => "came", nameOf);
}

/** Sends what the other one does not receive, tells how that ended, and stays until it is let go. */
export async function sendToOther(
  connection: Connection,
  control: Connection<string, unknown>,
  timeoutMs: number,
): Promise<void> {
  let ended: string | undefined;
  while (ended === undefined) {
    ended = await connection.sendBytes(new Uint8Array(1 << 20), { timeoutMs })
      .then(() => undefined, nameOf);
  }
  await control.send(ended);
  await control.poll({ timeoutMs: 60_000 });
}

/** Gets from a queue into which the other one does not put. */
export async function getFromOther(queue: Queue<number>, timeoutMs: number): Promise<string> {
  return await queue.get({ timeoutMs }).then(() => "came", nameOf);
}

/** Takes one lock, and when everybody has one, wants the other. */
export async function takeBoth(
  first: Lock,
  second: Lock,
  barrier: Barrier,
  timeoutMs: number,
): Promise<boolean> {
  await first.acquire();
  await barrier.wait();
  const isTaken = await second.acquire({ timeoutMs });
  // Not before the other one has its answer.
  await barrier.wait();
  if (isTaken) await second.release();
  await first.release();
  return isTaken;
}

function nameOf(error: Error): string {
  return error.name;
}
