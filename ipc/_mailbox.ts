import type { WaitOptions } from "../coroutine/wait_options.ts";
import { joinMessage, keepMessage, ownMessage, WINDOW_BYTES } from "./_channel.ts";
import { Line } from "./_line.ts";
import type { Outgoing } from "./_native_codec.ts";
import { Stash } from "./_stash.ts";

/** A connection over which messages come or go; it can keep the process alive. */
interface Carrier {
  hold(): void;
  letGo(): void;
  flushed(): Promise<void>;
}

/** One direction of a pipe: what was sent and is not received. It is where the pipe was made. */
export class Mailbox {
  readonly #messages = new Stash();
  /** The one that was just put, which comes before those: not copied yet. */
  #fresh: Outgoing | undefined;
  readonly #line = new Line();
  /** Called in this order when there is something to take, or when one of the ends has changed. */
  readonly readers = new Set<() => void>();
  /** Called when there is room again. */
  readonly writers = new Set<() => void>();
  /** Why nothing more comes; it may be taken back. */
  end: (() => Error) | undefined;
  /** Why nothing more is taken. */
  refusal: (() => Error) | undefined;
  #hasChanged = false;
  #isTelling = false;
  readonly #carriers = new Set<Carrier>();
  #holding = 0;
  /** Why nobody takes anything now; it may be taken back. */
  #absence: (() => Error) | undefined;

  get hasMessage(): boolean {
    return this.#fresh !== undefined || this.#messages.length > 0;
  }

  /** Whether a message can be put without waiting. */
  get hasRoom(): boolean {
    return this.#messages.bytes <= WINDOW_BYTES && this.#line.length === 0;
  }

  /** Puts a message, at once when there is room. It is copied within the call, unless nobody else uses it. */
  put(message: Outgoing): void {
    if (this.refusal !== undefined) throw this.refusal();
    this.#keepFresh();
    if (this.#messages.length > 0 || this.#isTelling) {
      this.#messages.push(piece(message));
      return this.changed();
    }
    // Whoever sends it on at once has no need of a copy.
    this.#fresh = message;
    this.changed();
    this.#keepFresh();
  }

  /** Puts a message, and waits for room. */
  async putWithin(message: Outgoing, options: WaitOptions): Promise<void> {
    if (this.hasRoom) return this.put(message);
    const error = (this.refusal ?? this.#absence)?.();
    if (error !== undefined) throw error;
    const what = "Cannot send: the other end of the pipe did not take what was sent before";
    const kept = keepMessage(message);
    this.hold();
    try {
      await this.#line.wait(options, what, () => this.put(kept));
    } finally {
      this.letGo();
    }
  }

  /** The first message, in one piece. */
  take(): Uint8Array<ArrayBuffer> | undefined {
    this.#keepFresh();
    const message = this.#messages.shift();
    if (message !== undefined) this.#taken();
    return message;
  }

  /** The first message, for whoever copies it at once. */
  takeMessage(): Outgoing | undefined {
    const fresh = this.#fresh;
    this.#fresh = undefined;
    if (fresh === undefined) {
      const message = this.take();
      return message === undefined ? undefined : ownMessage(message);
    }
    this.#taken();
    return fresh;
  }

  /** Lets those go on who wait for room. */
  #taken(): void {
    while (this.#messages.bytes <= WINDOW_BYTES && this.#line.length > 0) this.#line.next();
    if (this.hasRoom) { for (const writer of this.writers) writer(); }
  }

  #keepFresh(): void {
    const fresh = this.#fresh;
    this.#fresh = undefined;
    if (fresh !== undefined) this.#messages.push(piece(fresh));
  }

  /** Tells those who read. What they do may change it again, which they are told when all have been told. */
  changed(): void {
    this.#hasChanged = true;
    if (this.#isTelling) return;
    this.#isTelling = true;
    while (this.#hasChanged) {
      this.#hasChanged = false;
      for (const reader of this.readers) reader();
    }
    this.#isTelling = false;
  }

  /** Somebody waits here: connections over which messages come keep the process alive. */
  hold(): void {
    this.#holding++;
    for (const carrier of this.#carriers) carrier.hold();
  }

  /** Takes one {@linkcode hold} back. */
  letGo(): void {
    this.#holding--;
    for (const carrier of this.#carriers) carrier.letGo();
  }

  /** Waits until what was sent on is out of this process's hands. */
  async flushed(): Promise<void> {
    await Promise.all([...this.#carriers].map((carrier) => carrier.flushed()));
  }

  /** Adds a connection over which messages come or go. */
  addCarrier(carrier: Carrier): void {
    this.#carriers.add(carrier);
    for (let held = 0; held < this.#holding; held++) carrier.hold();
  }

  /** Removes it, when it has ended. */
  removeCarrier(carrier: Carrier): void {
    this.#carriers.delete(carrier);
  }

  /** Nobody takes anything now: who puts need not wait. `undefined` takes it back. */
  setAbsence(makeError: (() => Error) | undefined): void {
    this.#absence = makeError;
    if (makeError !== undefined) this.#line.failAll(makeError);
  }

  /** Nothing more is taken: what is here is thrown away. */
  refuse(makeError: () => Error): void {
    this.refusal = makeError;
    this.#fresh = undefined;
    this.#messages.clear();
    this.#line.failAll(makeError);
    for (const writer of this.writers) writer();
  }
}

/** A message as bytes that nobody else uses. */
function piece(message: Outgoing): Uint8Array<ArrayBuffer> {
  const { head, body, isOwned } = message;
  const isWhole = isOwned === true && head.length === 0 && typeof body !== "string";
  return isWhole ? body as Uint8Array<ArrayBuffer> : joinMessage(message);
}
