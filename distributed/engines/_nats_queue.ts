import { headers as createHeaders, type MsgHdrs } from "@nats-io/nats-core";
import { AuthenticationError } from "../../ipc/errors.ts";
import { WorkerLostError } from "../task_errors.ts";
import type { EngineTask, TaskOutcome } from "../engine.ts";
import { errorFromWire, errorToWire } from "../_task_wire.ts";
import {
  isApiError,
  type NatsApi,
  NatsApiError,
  NatsCode,
  type StoredForm,
  type StreamMessage,
  type TryOptions,
} from "./_nats_api.ts";
import { fromBytes, toBytes } from "./_nats_encoding.ts";
import { idOfSubject, type QueueNames } from "./_nats_queue_names.ts";
import type { QueueSettings } from "./_nats_queue_streams.ts";
import {
  deadLetterHeaders,
  endedBy,
  EXPECTED,
  type KeptDeadLetter,
  type KeptTask,
  MESSAGE_ID,
  nameOf,
  outcomeForm,
  type PutPlace,
  readDeadLetter,
  readOutcome,
  readTask,
  replyTo,
  taskHeaders,
} from "./_nats_task_wire.ts";

/** So much of a message may be headers that nobody has counted. */
const HEADER_ROOM = 1_024;

/** Who waits for long looks whether something is there that has ended. */
export const SWEEP_MS = 2_000;

/** So many tasks are looked after at a time. */
const MOST_SWEPT = 200;

/** What changes at this moment is looked at again after so long. */
const AGAIN_MS = 20;

/** What has happened, as far as no stream counts it. */
export interface Counts {
  failed: number;
  cancelled: number;
  /** Attempts that have failed, and are not the last one. */
  again: number;
  /** Tasks that were handed out again, after such an attempt or because the worker was lost. */
  redelivered: number;
  /** Tasks whose last attempt was lost. */
  lost: number;
}

export const NO_COUNTS: Readonly<Counts> = {
  failed: 0,
  cancelled: 0,
  again: 0,
  redelivered: 0,
  lost: 0,
};

/** That a queue is shut down. */
export interface ClosedMark {
  readonly immediate: boolean;
}

/** How much there is, as the engine counts it. */
export interface Figures {
  /** Tasks that have not ended. */
  readonly messages: number;
  /** Tasks that were ever put. */
  readonly put: number;
  /** Tasks that nobody has ever taken, of each level. */
  readonly fresh: readonly number[];
  /** Where they begin. */
  readonly delivered: readonly number[];
}

interface StreamInfo {
  readonly state: { readonly messages: number; readonly last_seq: number };
}

/** What is told of a consumer. */
export interface ConsumerInfo {
  readonly delivered: { readonly stream_seq: number };
  readonly ack_floor: { readonly stream_seq: number };
  readonly num_ack_pending: number;
  readonly num_pending: number;
}

/** What is done for tidiness: others do it as well. */
type Deed = "sweep" | "delete" | "forget";

/** A queue as the engine keeps it: every method is one question, or one change. */
export class NatsQueue {
  readonly api: NatsApi;
  readonly names: QueueNames;
  readonly settings: QueueSettings;
  /** What this account may not do, and over which connection that was found out. */
  readonly #refused = new Map<Deed, number>();

  constructor(api: NatsApi, names: QueueNames, settings: QueueSettings) {
    this.api = api;
    this.names = names;
    this.settings = settings;
  }

  // Tasks

  /** Encodes the value of a task. @throws {RangeError} When it is larger than the engine takes. */
  encode(action: string, value: unknown): Uint8Array {
    const bytes = toBytes(value);
    this.checkSize(action, bytes.length);
    return bytes;
  }

  /** @throws {RangeError} When a message would be larger than the engine takes. */
  checkSize(action: string, bytes: number): void {
    const most = this.#mostBytes;
    if (bytes <= most) return;
    throw new RangeError(
      `${action}: it takes ${bytes} bytes, and the engine takes ${most} at most (its "max_payload")`,
    );
  }

  get #mostBytes(): number {
    return (this.api.client.nc.info?.max_payload ?? 1_048_576) - HEADER_ROOM;
  }

  /** Tries once to keep a task. */
  async tryPut(
    task: Pick<EngineTask, "id" | "ownId" | "retries" | "trace"> & { readonly body: Uint8Array },
    place: PutPlace & { readonly level: number },
  ): Promise<StoredForm> {
    const subject = this.names.task(place.dueMs > 0 ? "z" : "t", place.level, task.id);
    return await this.api.tryStore(subject, task.body, taskHeaders(task, place));
  }

  get #isOld(): boolean {
    return /^v?(1|2\.\d)\./.test(this.api.client.nc.info?.version ?? "");
  }

  /** The unfinished task of a name. */
  async findTask(action: string, id: string): Promise<KeptTask | undefined> {
    const query = { last_by_subj: this.names.anyTask(id) };
    const message = await this.api.find(action, this.names.tasks, query);
    return message && readTask(message);
  }

  /** The unfinished task of a number. */
  async taskAt(action: string, seq: number): Promise<KeptTask | undefined> {
    const message = await this.api.find(action, this.names.tasks, { seq });
    return message && readTask(message);
  }

  /** All unfinished tasks, in the order of the puts. */
  async *allTasks(action: string): AsyncGenerator<KeptTask, void, undefined> {
    for (let seq = 1;;) {
      const query = { seq, next_by_subj: this.names.allTasks };
      const message = await this.api.find(action, this.names.tasks, query);
      if (message === undefined) return;
      const task = readTask(message);
      if (task !== undefined) yield task;
      seq = message.seq + 1;
    }
  }

  /** Where a task is that nobody has taken is told by its consumer. */
  async consumer(action: string, { kind, level }: Pick<KeptTask, "kind" | "level">): Promise<
    ConsumerInfo
  > {
    const { tasks } = this.names;
    const name = this.names.consumer(kind, level);
    return await this.api.call<ConsumerInfo>(action, `CONSUMER.INFO.${tasks}.${name}`);
  }

  /**
   * Confirms the delivery of a task that has ended. Over another connection than it came by it is looked first whether
   * its number means the same task yet: a server that was killed may have forgotten it, and counts on from there.
   *
   * @param lease The delivery, and how often the connection had been made anew when it came.
   */
  async confirmEnd(
    action: string,
    task: KeptTask,
    lease: { reply: string; reconnects: number },
    options: TryOptions,
  ): Promise<void> {
    const { client } = this.api;
    await this.api.trying(action, options, async () => {
      if (client.reconnects !== lease.reconnects && !await this.#isStill(action, task)) return;
      await client.nc.request(lease.reply, "+ACK", { timeout: this.api.tryMs });
    });
  }

  async #isStill(action: string, { id, seq }: KeptTask): Promise<boolean> {
    try {
      return (await this.taskAt(action, seq))?.id === id;
    } catch (error) {
      // An account with few rights leaves it to whoever is handed the task again.
      if (error instanceof AuthenticationError) return false;
      throw error;
    }
  }

  /** Takes a task that has ended out of the queue. */
  async drop(action: string, { kind, level, seq }: KeptTask): Promise<void> {
    const reply = replyTo(this.names.tasks, this.names.consumer(kind, level), seq);
    // This frees one that a worker has or had. Servers before 2.10 only count right when it is said of one that nobody
    // has taken as well; later ones do not answer then.
    if (this.#isOld) await this.api.confirm(action, reply, "+ACK", {});
    else this.api.client.nc.publish(reply, "+ACK");
    await this.#delete(action, seq);
  }

  /**
   * Looks after tasks that nobody would ever get: a server that was killed may come back with tasks that were taken out
   * just before, though it knows that they were confirmed, or may take for confirmed what was not.
   */
  async sweep(action: string): Promise<void> {
    await this.#ifAllowed("sweep", () => this.#sweep(action));
  }

  /** What an account with few rights may not do it leaves to others, and asks once for each connection. */
  async #ifAllowed(deed: Deed, run: () => Promise<void>): Promise<void> {
    const { reconnects } = this.api.client;
    if (this.#refused.get(deed) === reconnects) return;
    try {
      await run();
    } catch (error) {
      if (!(error instanceof AuthenticationError)) throw error;
      this.#refused.set(deed, reconnects);
    }
  }

  async #sweep(action: string): Promise<void> {
    const { names, settings } = this;
    const kinds = [
      { kind: "z", level: 0, subjects: names.all("z") } as const,
      ...settings.priorities.map((_, level) =>
        ({ kind: "t", level, subjects: names.level(level) }) as const
      ),
    ];
    for (const { subjects, ...place } of kinds) {
      const { ack_floor, delivered } = await this.consumer(action, place);
      for (let seq = 1, count = 0; count < MOST_SWEPT; count++) {
        const query = { seq, next_by_subj: subjects };
        const message = await this.api.find(action, names.tasks, query);
        if (message === undefined || message.seq > delivered.stream_seq) break;
        if (message.seq <= ack_floor.stream_seq) await this.#rescue(action, message);
        else await this.#dropEnded(action, message);
        seq = message.seq + 1;
      }
    }
  }

  /** A task whose end was kept, and not confirmed. */
  async #dropEnded(action: string, message: StreamMessage): Promise<void> {
    const task = readTask(message);
    if (task === undefined) return;
    const end = await this.findOutcome(action, task.id, task.producer);
    if (end !== undefined) await this.drop(action, task);
  }

  /** A task that its consumer takes for confirmed: it goes, or, when it has no end, comes again as a new one. */
  async #rescue(action: string, message: StreamMessage): Promise<void> {
    const task = readTask(message);
    if (task === undefined) return;
    const end = await this.findOutcome(action, task.id, task.producer);
    if (end === undefined) {
      const headers = createHeaders();
      for (const [name, value] of message.headers) {
        if (!name.startsWith("Nats-")) headers.set(name, value);
      }
      // Several may come to this at a time.
      headers.set(MESSAGE_ID, `rescue.${nameOf(task)}`);
      try {
        await this.api.store(action, message.subject, message.body, { headers });
      } catch (error) {
        // There is no place for it now: it is rescued later.
        if (isApiError(error)) return;
        throw error;
      }
    }
    await this.#delete(action, task.seq);
  }

  async #delete(action: string, seq: number): Promise<void> {
    const body = { seq, no_erase: true };
    // Others sweep.
    await this.#ifAllowed("delete", async () => {
      try {
        await this.api.call(action, `STREAM.MSG.DELETE.${this.names.tasks}`, body);
      } catch (error) {
        if (!isApiError(error)) throw error;
      }
    });
  }

  // Outcomes

  /**
   * Keeps how a task has ended; the first outcome counts.
   *
   * @param by The same for every try of the same one to end it.
   * @returns Whether it counts.
   * @throws {TypeError} When the result cannot be carried.
   * @throws {RangeError} When it is too large.
   */
  async end(
    action: string,
    task: Pick<KeptTask, "id" | "producer" | "seq">,
    outcome: TaskOutcome,
    by: string,
    options: TryOptions = {},
  ): Promise<boolean> {
    const { headers, body } = this.#outcomeForm(action, outcome, { by, task });
    const subject = this.names.outcome(task.producer, task.id);
    for (;;) {
      try {
        const { duplicate } = await this.api.store(action, subject, body, { ...options, headers });
        if (duplicate !== true) return true;
      } catch (error) {
        if (!isApiError(error) || !error.isConflict) throw error;
      }
      // It may be that the answer to an earlier try was lost.
      const kept = await this.api.find(action, this.names.results, { last_by_subj: subject });
      if (kept !== undefined) return endedBy(kept) === by;
      // It is not kept any more, or the leader is a new one that has not seen it.
      await this.api.pause(AGAIN_MS, options);
    }
  }

  #outcomeForm(
    action: string,
    outcome: TaskOutcome,
    ender: { by: string; task: Pick<KeptTask, "id" | "seq"> },
  ): { headers: MsgHdrs; body: Uint8Array } {
    const form = outcomeForm(outcome, ender);
    if (outcome.state === "done") this.checkSize(action, form.body.length);
    else if (form.body.length > this.#mostBytes) {
      const { name, message } = outcome.error as Error;
      const error = new Error(`${name}: ${message}`.slice(0, HEADER_ROOM));
      return outcomeForm({ state: outcome.state, error }, ender);
    }
    return form;
  }

  /** How a task has ended, if it has, and that is still known. */
  async findOutcome(
    action: string,
    id: string,
    producer?: string,
  ): Promise<{ outcome: TaskOutcome; message: StreamMessage } | undefined> {
    const subject = producer === undefined
      ? this.names.anyOutcome(id)
      : this.names.outcome(producer, id);
    const message = await this.api.find(action, this.names.results, { last_by_subj: subject });
    return message && { outcome: readOutcome(message), message };
  }

  /** An id is free again. */
  async forgetOutcome(action: string, id: string): Promise<void> {
    await this.#purge(action, this.names.results, this.names.anyOutcome(id));
  }

  // Tasks that have failed for good

  /** Keeps a task that has failed for good. Several times does no harm. */
  async bury(action: string, task: KeptTask, error: unknown, attempts: number): Promise<void> {
    const room = Math.max(0, this.#mostBytes - task.body.length);
    const headers = deadLetterHeaders(task, { error, attempts, room });
    // The number of the task: one that was put again, and has failed again, is another one.
    headers.set(MESSAGE_ID, nameOf(task));
    await this.api.store(action, this.names.deadLetter(task.id), task.body, { headers });
  }

  async *deadLetters(
    action: string,
  ): AsyncGenerator<KeptDeadLetter & { id: string; body: Uint8Array }, void, undefined> {
    for (let seq = 1;;) {
      const query = { seq, next_by_subj: this.names.all("x") };
      const message = await this.api.find(action, this.names.dead, query);
      if (message === undefined) return;
      yield { ...readDeadLetter(message), id: idOfSubject(message.subject), body: message.body };
      seq = message.seq + 1;
    }
  }

  async findDeadLetter(
    action: string,
    id: string,
  ): Promise<KeptDeadLetter & { body: Uint8Array; seq: number } | undefined> {
    const query = { last_by_subj: this.names.deadLetter(id) };
    const message = await this.api.find(action, this.names.dead, query);
    return message && { ...readDeadLetter(message), body: message.body, seq: message.seq };
  }

  async dropDeadLetter(action: string, id: string): Promise<void> {
    await this.#purge(action, this.names.dead, this.names.deadLetter(id));
  }

  // What is kept of tasks that were handed out more than once

  /** How often a task was handed out at no cost. */
  async freeOf(action: string, id: string): Promise<number> {
    const message = await this.#stateOf(action, this.names.free(id));
    const count = message === undefined ? 0 : fromBytes(message.body);
    return typeof count === "number" && count > 0 ? count : 0;
  }

  async setFree(action: string, id: string, count: number): Promise<void> {
    await this.api.store(action, this.names.free(id), toBytes(count));
  }

  /** With what a task is to end, if it was cancelled while a worker had it. */
  async cancelledWith(action: string, id: string): Promise<{ error: unknown } | undefined> {
    const message = await this.#stateOf(action, this.names.cancelled(id));
    return message && { error: errorFromWire(fromBytes(message.body)) };
  }

  async markCancelled(action: string, id: string, error: unknown): Promise<void> {
    await this.api.store(action, this.names.cancelled(id), toBytes(errorToWire(error)));
  }

  /** A task has ended: nothing is kept of it beside its outcome. */
  async forget(action: string, id: string, options?: TryOptions): Promise<void> {
    await this.#ifAllowed("forget", async () => {
      await this.#purge(action, this.names.state, this.names.free(id), options);
      await this.#purge(action, this.names.state, this.names.cancelled(id), options);
    });
  }

  async #stateOf(action: string, subject: string): Promise<StreamMessage | undefined> {
    return await this.api.find(action, this.names.state, { last_by_subj: subject });
  }

  async #purge(
    action: string,
    stream: string,
    filter: string,
    options?: TryOptions,
  ): Promise<void> {
    await this.api.call(action, `STREAM.PURGE.${stream}`, { filter }, options);
  }

  // The whole

  async closedMark(action: string): Promise<ClosedMark | undefined> {
    const message = await this.#stateOf(action, this.names.closed);
    return message && fromBytes(message.body) as ClosedMark;
  }

  async markClosed(action: string, mark: ClosedMark): Promise<void> {
    await this.api.store(action, this.names.closed, toBytes(mark));
  }

  async reopen(action: string): Promise<void> {
    await this.#purge(action, this.names.state, this.names.closed);
  }

  /** How many tasks have not ended. */
  async unfinished(action: string): Promise<number> {
    return (await this.#info(action, this.names.tasks)).messages;
  }

  async figures(action: string): Promise<Figures> {
    const levels = [...this.settings.priorities.keys()];
    const [tasks, ...consumers] = await Promise.all([
      this.#info(action, this.names.tasks),
      ...levels.map((level) => this.consumer(action, { kind: "t", level })),
    ]);
    return {
      messages: tasks.messages,
      put: tasks.last_seq,
      fresh: consumers.map(({ num_pending }) => num_pending),
      delivered: consumers.map(({ delivered }) => delivered.stream_seq),
    };
  }

  /** How many tasks have ended, and how many of those that failed for good are kept. */
  async ends(action: string): Promise<{ ended: number; deadLetters: number }> {
    const [results, dead] = await Promise.all([
      this.#info(action, this.names.results),
      this.#info(action, this.names.dead),
    ]);
    return { ended: results.last_seq, deadLetters: dead.messages };
  }

  async #info(action: string, stream: string): Promise<StreamInfo["state"]> {
    return (await this.api.call<StreamInfo>(action, `STREAM.INFO.${stream}`)).state;
  }

  /** Since when the first one waits that nobody has taken, in milliseconds since 1970. */
  async waitingSince(
    action: string,
    level: number,
    delivered: number,
  ): Promise<number | undefined> {
    const query = { seq: delivered + 1, next_by_subj: this.names.level(level) };
    return (await this.api.find(action, this.names.tasks, query))?.timeMs;
  }

  // Counting

  async counts(action: string): Promise<Counts> {
    const message = await this.#stateOf(action, this.names.counts);
    return message === undefined ? { ...NO_COUNTS } : fromBytes(message.body) as Counts;
  }

  /** Adds to what is counted: many do so at a time, and none is lost. */
  async addCounts(
    action: string,
    more: Readonly<Counts>,
    options: TryOptions = {},
  ): Promise<void> {
    for (;;) {
      const message = await this.#stateOf(action, this.names.counts);
      const counts = message === undefined
        ? { ...NO_COUNTS }
        : { ...NO_COUNTS, ...fromBytes(message.body) as Counts };
      for (const name of Object.keys(counts) as (keyof Counts)[]) counts[name] += more[name];
      const headers = createHeaders();
      headers.set(EXPECTED, String(message?.seq ?? 0));
      headers.set(MESSAGE_ID, `counts.${message?.seq ?? 0}`);
      const body = toBytes(counts);
      try {
        const form = { ...options, headers };
        const { duplicate } = await this.api.store(action, this.names.counts, body, form);
        if (duplicate !== true) return;
      } catch (error) {
        if (!isApiError(error) || !error.isConflict) throw error;
      }
    }
  }
}

/** A worker was lost once too often. */
export function lostError(
  { id }: Pick<KeptTask, "id">,
  { worker, attempt, leaseMs }: { worker: string; attempt: number; leaseMs: number },
): WorkerLostError {
  return new WorkerLostError(
    `Lost "${worker}", which held task "${id}": nothing was heard of it for ${leaseMs} ms`,
    { worker, attempt },
  );
}

/** Whether the queue is not there any more. */
export function isGone(error: unknown): boolean {
  return error instanceof NatsApiError && error.errorCode === NatsCode.NO_STREAM;
}
