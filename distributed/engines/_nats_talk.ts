import type { Msg, NatsConnection, Subscription } from "@nats-io/nats-core";
import type { NatsApi } from "./_nats_api.ts";
import { fromBytes, toBytes } from "./_nats_encoding.ts";

/**
 * What those who use a queue tell each other. Nothing of it is kept: whoever is not there does not hear it, and
 * everything goes right without, only later.
 */
export type Talk =
  /** The queue is shut down, or taken away. */
  | { readonly kind: "closed"; readonly immediate: boolean; readonly deleted: boolean }
  /** The queue takes tasks again. */
  | { readonly kind: "opened" }
  /** There are delayed tasks. */
  | { readonly kind: "delayed" }
  /** A task was handed out again: who had it before has lost it. */
  | { readonly kind: "taken"; readonly id: string; readonly by: string }
  /** Who has the task is to end it, and answers. */
  | { readonly kind: "cancel"; readonly id: string; readonly error: unknown }
  /** The task has ended, whatever becomes of it where it runs. */
  | { readonly kind: "stop"; readonly id: string; readonly error: unknown }
  /** A task whose name its user has chosen has ended. */
  | { readonly kind: "ended"; readonly id: string }
  /** Who holds tasks of a producer, or any? */
  | { readonly kind: "held"; readonly producer: string | undefined }
  /** Who is there? */
  | { readonly kind: "who" };

/** The answer to "held". */
export type HeldAnswer = readonly (readonly [id: string, attempt: number])[];

/** How long answers are waited for. */
export interface GatherOptions {
  /** The longest wait, in milliseconds. */
  readonly mostMs: number;
  /** Ends the wait when there is enough. */
  readonly isEnough?: ((answers: readonly unknown[]) => boolean) | undefined;
}

/** After the last answer nobody waits for longer than this, or a few times as long as an answer takes. */
const STALL_MS = 40;
const STALL_ROUNDS = 4;

/** Those who have answered before may be busy. */
const BUSY_MS = 250;

/** Everybody's ear and mouth. */
export class TalkChannel {
  readonly #nc: NatsConnection;
  readonly #subject: string;
  readonly #self: string;
  readonly #api: NatsApi;
  readonly #subscription: Subscription;
  /** Ends the waits for answers. */
  readonly #gathering = new Set<() => void>();
  /** How many have answered lately to the question who is there. */
  #others = 1;

  constructor(
    api: NatsApi,
    options: {
      subject: string;
      self: string;
      onTalk: (talk: Talk, answer: (value: unknown) => void) => void;
    },
  ) {
    const { nc } = api.client;
    this.#api = api;
    this.#nc = nc;
    this.#subject = options.subject;
    this.#self = options.self;
    this.#subscription = nc.subscribe(options.subject, {
      callback: (error, message) => {
        if (error !== null) return;
        const heard = read(message);
        if (!isHeard(heard) || heard.from === this.#self) return;
        options.onTalk(heard.talk, (value) => {
          if (message.reply) nc.publish(message.reply, toBytes(value));
        });
      },
    });
  }

  /** Tells everybody else. */
  say(talk: Talk): void {
    if (this.#nc.isClosed()) return;
    this.#nc.publish(this.#subject, this.#form(talk));
  }

  /** Asks everybody else, and collects answers. */
  async gather(talk: Talk, { mostMs, isEnough }: GatherOptions): Promise<unknown[]> {
    const answers: unknown[] = [];
    // Whoever asks looks at that by itself.
    if (!this.#api.client.isConnected) return answers;
    const { promise: over, resolve } = Promise.withResolvers<void>();
    this.#gathering.add(resolve);
    const begin = performance.now();
    const expected = talk.kind === "who" ? this.#others : 0;
    let roundMs = Infinity;
    let timer = setTimeout(resolve, mostMs);
    let isOver = false;
    const listen = (): void => {
      if (isOver) return;
      const leftMs = mostMs - (performance.now() - begin);
      clearTimeout(timer);
      const stallMs = Math.max(answers.length < expected ? BUSY_MS : STALL_MS, roundMs);
      timer = setTimeout(resolve, Math.max(0, Math.min(leftMs, stallMs)));
    };
    const inbox = this.#api.inbox();
    const subscription = this.#nc.subscribe(inbox, {
      callback: (error, message) => {
        // Nobody else is there.
        if (error !== null || message.headers?.code === 503) return resolve();
        const answer = read(message);
        if (answer !== undefined) answers.push(answer);
        if (isEnough?.(answers)) resolve();
        else listen();
      },
    });
    try {
      this.#nc.publish(this.#subject, this.#form(talk), { reply: inbox });
      // How long the way is, so that answers from far away are waited for.
      void this.#nc.flush().then(() => {
        roundMs = STALL_ROUNDS * (performance.now() - begin);
        listen();
      }, () => resolve());
      await over;
    } finally {
      isOver = true;
      this.#gathering.delete(resolve);
      clearTimeout(timer);
      if (!this.#nc.isClosed()) subscription.unsubscribe();
    }
    if (talk.kind === "who") this.#others = answers.length;
    return answers;
  }

  close(): void {
    for (const resolve of this.#gathering) resolve();
    if (!this.#nc.isClosed()) this.#subscription.unsubscribe();
  }

  #form(talk: Talk): Uint8Array {
    return toBytes({ from: this.#self, talk });
  }
}

/** What is said, and by whom. */
interface HeardForm {
  readonly from: string;
  readonly talk: Talk;
}

/** What comes from a network may be anything. */
function isHeard(form: unknown): form is HeardForm {
  const { from, talk } = (form ?? {}) as Partial<HeardForm>;
  return typeof from === "string" && typeof talk === "object" && talk !== null;
}

function read(message: Msg): unknown {
  try {
    return fromBytes(message.data);
  } catch {
    // What comes from a network may be anything.
    return undefined;
  }
}
