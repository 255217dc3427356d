import { assertRejects } from "@std/assert";
import { CancelledError, sleep, spawn, type Task } from "../../coroutine/mod.ts";
import type { Gate } from "../support/gate.ts";
import { guard } from "../support/guard.ts";

/** Never ends unless it is cancelled; counts the cancellations that it sees. */
export async function hang(seen: unknown[] = [], name: unknown = "task"): Promise<never> {
  try {
    await sleep(Infinity);
  } catch (error) {
    if (error instanceof CancelledError) seen.push(name);
    throw error;
  }
  throw new Error("Unreachable");
}

/** Throws when the gate opens; a cancellation ends it as well. */
export async function failAfter(gate: Gate, error: unknown): Promise<never> {
  const cancelled = spawn(() => hang());
  await Promise.race([gate.wait(), cancelled]);
  cancelled.cancel();
  throw error;
}

/** What the rejection's `AggregateError` has. */
export async function errorsOf(promise: PromiseLike<unknown>): Promise<unknown[]> {
  return (await assertRejects(async () => await promise, AggregateError)).errors;
}

/** The CancelledError that the task ends with. */
export async function cancellationOf(task: Task<unknown>): Promise<CancelledError> {
  const ended = guard(task, () => `the cancellation of ${task}`);
  return await assertRejects(() => ended, CancelledError);
}
