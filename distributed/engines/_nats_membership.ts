import type { Msg } from "@nats-io/nats-core";
import { runOutsideTasks } from "../../coroutine/_current_scope.ts";
import { waitWithin } from "../../coroutine/_wait_within.ts";
import { QueueShutDownError, TimeoutError } from "../../coroutine/errors.ts";
import { sleep } from "../../coroutine/sleep.ts";
import type { WaitOptions } from "../../coroutine/wait_options.ts";
import { errorFromWire, errorToWire } from "../_task_wire.ts";
import type {
  DeadLetter,
  EngineGetOptions,
  EngineTask,
  TaskQueueStatistics,
  TaskWatcher,
} from "../engine.ts";
import { EngineUnavailableError, WorkerLostError } from "../task_errors.ts";
import { headersOf } from "./_nats_api.ts";
import { fromBytes } from "./_nats_encoding.ts";
import { cancelledError, type LeaseHost, NatsLease } from "./_nats_lease.ts";
import { TaskPutter } from "./_nats_putter.ts";
import { type Counts, isGone, lostError, type NatsQueue, SWEEP_MS } from "./_nats_queue.ts";
import { deleteQueue } from "./_nats_queue_streams.ts";
import { NatsPresence, readStatistics } from "./_nats_statistics.ts";
import { type HeldAnswer, type Talk, TalkChannel } from "./_nats_talk.ts";
import { type TakerOptions, TaskTaker } from "./_nats_taker.ts";
import { type KeptTask, readDelivery, readTask } from "./_nats_task_wire.ts";
import { TaskWatches } from "./_nats_watches.ts";

/** The pauses of `join`. */
const JOIN_PAUSE_MS = { least: 5, most: 100 } as const;

/** Whoever has a task answers within this when it is cancelled. */
const CANCEL_MS = 500;

/** Tasks that are due so soon are taken at once. */
const SOON_MS = 1;

/** One who uses a queue: puts, takes, watches, and hears what the others say. */
export class NatsMembership implements LeaseHost {
  readonly queue: NatsQueue;
  readonly #self = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  readonly #talk: TalkChannel;
  readonly #watches: TaskWatches;
  readonly #putter: TaskPutter;
  readonly #taker: TaskTaker;
  readonly #presence: NatsPresence;
  readonly #leases = new Map<string, NatsLease>();
  #closed: { readonly immediate: boolean; readonly deleted: boolean } | undefined;
  #isOver = false;
  /**
   * Tasks up to this one may have ended, though they are handed out: a server that was killed may forget the last
   * confirmations.
   */
  #suspectSeq = Infinity;
  #stopListening: () => void = () => {};

  /** Use {@linkcode NatsMembership.begin}. */
  constructor(queue: NatsQueue, options: TakerOptions) {
    this.queue = queue;
    this.#talk = new TalkChannel(queue.api, {
      subject: queue.names.everybody,
      self: this.#self,
      onTalk: (talk, answer) => this.#onTalk(talk, answer),
    });
    this.#presence = new NatsPresence(queue);
    this.#taker = new TaskTaker({
      queue,
      begin: (message, leaseMs) => this.#begin(message, leaseMs),
      isClosed: () => this.#closed !== undefined,
      checkCanCome: () => this.#checkCanCome(),
    }, options);
    this.#watches = new TaskWatches({
      queue,
      talk: this.#talk,
      self: this.#self,
      holdsHere: (id) => this.#leases.has(id),
      giveUp: (task, error, attempt) => this.#giveUp(task, error, attempt),
    });
    this.#putter = new TaskPutter({
      queue,
      watches: this.#watches,
      presence: this.#presence,
      self: this.#self,
      checkOpen: (action) => this.#checkOpen(action),
    });
    this.#listenForLoss();
  }

  /** Begins to use a queue that is there. */
  static async begin(queue: NatsQueue, options: TakerOptions): Promise<NatsMembership> {
    const membership = new NatsMembership(queue, options);
    try {
      await membership.#afterLoss();
    } catch (error) {
      await membership.close();
      throw error;
    }
    return membership;
  }

  // Putting

  async put(
    task: EngineTask,
    watcher: TaskWatcher | undefined,
    options: WaitOptions,
  ): Promise<"put" | "known"> {
    try {
      const answer = await this.#putter.put(task, watcher, options);
      if (answer === "put" && task.delayMs > 0) {
        this.#taker.noticeDelayed();
        this.#talk.say({ kind: "delayed" });
      }
      return answer;
    } catch (error) {
      throw this.#explain(error);
    }
  }

  async requeue(id: string, watcher: TaskWatcher | undefined): Promise<boolean> {
    try {
      return await this.#putter.requeue(id, watcher);
    } catch (error) {
      throw this.#explain(error);
    }
  }

  // Taking

  async get(options: EngineGetOptions): Promise<NatsLease> {
    const { leaseMs = this.queue.settings.leaseMs, signal, timeoutMs = Infinity } = options;
    if (this.#closed !== undefined) await this.#checkCanCome();
    try {
      const lease = await this.#taker.take({ leaseMs, signal, timeoutMs });
      lease.announce();
      return lease;
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** Makes a lease of what was delivered; nothing when the task is not to run now. */
  async #begin(message: Msg, leaseMs: number): Promise<NatsLease | undefined> {
    const action = "Cannot get a task";
    const { reconnects } = this.queue.api.client;
    const { delivered, seq } = readDelivery(message.reply!);
    const reply = message.reply!;
    const kept = { subject: message.subject, seq, headers: headersOf(message), body: message.data };
    const task = readTask(kept);
    if (task === undefined) return undefined;
    const isAgain = delivered > 1;
    let attempt = delivered;
    let free = 0;
    if (isAgain || task.isOwn || seq <= this.#suspectSeq) {
      if (await this.#hasEnded(action, task, reply)) return undefined;
    }
    if (isAgain) {
      this.#talk.say({ kind: "taken", id: task.id, by: this.#self });
      const [freeCount, cancelled] = await Promise.all([
        this.queue.freeOf(action, task.id),
        this.queue.cancelledWith(action, task.id),
      ]);
      free = Math.min(freeCount, delivered - 1);
      attempt = delivered - free;
      if (cancelled !== undefined) {
        await this.#endWith(action, task, { state: "cancelled", error: cancelled.error });
        return undefined;
      }
    }
    const waitMs = task.dueMs - Date.now();
    if (waitMs > SOON_MS) {
      await this.queue.setFree(action, task.id, free + 1);
      const word = `-NAK {"delay": ${Math.ceil(waitMs * 1e6)}}`;
      await this.queue.api.confirm(action, reply, word, {});
      return undefined;
    }
    if (attempt > task.retries + 1) {
      const { leaseMs } = this.queue.settings;
      const error = lostError(task, { worker: "unknown", attempt: attempt - 1, leaseMs });
      await this.#giveUp(task, error, attempt - 1);
      return undefined;
    }
    if (this.#closed?.immediate === true) {
      const error = cancelledError(task.id, "the queue was shut down");
      await this.#endWith(action, task, { state: "cancelled", error });
      return undefined;
    }
    let value: unknown;
    try {
      value = fromBytes(task.body);
    } catch (error) {
      await this.#endWith(action, task, { state: "failed", error }, attempt);
      return undefined;
    }
    if (isAgain && attempt > 1) this.#presence.count("redelivered");
    this.#leases.get(task.id)?.lose(takenError(task.id, attempt - 1));
    const place = { reply, attempt, free, leaseMs, isAgain, reconnects };
    const lease = new NatsLease(this, task, value, place, { self: this.#self });
    this.#leases.set(task.id, lease);
    return lease;
  }

  /** Whether a task has an outcome already: then whoever gave it did not come to the end. */
  async #hasEnded(action: string, task: KeptTask, reply: string): Promise<boolean> {
    const { id, isOwn, producer } = task;
    const found = await this.queue.findOutcome(action, id, isOwn ? undefined : producer);
    if (found === undefined) return false;
    const { outcome, message } = found;
    // Two have put it, the second one when it had just ended.
    if (message.subject !== this.queue.names.outcome(producer, id)) {
      await this.queue.end(action, task, outcome, `copy.${task.seq}`);
    }
    if (outcome.state === "failed") {
      await this.queue.bury(action, task, outcome.error, readDelivery(reply).delivered);
    }
    await this.queue.api.confirm(action, reply, "+ACK", {});
    await this.queue.forget(action, id);
    return true;
  }

  // Ends

  /** Ends a task that nobody runs. */
  async #endWith(
    action: string,
    task: KeptTask,
    outcome: { state: "cancelled" | "failed"; error: unknown },
    attempts = 0,
  ): Promise<boolean> {
    const counts = await this.queue.end(action, task, outcome, crypto.randomUUID());
    if (counts) this.#presence.count(outcome.state);
    // Before it leaves: whoever is handed it again makes up for what fails here.
    if (outcome.state === "failed") await this.queue.bury(action, task, outcome.error, attempts);
    if (counts && outcome.state === "cancelled") this.#watches.ended(task.id, outcome);
    await this.queue.drop(action, task);
    await this.queue.forget(action, task.id);
    if (counts && task.isOwn) this.ownEnded(task.id);
    return counts;
  }

  /** A task was lost with its worker too often. */
  async #giveUp(task: KeptTask, error: unknown, attempt: number): Promise<void> {
    const action = "Cannot give the task up";
    const outcome = { state: "failed", error } as const;
    if (await this.queue.end(action, task, outcome, crypto.randomUUID())) {
      this.#presence.count("failed");
      this.#presence.count("lost");
      await this.queue.bury(action, task, error, attempt);
      this.#talk.say({ kind: "stop", id: task.id, error: errorToWire(error) });
      if (task.isOwn) this.ownEnded(task.id);
    }
    await this.queue.drop(action, task);
    await this.queue.forget(action, task.id);
  }

  async cancel(id: string, reason?: unknown): Promise<boolean> {
    const action = "Cannot cancel the task";
    try {
      const task = await this.queue.findTask(action, id);
      if (task === undefined) return false;
      return await this.#cancel(action, task, cancelledError(id, reason));
    } catch (error) {
      throw this.#explain(error);
    }
  }

  async #cancel(action: string, task: KeptTask, error: unknown): Promise<boolean> {
    const { id } = task;
    const here = this.#leases.get(id);
    const { delivered, num_ack_pending } = await this.queue.consumer(action, task);
    const mayBeHeld = here !== undefined ||
      num_ack_pending > 0 && delivered.stream_seq >= task.seq;
    if (mayBeHeld) {
      // If its worker dies of it, whoever is handed the task next ends it.
      await this.queue.markCancelled(action, id, error);
      if (here?.isHeld) {
        here.cancel(error);
        return true;
      }
      const talk: Talk = { kind: "cancel", id, error: errorToWire(error) };
      const [answer] = await this.#talk.gather(talk, { mostMs: CANCEL_MS, isEnough: () => true });
      if (answer !== undefined) return true;
    }
    const counts = await this.#endWith(action, task, { state: "cancelled", error });
    // It may have been taken at this moment.
    this.#talk.say({ kind: "stop", id, error: errorToWire(error) });
    return counts;
  }

  // The whole

  async shutdown({ immediate }: { immediate: boolean }): Promise<void> {
    const action = "Cannot shut the task queue down";
    try {
      const mark = { immediate: immediate || this.#closed?.immediate === true };
      await this.queue.markClosed(action, mark);
      this.#onClosed({ ...mark, deleted: false });
      this.#talk.say({ kind: "closed", ...mark, deleted: false });
      await this.queue.api.trying(action, {}, () => this.queue.api.client.nc.flush());
      if (!immediate) return;
      const answers = await this.#talk.gather({ kind: "held", producer: undefined }, {
        mostMs: CANCEL_MS,
      });
      const held = new Set([...this.#leases.keys(), ...heldIds(answers)]);
      for await (const task of this.queue.allTasks(action)) {
        if (held.has(task.id)) continue;
        const error = cancelledError(task.id, "the queue was shut down");
        await this.#endWith(action, task, { state: "cancelled", error });
        this.#talk.say({ kind: "stop", id: task.id, error: errorToWire(error) });
      }
    } catch (error) {
      throw this.#explain(error);
    }
  }

  async reopen(): Promise<void> {
    await this.queue.reopen("Cannot open the task queue again");
    this.#closed = undefined;
    this.#talk.say({ kind: "opened" });
  }

  async destroy(): Promise<void> {
    const mark = { immediate: true, deleted: true };
    await deleteQueue(this.queue.api, this.queue.names);
    this.#onClosed(mark);
    this.#talk.say({ kind: "closed", ...mark });
    const { api } = this.queue;
    await api.trying("Cannot delete the task queue", {}, () => api.client.nc.flush());
  }

  async qsize(): Promise<number> {
    try {
      const { fresh } = await this.queue.figures("Cannot count the tasks");
      return fresh.reduce((sum, count) => sum + count, 0);
    } catch (error) {
      throw this.#explain(error);
    }
  }

  async join({ signal, timeoutMs = Infinity }: WaitOptions): Promise<void> {
    const action = "Cannot wait for the tasks";
    const endMs = performance.now() + timeoutMs;
    let pauseMs: number = JOIN_PAUSE_MS.least;
    let sweepMs = performance.now() + SWEEP_MS;
    this.#presence.joining++;
    try {
      for (;;) {
        signal?.throwIfAborted();
        const asking = runOutsideTasks(() => this.queue.unfinished(action));
        asking.catch(() => {});
        const count = await waitWithin(asking, { signal }, () => 0);
        if (count === 0) return;
        const leftMs = endMs - performance.now();
        if (leftMs <= 0) throw new TimeoutError(`${count} tasks of the queue are unfinished`);
        await sleep(Math.min(pauseMs, leftMs), { signal });
        pauseMs = Math.min(pauseMs * 2, JOIN_PAUSE_MS.most);
        if (performance.now() < sweepMs) continue;
        await runOutsideTasks(() => this.queue.sweep(action));
        sweepMs = performance.now() + SWEEP_MS;
      }
    } catch (error) {
      throw this.#explain(error);
    } finally {
      this.#presence.joining--;
    }
  }

  async statistics(): Promise<TaskQueueStatistics> {
    try {
      return await readStatistics(this.queue, this.#talk, this.#presenceNow());
    } catch (error) {
      throw this.#explain(error);
    }
  }

  async deadLetters(): Promise<DeadLetter[]> {
    const letters: DeadLetter[] = [];
    try {
      for await (const letter of this.queue.deadLetters("Cannot list the dead letters")) {
        const { id, body, error, attempts, failedAt } = letter;
        letters.push({ id, value: readValue(body), error, attempts, failedAt });
      }
    } catch (error) {
      throw this.#explain(error);
    }
    return letters;
  }

  introduce(worker: { name: string; concurrency: number }): Promise<void> {
    this.#presence.introduce(worker);
    return Promise.resolve();
  }

  async close(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopListening();
    this.queue.api.leave();
    const error = new EngineUnavailableError("The task queue was closed here");
    await this.#taker.close();
    const leases = [...this.#leases.values()];
    await Promise.all(leases.map((lease) => lease.abandon(error).catch(() => {})));
    await this.#watches.close(error);
    await this.#presence.close().catch(() => {});
    this.#talk.close();
  }

  // As the host of leases

  get worker(): string {
    return this.#presence.name;
  }

  closed(lease: NatsLease, how: "done" | "failed" | "lost" | "other"): void {
    if (this.#leases.get(lease.id) === lease) this.#leases.delete(lease.id);
    this.#presence.ended(how);
  }

  count(name: keyof Counts): void {
    this.#presence.count(name);
  }

  ownEnded(id: string): void {
    this.#talk.say({ kind: "ended", id });
    this.#watches.lookAt(id);
  }

  // What others say

  #onTalk(talk: Talk, answer: (value: unknown) => void): void {
    switch (talk.kind) {
      case "closed":
        return this.#onClosed(talk);
      case "opened":
        this.#closed = undefined;
        return;
      case "delayed":
        return this.#taker.noticeDelayed();
      case "taken": {
        const lease = this.#leases.get(talk.id);
        return lease?.lose(takenError(talk.id, lease.attempt));
      }
      case "cancel": {
        const lease = this.#leases.get(talk.id);
        if (!lease?.isHeld) return;
        lease.cancel(errorFromWire(talk.error));
        return answer(true);
      }
      case "stop":
        return this.#leases.get(talk.id)?.lose(errorFromWire(talk.error));
      case "ended":
        return this.#watches.lookAt(talk.id);
      case "held": {
        const held = [...this.#leases.values()].filter(({ isHeld, task }) =>
          isHeld && (talk.producer === undefined || talk.producer === task.producer)
        );
        if (held.length > 0) answer(held.map(({ id, attempt }) => [id, attempt]));
        return;
      }
      case "who":
        return answer(this.#presenceNow());
    }
  }

  #presenceNow() {
    const held = [...this.#leases.values()].filter(({ isHeld }) => isHeld).length;
    return this.#presence.now({ held, getting: this.#taker.waiting });
  }

  #onClosed(mark: { immediate: boolean; deleted: boolean }): void {
    this.#closed = { immediate: mark.immediate, deleted: mark.deleted };
    this.#taker.wake();
    if (mark.immediate) {
      for (const lease of [...this.#leases.values()]) {
        lease.cancel(cancelledError(lease.id, "the queue was shut down"));
      }
    }
    if (mark.deleted) this.#watches.fail(new EngineUnavailableError("The task queue was deleted"));
  }

  async #readClosed(): Promise<void> {
    const mark = await this.queue.closedMark("Cannot open the task queue");
    if (mark !== undefined) this.#onClosed({ immediate: mark.immediate, deleted: false });
    else if (this.#closed?.deleted !== true) this.#closed = undefined;
  }

  /** Whatever was said while there was no connection was not heard. */
  #listenForLoss(): void {
    const { client } = this.queue.api;
    this.#stopListening = client.onLost(() => {
      this.#suspectSeq = Infinity;
      // What they ask is not answered any more.
      this.#taker.wake();
      void client.whenConnected().then(() => {
        if (this.#isOver) return;
        this.#listenForLoss();
        this.#taker.wake();
        this.#watches.reconnected();
        return this.#insistAfterLoss();
      }).catch((error) => {
        if (!client.nc.isClosed()) return;
        this.#taker.wake();
        this.#watches.fail(error);
      });
    });
  }

  /** What was said meanwhile is not said again: the engine is asked until it answers, or is lost again. */
  async #insistAfterLoss(): Promise<void> {
    const { api } = this.queue;
    for (;;) {
      try {
        return await this.#afterLoss();
      } catch (error) {
        if (!(error instanceof EngineUnavailableError) || !api.client.isConnected) throw error;
      }
      await api.pause(SWEEP_MS, {});
    }
  }

  /** It may be another server, or the same one after its end. */
  async #afterLoss(): Promise<void> {
    await this.#readClosed();
    const action = "Cannot look after the tasks";
    this.#suspectSeq = (await this.queue.figures(action)).put;
    await this.queue.sweep(action);
  }

  #checkOpen(action: string): void {
    if (this.#closed !== undefined) throw shutDownError(action, this.#closed);
  }

  /** Throws when no task can come any more. */
  async #checkCanCome(): Promise<void> {
    const closed = this.#closed;
    if (closed === undefined) return;
    if (closed.deleted || await this.queue.unfinished("Cannot get a task") === 0) {
      throw shutDownError("get from", closed);
    }
  }

  /** What goes wrong when the queue is taken away. */
  #explain(error: unknown): unknown {
    if (!isGone(error)) return error;
    return shutDownError("use", { deleted: true });
  }
}

function heldIds(answers: readonly unknown[]): string[] {
  return answers.filter((answer) => Array.isArray(answer))
    .flatMap((answer) => (answer as HeldAnswer).map(([id]) => id));
}

function takenError(id: string, attempt: number): WorkerLostError {
  return new WorkerLostError(
    `Lost the lease of task "${id}": it had expired, and others have it`,
    { worker: "this process", attempt },
  );
}

function shutDownError(action: string, { deleted }: { deleted: boolean }): QueueShutDownError {
  const why = deleted ? "it was deleted" : "it is shut down";
  return new QueueShutDownError(`Cannot ${action} the task queue: ${why}`);
}

/** The value of a dead letter. One that cannot be read does not hide the others; its error says why it cannot. */
function readValue(body: Uint8Array): unknown {
  try {
    return fromBytes(body);
  } catch {
    return undefined;
  }
}
