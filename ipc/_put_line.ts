import { encodePlain } from "./_encoding.ts";
import { ConnectionClosedError, ConnectionLostError } from "./errors.ts";

/** The most items of one message. */
const MOST_ITEMS = 1_024;
/** The most text of one message, unless a single item has more. */
const MOST_TEXT = 64 * 1024;
/** Messages that may be on their way; what is put meanwhile waits here and leaves together. */
const MOST_ON_THEIR_WAY = 4;

interface WaitingPut {
  readonly item: unknown;
  /** The item as JSON, as it was when it was put; without it, it goes by itself. */
  readonly text: string | undefined;
  resolve(): void;
  reject(error: unknown): void;
}

/** How a line reaches its queue. */
export interface PutLineOptions {
  /** Puts several items, as the JSON text of an array, and says how many are in the queue. */
  putMany(bytes: Uint8Array): Promise<number>;
  /** Puts one item. */
  put(item: unknown): Promise<void>;
}

/**
 * The puts of one process into a queue of another one that wait for nothing but the queue. Those that come
 * while others are on their way leave together: a message costs a hundred times what an item does.
 *
 * Memory: the queue's process gets no more than a few messages before it answers, and answers when their items
 * are in the queue. What is put beyond that waits here, in the process that puts it.
 */
export class PutLine {
  readonly #options: PutLineOptions;
  #waiting: WaitingPut[] = [];
  #onTheirWay = 0;
  #isScheduled = false;
  #settled = Promise.withResolvers<void>();
  #isIdle = true;

  constructor(options: PutLineOptions) {
    this.#options = options;
    this.#settled.resolve();
  }

  /** Settles when nothing waits and nothing is on its way. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  /** Whether nothing waits that would have to go before the next put. */
  get isIdle(): boolean {
    return this.#isIdle;
  }

  /**
   * Puts an item.
   *
   * @returns When it is in the queue.
   */
  put(item: unknown): Promise<void> {
    const text = encodePlain(item)?.payload as string | undefined;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ item, text, resolve, reject });
    if (this.#isIdle) {
      this.#isIdle = false;
      this.#settled = Promise.withResolvers();
    }
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      // Those that are put in the same turn leave together.
      queueMicrotask(() => this.#send());
    }
    return promise;
  }

  #send(): void {
    this.#isScheduled = false;
    let at = 0;
    while (at < this.#waiting.length && this.#onTheirWay < MOST_ON_THEIR_WAY) {
      const from = at;
      at = this.#endOfMessage(from);
      this.#onTheirWay++;
      void this.#deliver(this.#waiting.slice(from, at)).finally(() => {
        this.#onTheirWay--;
        if (!this.#isScheduled) this.#send();
      });
    }
    if (at > 0) this.#waiting = this.#waiting.slice(at);
    if (this.#waiting.length > 0 || this.#onTheirWay > 0 || this.#isIdle) return;
    this.#isIdle = true;
    this.#settled.resolve();
  }

  /** Where the message ends that begins with a put. */
  #endOfMessage(from: number): number {
    let size = 0;
    for (let at = from; at < this.#waiting.length && at - from < MOST_ITEMS; at++) {
      const { text } = this.#waiting[at]!;
      if (text === undefined) return Math.max(at, from + 1);
      size += text.length;
      if (size > MOST_TEXT) return Math.max(at, from + 1);
    }
    return Math.min(this.#waiting.length, from + MOST_ITEMS);
  }

  async #deliver(puts: readonly WaitingPut[]): Promise<void> {
    let count = 0;
    if (puts.length > 1) {
      try {
        const text = `[${puts.map((put) => put.text).join(",")}]`;
        count = await this.#options.putMany(new TextEncoder().encode(text));
      } catch (error) {
        if (error instanceof ConnectionClosedError || error instanceof ConnectionLostError) {
          for (const put of puts) put.reject(error);
          return;
        }
        // Nothing of it is in the queue: each is told by itself why.
      }
    }
    for (const put of puts.slice(0, count)) put.resolve();
    await Promise.all(
      puts.slice(count).map(({ text, item, resolve, reject }) =>
        this.#options.put(text === undefined ? item : JSON.parse(text)).then(resolve, reject)
      ),
    );
  }
}
