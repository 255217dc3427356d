/**
 * A thread that runs a function.
 *
 * @module
 */

import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { readModule, readSubclass, readTarget } from "../coroutine/_read_target.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { decode, type Encoded } from "../ipc/_encoding.ts";
import { decodeError } from "../ipc/_wire_error.ts";
import { allocateIdent, currentIdent, markEnded, threadLockName, threadTable } from "./_ident.ts";
import { callExcepthook } from "./_hook.ts";
import { access, INTERNALS, type ThreadInternals } from "./_internals.ts";
import { keepAlive, letEnd } from "./_keep_alive.ts";
import type { Told } from "./_messages.ts";
import { takeMoved } from "./_moved.ts";
import { markOrphans } from "./_orphans.ts";
import { addThread, removeThread } from "./_registry.ts";
import { packShared, unpackShared } from "./_shared.ts";
import { revival, state } from "./_state.ts";
import { type StartedWorker, startWorker } from "./_worker.ts";
import { ThreadDiedError, ThreadNotStoppedError, ThreadStateError } from "./errors.ts";
import type { TargetFunction, ThreadOptions } from "./thread_options.ts";

/** How long a thread that was told to end may take, unless the caller says otherwise. */
const TERMINATE_GRACE_MS = 1_000;

/** Options for {@linkcode Thread.terminate}. */
export interface TerminateOptions {
  /**
   * How long the thread may take to end, in milliseconds.
   *
   * @default {1000}
   */
  graceMs?: number | undefined;
  /**
   * Stops the wait for the end. The thread was told to end already.
   *
   * @default {undefined}
   */
  signal?: AbortSignal | undefined;
}

/**
 * A thread that runs one function of a module, at the same time as this one, with an event loop of its own.
 *
 * - Threads share no variables: each imports the modules for itself. They share what is on shared memory
 *   and is passed as an argument.
 * - {@linkcode result} always settles: with what the function returned or threw, or with a
 *   {@linkcode ThreadDiedError} when the thread ended before.
 * - An error that the thread does not catch goes to the hook of {@linkcode setExcepthook}, which prints it, and
 *   ends the thread. It never ends the program; a thread that takes all memory does, as the runtime has it (a
 *   `Process` has a `memoryLimitMb`).
 * - The thread ends when the function has settled and the threads that it started have ended (those that
 *   are no daemons); timers that are left do not keep it alive.
 * - The program does not end before its threads, except for daemons. A thread that ends takes the daemons that
 *   it started with it.
 * - Disposing terminates a thread that still runs, and waits for its end.
 *
 * A class that extends it and overrides {@linkcode run} is found in the thread by its name among the exports
 * of `module`. Its constructor does not run there: the object's own fields cross as arguments do. Fields with
 * `#` stay in the thread that made them.
 *
 * Needs `--allow-read` for the files of local modules, as every Worker does. It is Python's
 * {@link https://docs.python.org/3/library/threading.html#threading.Thread | threading.Thread}; the thread
 * imports the module, so code that starts threads stands under `if (import.meta.main)`.
 *
 * @example A function in a thread of its own
 * ```ts
 * import { Thread } from "@manyhands/concurrency/thread";
 *
 * export function square(n: number): number {
 *   return n * n;
 * }
 *
 * if (import.meta.main) {
 *   await using thread = new Thread({ module: import.meta.url, target: square, args: [7] });
 *   await thread.start();
 *   console.log(await thread.result()); // 49
 * }
 * ```
 *
 * @example A thread that can be stopped, whatever it does
 * ```ts
 * import { Thread } from "@manyhands/concurrency/thread";
 *
 * export function spin(): void {
 *   while (true);
 * }
 *
 * if (import.meta.main) {
 *   await using thread = new Thread({ module: import.meta.url, target: spin, killable: true });
 *   await thread.start();
 *   await thread.terminate();
 *   console.log(thread.isAlive()); // false
 * }
 * ```
 *
 * @example A subclass
 * ```ts
 * import { Thread } from "@manyhands/concurrency/thread";
 *
 * export class Doubler extends Thread<() => number> {
 *   constructor(readonly n: number) {
 *     super({ module: import.meta.url });
 *   }
 *
 *   override run(): number {
 *     return 2 * this.n;
 *   }
 * }
 *
 * if (import.meta.main) {
 *   await using thread = new Doubler(21);
 *   await thread.start();
 *   console.log(await thread.result()); // 42
 * }
 * ```
 *
 * @typeParam F The type of the target, or of a subclass's `run()`.
 */
export class Thread<F extends TargetFunction = TargetFunction> implements AsyncDisposable {
  readonly #options: ThreadOptions<F> & ThreadInternals;
  readonly #module: string;
  readonly #target: string | undefined;
  readonly #subclass: string | undefined;
  readonly #name: string;
  readonly #daemon: boolean;
  readonly #control = new Int32Array(new SharedArrayBuffer(4));
  readonly #ready = Promise.withResolvers<void>();
  readonly #result = Promise.withResolvers<Awaited<ReturnType<F>>>();
  readonly #ended = Promise.withResolvers<true>();
  #worker: StartedWorker | undefined;
  #ident: number | undefined;
  #exception: unknown;
  #isSettled = false;
  #isEnded = false;
  #isClosed = false;

  static {
    access.begin = (thread) => {
      (thread as Thread).#checkStart();
      (thread as Thread).#begin();
    };
    revival.isSubclass = (value) =>
      typeof value === "function" && value.prototype instanceof Thread;
    // The fields of Thread itself are there, and the constructor of the subclass does not run.
    revival.revive = (subclass, { target, args }) => {
      const options: ThreadOptions<TargetFunction> & ThreadInternals = {
        ...{ module: import.meta.url, target, args, name: state.name, killable: state.killable },
        [INTERNALS]: { isSelf: true },
      };
      return Reflect.construct(Thread, [options], subclass as () => void);
    };
  }

  /**
   * Describes a thread; {@linkcode start} starts it.
   *
   * @param options What to run, and how.
   * @throws {TypeError} When an option is of the wrong kind, the target has no name, there is neither a target nor
   * a `run()` of a subclass, or `permissions` comes with `daemon` or `killable`.
   */
  constructor(options: ThreadOptions<F>) {
    const { module, target, args = [], name, daemon = state.daemon, permissions } = options;
    const isSelf = (options as ThreadInternals)[INTERNALS]?.isSelf === true;
    this.#module = readModule("thread", module);
    this.#subclass = new.target.prototype.run === Thread.prototype.run
      ? undefined
      : readSubclass("thread", new.target);
    this.#target = isSelf || (target === undefined && this.#subclass !== undefined)
      ? undefined
      : readTarget("thread", target);
    if (!Array.isArray(args)) throw new TypeError('Cannot create a thread: "args" is no array');
    this.#daemon = daemon;
    this.#options = options;
    if (isSelf) this.#ident = currentIdent();
    if (permissions !== undefined && this.killable) {
      throw new TypeError(
        'Cannot create a thread: "permissions" cannot be had together with "daemon" or "killable"',
      );
    }
    // As in Python, an empty name is none.
    this.#name = name === undefined || name === ""
      ? `Thread-${++state.made}${this.#target === undefined ? "" : ` (${this.#target})`}`
      : String(name);
    // Whoever does not ask has not failed to handle it: the hook has the error.
    this.#result.promise.catch(() => {});
    this.#ready.promise.catch(() => {});
  }

  /** The name, for people. */
  get name(): string {
    return this.#name;
  }

  /** Whether the program may end without waiting for the thread, which then ends as well. */
  get daemon(): boolean {
    return this.#daemon;
  }

  /** Whether {@linkcode terminate} can stop the thread in the midst of synchronous code; true for daemons. */
  get killable(): boolean {
    return this.#daemon || this.#options.killable === true;
  }

  /** The number of the thread, which no other one has had; `undefined` before the start. */
  get ident(): number | undefined {
    return this.#ident;
  }

  /** What ended the thread: what it threw, or a {@linkcode ThreadDiedError}; `undefined` if nothing did. */
  get exception(): unknown {
    return this.#exception;
  }

  /**
   * What the thread does: it calls the target. A subclass may override it; it is called in the thread, on an
   * object that has the fields of this one. Called here, it runs here.
   *
   * @returns What the target returns.
   * @throws {ThreadStateError} When the target is known by its name only, and this is not the thread.
   */
  run(): ReturnType<F> {
    const { target, args = [] } = this.#options;
    if (typeof target === "function") return target(...args as unknown[]) as ReturnType<F>;
    throw new ThreadStateError(
      target === undefined
        ? `Cannot run ${this.#name}: it has no target`
        : `Cannot run ${this.#name} here: its target "${target}" is known by name only`,
    );
  }

  /**
   * Starts the thread. {@linkcode ident} is there as soon as this was called.
   *
   * @param options How long to wait, and what stops the wait; in either case the thread is terminated.
   * @returns When the thread has imported its module and is about to run the target.
   * @throws {ThreadStateError} When the thread was started before or is closed, or when a thread that is
   * still importing its module starts one (the guard `if (import.meta.main)` is missing).
   * @throws {TypeError} When the module does not export the target, or an argument or a field cannot be
   * cloned.
   * @throws {ThreadDiedError} When the thread ended before it could run the target.
   * @throws {TimeoutError} When it took longer than `timeoutMs`.
   */
  async start(options: WaitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    checkTimeout(options.timeoutMs);
    this.#checkStart();
    this.#begin();
    let isReady = false;
    this.#ready.promise.then(() => isReady = true, () => isReady = true);
    try {
      await this.#wait(this.#ready.promise, options, (timeoutMs) => {
        throw new TimeoutError(`${this.#name} did not start within ${timeoutMs} ms`);
      });
    } catch (error) {
      // The caller does not want to wait any more.
      if (!isReady) this.#tellToEnd();
      throw error;
    }
  }

  /**
   * What the target returned.
   *
   * @param options How long to wait, and what stops the wait. The thread is not stopped.
   * @returns The value, when the target has returned it.
   * @throws {ThreadStateError} When the thread was not started.
   * @throws {ThreadDiedError} When the thread ended before the target did.
   * @throws {TimeoutError} When the target had not returned after `timeoutMs`.
   */
  async result(options: WaitOptions = {}): Promise<Awaited<ReturnType<F>>> {
    this.#checkStarted("get the result of");
    return await this.#wait(this.#result.promise, options, (timeoutMs) => {
      throw new TimeoutError(
        `${this.#name} runs, and ${this.#what()} did not return within ${timeoutMs} ms`,
      );
    });
  }

  /**
   * Waits until the thread has ended.
   *
   * @param options How long to wait, and what stops the wait. The thread is not stopped.
   * @returns Whether it has ended: `false` when `timeoutMs` was over before.
   * @throws {ThreadStateError} When the thread was not started, or is the one that calls this.
   */
  async join(options: WaitOptions = {}): Promise<boolean> {
    this.#checkStarted("join");
    return await this.#wait(this.#ended.promise, options, () => false);
  }

  /**
   * Whether the thread was started and has not ended.
   *
   * @returns `true` while it runs.
   */
  isAlive(): boolean {
    return this.#isSelf() || this.#worker !== undefined && !this.#isEnded;
  }

  /**
   * Ends the thread, and waits until it has ended.
   *
   * - A killable thread ends at once, whatever it does.
   * - Another one ends at its next turn of the event loop, or in the blocking wait of a lock or the like
   *   of this library in which it is. It cannot be stopped in the midst of other synchronous code: then this
   *   rejects once the grace is over, and the thread goes on until it comes to its next turn.
   *
   * The `finally` blocks of the thread are not sure to run. A thread that has ended is left alone.
   *
   * @param options How long it may take, and what stops the wait.
   * @returns When the thread has ended.
   * @throws {ThreadStateError} When the thread was not started.
   * @throws {ThreadNotStoppedError} When the thread runs on after the grace.
   */
  async terminate(options: TerminateOptions = {}): Promise<void> {
    const { graceMs = TERMINATE_GRACE_MS, signal } = options;
    signal?.throwIfAborted();
    checkTimeout(graceMs, "graceMs");
    this.#checkStarted("terminate");
    if (this.#isEnded) return;
    this.#tellToEnd();
    if (await this.join({ timeoutMs: graceMs, signal })) return;
    throw new ThreadNotStoppedError(
      `${this.#name} was told to end and still runs after ${graceMs} ms: ` +
        (this.killable
          ? "this version of the runtime does not stop a killable thread in the midst of synchronous code"
          : 'it is in the midst of synchronous code, where only a thread with "killable: true" can be ' +
            "stopped"),
    );
  }

  /**
   * Forgets a thread that has ended or was never started. It cannot be started or joined afterwards.
   *
   * @throws {ThreadStateError} When the thread still runs.
   */
  close(): void {
    if (this.isAlive()) {
      throw new ThreadStateError(
        `Cannot close ${this.#name}: it still runs; call join() or terminate() first`,
      );
    }
    this.#isClosed = true;
  }

  /**
   * Terminates the thread if it still runs, and waits for its end.
   *
   * @throws {ThreadNotStoppedError} When the thread runs on after the grace.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isAlive()) await this.terminate();
    this.#isClosed = true;
  }

  /**
   * The name, the state, and whether it is a daemon, for people.
   *
   * @returns A text such as `Thread(Thread-1 (square), started daemon 2)`.
   */
  toString(): string {
    const phase = this.isAlive() ? "started" : this.#isEnded ? "stopped" : "initial";
    const ident = this.#ident === undefined ? "" : ` ${this.#ident}`;
    return `Thread(${this.#name}, ${phase}${this.#daemon ? " daemon" : ""}${ident})`;
  }

  /** Whether this object was made in the thread that it stands for. */
  #isSelf(): boolean {
    return this.#options[INTERNALS]?.isSelf === true;
  }

  /** What the thread runs, for the texts of errors. */
  #what(): string {
    return this.#subclass === undefined ? `"${this.#target}"` : `${this.#subclass}.run()`;
  }

  #checkStart(): void {
    if (this.#isClosed) throw new ThreadStateError(`Cannot start ${this.#name}: it is closed`);
    if (this.#ident !== undefined) {
      throw new ThreadStateError(`Cannot start ${this.#name}: it was started before`);
    }
    if (state.importing) {
      throw new ThreadStateError(
        `Cannot start ${this.#name}: a thread is still importing this module. Put what starts threads ` +
          "under `if (import.meta.main)`, so that it does not run again in every thread",
      );
    }
  }

  #checkStarted(action: string): void {
    if (this.#isSelf()) {
      throw new ThreadStateError(
        `Cannot ${action} ${this.#name}: it is the thread that runs this; ask the one that started it`,
      );
    }
    if (this.#isClosed) throw new ThreadStateError(`Cannot ${action} ${this.#name}: it is closed`);
    if (this.#worker === undefined) {
      throw new ThreadStateError(`Cannot ${action} ${this.#name}: it was not started`);
    }
  }

  #begin(): void {
    const ident = allocateIdent();
    const args: unknown[] = [...this.#options.args ?? []];
    const fields = this.#subclass === undefined ? undefined : { ...this };
    const packed = packShared({ args, fields }) as { args: unknown; fields: unknown };
    try {
      this.#worker = startWorker({
        boot: {
          module: this.#module,
          target: this.#target,
          subclass: this.#subclass,
          args: packed.args,
          fields: packed.fields,
          isPlain: packed.args === args && packed.fields === fields,
          name: this.#name,
          ident,
          daemon: this.#daemon,
          killable: this.killable,
          control: this.#control,
          table: threadTable(),
          lock: threadLockName(ident),
        },
        isKillable: this.killable && this.#options[INTERNALS]?.isUnstoppable !== true,
        permissions: this.#options.permissions,
        transfer: takeMoved([args, fields]),
        onTold: (told) => this.#onTold(told),
        onFailure: (message) => {
          if (this.#options[INTERNALS]?.isForgotten === true) this.#callHook(message);
          this.#die(message, { cause: new Error(message) });
        },
      });
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== "DataCloneError") throw error;
      throw new TypeError(
        `Cannot start ${this.#name}: ${this.#findUncloneable()} cannot be cloned (${error.message})`,
        { cause: error },
      );
    }
    this.#ident = ident;
    const self = { name: this.#name, ident, daemon: this.#daemon };
    addThread(self);
    const ended = this.#worker.ended.then(() => {
      this.#isEnded = true;
      markEnded(ident);
      markOrphans(ident);
      removeThread(ident);
      state.children.delete(ended);
      this.#die(this.#control[0] === 0 ? "it was closed from within" : "it was terminated");
      this.#ended.resolve(true);
      this.#options[INTERNALS]?.onEnded?.();
    });
    if (!this.#daemon) state.children.add(ended);
  }

  /** What of this object cannot go to the thread, for the text of an error. */
  #findUncloneable(): string {
    if (this.#subclass === undefined) return "an argument";
    for (const [field, value] of Object.entries(this)) {
      try {
        structuredClone(packShared(value));
      } catch {
        return `the field "${field}" of the ${this.#subclass} (a field with "#" would stay here)`;
      }
    }
    return "an argument";
  }

  #onTold(told: Told): void {
    switch (told.kind) {
      case "ready":
        return this.#ready.resolve();
      case "refused": {
        const error = readError(told.error);
        if (this.#options[INTERNALS]?.isForgotten === true) this.#callHook(error);
        return this.#fail(error);
      }
      case "thrown": {
        const error = readError(told.error);
        // Before those who wait for the result go on.
        if (this.#options[INTERNALS]?.isQuiet !== true) this.#callHook(error);
        return this.#fail(error);
      }
      case "returned":
        return this.#return(told.value);
      case "exited":
        return this.#die("it called exit()");
    }
  }

  #callHook(error: unknown): void {
    if (this.#isSettled) return;
    callExcepthook(error, { name: this.#name, ident: this.#ident!, daemon: this.#daemon });
  }

  #return(value: unknown): void {
    this.#isSettled = true;
    try {
      this.#result.resolve(unpackShared(value) as Awaited<ReturnType<F>>);
    } catch (error) {
      this.#isSettled = false;
      this.#fail(error);
    }
  }

  #die(how: string, options?: ErrorOptions): void {
    if (this.#isSettled) return;
    const text = `${this.#name} ended before ${this.#what()} had returned: ${how}`;
    this.#fail(new ThreadDiedError(text, options));
  }

  #fail(error: unknown): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#exception = error;
    this.#ready.reject(error);
    this.#result.reject(error);
  }

  #tellToEnd(): void {
    // Wakes our own blocking waits: a thread that is parked takes no messages.
    Atomics.store(this.#control, 0, 1);
    Atomics.notify(this.#control, 0);
    this.#worker!.terminate();
  }

  /** Waits, and has the program go on: neither a daemon nor a Web Lock that is waited for does so. */
  async #wait<T>(
    promise: Promise<T>,
    options: WaitOptions,
    timedOut: (timeoutMs: number) => T,
  ): Promise<T> {
    keepAlive();
    try {
      return await waitWithin(promise, options, timedOut);
    } finally {
      letEnd();
    }
  }
}

function readError({ encoding, payload }: Encoded): unknown {
  const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  return decodeError(decode(encoding, bytes as Uint8Array<ArrayBuffer>));
}
