import { TaskQueue } from "../../distributed/mod.ts";
import type { NatsOptions } from "../../distributed/engines/nats_options.ts";
import {
  type NatsEngine,
  natsEngine,
  type NatsEngineOptions,
} from "../../distributed/engines/nats_engine.ts";
import { type NatsServer, startNatsServer } from "../support/nats_server.ts";

/** What the queue of a test is called. */
export const QUEUE = "tests";

type Queue = TaskQueue<unknown, unknown>;

/** A server, and programs that use one queue on it, each with a connection of its own. */
export interface OpenedServer extends AsyncDisposable {
  readonly server: NatsServer;
  /** An engine with a connection of its own. */
  engine(name: string, options?: NatsEngineOptions, connection?: Partial<NatsOptions>): NatsEngine;
  /** A queue with a connection of its own. */
  queue(name: string, options?: NatsEngineOptions): Queue;
}

/** Starts a server for one test, with a queue. */
export async function openServer(options: NatsEngineOptions = {}): Promise<OpenedServer> {
  const stack = new AsyncDisposableStack();
  const server = stack.use(await startNatsServer());
  const engine: OpenedServer["engine"] = (name, more = {}, connection = {}) =>
    stack.use(
      natsEngine({ servers: server.url, name, ...connection }, { queue: QUEUE, ...more }),
    );
  // Who creates it decides what it is like.
  await engine("owner", options).qsize();
  return {
    server,
    engine,
    queue: (name, more) =>
      stack.use(new TaskQueue<unknown, unknown>({ engine: engine(name, more) })),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
