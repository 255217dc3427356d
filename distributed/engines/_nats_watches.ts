import type { Msg, Subscription } from "@nats-io/nats-core";
import { runOutsideTasks } from "../../coroutine/_current_scope.ts";
import type { TaskOutcome, TaskWatcher } from "../engine.ts";
import { EngineUnavailableError } from "../task_errors.ts";
import { fromBytes } from "./_nats_encoding.ts";
import { readEvent, type TaskEventForm } from "./_nats_events.ts";
import { lostError, type NatsQueue } from "./_nats_queue.ts";
import { ResultFeed } from "./_nats_result_feed.ts";
import type { HeldAnswer, TalkChannel } from "./_nats_talk.ts";
import type { KeptTask } from "./_nats_task_wire.ts";

/** What is known here of a task that somebody here waits for. */
interface Watch {
  readonly id: string;
  readonly watchers: TaskWatcher[];
  /** Who has put it, when that is another program. */
  producer: string | undefined;
  attempt: number;
  retries: number;
  worker: string;
  isRunning: boolean;
  /** When it was last heard of. */
  heardMs: number;
  /** The lease whose reports are listened to, and the last one of them. */
  by: string;
  reports: number;
  /** The report that is being taken note of. */
  taking: Promise<unknown> | undefined;
  /** Whether the engine has the task, as far as is known here. */
  isPut: boolean;
  /** Whether its end may have been missed before that. */
  isMissed: boolean;
}

/** What watches need of the engine. */
export interface WatchHost {
  readonly queue: NatsQueue;
  readonly talk: TalkChannel;
  /** The token of this producer. */
  readonly self: string;
  /** Whether a worker of this very process has a task. */
  holdsHere(id: string): boolean;
  /** A task was lost with its worker too often, and nobody else has noticed. */
  giveUp(task: KeptTask, error: unknown, attempt: number): Promise<void>;
}

/** How often tasks of other producers are looked at that somebody here waits for as well. */
const LOOK_MS = 1_000;

/** Answers to "who has what" come within this. */
const ASK_MS = 1_000;

/** After so many leases without a word a worker is lost. */
const SILENT_LEASES = 1.5;

const ACTION = "Cannot watch the task";

/** The producer's side: tasks whose end somebody here waits for. */
export class TaskWatches {
  readonly #host: WatchHost;
  readonly #watches = new Map<string, Watch>();
  #feed: ResultFeed | undefined;
  #events: Subscription | undefined;
  readonly #foreignEvents = new Map<string, Subscription>();
  #round: ReturnType<typeof setTimeout> | undefined;
  #look: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;
  readonly #working = new Set<Promise<void>>();

  constructor(host: WatchHost) {
    this.#host = host;
  }

  /** Has a watcher told of a task from now on. */
  add(id: string, watcher: TaskWatcher, { retries }: { retries: number }): void {
    const watch = this.#watches.get(id);
    if (watch !== undefined) {
      watch.watchers.push(watcher);
      if (watch.isRunning) watcher.started(watch.attempt);
    } else {
      this.#watches.set(id, {
        id,
        watchers: [watcher],
        producer: undefined,
        attempt: 0,
        retries,
        worker: "unknown",
        isRunning: false,
        heardMs: performance.now(),
        by: "",
        reports: 0,
        taking: undefined,
        isPut: false,
        isMissed: false,
      });
    }
    this.#begin();
  }

  /** A watcher is told nothing more. */
  remove(id: string, watcher: TaskWatcher): void {
    const watch = this.#watches.get(id);
    const at = watch?.watchers.indexOf(watcher) ?? -1;
    if (watch === undefined || at < 0) return;
    watch.watchers.splice(at, 1);
    if (watch.watchers.length === 0) this.#forget(watch);
  }

  #forget(watch: Watch): void {
    this.#watches.delete(watch.id);
    const { producer = "" } = watch;
    const events = this.#foreignEvents.get(producer);
    if (events === undefined) return;
    if ([...this.#watches.values()].some((other) => other.producer === producer)) return;
    this.#foreignEvents.delete(producer);
    events.unsubscribe();
  }

  /** The engine has the task. */
  stored(id: string): void {
    const watch = this.#watches.get(id);
    if (watch === undefined) return;
    watch.isPut = true;
    if (watch.isMissed) this.#work(this.#lookAt(watch));
  }

  /** A task of this name is known already: another program may have put it, and it may have ended. */
  async adopt(task: KeptTask | undefined, id: string): Promise<void> {
    const watch = this.#watches.get(id);
    if (watch === undefined) return;
    watch.isPut = true;
    const producer = task?.producer;
    if (task !== undefined) watch.retries = task.retries;
    // It may have ended before it was watched, and not have left yet.
    if (producer === this.#host.self) return await this.#lookAt(watch);
    watch.producer = producer ?? "";
    if (producer !== undefined && !this.#foreignEvents.has(producer)) {
      this.#foreignEvents.set(producer, this.#subscribe(producer));
    }
    await this.#lookAt(watch);
    this.#lookLater();
  }

  /** A task has ended. */
  ended(id: string, outcome: TaskOutcome): void {
    const watch = this.#watches.get(id);
    if (watch === undefined) return;
    this.#forget(watch);
    for (const watcher of watch.watchers) watcher.ended(outcome);
    if (this.#watches.size > 0) return;
    this.#stopTimers();
  }

  /** A task of another producer may have ended. */
  lookAt(id: string): void {
    const watch = this.#watches.get(id);
    if (watch?.producer !== undefined) this.#work(this.#lookAt(watch));
  }

  /** The connection was lost and made anew. */
  reconnected(): void {
    const now = performance.now();
    // Nobody could be heard.
    for (const watch of this.#watches.values()) watch.heardMs = now;
    this.#feed?.reconnected();
  }

  /** Nothing more can be heard. */
  fail(error: unknown): void {
    for (const id of [...this.#watches.keys()]) this.ended(id, { state: "failed", error });
  }

  async close(error: unknown): Promise<void> {
    this.#isOver = true;
    this.#stopTimers();
    this.fail(error);
    if (!this.#host.queue.api.client.nc.isClosed()) {
      for (const subscription of [this.#events, ...this.#foreignEvents.values()]) {
        subscription?.unsubscribe();
      }
    }
    await this.#feed?.close();
    await Promise.all(this.#working);
  }

  #begin(): void {
    const { queue, self } = this.#host;
    this.#events ??= this.#subscribe(self);
    this.#feed ??= new ResultFeed(queue, self, {
      ended: (id, outcome) => this.ended(id, outcome),
      missed: () => this.#work(this.#lookAtAll()),
      gone: (error) => {
        // It has ended; somebody may make the queue again.
        this.#feed = undefined;
        this.fail(
          new EngineUnavailableError("The task queue is not there any more", { cause: error }),
        );
      },
    });
    this.#askLater();
  }

  #work(work: Promise<void>): void {
    const working = work.catch(() => {}).finally(() => this.#working.delete(working));
    this.#working.add(working);
  }

  #stopTimers(): void {
    clearTimeout(this.#round);
    clearTimeout(this.#look);
    this.#round = undefined;
    this.#look = undefined;
  }

  // Events

  #subscribe(producer: string): Subscription {
    const { api, names } = this.#host.queue;
    return api.client.nc.subscribe(names.events(producer), {
      callback: (error, message) => {
        const event = error === null ? readEvent(message) : undefined;
        if (event !== undefined) this.#onEvent(event, message);
      },
    });
  }

  #onEvent(event: TaskEventForm, message: Msg): void {
    const watch = this.#watches.get(event.id);
    if (watch === undefined) {
      message.respond("taken");
      return;
    }
    watch.heardMs = performance.now();
    watch.worker = event.worker;
    if (event.kind === "progress") return this.#onReport(watch, event, message);
    if (event.kind === "started") return this.#onStarted(watch, event.attempt);
    watch.isRunning = false;
    for (const watcher of watch.watchers) watcher.waiting();
  }

  #onStarted(watch: Watch, attempt: number): void {
    if (watch.isRunning && watch.attempt === attempt) return;
    watch.isRunning = true;
    watch.attempt = attempt;
    for (const watcher of watch.watchers) watcher.started(attempt);
  }

  /** Takes note of a report; one that is sent again is the same one. */
  #onReport(watch: Watch, event: TaskEventForm, message: Msg): void {
    if (watch.by !== event.by) {
      watch.by = event.by;
      watch.reports = 0;
    }
    if (event.number > watch.reports) {
      watch.reports = event.number;
      let value: unknown;
      try {
        value = fromBytes(message.data);
      } catch {
        // It was meant to say something; what, cannot be read.
      }
      const waits = watch.watchers.map((watcher) => tellProgress(watcher, value))
        .filter((wait) => wait !== undefined);
      watch.taking = waits.length === 0 ? undefined : Promise.allSettled(waits);
    }
    if (watch.taking === undefined) {
      message.respond("taken");
      return;
    }
    message.respond("received");
    void watch.taking.then(() => {
      if (!this.#host.queue.api.client.nc.isClosed()) message.respond("taken");
    });
  }

  // Tasks of others

  #lookLater(): void {
    if (this.#isOver || this.#look !== undefined) return;
    this.#look = setTimeout(() => {
      this.#look = undefined;
      const foreign = [...this.#watches.values()].filter((watch) => watch.producer !== undefined);
      if (foreign.length === 0) return;
      this.#work(
        // Also when the engine did not answer.
        runOutsideTasks(() => Promise.allSettled(foreign.map((watch) => this.#lookAt(watch))))
          .then(() => this.#lookLater()),
      );
    }, LOOK_MS);
  }

  /** Looks whether a task has ended. */
  async #lookAt(watch: Watch): Promise<void> {
    const { queue } = this.#host;
    let found = await queue.findOutcome(ACTION, watch.id);
    if (found === undefined) {
      if (await queue.findTask(ACTION, watch.id) !== undefined) {
        watch.heardMs = performance.now();
        return;
      }
      // It left after its outcome had come.
      found = await queue.findOutcome(ACTION, watch.id);
    }
    if (this.#watches.get(watch.id) !== watch) return;
    this.ended(
      watch.id,
      found?.outcome ?? {
        state: "failed",
        error: new EngineUnavailableError(
          `Task "${watch.id}" has ended, and its result is not kept any more`,
        ),
      },
    );
  }

  async #lookAtAll(): Promise<void> {
    for (const watch of [...this.#watches.values()]) {
      // One that is being put has not ended because it is not there.
      if (watch.isPut) await this.#lookAt(watch);
      else watch.isMissed = true;
    }
  }

  // Workers that are gone

  #askLater(): void {
    if (this.#isOver || this.#round !== undefined) return;
    const { leaseMs } = this.#host.queue.settings;
    this.#round = setTimeout(() => {
      this.#round = undefined;
      const running = [...this.#watches.values()].some(({ isRunning }) => isRunning);
      const round = running ? runOutsideTasks(() => this.#ask()) : Promise.resolve();
      this.#work(
        round.catch(() => {}).then(() => {
          if (this.#watches.size > 0) this.#askLater();
        }),
      );
    }, leaseMs / 2);
  }

  /** Asks who has the tasks of this producer that run. */
  async #ask(): Promise<void> {
    const { talk, self, queue } = this.#host;
    const { client } = queue.api;
    const { reconnects } = client;
    const beganMs = performance.now();
    const answers = await talk.gather({ kind: "held", producer: self }, { mostMs: ASK_MS });
    // Who was not connected has heard nothing.
    if (!client.isConnected || client.reconnects !== reconnects) return;
    for (const answer of answers as HeldAnswer[]) {
      for (const [id, attempt] of Array.isArray(answer) ? answer : []) {
        const watch = this.#watches.get(id);
        if (watch === undefined) continue;
        watch.heardMs = performance.now();
        this.#onStarted(watch, attempt);
      }
    }
    const silentMs = SILENT_LEASES * queue.settings.leaseMs + ASK_MS;
    for (const watch of [...this.#watches.values()]) {
      if (!watch.isRunning || watch.producer !== undefined) continue;
      if (this.#host.holdsHere(watch.id)) watch.heardMs = performance.now();
      if (beganMs - watch.heardMs >= silentMs) await this.#lost(watch);
    }
  }

  /** Nothing was heard of the worker of a task. */
  async #lost(watch: Watch): Promise<void> {
    const { queue } = this.#host;
    watch.isRunning = false;
    const { worker, attempt, retries } = watch;
    const task = await queue.findTask(ACTION, watch.id);
    if (task === undefined) return await this.#lookAt(watch);
    if (attempt <= retries) {
      // It is handed out to whoever comes.
      for (const watcher of watch.watchers) watcher.waiting();
      return;
    }
    // Nobody has come to whom it could be handed, and who would have noticed.
    const error = lostError(task, { worker, attempt, leaseMs: queue.settings.leaseMs });
    await this.#host.giveUp(task, error, attempt);
  }
}

/** What a watcher throws is its own affair: the connection has to go on. */
function tellProgress(watcher: TaskWatcher, value: unknown): void | Promise<void> {
  try {
    return watcher.progress(value);
  } catch {
    return undefined;
  }
}
