import { currentFrame, currentValues, runInFrame } from "./_frame.ts";
import type { Scope } from "./_scope.ts";
import { isThenable } from "./_thenable.ts";

/**
 * Runs a part of the running code in a scope of its own, with everything else as it is.
 *
 * @param scope The scope.
 * @param run The code. What it returns begins to be awaited in the scope too: it may be a task.
 */
export function runInScope<T>(scope: Scope, run: () => T | PromiseLike<T>): T | Promise<T> {
  const frame = { scope, values: currentValues(), report: currentFrame()?.report };
  return runInFrame(frame, () => {
    const returned = run();
    return isThenable(returned) ? Promise.resolve(returned) : returned;
  });
}
