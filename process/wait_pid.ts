/**
 * Python's `os.waitpid()`.
 *
 * @module
 */

import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import type { FamilyChild } from "./_family_child.ts";
import { forks } from "./_forks.ts";
import { keepAlive } from "./_keep_alive.ts";
import { ProcessStateError } from "./errors.ts";

/** How a forked child ended. */
export interface ForkedStatus {
  /** Its process id. */
  readonly pid: number;
  /** Its exit code; `-n` when signal number `n` ended it. */
  readonly exitCode: number;
}

const ANY = -1;

/**
 * Waits until a child that {@linkcode fork} has started has ended (Python's
 * {@link https://docs.python.org/3/library/os.html#os.waitpid | os.waitpid}). Each child can be waited for
 * once.
 *
 * @example There is no child
 * ```ts
 * import { ProcessStateError, waitPid } from "@manyhands/concurrency/process";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(() => waitPid(), ProcessStateError, "no child");
 * ```
 *
 * @param pid What `fork()` has answered; -1 for whichever child ends first.
 * @param options How long to wait, and what stops the wait. The child is not stopped.
 * @returns Which child it was, and its exit code.
 * @throws {ProcessStateError} When there is no such child, or it was waited for before.
 * @throws {TimeoutError} When the child had not ended after `timeoutMs`.
 */
export async function waitPid(pid: number = ANY, options: WaitOptions = {}): Promise<ForkedStatus> {
  const { signal } = options;
  const timeoutMs = checkTimeout(options.timeoutMs);
  signal?.throwIfAborted();
  const end = timeoutMs === Infinity ? Infinity : performance.now() + timeoutMs;
  for (;;) {
    const ended = findChildren(pid).find(({ status }) => status !== undefined);
    if (ended !== undefined) {
      forks.children.delete(ended.pid);
      await keepAlive(ended.exited);
      return { pid: ended.pid, exitCode: ended.exitCode! };
    }
    const left = end === Infinity ? undefined : Math.max(0, end - performance.now());
    const wait = waitWithin(forks.ended.promise, { signal, timeoutMs: left }, () => {
      const which = pid === ANY ? "No child" : `The child with pid ${pid}`;
      const verb = pid === ANY ? "ended" : "did not end";
      throw new TimeoutError(`${which} ${verb} within ${timeoutMs} ms`);
    });
    await keepAlive(wait);
  }
}

function findChildren(pid: number): FamilyChild[] {
  if (pid === ANY) {
    if (forks.children.size > 0) return [...forks.children.values()];
    throw new ProcessStateError(
      "Cannot wait for a child: there is no child of fork() that was not waited for",
    );
  }
  const found = forks.children.get(pid);
  if (found !== undefined) return [found];
  throw new ProcessStateError(
    `Cannot wait for ${String(pid)}: it is no child of fork(), or was waited for before`,
  );
}
