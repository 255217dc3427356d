import { decode, encode } from "../../ipc/_encoding.ts";
import { acquireHub, releaseHub } from "../../ipc/_family.ts";
import { connect, type Connection, Listener, pipe, type PipeOptions } from "../../ipc/mod.ts";
import * as certificates from "../distributed/fixtures/tls_certificates.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { settle } from "../support/settle.ts";
import { utf8 } from "./_bytes.ts";

/** Two connections that are joined. */
export interface Pair extends AsyncDisposable {
  // deno-lint-ignore no-explicit-any -- the tests send all sorts of things
  here: Connection<any, any>;
  // deno-lint-ignore no-explicit-any -- the tests send all sorts of things
  there: Connection<any, any>;
}

/** A way to join two connections. */
export interface Way {
  name: string;
  open(options?: Pick<PipeOptions, "maxMessageBytes">): Promise<Pair>;
}

/** A value as it arrives in another process. */
export function cross<T>(value: T): T {
  const { encoding, payload } = encode([value]);
  const bytes = typeof payload === "string" ? utf8(payload) : payload.slice();
  return (decode(encoding, bytes as Uint8Array<ArrayBuffer>) as [T])[0];
}

function pair(here: Pair["here"], there: Pair["there"], ...others: AsyncDisposable[]): Pair {
  return {
    here,
    there,
    async [Symbol.asyncDispose](): Promise<void> {
      await here.close();
      await there.close();
      for (const other of others) await other[Symbol.asyncDispose]();
    },
  };
}

/** How many wait until nothing is lent. */
let watching = 0;

/**
 * Begins to watch what this process lends. A process learns a moment later that others have closed what they had of
 * it, which would be in the next test.
 *
 * @returns Waits until nothing is lent any more; the last one who watches does.
 */
function watchLending(): () => Promise<void> {
  const hub = acquireHub();
  watching++;
  return async () => {
    const isLast = --watching === 0;
    const released = (async () => {
      while (isLast && hub.users > 1) await settle();
    })();
    await guard(released, () => "the end of what was lent");
    await releaseHub(hub);
  };
}

/** A test in which ends of pipes go to other processes. It ends when this one has noticed that they came back. */
export function pipeTest(name: string, fn: () => Promise<void>): void {
  leakTest(name, async () => {
    const endLending = watchLending();
    await fn();
    await endLending();
  });
}

/** A pair of which ends crossed, in one process that is the maker of the pipe and those who have its ends. */
async function openCrossed(open: () => Promise<Pick<Pair, "here" | "there">>): Promise<Pair> {
  const endLending = watchLending();
  const { here, there } = await open();
  return pair(here, there, { [Symbol.asyncDispose]: endLending });
}

async function overListener(listener: Listener, options: object): Promise<Pair> {
  const [here, there] = await Promise.all([listener.accept(), connect(listener.address, options)]);
  return pair(here, there, listener);
}

async function overTls(options: object): Promise<Pair> {
  const listener = new Listener("127.0.0.1:0", { ...options, tls: certificates.server });
  const tls = { caCerts: [certificates.authority.cert] };
  const [here, there] = await Promise.all([
    listener.accept(),
    connect(listener.address, { ...options, tls }),
  ]);
  return pair(here, there, listener);
}

const isWindows = Deno.build.os === "windows";

/** All ways to join two connections that this system has. */
export const WAYS: Way[] = [
  {
    name: "Connection of a pipe in one process",
    open: (options) => Promise.resolve(pair(...pipe(options))),
  },
  {
    name: "Connection of a pipe to another process",
    open: (options) =>
      openCrossed(async () => {
        const [here, end] = pipe(options);
        const there = cross(end);
        await end.close();
        return { here, there };
      }),
  },
  {
    name: "Connection of a pipe between two other processes",
    open: (options) =>
      openCrossed(async () => {
        const ends = pipe(options);
        const [here, there] = [cross(ends[0]), cross(ends[1])];
        for (const end of ends) await end.close();
        return { here, there };
      }),
  },
  {
    name: "Connection over TCP",
    open: (options = {}) => overListener(new Listener("127.0.0.1:0", options), options),
  },
  {
    name: "Connection over TCP with a key",
    open: (options = {}) => {
      const withKey = { ...options, authkey: "key" };
      return overListener(new Listener("127.0.0.1:0", withKey), withKey);
    },
  },
  {
    name: "Connection over TLS",
    open: (options = {}) => overTls(options),
  },
  {
    name: "Connection over TLS with a key",
    open: (options = {}) => overTls({ ...options, authkey: "key" }),
  },
  ...(isWindows ? [] : [{
    name: "Connection over a Unix socket",
    open: (options = {}) =>
      overListener(new Listener(undefined, { family: "AF_UNIX", ...options }), options),
  }]),
  {
    name: "Connection over a message port",
    async open(options): Promise<Pair> {
      const { port1, port2 } = new MessageChannel();
      return pair(await connect(port1, options), await connect(port2, options));
    },
  },
];

/** Bytes that are different at each place. */
export function pattern(length: number, seed = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i * 31 + (i >> 8) + seed;
  return bytes;
}
