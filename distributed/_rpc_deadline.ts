import { ContextVar } from "../coroutine/context_var.ts";
import { Timeout } from "../coroutine/timeout.ts";

/** When the caller stops to wait, on the clock of `performance.now()`. Clocks of two machines are never compared. */
const deadline: ContextVar<number> = new ContextVar("deadline", { default: Infinity });

/** How long the caller of the running code still waits, in milliseconds; less than 0 when it does not any more. */
export function timeLeft(): number {
  const end = deadline.get();
  return end === Infinity ? Infinity : end - performance.now();
}

/** Runs something whose caller waits until a moment and no longer: then it is cancelled. */
export async function runUntil<T>(
  end: number,
  run: () => T | PromiseLike<T>,
): Promise<T> {
  deadline.set(end);
  return await new Timeout(Math.max(0, Math.ceil(end - performance.now()))).run(run);
}
