import { CreditChannel, type Wire } from "./_credit_channel.ts";
import { joinMessage } from "./_channel.ts";
import type { Outgoing } from "./_native_codec.ts";
import { EofError } from "./connection_errors.ts";

/** What is posted: a kind, and bytes. */
type Post = [kind: number, bytes?: Uint8Array<ArrayBuffer>];

const CLOSED = -1;
const PEER = "the other side of the message port";

/** Messages over a message port, to another thread. */
export function openPort(port: MessagePort): CreditChannel {
  const wire = new PortWire(port);
  const channel = new CreditChannel(wire, {
    isReadable: true,
    isWritable: true,
    pass() {
      throw new TypeError(
        "Cannot pass on a connection over a message port: transfer the port before it is used",
      );
    },
  });
  port.onmessage = ({ data }: MessageEvent<unknown>) => {
    const [kind, bytes] = readPost(data);
    if (kind === CLOSED) return wire.lose();
    try {
      channel.receive(kind, bytes ?? new Uint8Array(0), "given");
    } catch (error) {
      channel.lose(error as Error);
      void wire.close();
    }
  };
  port.addEventListener("close", () => wire.lose());
  wire.onLost = () => channel.lose(new EofError(`Cannot receive: ${PEER} closed the connection`));
  channel.want();
  return channel;
}

function readPost(data: unknown): Post {
  if (!Array.isArray(data) || typeof data[0] !== "number") return [NaN];
  return [data[0], data[1] instanceof Uint8Array ? data[1] as Uint8Array<ArrayBuffer> : undefined];
}

class PortWire implements Wire {
  readonly peer = PEER;
  readonly #port: MessagePort & Partial<Record<"ref" | "unref", () => void>>;
  readonly isFlushed = true;
  onLost: () => void = () => {};
  #isClosed = false;
  #holding = 0;

  constructor(port: MessagePort) {
    this.#port = port;
    this.#port.unref?.();
  }

  post(kind: number, message?: Outgoing): void {
    if (this.#isClosed) return;
    if (message === undefined) return this.#port.postMessage([kind]);
    const bytes = joinMessage(message);
    this.#port.postMessage([kind, bytes], [bytes.buffer]);
  }

  flushed(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#port.postMessage([CLOSED]);
      this.lose();
    }
    return Promise.resolve();
  }

  /** The other side is gone. */
  lose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#port.onmessage = null;
    this.#port.close();
    this.onLost();
  }

  hold(): void {
    if (this.#holding++ === 0 && !this.#isClosed) this.#port.ref?.();
  }

  letGo(): void {
    if (--this.#holding === 0 && !this.#isClosed) this.#port.unref?.();
  }
}
