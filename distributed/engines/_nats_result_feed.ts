import type { Msg } from "@nats-io/nats-core";
import { runOutsideTasks } from "../../coroutine/_current_scope.ts";
import type { TaskOutcome } from "../engine.ts";
import { headersOf, isApiError } from "./_nats_api.ts";
import { isGone, type NatsQueue } from "./_nats_queue.ts";
import { idOfSubject } from "./_nats_queue_names.ts";
import { readDelivery, readOutcome } from "./_nats_task_wire.ts";

/** What a feed tells. */
export interface FeedListener {
  ended(id: string, outcome: TaskOutcome): void;
  /** Outcomes may have passed that are not kept any more. */
  missed(): void;
  /** The queue is not there any more. */
  gone(error: unknown): void;
}

const HEARTBEAT_MS = 2_000;

/** Without a word for so long it begins anew. */
const SILENCE_MS = 2 * HEARTBEAT_MS + 1_000;

/** A consumer that nobody listens to is forgotten by the engine after so long. */
const UNUSED_MS = 30_000;

const PAUSE_MS = 500;
const NANOSECONDS = 1_000_000;
const ACTION = "Cannot listen for results";

/** Where a delivery stands in the line of its consumer. */
const PLACE_FROM_END = 3;

/**
 * How the tasks of one producer end, in order, none left out: an ordered consumer of the stream of outcomes. When
 * something is missing, or nothing is heard, or the connection was lost, it begins anew behind what it has seen.
 */
export class ResultFeed {
  readonly #queue: NatsQueue;
  readonly #producer: string;
  readonly #listener: FeedListener;
  readonly #running: Promise<void>;
  /** The number of the last outcome that was seen. */
  #seen = 0;
  readonly #over = new AbortController();
  #restart: (why: string) => void = () => {};

  constructor(queue: NatsQueue, producer: string, listener: FeedListener) {
    this.#queue = queue;
    this.#producer = producer;
    this.#listener = listener;
    this.#running = runOutsideTasks(() => this.#run());
  }

  /** The connection was lost and made anew. */
  reconnected(): void {
    this.#restart("the connection was lost");
  }

  async close(): Promise<void> {
    this.#over.abort();
    this.#restart("it is closed");
    await this.#running;
  }

  async #run(): Promise<void> {
    const { api } = this.#queue;
    const { signal } = this.#over;
    while (!signal.aborted) {
      try {
        await this.#listen();
      } catch (error) {
        if (signal.aborted) return;
        if (isGone(error) || api.client.nc.isClosed()) return this.#listener.gone(error);
        // Whatever it is, tasks wait for their end: it is tried for as long as somebody listens.
        await api.pause(PAUSE_MS, { signal }).catch(() => {});
      }
    }
  }

  /** Listens until something is wrong. */
  async #listen(): Promise<void> {
    const { api, names } = this.#queue;
    const { nc } = api.client;
    const inbox = api.inbox();
    const broken = Promise.withResolvers<void>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const heard = (): void => {
      clearTimeout(timer);
      timer = setTimeout(broken.resolve, SILENCE_MS);
    };
    this.#restart = () => broken.resolve();
    let place = 0;
    const subscription = nc.subscribe(inbox, {
      callback: (error, message) => {
        if (error !== null) return broken.resolve();
        heard();
        if (message.headers?.code === 100) {
          this.#onWord(message, place, broken.resolve);
          return;
        }
        const next = Number(message.reply?.split(".").at(-PLACE_FROM_END));
        if (next !== place + 1) return broken.resolve();
        place = next;
        this.#seen = readDelivery(message.reply!).seq;
        const kept = { headers: headersOf(message), body: message.data };
        this.#listener.ended(idOfSubject(message.subject), readOutcome(kept));
      },
    });
    let consumer: string | undefined;
    try {
      heard();
      const { name, first, last } = await this.#create(inbox);
      consumer = name;
      if (this.#seen > 0 && first > this.#seen + 1) this.#listener.missed();
      if (last < this.#seen) {
        // The engine has lost what it had not written, or begun anew: numbers that were seen come again.
        this.#seen = 0;
        return this.#listener.missed();
      }
      await broken.promise;
    } finally {
      clearTimeout(timer);
      if (!nc.isClosed()) {
        subscription.unsubscribe();
        if (consumer !== undefined) {
          // It would be forgotten by itself.
          nc.publish(`$JS.API.CONSUMER.DELETE.${names.results}.${consumer}`);
        }
      }
    }
  }

  async #create(inbox: string): Promise<{ name: string; first: number; last: number }> {
    const { api, names } = this.#queue;
    const begin = this.#seen === 0
      ? { deliver_policy: "all" }
      : { deliver_policy: "by_start_sequence", opt_start_seq: this.#seen + 1 };
    const { signal } = this.#over;
    const subject = `CONSUMER.CREATE.${names.results}`;
    const { name } = await api.call<{ name: string }>(ACTION, subject, {
      stream_name: names.results,
      config: {
        ...begin,
        deliver_subject: inbox,
        filter_subject: names.outcomesOf(this.#producer),
        ack_policy: "none",
        max_deliver: 1,
        flow_control: true,
        idle_heartbeat: HEARTBEAT_MS * NANOSECONDS,
        inactive_threshold: UNUSED_MS * NANOSECONDS,
        mem_storage: true,
        num_replicas: 1,
      },
    }, { signal });
    if (this.#seen === 0) return { name, first: 0, last: Infinity };
    try {
      const { state } = await api.call<{ state: { first_seq: number; last_seq: number } }>(
        ACTION,
        `STREAM.INFO.${names.results}`,
        undefined,
        { signal },
      );
      return { name, first: state.first_seq, last: state.last_seq };
    } catch (error) {
      if (isApiError(error)) throw error;
      return { name, first: 0, last: Infinity };
    }
  }

  /** The server says that it is there, or wants to know whether this side is. */
  #onWord(message: Msg, place: number, broken: () => void): void {
    if (message.reply) message.respond();
    const stalled = message.headers!.get("Nats-Consumer-Stalled");
    if (stalled) this.#queue.api.client.nc.publish(stalled);
    const last = message.headers!.get("Nats-Last-Consumer");
    if (last && Number(last) !== place) broken();
  }
}
