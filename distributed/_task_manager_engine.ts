import { LONGEST_TIMER_MS } from "../coroutine/_check_timeout.ts";
import { runOutsideTasks } from "../coroutine/_current_scope.ts";
import {
  CancelledError,
  QueueEmptyError,
  QueueShutDownError,
  TimeoutError,
} from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { type Caller, targetOf } from "../ipc/_proxy.ts";
import type { RemoteObject, Session } from "../ipc/_session.ts";
import { ConnectionClosedError, ConnectionLostError } from "../ipc/errors.ts";
import { presentProxy } from "./_reconnecting_client.ts";
import { StopNotice } from "./_task_stop_notice.ts";
import { errorFromWire, errorToWire, type LeaseForm, type TaskEvent } from "./_task_wire.ts";
import { type Packed, type PackedEvent, type PackedLeaseForm, unpack } from "./_worker_wire.ts";
import type {
  DeadLetter,
  EngineGetOptions,
  EngineLease,
  EngineTask,
  TaskEngine,
  TaskQueueStatistics,
  TaskTrace,
  TaskWatcher,
} from "./engine.ts";
import { EngineUnavailableError } from "./task_errors.ts";

/** The longest wait on the other side: one whose network is gone leaves the line after that. */
const SLICE_MS = 10_000;

/** What was fetched and waits longer is given back. */
const LONG_MS = 20;

/** How much later than asked for an answer may come. */
const ANSWER_MS = 10_000;

/** When a task that could not be read here is tried again: not here at once, before others have come for it. */
const UNREAD_DELAY_MS = 1_000;

/** A result on its way. */
interface Result {
  readonly lease: number;
  readonly result: unknown;
  resolve(counts: boolean): void;
  reject(error: unknown): void;
}

/** What carries the calls; one that is no session itself cannot tell as much. */
type Carrier = Caller & Partial<Pick<Session, "closed" | "hold" | "letGo" | "peer">>;

/** The engine of a queue that a manager lends: it asks the one that lives there. */
export class ManagerEngine implements TaskEngine {
  readonly leaseMs: number;
  readonly #proxy: AsyncDisposable;
  readonly #session: Carrier;
  readonly #object: RemoteObject;
  readonly #watchers = new Map<string, TaskWatcher[]>();
  readonly #leases = new Map<number, RemoteLease>();
  readonly #over = new AbortController();
  /** What was told of leases that are on their way. */
  readonly #early = new Map<number, { readonly reason: unknown }>();
  #newest = 0;
  #asks = 0;
  /** How many tasks are fetched at a time. */
  readonly #prefetch: number;
  /** Fetched, and not taken yet. */
  readonly #fetched: RemoteLease[] = [];
  #giveBackTimer: ReturnType<typeof setTimeout> | undefined;
  #getting = 0;
  /** Results that leave with the next message. */
  #results: Result[] = [];
  #isListening = false;
  /** Leases that begin anew with the next message. */
  #touched: { readonly lease: number; readonly resolve: (held: boolean) => void }[] = [];
  #reject: ((error: unknown) => void)[] = [];

  /** Use {@linkcode ManagerEngine.open}. */
  constructor(proxy: AsyncDisposable, leaseMs: number, prefetch: number) {
    this.#prefetch = prefetch;
    const target = targetOf(proxy);
    const session: Carrier = target.session;
    this.#proxy = proxy;
    this.#session = session;
    this.#object = target.object;
    this.leaseMs = leaseMs;
    void session.closed?.then(() => this.#lost());
  }

  /** Makes the engine of what a manager has lent. */
  static async open(lent: AsyncDisposable, prefetch: number): Promise<ManagerEngine> {
    // Leases belong to the connection over which they were given.
    const proxy = presentProxy(lent);
    const { session, object } = targetOf(proxy);
    if (!object.methods.includes("introduce")) {
      throw new TypeError("Cannot use the object as a task queue: the manager lent something else");
    }
    const { leaseMs } = await session.call(object, "settings", []) as { leaseMs: number };
    return new ManagerEngine(proxy, leaseMs, prefetch);
  }

  // Putting

  async put(
    task: EngineTask,
    watcher: TaskWatcher | undefined,
    options: WaitOptions,
  ): Promise<"put" | "known"> {
    const { signal, timeoutMs } = options;
    if (watcher !== undefined) this.#watch(task.id, watcher);
    try {
      const wait = timeoutMs === undefined || timeoutMs === Infinity ? {} : { timeoutMs };
      const args = [task, wait, watcher !== undefined];
      return await this.#call("put", args, { signal, timeoutMs }) as "put" | "known";
    } catch (error) {
      if (watcher !== undefined) this.#unwatch(task.id, watcher);
      throw error;
    }
  }

  async requeue(id: string, watcher: TaskWatcher | undefined): Promise<boolean> {
    if (watcher !== undefined) this.#watch(id, watcher);
    let isThere = false;
    try {
      isThere = await this.#call("requeue", [id, watcher !== undefined]) as boolean;
    } finally {
      if (!isThere && watcher !== undefined) this.#unwatch(id, watcher);
    }
    return isThere;
  }

  async cancel(id: string, reason?: unknown): Promise<boolean> {
    return await this.#call("cancel", [id, reason]) as boolean;
  }

  // Taking

  async get(options: EngineGetOptions): Promise<EngineLease> {
    const { signal, timeoutMs = Infinity, leaseMs = this.leaseMs } = options;
    const fetched = this.#fetched.shift();
    if (fetched !== undefined) return fetched;
    const end = performance.now() + timeoutMs;
    this.#getting++;
    try {
      for (;;) {
        const leftMs = Math.max(0, end - performance.now());
        const sliceMs = Math.min(leftMs, SLICE_MS);
        const max = Math.ceil(this.#prefetch / this.#getting);
        const ask = ++this.#asks;
        try {
          const forms = await this.#call("get", [{ timeoutMs: sliceMs, leaseMs, max, ask }], {
            signal,
            timeoutMs: sliceMs,
          }) as LeaseForm[];
          return this.#take(forms);
        } catch (error) {
          if (error instanceof QueueEmptyError && leftMs > sliceMs) continue;
          if (
            error instanceof QueueEmptyError || error instanceof QueueShutDownError ||
            error instanceof EngineUnavailableError || error instanceof ConnectionClosedError ||
            error instanceof CancelledError || signal?.aborted === true
          ) throw error;
          const readable = await runOutsideTasks(() => this.#takeReadable(ask));
          if (readable instanceof RemoteLease) return readable;
          // A task that cannot be sent or read was the next one. It has failed, and there may be others.
          if (readable === "all have failed" || error instanceof TypeError) continue;
          throw error;
        }
      }
    } finally {
      this.#getting--;
    }
  }

  /**
   * Takes what came and could not be read as a whole, because of one of its values. The task whose value it is has
   * failed here, which counts as an attempt: what nobody can read ends, what others can read goes to them.
   */
  async #takeReadable(ask: number): Promise<RemoteLease | "all have failed" | "none came"> {
    const given = await this.#call("get", [{ timeoutMs: 0, again: ask }]) as PackedLeaseForm[];
    if (given.length === 0) return "none came";
    const forms: LeaseForm[] = [];
    for (const form of given) {
      if (form.packed === null) await this.tell("release", [form.lease]);
      else {
        try {
          forms.push({ ...form, value: unpack(form.packed) });
        } catch (error) {
          await this.#failUnread(form.lease, error);
        }
      }
    }
    return forms.length === 0 ? "all have failed" : this.#take(forms);
  }

  async #failUnread(token: number, error: unknown): Promise<void> {
    const why = new TypeError(`Cannot take the task: a worker cannot read it (${error})`, {
      cause: error,
    });
    await this.tell("fail", [token, errorToWire(why), true, UNREAD_DELAY_MS]);
    this.#newest = Math.max(this.#newest, token);
    this.#early.delete(token);
  }

  /** Takes the first of what was fetched; the others wait here, though not for long. */
  #take(forms: readonly LeaseForm[]): RemoteLease {
    const [first, ...others] = forms.map((form) => {
      const lease = new RemoteLease(this, form);
      this.#newest = Math.max(this.#newest, lease.token);
      const early = this.#early.get(lease.token);
      this.#early.delete(lease.token);
      if (early !== undefined) lease.stop.tell(early.reason);
      this.#leases.set(lease.token, lease);
      this.#session.hold?.();
      return lease;
    });
    this.#listen();
    if (others.length > 0) {
      this.#fetched.push(...others);
      this.#giveBackTimer ??= setTimeout(() => this.#giveBackFetched(), LONG_MS);
    }
    return first!;
  }

  /** What runs takes long: others may be free for what waits behind it. */
  #giveBackFetched(): void {
    clearTimeout(this.#giveBackTimer);
    this.#giveBackTimer = undefined;
    for (const lease of this.#fetched.splice(0)) void lease.release().catch(() => {});
  }

  /** Gives a result; those of tasks that were fetched together leave together. */
  complete(lease: number, result: unknown): Promise<boolean> {
    if (this.#prefetch === 1) return this.#call("complete", [lease, result]) as Promise<boolean>;
    return new Promise((resolve, reject) => {
      this.#results.push({ lease, result, resolve, reject });
      if (this.#results.length === 1) setTimeout(() => this.#sendResults(), 0);
    });
  }

  #sendResults(): void {
    const results = this.#results;
    this.#results = [];
    const pairs = results.map(({ lease, result }) => [lease, result]);
    this.#call("completeAll", [pairs]).then(
      (counts) => results.forEach(({ resolve }, n) => resolve((counts as boolean[])[n]!)),
      (error) => {
        if (results.length === 1 || !(error instanceof TypeError)) {
          return results.forEach(({ reject }) => reject(error));
        }
        // One of them cannot be sent: each is sent by itself.
        for (const { lease, result, resolve, reject } of results) {
          this.#call("complete", [lease, result]).then(
            (counts) => resolve(counts === true),
            reject,
          );
        }
      },
    );
  }

  /** Has a lease begin anew; many at a time take one message. */
  touch(lease: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#touched.push({ lease, resolve });
      this.#reject.push(reject);
      if (this.#touched.length === 1) queueMicrotask(() => this.#sendTouched());
    });
  }

  #sendTouched(): void {
    const touched = this.#touched;
    const rejects = this.#reject;
    this.#touched = [];
    this.#reject = [];
    this.#call("touch", [touched.map(({ lease }) => lease)]).then(
      (held) => touched.forEach(({ resolve }, n) => resolve((held as boolean[])[n]!)),
      (error) => rejects.forEach((reject) => reject(error)),
    );
  }

  /** Tells how a lease ended, or how far its task is. */
  async tell(
    method: "fail" | "release" | "progress",
    args: unknown[],
  ): Promise<unknown> {
    return await this.#call(method, args);
  }

  /** A lease has ended here. */
  closed(lease: number): void {
    if (this.#leases.delete(lease)) this.#session.letGo?.();
  }

  // Asking

  async qsize(): Promise<number> {
    return await this.#call("qsize", []) as number;
  }

  async join(options: WaitOptions): Promise<void> {
    const { signal, timeoutMs } = options;
    const wait = timeoutMs === undefined || timeoutMs === Infinity ? {} : { timeoutMs };
    await this.#call("join", [wait], { signal, timeoutMs });
  }

  async statistics(): Promise<TaskQueueStatistics> {
    return await this.#call("statistics", []) as TaskQueueStatistics;
  }

  async deadLetters(): Promise<DeadLetter[]> {
    const letters = await this.#call("deadLetters", []) as DeadLetter[];
    return letters.map((letter) => ({ ...letter, error: errorFromWire(letter.error) }));
  }

  async shutdown(options: { immediate: boolean }): Promise<void> {
    await this.#call("shutdown", [options]);
  }

  async introduce(worker: { name: string; concurrency: number }): Promise<void> {
    await this.#call("introduce", [worker]);
  }

  hold(): () => void {
    this.#session.hold?.();
    return () => this.#session.letGo?.();
  }

  /** Gives the queue back: what this side holds of it is lost, the queue goes on. */
  async [Symbol.asyncDispose](): Promise<void> {
    // What nobody here has begun costs no attempt. These calls leave before anything else does.
    this.#giveBackFetched();
    this.#over.abort();
    this.#lost();
    await this.#proxy[Symbol.asyncDispose]();
  }

  /**
   * Calls the other side. The time limit is the other side's business; here it is only seen to that an answer
   * comes.
   */
  async #call(method: string, args: unknown[], options: WaitOptions = {}): Promise<unknown> {
    const { signal, timeoutMs } = options;
    const limitMs = timeoutMs === undefined ? Infinity : timeoutMs + ANSWER_MS;
    try {
      return await this.#session.call(this.#object, method, args, {
        signal,
        timeoutMs: limitMs < LONGEST_TIMER_MS ? limitMs : undefined,
        until: this.#over.signal,
        withTask: true,
      });
    } catch (error) {
      if (this.#over.signal.aborted) {
        throw new ConnectionClosedError(`Cannot ${method}: the task queue was closed here`);
      }
      if (
        error instanceof ConnectionLostError || error instanceof ConnectionClosedError ||
        error instanceof TimeoutError && method !== "join"
      ) {
        throw new EngineUnavailableError(`Cannot ${method}: ${error.message}`, { cause: error });
      }
      throw error;
    }
  }

  // Being told

  #watch(id: string, watcher: TaskWatcher): void {
    const watchers = this.#watchers.get(id);
    if (watchers === undefined) this.#watchers.set(id, [watcher]);
    else watchers.push(watcher);
    this.#listen();
  }

  #unwatch(id: string, watcher: TaskWatcher): void {
    const left = this.#watchers.get(id)?.filter((other) => other !== watcher) ?? [];
    if (left.length === 0) this.#watchers.delete(id);
    else this.#watchers.set(id, left);
  }

  /** Asks for events, as long as there is something that they could be about. */
  #listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    void runOutsideTasks(() => this.#listening());
  }

  async #listening(): Promise<void> {
    while (this.#watchers.size > 0 || this.#leases.size > 0) {
      try {
        const events = await this.#session.call(this.#object, "events", [{ timeoutMs: SLICE_MS }], {
          background: true,
          timeoutMs: SLICE_MS + ANSWER_MS,
          until: this.#over.signal,
        });
        for (const event of events as TaskEvent[]) this.#onEvent(event);
      } catch (error) {
        if (this.#over.signal.aborted) return;
        // Silence: the next one may be answered.
        if (error instanceof TimeoutError) continue;
        if (error instanceof ConnectionLostError || !await this.#hearAgain()) return this.#lost();
      }
    }
    this.#isListening = false;
  }

  /**
   * Hears what came and could not be read as a whole, because of one of its values: a result that cannot be read is a
   * failure. There is nothing when it could not be sent, and has failed by now.
   *
   * @returns Whether there was an answer.
   */
  async #hearAgain(): Promise<boolean> {
    try {
      const events = await this.#call("events", [{ again: true }]) as PackedEvent[];
      for (const [kind, about, packed] of events) this.#onEvent(readPacked(kind, about, packed));
      return true;
    } catch {
      return false;
    }
  }

  #onEvent(event: TaskEvent): void {
    if (event[0] === "stop") return this.#onStop(event[1], errorFromWire(event[2]));
    const [kind, id, value] = event;
    const watchers = this.#watchers.get(id);
    if (watchers === undefined) return;
    if (kind === "done" || kind === "failed" || kind === "cancelled") this.#watchers.delete(id);
    for (const watcher of watchers) {
      switch (kind) {
        case "started":
          watcher.started(value as number);
          break;
        case "waiting":
          watcher.waiting();
          break;
        case "progress":
          void watcher.progress(value);
          break;
        case "done":
          watcher.ended({ state: "done", value });
          break;
        default:
          watcher.ended({ state: kind, error: errorFromWire(value) });
      }
    }
  }

  #onStop(token: number, reason: unknown): void {
    const lease = this.#leases.get(token);
    if (lease !== undefined) lease.stop.tell(reason);
    else if (token > this.#newest) this.#early.set(token, { reason });
  }

  /** The connection is gone, or the queue was closed here. */
  #lost(): void {
    const error = new EngineUnavailableError(
      this.#over.signal.aborted
        ? "The task queue was closed here"
        : `Lost the connection to ${this.#session.peer ?? "the manager"}, which keeps the tasks`,
    );
    clearTimeout(this.#giveBackTimer);
    this.#giveBackTimer = undefined;
    this.#fetched.length = 0;
    for (const lease of [...this.#leases.values()]) {
      lease.stop.tell(error);
      this.closed(lease.token);
    }
    const watchers = [...this.#watchers.values()].flat();
    this.#watchers.clear();
    for (const watcher of watchers) watcher.ended({ state: "failed", error });
  }
}

/** An event of which the value may be such as cannot be read. */
function readPacked(kind: TaskEvent[0], about: TaskEvent[1], packed: Packed | null): TaskEvent {
  try {
    if (packed === null) throw new TypeError("it cannot be sent by itself");
    return [kind, about, unpack(packed)] as unknown as TaskEvent;
  } catch (error) {
    if (kind === "progress") return [kind, about as string, undefined];
    const what = kind === "done" ? "the result" : "the error";
    const why = new TypeError(`Cannot read ${what} of the task: ${error}`, { cause: error });
    return [kind === "done" ? "failed" : kind, about, errorToWire(why)] as unknown as TaskEvent;
  }
}

/** A lease that a manager has given. */
class RemoteLease implements EngineLease {
  readonly token: number;
  readonly id: string;
  readonly value: unknown;
  readonly attempt: number;
  readonly leaseMs: number;
  readonly trace: TaskTrace | undefined;
  readonly stop = new StopNotice();
  readonly #engine: ManagerEngine;

  constructor(engine: ManagerEngine, form: LeaseForm) {
    this.#engine = engine;
    this.token = form.lease;
    this.id = form.id;
    this.value = form.value;
    this.attempt = form.attempt;
    this.leaseMs = form.leaseMs;
    this.trace = form.trace;
  }

  get onStop(): ((reason: unknown) => void) | undefined {
    return this.stop.listener;
  }

  set onStop(onStop: ((reason: unknown) => void) | undefined) {
    this.stop.listener = onStop;
  }

  async complete(result: unknown): Promise<boolean> {
    const counts = await this.#engine.complete(this.token, result);
    this.#engine.closed(this.token);
    return counts;
  }

  async fail(error: unknown, options: { retry: boolean; delayMs: number }): Promise<boolean> {
    const { retry, delayMs } = options;
    return await this.#end("fail", [this.token, errorToWire(error), retry, delayMs]);
  }

  async release(): Promise<boolean> {
    return await this.#end("release", [this.token]);
  }

  async touch(): Promise<boolean> {
    return await this.#engine.touch(this.token);
  }

  async progress(value: unknown): Promise<void> {
    await this.#engine.tell("progress", [this.token, value]);
  }

  async #end(method: "fail" | "release", args: unknown[]): Promise<boolean> {
    const counts = await this.#engine.tell(method, args) as boolean;
    this.#engine.closed(this.token);
    return counts;
  }
}
