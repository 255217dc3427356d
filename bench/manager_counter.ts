/**
 * What the manager scenarios share: a contestant that calls a counter in a server process.
 *
 * @module
 */

import type { TlsOptions } from "../ipc/mod.ts";
import { type Contestant, expectResult, measure } from "./harness.ts";
import { CounterManager } from "./subjects/counter.ts";

/** What is called, and how. */
export interface CounterCallsOptions {
  /** How many calls are in flight at a time. */
  readonly lanes: number;
  /** How many calls each lane makes, one after another. */
  readonly callsPerLane: number;
  /** Encrypts the connection. @default {undefined} */
  readonly tls?: TlsOptions | undefined;
}

/** The part of the counter's proxy that is called. */
interface RemoteCounter {
  add(k: number): Promise<number>;
}

/**
 * Makes the contestant: its manager's server runs in a child process and listens on loopback TCP;
 * all calls go over one connection.
 *
 * @param options How many lanes of how many calls.
 * @returns The contestant.
 */
export function counterCalls(options: CounterCallsOptions): Contestant {
  let manager: InstanceType<typeof CounterManager> | undefined;
  let counter: RemoteCounter | undefined;
  return {
    name: options.tls === undefined ? "distributed.BaseManager" : "BaseManager with tls",
    async setup(): Promise<void> {
      manager = new CounterManager({
        address: "127.0.0.1:0",
        authkey: "bench",
        module: new URL("./subjects/counter.ts", import.meta.url),
        tls: options.tls,
      });
      await manager.start();
      counter = await manager.counter();
    },
    run() {
      const target = counter;
      if (target === undefined) throw new Error("Cannot call the counter: it was not set up");
      return measure(() => callAll(target, options));
    },
    async teardown(): Promise<void> {
      await manager?.[Symbol.asyncDispose]();
      manager = undefined;
    },
  };
}

/** One pass: every lane calls `add(1)`, and the count must have grown by the number of calls. */
async function callAll(counter: RemoteCounter, options: CounterCallsOptions): Promise<number> {
  const { lanes, callsPerLane } = options;
  const calls = lanes * callsPerLane;
  const before = await counter.add(0);
  await Promise.all(Array.from({ length: lanes }, async () => {
    for (let call = 0; call < callsPerLane; call++) await counter.add(1);
  }));
  expectResult("the count", await counter.add(0) - before, calls);
  return calls;
}
