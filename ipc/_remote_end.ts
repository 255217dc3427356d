import { runOutsideTasks } from "../coroutine/_current_scope.ts";
import type { Ticket } from "./_authentication.ts";
import { connectSession } from "./_connect.ts";
import { CreditChannel, Kind, type Wire } from "./_credit_channel.ts";
import { Borrowing, familyKey, LOOPBACK } from "./_family.ts";
import type { Outgoing } from "./_native_codec.ts";
import { type EndReference, OTHER_END } from "./_pipe_end.ts";
import type { Session } from "./_session.ts";
import { SessionWire } from "./_session_wire.ts";
import { EofError } from "./connection_errors.ts";

const NO_HEAD = new Uint8Array(0);
const encoder = new TextEncoder();

/** An end of a pipe that another process has made. It is opened at once, on a connection of its own. */
export function openRemoteEnd(reference: EndReference): CreditChannel {
  const wire = new OpeningWire();
  const channel = new CreditChannel(wire, {
    isReadable: reference.isReadable,
    isWritable: reference.isWritable,
    pass() {
      const token = crypto.randomUUID();
      wire.post(Kind.PASSED, { head: NO_HEAD, body: encoder.encode(token) });
      return { ...reference, token };
    },
  });
  wire.open(reference, channel);
  return channel;
}

/** The way to the process that has made the pipe; until it is there, what is posted waits. */
class OpeningWire implements Wire {
  readonly peer = OTHER_END;
  #wire: SessionWire | undefined;
  #opening: Promise<void> | undefined;
  #borrowing: Borrowing | undefined;
  #posts: [kind: number, message?: Outgoing][] = [];
  #isClosed = false;
  #holding = 0;

  open(reference: EndReference, channel: CreditChannel): void {
    const borrowing = this.#borrowing = new Borrowing(reference);
    this.#opening = runOutsideTasks(async () => {
      let session: Session;
      try {
        const ticket = await borrowing.call("open", [reference.token]) as Ticket;
        const address = { hostname: LOOPBACK, port: reference.port };
        ({ session } = await connectSession(address, { key: familyKey(), ticket }));
      } catch (cause) {
        this.#isClosed = true;
        const message = `Cannot use the end of the pipe: ${(cause as Error).message}`;
        return channel.lose(new EofError(message, { cause }));
      }
      session.takeData((bytes) => channel.receive(bytes[0], bytes.subarray(1), "lent"));
      void session.closed.then(() => {
        channel.lose(new EofError(`Cannot receive: the process that made the pipe is gone`));
      });
      const wire = this.#wire = new SessionWire(session, this.peer);
      for (let held = 0; held < this.#holding; held++) wire.hold();
      // The first word is ours: now the other side knows that we are ready.
      wire.post(Kind.CREDIT, { head: NO_HEAD, body: new Uint8Array(4) });
      for (const [kind, message] of this.#posts) wire.post(kind, message);
      this.#posts = [];
    });
  }

  post(kind: number, message?: Outgoing): void {
    if (this.#wire !== undefined) return this.#wire.post(kind, message);
    if (!this.#isClosed) this.#posts.push([kind, message]);
  }

  get isFlushed(): boolean {
    return this.#isClosed || this.#wire?.isFlushed === true;
  }

  async flushed(): Promise<void> {
    if (this.#wire === undefined) await this.#opening;
    await this.#wire?.flushed();
  }

  async close(): Promise<void> {
    await this.#opening;
    if (this.#isClosed) return await this.#borrowing?.close();
    this.#isClosed = true;
    await this.#wire?.close();
    await this.#borrowing?.close();
  }

  hold(): void {
    this.#holding++;
    this.#wire?.hold();
  }

  letGo(): void {
    this.#holding--;
    this.#wire?.letGo();
  }
}

/** The reference as it came over the wire. */
export function readEndReference(data: unknown): EndReference {
  const { port, id, token, maxMessageBytes } = (data ?? {}) as Partial<EndReference>;
  const { isReadable, isWritable } = (data ?? {}) as Partial<EndReference>;
  if (
    !Number.isInteger(port) || typeof id !== "string" || typeof token !== "string" ||
    !Number.isInteger(maxMessageBytes) || typeof isReadable !== "boolean" ||
    typeof isWritable !== "boolean"
  ) throw new TypeError("Cannot receive an end of a pipe: its reference is not well formed");
  return data as EndReference;
}
