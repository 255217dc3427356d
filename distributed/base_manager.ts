/**
 * Managers: objects of one process for clients everywhere.
 *
 * @module
 */

import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { readKey } from "../ipc/_authentication.ts";
import { NotNativeError } from "../ipc/_connect.ts";
import { ownModule } from "../ipc/_run_by_name.ts";
import { checkTls } from "../ipc/_tls.ts";
import { familyKey } from "../ipc/_family.ts";
import {
  type Address,
  ConnectionClosedError,
  formatAddress,
  parseAddress,
  Queue,
} from "../ipc/mod.ts";
import { INTERNALS, type ProcessInternals } from "../process/_internals.ts";
import { withNet } from "../process/_permission_flags.ts";
import { Process, type ProcessOptions, ProcessStateError } from "../process/mod.ts";
import type { BaseManagerOptions } from "./base_manager_options.ts";
import { countDown } from "./_count_down.ts";
import { type ManagerClient, NativeClient } from "./_manager_client.ts";
import { adopterOf, isSealed, managerInternals, seal } from "./_manager_internals.ts";
import { serveManager, type ServerSpec } from "./_manager_process.ts";
import { addRegistration, nameFunctions, registryOf } from "./_registries.ts";
import { ReconnectingClient } from "./_reconnecting_client.ts";
import { checkRetry, type RetrySettings } from "./_retry.ts";
import { checkLimits } from "./_server_limits.ts";
import { PythonLink } from "./_python_link.ts";
import type {
  ManagedFunction,
  ManagedMethods,
  ManagerStartOptions,
  RegisterOptions,
  RegisterProxyOptions,
} from "./managed.ts";
import { Server, type ServerLimits } from "./server.ts";

export type { BaseManagerOptions } from "./base_manager_options.ts";

/** How long a manager's process may take to end when it was told to, before it is terminated. */
const DEFAULT_SHUTDOWN_TIMEOUT_MS = 1_000;

/**
 * A class of managers that has methods for what is registered.
 *
 * @typeParam Api The registered functions by name.
 * @typeParam Base The class that it extends.
 */
export interface ManagerClass<Api, Base extends BaseManager = BaseManager> {
  /**
   * Describes a manager.
   *
   * @param options Where, with which key, and within which limits.
   */
  new (options?: BaseManagerOptions): Base & ManagedMethods<Api>;
  /**
   * Registers a function: see {@linkcode BaseManager.register}.
   *
   * @param typeid The name, which becomes a method of managers.
   * @param options What is registered.
   * @returns The class that has the method.
   */
  register<Name extends string, F extends ManagedFunction>(
    typeid: Name,
    options: RegisterOptions<F>,
  ): ManagerClass<Api & Record<Name, F>, Base>;
  /**
   * Registers the type of an object of the other side: see {@linkcode BaseManager.register}.
   *
   * @param typeid The name, which becomes a method of managers.
   * @param options What is registered.
   * @returns The class that has the method.
   */
  register<Name extends string, T>(
    typeid: Name,
    options: RegisterProxyOptions<T>,
  ): ManagerClass<Api & Record<Name, (...args: unknown[]) => T>, Base>;
}

/**
 * A manager: it serves objects of one process over TCP to clients on this machine and others. A queue of
 * tasks that any number of workers take from is its classic use.
 *
 * 1. {@linkcode register} names the functions that make or find the objects.
 * 2. {@linkcode getServer} serves them in this process, {@linkcode start} in a process of its own.
 * 3. {@linkcode connect} makes a client of it; what was registered is there as methods that answer
 *    proxies. A manager that was started is its own first client.
 *
 * - Both sides prove that they have the key, which itself never travels. What is sent is encrypted when both sides
 *   have the option `tls`; use it without only in networks that you trust.
 * - Any number of calls are in flight on one connection. When the connection is lost, all of them reject
 *   with a `ConnectionLostError`.
 * - An object with methods is lent as a proxy; data is copied.
 * - Either side may be a Python program that uses `multiprocessing.managers`: see {@linkcode Server} for Python
 *   clients. Of a Python server, each call in flight has a connection of its own; names are in either case
 *   (`putNowait`, `put_nowait`), time limits and signals work as at home, and exceptions arrive as the errors
 *   of this package that stand for them, or as a `PythonError`.
 *
 * Needs `--allow-net` for the address, and what `Process` needs for `start`. It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.managers.BaseManager | BaseManager}.
 *
 * @example A queue for workers on other machines
 * ```ts
 * import { Queue } from "@manyhands/concurrency/coroutine";
 * import { BaseManager } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const tasks = new Queue<number>();
 * const Master = BaseManager.register("getTasks", { callable: () => tasks });
 * await using server = new Master({ address: "127.0.0.1:0", authkey: "abc" }).getServer();
 *
 * // On another machine: only the name and the type are needed.
 * const Worker = BaseManager.register("getTasks", { proxyType: Queue<number> });
 * await using worker = new Worker({ address: server.address, authkey: "abc" });
 * await worker.connect();
 * const remoteTasks = await worker.getTasks();
 *
 * await tasks.put(7);
 * assertEquals(await remoteTasks.get({ timeoutMs: 1000 }), 7);
 * ```
 */
export class BaseManager implements AsyncDisposable {
  static {
    managerInternals.create = (manager, typeid, args) =>
      (manager as BaseManager).#create(typeid, args);
    seal(BaseManager);
  }

  readonly #options: BaseManagerOptions;
  readonly #retry: RetrySettings | undefined;
  readonly #key: Uint8Array<ArrayBuffer>;
  #address: Address;
  #state: "initial" | "serving" | "starting" | "started" | "connected" | "closed" = "initial";
  #client: ManagerClient | undefined;
  #process: Process<typeof serveManager> | undefined;

  /**
   * Names a function, so that clients can ask for what it makes.
   *
   * A class of this package is not changed: a new class is returned that has the name as a method. A class
   * of yours is changed, and returned.
   *
   * @example Two names
   * ```ts
   * import { Queue } from "@manyhands/concurrency/coroutine";
   * import { BaseManager } from "@manyhands/concurrency/distributed";
   *
   * const tasks = new Queue<number>();
   * const results = new Queue<string>();
   * export const QueueManager = BaseManager
   *   .register("getTaskQueue", { callable: () => tasks })
   *   .register("getResultQueue", { callable: () => results });
   * ```
   *
   * @typeParam Name The name.
   * @typeParam F The type of the function.
   * @typeParam Base The class that is extended.
   * @param typeid The name, which becomes a method of managers.
   * @param options The function, and what may be called of what it returns.
   * @returns The class that has the method.
   * @throws {TypeError} When the name cannot be a method's, or the function is none.
   */
  static register<
    Name extends string,
    F extends ManagedFunction,
    Base extends BaseManager = BaseManager,
  >(
    this: abstract new (options?: BaseManagerOptions) => Base,
    typeid: Name,
    options: RegisterOptions<F>,
  ): ManagerClass<Record<Name, F>, Base>;
  /**
   * Names an object of the other side, so that it can be asked for with its type.
   *
   * @typeParam Name The name.
   * @typeParam T The type of the object.
   * @typeParam Base The class that is extended.
   * @param typeid The name, which becomes a method of managers.
   * @param options The class of the object.
   * @returns The class that has the method.
   * @throws {TypeError} When the name cannot be a method's.
   */
  static register<Name extends string, T, Base extends BaseManager = BaseManager>(
    this: abstract new (options?: BaseManagerOptions) => Base,
    typeid: Name,
    options: RegisterProxyOptions<T>,
  ): ManagerClass<Record<Name, (...args: unknown[]) => T>, Base>;
  static register(
    this: typeof BaseManager,
    typeid: string,
    options: Partial<RegisterOptions<ManagedFunction>> & Partial<RegisterProxyOptions<unknown>>,
  ): ManagerClass<Record<string, ManagedFunction>> {
    const { callable, exposed, methodToTypeid, createMethod = true } = options;
    if (
      typeof typeid !== "string" || ["", "then"].includes(typeid) || typeid in BaseManager.prototype
    ) {
      throw new TypeError(
        `Cannot register "${String(typeid)}": it is empty, or a name that managers need themselves`,
      );
    }
    if (callable !== undefined && typeof callable !== "function") {
      throw new TypeError(`Cannot register "${typeid}": "callable" is no function`);
    }
    const manager = isSealed(this) ? class extends this {} : this;
    addRegistration(manager, typeid, { callable, exposed, methodToTypeid });
    if (createMethod) addMethod(manager, typeid);
    return manager as unknown as ManagerClass<Record<string, ManagedFunction>>;
  }

  /**
   * Describes a manager. Nothing is opened yet.
   *
   * @param options Where, with which key, and within which limits.
   * @throws {TypeError} When the address cannot be read, the module is no absolute URL, the key is empty, or an option
   * is of the wrong kind.
   * @throws {RangeError} When the port is not from 0 to 65535, or another number is outside of its range.
   */
  constructor(options: BaseManagerOptions = {}) {
    const { address = "127.0.0.1:0", authkey, module, shutdownTimeoutMs } = options;
    if (module !== undefined && !URL.canParse(String(module))) {
      throw new TypeError(
        `Cannot create a manager: "module" must be an absolute URL such as import.meta.url, got "${module}"`,
      );
    }
    this.#address = parseAddress(address);
    this.#key = authkey === undefined ? familyKey() : readKey(authkey);
    checkTimeout(shutdownTimeoutMs, "shutdownTimeoutMs");
    checkLimits("create a manager", options);
    checkTls("create a manager", options.tls);
    this.#retry = checkRetry("create a manager", options.retry);
    this.#options = options;
  }

  /** Where the manager listens or is to be found; with the real port as soon as it is known. */
  get address(): Address {
    return this.#address;
  }

  /**
   * Serves in this process, from now on.
   *
   * @returns The server, which must be shut down or disposed.
   * @throws {ProcessStateError} When the manager was used before.
   * @throws {Deno.errors.AddrInUse} When the port is taken.
   * @throws {Deno.errors.NotCapable} When the permission to listen is missing.
   */
  getServer(): Server {
    this.#begin("get a server", "serving");
    try {
      const server = new Server({
        ...this.#limits(),
        address: this.#address,
        key: this.#key,
        module: this.#module(),
        registry: registryOf(this.constructor),
        onRefused: this.#options.onRefused,
      });
      this.#address = server.address;
      return server;
    } catch (error) {
      this.#state = "initial";
      throw error;
    }
  }

  /**
   * Serves in a process of its own, and connects to it. The registered functions are found there by
   * their names among the exports of the option `module`.
   *
   * @param options What is called in the process first, how long to wait, and what stops the wait.
   * @returns When the manager serves and this process is its client.
   * @throws {ProcessStateError} When the manager was used before.
   * @throws {TypeError} When the module is missing, or does not export a registered function or the initializer.
   * @throws {RangeError} When `timeoutMs` is negative.
   * @throws {Deno.errors.AddrInUse} When the port is taken.
   * @throws {TimeoutError} When it took longer than `timeoutMs`.
   */
  async start(options: ManagerStartOptions = {}): Promise<void> {
    const { module } = this.#options;
    const { initializer, initArgs = [] } = options;
    const registrations = nameFunctions(registryOf(this.constructor));
    if (initializer !== undefined && typeof initializer !== "function") {
      throw new TypeError('Cannot start the manager: "initializer" is no function');
    }
    const isNeeded = initializer !== undefined ||
      registrations.some(({ callable }) => callable !== null);
    if (module === undefined && isNeeded) {
      throw new TypeError(
        'Cannot start the manager: the option "module" must say which module exports the registered ' +
          "functions; or use getServer()",
      );
    }
    const left = countDown(options);
    this.#begin("start", "starting");
    const spec: ServerSpec = {
      ...this.#limits(),
      address: this.#address,
      key: this.#key,
      module: this.#module(),
      registrations,
      initializer: initializer?.name,
      initArgs,
    };
    try {
      this.#address = await this.#startProcess(spec, left);
      this.#client = await this.#open(left());
      this.#state = "started";
    } catch (error) {
      await this.#process?.[Symbol.asyncDispose]();
      this.#process = undefined;
      this.#giveUp();
      throw error;
    }
  }

  /**
   * Becomes a client of a manager that serves at the address.
   *
   * With the option `retry` it tries again when nobody is there, or the name of the host is not known yet, now and
   * whenever the connection is lost:
   *
   * - It tries while a call waits. Calls that are made meanwhile wait, within their own `timeoutMs` and `signal`. A
   *   `timeoutMs` arrives shorter by that time when it is known to be a time limit: of a method of queues, locks, events
   *   or results that waits, or beside a `signal`. Any other argument arrives as it is.
   * - Calls that were in flight reject with a `ConnectionLostError`, since they may have been done.
   * - Proxies of what was asked for by its name go on: the next call asks the manager again, for the same name with
   *   the same arguments. A manager that was started anew makes a new object of it. Whatever else came over the lost
   *   connection (proxies that methods gave, locks and queues that are handles, a `TaskQueue`) stays lost: ask for
   *   it anew.
   * - A manager that refuses this client ends it: all further calls reject with the same error.
   * - Of a Python manager the loss is noticed by the first call that it hits, which rejects.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns When both sides have proved the key.
   * @throws {ProcessStateError} When the manager was used before.
   * @throws {Deno.errors.ConnectionRefused} When nobody listens there.
   * @throws {ConnectionLostError} When no try of `retry` is left, or the server left before it said hello.
   * @throws {ConnectionClosedError} When this manager was closed meanwhile.
   * @throws {Deno.errors.NotCapable} When the permission to connect is missing.
   * @throws {AuthenticationError} When the keys differ.
   * @throws {ProtocolError} When another kind of program listens there.
   * @throws {TimeoutError} When there was no answer in time; one try takes 20 seconds at most.
   */
  async connect(options: WaitOptions = {}): Promise<void> {
    this.#begin("connect", "connected");
    try {
      this.#client = this.#retry === undefined
        ? await this.#open(options)
        : await this.#openLasting(this.#retry, options);
    } catch (error) {
      this.#giveUp();
      throw error;
    }
  }

  /**
   * Shuts the manager down: it closes all connections, and its own process ends. A process that does not
   * end within `shutdownTimeoutMs` is terminated, then killed.
   *
   * @returns When it is down; for one that another program started, when it has said that it will be.
   * @throws {ProcessStateError} When the manager was neither started nor connected.
   * @throws {TimeoutError} When one that another program started did not answer within
   * `shutdownTimeoutMs`: it may still serve. This object is disconnected all the same.
   */
  async shutdown(): Promise<void> {
    const client = this.#client;
    if (client === undefined && this.#process === undefined) {
      if (this.#state === "closed") return;
      throw new ProcessStateError(
        "Cannot shut the manager down: it was neither started nor connected",
      );
    }
    const told = client?.shutdown() ?? Promise.resolve();
    told.catch(() => {});
    let failed: { reason: unknown } | undefined;
    try {
      // Not a limit of the call's own: that one would wait for the other side to take note of it.
      await waitWithin(told, { timeoutMs: this.#shutdownTimeoutMs() }, (timeoutMs) => {
        const where = formatAddress(this.#address);
        throw new TimeoutError(`The manager on ${where} did not answer within ${timeoutMs} ms`);
      });
    } catch (reason) {
      // A process of its own is ended below, and a manager whose connection is gone is down already.
      if (this.#process === undefined && client?.isClosed === false) failed = { reason };
    }
    await this.close();
    if (failed !== undefined) throw failed.reason;
  }

  /**
   * Disconnects from the manager. One that this object started ends as well.
   *
   * @returns When the connection is closed, and the process, if there is one, has ended.
   */
  async close(): Promise<void> {
    this.#state = "closed";
    const client = this.#client;
    const process = this.#process;
    this.#client = undefined;
    this.#process = undefined;
    await client?.close();
    if (process === undefined) return;
    const timeoutMs = this.#shutdownTimeoutMs();
    if (!await process.join({ timeoutMs })) {
      process.terminate();
      if (!await process.join({ timeoutMs })) process.kill();
    }
    await process[Symbol.asyncDispose]();
  }

  /** Shuts down a manager that this object started; disconnects from any other one. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === "started") await this.shutdown();
    else await this.close();
  }

  #begin(action: string, next: "serving" | "starting" | "connected"): void {
    if (this.#state !== "initial") {
      throw new ProcessStateError(
        `Cannot ${action}: the manager is ${this.#state} already; make a new one for another use`,
      );
    }
    this.#state = next;
  }

  /** Makes a manager whose start failed as it was; one that was closed meanwhile stays closed. */
  #giveUp(): void {
    if (this.#state !== "closed") this.#state = "initial";
  }

  #limits(): ServerLimits {
    const { maxMessageBytes, handshakeTimeoutMs, maxConnections, allowLegacyAuth, python, tls } =
      this.#options;
    return { maxMessageBytes, handshakeTimeoutMs, maxConnections, allowLegacyAuth, python, tls };
  }

  #module(): string | undefined {
    const { module } = this.#options;
    return module === undefined ? undefined : String(module);
  }

  #shutdownTimeoutMs(): number {
    return this.#options.shutdownTimeoutMs ?? DEFAULT_SHUTDOWN_TIMEOUT_MS;
  }

  async #startProcess(spec: ServerSpec, left: () => WaitOptions): Promise<Address> {
    const { module, permissions = "none" } = this.#options;
    await using report = new Queue<Address>();
    const processOptions: ProcessOptions<typeof serveManager> & ProcessInternals = {
      module: ownModule(import.meta, "./_manager_process.ts"),
      target: serveManager,
      args: [spec, report],
      name: `Manager on ${formatAddress(this.#address)}`,
      permissions: withNet(permissions, formatAddress(this.#address)),
      [INTERNALS]: {
        companions: module === undefined ? [] : [String(module)],
        background: true,
      },
    };
    const process = new Process(processOptions);
    this.#process = process;
    await process.start(left());
    // The process ends only when something went wrong: then its error is the answer. To wait for its
    // end keeps this process alive, which the report does not.
    const reported = new AbortController();
    const failed = process.join({ signal: reported.signal })
      .then(() => process.result())
      .then(() => {
        throw new ConnectionClosedError("The manager ended before it had served");
      });
    failed.catch(() => {});
    try {
      return await waitWithin(Promise.race([report.get(), failed]), left(), () => {
        throw new TimeoutError("The manager's process did not serve in time");
      });
    } finally {
      reported.abort();
    }
  }

  async #open(options: WaitOptions): Promise<ManagerClient> {
    const { maxMessageBytes, allowLegacyAuth: allowLegacy, tls } = this.#options;
    const settings = { key: this.#key, maxMessageBytes, allowLegacy, tls };
    const left = countDown(options);
    let client: ManagerClient;
    try {
      client = await NativeClient.connect(this.#address, { ...options, ...settings });
    } catch (error) {
      if (!(error instanceof NotNativeError)) throw error;
      const link = new PythonLink({
        address: this.#address,
        adopter: adopterOf(this),
        ...settings,
      });
      await link.connect(left());
      client = link;
    }
    if (this.#state === "closed") {
      await client.close();
      throw new ConnectionClosedError("Cannot connect: the manager was closed meanwhile");
    }
    return client;
  }

  /** Connects, and does so again when the connection was lost. */
  async #openLasting(settings: RetrySettings, options: WaitOptions): Promise<ManagerClient> {
    const peer = `the manager on ${formatAddress(this.#address)}`;
    const client = new ReconnectingClient({
      peer,
      settings,
      open: (wait) => this.#open(wait),
    });
    this.#client = client;
    try {
      await client.connect(options);
      return client;
    } catch (error) {
      this.#client = undefined;
      throw error;
    }
  }

  async #create(typeid: string, args: readonly unknown[]): Promise<unknown> {
    const client = this.#client;
    if (client === undefined) {
      throw new ProcessStateError(
        `Cannot create "${typeid}": the manager is ${
          this.#state === "initial" ? "neither started nor connected" : this.#state
        }`,
      );
    }
    return await client.create(typeid, args);
  }
}

/** Gives managers of a class the method that asks for what is registered under a name. */
function addMethod(manager: typeof BaseManager, typeid: string): void {
  Object.defineProperty(manager.prototype, typeid, {
    value(this: BaseManager, ...args: unknown[]): Promise<unknown> {
      return managerInternals.create(this, typeid, args);
    },
    writable: true,
    configurable: true,
  });
}
