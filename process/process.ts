/**
 * A process that runs a function.
 *
 * @module
 */

import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { runOutsideTasks } from "../coroutine/_current_scope.ts";
import { describe } from "../coroutine/_describe.ts";
import { readModule, readSubclass, readTarget } from "../coroutine/_read_target.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { encode } from "../ipc/_encoding.ts";
import type { ChildSession } from "../ipc/_family.ts";
import { Passing } from "../ipc/_passing.ts";
import type { Session } from "../ipc/_session.ts";
import { FamilyChild, type FamilyChildOptions } from "./_family_child.ts";
import { INTERNALS, type ProcessInternals, SELF, type SelfInternals } from "./_internals.ts";
import { keepAlive } from "./_keep_alive.ts";
import { checkNiceness } from "./_niceness.ts";
import { processDeath } from "./_process_death.ts";
import { readMemoryLimit } from "./_read_memory_limit.ts";
import { nextIdentity, revival, state } from "./_state.ts";
import { type ProcessDiedError, ProcessStateError } from "./errors.ts";
import type { ProcessOptions, TargetFunction } from "./process_options.ts";

/** How long a process that was told to end may take before it is killed. */
const TERMINATE_GRACE_MS = 2_000;

/** How long a child that has closed its channel may go on before it is killed. */
const SILENT_GRACE_MS = 5_000;

const alive = new Set<Process>();

/**
 * A process that runs one function of a module, with its own memory, its own event loop, and no
 * permission that was not granted.
 *
 * - {@linkcode result} always settles: with what the function returned or threw, or with a
 *   {@linkcode ProcessDiedError} when the process ended before.
 * - No child outlives its parent, however the parent ends.
 * - What the function throws is also printed on standard error, and the exit code is then 1.
 * - The process ends when the function has settled, as in Python: timers and servers that are left do
 *   not keep it alive.
 * - {@linkcode exit} ends it from within, with an exit code.
 * - Disposing terminates a process that still runs, and waits for its end.
 *
 * A class that extends it and overrides {@linkcode run} is found in the child by its name among the exports
 * of `module`. Its constructor does not run there, as in Python: the object's own fields are copied, so they
 * must be data that can be carried, or queues of `ipc`. Fields with `#` stay in the process that made them.
 *
 * Needs `--allow-run=deno --allow-net=127.0.0.1`. It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Process | multiprocessing.Process}
 * with the *spawn* start method: the child imports the module, so code that starts processes stands under
 * `if (import.meta.main)`.
 *
 * @example A function in a process of its own
 * ```ts
 * import { Process } from "@manyhands/concurrency/process";
 *
 * export function square(n: number): number {
 *   return n * n;
 * }
 *
 * if (import.meta.main) {
 *   await using child = new Process({ module: import.meta.url, target: square, args: [7] });
 *   await child.start();
 *   console.log(await child.result()); // 49
 * }
 * ```
 *
 * @example A subclass
 * ```ts
 * import { Process } from "@manyhands/concurrency/process";
 *
 * export class Doubler extends Process<() => number> {
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
 *   await using child = new Doubler(21);
 *   await child.start();
 *   console.log(await child.result()); // 42
 * }
 * ```
 *
 * @typeParam F The type of the target, or of a subclass's `run()`.
 */
export class Process<F extends TargetFunction = TargetFunction> implements AsyncDisposable {
  readonly #options: ProcessOptions<F> & ProcessInternals & SelfInternals;
  readonly #module: string;
  readonly #target: string | undefined;
  readonly #subclass: string | undefined;
  readonly #name: string;
  readonly #identity: readonly number[];
  readonly #daemon: boolean;
  readonly #result = Promise.withResolvers<Awaited<ReturnType<F>>>();
  readonly #exited = Promise.withResolvers<void>();
  /** The same for those who join: one for all, since each would stay with it. */
  #joined: Promise<boolean> | undefined;
  #child: FamilyChild | undefined;
  /** What the child was given, and may never take. */
  readonly #passing = new Passing();
  #isClosed = false;

  static {
    revival.isSubclass = (subclass) =>
      typeof subclass === "function" && subclass.prototype instanceof Process;
    // The fields of Process itself are there, and the constructor of the subclass does not run.
    revival.revive = (subclass, { target, args }) =>
      Reflect.construct(
        Process,
        [{ module: import.meta.url, target, args, [SELF]: true }],
        subclass as () => void,
      );
  }

  /**
   * Describes a process; {@linkcode start} starts it.
   *
   * @param options What to run, and how.
   * @throws {TypeError} When an option is of the wrong kind, the target has no name, or there is neither a
   * target nor a `run()` of a subclass.
   * @throws {RangeError} When a number is outside of its range.
   */
  constructor(options: ProcessOptions<F>) {
    const { module, target, args = [], name, daemon = state.daemon } = options;
    const { memoryLimitMb, niceness } = options;
    const isSelf = (options as SelfInternals)[SELF] === true;
    this.#module = readModule("process", module);
    this.#subclass = new.target.prototype.run === Process.prototype.run
      ? undefined
      : readSubclass("process", new.target);
    this.#target = isSelf || (target === undefined && this.#subclass !== undefined)
      ? undefined
      : readTarget("process", target);
    if (!Array.isArray(args)) throw new TypeError('Cannot create a process: "args" is no array');
    readMemoryLimit(memoryLimitMb);
    checkNiceness(niceness);
    const next = isSelf ? state : nextIdentity();
    this.#name = name ?? next.name;
    this.#identity = next.identity;
    this.#daemon = daemon;
    this.#options = options;
    // Whoever does not ask for the result has not failed to handle it: it is printed on stderr.
    this.#result.promise.catch(() => {});
  }

  /** The name, for people. */
  get name(): string {
    return this.#name;
  }

  /** Whether this process may end without waiting for the child, which then ends as well. */
  get daemon(): boolean {
    return this.#daemon;
  }

  /** The process id; `undefined` before the start. */
  get pid(): number | undefined {
    return this.#isSelf() ? Deno.pid : this.#child?.pid;
  }

  /** The exit code; `-n` when signal number `n` ended the process; `undefined` while it has not ended. */
  get exitCode(): number | undefined {
    return this.#child?.exitCode;
  }

  /** Resolves when the process has ended, however it did. For use in `Promise.race` and the like. */
  get sentinel(): Promise<void> {
    return this.#exited.promise;
  }

  /** What the child prints, when the option `stdout` is `"piped"`. */
  get stdout(): ReadableStream<Uint8Array> {
    return this.#output("stdout");
  }

  /** What the child prints on standard error, when the option `stderr` is `"piped"`. */
  get stderr(): ReadableStream<Uint8Array> {
    return this.#output("stderr");
  }

  /**
   * What the child does: it calls the target. A subclass may override it; it is called in the child, on an
   * object that has the fields of this one. Called here, it runs here.
   *
   * @returns What the target returns.
   * @throws {ProcessStateError} When the target is known by its name only, and this is not the child.
   */
  run(): ReturnType<F> {
    const { target, args = [] } = this.#options;
    if (typeof target === "function") return target(...args as unknown[]) as ReturnType<F>;
    throw new ProcessStateError(
      target === undefined
        ? `Cannot run ${this.#name}: it has no target`
        : `Cannot run ${this.#name} here: its target "${target}" is known by name only`,
    );
  }

  /**
   * Starts the process. The process id is there as soon as this was called.
   *
   * @param options How long to wait, and what stops the wait; in either case the child is killed.
   * @returns When the child has imported its module and is about to run the target.
   * @throws {ProcessStateError} When the process was started before or is closed, when this process is a
   * daemon, or when a child that is still importing its module starts a process (the guard
   * `if (import.meta.main)` is missing).
   * @throws {TypeError} When the module does not export the target, or an argument or a field cannot be
   * carried.
   * @throws {ProcessDiedError} When the child ended before it could run the target.
   * @throws {TimeoutError} When it took longer than `timeoutMs`.
   */
  async start(options: WaitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    checkTimeout(options.timeoutMs);
    this.#checkStart();
    let settled = false;
    const begun = this.#launch().finally(() => settled = true);
    begun.catch(() => {});
    const waiting = waitWithin(begun, options, (timeoutMs) => {
      throw new TimeoutError(`${this.#name} did not start within ${timeoutMs} ms`);
    });
    try {
      await keepAlive(waiting);
    } catch (error) {
      if (!settled) {
        // The caller does not want to wait any more.
        this.kill();
        await keepAlive(this.sentinel);
      }
      throw error;
    }
  }

  /**
   * What the target returned.
   *
   * @param options How long to wait, and what stops the wait. The process is not stopped.
   * @returns The value, when the target has returned it.
   * @throws {ProcessStateError} When the process was not started.
   * @throws {ProcessDiedError} When the process ended before the target did.
   * @throws {TimeoutError} When the target had not returned after `timeoutMs`.
   */
  async result(options: WaitOptions = {}): Promise<Awaited<ReturnType<F>>> {
    this.#checkStarted("get the result of");
    return await keepAlive(waitWithin(this.#result.promise, options, (timeoutMs) => {
      throw new TimeoutError(
        `${this.#name} runs, and ${this.#what()} did not return within ${timeoutMs} ms`,
      );
    }));
  }

  /**
   * Waits until the process has ended.
   *
   * @param options How long to wait, and what stops the wait. The process is not stopped.
   * @returns Whether it has ended: `false` when `timeoutMs` was over before.
   * @throws {ProcessStateError} When the process was not started.
   */
  async join(options: WaitOptions = {}): Promise<boolean> {
    this.#checkStarted("join");
    const joined = this.#joined ??= this.#exited.promise.then(() => true);
    return await keepAlive(waitWithin(joined, options, () => false));
  }

  /**
   * Whether the process was started and has not ended.
   *
   * @returns `true` while it runs.
   */
  isAlive(): boolean {
    return this.#isSelf() || (this.#child !== undefined && this.#child.status === undefined);
  }

  /**
   * Asks the process to end (SIGTERM). A process that has ended is left alone. Windows has no signals: there it ends
   * at once, as by {@linkcode kill}.
   *
   * @throws {ProcessStateError} When the process was not started.
   */
  terminate(): void {
    this.#signal("SIGTERM");
  }

  /**
   * Ends the process at once (SIGKILL), whatever it does. A process that has ended is left alone.
   *
   * @throws {ProcessStateError} When the process was not started.
   */
  kill(): void {
    this.#signal("SIGKILL");
  }

  /**
   * Forgets a process that has ended or was never started. It cannot be started, joined or signalled
   * afterwards.
   *
   * @throws {ProcessStateError} When the process still runs.
   */
  close(): void {
    if (this.isAlive()) {
      throw new ProcessStateError(
        `Cannot close ${this.#name}: it still runs; call join() or terminate() first`,
      );
    }
    this.#isClosed = true;
  }

  /** Terminates the process if it still runs, and waits for its end; kills it when that takes long. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isAlive()) {
      this.terminate();
      // A task that is left because it was cancelled is not to leave the process behind.
      const hasEnded = runOutsideTasks(() => this.join({ timeoutMs: TERMINATE_GRACE_MS }));
      if (!await hasEnded) this.kill();
    }
    if (this.#child !== undefined) await keepAlive(this.#exited.promise);
    this.#isClosed = true;
  }

  /** The name, the process id and the state, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * The name, the process id, the state, and whether it is a daemon, for people.
   *
   * @returns A text such as `Process { Process-1, pid: 4711, started, daemon }`.
   */
  toString(): string {
    const pid = this.pid === undefined ? undefined : `pid: ${this.pid}`;
    const { exitCode } = this;
    const state = this.isAlive()
      ? "started"
      : exitCode === undefined
      ? "initial"
      : `stopped, exitCode: ${exitCode}`;
    return describe(this, this.#name, pid, state, this.#daemon ? "daemon" : undefined);
  }

  /** Whether this process may end although the child runs. */
  #isBackground(): boolean {
    return this.#daemon || this.#options[INTERNALS]?.background === true;
  }

  /** Whether this object was made in the child, and is the process in which it is. */
  #isSelf(): boolean {
    return this.#options[SELF] === true;
  }

  /** What the child runs, for the texts of errors. */
  #what(): string {
    return this.#subclass === undefined ? `"${this.#target}"` : `${this.#subclass}.run()`;
  }

  #checkStart(): void {
    if (this.#isClosed) throw new ProcessStateError(`Cannot start ${this.#name}: it is closed`);
    if (this.#child !== undefined || this.#isSelf()) {
      throw new ProcessStateError(`Cannot start ${this.#name}: it was started before`);
    }
    if (state.importing) {
      throw new ProcessStateError(
        `Cannot start ${this.#name}: a child process is still importing this module. Put what starts ` +
          "processes under `if (import.meta.main)`, so that it does not run again in every child",
      );
    }
    if (state.daemon) {
      throw new ProcessStateError(
        `Cannot start ${this.#name}: ${state.name} is a daemon, and daemons have no children`,
      );
    }
  }

  #checkStarted(action: string): void {
    if (this.#isSelf()) {
      throw new ProcessStateError(
        `Cannot ${action} ${this.#name}: it is the process that runs this; ask its parent to`,
      );
    }
    if (this.#isClosed) throw new ProcessStateError(`Cannot ${action} ${this.#name}: it is closed`);
    if (this.#child === undefined) {
      throw new ProcessStateError(`Cannot ${action} ${this.#name}: it was not started`);
    }
  }

  /** The arguments and, for a subclass, the fields, when both can be carried. */
  #readCall(): unknown[] {
    const args = [...this.#options.args ?? []];
    this.#passing.collect(() => encode(args));
    if (this.#subclass === undefined) return [args];
    const fields = Object.fromEntries(Object.entries(this));
    try {
      this.#passing.collect(() => encode(fields));
    } catch (error) {
      const { message } = error as Error;
      throw new TypeError(
        `Cannot start ${this.#name}: a field of the ${this.#subclass} cannot go to the child; a field ` +
          `with "#" stays here (${message})`,
        { cause: error },
      );
    }
    return [args, fields];
  }

  /** Spawns the child, at once, and has it run the target. */
  #launch(): Promise<void> {
    let call: unknown[];
    let arrived: Promise<ChildSession>;
    try {
      call = this.#readCall();
      arrived = this.#spawn(call);
    } catch (error) {
      this.#passing.recall();
      throw error;
    }
    return this.#begin(arrived, call);
  }

  #spawn(call: readonly unknown[]): Promise<ChildSession> {
    const { permissions = "none", env, cwd, config, executable } = this.#options;
    const { stdout = "inherit", stderr = "inherit", memoryLimitMb, niceness } = this.#options;
    const companions = this.#options[INTERNALS]?.companions ?? [];
    const self = this as unknown as Process;
    const options: FamilyChildOptions = {
      spawn: {
        program: {
          modules: [this.#module, ...companions],
          // The module that the user wrote: ours needs no configuration.
          configModule: companions[0] ?? this.#module,
        },
        ...{ env, cwd, stdout, stderr, config, executable, memoryLimitMb, niceness },
      },
      boot: {
        name: this.#name,
        daemon: this.#daemon,
        identity: this.#identity,
        target: this.#target,
        subclass: this.#subclass,
      },
      permissions,
      given: call,
      isBackground: this.#isBackground(),
      onEnd: () => {
        alive.delete(self);
        this.#passing.recall();
        return this.#death();
      },
    };
    this.#child = this.#passing.collect(() => new FamilyChild(options));
    alive.add(self);
    this.#child.exited.then(this.#exited.resolve);
    return this.#child.arrived;
  }

  /** Has the child import its module and run the target. Ends when the module is imported. */
  async #begin(arrived: Promise<ChildSession>, call: unknown[]): Promise<void> {
    let child: ChildSession;
    try {
      child = await arrived;
    } catch (error) {
      this.#result.reject(error);
      throw error;
    }
    const { session, root } = child;
    this.#options[INTERNALS]?.onConnected?.(child);
    const options = { background: this.#isBackground() };
    try {
      await session.call(root, "prepare", [], options);
    } catch (error) {
      const reason = await this.#explain(error, session);
      this.#result.reject(reason);
      await session.close("the target cannot be run");
      throw reason;
    }
    // Not sent before that answer: the target may end the process at once, and with it the answer.
    this.#passing.collect(() => session.call(root, "run", call, options))
      .then(
        (value) => this.#result.resolve(value as Awaited<ReturnType<F>>),
        async (error) => this.#result.reject(await this.#explain(error, session)),
      )
      // The child ends when its channel is closed.
      .then(() => session.close("the parent has the result"));
  }

  /** When the channel has ended, the process is dead, or as good as dead. */
  async #explain(error: unknown, session: Session): Promise<unknown> {
    // Not told by the class of the error: the target may have lost a connection of its own.
    if (!session.isClosed) return error;
    const timer = setTimeout(() => this.kill(), SILENT_GRACE_MS);
    await this.#exited.promise;
    clearTimeout(timer);
    return this.#death();
  }

  #death(): ProcessDiedError {
    const { pid, status } = this.#child!;
    return processDeath({
      name: this.#name,
      pid,
      status: status!,
      before: `${this.#what()} had returned`,
      memoryLimitMb: this.#options.memoryLimitMb,
    });
  }

  #signal(signal: Deno.Signal): void {
    this.#checkStarted("send a signal to");
    this.#child!.signal(signal);
  }

  #output(name: "stdout" | "stderr"): ReadableStream<Uint8Array> {
    this.#checkStarted(`read ${name} of`);
    if (this.#options[name] !== "piped") {
      throw new TypeError(
        `Cannot read ${name} of ${this.#name}: the option "${name}" is not "piped"`,
      );
    }
    return this.#child!.output(name);
  }
}

/**
 * The children of this process that run now (Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.active_children | active_children}).
 *
 * @example None was started
 * ```ts
 * import { activeChildren } from "@manyhands/concurrency/process";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(activeChildren(), []);
 * ```
 *
 * @returns The processes, in the order in which they were started.
 */
export function activeChildren(): Process[] {
  return [...alive];
}
