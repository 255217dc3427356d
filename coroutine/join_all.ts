/**
 * Waiting for many tasks, and ending many tasks, in the words of gevent.
 *
 * @module
 */

import { checkTimeout } from "./_check_timeout.ts";
import { currentScope } from "./_current_scope.ts";
import { taskInternals } from "./_task_internals.ts";
import { waitWithin } from "./_wait_within.ts";
import { InvalidStateError } from "./errors.ts";
import { Task } from "./task.ts";
import type { WaitOptions } from "./wait_options.ts";

/** Options for {@linkcode joinAll}. */
export interface JoinAllOptions extends WaitOptions {
  /**
   * How many tasks must have ended for the wait to be over.
   *
   * @default {all of them}
   */
  count?: number | undefined;
  /**
   * Throws the first error among the tasks, as soon as it happens; that of a task which was cancelled is its
   * `CancelledError`.
   *
   * @default {false}
   */
  raiseError?: boolean | undefined;
}

/**
 * Waits until tasks have ended
 * (gevent's {@link https://www.gevent.org/api/gevent.html#gevent.joinall | joinall}).
 *
 * It cancels none of them. Their errors stay in the tasks, unless `raiseError` asks for the first.
 *
 * @param tasks The tasks; each counts once.
 * @param options How many to wait for, how long, and what stops the wait.
 * @returns The tasks that have ended, in the order in which they ended; after `timeoutMs` those that have
 * ended by then.
 * @throws {TypeError} When something else than a task is given.
 * @throws {InvalidStateError} When the current task is among those that it would wait for.
 * @throws {RangeError} When `count` is not a whole number from 0 up.
 *
 * @example gevent's first example
 * ```ts
 * import { joinAll, sleep, spawn } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const jobs = ["a", "b"].map((name) => spawn(() => sleep(1, { result: `${name}: up` })));
 * await joinAll(jobs, { timeoutMs: 2000 });
 * assertEquals(jobs.map((job) => job.result()), ["a: up", "b: up"]);
 * ```
 *
 * @typeParam T What the tasks give.
 */
export async function joinAll<T>(
  tasks: Iterable<Task<T>>,
  options: JoinAllOptions = {},
): Promise<Task<T>[]> {
  checkTimeout(options.timeoutMs);
  options.signal?.throwIfAborted();
  const all = checkTasks(tasks, "Cannot join");
  const { count = all.size, raiseError = false } = options;
  if (!Number.isInteger(count) || count < 0) {
    throw new RangeError(`Cannot join: "count" must be a whole number from 0 up, got ${count}`);
  }
  const wanted = Math.min(count, all.size);
  if (wanted === all.size) checkWaiter(all, "Cannot join");
  const ended: Task<T>[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<Task<T>[]>();
  // An error may be there before the wait begins, and the wait may not begin.
  promise.catch(() => {});
  const leave = [...all].map((task) =>
    taskInternals.observe(task, () => {
      ended.push(task);
      try {
        if (raiseError) task.result();
        if (ended.length === wanted) resolve([...ended]);
      } catch (error) {
        reject(error);
      }
    })
  );
  if (wanted === 0) resolve([]);
  try {
    return await waitWithin(promise, options, () => [...ended]);
  } finally {
    for (const one of leave) one();
  }
}

/** Options for {@linkcode killAll}. */
export interface KillAllOptions extends WaitOptions {
  /**
   * Why; it becomes the `cause` of each task's `CancelledError`.
   *
   * @default {undefined}
   */
  reason?: unknown;
}

/**
 * Cancels tasks and waits until they have ended
 * (gevent's {@link https://www.gevent.org/api/gevent.html#gevent.killall | killall}).
 *
 * @param tasks The tasks.
 * @param options Why, and how long to wait for their end.
 * @returns `true` when all have ended, `false` when some had not after `timeoutMs`.
 * @throws {TypeError} When something else than a task is given.
 * @throws {InvalidStateError} When the current task is among those that it would wait for.
 *
 * @example Ending what runs for ever
 * ```ts
 * import { killAll, sleep, spawn } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const servers = [1, 2].map(() => spawn(() => sleep(Infinity)));
 * assertEquals(await killAll(servers), true);
 * assertEquals(servers.map((server) => server.cancelled()), [true, true]);
 * ```
 */
export async function killAll(
  tasks: Iterable<Task<unknown>>,
  options: KillAllOptions = {},
): Promise<boolean> {
  checkTimeout(options.timeoutMs);
  options.signal?.throwIfAborted();
  const all = checkTasks(tasks, "Cannot kill");
  checkWaiter(all, "Cannot kill");
  for (const task of all) task.cancel(options.reason);
  const ended = await joinAll(all, { signal: options.signal, timeoutMs: options.timeoutMs });
  return ended.length === all.size;
}

function checkTasks<T>(tasks: Iterable<Task<T>>, action: string): Set<Task<T>> {
  const all = new Set(tasks);
  for (const task of all) {
    if (!(task instanceof Task)) {
      throw new TypeError(`${action}: expected tasks, got ${typeof task} among them`);
    }
  }
  return all;
}

function checkWaiter(tasks: ReadonlySet<Task<unknown>>, action: string): void {
  const current = currentScope()?.owner as Task<unknown> | undefined;
  if (current !== undefined && tasks.has(current)) {
    throw new InvalidStateError(
      `${action}: ${current.name} is among the tasks, and would wait for itself`,
    );
  }
}
