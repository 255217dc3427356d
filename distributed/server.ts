/**
 * The serving side of a manager.
 *
 * @module
 */

import { runOutsideTasks } from "../coroutine/_current_scope.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import type { LentCall } from "../coroutine/_lending.ts";
import type { IncomingCall } from "../ipc/_call.ts";
import { isFamilyKey } from "../ipc/_family.ts";
import { Hub } from "../ipc/_hub.ts";
import { isLent } from "../ipc/_loan.ts";
import { portableType } from "../ipc/_portable.ts";
import { type Address, formatAddress, type TlsOptions } from "../ipc/mod.ts";
import { KeyGuard } from "./_key_guard.ts";
import type { ManagerContext } from "./_managed_pool.ts";
import { ManagerTable, type ServerScope } from "./_lending_table.ts";
import { loanOf } from "./_managed_loan.ts";
import { PythonSide } from "./_python_side.ts";
import type { Registration } from "./managed.ts";

/** What a server puts up with. */
export interface ServerLimits {
  /**
   * The largest message that is accepted, in bytes. A client that sends more is disconnected.
   *
   * @default {268435456}
   */
  maxMessageBytes?: number | undefined;
  /**
   * How long a client may take to prove the key, in milliseconds.
   *
   * @default {20000}
   */
  handshakeTimeoutMs?: number | undefined;
  /**
   * The most connections at a time. More are closed at once.
   *
   * @default {10000}
   */
  maxConnections?: number | undefined;
  /**
   * Whether HMAC-MD5 is accepted in the handshake, the only form that Python 3.11 and older know.
   *
   * @default {true}
   */
  allowLegacyAuth?: boolean | undefined;
  /**
   * How Python clients are served.
   *
   * @default {{}}
   */
  python?: PythonServing | undefined;
  /**
   * Encrypts the connections. Python's managers cannot do that by themselves: a Python program reaches the port
   * through something that speaks TLS for it, such as stunnel.
   *
   * @default {undefined: they are not encrypted}
   */
  tls?: TlsOptions | undefined;
}

/** How Python clients are served. */
export interface PythonServing {
  /**
   * What a float from Python becomes that is a whole number: a number, which goes back to Python as an int, or a
   * `PyFloat`. `"exact"` suits objects that only Python programs use.
   *
   * @default {"number"}
   */
  floats?: "number" | "exact" | undefined;
  /**
   * Classes, `"module.name"`, whose objects are let in, as a `PyObject` that describes them and goes out to Python
   * as what it was. They are never made here. Without it only data and exceptions of the standard library are let
   * in; a client that sends something else is disconnected.
   *
   * @default {[]}
   */
  names?: readonly string[] | undefined;
}

/** What a server needs. */
export interface ServerOptions extends ServerLimits {
  /** Where to listen. */
  address: Address;
  /** The key that clients must have. */
  key: Uint8Array<ArrayBuffer>;
  /**
   * The module that exports what pools of the manager may call.
   *
   * @default {undefined}
   */
  module?: string | undefined;
  /** What is registered, by name. */
  registry: ReadonlyMap<string, Registration>;
  /**
   * Told of each connection that was refused: a wrong key, another protocol, a stall, a pickle that is not data.
   *
   * @default {undefined}
   */
  onRefused?: ((error: unknown) => void) | undefined;
}

/** What {@linkcode Server.statistics} tells. */
export interface ServerStatistics {
  /** Connections that have proved the key. A Python client has one for each of its threads. */
  connections: number;
  /** Connections that were refused since the server began. */
  refused: number;
  /** Calls of clients since the server began. */
  calls: number;
  /** Objects to which Python clients refer. */
  pythonObjects: number;
}

/**
 * The serving side of a manager, in this process: `getServer()` of a manager makes it, and it serves from
 * then on (Python's `multiprocessing.managers.Server`).
 *
 * - Clients do not disturb each other: a call that waits holds up no other one.
 * - When a client is gone, the calls that it had in flight are aborted, and queue items that were on
 *   their way to it go back to the head of their queue.
 * - Python programs are clients as well, on the same port: to `multiprocessing.managers` it is a manager. They see
 *   methods under Python's names (`put_nowait`), and get Python's exceptions. What they send is read as data; no
 *   class of theirs is looked for.
 * - Whoever tries keys from one address has to wait longer after each wrong one.
 *
 * @example Serving until somebody shuts the manager down
 * ```ts
 * import { Queue } from "@manyhands/concurrency/coroutine";
 * import { BaseManager } from "@manyhands/concurrency/distributed";
 *
 * const tasks = new Queue<number>();
 * const Manager = BaseManager.register("getTasks", { callable: () => tasks });
 * const server = new Manager({ address: "127.0.0.1:0", authkey: "key" }).getServer();
 *
 * const client = new Manager({ address: server.address, authkey: "key" });
 * await client.connect();
 * setTimeout(() => client.shutdown(), 1);
 * await server.serveForever();
 * await client.close();
 * ```
 */
export class Server implements AsyncDisposable {
  readonly #hub: Hub;
  readonly #address: Address;
  readonly #registry: ReadonlyMap<string, Registration>;
  readonly #python: PythonSide;
  readonly #guard = new KeyGuard();
  readonly #stopped = Promise.withResolvers<void>();
  readonly #table: ManagerTable;
  /** What a registered function is called on: what those of this package need to know. */
  readonly #context: ManagerContext;
  readonly #tally = { calls: 0 };
  #refused = 0;
  #stopping: Promise<void> | undefined;

  /**
   * Starts to listen and to serve.
   *
   * @param options Where, for whom, and what.
   * @throws {TypeError} When it is to encrypt and has no certificate.
   * @throws {Deno.errors.AddrInUse} When the port is taken.
   * @throws {Deno.errors.NotCapable} When the permission to listen is missing.
   */
  constructor(options: ServerOptions) {
    const { address, module, registry, allowLegacyAuth, python, onRefused, ...rest } = options;
    if (rest.tls !== undefined && rest.tls.cert === undefined) {
      throw new TypeError('Cannot serve: "tls" must have the "cert" and the "key" of the server');
    }
    this.#registry = registry;
    this.#context = { module };
    this.#table = new ManagerTable({ isFamily: isFamilyKey(options.key) });
    const refuse = (error: unknown, from?: Address) => {
      this.#refused++;
      if (from !== undefined) this.#guard.refused(error, from);
      onRefused?.(error);
    };
    const shutdown = () => {
      // After the answer has left.
      setTimeout(() => this.shutdown(), 0);
    };
    this.#python = new PythonSide({
      ...python,
      registry,
      context: this.#context,
      maxMessageBytes: options.maxMessageBytes,
      address: () => this.#address,
      shutdown,
      onRefused: refuse,
    });
    this.#hub = new Hub({
      ...rest,
      onRefused: refuse,
      beforeHandshake: (from) => this.#guard.delay(from),
      python: (arrival) => this.#python.welcome(arrival),
      allowLegacy: allowLegacyAuth,
      tally: this.#tally,
      scope: () => this.#table.scope(),
      methods: {
        dummy: () => undefined,
        create: (call, typeid: string, args: unknown[]) => this.#create(call, typeid, args),
        borrow: (call, id: string) => this.#table.borrow(id, scopeOf(call)),
        shutdown,
      },
    });
    // What clients call must not end with the task that has made the server.
    this.#address = runOutsideTasks(() => this.#hub.listen(address));
  }

  /** Where the server listens, with the port that the system chose when it was asked for port 0. */
  get address(): Address {
    return this.#address;
  }

  /**
   * Waits until the server is shut down, by {@linkcode shutdown} or by a client's.
   *
   * @param options Stops the wait, or limits it. The server goes on.
   * @returns When the server has stopped.
   * @throws {TimeoutError} When it still served after `timeoutMs`.
   */
  async serveForever(options: WaitOptions = {}): Promise<void> {
    await waitWithin(this.#stopped.promise, options, (timeoutMs) => {
      const where = formatAddress(this.#address);
      throw new TimeoutError(`The server on ${where} still serves after ${timeoutMs} ms`);
    });
  }

  /**
   * Stops to serve: every connection is closed in order, and calls in flight fail at their clients. A
   * second call waits for the first.
   *
   * @returns When everything is closed.
   */
  async shutdown(): Promise<void> {
    this.#guard.close();
    this.#stopping ??= this.#hub.close("the manager was shut down");
    await this.#stopping;
    this.#python.close();
    this.#stopped.resolve();
  }

  /**
   * How much is going on.
   *
   * @returns The figures of this moment.
   */
  statistics(): ServerStatistics {
    return {
      connections: this.#hub.connections,
      refused: this.#refused,
      calls: this.#tally.calls + this.#python.calls,
      pythonObjects: this.#python.objects.size,
    };
  }

  /** Stops to serve, as {@linkcode shutdown} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  async #create(call: LentCall, typeid: string, args: unknown[]): Promise<unknown> {
    const registration = this.#registry.get(typeid);
    if (registration?.callable === undefined) {
      const known = [...this.#registry.keys()].join(", ");
      throw new TypeError(
        `Cannot create "${String(typeid)}": the manager has ${known || "nothing registered"}`,
      );
    }
    const made = await registration.callable.apply(this.#context, args);
    if (isShared(made)) {
      this.#table.keep(made, scopeOf(call));
      return made;
    }
    return isLent(made) ? loanOf(made, registration, this.#registry) : made;
  }
}

/** The connection over which a call has come. */
function scopeOf(call: LentCall): ServerScope {
  return (call as IncomingCall).scope as ServerScope;
}

/** Whether it is a lock, a queue or the like, of which each process has a handle. */
function isShared(value: unknown): value is object {
  return typeof value === "object" && value !== null &&
    portableType(value)?.startsWith("ipc.") === true;
}
