import { ownModule } from "../ipc/_run_by_name.ts";
import { takeMoved } from "./_moved.ts";
import { type PoolMessage, RingReader, RingWriter } from "./_pool_ring.ts";
import { findMissingRooms, packShared, unpackShared } from "./_shared.ts";

/** What one side of a pool and the other share. */
export interface ChannelEnd {
  /** What this side reads. */
  readonly inward: SharedArrayBuffer;
  /** What this side writes. */
  readonly outward: SharedArrayBuffer;
  readonly port: MessagePort;
}

/** A message that could not be sent, because its values cannot be cloned. */
export interface Unsent extends PoolMessage {
  readonly error: unknown;
}

/** Whoever uses a channel. */
export interface ChannelOwner {
  onMessage(message: PoolMessage): void;
  /** Something has come by the port. */
  onPosted(): void;
  /** What to send in place of a message that cannot be sent. */
  replace(unsent: Unsent): PoolMessage[];
}

/** What goes by the port: messages that share a sequence number, because they stand for one. */
type Posted = [sequence: number, messages: Packed[]];

type Packed = [
  kind: number,
  flags: number,
  job: number,
  index: number,
  number: number,
  values: unknown,
];

/** A message that is to go by the port. */
interface Parcel {
  readonly sequence: number;
  readonly message: PoolMessage;
  readonly transfers: Transferable[];
}

/** Loaded when they are needed; not written out in the `import()`, which would have them loaded before. */
const ROOMS = { thread: "./mod.ts", ipc: "../ipc/mod.ts" };

/** After so many messages, and so long, others have a turn. */
const MESSAGES_A_LOOK = 32;
const LONGEST_TURN_MS = 2;

/**
 * Messages between a pool and a thread, in order. Small ones go by the ring, what has to be cloned goes by the
 * port, some at a time. They are numbered, and read in the order of their numbers, so neither way has to
 * wait for the other, and a full ring does no harm.
 */
export class PoolChannel {
  readonly #writer: RingWriter;
  readonly #reader: RingReader;
  readonly #port: MessagePort;
  readonly #owner: ChannelOwner;
  #sent = 0;
  #read = 0;
  #outbox: Parcel[] = [];
  #arrived: Posted[] = [];
  #isFlushDue = false;
  #isReading = false;
  #isPaused = false;
  #isClosed = false;

  constructor({ inward, outward, port }: ChannelEnd, owner: ChannelOwner) {
    this.#writer = new RingWriter(outward);
    this.#reader = new RingReader(inward);
    this.#port = port;
    this.#owner = owner;
    port.onmessage = (event) => {
      this.#reader.countArrived();
      for (const posted of event.data as Posted[]) this.#arrived.push(posted);
      this.#owner.onPosted();
    };
  }

  /** The end at which messages come; to sleep there. */
  get reader(): RingReader {
    return this.#reader;
  }

  /** Sends a message, now or at the end of this turn. */
  send(
    kind: number,
    flags: number,
    job: number,
    index: number,
    number: number,
    values: unknown[],
  ): void {
    if (this.#isClosed) return;
    const sequence = this.#sent;
    this.#sent = (sequence + 1) | 0;
    if (!this.#writer.write(sequence, kind, flags, job, index, number, values)) {
      const message = { kind, flags, job, index, number, values };
      this.#outbox.push({ sequence, message, transfers: takeMoved(values) });
    }
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    queueMicrotask(this.#flushDue);
  }

  /** Sends a message now. @throws {TypeError} When the value cannot be cloned; nothing is sent then. */
  sendOrThrow(kind: number, job: number, index: number, value: unknown): void {
    if (this.#isClosed) return;
    const values = [value];
    if (!this.#writer.write(this.#sent, kind, 0, job, index, 0, values)) {
      this.flush();
      const message = { kind, flags: 0, job, index, number: 0, values };
      try {
        this.#post([[this.#sent, [pack(message)]]], takeMoved(values));
      } catch (error) {
        throw readCloneError(error);
      }
    }
    this.#sent = (this.#sent + 1) | 0;
    this.flush();
  }

  /** Has the other side know now of what was sent. */
  flush(): void {
    if (this.#isClosed) return;
    this.#writer.wake();
    if (this.#outbox.length > 0) this.#postOutbox();
  }

  #postOutbox(): void {
    const outbox = this.#outbox;
    this.#outbox = [];
    try {
      this.#post(
        outbox.map(({ sequence, message }) => [sequence, [pack(message)]]),
        outbox.flatMap(({ transfers }) => transfers),
      );
    } catch {
      // One of them cannot be cloned: each is sent by itself.
      for (const parcel of outbox) this.#postAlone(parcel);
    }
  }

  /**
   * Reads what is there, but not for long.
   *
   * @returns `"nothing"` when there was nothing, `"more"` when there may be more.
   */
  read(): "nothing" | "all" | "more" {
    if (this.#isReading) return "nothing";
    this.#isReading = true;
    let count = 0;
    let startedAt = 0;
    try {
      for (;;) {
        if (this.#isPaused) return count === 0 ? "nothing" : "all";
        const message = this.#reader.read(this.#read);
        if (message !== undefined) {
          this.#read = (this.#read + 1) | 0;
          this.#owner.onMessage(message);
        } else if (this.#arrived[0]?.[0] === this.#read) {
          const messages = this.#unpackFirst();
          if (messages === undefined) return count === 0 ? "nothing" : "all";
          this.#read = (this.#read + 1) | 0;
          for (const message of messages) this.#owner.onMessage(message);
        } else {
          return count === 0 ? "nothing" : "all";
        }
        if (++count % MESSAGES_A_LOOK !== 0) continue;
        const now = performance.now();
        if (startedAt === 0) startedAt = now;
        else if (now - startedAt > LONGEST_TURN_MS) return "more";
      }
    } finally {
      this.#isReading = false;
    }
  }

  /** Reads nothing after the message that is being read. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Undoes {@linkcode pause}. */
  resume(): void {
    this.#isPaused = false;
  }

  /** Whether all was read that the other side, which has ended, had sent. */
  get isComplete(): boolean {
    return this.#reader.isEmpty && this.#arrived.length === 0 && !this.#reader.isPostDue;
  }

  /** Sends and reads nothing more. */
  close(): void {
    this.#isClosed = true;
    this.#port.onmessage = null;
    this.#port.close();
    this.#reader.getUp();
  }

  /** Takes what came first by the port; `undefined` when a room has to be loaded before. */
  #unpackFirst(): PoolMessage[] | undefined {
    const [, packed] = this.#arrived[0]!;
    try {
      const messages = packed.map(unpack);
      this.#arrived.shift();
      return messages;
    } catch (error) {
      // The user's module may name the classes as types only: then nobody has loaded them.
      const rooms = [...findMissingRooms(packed)];
      if (rooms.length === 0) throw error;
      this.pause();
      const loaded = rooms.map((room) => import(ownModule(import.meta, ROOMS[room])));
      void Promise.all(loaded).then(() => {
        this.resume();
        this.#owner.onPosted();
      });
      return undefined;
    }
  }

  readonly #flushDue = (): void => {
    this.#isFlushDue = false;
    this.flush();
  };

  #post(batch: Posted[], transfers: Transferable[]): void {
    // Before: whoever has seen the thread end is to wait for what may still come.
    this.#writer.countPosted(1);
    try {
      this.#port.postMessage(batch, transfers);
      this.#writer.wakeForPost();
    } catch (error) {
      this.#writer.countPosted(-1);
      throw error;
    }
  }

  #postAlone({ sequence, message, transfers }: Parcel): void {
    try {
      this.#post([[sequence, [pack(message)]]], transfers);
    } catch (error) {
      const instead = this.#owner.replace({ ...message, error: readCloneError(error) });
      this.#post([[sequence, instead.map(pack)]], []);
    }
  }
}

function pack({ kind, flags, job, index, number, values }: PoolMessage): Packed {
  return [kind, flags, job, index, number, packShared(values)];
}

function unpack([kind, flags, job, index, number, packed]: Packed): PoolMessage {
  return { kind, flags, job, index, number, values: unpackShared(packed) as unknown[] };
}

/** Whether values can be cloned as they are; throws what is told of those that cannot. */
export function checkCarriable(value: unknown): void {
  try {
    structuredClone(packShared(value));
  } catch (error) {
    throw readCloneError(error);
  }
}

function readCloneError(error: unknown): unknown {
  if (!(error instanceof DOMException) || error.name !== "DataCloneError") return error;
  return new TypeError(`Cannot carry a value to another thread: ${error.message}`, {
    cause: error,
  });
}
