import { MESSAGE_OVERHEAD } from "./_channel.ts";

/** Messages that were received and not taken, first in, first out. */
export class Stash {
  #messages: (Uint8Array<ArrayBuffer> | undefined)[] = [];
  #first = 0;
  #bytes = 0;

  /** How many there are. */
  get length(): number {
    return this.#messages.length - this.#first;
  }

  /** How many bytes they count for. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds one. */
  push(message: Uint8Array<ArrayBuffer>): void {
    this.#messages.push(message);
    this.#bytes += message.length + MESSAGE_OVERHEAD;
  }

  /** Takes the first one. */
  shift(): Uint8Array<ArrayBuffer> | undefined {
    const message = this.#messages[this.#first];
    if (message === undefined) return undefined;
    this.#messages[this.#first++] = undefined;
    this.#bytes -= message.length + MESSAGE_OVERHEAD;
    if (this.#first === this.#messages.length) {
      this.#messages = [];
      this.#first = 0;
    } else if (this.#first > 1024 && this.#first * 2 > this.#messages.length) {
      this.#messages.splice(0, this.#first);
      this.#first = 0;
    }
    return message;
  }

  /** Throws all away. */
  clear(): void {
    this.#messages = [];
    this.#first = 0;
    this.#bytes = 0;
  }
}
