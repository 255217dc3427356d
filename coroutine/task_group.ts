/**
 * Tasks that do not outlive a block of code.
 *
 * @module
 */

import { checkTimeout } from "./_check_timeout.ts";
import { currentScope } from "./_current_scope.ts";
import { listenForCancel } from "./_listen_for_cancel.ts";
import { runInScope } from "./_run_in_scope.ts";
import { isAbortError, Scope } from "./_scope.ts";
import { taskInternals } from "./_task_internals.ts";
import { waitWithin } from "./_wait_within.ts";
import { CancelledError, InvalidStateError } from "./errors.ts";
import { Task, type TaskFunction, type TaskOptions } from "./task.ts";
import type { WaitOptions } from "./wait_options.ts";

/** Options for {@linkcode TaskGroup.run}. */
export interface TaskGroupOptions {
  /**
   * Cancels the block and its tasks.
   *
   * @default {the cancellation of the current task}
   */
  signal?: AbortSignal | undefined;
}

/** Why a block ends before its time. */
interface Stop {
  readonly reason: unknown;
}

/**
 * Tasks that end together: none of them outlives the block of code that they were spawned in
 * (Python's {@link https://docs.python.org/3/library/asyncio-task.html#asyncio.TaskGroup | asyncio.TaskGroup}).
 *
 * {@linkcode TaskGroup.run} is the block:
 *
 * - It is over when its body and all tasks have ended.
 * - The first failure, of a task or of the body, cancels all the others. When they have ended, an
 *   `AggregateError` is thrown that has all failures, in the order in which they happened; those of a group
 *   inside are an `AggregateError` among them.
 * - A task that is cancelled alone, or ends itself with a `CancelledError`, is no failure.
 * - When the task that runs the block is cancelled, so is the body, and the tasks are when the body has ended
 *   because of that, or has ended before. Then the `CancelledError` is thrown, or, when there were failures,
 *   the `AggregateError`, and the cancellation comes with the next wait.
 * - Tasks are cancelled once: however often the block is cancelled, they have the time that they need to
 *   clean up.
 *
 * Where a block is not at hand, `await using group = new TaskGroup()` has the same rules for its tasks, and
 * `await group.join()` waits for them. Leaving the scope without `join` cancels what still runs. (The
 * language does not tell a disposal whether the scope is left by an error, so it cannot know that waiting is
 * meant.)
 *
 * @example Two pages, or none
 * ```ts
 * import { sleep, TaskGroup } from "@manyhands/concurrency/coroutine";
 * import { assert, assertEquals, assertRejects } from "@std/assert";
 *
 * const total = await TaskGroup.run(async (group) => {
 *   const one = group.spawn(() => sleep(1, { result: 1 }));
 *   const two = group.spawn(() => 2);
 *   return await one + await two;
 * });
 * assertEquals(total, 3);
 *
 * let other: unknown;
 * const error = await assertRejects(() =>
 *   TaskGroup.run((group) => {
 *     other = group.spawn(() => sleep(60_000));
 *     group.spawn(() => {
 *       throw new Error("no such page");
 *     });
 *   }), AggregateError);
 * assertEquals(error.errors.map((one) => one.message), ["no such page"]);
 * assert(String(other).includes("cancelled"));
 * ```
 */
export class TaskGroup {
  readonly #tasks = new Set<Task<unknown>>();
  readonly #errors: unknown[] = [];
  readonly #seen = new WeakSet<object>();
  #state: "open" | "cancelled" | "closed" = "open";
  /** What ended the group from within; a `CancelledError` that its tasks and its body see. */
  #reason: CancelledError | undefined;
  #bodyScope: Scope | undefined;
  #emptied: PromiseWithResolvers<void> | undefined;
  /** The same for those who join: one for all, since each would stay with it. */
  #joined: Promise<boolean> | undefined;

  /**
   * Runs a block of code, and waits for the tasks that it spawns in the group.
   *
   * @param body The block. It receives the group, and a signal that aborts when the block is cancelled.
   * @param options What cancels the block.
   * @returns What the body gives.
   * @throws {AggregateError} When tasks failed, or the body did.
   * @throws {CancelledError} When the current task was cancelled.
   * @throws {TypeError} When `body` is not a function.
   * @typeParam T What the body gives.
   */
  static async run<T>(
    body: (group: TaskGroup, signal: AbortSignal) => T | PromiseLike<T>,
    options: TaskGroupOptions = {},
  ): Promise<T> {
    if (typeof body !== "function") {
      throw new TypeError(`Cannot run a task group: expected a function, got ${typeof body}`);
    }
    options.signal?.throwIfAborted();
    return await new TaskGroup().#run(body, options.signal);
  }

  /** How many tasks of the group have not ended. */
  get size(): number {
    return this.#tasks.size;
  }

  /**
   * Spawns a task in the group (Python's `create_task`). Tasks may spawn further ones.
   *
   * @param run The function. It receives the signal of the task.
   * @param options Its name, and what cancels it.
   * @returns The task.
   * @throws {InvalidStateError} When the group has ended, or is being cancelled.
   * @throws {TypeError} When `run` is not a function.
   * @typeParam T What the function gives.
   */
  spawn<T>(run: TaskFunction<T>, options: TaskOptions = {}): Task<T> {
    if (this.#state !== "open") {
      const state = this.#state === "closed" ? "it has ended" : "it is being cancelled";
      throw new InvalidStateError(`Cannot spawn in the task group: ${state}`);
    }
    const task = new Task(run, options);
    this.#tasks.add(task);
    taskInternals.observe(task, () => this.#ended(task));
    return task;
  }

  /**
   * Cancels what runs in the group; nothing can be spawned in it any more. A block that is cancelled in
   * this way ends without an error, with `undefined`.
   *
   * @param reason Why; it becomes the `cause` of the `CancelledError` of each task.
   */
  cancel(reason?: unknown): void {
    this.#cancel(
      new CancelledError(
        "The task group was cancelled",
        reason === undefined ? {} : { cause: reason },
      ),
    );
  }

  /**
   * Waits until all tasks have ended, also those that are spawned meanwhile.
   *
   * @param options How long to wait, and what stops the wait. The tasks go on either way.
   * @returns `true` when all have ended, `false` when some had not after `timeoutMs`.
   * @throws {AggregateError} When tasks failed. The failures are told once.
   * @throws {InvalidStateError} When a task of the group calls it.
   */
  async join(options: WaitOptions = {}): Promise<boolean> {
    const { signal } = options;
    const deadline = performance.now() + checkTimeout(options.timeoutMs);
    signal?.throwIfAborted();
    this.#checkWaiter("join");
    while (this.#tasks.size > 0) {
      const { promise } = this.#emptied ??= Promise.withResolvers();
      const timeoutMs = Math.max(0, deadline - performance.now());
      const joined = this.#joined ??= promise.then(() => true);
      if (!await waitWithin(joined, { signal, timeoutMs }, () => false)) return false;
    }
    this.#throwErrors();
    return true;
  }

  /**
   * Cancels what still runs, and waits for its end. When the current task is cancelled meanwhile, that is
   * thrown afterwards.
   *
   * @returns When all tasks have ended.
   * @throws {AggregateError} When tasks failed, and `join` has not told.
   * @throws {InvalidStateError} When a task of the group calls it.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#checkWaiter("dispose of");
    const outer = currentScope();
    this.cancel();
    let outside: Stop | undefined;
    await this.#wait((reason) => outside = { reason });
    this.#state = "closed";
    if (outside === undefined) return this.#throwErrors();
    if (this.#errors.length > 0) outer?.owe(outside.reason);
    this.#throwErrors();
    throw outside.reason;
  }

  /** The number of tasks and the state, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * The number of tasks and the state.
   *
   * @returns The text.
   */
  toString(): string {
    return `TaskGroup { ${this.#tasks.size} tasks, ${this.#state} }`;
  }

  async #run<T>(
    body: (group: TaskGroup, signal: AbortSignal) => T | PromiseLike<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const outer = currentScope();
    const scope = this.#bodyScope = new Scope(outer?.owner, outer);
    let stopped: Stop | undefined;
    const stop = (reason: unknown) => {
      stopped ??= { reason };
      this.#cancel(reason);
    };
    const onAbort = () => stop(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    let result: T | undefined;
    try {
      // A body that does not declare the signal is told by its next wait.
      const told = body.length < 2 ? scope.watched : scope.signal;
      result = await runInScope(scope, () => body(this, told));
    } catch (error) {
      if (error instanceof CancelledError) {
        if (error !== this.#reason) stop(error);
      } else if (isAbortError(error) && scope.outside !== undefined) {
        // From what takes signals and does not pass their reasons on.
        stop(scope.outside.reason);
      } else if (this.#state === "open" || !this.#isCancellation(error, stopped)) {
        if (!this.#errors.includes(error)) this.#fail(error);
      }
    } finally {
      scope.leave();
      this.#bodyScope = undefined;
    }
    // A body that was told by a signal may have returned; nobody has told the tasks.
    if (scope.unheard !== undefined && this.#tasks.size > 0) stop(scope.unheard.reason);
    let outside = scope.outside;
    await this.#wait((reason) => {
      outside = { reason };
      stop(reason);
    });
    signal?.removeEventListener("abort", onAbort);
    this.#state = "closed";
    if (this.#errors.length > 0 && outside !== undefined) outer?.owe(outside.reason);
    this.#throwErrors();
    if (stopped !== undefined) throw (outside ?? stopped).reason;
    return result as T;
  }

  /** Whether a body that is being cancelled from within, or by its signal, ended because of that. */
  #isCancellation(error: unknown, stopped: Stop | undefined): boolean {
    return isAbortError(error) || (stopped !== undefined && error === stopped.reason);
  }

  /** Waits until no task is left, however often the wait is cancelled. */
  async #wait(onCancel: (reason: unknown) => void): Promise<void> {
    while (this.#tasks.size > 0) {
      const { promise } = this.#emptied ??= Promise.withResolvers();
      let unlisten: (() => void) | undefined;
      try {
        unlisten = listenForCancel(undefined, onCancel);
      } catch (reason) {
        onCancel(reason);
        // Nobody is owed anything now: this one listens.
        continue;
      }
      await promise;
      unlisten?.();
    }
  }

  #ended(task: Task<unknown>): void {
    this.#tasks.delete(task);
    if (!task.cancelled()) {
      try {
        task.result();
      } catch (error) {
        this.#fail(error);
      }
    }
    if (this.#tasks.size === 0) {
      this.#emptied?.resolve();
      this.#emptied = this.#joined = undefined;
    }
  }

  #fail(error: unknown): void {
    // Who awaited the task that failed has failed with the same error.
    if (isObject(error)) {
      if (this.#seen.has(error)) return;
      this.#seen.add(error);
    }
    this.#errors.push(error);
    this.#cancel(
      new CancelledError("The task group was cancelled: a part of it failed", { cause: error }),
    );
  }

  #cancel(reason: unknown): void {
    // Once: what is being cancelled is cleaning up.
    if (this.#state !== "open") return;
    this.#state = "cancelled";
    if (reason instanceof CancelledError) this.#reason = reason;
    for (const task of this.#tasks) task.cancel(reason);
    this.#bodyScope?.cancel(reason);
  }

  #checkWaiter(action: string): void {
    const current = currentScope()?.owner as Task<unknown> | undefined;
    if (current !== undefined && this.#tasks.has(current)) {
      throw new InvalidStateError(
        `Cannot ${action} the task group: ${current.name} is one of its tasks, and would wait for itself`,
      );
    }
  }

  #throwErrors(): void {
    const errors = this.#errors.splice(0);
    if (errors.length === 0) return;
    const count = errors.length === 1 ? "1 failure" : `${errors.length} failures`;
    const first = errors[0];
    throw new AggregateError(
      errors,
      `${count} in the task group: ${first instanceof Error ? first.message : String(first)}`,
    );
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
