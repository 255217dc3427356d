/**
 * A task on the side of those who work.
 *
 * @module
 */

import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { InvalidStateError } from "../coroutine/errors.ts";
import type { Renewable, TaskRenewer } from "./_task_renewer.ts";
import { keepSpan, startRun, type TaskSpan } from "./_telemetry.ts";
import type { EngineLease } from "./engine.ts";
import { WorkerLostError } from "./task_errors.ts";

/** Options for {@linkcode TaskLease.fail}. */
export interface TaskFailOptions {
  /**
   * Whether the task is handed out again, if it has retries left.
   *
   * @default {true}
   */
  retry?: boolean | undefined;
  /**
   * How long it waits before that, in milliseconds.
   *
   * @default {0}
   */
  delayMs?: number | undefined;
}

/**
 * A task that a worker has taken from a {@linkcode TaskQueue}: nobody else gets it while the worker holds it.
 *
 * - It is renewed by itself until it has ended, as long as this process lives and its event loop turns.
 * - It ends with {@linkcode complete}, {@linkcode fail} or {@linkcode release}. These say whether that counts:
 *   `false` means that the lease had been lost before, and the task is another worker's by now.
 * - {@linkcode signal} aborts when there is no sense in going on: the producer has cancelled the task, or the
 *   lease was lost.
 *
 * @example A worker that can be cancelled, and tells how far it is
 * ```ts
 * import { sleep } from "@manyhands/concurrency/coroutine";
 * import { TaskQueue } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * await using queue = new TaskQueue<number, string>();
 * const seen: unknown[] = [];
 * const task = await queue.put(2, { onProgress: (value) => void seen.push(value) });
 *
 * await using lease = await queue.get();
 * for (let n = 1; n <= lease.value; n++) {
 *   await sleep(1, { signal: lease.signal });
 *   await lease.progress(n);
 * }
 * assertEquals(await lease.complete("ready"), true);
 *
 * assertEquals([await task.result(), seen], ["ready", [1, 2]]);
 * ```
 *
 * @typeParam T What was put.
 * @typeParam R The result.
 */
export class TaskLease<T, R> implements AsyncDisposable {
  readonly #lease: EngineLease;
  readonly #renewer: TaskRenewer;
  readonly #renewal: Renewable;
  /** As long as it goes on, and somebody traces. */
  #span: TaskSpan | undefined;
  #stop: AbortController | undefined;
  #stopped: { readonly reason: unknown } | undefined;
  #isHeld = true;
  #isEnding = false;

  /**
   * Queues make it.
   *
   * @param lease What the engine has given.
   * @param renewer What keeps it.
   */
  constructor(lease: EngineLease, renewer: unknown) {
    this.#lease = lease;
    this.#renewer = renewer as TaskRenewer;
    const now = performance.now();
    const { leaseMs } = lease;
    this.#renewal = {
      leaseMs,
      knownMs: now,
      askedMs: now,
      renew: () => void this.touch().catch(() => {}),
      expired: () =>
        this.#lost(
          new WorkerLostError(
            `The lease of task "${lease.id}" could not be renewed for ${leaseMs} ms`,
            { worker: "this process", attempt: lease.attempt },
          ),
        ),
    };
    this.#span = startRun(lease);
    if (this.#span !== undefined) keepSpan(this, this.#span);
    lease.onStop = (reason) => this.#onStop(reason);
    this.#renewer.add(this.#renewal);
  }

  /** The name of the task. */
  get id(): string {
    return this.#lease.id;
  }

  /** What was put. */
  get value(): T {
    return this.#lease.value as T;
  }

  /** Which attempt at the task this is; the first one is 1. */
  get attempt(): number {
    return this.#lease.attempt;
  }

  /** Whether the task is still this worker's, as far as is known here. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Aborts when the producer has cancelled the task, or the lease was lost. */
  get signal(): AbortSignal {
    if (this.#stop === undefined) {
      this.#stop = new AbortController();
      if (this.#stopped !== undefined) this.#stop.abort(this.#stopped.reason);
    }
    return this.#stop.signal;
  }

  /**
   * Gives the result, and ends the lease.
   *
   * @param result The result.
   * @returns Whether it counts. `false`: the lease was lost before, and the task is handed to others; they will
   * give the result.
   * @throws {InvalidStateError} When this lease was ended before by this worker.
   * @throws {TypeError} When the result cannot be sent; the lease goes on.
   * @throws {EngineUnavailableError} When the connection was lost, and nobody knows.
   */
  async complete(result: R): Promise<boolean> {
    return await this.#end("complete", () => this.#lease.complete(result));
  }

  /**
   * Tells that the attempt has failed, and ends the lease.
   *
   * @param error Why.
   * @param options Whether and when to try again.
   * @returns Whether it counts. `false`: the lease was lost before.
   * @throws {InvalidStateError} When this lease was ended before by this worker.
   * @throws {EngineUnavailableError} When the connection was lost, and nobody knows.
   */
  async fail(error: unknown, options: TaskFailOptions = {}): Promise<boolean> {
    const { retry = true, delayMs = 0 } = options;
    checkTimeout(delayMs, "delayMs");
    this.#span?.fail(error);
    return await this.#end("fail", () => this.#lease.fail(error, { retry, delayMs }));
  }

  /**
   * Gives the task back as if it had not been taken, and ends the lease: it costs no attempt.
   *
   * @returns Whether the lease was still held.
   * @throws {InvalidStateError} When this lease was ended before by this worker.
   * @throws {EngineUnavailableError} When the connection was lost.
   */
  async release(): Promise<boolean> {
    return await this.#end("release", () => this.#lease.release());
  }

  /**
   * Renews the lease now. It is renewed by itself as well; this also tells whether it is still held.
   *
   * @returns Whether it is still held.
   * @throws {EngineUnavailableError} When the connection was lost.
   */
  async touch(): Promise<boolean> {
    if (!this.#isHeld) return false;
    const askedMs = performance.now();
    if (!await this.#lease.touch()) {
      // It may be that it has ended here meanwhile.
      if (!this.#isEnding) this.#lost(this.#lostError("it had expired, or was given to others"));
      return false;
    }
    this.#renewal.knownMs = Math.max(this.#renewal.knownMs, askedMs);
    return this.#isHeld;
  }

  /**
   * Tells the producer how far the task is. Nothing happens when the lease has ended.
   *
   * @param value What to tell.
   * @returns When the producer has taken note of it.
   * @throws {TypeError} When it cannot be sent.
   * @throws {EngineUnavailableError} When the connection was lost.
   */
  async progress(value: unknown): Promise<void> {
    if (this.#isHeld) await this.#lease.progress(value);
  }

  /** Tells that the attempt has failed, if the lease has not ended: its block was left before that. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isHeld || this.#isEnding) return;
    await this.fail(new Error("The worker has left the task before it had ended")).catch(() => {});
  }

  async #end(action: string, end: () => Promise<boolean>): Promise<boolean> {
    if (this.#isEnding) {
      throw new InvalidStateError(`Cannot ${action} the task: this lease was ended before`);
    }
    if (!this.#isHeld) {
      this.#isEnding = true;
      return false;
    }
    this.#isEnding = true;
    try {
      const counts = await end();
      this.#close();
      return counts;
    } catch (error) {
      // What could not be sent has not been told: another answer may be.
      if (error instanceof TypeError || error instanceof RangeError) this.#isEnding = false;
      else this.#close();
      throw error;
    }
  }

  #close(): void {
    this.#isHeld = false;
    this.#span?.end();
    this.#span = undefined;
    this.#lease.onStop = undefined;
    this.#renewer.remove(this.#renewal);
  }

  #lost(reason: unknown): void {
    if (!this.#isHeld) return;
    this.#span?.fail(reason);
    this.#close();
    this.#abort(reason);
  }

  /** The engine says that the worker is to stop. */
  #onStop(reason: unknown): void {
    // A task that was cancelled is still this worker's, until it lets go of it.
    if ((reason as Error | undefined)?.name !== "CancelledError") {
      this.#span?.fail(reason);
      this.#close();
    }
    this.#abort(reason);
  }

  #abort(reason: unknown): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = { reason };
    this.#stop?.abort(reason);
  }

  #lostError(why: string): WorkerLostError {
    const { id, attempt } = this.#lease;
    return new WorkerLostError(`Lost the lease of task "${id}": ${why}`, {
      worker: "this process",
      attempt,
    });
  }
}
