import type { Msg, Subscription } from "@nats-io/nats-core";
import type { NatsApi } from "./_nats_api.ts";

/** What comes of asking for tasks. */
export type PullAnswer =
  /** There are some. */
  | { readonly kind: "message" }
  /** The server says that there was none in the time. */
  | { readonly kind: "empty" }
  /** Nobody knows: no answer, no leader, or the connection was lost. Ask again. */
  | { readonly kind: "unknown"; readonly why: string }
  /** It makes sense to ask anew, at once. */
  | { readonly kind: "again" };

/** How tasks are asked for. */
export interface PullOptions {
  /** How long the server is to wait for one, in milliseconds; 0 for not at all. */
  readonly waitMs: number;
  /** How many at most; more than one only without waiting. */
  readonly count: number;
  /** How long an answer may take, in milliseconds, beside that. */
  readonly answerMs: number;
  /** Gets a task that comes when nobody waits for it any more. */
  readonly onLate: (message: Msg) => void;
}

/** While the server waits it says so as often. */
const HEARTBEAT_MS = 1_000;

/** For shorter waits there is no sense in that. */
const LEAST_WITH_HEARTBEAT_MS = 3 * HEARTBEAT_MS;

const NANOSECONDS = 1_000_000;

/**
 * One request for tasks. It has a subject of its own for the answer: when nobody is subscribed to that any more, the
 * server drops the request, and no task is lost with it.
 */
export class Pull {
  readonly answer: Promise<PullAnswer>;
  readonly #resolve: (answer: PullAnswer) => void;
  readonly #subscription: Subscription;
  readonly #options: PullOptions;
  readonly #silenceMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isAnswered = false;
  #isCancelled = false;
  #messages: Msg[] = [];

  constructor(api: NatsApi, subject: string, options: PullOptions) {
    const { waitMs, answerMs, count } = options;
    const { promise, resolve } = Promise.withResolvers<PullAnswer>();
    this.answer = promise;
    this.#resolve = resolve;
    this.#options = options;
    const { nc } = api.client;
    const inbox = api.inbox();
    this.#subscription = nc.subscribe(inbox, {
      callback: (error, message) => {
        if (error !== null) this.#fail(error.message);
        else this.#onMessage(message);
      },
    });
    const form: Record<string, unknown> = { batch: count };
    this.#silenceMs = waitMs + answerMs;
    if (waitMs === 0) form.no_wait = true;
    else form.expires = Math.max(1, Math.ceil(waitMs)) * NANOSECONDS;
    if (waitMs >= LEAST_WITH_HEARTBEAT_MS) {
      form.idle_heartbeat = HEARTBEAT_MS * NANOSECONDS;
      this.#silenceMs = HEARTBEAT_MS + answerMs;
    }
    this.#listen();
    nc.publish(subject, JSON.stringify(form), { reply: inbox });
  }

  /** The tasks that have come. Whoever does not take them leaves them to {@linkcode cancel}. */
  take(): Msg[] {
    return this.#messages.splice(0);
  }

  /** Takes the request back. Tasks that are on their way, or have come and were not taken, are given to `onLate`. */
  cancel(): void {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    for (const message of this.take()) this.#options.onLate(message);
    this.interrupt();
  }

  /** Ends it without an answer: what it waits for has changed, or the connection is a new one. */
  interrupt(): void {
    this.#end({ kind: "again" });
  }

  #fail(why: string): void {
    this.#end({ kind: "unknown", why });
  }

  #listen(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => this.#fail("the engine did not answer in time"),
      this.#silenceMs,
    );
  }

  #onMessage(message: Msg): void {
    const code = message.headers?.code ?? 0;
    // Deliveries have no code, and a subject to answer to.
    if (code === 0) {
      if (this.#isAnswered || this.#isCancelled) return this.#options.onLate(message);
      this.#messages.push(message);
      if (this.#messages.length === this.#options.count) this.#end({ kind: "message" });
      return;
    }
    if (code === 100) return this.#isAnswered ? undefined : this.#listen();
    if (code === 404 || code === 408) return this.#end({ kind: "empty" });
    this.#fail(
      code === 503 ? "the engine is not there at the moment" : message.headers!.description,
    );
  }

  #end(answer: PullAnswer): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    clearTimeout(this.#timer);
    // After an answer nothing more comes. Otherwise what the server has sent before it knew is heard.
    if (answer.kind === "message" || answer.kind === "empty") this.#subscription.unsubscribe();
    else this.#subscription.drain().catch(() => {});
    this.#resolve(this.#messages.length > 0 ? { kind: "message" } : answer);
  }
}
