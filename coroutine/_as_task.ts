import { LATER, taskInternals } from "./_task_internals.ts";
import { waitWithin } from "./_wait_within.ts";
import { type Awaitable, Task, type TaskFunction, type TaskOptions } from "./task.ts";

/**
 * Makes a task of what can be waited for; a task stays itself. To cancel the task of a promise only ends
 * the waiting: what the promise stands for goes on.
 *
 * @param awaitable What can be waited for.
 * @param action For the message when it cannot be: `Cannot gather`.
 */
export function asTask<T>(awaitable: Awaitable<T>, action: string): Task<T> {
  if (awaitable instanceof Task) return awaitable;
  if (typeof awaitable === "function") return new Task(awaitable);
  if (typeof awaitable?.then === "function") {
    // A promise's own rejection is the task's from now on, even when the task was cancelled before.
    return runNow(() => waitWithin(Promise.resolve(awaitable), {}, never));
  }
  throw new TypeError(
    `${action}: expected a task, a function or a promise, got ${typeof awaitable}`,
  );
}

/** Tasks for all, each once; nothing has started when one of them cannot be waited for. */
export function asTasks<T>(awaitables: Iterable<Awaitable<T>>, action: string): Set<Task<T>> {
  return new Set(tasksInOrder(awaitables, action));
}

/** Tasks for all, in order: one for each function, and the same one wherever the same promise was given. */
export function tasksInOrder<T>(awaitables: Iterable<Awaitable<T>>, action: string): Task<T>[] {
  if (typeof awaitables?.[Symbol.iterator] !== "function" || typeof awaitables === "string") {
    throw new TypeError(`${action}: expected several in an iterable, got ${typeof awaitables}`);
  }
  const given = [...awaitables];
  for (const one of given) {
    if (typeof one !== "function" && typeof one?.then !== "function") {
      throw new TypeError(
        `${action}: expected tasks, functions and promises, got ${typeof one} among them`,
      );
    }
  }
  const tasks = new Map<Awaitable<T>, Task<T>>();
  return given.map((one) => {
    if (typeof one === "function" || one instanceof Task) return asTask(one, action);
    let task = tasks.get(one);
    if (task === undefined) tasks.set(one, task = asTask(one, action));
    return task;
  });
}

/** How a task that is ended from outside is ended. Once; what comes later is ignored. */
export interface TaskEnd<T> {
  /** Gives it a result. */
  succeed(value: T): void;
  /** Gives it an error. */
  fail(error: unknown): void;
  /** Ends it as cancelled. */
  cancel(error: unknown): void;
}

/**
 * A task that is ended by what it waits for, within the same call: between the end of the one and the other
 * nobody can come and cancel it.
 *
 * @param begin Is called in the task, within this call.
 * @param options As for every task.
 */
export function endedTask<T>(begin: (end: TaskEnd<T>) => void, options?: TaskOptions): Task<T> {
  const task = new Task<T>(() => {
    begin({
      succeed: (value) => taskInternals.end(task, { kind: "succeeded", value }),
      fail: (error) => taskInternals.end(task, { kind: "failed", error }),
      cancel: (error) => taskInternals.end(task, { kind: "cancelled", error }),
    });
    return LATER as T;
  }, options);
  taskInternals.startNow(task);
  return task;
}

/** A task whose function starts within this call. */
export function runNow<T>(run: TaskFunction<T>, options?: TaskOptions): Task<T> {
  const task = new Task(run, options);
  taskInternals.startNow(task);
  return task;
}

function never(): never {
  throw new Error("Unreachable: this wait has no end");
}
