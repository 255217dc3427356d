import { runOutsideTasks } from "../../coroutine/_current_scope.ts";
import { waitWithin } from "../../coroutine/_wait_within.ts";
import { InvalidStateError, QueueFullError } from "../../coroutine/errors.ts";
import { sleep } from "../../coroutine/sleep.ts";
import type { WaitOptions } from "../../coroutine/wait_options.ts";
import type { EngineTask, TaskWatcher } from "../engine.ts";
import { isApiError, NatsApiError, type StoredForm } from "./_nats_api.ts";
import { type NatsQueue, SWEEP_MS } from "./_nats_queue.ts";
import { toToken } from "./_nats_queue_names.ts";
import type { NatsPresence } from "./_nats_statistics.ts";
import type { TaskWatches } from "./_nats_watches.ts";

/** What putting tasks needs of the engine. */
export interface PutterHost {
  readonly queue: NatsQueue;
  readonly watches: TaskWatches;
  readonly presence: NatsPresence;
  /** The token of this producer. */
  readonly self: string;
  /** Throws when the queue takes no more tasks. */
  checkOpen(action: string): void;
}

/** The pauses of a put while the queue is full. */
const FULL_PAUSE_MS = { least: 2, most: 50 } as const;

/** The calls of `put`. */
export class TaskPutter {
  readonly #host: PutterHost;

  constructor(host: PutterHost) {
    this.#host = host;
  }

  /** Keeps a task. */
  async put(
    task: EngineTask,
    watcher: TaskWatcher | undefined,
    options: WaitOptions,
  ): Promise<"put" | "known"> {
    const action = "Cannot put the task";
    const level = this.#levelOf(task.priority);
    const body = this.#host.queue.encode(action, task.value);
    // Also says when the name is too long.
    this.#host.queue.names.task("t", level, task.id);
    this.#host.checkOpen("put into");
    if (watcher !== undefined) this.#host.watches.add(task.id, watcher, task);
    try {
      const isKnown = task.ownId && await this.#isKnown(action, task.id);
      const answer = isKnown ? "known" : await this.#store(task, level, body, options);
      if (watcher !== undefined && answer === "put") this.#host.watches.stored(task.id);
      if (answer === "known" && watcher !== undefined) {
        await this.#host.watches.adopt(await this.#host.queue.findTask(action, task.id), task.id);
      }
      return answer;
    } catch (error) {
      if (watcher !== undefined) this.#host.watches.remove(task.id, watcher);
      throw error;
    }
  }

  /** Whether a task of a name that its user has chosen is unfinished, or has ended and that is known. */
  async #isKnown(action: string, id: string): Promise<boolean> {
    const [task, outcome] = await Promise.all([
      this.#host.queue.findTask(action, id),
      this.#host.queue.findOutcome(action, id),
    ]);
    return task !== undefined || outcome !== undefined;
  }

  /** Stores a task as soon as there is a place. */
  async #store(
    task: EngineTask,
    level: number,
    body: Uint8Array,
    { signal, timeoutMs = Infinity }: WaitOptions,
  ): Promise<"put" | "known"> {
    const action = "Cannot put the task";
    const { api } = this.#host.queue;
    const endMs = performance.now() + timeoutMs;
    const { id, ownId, retries, trace, delayMs } = task;
    const dueMs = delayMs > 0 ? Date.now() + delayMs : 0;
    // The same for all tries: one whose answer was lost is not stored twice.
    const put = crypto.randomUUID();
    let messageId = ownId ? `own.${toToken(id)}` : put;
    let pauseMs: number = FULL_PAUSE_MS.least;
    let sweepMs = performance.now() + SWEEP_MS;
    for (;;) {
      signal?.throwIfAborted();
      const storing = runOutsideTasks(() =>
        api.trying(
          action,
          { endMs: timeoutMs === Infinity ? undefined : endMs },
          () =>
            this.#host.queue.tryPut({ id, ownId, retries, trace, body }, {
              level,
              dueMs,
              producer: this.#host.self,
              put,
              messageId,
            }),
        )
      );
      storing.catch(() => {});
      try {
        const stored = await waitWithin<StoredForm | undefined>(
          storing,
          { signal },
          () => undefined,
        );
        if (!ownId || stored?.duplicate !== true) return "put";
        const known = await this.#whoseIs(action, id, put);
        if (known !== undefined) return known;
        // One of that name has ended, so long ago that nobody knows.
        messageId = `own.${toToken(id)}.${stored.seq}`;
        continue;
      } catch (error) {
        if (isApiError(error) && error.isConflict) {
          return await this.#whoseIs(action, id, put) ?? "known";
        }
        if (!(error instanceof NatsApiError && error.isFull)) {
          // It may be stored all the same.
          void storing.then(({ seq }) => this.#undo(id, level, dueMs, seq)).catch(() => {});
          throw error;
        }
      }
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) throw this.#fullError();
      this.#host.presence.putting++;
      try {
        await sleep(Math.min(pauseMs, leftMs), { signal });
      } finally {
        this.#host.presence.putting--;
      }
      this.#host.checkOpen("put into");
      pauseMs = Math.min(pauseMs * 2, FULL_PAUSE_MS.most);
      if (performance.now() < sweepMs) continue;
      await runOutsideTasks(() => this.#host.queue.sweep(action));
      sweepMs = performance.now() + SWEEP_MS;
    }
  }

  /** Whether the task of a name is the one that was put here; nothing when nobody knows one. */
  async #whoseIs(action: string, id: string, put: string): Promise<"put" | "known" | undefined> {
    const task = await this.#host.queue.findTask(action, id);
    if (task !== undefined) return task.put === put ? "put" : "known";
    return await this.#host.queue.findOutcome(action, id) === undefined ? undefined : "known";
  }

  /** A put was given up, and has been stored nevertheless. */
  async #undo(id: string, level: number, dueMs: number, seq: number): Promise<void> {
    const action = "Cannot take the task back";
    const task = await this.#host.queue.taskAt(action, seq);
    if (task === undefined || task.id !== id || task.level !== level) return;
    const { delivered } = await this.#host.queue.consumer(action, {
      kind: dueMs > 0 ? "z" : "t",
      level,
    });
    if (delivered.stream_seq < seq) await this.#host.queue.drop(action, task);
  }

  /** Puts a task again that has failed for good. */
  async requeue(id: string, watcher: TaskWatcher | undefined): Promise<boolean> {
    const action = "Cannot put the task again";
    const letter = await this.#host.queue.findDeadLetter(action, id);
    if (letter === undefined) return false;
    this.#host.checkOpen("put into");
    const task = await this.#host.queue.findTask(action, id);
    const isEnded = task !== undefined &&
      await this.#host.queue.findOutcome(action, id, task.producer) !== undefined;
    if (isEnded) await this.#host.queue.drop(action, task);
    else if (task !== undefined) {
      throw new InvalidStateError(
        `Cannot put task "${id}" again: another one of that name is unfinished`,
      );
    }
    await this.#host.queue.forgetOutcome(action, id);
    await this.#host.queue.forget(action, id);
    const { level, isOwn, retries, trace, body } = letter;
    const { watches, self } = this.#host;
    if (watcher !== undefined) watches.add(id, watcher, { retries });
    const put = crypto.randomUUID();
    // The same for all who put this one again at a time: it is put once.
    const place = { level, dueMs: 0, producer: self, put, messageId: `again.${letter.seq}` };
    try {
      const { duplicate } = await this.#host.queue.api.trying(
        action,
        {},
        () => this.#host.queue.tryPut({ id, ownId: isOwn, retries, trace, body }, place),
      );
      if (watcher !== undefined && duplicate !== true) watches.stored(id);
      // Another one's, or this one's whose answer was lost.
      else await watches.adopt(await this.#host.queue.findTask(action, id), id);
    } catch (error) {
      if (watcher !== undefined) watches.remove(id, watcher);
      throw error instanceof NatsApiError && error.isFull ? this.#fullError() : error;
    }
    await this.#host.queue.dropDeadLetter(action, id);
    return true;
  }

  #levelOf(priority: number): number {
    const { priorities } = this.#host.queue.settings;
    const level = priorities.indexOf(priority === 0 ? 0 : priority);
    if (level >= 0) return level;
    throw new RangeError(
      `Cannot put the task: its "priority" is ${priority}, and queue "${this.#host.queue.names.queue}" was created with ${
        priorities.join(", ")
      }`,
    );
  }

  #fullError(): QueueFullError {
    const { maxSize } = this.#host.queue.settings;
    return new QueueFullError(
      `Cannot put into the task queue: ${maxSize} of ${maxSize} tasks are unfinished`,
    );
  }
}
