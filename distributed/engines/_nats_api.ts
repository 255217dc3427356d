import { createInbox, type Msg, type MsgHdrs } from "@nats-io/nats-core";
import { sleep } from "../../coroutine/sleep.ts";
import { EngineUnavailableError } from "../task_errors.ts";
import type { NatsClient } from "./_nats_client.ts";

/** What JetStream says with its codes, as far as it is looked at. */
export const NatsCode = {
  /** Nobody can put: the stream has as many messages as it may have, or cannot write. */
  STORE_FAILED: 10077,
  NO_STREAM: 10059,
  NO_CONSUMER: 10014,
  NO_MESSAGE: 10037,
  /** There is a stream of that name, with other settings. */
  OTHER_SETTINGS: 10058,
  /** There is no message to delete. */
  NOT_DELETED: 10057,
} as const;

/** Another one was first. */
const WRONG_LAST: readonly number[] = [10071, 10164];

/** A cluster without a leader answers with these as well as with 503. */
const PASSING: readonly number[] = [
  10005, // no suitable peers
  10009, // not the leader
  10065, // a stream of the same subjects is being made, by another one who makes the same
  10158, // a message of the same id is being stored
];

const PAUSE_MS = { least: 50, most: 250 } as const;

/** An answer of JetStream that says no. */
export class NatsApiError extends Error {
  readonly code: number;
  readonly errorCode: number;

  constructor({ code, err_code = 0, description = "" }: ErrorForm) {
    super(description);
    this.name = "NatsApiError";
    this.code = code;
    this.errorCode = err_code;
  }

  /** Whether the stream has as many messages as it may have. */
  get isFull(): boolean {
    return this.errorCode === NatsCode.STORE_FAILED && this.message.startsWith("maximum ");
  }

  /** Whether another message was first. */
  get isConflict(): boolean {
    return WRONG_LAST.includes(this.errorCode);
  }

  /** Whether the next try may succeed. */
  get isPassing(): boolean {
    if (this.isFull || this.errorCode === NatsCode.NOT_DELETED) return false;
    return this.code >= 500 || PASSING.includes(this.errorCode);
  }
}

interface ErrorForm {
  readonly code: number;
  readonly err_code?: number;
  readonly description?: string;
}

/** Whether an error is an answer of a kind. */
export function isApiError(error: unknown, ...codes: readonly number[]): error is NatsApiError {
  return error instanceof NatsApiError && (codes.length === 0 || codes.includes(error.errorCode));
}

/** What is told of a message that was stored. */
export interface StoredForm {
  readonly seq: number;
  /** It was stored before, by an earlier try. */
  readonly duplicate?: boolean;
}

/** A message of a stream. */
export interface StreamMessage {
  readonly subject: string;
  readonly seq: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
  /** When it was stored, in milliseconds since 1970. */
  readonly timeMs: number;
}

/** How long to go on trying. */
export interface TryOptions {
  /** The end, on the clock of `performance.now()`. */
  readonly endMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Requests to JetStream. What passes is tried again, until the time is over. */
export class NatsApi {
  readonly client: NatsClient;
  readonly #patienceMs: number;
  readonly #tryMs: number;
  readonly #left = new AbortController();

  constructor(client: NatsClient, options: { patienceMs: number; tryMs: number }) {
    this.client = client;
    this.#patienceMs = options.patienceMs;
    this.#tryMs = options.tryMs;
  }

  /** How long one try may take. */
  get tryMs(): number {
    return this.#tryMs;
  }

  /** Whoever uses it goes: what has no answer now is not tried again. */
  leave(): void {
    this.#left.abort(new EngineUnavailableError("The task queue was closed here"));
  }

  /** An address for answers, at which nobody else listens. */
  inbox(): string {
    return createInbox(this.client.nc.options.inboxPrefix);
  }

  /**
   * Asks the API.
   *
   * @throws {NatsApiError} When the answer is no.
   * @throws {EngineUnavailableError} When there was none.
   */
  async call<T = Record<string, unknown>>(
    action: string,
    subject: string,
    body?: unknown,
    options: TryOptions = {},
  ): Promise<T> {
    const payload = body === undefined ? "" : JSON.stringify(body);
    return await this.trying(action, options, () => this.#ask<T>(`$JS.API.${subject}`, payload));
  }

  /**
   * Stores a message.
   *
   * @throws {NatsApiError} When it is not stored.
   * @throws {EngineUnavailableError} When nobody knows.
   */
  async store(
    action: string,
    subject: string,
    body: Uint8Array,
    { headers, ...options }: TryOptions & { headers?: MsgHdrs | undefined } = {},
  ): Promise<StoredForm> {
    return await this.trying(action, options, () => this.tryStore(subject, body, headers));
  }

  /** Tries once to store a message. */
  async tryStore(subject: string, body: Uint8Array, headers?: MsgHdrs): Promise<StoredForm> {
    return await this.#ask<StoredForm>(subject, body, headers);
  }

  /** The message of a stream that a query finds. */
  async find(
    action: string,
    stream: string,
    query: { last_by_subj: string } | { seq: number; next_by_subj?: string },
  ): Promise<StreamMessage | undefined> {
    try {
      const { message } = await this.call<{ message: MessageForm }>(
        action,
        `STREAM.MSG.GET.${stream}`,
        query,
      );
      return readMessage(message);
    } catch (error) {
      if (isApiError(error, NatsCode.NO_MESSAGE)) return undefined;
      throw error;
    }
  }

  /** Sends a word about a message that is held, and waits until it has arrived. */
  async confirm(action: string, subject: string, word: string, options: TryOptions): Promise<void> {
    await this.trying(
      action,
      options,
      () => this.client.nc.request(subject, word, { timeout: this.#tryMs }),
    );
  }

  /** Tries as long as what fails may pass. */
  async trying<T>(action: string, options: TryOptions, attempt: () => Promise<T>): Promise<T> {
    const { signal, endMs = performance.now() + this.#patienceMs } = options;
    let pauseMs: number = PAUSE_MS.least;
    for (;;) {
      signal?.throwIfAborted();
      try {
        await this.#connected(action, { signal, endMs });
        // What is in flight when the connection is lost would be waited for until its time is over.
        return await this.client.whileConnected(attempt());
      } catch (error) {
        const reason = this.whyPassing(error, action);
        const leftMs = endMs - performance.now();
        if (leftMs <= 0) throw reason;
        await this.pause(Math.min(leftMs, pauseMs), { signal, endMs });
        pauseMs = Math.min(pauseMs * 2, PAUSE_MS.most);
      }
    }
  }

  /** What is sent without a connection is lost. */
  async #connected(action: string, { signal, endMs = Infinity }: TryOptions): Promise<void> {
    if (this.client.isConnected) return;
    const timeoutMs = Math.max(0, endMs - performance.now());
    if (await this.client.whenConnected({ signal: this.#orLeft(signal), timeoutMs })) return;
    throw new EngineUnavailableError(`${action}: there is no connection to ${this.client.servers}`);
  }

  /**
   * Why there was no answer now, though there may be one to the next try.
   *
   * @throws What went wrong, when another try makes no sense.
   */
  whyPassing(error: unknown, action: string): EngineUnavailableError {
    if (error instanceof NatsApiError) {
      if (!error.isPassing) throw error;
      return new EngineUnavailableError(`${action}: the engine says "${error.message}"`, {
        cause: error,
      });
    }
    const explained = this.client.explain(error, action);
    if (!(explained instanceof EngineUnavailableError)) throw explained;
    // The connection may have ended for good.
    this.client.check(action);
    return explained;
  }

  /** Waits before the next try: for a connection, and then a little. */
  async pause(pauseMs: number, options: TryOptions): Promise<void> {
    const { endMs = Infinity } = options;
    const signal = this.#orLeft(options.signal);
    if (!this.client.isConnected) {
      const timeoutMs = Math.max(0, endMs - performance.now());
      await this.client.whenConnected({ signal, timeoutMs });
    }
    await sleep(pauseMs, { signal });
  }

  #orLeft(signal: AbortSignal | undefined): AbortSignal {
    const left = this.#left.signal;
    return signal === undefined ? left : AbortSignal.any([signal, left]);
  }

  async #ask<T>(subject: string, payload: Uint8Array | string, headers?: MsgHdrs): Promise<T> {
    const options = { timeout: this.#tryMs, ...headers === undefined ? {} : { headers } };
    const answer = (await this.client.nc.request(subject, payload, options)).json<
      T & { error?: ErrorForm }
    >();
    if (answer.error !== undefined) throw new NatsApiError(answer.error);
    return answer;
  }
}

interface MessageForm {
  readonly subject: string;
  readonly seq: number;
  readonly hdrs?: string;
  readonly data?: string;
  readonly time: string;
}

function readMessage({ subject, seq, hdrs, data = "", time }: MessageForm): StreamMessage {
  const headers = new Map<string, string>();
  if (hdrs !== undefined) {
    // The first line is the version of the format.
    for (const line of new TextDecoder().decode(fromBase64(hdrs)).split("\r\n").slice(1)) {
      const at = line.indexOf(":");
      if (at > 0) headers.set(line.slice(0, at), line.slice(at + 1).trim());
    }
  }
  return { subject, seq, headers, body: fromBase64(data), timeMs: Date.parse(time) };
}

/** The headers of a message that was delivered. */
export function headersOf({ headers }: Msg): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  if (headers === undefined) return map;
  for (const name of headers.keys()) map.set(name, headers.get(name));
  return map;
}

export function fromBase64(text: string): Uint8Array {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
