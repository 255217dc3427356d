/**
 * Waiting for one thing, for a limited time.
 *
 * @module
 */

import { asTask } from "./_as_task.ts";
import { checkTimeout } from "./_check_timeout.ts";
import { currentScope } from "./_current_scope.ts";
import { listenForCancel } from "./_listen_for_cancel.ts";
import { taskInternals } from "./_task_internals.ts";
import { CancelledError, InvalidStateError, TimeoutError } from "./errors.ts";
import type { Awaitable } from "./task.ts";
import type { WaitOptions } from "./wait_options.ts";

/**
 * Waits for a task, a function or a promise, and cancels it when it takes too long
 * (Python's {@link https://docs.python.org/3/library/asyncio-task.html#asyncio.wait_for | asyncio.wait_for}).
 *
 * - A function becomes a task; with a `timeoutMs` of 0 it is not started.
 * - When the time is over, when the signal aborts, and when the current task is cancelled, the task is
 *   cancelled and waited for: it cleans up first. When it returns something nevertheless, that is the
 *   answer; when it throws something else, that is thrown.
 * - What a promise stands for cannot be cancelled, so the wait for a promise ends at once. This makes any
 *   promise a wait that ends with the current task: `await waitFor(fetch(url))`.
 *
 * @param awaitable A task, a function or a promise.
 * @param options How long it may take, and what stops it.
 * @returns Its result.
 * @throws {TimeoutError} When it had not ended after `timeoutMs`.
 * @throws {TypeError} When it cannot be waited for.
 * @throws {InvalidStateError} When it is the current task.
 *
 * @example A promise that takes too long
 * ```ts
 * import { TimeoutError, waitFor } from "@manyhands/concurrency/coroutine";
 * import { assertRejects } from "@std/assert";
 *
 * const never = new Promise<string>(() => {});
 * await assertRejects(() => waitFor(never, { timeoutMs: 1 }), TimeoutError);
 * ```
 *
 * @typeParam T What it gives.
 */
export async function waitFor<T>(
  awaitable: Awaitable<T>,
  options: WaitOptions = {},
): Promise<T> {
  const timeoutMs = checkTimeout(options.timeoutMs);
  options.signal?.throwIfAborted();
  const over = () => `The time of ${timeoutMs} ms is over`;
  if (timeoutMs === 0 && typeof awaitable === "function") throw new TimeoutError(over());
  const task = asTask(awaitable, "Cannot wait");
  if (currentScope()?.owner === task) {
    throw new InvalidStateError(`Cannot wait for ${task.name}: it would wait for itself`);
  }
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  taskInternals.observe(task, resolve);
  let stopped: { readonly reason: unknown; readonly isAsked: boolean } | undefined;
  let expired: CancelledError | undefined;
  const stop = (reason: unknown) => {
    stopped = { reason, isAsked: task.cancel(reason) };
  };
  const expire = () => {
    if (!task.done()) task.cancel(expired = new CancelledError(over()));
  };
  let unlisten: (() => void) | undefined;
  try {
    unlisten = listenForCancel(options.signal, stop);
  } catch (reason) {
    // The current task was cancelled before. A function that has become a task does not start.
    stop(reason);
  }
  if (timeoutMs === 0) expire();
  const timer = timeoutMs === Infinity ? undefined : setTimeout(expire, timeoutMs);
  try {
    await ended;
  } finally {
    clearTimeout(timer);
    unlisten?.();
  }
  // A task that had ended already was not asked, and the caller is to stop all the same.
  if (stopped !== undefined && (task.cancelled() || !stopped.isAsked)) throw stopped.reason;
  if (expired !== undefined && task.cancelled()) throw new TimeoutError(over(), { cause: expired });
  return task.result();
}
