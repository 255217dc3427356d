import { InvalidStateError } from "../coroutine/errors.ts";
import type { TlsOptions } from "../ipc/mod.ts";
import { type Arguments, type OptionSpec, UsageError } from "./_cli_arguments.ts";
import { TaskFailure } from "./_cli_errors.ts";
import { readFile } from "./_cli_files.ts";
import { fromJson } from "./_cli_json.ts";
import type { TaskEngine } from "./engine.ts";
import type { StatusReport } from "./status.ts";
import { TaskQueue } from "./task_queue.ts";

/** The variable that has the login. */
const LOGIN_VARIABLE = "MANYHANDS_ENGINE_LOGIN";

/** What a login can consist of. */
const LOGIN_FIELDS = ["token", "user", "password", "nkeySeed", "inboxPrefix"] as const;

/** Options of every command. */
export const ENGINE_OPTIONS: readonly OptionSpec[] = [
  {
    name: "engine",
    value: "URL",
    help: "use queues on NATS, as nats://10.0.0.7:4222; several servers with commas between them",
  },
  {
    name: "engine-login",
    value: "FILE",
    help: `file with the login to that, as JSON: {"token": T}, {"user": U, "password": P} or ` +
      `{"nkeySeed": S} (default: the variable ${LOGIN_VARIABLE}, or none)`,
  },
];

/** What a queue is to be like when it is created. */
export interface EngineSettings {
  readonly maxSize?: number | undefined;
  readonly leaseMs?: number | undefined;
  readonly maxDeadLetters?: number | undefined;
  readonly replicas?: number | undefined;
  readonly priorities?: readonly number[] | undefined;
}

/** Where the queues are, when no manager has them. */
export interface EnginePlace {
  /** For people. */
  readonly place: string;
  readonly login: Readonly<Record<string, unknown>>;
}

/**
 * Reads where the engine is; `undefined` when none is named.
 *
 * @throws {UsageError} When the login makes no sense.
 */
export async function readEngine(
  args: Arguments,
  readTls: (args: Arguments) => Promise<TlsOptions | undefined>,
): Promise<EnginePlace | undefined> {
  const url = args.text("engine");
  const file = args.text("engine-login");
  if (url === undefined) {
    if (file !== undefined) throw new UsageError("Option --engine-login needs --engine");
    return undefined;
  }
  if (url.includes("@")) {
    throw new UsageError(
      "Option --engine must not hold a login: everybody on this machine can read the arguments of a program. " +
        `Put it into a file (--engine-login FILE) or into the variable ${LOGIN_VARIABLE}`,
    );
  }
  for (const name of ["host", "port", "authkey-file"]) {
    if (args.text(name) !== undefined) {
      throw new UsageError(`Option --${name} is for managers, not for --engine`);
    }
  }
  const servers = url.split(",");
  for (const server of servers) {
    if (!/^(nats|tls):\/\/[^/\s]+$/.test(server)) {
      throw new UsageError(`Option --engine is "${server}", must be nats://HOST:PORT`);
    }
  }
  const tls = await readTls(args);
  const login = await readLogin(file);
  return { place: url, login: { servers, ...login, ...tls === undefined ? {} : { tls } } };
}

async function readLogin(file: string | undefined): Promise<Record<string, unknown>> {
  const text = file === undefined ? readVariable() : await readFile("engine-login", file);
  if (text === undefined) return {};
  const where = file === undefined ? `The variable ${LOGIN_VARIABLE}` : `The file "${file}"`;
  const login = fromJson(text.trim(), where) as Record<string, unknown> | null;
  const fields = Object.entries(login ?? {});
  const isLogin = typeof login === "object" && fields.length > 0 &&
    fields.every(([name, value]) =>
      LOGIN_FIELDS.some((field) => field === name) && typeof value === "string"
    );
  if (isLogin) return login!;
  throw new UsageError(
    `${where} must hold a JSON object of texts: ${LOGIN_FIELDS.join(", ")}`,
  );
}

/** What is not permitted to be read is not there: most engines of one machine need no login. */
function readVariable(): string | undefined {
  const descriptor = { name: "env", variable: LOGIN_VARIABLE } as const;
  if (Deno.permissions.querySync(descriptor).state !== "granted") return undefined;
  return Deno.env.get(LOGIN_VARIABLE) || undefined;
}

/** Makes the engine of one queue. Only now its client is loaded. */
export async function openEngine(
  { login }: EnginePlace,
  queue: string,
  options: EngineSettings & { create: boolean; patienceMs?: number | undefined },
): Promise<TaskEngine & { reopen(): Promise<void> }> {
  const { natsEngine } = await import("./engines/nats_engine.ts");
  return natsEngine(login as { servers: string[] }, { queue, ...options });
}

/** Says in the words of the command line that there is no such queue. */
export function explainMissing(error: unknown, { place }: EnginePlace, queue: string): unknown {
  if (!(error instanceof InvalidStateError) || !error.message.includes("there is none")) {
    return error;
  }
  return new TaskFailure(
    `There is no queue "${queue}" on ${place}; "serve --engine" creates it`,
  );
}

/** A connection to an engine, for one command. */
export class EngineConnection implements AsyncDisposable {
  readonly place: string;
  readonly #engine: EnginePlace;
  readonly #defaultQueue: string;
  readonly #stack = new AsyncDisposableStack();

  constructor(engine: EnginePlace, defaultQueue: string) {
    this.place = engine.place;
    this.#engine = engine;
    this.#defaultQueue = defaultQueue;
  }

  /** One of its queues. */
  async queue(name: string = this.#defaultQueue): Promise<TaskQueue<unknown>> {
    const engine = await openEngine(this.#engine, name, { create: false });
    this.#stack.use(engine);
    try {
      await engine.qsize();
    } catch (error) {
      throw explainMissing(error, this.#engine, name);
    }
    return new TaskQueue<unknown>({ engine });
  }

  /** What all of its queues tell of themselves. */
  async status(): Promise<StatusReport> {
    const { listQueues } = await import("./engines/_nats_queue_list.ts");
    const names = await listQueues(await this.#source());
    const queues = await Promise.all(names.map(async (name) => {
      const queue = this.#queues.get(name) ?? await this.queue(name);
      this.#queues.set(name, queue);
      return [name, await queue.statistics()] as const;
    }));
    return { uptimeMs: 0, queues: Object.fromEntries(queues), pools: {} };
  }

  /** A round trip. */
  async ping(): Promise<void> {
    const { pingEngine } = await import("./engines/_nats_queue_list.ts");
    await pingEngine(await this.#source());
  }

  readonly #queues = new Map<string, TaskQueue<unknown>>();
  #opened: Promise<import("./engines/_nats_owner.ts").NatsSource> | undefined;

  #source(): Promise<import("./engines/_nats_owner.ts").NatsSource> {
    return this.#opened ??= (async () => {
      const { NatsSource } = await import("./engines/_nats_owner.ts");
      const source = new NatsSource(this.#engine.login);
      this.#stack.defer(() => source.close());
      return source;
    })();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
