import { runOutsideTasks } from "../coroutine/_current_scope.ts";
import { type LentMethod, type Seat, setLender } from "../coroutine/_lending.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import type { Ticket } from "./_authentication.ts";
import { type Channel, ownMessage, weightOf } from "./_channel.ts";
import { CreditChannel, Kind } from "./_credit_channel.ts";
import { acquireHub, type FamilyHub, type LentReference, releaseHub } from "./_family.ts";
import { waitLeaving } from "./_line.ts";
import type { Mailbox } from "./_mailbox.ts";
import type { Outgoing } from "./_native_codec.ts";
import { whenNeverTaken } from "./_passing.ts";
import type { Session } from "./_session.ts";
import { SessionWire } from "./_session_wire.ts";
import { EofError } from "./connection_errors.ts";
import { ConnectionClosedError, ConnectionLostError } from "./errors.ts";

/** Who is on the other side, for the texts of errors. */
export const OTHER_END = "the other end of the pipe";

/** How long an end that was passed on, and is open nowhere, waits for the one who takes it. */
const UNTAKEN_LIMIT_MS = 20_000;

/** A sender waits until a message of this size has left. */
const LARGE_BYTES = 64 * 1024;

/** The most words of those who are about to take an end that are kept. */
const MOST_TOKENS = 1024;

/** What crosses in place of an end of a pipe. */
export interface EndReference extends LentReference {
  /** By which the owner knows who takes the end. */
  readonly token: string;
  readonly isReadable: boolean;
  readonly isWritable: boolean;
  readonly maxMessageBytes: number;
}

/** Who has an end open: the process that made it, or another one. */
interface Holder {
  reads: boolean;
  writes: boolean;
}

/**
 * One end of a pipe, where the pipe was made. It may be open in several processes at a time; it is over when
 * it is open in none.
 *
 * An end that was passed on stays open here as well, but counts only if it is used here afterwards: otherwise
 * nobody would learn that the process that has it is dead.
 */
export class PipeEnd {
  readonly inbox: Mailbox | undefined;
  readonly outbox: Mailbox | undefined;
  readonly #maxMessageBytes: number;
  readonly #here: Holder;
  readonly #others = new Set<Holder>();
  #isOpenHere = true;
  #isIdleHere = false;
  #wasTaken = false;
  /** Of those who are about to take the end, in the order in which it was passed on. */
  #tokens: string[] = [];
  #untaken: ReturnType<typeof setTimeout> | undefined;
  #lending: { hub: FamilyHub; id: string } | undefined;
  #isOver = false;
  #other: PipeEnd | undefined;
  #released: Promise<void> = Promise.resolve();

  static {
    setLender(PipeEnd, (end) => end.#seat());
  }

  constructor(inbox: Mailbox | undefined, outbox: Mailbox | undefined, maxMessageBytes: number) {
    this.inbox = inbox;
    this.outbox = outbox;
    this.#maxMessageBytes = maxMessageBytes;
    this.#here = { reads: inbox !== undefined, writes: outbox !== undefined };
  }

  /** Joins the two ends of a pipe. */
  static join(one: PipeEnd, two: PipeEnd): void {
    one.#other = two;
    two.#other = one;
  }

  // Here

  /** It is used here. */
  use(): void {
    if (!this.#isIdleHere) return;
    this.#isIdleHere = false;
    this.#update();
  }

  /** Nothing more is sent here. */
  closeWriteHere(): void {
    this.#here.writes = false;
    this.#update();
  }

  /** It is closed here. */
  async closeHere(): Promise<void> {
    this.#isOpenHere = false;
    this.#update();
    await this.#released;
  }

  /** What crosses in its place. */
  pass(): EndReference {
    this.#lending ??= this.#lend();
    const { hub, id } = this.#lending;
    const token = crypto.randomUUID();
    this.#passed(token);
    this.#isIdleHere = true;
    whenNeverTaken(() => this.#recall(token));
    return {
      port: hub.port,
      id,
      token,
      isReadable: this.inbox !== undefined,
      isWritable: this.outbox !== undefined,
      maxMessageBytes: this.#maxMessageBytes,
    };
  }

  // Elsewhere

  #lend(): { hub: FamilyHub; id: string } {
    const hub = acquireHub();
    const id = crypto.randomUUID();
    hub.objects.set(id, this);
    return { hub, id };
  }

  #passed(token: string): void {
    this.#tokens.push(token);
    if (this.#tokens.length > MOST_TOKENS) this.#tokens.shift();
    this.#update();
  }

  /** Who was given the word is dead. That counts as if it had had the end. */
  #recall(token: string): void {
    const at = this.#tokens.indexOf(token);
    if (at < 0) return;
    this.#tokens.splice(at, 1);
    this.#wasTaken = true;
    this.#update();
  }

  #seat(): Seat {
    const holder: Holder = { reads: this.inbox !== undefined, writes: this.outbox !== undefined };
    let forget: ((error: unknown) => void) | undefined;
    let isAttached = false;
    const open: LentMethod = (_call, token: unknown): Ticket => {
      if (this.#lending === undefined || forget !== undefined) {
        throw new ReferenceError("Cannot open the end of the pipe: it is over, or open already");
      }
      // Passed on before means taken before, or given up: whoever crossed with a later word is here.
      this.#tokens.splice(0, this.#tokens.indexOf(String(token)) + 1);
      const expected = this.#lending.hub.expect();
      forget = expected.forget;
      expected.arrived.then(({ session }) => {
        isAttached = true;
        runOutsideTasks(() => this.#attach(session, holder));
      }, () => {});
      return expected.ticket;
    };
    this.#others.add(holder);
    this.#wasTaken = true;
    this.#update();
    return {
      methods: { open },
      leave: () => {
        // What the session brings may still be on its way: its own end counts.
        if (isAttached) return;
        forget?.(new ConnectionLostError("The process that took an end of the pipe is gone"));
        this.#leave(holder);
      },
    };
  }

  #leave(holder: Holder): void {
    holder.reads = holder.writes = false;
    this.#others.delete(holder);
    this.#update();
  }

  /** Joins a process that has taken the end: what it sends is put, and it gets what it has room for. */
  #attach(session: Session, holder: Holder): void {
    const { inbox, outbox } = this;
    const wire = new SessionWire(session, "a process that has the end");
    const channel = new CreditChannel(wire, {
      isReadable: outbox !== undefined,
      isWritable: inbox !== undefined,
      pass: () => undefined,
    });
    let hasBegun = false;
    let isRefused = false;
    const putAll = () => {
      if (outbox === undefined) return;
      if (outbox.refusal !== undefined) {
        while (channel.take() !== undefined);
        if (!isRefused) channel.refuse();
        isRefused = true;
      }
      while (channel.hasInput && outbox.hasRoom) outbox.put(ownMessage(channel.take()!));
      if (channel.end !== undefined && !channel.hasInput && holder.writes) {
        outbox.writers.delete(putAll);
        holder.writes = false;
        this.#settle(holder);
      }
    };
    let isGiving = false;
    const giveAll = () => {
      if (inbox === undefined || !hasBegun || isGiving) return;
      // To take one may bring the next one in, which must not overtake it.
      isGiving = true;
      while (channel.hasRoom && inbox.hasMessage) {
        channel.put(inbox.takeMessage()!);
      }
      isGiving = false;
      if (!inbox.hasMessage && inbox.end !== undefined) void channel.closeWrite();
    };
    inbox?.addCarrier(channel);
    outbox?.addCarrier(channel);
    channel.onInput = putAll;
    channel.onRoom = giveAll;
    channel.onPassed = (token) => this.#passed(token);
    session.takeData((bytes) => {
      if (!hasBegun) {
        hasBegun = true;
        // Not before: the other side has to be ready to take it.
        channel.want();
        outbox?.writers.add(putAll);
        inbox?.readers.add(giveAll);
        putAll();
      }
      channel.receive(bytes[0], bytes.subarray(1), "lent");
      if (bytes[0] === Kind.CREDIT) giveAll();
    });
    void session.closed.then(() => {
      inbox?.readers.delete(giveAll);
      inbox?.removeCarrier(channel);
      outbox?.removeCarrier(channel);
      holder.reads = false;
      channel.lose(new EofError(`Cannot receive: ${OTHER_END} is closed`));
      putAll();
      this.#settle(holder);
      // What it has not read is there for the others.
      inbox?.changed();
    });
  }

  #settle(holder: Holder): void {
    if (holder.reads || holder.writes) this.#update();
    else this.#leave(holder);
  }

  // The end

  /** Works out who is left. */
  #update(): void {
    if (this.#isOver) return;
    const { inbox, outbox } = this;
    const isPending = this.#tokens.length > 0;
    const isHere = this.#isOpenHere && !(this.#isIdleHere && this.#wasTaken);
    const isElsewhere = this.#others.size > 0 || isPending;
    if (!this.#isOpenHere && this.#others.size === 0 && isPending) {
      this.#untaken ??= setTimeout(() => {
        this.#tokens = [];
        this.#update();
      }, UNTAKEN_LIMIT_MS);
      Deno.unrefTimer(Number(this.#untaken));
    } else if (this.#untaken !== undefined) {
      clearTimeout(this.#untaken);
      this.#untaken = undefined;
    }
    if (!this.#isOpenHere && !isElsewhere) this.#finish();
    // Whoever passed it on and does nothing with it need not close it.
    const other = this.#other;
    if (!isHere && !isElsewhere && other !== undefined && other.#isOver) this.#endLending();
    const writes = (isHere && this.#here.writes) || isPending ||
      [...this.#others].some((holder) => holder.writes);
    if (outbox !== undefined) {
      outbox.end = writes
        ? undefined
        : () => new EofError(`Cannot receive: ${OTHER_END} is closed`);
      if (!writes) outbox.changed();
    }
    const reads = isHere || isPending || [...this.#others].some((holder) => holder.reads);
    const unread = () => new ConnectionLostError(`Cannot send: ${OTHER_END} is closed`);
    inbox?.setAbsence(reads ? undefined : unread);
    if (this.#isOver) inbox?.refuse(unread);
  }

  /** It is open nowhere, and cannot be opened any more. */
  #finish(): void {
    this.#isOver = true;
    this.#endLending();
    const other = this.#other;
    if (other !== undefined) other.#update();
  }

  /** Nobody else can take it, unless it is passed on again. */
  #endLending(): void {
    const lending = this.#lending;
    this.#lending = undefined;
    if (lending === undefined) return;
    lending.hub.objects.delete(lending.id);
    this.#released = releaseHub(lending.hub);
  }
}

/** An end of a pipe as it is used in the process that made the pipe. */
export class LocalChannel implements Channel {
  readonly peer = OTHER_END;
  onInput: () => void = () => {};
  readonly #end: PipeEnd;
  readonly #notify = () => this.onInput();
  #writeEnd: Error | undefined;
  #isClosed = false;

  constructor(end: PipeEnd) {
    this.#end = end;
    end.inbox?.readers.add(this.#notify);
  }

  get isReadable(): boolean {
    return this.#end.inbox !== undefined;
  }

  get isWritable(): boolean {
    return this.#end.outbox !== undefined;
  }

  get hasInput(): boolean {
    return this.#end.inbox?.hasMessage === true;
  }

  get end(): Error | undefined {
    return this.#end.inbox?.end?.();
  }

  take(): Uint8Array<ArrayBuffer> | undefined {
    return this.#end.inbox?.take();
  }

  want(): void {
    this.#end.use();
  }

  async send(message: Outgoing, options: WaitOptions): Promise<void> {
    this.#end.use();
    if (this.#writeEnd !== undefined) throw this.#writeEnd;
    const outbox = this.#end.outbox!;
    await outbox.putWithin(message, options);
    // Who sends the next one too soon has it copied once more.
    if (weightOf(message) < LARGE_BYTES) return;
    const what = `Cannot send: ${OTHER_END} did not take what was sent`;
    await waitLeaving(outbox.flushed(), options, what);
  }

  closeWrite(): Promise<void> {
    this.#writeEnd ??= new ConnectionClosedError(
      "Cannot send: the connection was closed for sending here",
    );
    this.#end.closeWriteHere();
    return Promise.resolve();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#end.inbox?.readers.delete(this.#notify);
    await this.#end.closeHere();
  }

  hold(): void {
    this.#end.inbox?.hold();
  }

  letGo(): void {
    this.#end.inbox?.letGo();
  }

  pass(): EndReference {
    return this.#end.pass();
  }
}
