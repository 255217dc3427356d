import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { currentScope, runOutsideTasks } from "../coroutine/_current_scope.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { type Caller, makeProxy } from "../ipc/_proxy.ts";
import { RemoteObject } from "../ipc/_session.ts";
import { formatAddress } from "../ipc/address.ts";
import { ConnectionClosedError, ProtocolError } from "../ipc/errors.ts";
import type { ManagerClient } from "./_manager_client.ts";
import { toError } from "./_pickle_errors.ts";
import { PickleReader } from "./_pickle_reader.ts";
import { ProxyReference, Token } from "./_pickle_types.ts";
import { PickleWriter } from "./_pickle_writer.ts";
import type { PythonAdopter } from "./_python_adopter.ts";
import type { PythonCallOptions } from "./_python_borrowing.ts";
import {
  namesOf,
  type Plan,
  planCall,
  type PythonCall,
  type PythonTarget,
} from "./_python_calls.ts";
import type { PythonConnection, PythonConnectOptions } from "./_python_connection.ts";
import { PythonConnections } from "./_python_connections.ts";
import { giveIteration } from "./_python_iteration.ts";
import { toPythonName } from "./_python_names.ts";
import { lendingOf, methodsOf, PROXY_TYPES } from "./_python_proxy_types.ts";
import { PythonReferences, type ReferenceStep } from "./_python_references.ts";
import type { PythonFacts } from "./_python_sync_kinds.ts";
import { remoteTraceback } from "./_python_traceback.ts";
import { PyTuple } from "./python_types.ts";

/**
 * How long a wait lasts on the server before it is begun anew. Python's server goes on waiting for a client that is
 * gone, and then loses what it gets for it.
 */
const SLICE_MS = 1_000;

/** The same for one who puts, and cannot take back what he has put: he waits for the answer when he gives up. */
const PUT_SLICE_MS = 250;

/** How long a wait that was woken may take to end before it is woken once more. */
const WAKE_MS = 50;

/** How long giving references back may take when the client closes. */
const RELEASE_LIMIT_MS = 1_000;

/** So many references are given back at a time. */
const MOST_RELEASES = 8;

/** Whose locks belong to nobody: they are released over any connection. */
const OWNERLESS = new Set(["Lock", "Semaphore", "BoundedSemaphore"]);

/** Options for {@linkcode PythonLink}. */
export interface PythonLinkOptions extends PythonConnectOptions {
  /** What is made of the objects of the server; without it they are proxies with Python's methods. */
  readonly adopter?: PythonAdopter | undefined;
}

interface Target extends PythonTarget {
  /** The methods whose results are lent. */
  readonly lending: ReadonlySet<string>;
  /** The connections over which it was acquired, the last one at the end. */
  readonly holders: PythonConnection[];
  /** Those of waits, which do not hold it until they end. */
  readonly waiting: Set<PythonConnection>;
}

/**
 * A client of a Python manager.
 *
 * Python's server has a thread for each connection, which works on one call at a time: each call in flight has a
 * connection of its own, and connections are used again. Who owns an RLock or a Condition is the connection: the one
 * over which it was acquired is kept for it until it is released.
 */
export class PythonLink implements ManagerClient, Caller {
  readonly #options: PythonLinkOptions;
  readonly #peer: string;
  readonly #reader: PickleReader;
  readonly #writer: PickleWriter;
  readonly #targets = new Map<number, Target>();
  readonly #proxies = new WeakMap<object, Target>();
  readonly #dropped = new FinalizationRegistry<number>((id) => this.#release(id));
  readonly #connections: PythonConnections;
  readonly #references: PythonReferences;
  /** What is to be done when a proxy is given back for which a handle stands. */
  readonly #adopted = new Map<number, { leave(): Promise<void>; released(): void }>();
  readonly #unreleased: string[] = [];
  readonly #releasing = new Set<Promise<void>>();
  /** What is still to come although nobody waits for it any more, and is given back then. */
  readonly #late = new Set<Promise<void>>();
  /** The proxies of the message that is being read: their references are still to be taken. */
  #arrived: Target[] = [];
  #lastId = 0;
  #isClosed = false;

  constructor(options: PythonLinkOptions) {
    this.#options = options;
    this.#peer = formatAddress(options.address);
    this.#connections = new PythonConnections(options, async (connection) => {
      const name = `Deno-${Deno.pid}`;
      await this.#exchange(connection, this.#write(null, "accept_connection", [name], {}));
    });
    this.#references = PythonReferences.of(this.#peer);
    this.#reader = new PickleReader({
      dicts: "object",
      unknownNames: "keep",
      maxBytes: options.maxMessageBytes,
      resolveProxy: (reference) => this.#resolve(reference),
    });
    this.#writer = new PickleWriter({ replace: (value) => this.#refer(value) });
  }

  /** Connects once, so that a wrong key or a wrong address is noticed. */
  async connect(options: WaitOptions): Promise<void> {
    await this.#request("dummy", [], options);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  async create(typeid: string, args: readonly unknown[]): Promise<unknown> {
    const { adopter } = this.#options;
    const plan = adopter?.plan(typeid, args);
    const python = toPythonName(typeid);
    // A class has the same name there, a function one in Python's case.
    const names = /^[A-Z]/.test(typeid) || python === typeid ? [typeid] : [python, typeid];
    for (const name of names) {
      try {
        const sent = plan?.args ?? args;
        const made = await this.#make([name, ...sent], plan?.keywords);
        return this.#lend(this.#describe(name, made), plan?.facts);
      } catch (error) {
        // It is not registered under this name.
        const isUnknown = error instanceof Error && error.message === `KeyError: '${name}'`;
        const absent = isUnknown ? adopter?.absent(typeid) : undefined;
        if (absent !== undefined) throw new TypeError(absent, { cause: error });
        if (!isUnknown || name === names.at(-1)) throw error;
      }
    }
    return undefined;
  }

  async shutdown(): Promise<void> {
    await this.#request("shutdown", []);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    // Python does not notice that who holds a lock is gone.
    const left = Promise.all([...this.#adopted.values()].map(({ leave }) => leave()));
    await runOutsideTasks(() =>
      waitWithin<unknown>(left, { timeoutMs: RELEASE_LIMIT_MS }, () => {})
    );
    for (const id of [...this.#targets.keys()]) this.#release(id);
    const released = Promise.all(this.#late).then(() => Promise.all(this.#releasing));
    await runOutsideTasks(() =>
      waitWithin<unknown>(released, { timeoutMs: RELEASE_LIMIT_MS }, () => {})
    );
    this.#isClosed = true;
    this.#references.leave();
    this.#connections.close();
  }

  /** Calls a method of an object of the server. */
  async call(
    object: RemoteObject,
    method: string,
    args: readonly unknown[],
    options: PythonCallOptions = {},
  ): Promise<unknown> {
    const found = this.#targets.get(object.id);
    if (this.#isClosed || found === undefined) {
      throw new ConnectionClosedError(`Cannot call ${this.#peer}: the connection was closed here`);
    }
    const { owner } = options;
    const target = owner === undefined
      ? found
      : { ...found, holders: owner.holders as PythonConnection[] };
    const plan = planCall(target, method, args);
    const signal = options.signal ?? plan.wait.signal;
    signal?.throwIfAborted();
    const state: CallState = { isGivenUp: false, connection: undefined };
    // Outside of the task: the call is not to be left by the way, it is given up in order.
    const running = runOutsideTasks(() => this.#run(target, plan, state));
    running.catch(() => {});
    const limit = plan.slices === undefined ? plan.wait.timeoutMs : undefined;
    const timeoutMs = Math.min(checkTimeout(options.timeoutMs), checkTimeout(limit));
    try {
      return await waitWithin(running, { signal, timeoutMs }, () => {
        throw new TimeoutError(`"${method}" did not answer within ${timeoutMs} ms`);
      });
    } catch (error) {
      if (plan.isNotified === true) {
        await runOutsideTasks(() => this.#wake(target, running));
        throw error;
      }
      state.isGivenUp = true;
      if (plan.stays === true) {
        await runOutsideTasks(() => running.catch(() => {}));
        if (!state.isDone) throw error;
        // A cancellation of the task that came too late ends its next wait.
        if (signal === undefined && !(error instanceof TimeoutError)) currentScope()?.owe(error);
        return undefined;
      }
      // Nobody waits for its end. One that is made of slices ends soon, and is taken back.
      const { connection } = state;
      if (target.lending.has(plan.name)) {
        this.#giveBackLate(running, connection, (value) => this.#giveBackLent(value));
      } else if (plan.slices === undefined) connection?.close();
      throw error;
    }
  }

  /** A proxy is for this process: another one connects to the manager itself. */
  referenceTo(): undefined {
    return undefined;
  }

  /** Gives an object back. */
  release({ id }: RemoteObject): void {
    this.#release(id);
  }

  // Calls

  async #run(target: Target, plan: Plan, state: CallState): Promise<unknown> {
    const { slices } = plan;
    if (slices === undefined) return await this.#callOnce(target, plan, state);
    const { timeoutMs } = plan.wait;
    const end = timeoutMs === undefined ? Infinity : performance.now() + timeoutMs;
    for (;;) {
      // Nobody waits for it, and nothing has been asked for.
      if (state.isGivenUp) return undefined;
      const left = Math.max(0, end - performance.now());
      const ms = timeoutMs === 0
        ? 0
        : Math.min(left, plan.stays === true ? PUT_SLICE_MS : SLICE_MS);
      const isLast = ms >= left;
      let answer: { value: unknown } | { error: unknown };
      try {
        const call = { ...plan, args: slices.args(ms / 1000) };
        answer = { value: await this.#callOnce(target, call, state) };
      } catch (error) {
        answer = { error };
      }
      if (!slices.isOver(answer) || isLast || state.isGivenUp) {
        state.isDone = "value" in answer;
        if (state.isGivenUp && "value" in answer) await this.#undo(target, plan, answer.value);
        if ("error" in answer) throw answer.error;
        return answer.value;
      }
    }
  }

  /**
   * Ends a wait for a condition, which has the lock again at its end, as every wait has. The wait may not have arrived
   * yet: calls go over several connections.
   */
  async #wake(target: Target, running: Promise<unknown>): Promise<void> {
    const stranger: Target = { ...target, holders: [] };
    const state: CallState = { isGivenUp: false, connection: undefined };
    const callIt = (name: string, ...args: unknown[]) =>
      this.#callOnce(stranger, { name, args, kwds: {} }, state);
    const over = running.then(() => true, () => true);
    try {
      do {
        if (await callIt("acquire", true, WAKE_MS / 1000) !== true) continue;
        await callIt("notify_all");
        await callIt("release");
      } while (!await waitWithin(over, { timeoutMs: WAKE_MS }, () => false));
    } catch {
      // The connection is lost: so is the wait.
      await over;
    }
  }

  async #undo(target: Target, plan: Plan, value: unknown): Promise<void> {
    const state: CallState = { isGivenUp: false, connection: undefined };
    for (const call of plan.undo?.(value) ?? []) await this.#callOnce(target, call, state);
  }

  async #callOnce(target: Target, call: PythonCall, state: CallState): Promise<unknown> {
    const { name, args, kwds } = call;
    // What cannot be written is told before anything has happened.
    const request = this.#write(target.id, name, args, kwds);
    const { exposed, holders, typeid, waiting } = target;
    const isHeld = HELD.has(name) && holders.length > 0;
    const connection = isHeld ? holders.at(-1)! : await this.#connections.take();
    if (state.isGivenUp) {
      if (!isHeld) this.#connections.giveBack(connection);
      throw new ConnectionClosedError("The call was given up before it was sent");
    }
    state.connection = connection;
    const isWaiting = isHeld && name === "wait";
    if (isWaiting) {
      // Meanwhile others hold it, and what they release and notify is theirs.
      holders.splice(holders.lastIndexOf(connection), 1);
      waiting.add(connection);
    }
    let value: unknown;
    try {
      value = await this.#exchange(
        connection,
        request,
        target.lending.has(name) ? "take" : undefined,
      );
    } catch (error) {
      if (!isHeld) this.#connections.giveBack(connection);
      throw error;
    } finally {
      state.connection = undefined;
      // Gone, when the proxy was given back.
      if (isWaiting && waiting.delete(connection)) holders.push(connection);
    }
    const isLock = exposed.has("acquire") && exposed.has("release") && !OWNERLESS.has(typeid);
    if (isLock && name === "acquire" && value === true) {
      holders.push(connection);
    } else if (isHeld && name === "release") {
      holders.splice(holders.lastIndexOf(connection), 1);
      this.#connections.giveBack(connection);
    } else if (!isHeld) {
      this.#connections.giveBack(connection);
    }
    return value;
  }

  // Requests that have a connection of their own

  async #request(
    name: string,
    args: readonly unknown[],
    options: WaitOptions = {},
    keywords: Readonly<Record<string, unknown>> = {},
  ): Promise<unknown> {
    const request = this.#write(null, name, args, keywords);
    const isFirst = name === "dummy";
    const connection = await this.#connections.open({ ...options, isFirst });
    try {
      const exchanged = this.#exchange(connection, request, STEPS[name]);
      return await waitWithin(exchanged, options, (timeoutMs) => {
        throw new TimeoutError(`${this.#peer} did not answer within ${timeoutMs} ms`);
      });
    } finally {
      this.#connections.drop(connection);
    }
  }

  /** Has the server make an object. */
  async #make(
    args: readonly unknown[],
    keywords: Readonly<Record<string, unknown>> = {},
  ): Promise<unknown> {
    const request = this.#write(null, "create", args, keywords);
    const connection = await this.#connections.open();
    const making = runOutsideTasks(() => this.#exchange(connection, request, STEPS.create))
      .finally(() => this.#connections.drop(connection));
    try {
      return await waitWithin(making, {}, () => undefined);
    } catch (error) {
      this.#giveBackLate(making, connection, (made) => this.#decref(this.#describe("", made).id));
      throw error;
    }
  }

  /** Gives back what comes for one who does not wait for it any more: the server would keep it for ever. */
  #giveBackLate<T>(
    coming: Promise<T>,
    connection: PythonConnection | undefined,
    giveBack: (value: T) => unknown,
  ): void {
    connection?.unref();
    // When it has failed, there is nothing to give back.
    const late = coming.then(giveBack).then(() => {}, () => {})
      .finally(() => this.#late.delete(late));
    this.#late.add(late);
  }

  // References

  #release(id: number): void {
    const target = this.#targets.get(id);
    if (target === undefined) return;
    this.#targets.delete(id);
    this.#adopted.get(id)?.released();
    this.#adopted.delete(id);
    for (const connection of [...target.holders.splice(0), ...target.waiting]) {
      this.#connections.drop(connection);
    }
    target.waiting.clear();
    this.#decref(target.id);
  }

  /** Gives back what a method has lent, if it is that. */
  #giveBackLent(value: unknown): void {
    if (typeof value !== "object" || value === null) return;
    const lent = this.#options.adopter?.bare(value) ?? value;
    if (this.#proxies.has(lent)) void (lent as AsyncDisposable)[Symbol.asyncDispose]();
  }

  #decref(id: string): void {
    this.#unreleased.push(id);
    if (this.#releasing.size >= MOST_RELEASES) return;
    const releasing = runOutsideTasks(() => this.#releaseAll())
      .finally(() => this.#releasing.delete(releasing));
    this.#releasing.add(releasing);
  }

  async #releaseAll(): Promise<void> {
    for (let id = this.#unreleased.pop(); id !== undefined; id = this.#unreleased.pop()) {
      try {
        await this.#request("decref", [id]);
      } catch {
        // The server is gone, and the object with it.
      }
    }
  }

  #describe(typeid: string, made: unknown): Target {
    const [id, exposed] = Array.isArray(made) ? made : [];
    if (typeof id !== "string" || !isNames(exposed)) {
      throw new ProtocolError(`Cannot read what ${this.#peer} has created`);
    }
    return {
      id,
      typeid,
      exposed: new Set(exposed),
      lending: lendingOf(exposed),
      holders: [],
      waiting: new Set(),
    };
  }

  /** Makes a proxy, which has a reference already. */
  #proxy(target: Target): object {
    const id = ++this.#lastId;
    const object = new RemoteObject(id, namesOf(target.exposed));
    this.#targets.set(id, target);
    const proxy = makeProxy<object>(this, object, (bare) => {
      giveIteration(bare, target.exposed, {
        call: (method, args) => this.call(object, method, args),
      });
    });
    this.#proxies.set(proxy, target);
    this.#dropped.register(proxy, id);
    return proxy;
  }

  /** Makes what the user gets for an object: a proxy, or a handle that stands for one. */
  #lend(target: Target, facts?: PythonFacts): object {
    const proxy = this.#proxy(target);
    const { address, adopter } = this.#options;
    const adopted = adopter?.adopt(proxy, target, { port: address.port, facts });
    if (adopted === undefined) return proxy;
    const { object, leave, released } = adopted;
    this.#adopted.set(this.#lastId, { leave, released });
    return object;
  }

  #resolve(reference: ProxyReference): unknown {
    const { token, exposed } = reference;
    const port = typeof token.address === "string" ? undefined : token.address[1];
    // One of another manager: it can be passed on.
    if (port !== this.#options.address.port) return reference;
    const { id, typeid } = token;
    const names = exposed ?? methodsOf(reference.proxyType);
    const lending = lendingOf(names);
    const target: Target = {
      id,
      typeid,
      exposed: new Set(names),
      lending,
      holders: [],
      waiting: new Set(),
    };
    this.#arrived.push(target);
    return this.#lend(target);
  }

  #refer(value: object): unknown {
    const bare = this.#options.adopter?.bare(value);
    const target = this.#proxies.get(bare ?? value);
    if (target === undefined) {
      if (bare === undefined) return undefined;
      throw new TypeError("Cannot pass on the object: it lives in another manager");
    }
    const { hostname, port } = this.#options.address;
    const address = new PyTuple<string | number>(hostname, port);
    const token = new Token(target.typeid, address, target.id);
    const { exposed, typeid } = target;
    const proxyType = PROXY_TYPES[typeid];
    // An AutoProxy that stands for a barrier or a namespace would call itself without end.
    if (proxyType !== undefined && methodsOf(proxyType).every((name) => exposed.has(name))) {
      return new ProxyReference(proxyType, token);
    }
    return new ProxyReference("AutoProxy", token, [...exposed]);
  }

  // Messages

  #write(
    id: string | null,
    name: string,
    args: readonly unknown[],
    kwds: Readonly<Record<string, unknown>>,
  ): Uint8Array {
    return this.#writer.write(new PyTuple<unknown>(id, name, PyTuple.from(args), kwds));
  }

  async #exchange(
    connection: PythonConnection,
    request: Uint8Array,
    step?: ReferenceStep,
  ): Promise<unknown> {
    let arrived: Target[] = [];
    const send = () =>
      connection.exchange(request, (bytes) => {
        this.#arrived = [];
        try {
          return this.#answer(this.#reader.read(bytes));
        } finally {
          arrived = this.#arrived;
          this.#arrived = [];
        }
      });
    const value = await (step === undefined ? send() : this.#references.during(step, send));
    await Promise.all(arrived.map(({ id }) => this.#request("incref", [id])));
    return value;
  }

  #answer(response: unknown): unknown {
    const [kind, value] = Array.isArray(response) ? response : [];
    switch (kind) {
      case "#RETURN":
        return value;
      case "#ERROR":
        throw toError(value);
      case "#PROXY": {
        const [exposed, token] = Array.isArray(value) ? value : [];
        if (!(token instanceof Token) || !isNames(exposed)) break;
        const { id, typeid } = token;
        const lending = lendingOf(exposed);
        return this.#lend({
          id,
          typeid,
          exposed: new Set(exposed),
          lending,
          holders: [],
          waiting: new Set(),
        });
      }
      case "#TRACEBACK":
      case "#UNSERIALIZABLE":
        throw remoteTraceback(kind, String(value));
    }
    throw new ProtocolError(`Cannot read the answer of ${this.#peer}: it is none of a manager's`);
  }
}

interface CallState {
  isGivenUp: boolean;
  /** Whether Python has done it. */
  isDone?: boolean | undefined;
  /** The connection that carries the call at the moment. */
  connection: PythonConnection | undefined;
}

/** Calls that belong to the connection over which the lock was acquired. */
const HELD = new Set(["release", "wait", "notify", "notify_all"]);

/** Requests that change who has a reference. */
const STEPS: Readonly<Record<string, ReferenceStep>> = {
  create: "take",
  incref: "take",
  decref: "give",
};

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((name) => typeof name === "string");
}
