/**
 * Functions that run beside each other on one event loop, and can be cancelled.
 *
 * @module
 */

import { currentScope } from "./_current_scope.ts";
import { currentValues, runInFrame, type Values } from "./_frame.ts";
import { isAbortError, Scope } from "./_scope.ts";
import { LATER, taskInternals } from "./_task_internals.ts";
import { isThenable } from "./_thenable.ts";
import { waitWithin } from "./_wait_within.ts";
import type { Context } from "./context_var.ts";
import { CancelledError, InvalidStateError } from "./errors.ts";
import type { WaitOptions } from "./wait_options.ts";

/**
 * What a task runs: an ordinary function, usually an `async` one. It receives the signal of its task.
 *
 * @typeParam T What it returns, or what the promise that it returns is fulfilled with.
 */
export type TaskFunction<T> = (signal: AbortSignal) => T | PromiseLike<T>;

/**
 * What can be waited for: a task, any other promise, or a function, which becomes a task.
 *
 * @typeParam T What it gives.
 */
export type Awaitable<T> = TaskFunction<T> | PromiseLike<T>;

/**
 * What something that can be waited for gives.
 *
 * @typeParam A What can be waited for.
 */
export type ResultOf<A> = A extends Task<infer T> ? T
  : A extends (...args: never[]) => infer R ? Awaited<R>
  : Awaited<A>;

/** Options for {@linkcode spawn}. */
export interface TaskOptions {
  /**
   * What the task is called in messages.
   *
   * @default {"Task-1", "Task-2", …}
   */
  name?: string | undefined;
  /**
   * Cancels the task when it aborts; its reason becomes the `cause` of the `CancelledError`.
   *
   * @default {undefined}
   */
  signal?: AbortSignal | undefined;
  /**
   * The context that the task runs in, itself and not a copy of it.
   *
   * @default {a copy of the current context}
   */
  context?: Context | undefined;
}

type State<T> =
  | { readonly kind: "created" | "running" }
  | { readonly kind: "succeeded"; readonly value: T }
  | { readonly kind: "failed" | "cancelled"; readonly error: unknown };

const CREATED: { readonly kind: "created" } = { kind: "created" };
const RUNNING: { readonly kind: "running" } = { kind: "running" };

interface Callback {
  readonly callback: (task: never) => void;
  readonly call: () => void;
}

let spawned = 0;
/** Tasks that start in the next microtask. */
let ready: Task<unknown>[] = [];

/**
 * A function that runs beside others on one event loop
 * (Python's {@link https://docs.python.org/3/library/asyncio-task.html#asyncio.Task | asyncio.Task}).
 *
 * - It is awaited as a promise is: `await task` gives what the function returned, or throws what it threw.
 * - The function starts in the next microtask, in the order of the spawns, not within the call of `spawn`.
 * - {@linkcode cancel} reaches the function in two ways: the waits of this library that go on in the task
 *   fail with a `CancelledError` (when there is none, the next one does), and the signal that the function
 *   received aborts. The task has ended when the function has, so a `finally` runs to its end first, and
 *   may wait. A function that returns all the same, because it catches the `CancelledError` or has no wait
 *   left, has its result, and is not cancelled.
 * - A function that declares a parameter for the signal answers to it: when nothing waits while the signal
 *   aborts, the next wait does not fail. It may be a part of the cleaning up, after a `fetch` that the signal
 *   ended.
 * - A task that awaits another one cancels it when it is cancelled itself; {@linkcode shield} prevents that.
 *   `then`, `catch` and `finally` are such a wait, `join` and `addDoneCallback` are none.
 * - A promise that does not come from this library cannot be cancelled: give it the signal, or wait for it
 *   with `waitFor`.
 * - A failure that nobody awaits or looks at is reported by the runtime as an unhandled rejection, as that
 *   of any promise; a cancellation is not.
 *
 * @example A task, awaited and cancelled
 * ```ts
 * import { CancelledError, sleep, spawn } from "@manyhands/concurrency/coroutine";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const sum = spawn(() => 1 + 2);
 * assertEquals(await sum, 3);
 *
 * const forever = spawn(() => sleep(Infinity));
 * forever.cancel();
 * await assertRejects(async () => await forever, CancelledError);
 * assertEquals(forever.cancelled(), true);
 * ```
 *
 * @typeParam T What it gives.
 */
export class Task<T> implements Promise<T> {
  readonly #scope: Scope = new Scope(this);
  readonly #values: Values;
  readonly #number = ++spawned;
  #run: TaskFunction<T> | undefined;
  #name: string | undefined;
  #state: State<T> = CREATED;
  #requests = 0;
  #observers: (() => void)[] | undefined;
  #callbacks: Callback[] | undefined;
  #promise: Promise<T> | undefined;
  /** How many answer for a failure. */
  #observing = 0;
  #cancelsItself = false;

  /**
   * Starts a function as a task. {@linkcode spawn} is the same and reads better.
   *
   * @param run The function.
   * @param options Its name, and what cancels it.
   * @throws {TypeError} When `run` is not a function.
   */
  constructor(run: TaskFunction<T>, options: TaskOptions = {}) {
    if (typeof run !== "function") {
      throw new TypeError(`Cannot spawn a task: expected a function, got ${typeof run}`);
    }
    this.#run = run;
    this.#values = options.context === undefined
      ? { map: currentValues().map }
      : options.context.run(currentValues);
    if (options.name !== undefined) this.#name = String(options.name);
    if (options.signal !== undefined) this.#follow(options.signal);
    ready.push(this);
    if (ready.length === 1) queueMicrotask(startReady);
  }

  /** The name of the class, as promises have one. */
  get [Symbol.toStringTag](): string {
    return "Task";
  }

  /** What the task is called in messages. */
  get name(): string {
    return this.#name ?? `Task-${this.#number}`;
  }

  /** What the task is called in messages. Any value is turned into text. */
  set name(name: string) {
    this.#name = String(name);
  }

  /**
   * Aborts when the task is cancelled. It is what the function receives. Work that asks its own task for it
   * answers to it as if it had received it.
   */
  get signal(): AbortSignal {
    return currentScope()?.owner === this ? this.#scope.signal : this.#scope.watched;
  }

  /**
   * Asks the task to end. See {@linkcode Task} for how the request reaches its function.
   *
   * A task that has not started never starts, and has ended at once.
   *
   * @param reason Why; it becomes the `cause` of the `CancelledError`. A `CancelledError` is passed on as it
   * is.
   * @returns `false` when the task has ended already, so that nothing was asked.
   */
  cancel(reason?: unknown): boolean {
    if (this.done()) return false;
    const error = reason instanceof CancelledError ? reason : new CancelledError(
      `${this.name} was cancelled`,
      reason === undefined ? undefined : { cause: reason },
    );
    this.#requests++;
    if (this.#state === CREATED) this.#finish({ kind: "cancelled", error });
    else this.#scope.cancel(error);
    if (currentScope()?.owner === this) this.#cancelsItself = true;
    return true;
  }

  /**
   * How many requests to cancel the task are not taken back.
   *
   * @returns The number of calls of `cancel`, less those of `uncancel`.
   */
  cancelling(): number {
    return this.#requests;
  }

  /**
   * Takes back one request to cancel: for a function that has caught the `CancelledError` and goes on for
   * good. When it was the last one, the task has a fresh signal; the old one stays aborted.
   *
   * @returns How many requests are left.
   */
  uncancel(): number {
    if (this.#requests > 0 && --this.#requests === 0) this.#scope.reset();
    return this.#requests;
  }

  /**
   * Whether the task has ended, in whatever way.
   *
   * @returns `true` when there is a result, an error or a cancellation.
   */
  done(): boolean {
    return this.#state !== CREATED && this.#state !== RUNNING;
  }

  /**
   * Whether the task has ended because it was cancelled.
   *
   * @returns `true` when its function ended with a `CancelledError`.
   */
  cancelled(): boolean {
    return this.#state.kind === "cancelled";
  }

  /**
   * What the function returned, without waiting.
   *
   * @returns The result.
   * @throws {InvalidStateError} When the task has not ended.
   * @throws {CancelledError} When the task was cancelled.
   */
  result(): T {
    const state = this.#state;
    if (state.kind === "succeeded") return state.value;
    if (state.kind === "failed") this.#answered();
    if (state.kind === "failed" || state.kind === "cancelled") throw state.error;
    throw new InvalidStateError(`Cannot read the result of ${this.name}: it has not ended`);
  }

  /**
   * What the function threw, without waiting.
   *
   * @returns The error, or `undefined` when there was none.
   * @throws {InvalidStateError} When the task has not ended.
   * @throws {CancelledError} When the task was cancelled.
   */
  exception(): unknown {
    const state = this.#state;
    if (state.kind === "failed") {
      this.#answered();
      return state.error;
    }
    this.result();
    return undefined;
  }

  /**
   * Waits until the task has ended, in whatever way; its error is not thrown.
   *
   * @param options How long to wait, and what stops the wait. The task goes on either way.
   * @returns `true` when it has ended, `false` when it had not after `timeoutMs`.
   * @throws {InvalidStateError} When the task itself calls it.
   */
  join(options: WaitOptions = {}): Promise<boolean> {
    if (currentScope()?.owner === this) return Promise.reject(this.#waitsForItself());
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const leave = taskInternals.observe(this, () => resolve(true));
    return waitWithin(promise, options, () => false).finally(leave);
  }

  /**
   * Calls a function, in a microtask of its own, when the task has ended, or now if it has. It runs outside
   * every task, with a copy of the context in which it was added.
   *
   * @param callback Receives the task.
   */
  addDoneCallback(callback: (task: this) => void): void {
    const values = { map: currentValues().map };
    const call = () => runInFrame({ scope: undefined, values }, callback, this);
    if (this.done()) queueMicrotask(call);
    else (this.#callbacks ??= []).push({ callback, call });
  }

  /**
   * Takes back what `addDoneCallback` did, as often as it was done with this function.
   *
   * @param callback The function.
   * @returns How many calls are taken back.
   */
  removeDoneCallback(callback: (task: this) => void): number {
    const before = this.#callbacks ?? [];
    const after = before.filter((other) => other.callback !== callback);
    this.#callbacks = after;
    return before.length - after.length;
  }

  /**
   * Awaits the task, as `await` does it.
   *
   * @param onFulfilled Receives the result.
   * @param onRejected Receives the error, or the `CancelledError`.
   * @returns A promise of what the called one returns.
   * @typeParam A What `onFulfilled` gives.
   * @typeParam B What `onRejected` gives.
   */
  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#awaited().then(onFulfilled, onRejected);
  }

  /**
   * Awaits the task for its error.
   *
   * @param onRejected Receives the error, or the `CancelledError`.
   * @returns A promise of the result, or of what `onRejected` returns.
   * @typeParam B What `onRejected` gives.
   */
  catch<B = never>(
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<T | B> {
    return this.#awaited().catch(onRejected);
  }

  /**
   * Awaits the end of the task.
   *
   * @param onFinally Is called when the task has ended.
   * @returns A promise of the result.
   */
  finally(onFinally?: (() => void) | null): Promise<T> {
    return this.#awaited().finally(onFinally);
  }

  /** The name and state of the task, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * The name and state of the task.
   *
   * @returns The text.
   */
  toString(): string {
    return `Task { ${this.name}, ${this.#state.kind} }`;
  }

  #follow(signal: AbortSignal): void {
    const onAbort = () => void this.cancel(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    this.#observe(() => signal.removeEventListener("abort", onAbort));
  }

  #start(): void {
    const run = this.#run;
    this.#run = undefined;
    if (run === undefined || this.#state !== CREATED) return;
    this.#state = RUNNING;
    try {
      // What it returns is awaited in the frame too: it may be another task.
      const returned = runInFrame(
        { scope: this.#scope, values: this.#values },
        call,
        this.#scope,
        run,
      );
      if (returned === LATER) return;
      if (returned instanceof Promise) {
        returned.then((value) => this.#succeed(value), (error) => this.#fail(error));
      } else this.#succeed(returned as T);
    } catch (error) {
      this.#fail(error);
    }
  }

  #succeed(value: T): void {
    const owed = this.#cancelsItself ? this.#scope.owed : undefined;
    if (owed === undefined) this.#finish({ kind: "succeeded", value });
    else this.#finish({ kind: "cancelled", error: owed.reason });
  }

  #fail(error: unknown): void {
    if (error instanceof CancelledError) {
      this.#finish({ kind: "cancelled", error });
    } else if (this.#requests > 0 && isAbortError(error)) {
      // What takes signals and does not pass their reasons on.
      this.#finish({ kind: "cancelled", error: this.#scope.watched.reason });
    } else {
      this.#finish({ kind: "failed", error });
    }
  }

  #finish(state: State<T>): void {
    this.#state = state;
    const observers = this.#observers;
    const callbacks = this.#callbacks;
    this.#observers = undefined;
    this.#callbacks = undefined;
    if (observers !== undefined) {
      for (const observer of observers) observer();
    }
    if (callbacks !== undefined) {
      for (const { call } of callbacks) queueMicrotask(call);
    }
    // Nobody has asked for it: the runtime shall tell, unless somebody asks before it looks.
    if (
      state.kind === "failed" && this.#observing === 0 && !(state.error instanceof CancelledError)
    ) {
      this.#promise = Promise.reject(state.error);
    }
  }

  /** Somebody has looked at the failure: the runtime need not tell. */
  #answered(): void {
    if (this.#observing > 0) return;
    this.#observing = 1;
    this.#promise?.catch(() => {});
  }

  #observe(observer: () => void): void {
    if (this.done()) observer();
    else if (this.#observers === undefined) this.#observers = [observer];
    else this.#observers.push(observer);
  }

  #awaited(): Promise<T> {
    if (!this.done()) {
      const scope = currentScope();
      if (scope !== undefined) {
        if (scope.owner === this) return Promise.reject(this.#waitsForItself());
        try {
          this.#observe(scope.enter((reason) => this.cancel(reason)));
        } catch (reason) {
          // The one who awaits was cancelled before: now he has something that can end, and waits for that.
          this.cancel(reason);
        }
      }
    }
    return this.#promise ??= this.#settled();
  }

  #settled(): Promise<T> {
    this.#observing++;
    const state = this.#state;
    if (state.kind === "succeeded") return Promise.resolve(state.value);
    if (state.kind === "failed" || state.kind === "cancelled") return Promise.reject(state.error);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#observe(() => {
      const state = this.#state;
      if (state.kind === "succeeded") resolve(state.value);
      else if (state.kind === "failed" || state.kind === "cancelled") reject(state.error);
    });
    return promise;
  }

  #waitsForItself(): InvalidStateError {
    return new InvalidStateError(`Cannot wait for ${this.name}: it would wait for itself`);
  }

  static {
    taskInternals.observe = (task, observer) => {
      if (!(#state in task)) throw new TypeError("Cannot observe: it is not a task");
      if (task.done()) {
        task.#answered();
        observer();
        return () => {};
      }
      task.#observing++;
      task.#observe(observer);
      return () => {
        const at = task.#observers?.indexOf(observer) ?? -1;
        if (at < 0) return;
        task.#observers?.splice(at, 1);
        task.#observing--;
      };
    };
    taskInternals.startNow = (task) => {
      if (#state in task) task.#start();
    };
    taskInternals.end = (task, ending) => {
      if (#state in task && !task.done()) task.#finish(ending as State<never>);
    };
  }
}

function startReady(): void {
  const tasks = ready;
  ready = [];
  for (const task of tasks) taskInternals.startNow(task);
}

/**
 * Runs a function as a task: beside the code that spawns it, on the same event loop.
 *
 * It is gevent's {@link https://www.gevent.org/api/gevent.greenlet.html | spawn} and asyncio's
 * {@link https://docs.python.org/3/library/asyncio-task.html#asyncio.create_task | create_task}. A task that
 * shall not outlive a block of code is spawned in a `TaskGroup`.
 *
 * @param run The function. It receives the signal of the task; arguments are passed by a closure.
 * @param options Its name, and what cancels it.
 * @returns The task.
 * @throws {TypeError} When `run` is not a function.
 *
 * @example Two tasks that take turns
 * ```ts
 * import { sleep, spawn } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const seen: string[] = [];
 * async function count(name: string): Promise<void> {
 *   for (const n of [1, 2]) {
 *     seen.push(`${name}${n}`);
 *     await sleep(0);
 *   }
 * }
 * const a = spawn(() => count("a"));
 * const b = spawn(() => count("b"));
 * await a;
 * await b;
 * assertEquals(seen, ["a1", "b1", "a2", "b2"]);
 * ```
 *
 * @typeParam T What the function gives.
 */
export function spawn<T>(run: TaskFunction<T>, options: TaskOptions = {}): Task<T> {
  return new Task(run, options);
}

/**
 * The task that runs this code, also after an `await`.
 *
 * @returns The task, or `undefined` outside every task.
 *
 * @example The name of the running task
 * ```ts
 * import { currentTask, spawn } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await spawn(() => currentTask()?.name, { name: "counter" }), "counter");
 * assertEquals(currentTask(), undefined);
 * ```
 */
export function currentTask(): Task<unknown> | undefined {
  return currentScope()?.owner as Task<unknown> | undefined;
}

function call<T>(scope: Scope, run: TaskFunction<T>): T | Promise<T> {
  // A function that does not declare the signal is told of a cancellation by its next wait. It is given
  // the signal all the same: it may pass all that it is given to another one.
  const returned = run(run.length === 0 ? scope.watched : scope.signal);
  return isThenable(returned) ? Promise.resolve(returned) : returned;
}
