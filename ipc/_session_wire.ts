import { keepMessage } from "./_channel.ts";
import { Kind, type Wire, writeUint32 } from "./_credit_channel.ts";
import { SHORT_HEAD_BYTES } from "./_messages.ts";
import type { Outgoing } from "./_native_codec.ts";
import type { Session } from "./_session.ts";

/** Larger messages are sent in parts, which are smaller. */
const LARGEST_WHOLE = 2 * 1024 * 1024;
const PART_BYTES = 1024 * 1024;

/**
 * So many bytes are given to the session before they have left, or one message. With more than its limit the
 * session would stop to read, and two sides that both do that would wait for each other.
 */
const MOST_IN_SESSION = PART_BYTES + 128 * 1024;
const LIMIT_OF_SESSION = 2 * LARGEST_WHOLE;

/** Something to send: a kind, and the rest. */
type Post = [kind: number, message: Outgoing | undefined];

/** Carries messages as the data of a session of which nothing else makes use. */
export class SessionWire implements Wire {
  readonly peer: string;
  readonly #session: Session;
  readonly #queue: Post[] = [];
  #isEmptying = false;
  #emptied: Promise<void> = Promise.resolve();
  /** Bytes that were given to the session since it had nothing to send. */
  #given = 0;

  constructor(session: Session, peer: string) {
    this.#session = session;
    session.mostUnsent = LIMIT_OF_SESSION;
    this.peer = peer;
  }

  get isFlushed(): boolean {
    return !this.#isEmptying && this.#session.isFlushed;
  }

  post(kind: number, message?: Outgoing): void {
    if (!this.#isEmptying && this.#give(kind, message)) return;
    this.#queue.push([kind, message === undefined ? undefined : keepMessage(message)]);
    if (!this.#isEmptying) this.#emptied = this.#empty();
  }

  async flushed(): Promise<void> {
    await this.#emptied;
    await this.#session.flushed();
  }

  async close(): Promise<void> {
    await this.#emptied;
    await this.#session.close();
  }

  hold(): void {
    this.#session.hold();
  }

  letGo(): void {
    this.#session.letGo();
  }

  /** Gives something to the session; `false` when it has to wait. */
  #give(kind: number, message: Outgoing | undefined): boolean {
    if (this.#session.isClosed) return true;
    if (this.#session.isFlushed) this.#given = 0;
    const { head, body } = message ?? {};
    const headBytes = head?.length ?? 0;
    // Text is at most three bytes a unit.
    const bytes = headBytes + (typeof body === "string" ? body.length * 3 : body?.length ?? 0);
    const isTooMuch = this.#given > 0 && this.#given + bytes > MOST_IN_SESSION;
    if (bytes > LARGEST_WHOLE || isTooMuch) return false;
    this.#given += bytes;
    const whole = new Uint8Array(SHORT_HEAD_BYTES + 1 + headBytes);
    whole[SHORT_HEAD_BYTES] = kind;
    if (head !== undefined) whole.set(head, SHORT_HEAD_BYTES + 1);
    this.#session.sendData(whole, body);
    return true;
  }

  async #empty(): Promise<void> {
    this.#isEmptying = true;
    for (let post = this.#queue.shift(); post !== undefined; post = this.#queue.shift()) {
      for (const [kind, part] of inParts(post)) {
        while (!this.#give(kind, part)) await this.#session.flushed();
      }
    }
    this.#isEmptying = false;
  }
}

/** What is sent, in parts that are not too large. */
function* inParts([kind, message]: Post): Generator<Post> {
  const body = message === undefined ? NO_HEAD : message.body;
  if (kind !== Kind.MESSAGE || message === undefined || body.length * 3 <= LARGEST_WHOLE) {
    return yield [kind, message];
  }
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  let { head } = message;
  const length = head.length + bytes.length;
  if (length <= LARGEST_WHOLE) return yield [kind, { head, body: bytes }];
  yield [Kind.LARGE, { head: NO_HEAD, body: writeUint32(length) }];
  let from = 0;
  for (; bytes.length - from > PART_BYTES; from += PART_BYTES) {
    yield [Kind.PART, { head, body: bytes.subarray(from, from + PART_BYTES) }];
    head = NO_HEAD;
  }
  yield [Kind.MESSAGE, { head, body: bytes.subarray(from) }];
}

const NO_HEAD = new Uint8Array(0);
