/**
 * A task on the side of those who put it.
 *
 * @module
 */

import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { Waiters } from "../coroutine/_waiters.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import type { TaskEngine, TaskOutcome, TaskWatcher } from "./engine.ts";

/** What has become of a task: it waits, a worker runs it, or it has ended. */
export type TaskState = "waiting" | "running" | "done" | "failed" | "cancelled";

/**
 * A task that was put into a {@linkcode TaskQueue}, on the side of the producer.
 *
 * - {@linkcode result} can be awaited any number of times, before and after the end.
 * - A failure that nobody awaits is no unhandled rejection: what has failed for good is among the dead
 *   letters of the queue as well.
 * - What it tells of the state may be older than the truth by the time that a message takes.
 *
 * @example The life of a task
 * ```ts
 * import { TaskQueue } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * await using queue = new TaskQueue<number, number>();
 * const task = await queue.put(20);
 * assertEquals(task.state, "waiting");
 * const lease = await queue.get();
 * assertEquals([task.state, task.attempt], ["running", 1]);
 * await lease.complete(lease.value + 1);
 * assertEquals(await task.result(), 21);
 * assertEquals(task.state, "done");
 * ```
 *
 * @typeParam R The result.
 */
export class TaskHandle<R> {
  /** The name of the task. */
  readonly id: string;
  readonly #engine: TaskEngine;
  readonly #waiters = new Waiters<void>();
  #state: TaskState = "waiting";
  #attempt = 0;
  #outcome: TaskOutcome | undefined;

  /**
   * Queues make it.
   *
   * @param id The name of the task.
   * @param engine Who keeps it.
   */
  constructor(id: string, engine: TaskEngine) {
    this.id = id;
    this.#engine = engine;
  }

  /** What has become of the task. */
  get state(): TaskState {
    return this.#state;
  }

  /** How many attempts have begun. */
  get attempt(): number {
    return this.#attempt;
  }

  /**
   * Waits for the result. An abort, or the end of the time, stops the wait and not the task.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns What the worker has given.
   * @throws {unknown} When the task has failed for good: what the worker gave as the error.
   * @throws {WorkerLostError} When it was lost with its workers more often than it has retries.
   * @throws {CancelledError} When it was cancelled.
   * @throws {EngineUnavailableError} When the connection to who keeps the task was lost, and nobody knows.
   * @throws {TimeoutError} When it had not ended after `timeoutMs`.
   */
  async result(options: WaitOptions = {}): Promise<R> {
    options.signal?.throwIfAborted();
    const timeoutMs = checkTimeout(options.timeoutMs);
    if (this.#outcome === undefined) {
      const late = () =>
        new TimeoutError(`Task "${this.id}" is ${this.#state} after ${timeoutMs} ms`);
      if (timeoutMs === 0) throw late();
      const letGo = this.#engine.hold();
      try {
        await this.#waiters.wait(undefined, options, late);
      } finally {
        letGo();
      }
    }
    const outcome = this.#outcome!;
    if (outcome.state === "done") return outcome.value as R;
    throw outcome.error;
  }

  /**
   * Cancels the task. One that waits never starts. Of one that runs the worker is told: the signal of its
   * lease aborts, and the task has ended when the worker lets go of it, or is lost; a result that it gives all
   * the same counts.
   *
   * @param reason Why; the `cause` of the {@linkcode CancelledError} that {@linkcode result} throws.
   * @returns Whether it had not ended yet.
   * @throws {EngineUnavailableError} When the engine did not answer.
   */
  async cancel(reason?: unknown): Promise<boolean> {
    return this.#outcome === undefined && await this.#engine.cancel(this.id, reason);
  }

  /**
   * The one through which the engine tells what becomes of the task.
   *
   * @param onProgress Is told how far the task is.
   * @returns The watcher.
   */
  watcher(onProgress?: (value: unknown) => void | Promise<void>): TaskWatcher {
    return {
      started: (attempt) => {
        this.#attempt = attempt;
        this.#state = "running";
      },
      waiting: () => this.#state = "waiting",
      progress: (value) => onProgress?.(value),
      ended: (outcome) => {
        this.#outcome = outcome;
        this.#state = outcome.state;
        this.#waiters.grantAll();
      },
    };
  }
}
