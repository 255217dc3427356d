import { waitWithin } from "../coroutine/_wait_within.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { formatAddress, type TlsOptions } from "../ipc/mod.ts";
import { type Arguments, type OptionSpec, UsageError } from "./_cli_arguments.ts";
import { BaseManager } from "./base_manager.ts";
import { ENGINE_OPTIONS, EngineConnection, type EnginePlace, readEngine } from "./_cli_engine.ts";
import { TaskFailure } from "./_cli_errors.ts";
import { readFile } from "./_cli_files.ts";
import { CLIENT_TLS_OPTIONS, readClientTls, readServerTls } from "./_cli_tls.ts";
import type { StatusReport } from "./status.ts";
import { EngineUnavailableError } from "./task_errors.ts";
import { TaskQueue } from "./task_queue.ts";

/** The variable that has the key. */
const KEY_VARIABLE = "MANYHANDS_AUTHKEY";

export const DEFAULT_HOST = "127.0.0.1";
export const DEFAULT_PORT = 5000;

/** The queue that is meant when none is named. */
export const DEFAULT_QUEUE = "tasks";

/** Options of every command. */
export const PLACE_OPTIONS: readonly OptionSpec[] = [
  { name: "host", value: "NAME", help: `host name or IP address (default ${DEFAULT_HOST})` },
  { name: "port", value: "N", help: `port (default ${DEFAULT_PORT})` },
  {
    name: "authkey-file",
    value: "FILE",
    help:
      `file that has the key; a line break at its end does not count (default: the key is in the ` +
      `variable ${KEY_VARIABLE})`,
  },
];

/** Options of every command but `serve`. */
export const CONNECTION_OPTIONS: readonly OptionSpec[] = [
  ...PLACE_OPTIONS,
  ...CLIENT_TLS_OPTIONS,
  ...ENGINE_OPTIONS,
];

/** Options of commands that use one queue. */
export const QUEUE_OPTION: OptionSpec = {
  name: "queue",
  value: "NAME",
  help: `which queue of the server (default "${DEFAULT_QUEUE}")`,
};

/** How long a server may take to prove the key. */
const CONNECT_MS = 10_000;

/** Where the server is, and the key to it. */
export interface Place {
  readonly address: { readonly hostname: string; readonly port: number };
  readonly authkey: string;
  /** How the connection is encrypted, if it is. */
  readonly tls: TlsOptions | undefined;
}

/** Where the queues are: at a manager, or on an engine. */
export type AnyPlace =
  | { readonly manager: Place; readonly engine?: undefined }
  | { readonly manager?: undefined; readonly engine: EnginePlace };

/**
 * Reads where the server is, for a client of it.
 *
 * @throws {UsageError} When there is no key.
 */
export async function readPlace(args: Arguments): Promise<AnyPlace> {
  const engine = await readEngine(args, readClientTls);
  if (engine !== undefined) return { engine };
  return { manager: { tls: await readClientTls(args), ...await readAddress(args) } };
}

/** Where it is, for people. */
export function describePlace({ manager, engine }: AnyPlace): string {
  return engine === undefined ? formatAddress(manager.address) : engine.place;
}

/**
 * Reads where the server is, for itself.
 *
 * @throws {UsageError} When there is no key.
 */
export async function readOwnPlace(args: Arguments): Promise<Place> {
  return { tls: await readServerTls(args), ...await readAddress(args) };
}

async function readAddress(args: Arguments): Promise<Omit<Place, "tls">> {
  const hostname = args.text("host") ?? DEFAULT_HOST;
  const port = args.count("port", { least: 0, most: 65_535 }) ?? DEFAULT_PORT;
  return { address: { hostname, port }, authkey: await readKey(args.text("authkey-file")) };
}

async function readKey(file: string | undefined): Promise<string> {
  if (file === undefined) {
    const key = Deno.env.get(KEY_VARIABLE);
    if (key) return key;
    throw new UsageError(
      `There is no key: set the variable ${KEY_VARIABLE}, or name a file with --authkey-file`,
    );
  }
  const text = await readFile("authkey-file", file);
  const key = text.replace(/\r?\n$/, "");
  if (key === "") throw new UsageError(`The file "${file}", which --authkey-file names, is empty`);
  return key;
}

/** What the server of `serve` lends. */
const Client = BaseManager
  .register("getTasks", { proxyType: TaskQueue<unknown> })
  .register("getStatus", { callable: getStatus })
  .register("ping", { callable: () => undefined });

// Only its type is used on this side.
function getStatus(): StatusReport {
  throw new Error("The server answers this");
}

/** A connection to a server of task queues. */
export class Connection implements AsyncDisposable {
  readonly place: string;
  readonly #manager: InstanceType<typeof Client>;

  constructor(manager: InstanceType<typeof Client>, place: string) {
    this.#manager = manager;
    this.place = place;
  }

  /** Connects, and proves the key. */
  static async open(
    { manager: where, engine }: AnyPlace,
    { signal, timeoutMs = CONNECT_MS }: WaitOptions = {},
  ): Promise<Connection | EngineConnection> {
    if (engine !== undefined) {
      const connection = new EngineConnection(engine, DEFAULT_QUEUE);
      // As for a manager: what is wrong shows now.
      try {
        await waitWithin(connection.ping(), { signal, timeoutMs }, () => {
          throw new EngineUnavailableError(`Nobody answers at ${engine.place}`);
        });
      } catch (error) {
        await connection[Symbol.asyncDispose]();
        throw error;
      }
      return connection;
    }
    const manager = new Client(where);
    const place = formatAddress(where.address);
    try {
      await manager.connect({ signal, timeoutMs });
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      throw new EngineUnavailableError(`Nobody answers at ${place}`);
    }
    return new Connection(manager, place);
  }

  /** One of its queues. */
  async queue(name: string | undefined): Promise<TaskQueue<unknown>> {
    const which = name === undefined ? [] : [name];
    try {
      return await TaskQueue.over(await this.#manager.getTasks(...which));
    } catch (error) {
      if (!isUnknownName(error)) throw error;
      throw new TaskFailure(`The manager on ${this.place} has no task queues`);
    }
  }

  /** What it tells of itself; a pool or a manager of somebody else has at least a queue. */
  async status(): Promise<StatusReport> {
    try {
      return await this.#manager.getStatus();
    } catch (error) {
      if (!isUnknownName(error)) throw error;
    }
    await using queue = await this.queue(undefined);
    return { uptimeMs: 0, queues: { [DEFAULT_QUEUE]: await queue.statistics() }, pools: {} };
  }

  /** A round trip; a server that does not know the word answers as well. */
  async ping(): Promise<void> {
    try {
      await this.#manager.ping();
    } catch (error) {
      if (!isUnknownName(error)) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#manager.close();
  }
}

/** Whether the other side has nothing registered under a name. */
function isUnknownName(error: unknown): boolean {
  const { name, message } = error as Error;
  // Python's managers answer the second one.
  return name === "TypeError" && message.startsWith('Cannot create "') ||
    name === "RemoteError" && message.startsWith("KeyError: ");
}
