import { SyncManager } from "../../distributed/mod.ts";
import type { Remote } from "../../ipc/mod.ts";
import { pythonAvailable, startPython } from "../support/python.ts";

/** Servers of both languages for the tests of `SyncManager` as a client of Python's. */

const KEY = "a key";

/** What is said instead of tests, where there is no Python. */
export const noPython = !await pythonAvailable();

abstract class Inspector {
  abstract types(): Record<string, string>;
  abstract length(name: string): number;
  abstract append(name: string, item: unknown): void;
  abstract count(): number;
}

/** A dictionary that the server has, and gives to all. */
export abstract class Store {
  abstract get(key: string): unknown;
  abstract update(entries: Record<string, unknown>): void;
}

abstract class Other {
  abstract acquire(): string;
}

/** A client, to which the Python server shows itself from inside. */
export const Client = SyncManager
  .register("inspector", { proxyType: Inspector })
  .register("store", { proxyType: Store })
  .register("Other", { proxyType: Other });

export type Client = InstanceType<typeof Client>;
export type InspectorProxy = Remote<Inspector>;

export interface OpenServer extends AsyncDisposable {
  /** One more client, connected. */
  connect(): Promise<Client>;
  /** Ends the server without a word. */
  kill(): void;
}

/** Starts a SyncManager of Python's. */
export async function openPython(...words: string[]): Promise<OpenServer> {
  const file = new URL("fixtures/python_sync_server.py", import.meta.url);
  const server = await startPython(await Deno.readTextFile(file), { args: [KEY, ...words] });
  const port = Number(/\d+$/.exec(server.ready)![0]);
  const clients: Client[] = [];
  return {
    async connect() {
      const client = new Client({ address: ["127.0.0.1", port], authkey: KEY });
      await client.connect();
      clients.push(client);
      return client;
    },
    kill: () => server.kill("SIGKILL"),
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Starts a SyncManager of this package, in this process. */
export async function openNative(): Promise<AsyncDisposable & { client: SyncManager }> {
  const server = new SyncManager({ address: "127.0.0.1:0", authkey: KEY }).getServer();
  const client = new SyncManager({ address: server.address, authkey: KEY });
  await client.connect();
  return {
    client,
    async [Symbol.asyncDispose]() {
      await client.close();
      await server.shutdown();
    },
  };
}
