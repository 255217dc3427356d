import type { WaitOptions } from "../coroutine/wait_options.ts";
import { WINDOW_BYTES } from "./_channel.ts";
import { Line } from "./_line.ts";
import { Stash } from "./_stash.ts";

/** What can keep the process alive. */
interface Holdable {
  hold(): void;
  letGo(): void;
}

/** One direction of a pipe: what was sent and is not received. It is where the pipe was made. */
export class Mailbox {
  readonly #messages = new Stash();
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
  readonly #carriers = new Set<Holdable>();
  #holding = 0;
  /** Why nobody takes anything now; it may be taken back. */
  #absence: (() => Error) | undefined;

  get hasMessage(): boolean {
    return this.#messages.length > 0;
  }

  /** Whether a message can be put without waiting. */
  get hasRoom(): boolean {
    return this.#messages.bytes <= WINDOW_BYTES && this.#line.length === 0;
  }

  /** Puts a message, at once when there is room. */
  put(message: Uint8Array<ArrayBuffer>): void {
    if (this.refusal !== undefined) throw this.refusal();
    this.#messages.push(message);
    this.changed();
  }

  /** Puts a message, and waits for room. */
  async putWithin(message: Uint8Array<ArrayBuffer>, options: WaitOptions): Promise<void> {
    if (this.hasRoom) return this.put(message);
    const error = (this.refusal ?? this.#absence)?.();
    if (error !== undefined) throw error;
    const what = "Cannot send: the other end of the pipe did not take what was sent before";
    this.hold();
    try {
      await this.#line.wait(options, what, () => this.put(message));
    } finally {
      this.letGo();
    }
  }

  take(): Uint8Array<ArrayBuffer> | undefined {
    const message = this.#messages.shift();
    if (message === undefined) return undefined;
    while (this.#messages.bytes <= WINDOW_BYTES && this.#line.length > 0) this.#line.next();
    if (this.hasRoom) { for (const writer of this.writers) writer(); }
    return message;
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

  /** Adds a connection over which messages come or go. */
  addCarrier(carrier: Holdable): void {
    this.#carriers.add(carrier);
    for (let held = 0; held < this.#holding; held++) carrier.hold();
  }

  /** Removes it, when it has ended. */
  removeCarrier(carrier: Holdable): void {
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
    this.#messages.clear();
    this.#line.failAll(makeError);
    for (const writer of this.writers) writer();
  }
}
