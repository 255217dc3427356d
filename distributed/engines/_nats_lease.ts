import { CancelledError } from "../../coroutine/errors.ts";
import { runOutsideTasks } from "../../coroutine/_current_scope.ts";
import { StopNotice } from "../_task_stop_notice.ts";
import type { EngineLease, TaskOutcome, TaskTrace } from "../engine.ts";
import { EngineUnavailableError } from "../task_errors.ts";
import { eventHeaders, type TaskEventForm } from "./_nats_events.ts";
import { type Counts, lostError, type NatsQueue } from "./_nats_queue.ts";
import { NOBODY } from "./_nats_queue_names.ts";
import type { KeptTask } from "./_nats_task_wire.ts";

/** What a lease needs of the engine that has taken it. */
export interface LeaseHost {
  readonly queue: NatsQueue;
  /** What this worker is called. */
  readonly worker: string;
  /** It is not held any more. */
  closed(lease: NatsLease, how: "done" | "failed" | "lost" | "other"): void;
  count(name: keyof Counts): void;
  /** A task has ended whose name its user has chosen. */
  ownEnded(id: string): void;
}

/** How a task was delivered. */
export interface Delivered {
  /** Where it is answered. */
  readonly reply: string;
  readonly attempt: number;
  /** How many deliveries cost no attempt. */
  readonly free: number;
  readonly leaseMs: number;
  /** Whether something may be kept of it beside the task. */
  readonly isAgain: boolean;
  /** How often the connection had been made anew when it came. */
  readonly reconnects: number;
}

/** The answer of a producer to a report. */
type ReportAnswer = "received" | "taken" | "nobody";

/** An answer is waited for so long; then the report is sent again. */
const REPORT_MS = 3_000;

/** A producer that has it may be long about it, or its second answer is lost. */
const REPORT_AGAIN_MS = 15_000;

const PAUSE_MS = 50;

/** A producer that does not listen for so long is gone. */
const PRODUCER_MS = 3_000;

const RENEWALS = 3;

let leases = 0;

/** A task in the hands of this process. */
export class NatsLease implements EngineLease {
  readonly task: KeptTask;
  readonly value: unknown;
  readonly attempt: number;
  readonly leaseMs: number;
  readonly stop = new StopNotice();
  /** The same for every try to end the task by this lease, and no other one's. */
  readonly by: string;
  readonly #host: LeaseHost;
  readonly #delivered: Delivered;
  #isHeld = true;
  /** Until when it is held, as far as is known here. */
  #untilMs: number;
  #cancelled: { readonly error: unknown } | undefined;
  #renewal: ReturnType<typeof setInterval> | undefined;
  /** What was told last: the outcome comes after it. */
  #told: Promise<void> = Promise.resolve();
  #reports = 0;
  /** Ends the waits for answers to reports. */
  readonly #reporting = new Set<() => void>();

  constructor(
    host: LeaseHost,
    task: KeptTask,
    value: unknown,
    delivered: Delivered,
    { self }: { self: string },
  ) {
    this.#host = host;
    this.task = task;
    this.value = value;
    this.attempt = delivered.attempt;
    this.#delivered = delivered;
    this.by = `${self}.${++leases}`;
    const { leaseMs } = host.queue.settings;
    // The engine knows one time for all leases: a longer one is kept up from here, a shorter one is not possible.
    this.leaseMs = Math.max(delivered.leaseMs, leaseMs);
    this.#untilMs = performance.now() + this.leaseMs;
    if (this.leaseMs > leaseMs) {
      this.#renewal = setInterval(
        () => runOutsideTasks(() => void this.#renew().catch(() => {})),
        leaseMs / RENEWALS,
      );
    }
  }

  get id(): string {
    return this.task.id;
  }

  get trace(): TaskTrace | undefined {
    return this.task.trace;
  }

  get onStop(): ((reason: unknown) => void) | undefined {
    return this.stop.listener;
  }

  set onStop(onStop: ((reason: unknown) => void) | undefined) {
    this.stop.listener = onStop;
  }

  /** Whether it is held, as far as is known here. */
  get isHeld(): boolean {
    if (this.#isHeld && performance.now() >= this.#untilMs) {
      const { attempt, leaseMs } = this;
      this.lose(lostError(this.task, { worker: this.#host.worker, attempt, leaseMs }));
    }
    return this.#isHeld;
  }

  async complete(result: unknown): Promise<boolean> {
    if (!this.isHeld) return false;
    await this.#told;
    return await this.#end("Cannot complete the task", { state: "done", value: result });
  }

  async fail(error: unknown, options: { retry: boolean; delayMs: number }): Promise<boolean> {
    const action = "Cannot fail the task";
    if (!this.isHeld) return false;
    await this.#told;
    if (this.#cancelled !== undefined) return await this.#endCancelled(action);
    if (!options.retry || this.attempt > this.task.retries) {
      return await this.#end(action, { state: "failed", error });
    }
    if (!await this.#giveBack(action, options.delayMs)) return false;
    this.#host.count("again");
    this.#close("failed");
    this.#tell("waiting");
    return true;
  }

  async release(): Promise<boolean> {
    const action = "Cannot release the task";
    if (!this.isHeld) return false;
    await this.#told;
    if (this.#cancelled !== undefined) return await this.#endCancelled(action);
    await this.#guarded(() => this.#host.queue.setFree(action, this.id, this.#delivered.free + 1));
    if (!await this.#giveBack(action, 0)) return false;
    this.#close("other");
    this.#tell("waiting");
    return true;
  }

  async touch(): Promise<boolean> {
    if (!this.isHeld) return false;
    const askedMs = performance.now();
    await this.#renew();
    if (!this.#isHeld) return false;
    this.#untilMs = Math.max(this.#untilMs, askedMs + this.leaseMs);
    return this.isHeld;
  }

  async progress(value: unknown): Promise<void> {
    if (!this.isHeld || this.task.producer === NOBODY) return;
    const body = this.#host.queue.encode("Cannot report progress", value);
    const number = ++this.#reports;
    // In order: each is sent when the one before has arrived.
    const { promise: received, resolve: onReceived } = Promise.withResolvers<void>();
    const before = this.#told;
    this.#told = received;
    await before.then(() => this.#report(body, number, onReceived));
  }

  /** Somebody works on it from now on. */
  announce(): void {
    this.#tell("started");
  }

  /** The producer wants it to end. */
  cancel(error: unknown): void {
    if (this.#cancelled !== undefined || !this.#isHeld) return;
    this.#cancelled = { error };
    this.stop.tell(error);
  }

  /** It is held no longer, whatever its worker says. */
  lose(error: unknown): void {
    if (!this.#isHeld) return;
    this.#close("lost");
    this.stop.tell(error);
  }

  /** The worker goes: others are to have the task at once. It costs an attempt. */
  async abandon(error: unknown): Promise<void> {
    if (!this.#isHeld) return;
    this.lose(error);
    const { nc } = this.#host.queue.api.client;
    if (!nc.isClosed()) await nc.request(this.#delivered.reply, "-NAK", { timeout: 1_000 });
  }

  async #end(action: string, outcome: TaskOutcome): Promise<boolean> {
    const { queue } = this.#host;
    const counts = await this.#guarded(() => queue.end(action, this.task, outcome, this.by));
    const { state } = outcome;
    this.#close(state === "cancelled" ? "other" : state);
    if (counts && state !== "done") this.#host.count(state);
    // The outcome stands. What does not arrive now is done by whoever is handed the task again.
    try {
      if (counts && state === "failed") {
        await queue.bury(action, this.task, outcome.error, this.attempt);
      }
      const endMs = this.#untilMs;
      await queue.confirmEnd(action, this.task, this.#delivered, { endMs });
      if (this.#delivered.isAgain || this.#cancelled !== undefined) {
        await queue.forget(action, this.id, { endMs });
      }
    } catch (error) {
      if (!(error instanceof EngineUnavailableError)) throw error;
    }
    if (counts && this.task.isOwn) this.#host.ownEnded(this.id);
    return counts;
  }

  async #endCancelled(action: string): Promise<boolean> {
    const { error } = this.#cancelled!;
    return await this.#end(action, { state: "cancelled", error });
  }

  /** Has it handed out again. */
  async #giveBack(action: string, delayMs: number): Promise<boolean> {
    const word = delayMs > 0 ? `-NAK {"delay": ${Math.ceil(delayMs * 1e6)}}` : "-NAK";
    const { api } = this.#host.queue;
    // Not for longer than it is held: it is another one's then.
    await this.#guarded(() =>
      api.confirm(action, this.#delivered.reply, word, { endMs: this.#untilMs })
    );
    return this.#isHeld;
  }

  async #renew(): Promise<void> {
    if (!this.isHeld) return;
    const { api } = this.#host.queue;
    await api.confirm("Cannot renew the lease", this.#delivered.reply, "+WPI", {
      endMs: this.#untilMs,
    });
  }

  /** A lease that cannot be ended is over: nobody knows what has become of it. */
  async #guarded<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof RangeError)) this.#close("lost");
      throw error;
    }
  }

  #close(how: "done" | "failed" | "lost" | "other"): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    clearInterval(this.#renewal);
    for (const wake of this.#reporting) wake();
    this.#host.closed(this, how);
  }

  #tell(kind: "started" | "waiting"): void {
    const { nc } = this.#host.queue.api.client;
    if (this.task.producer === NOBODY || nc.isClosed()) return;
    nc.publish(this.#events, "", { headers: eventHeaders(this.#event(kind, 0)) });
  }

  /** Tells the producer. It answers when it has it, and when it has taken note of it. */
  async #report(body: Uint8Array, number: number, onReceived: () => void): Promise<void> {
    const { api } = this.#host.queue;
    const { nc } = api.client;
    const headers = eventHeaders(this.#event("progress", number));
    let goneSinceMs: number | undefined;
    // Several may come at once.
    const answers: ReportAnswer[] = [];
    let heard = Promise.withResolvers<void>();
    const wake = (): void => heard.resolve();
    const inbox = api.inbox();
    const subscription = nc.subscribe(inbox, {
      callback: (error, message) => {
        if (error !== null || message.headers?.code === 503) answers.push("nobody");
        else answers.push(message.string() === "taken" ? "taken" : "received");
        wake();
      },
    });
    this.#reporting.add(wake);
    try {
      let silentMs = REPORT_MS;
      let isSent = false;
      while (this.isHeld) {
        // Sent again, it is the same one: the producer looks at the number.
        if (!isSent) nc.publish(this.#events, body, { headers, reply: inbox });
        isSent = true;
        if (answers.length === 0) {
          heard = Promise.withResolvers<void>();
          await within(heard.promise, silentMs);
        }
        const answer = answers.shift();
        if (answer === "taken") return;
        if (answer === "received") {
          onReceived();
          silentMs = REPORT_AGAIN_MS;
          continue;
        }
        isSent = false;
        if (answer === undefined) continue;
        const now = performance.now();
        if (now - (goneSinceMs ??= now) > PRODUCER_MS) return;
        await api.pause(PAUSE_MS, { endMs: this.#untilMs });
      }
    } finally {
      this.#reporting.delete(wake);
      onReceived();
      subscription.unsubscribe();
    }
  }

  #event(kind: TaskEventForm["kind"], number: number): TaskEventForm {
    const { id, attempt, by } = this;
    return { kind, id, attempt, by, worker: this.#host.worker, number };
  }

  get #events(): string {
    return this.#host.queue.names.events(this.task.producer);
  }
}

/** With what a task ends that was cancelled. */
export function cancelledError(id: string, reason: unknown): CancelledError {
  return new CancelledError(
    `Task "${id}" was cancelled`,
    reason === undefined ? undefined : { cause: reason },
  );
}

/** What a promise gives; nothing when the time is over. */
async function within<T>(promise: Promise<T>, timeMs: number): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), timeMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
