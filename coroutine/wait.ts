/**
 * Waiting for some of several tasks.
 *
 * @module
 */

import { checkTimeout } from "./_check_timeout.ts";
import { asTasks } from "./_as_task.ts";
import { taskInternals } from "./_task_internals.ts";
import { waitWithin } from "./_wait_within.ts";
import type { Awaitable, ResultOf, Task } from "./task.ts";
import type { WaitOptions } from "./wait_options.ts";

/** When {@linkcode wait} is over. */
export type ReturnWhen = "first-completed" | "first-exception" | "all-completed";

/** Options for {@linkcode wait}. */
export interface WaitForTasksOptions extends WaitOptions {
  /**
   * When the wait is over: with the first task that ended in whatever way, with the first one that failed (a
   * cancellation is no failure), or when all have ended.
   *
   * @default {"all-completed"}
   */
  returnWhen?: ReturnWhen | undefined;
}

/**
 * What {@linkcode wait} answers.
 *
 * @typeParam T What the tasks give.
 */
export interface WaitResult<T> {
  /** The tasks that have ended, those that failed included. */
  done: Set<Task<T>>;
  /** The others. They go on. */
  pending: Set<Task<T>>;
}

/**
 * Waits for tasks without taking their results
 * (Python's {@link https://docs.python.org/3/library/asyncio-task.html#asyncio.wait | asyncio.wait}).
 *
 * - It never throws what a task threw, and cancels none: not when the time is over, and not when the wait
 *   itself is cancelled.
 * - A task or a promise that is given twice counts once. Functions become tasks.
 * - `done` has all that has ended by the time the wait is over, in the order in which they were given.
 *
 * @param awaitables Tasks, functions and promises, one at least.
 * @param options When the wait is over. After `timeoutMs` it answers what has ended by then.
 * @returns The tasks that have ended, and the others.
 * @throws {TypeError} When something that is given cannot be waited for.
 * @throws {RangeError} When nothing is given, or `returnWhen` is unknown.
 *
 * @example The first of two
 * ```ts
 * import { sleep, spawn, wait } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const fast = spawn(() => "fast");
 * const slow = spawn(() => sleep(60_000));
 * const { done, pending } = await wait([fast, slow], { returnWhen: "first-completed" });
 * assertEquals([...done], [fast]);
 * for (const task of pending) task.cancel();
 * ```
 *
 * @typeParam A What is waited for.
 */
export async function wait<A extends Awaitable<unknown>>(
  awaitables: Iterable<A>,
  options: WaitForTasksOptions = {},
): Promise<WaitResult<ResultOf<A>>> {
  const { returnWhen = "all-completed" } = options;
  if (!Object.hasOwn(RULES, returnWhen)) {
    throw new RangeError(
      `Cannot wait: "returnWhen" must be one of ${
        Object.keys(RULES).join(", ")
      }, got "${returnWhen}"`,
    );
  }
  const isOver = RULES[returnWhen];
  checkTimeout(options.timeoutMs);
  options.signal?.throwIfAborted();
  const tasks = asTasks(awaitables, "Cannot wait") as Set<Task<ResultOf<A>>>;
  if (tasks.size === 0) throw new RangeError("Cannot wait: no task is given");
  let left = tasks.size;
  let failed = false;
  const { promise, resolve } = Promise.withResolvers<void>();
  const leave: (() => void)[] = [];
  for (const task of tasks) {
    leave.push(taskInternals.observe(task, () => {
      left--;
      failed ||= isFailed(task);
      if (isOver(tasks.size, left, failed)) resolve();
    }));
  }
  try {
    await waitWithin(promise, options, () => {});
  } finally {
    for (const one of leave) one();
  }
  const done = new Set<Task<ResultOf<A>>>();
  const pending = new Set<Task<ResultOf<A>>>();
  for (const task of tasks) (task.done() ? done : pending).add(task);
  return { done, pending };
}

const RULES: Record<ReturnWhen, (all: number, left: number, failed: boolean) => boolean> = {
  "first-completed": (all, left) => left < all,
  "first-exception": (_all, left, failed) => left === 0 || failed,
  "all-completed": (_all, left) => left === 0,
};

function isFailed(task: Task<unknown>): boolean {
  if (task.cancelled()) return false;
  try {
    task.result();
    return false;
  } catch {
    return true;
  }
}
