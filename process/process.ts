/**
 * A process that runs a function.
 *
 * @module
 */

import { checkTimeout, LONGEST_TIMER_MS } from "../coroutine/_check_timeout.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { encode, referencesIn } from "../ipc/_encoding.ts";
import {
  acquireHub,
  type ChildSession,
  familyKey,
  type LentReference,
  releaseHub,
} from "../ipc/_family.ts";
import type { Session } from "../ipc/_session.ts";
import { exitCodeOf } from "./_exit_code.ts";
import { INTERNALS, type ProcessInternals } from "./_internals.ts";
import { withNet } from "./_permission_flags.ts";
import { releaseGuarded } from "./_reaper.ts";
import { type ChildOutput, spawnChild, type Spawned } from "./_spawn.ts";
import { nextIdentity, state } from "./_state.ts";
import { ProcessDiedError, ProcessStateError } from "./errors.ts";
import type { Permissions } from "./permissions.ts";

export type { ChildOutput };

/** How long a process that was told to end may take before it is killed. */
const TERMINATE_GRACE_MS = 2_000;

/** How long a child that has closed its channel may go on before it is killed. */
const SILENT_GRACE_MS = 5_000;

/** A function that a process can run. */
// deno-lint-ignore no-explicit-any -- every function, whatever its arguments
export type TargetFunction = (...args: any[]) => unknown;

/**
 * Options for {@linkcode Process}.
 *
 * @typeParam F The type of the target.
 */
export interface ProcessOptions<F extends TargetFunction> {
  /**
   * The module that exports the target: `import.meta.url` for a function of the same file. A relative
   * specifier cannot be resolved here; use `import.meta.resolve()`.
   */
  module: string | URL;
  /**
   * The function to run, or the name under which the module exports it. It reaches the child by its name,
   * never by its source text.
   */
  target: F | string;
  /**
   * The arguments. They are copied; queues of `ipc` cross as references.
   *
   * @default {[]}
   */
  args?: Parameters<F> | undefined;
  /**
   * The name, for people.
   *
   * @default {"Process-1", "Process-2", …}
   */
  name?: string | undefined;
  /**
   * Whether this process may end without waiting for the child, which then ends as well. The default is
   * what this process itself is.
   *
   * @default {false}
   */
  daemon?: boolean | undefined;
  /**
   * What the child may do beside talking to this process.
   *
   * @default {"none"}
   */
  permissions?: Permissions | undefined;
  /**
   * The environment variables of the child. Without it they are those of this process.
   *
   * @default {undefined}
   */
  env?: Readonly<Record<string, string>> | undefined;
  /**
   * The working directory of the child. Without it, it is that of this process.
   *
   * @default {undefined}
   */
  cwd?: string | URL | undefined;
  /**
   * Where the child's standard output goes: where that of this process goes, to
   * {@linkcode Process.stdout}, or nowhere.
   *
   * @default {"inherit"}
   */
  stdout?: ChildOutput | undefined;
  /**
   * Where the child's standard error goes, as for `stdout`.
   *
   * @default {"inherit"}
   */
  stderr?: ChildOutput | undefined;
  /**
   * The configuration file (import map) of the child. Without it, it is the first `deno.json` found on
   * the way up from a local module.
   *
   * @default {undefined}
   */
  config?: string | URL | undefined;
  /**
   * The program to run in place of this process's own `deno`.
   *
   * @default {undefined}
   */
  executable?: string | URL | undefined;
}

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
 * - Disposing terminates a process that still runs, and waits for its end.
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
 * @typeParam F The type of the target.
 */
export class Process<F extends TargetFunction = TargetFunction> implements AsyncDisposable {
  readonly #options: ProcessOptions<F> & ProcessInternals;
  readonly #module: string;
  readonly #target: string;
  readonly #name: string;
  readonly #identity: readonly number[];
  readonly #daemon: boolean;
  readonly #result = Promise.withResolvers<Awaited<ReturnType<F>>>();
  readonly #exited = Promise.withResolvers<void>();
  #spawned: Spawned | undefined;
  #status: Deno.CommandStatus | undefined;
  #isClosed = false;

  /**
   * Describes a process; {@linkcode start} starts it.
   *
   * @param options What to run, and how.
   * @throws {TypeError} When an option is of the wrong kind, or the target has no name.
   */
  constructor(options: ProcessOptions<F>) {
    const { module, target, args = [], name, daemon = state.daemon } = options;
    this.#module = readModule(module);
    this.#target = readTarget(target);
    if (!Array.isArray(args)) throw new TypeError('Cannot create a process: "args" is no array');
    const next = nextIdentity();
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
    return this.#spawned?.child.pid;
  }

  /** The exit code; `-n` when signal number `n` ended the process; `undefined` while it has not ended. */
  get exitCode(): number | undefined {
    return this.#status === undefined ? undefined : exitCodeOf(this.#status);
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
   * Starts the process. The process id is there as soon as this was called.
   *
   * @param options How long to wait, and what stops the wait; in either case the child is killed.
   * @returns When the child has imported its module and is about to run the target.
   * @throws {ProcessStateError} When the process was started before or is closed, when this process is a
   * daemon, or when a child that is still importing its module starts a process (the guard
   * `if (import.meta.main)` is missing).
   * @throws {TypeError} When the module does not export the target, or an argument cannot be carried.
   * @throws {ProcessDiedError} When the child ended before it could run the target.
   * @throws {TimeoutError} When it took longer than `timeoutMs`.
   */
  async start(options: WaitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    checkTimeout(options.timeoutMs);
    this.#checkStart();
    const args = [...this.#options.args ?? []];
    encode(args);
    let settled = false;
    const begun = this.#begin(this.#spawn(args), args).finally(() => settled = true);
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
        `${this.#name} runs, and "${this.#target}" did not return within ${timeoutMs} ms`,
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
    const ended = this.#exited.promise.then(() => true);
    return await keepAlive(waitWithin(ended, options, () => false));
  }

  /**
   * Whether the process was started and has not ended.
   *
   * @returns `true` while it runs.
   */
  isAlive(): boolean {
    return this.#spawned !== undefined && this.#status === undefined;
  }

  /**
   * Asks the process to end (SIGTERM). A process that has ended is left alone.
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
    // Where `deno` is a script that runs the real program, only the script gets the signal; the program
    // sees its standard input end.
    this.#spawned?.lifeline.close().catch(() => {});
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
      if (!await this.join({ timeoutMs: TERMINATE_GRACE_MS })) this.kill();
    }
    if (this.#spawned !== undefined) await keepAlive(this.#exited.promise);
    this.#isClosed = true;
  }

  /** Whether this process may end although the child runs. */
  #isBackground(): boolean {
    return this.#daemon || this.#options[INTERNALS]?.background === true;
  }

  #checkStart(): void {
    if (this.#isClosed) throw new ProcessStateError(`Cannot start ${this.#name}: it is closed`);
    if (this.#spawned !== undefined) {
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
    if (this.#isClosed) throw new ProcessStateError(`Cannot ${action} ${this.#name}: it is closed`);
    if (this.#spawned === undefined) {
      throw new ProcessStateError(`Cannot ${action} ${this.#name}: it was not started`);
    }
  }

  #spawn(args: unknown[]): Promise<ChildSession> {
    const { permissions = "none", env, cwd, config, executable } = this.#options;
    const { stdout = "inherit", stderr = "inherit" } = this.#options;
    const companions = this.#options[INTERNALS]?.companions ?? [];
    const hub = acquireHub();
    const expected = hub.expect();
    try {
      // What the child is given to use, it may reach: queues that live in other processes than this one.
      const reachable = portsOf(args).filter((port) => port !== hub.port).reduce<Permissions>(
        (granted, port) => withNet(granted, `127.0.0.1:${port}`),
        permissions,
      );
      this.#spawned = spawnChild({
        modules: [this.#module, ...companions],
        // The module that the user wrote: ours needs no configuration.
        configModule: companions[0] ?? this.#module,
        boot: {
          port: hub.port,
          key: familyKey().toHex(),
          ticket: expected.ticket,
          name: this.#name,
          daemon: this.#daemon,
          identity: this.#identity,
          parent: { name: state.name, pid: Deno.pid },
          target: this.#target,
        },
        permissions: reachable,
        env,
        cwd,
        stdout,
        stderr,
        config,
        executable,
      });
    } catch (error) {
      expected.arrived.catch(() => {});
      expected.forget(error);
      // Nothing awaits the end of the hub: the error says what went wrong.
      void releaseHub(hub);
      throw error;
    }
    const { child, lifeline } = this.#spawned;
    if (this.#isBackground()) child.unref();
    alive.add(this as unknown as Process);
    child.status.then(async (status) => {
      this.#status = status;
      alive.delete(this as unknown as Process);
      expected.forget(this.#death());
      const released = Promise.all([
        lifeline.close().catch(() => {}).then(() => releaseHub(hub)),
        releaseGuarded(child),
      ]);
      await (this.#isBackground() ? released : keepAlive(released));
      this.#exited.resolve();
    });
    return expected.arrived;
  }

  /** Has the child import its module and run the target. Ends when the module is imported. */
  async #begin(arrived: Promise<ChildSession>, args: unknown[]): Promise<void> {
    let child: ChildSession;
    try {
      child = await arrived;
    } catch (error) {
      this.#result.reject(error);
      throw error;
    }
    const { session, root } = child;
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
    session.call(root, "run", [args], options)
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
    const { signal } = this.#status!;
    const exitCode = this.exitCode!;
    const how = signal === null ? `ended with exit code ${exitCode}` : `was ended by ${signal}`;
    const pid = this.pid!;
    return new ProcessDiedError(
      `${this.#name} (pid ${pid}) ${how} before "${this.#target}" had returned`,
      { pid, exitCode, signal },
    );
  }

  #signal(signal: Deno.Signal): void {
    this.#checkStarted("send a signal to");
    if (!this.isAlive()) return;
    try {
      this.#spawned!.child.kill(signal);
    } catch (error) {
      // It has ended, and its status is on its way.
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  #output(name: "stdout" | "stderr"): ReadableStream<Uint8Array> {
    this.#checkStarted(`read ${name} of`);
    if (this.#options[name] !== "piped") {
      throw new TypeError(
        `Cannot read ${name} of ${this.#name}: the option "${name}" is not "piped"`,
      );
    }
    return this.#spawned!.child[name];
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

/**
 * Follows a promise, and has this process go on until it settles: neither a child that may outlast the
 * wish for it nor a hub in the background does so, and a program would end in the midst of an `await`.
 */
async function keepAlive<T>(promise: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, LONGEST_TIMER_MS);
  try {
    return await promise;
  } finally {
    clearInterval(timer);
  }
}

/** The ports on loopback of the objects that are passed as references. */
function portsOf(args: unknown[]): number[] {
  const ports = referencesIn(args).map(({ data }) => (data as Partial<LentReference>).port);
  return [...new Set(ports.filter((port) => port !== undefined))];
}

function readModule(module: string | URL): string {
  const text = String(module);
  if (!URL.canParse(text)) {
    throw new TypeError(
      `Cannot create a process: "module" must be an absolute URL such as import.meta.url, got ${
        JSON.stringify(text)
      }`,
    );
  }
  return text;
}

function readTarget(target: unknown): string {
  const name = typeof target === "function" ? target.name : target;
  if (typeof name !== "string") {
    throw new TypeError(
      `Cannot create a process: "target" must be a function or its name, got ${typeof target}`,
    );
  }
  if (name === "") {
    throw new TypeError(
      "Cannot create a process: the target has no name by which the child could find it; " +
        "export a named function",
    );
  }
  return name;
}
