/**
 * Work that is not cancelled together with those who wait for it.
 *
 * @module
 */

import { asTask, endedTask } from "./_as_task.ts";
import { taskInternals } from "./_task_internals.ts";
import { listenForCancel } from "./_listen_for_cancel.ts";
import type { Awaitable, Task } from "./task.ts";

/**
 * Waits for something that goes on when the wait is cancelled
 * (Python's {@link https://docs.python.org/3/library/asyncio-task.html#asyncio.shield | asyncio.shield}).
 *
 * - To cancel the task that it returns, or the one that awaits it, ends the waiting at once and leaves what
 *   is shielded alone. Keep what is shielded in a variable when its result matters later.
 * - When what is shielded is cancelled itself, so is the wait.
 * - A failure that comes when nobody waits any more is not reported.
 *
 * @param awaitable A task, a function that becomes one, or a promise.
 * @returns A task of its result; a task that has ended already is returned itself.
 * @throws {TypeError} When it cannot be waited for.
 *
 * @example Saving goes on
 * ```ts
 * import { CancelledError, shield, sleep, spawn } from "@manyhands/concurrency/coroutine";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const disk = Promise.withResolvers<string>();
 * const saving = spawn(() => disk.promise);
 * const request = spawn(async () => await shield(saving));
 * await sleep(0);
 * request.cancel();
 * await assertRejects(async () => await request, CancelledError);
 * disk.resolve("saved");
 * assertEquals(await saving, "saved");
 * ```
 *
 * @typeParam T What it gives.
 */
export function shield<T>(awaitable: Awaitable<T>): Task<T> {
  const inner = asTask(awaitable, "Cannot shield");
  if (inner.done()) return inner;
  return endedTask((end) => {
    const unlisten = listenForCancel(undefined, end.cancel);
    taskInternals.observe(inner, () => {
      unlisten?.();
      try {
        end.succeed(inner.result());
      } catch (error) {
        if (inner.cancelled()) end.cancel(error);
        else end.fail(error);
      }
    });
  });
}
