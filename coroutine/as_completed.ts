/**
 * Tasks in the order in which they end.
 *
 * @module
 */

import { asTasks } from "./_as_task.ts";
import { checkTimeout } from "./_check_timeout.ts";
import { taskInternals } from "./_task_internals.ts";
import { Queue } from "./queue.ts";
import { QueueEmptyError, TimeoutError } from "./errors.ts";
import type { Awaitable, ResultOf, Task } from "./task.ts";
import type { WaitOptions } from "./wait_options.ts";

/**
 * A task that has ended, as `for await` gives it. It is the task itself; only its type lacks what makes it a
 * promise, because TypeScript takes a promise in `for await` for its result, which it is not.
 *
 * @typeParam T What the task gives.
 */
export type EndedTask<T> = Omit<Task<T>, "then" | "catch" | "finally">;

/**
 * What {@linkcode asCompleted} returns: it is iterated once, in either way. An iteration that was broken
 * off is resumed by the next one.
 *
 * @typeParam T What the tasks give.
 */
export interface CompletedTasks<T>
  extends AsyncIterableIterator<EndedTask<T>, undefined, undefined> {
  /** The results themselves, each a promise of that of the task that ends next. */
  [Symbol.iterator](): IterableIterator<Promise<T>, void, undefined>;
}

/**
 * Gives tasks in the order in which they end
 * (Python's {@link https://docs.python.org/3/library/asyncio-task.html#asyncio.as_completed | asyncio.as_completed}).
 *
 * - `for await` gives the tasks themselves, each when it has ended, in whatever way.
 * - `for` gives a promise of each result, at once and as many as there are tasks; they may be awaited in any
 *   order, and together.
 * - A task or a promise that is given twice counts once. Functions become tasks.
 * - When the time is over, `for await` throws, and each promise of what has not ended rejects. No task is
 *   cancelled.
 *
 * @param awaitables Tasks, functions and promises.
 * @param options How long it may take in all, from now, and what stops the waiting.
 * @returns The tasks, to be iterated.
 * @throws {TypeError} When something that is given cannot be waited for.
 * @throws {TimeoutError} From the iteration, when not all have ended within `timeoutMs`.
 *
 * @example The fast one first
 * ```ts
 * import { asCompleted, sleep } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const names: string[] = [];
 * const work = [() => sleep(5, { result: "slow" }), () => "fast"];
 * for await (const task of asCompleted(work)) names.push(task.result());
 * assertEquals(names, ["fast", "slow"]);
 * ```
 *
 * @typeParam A What is waited for.
 */
export function asCompleted<A extends Awaitable<unknown>>(
  awaitables: Iterable<A>,
  options: WaitOptions = {},
): CompletedTasks<ResultOf<A>> {
  type T = ResultOf<A>;
  const { signal } = options;
  const timeoutMs = checkTimeout(options.timeoutMs);
  signal?.throwIfAborted();
  const tasks = asTasks(awaitables, "Cannot iterate as completed") as Set<Task<T>>;
  const deadline = performance.now() + timeoutMs;
  // In a box, because a promise that is fulfilled with a task would wait for it.
  const ended = new Queue<{ readonly task: Task<T> }>();
  for (const task of tasks) taskInternals.observe(task, () => ended.putNowait({ task }));
  let left = tasks.size;
  const take = async (): Promise<{ readonly task: Task<T> }> => {
    try {
      return await ended.get({ signal, timeoutMs: Math.max(0, deadline - performance.now()) });
    } catch (error) {
      if (!(error instanceof QueueEmptyError)) throw error;
      const unfinished = [...tasks].filter((task) => !task.done()).length;
      throw new TimeoutError(
        `${unfinished} of ${tasks.size} tasks have not ended after ${timeoutMs} ms`,
        { cause: error },
      );
    }
  };
  return {
    async next(): Promise<IteratorResult<EndedTask<T>, undefined>> {
      if (left === 0) return { done: true, value: undefined };
      left--;
      try {
        return { done: false, value: (await take()).task };
      } catch (error) {
        // The next call waits for the same one.
        left++;
        throw error;
      }
    },
    [Symbol.asyncIterator]() {
      return this;
    },
    *[Symbol.iterator]() {
      while (left > 0) {
        left--;
        yield take().then(({ task }) => task);
      }
    },
  };
}
