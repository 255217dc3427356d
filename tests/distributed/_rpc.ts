import {
  RpcClient,
  type RpcClientOptions,
  RpcServer,
  type RpcServerOptions,
} from "../../distributed/mod.ts";
import type { Rpc, RpcApi } from "../../distributed/mod.ts";
import { sleep } from "../../coroutine/mod.ts";
import { Gate } from "../support/gate.ts";
import { settle } from "../support/settle.ts";

/** Longer than any test. */
export const LONG_MS = 60_000;

/** The key of servers and clients. */
export const KEY = "a key of the test";

export interface Served<Api> extends AsyncDisposable {
  readonly server: RpcServer;
  readonly client: RpcClient<Api>;
  readonly api: Rpc<Api>;
}

/** A server, and a client of it. */
export async function serve<Api extends RpcApi>(
  api: Api,
  options: RpcServerOptions = {},
  clientOptions: Partial<RpcClientOptions> = {},
): Promise<Served<Api>> {
  const server = new RpcServer(api, { authkey: KEY, ...options });
  try {
    const client = await connect<Api>(server, clientOptions);
    return {
      server,
      client,
      api: client.api,
      async [Symbol.asyncDispose]() {
        await client.close();
        await server.shutdown();
      },
    };
  } catch (error) {
    await server.shutdown();
    throw error;
  }
}

export function connect<Api>(
  server: RpcServer,
  options: Partial<RpcClientOptions> = {},
): Promise<RpcClient<Api>> {
  return RpcClient.connect<Api>({ address: server.address, authkey: KEY, ...options });
}

/** Waits until a condition holds: as long as the two sides have something to tell each other. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await settle();
}

/** A function that waits until it is cancelled, and what became of it. */
export function createWaiter() {
  const started = new Gate();
  const ended = Promise.withResolvers<unknown>();
  const wait = async (): Promise<void> => {
    started.open();
    try {
      await sleep(LONG_MS);
      ended.resolve("not cancelled");
    } catch (error) {
      ended.resolve(error);
      throw error;
    }
  };
  return { wait, started, ended: ended.promise };
}

/** A generator without an end, and what became of it. */
export function createCounter() {
  const closed = new Gate();
  const state = { made: 0 };
  const count = async function* (): AsyncGenerator<number> {
    try {
      for (;;) yield state.made++;
    } finally {
      closed.open();
    }
  };
  return { count, closed, state };
}
