/**
 * The results of several things that run beside each other.
 *
 * @module
 */

import { endedTask, type TaskEnd, tasksInOrder } from "./_as_task.ts";
import { taskInternals } from "./_task_internals.ts";
import { listenForCancel } from "./_listen_for_cancel.ts";
import type { Awaitable, ResultOf, Task } from "./task.ts";

/** Options for {@linkcode gather}. */
export interface GatherOptions {
  /**
   * Puts what was thrown into the results, and does not throw it.
   *
   * @default {false}
   */
  returnExceptions?: boolean | undefined;
  /**
   * Cancels all that is gathered.
   *
   * @default {the cancellation of the current task}
   */
  signal?: AbortSignal | undefined;
}

/**
 * The results of what is gathered, each in its place.
 *
 * @typeParam A What is gathered.
 */
export type Gathered<A extends readonly Awaitable<unknown>[]> = {
  -readonly [K in keyof A]: ResultOf<A[K]>;
};

/**
 * Runs functions as tasks, beside the tasks and promises that are given, and waits for the results of all
 * (Python's {@link https://docs.python.org/3/library/asyncio-task.html#asyncio.gather | asyncio.gather}).
 *
 * - The results have the order of what was given, whatever ended first.
 * - The first error is thrown at once; the others go on, and their errors are not reported. With
 *   `returnExceptions` errors are results, and it waits for all.
 * - A cancellation of one of them is such an error; the task of the gathering has failed then, and was not
 *   cancelled itself.
 * - To cancel the task that it returns, or the task that awaits it, cancels all that is gathered. Then it
 *   ends when all of them have ended: with the `CancelledError`, or with the first error of their cleaning
 *   up (not with `returnExceptions`).
 * - A function runs as often as it is given. A task or a promise may be given twice; its result is in both
 *   places.
 *
 * A {@linkcode TaskGroup} is the better choice when nothing may go on after a failure.
 *
 * @param awaitables Tasks, functions and promises.
 * @param options What happens to errors, and what cancels.
 * @returns A task of the results.
 * @throws {TypeError} When something that is given cannot be waited for. Nothing has started then.
 *
 * @example Three results in order
 * ```ts
 * import { gather, sleep } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const results = await gather([
 *   () => sleep(2, { result: "slow" }),
 *   () => sleep(1, { result: "fast" }),
 *   Promise.resolve(3),
 * ]);
 * assertEquals(results, ["slow", "fast", 3]); // [string, string, number]
 * ```
 *
 * @typeParam A What is gathered.
 */
export function gather<const A extends readonly Awaitable<unknown>[]>(
  awaitables: A,
  options: GatherOptions & { returnExceptions: true },
): Task<{ -readonly [K in keyof A]: Gathered<A>[K] | Error }>;
/**
 * Runs functions as tasks, beside the tasks and promises that are given, and throws the first error.
 *
 * @param awaitables Tasks, functions and promises.
 * @param options What cancels.
 * @returns A task of the results.
 * @throws {TypeError} When something that is given cannot be waited for. Nothing has started then.
 *
 * @example Types of their own
 * ```ts
 * import { gather } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const [name, size]: [string, number] = await gather([() => "a", () => 1]);
 * assertEquals([name, size], ["a", 1]);
 * ```
 *
 * @typeParam A What is gathered.
 */
export function gather<const A extends readonly Awaitable<unknown>[]>(
  awaitables: A,
  options?: GatherOptions,
): Task<Gathered<A>>;
/**
 * Runs functions as tasks, beside the tasks and promises that an iterable gives. Errors are results.
 *
 * @param awaitables Tasks, functions and promises.
 * @param options That errors are results, and what cancels.
 * @returns A task of the results and errors.
 * @throws {TypeError} When something that is given cannot be waited for. Nothing has started then.
 *
 * @example Errors among the results
 * ```ts
 * import { gather } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const texts = new Set(["1", "{"]);
 * const work = texts.values().map((text) => () => JSON.parse(text));
 * const results = await gather(work, { returnExceptions: true });
 * assertEquals(results.map((result) => result instanceof Error), [false, true]);
 * ```
 *
 * @typeParam T What they give.
 */
export function gather<T>(
  awaitables: Iterable<Awaitable<T>>,
  options: GatherOptions & { returnExceptions: true },
): Task<(T | Error)[]>;
/**
 * Runs functions as tasks, beside the tasks and promises that an iterable gives.
 *
 * @param awaitables Tasks, functions and promises.
 * @param options What happens to errors, and what cancels.
 * @returns A task of the results.
 * @throws {TypeError} When something that is given cannot be waited for. Nothing has started then.
 *
 * @example As many as there are
 * ```ts
 * import { gather } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const numbers = new Set([1, 2, 3]);
 * assertEquals(await gather(numbers.values().map((n) => () => n * n)), [1, 4, 9]);
 * ```
 *
 * @typeParam T What they give.
 */
export function gather<T>(
  awaitables: Iterable<Awaitable<T>>,
  options?: GatherOptions,
): Task<T[]>;
export function gather(
  awaitables: Iterable<Awaitable<unknown>>,
  options: GatherOptions = {},
): Task<unknown[]> {
  const { returnExceptions = false, signal } = options;
  const tasks = signal?.aborted === true ? [] : tasksInOrder(awaitables, "Cannot gather");
  return endedTask((end) => collect(tasks, returnExceptions, end), { signal });
}

function collect(
  tasks: readonly Task<unknown>[],
  returnExceptions: boolean,
  end: TaskEnd<unknown[]>,
): void {
  let left = tasks.length;
  let cancelled: { readonly reason: unknown } | undefined;
  const unlisten = listenForCancel(undefined, (reason) => {
    cancelled ??= { reason };
    for (const task of tasks) task.cancel(reason);
  });
  const finish = () => {
    unlisten?.();
    if (cancelled === undefined) return end.succeed(tasks.map(outcome));
    const failed = returnExceptions
      ? undefined
      : tasks.find((task) => !task.cancelled() && failure(task));
    if (failed === undefined) end.cancel(cancelled.reason);
    else end.fail(outcome(failed));
  };
  if (left === 0) finish();
  for (const task of tasks) {
    taskInternals.observe(task, () => {
      left--;
      if (!returnExceptions && cancelled === undefined && failure(task) !== undefined) {
        unlisten?.();
        end.fail(outcome(task));
      } else if (left === 0) finish();
    });
  }
}

/** What a task threw, in a box. */
function failure(task: Task<unknown>): { readonly error: unknown } | undefined {
  try {
    task.result();
    return undefined;
  } catch (error) {
    return { error };
  }
}

/** What a task gave or threw. */
function outcome(task: Task<unknown>): unknown {
  try {
    return task.result();
  } catch (error) {
    return error;
  }
}
