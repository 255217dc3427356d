import { Delivery, type LentMethod, type Seat } from "../coroutine/_lending.ts";
import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { currentScope } from "../coroutine/_current_scope.ts";
import { listenForCancel } from "../coroutine/_listen_for_cancel.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { isThenable } from "../coroutine/_thenable.ts";
import { hasSignal, IncomingCall, type OutgoingCall } from "./_call.ts";
import { decode, encode } from "./_encoding.ts";
import { copyError } from "./_copy_error.ts";
import type { EndSignal } from "./_ending.ts";
import type { FrameStream } from "./_frame_stream.ts";
import { Loan } from "./_loan.ts";
import { checkSize } from "./_message_size.ts";
import {
  CALL_HEAD_BYTES,
  ENCODING_MASK,
  Flag,
  makeCallHead,
  makeShortHead,
  Message,
  SHORT_HEAD_BYTES,
} from "./_messages.ts";
import { OutputLine } from "./_output_line.ts";
import {
  decodeArguments,
  encodeArguments,
  type LoanForm,
  methodNumberOf,
  readRemoteObject,
  type RemoteObject,
} from "./_remote_object.ts";
import type { LentReference, ReferenceScope } from "./_reference.ts";
import { decodeError, encodeError } from "./_wire_error.ts";
import { ConnectionClosedError, ConnectionLostError, ProtocolError } from "./errors.ts";

export { RemoteObject, rootObject } from "./_remote_object.ts";

/** Above this many bytes that wait to leave, callers wait, and no more calls are read. */
const HIGH_WATER_BYTES = 1024 * 1024;

/** The most calls of the other side that may be worked on at a time. */
const MAX_CALLS_IN_FLIGHT = 65_536;

/** How long a cancelled call waits for the other side to say whether it happened. */
const CANCEL_GRACE_MS = 5_000;

/** Options for {@linkcode Session}. */
export interface SessionOptions {
  /** The methods of object 0, which the other side may call from the start. */
  methods: Readonly<Record<string, LentMethod>>;
  /** Whether the process may end while nothing of this side waits for an answer. */
  background: boolean;
  /** Counts the calls of the other side. */
  tally?: { calls: number } | undefined;
  /** What the connection is for the references that cross on it; without it they cross as in the family. */
  scope?: ReferenceScope | undefined;
}

/** Options for {@linkcode Session.call}. */
export interface CallOptions extends WaitOptions {
  /** Whether the process may end although this call waits for its answer. */
  background?: boolean | undefined;
  /** Whether the call, when it has no signal, ends with the task that makes it. */
  withTask?: boolean | undefined;
  /** Ends the call as well. */
  until?: EndSignal | undefined;
}

/** In place of a signal, for calls that do not end with the task that makes them. */
const NEVER = new AbortController().signal;

interface LentObject {
  readonly seat: Seat;
  readonly methods: readonly LentMethod[];
}

/**
 * One connection that speaks the native protocol. Both sides may lend objects and call those of the
 * other; any number of calls are in flight at a time, and their answers come in any order.
 *
 * - Every call settles: when the connection ends, those in flight reject.
 * - A cancelled call waits for the other side to tell whether it had happened; what was on its way is
 *   declined, and goes back to where it came from.
 * - When the connection ends, calls of the other side are aborted, and every seat is left.
 */
export class Session {
  /** Above this many bytes that wait to leave, nothing is read. */
  mostUnsent = HIGH_WATER_BYTES;
  readonly #stream: FrameStream;
  readonly #line: OutputLine;
  readonly #background: boolean;
  readonly #tally: { calls: number } | undefined;
  readonly #scope: ReferenceScope | undefined;
  readonly #outgoing = new Map<number, OutgoingCall>();
  readonly #incoming = new Map<number, IncomingCall>();
  readonly #deliveries = new Map<number, Delivery<unknown>>();
  readonly #lent = new Map<number, LentObject>();
  readonly #closed = Promise.withResolvers<void>();
  #nextCall = 1;
  #nextLent = 1;
  /** Calls in flight, and holds, that keep the process alive. */
  #holding = 0;
  #onData: ((bytes: Uint8Array<ArrayBuffer>) => void) | undefined;
  #ended: { error: Error } | undefined;
  #goodbye: string | undefined;

  constructor(stream: FrameStream, options: SessionOptions) {
    this.#stream = stream;
    this.#line = new OutputLine(stream, HIGH_WATER_BYTES);
    this.#background = options.background;
    this.#tally = options.tally;
    this.#scope = options.scope;
    const { methods } = options;
    this.#lent.set(0, { seat: { methods, leave() {} }, methods: Object.values(methods) });
  }

  /** Who is on the other side, for the texts of errors. */
  get peer(): string {
    return this.#stream.peer;
  }

  /** Whether the connection has ended. */
  get isClosed(): boolean {
    return this.#ended !== undefined;
  }

  /** Settles when the connection has ended, whoever ended it. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Starts to read, when both sides have said hello. */
  start(): void {
    if (this.#background && this.#holding === 0) this.#stream.unref();
    this.#read().then(
      () =>
        this.#end(
          new ConnectionLostError(
            this.#goodbye === undefined
              ? `Lost the connection to ${this.peer}: it closed the connection`
              : `Lost the connection to ${this.peer}: ${this.#goodbye}`,
          ),
        ),
      (error) => this.#end(error),
    );
  }

  /**
   * Calls a method of the other side. A last argument with a `signal` has it replaced there by one that
   * aborts with it.
   */
  async call(
    object: RemoteObject,
    method: string,
    args: readonly unknown[],
    options: CallOptions = {},
  ): Promise<unknown> {
    const last = args.at(-1);
    const inner = hasSignal(last) ? last.signal : undefined;
    const { until, background = false } = options;
    const signal = options.signal ?? inner ?? (options.withTask === true ? undefined : NEVER);
    const timeoutMs = checkTimeout(options.timeoutMs);
    signal?.throwIfAborted();
    until?.throwIfAborted();
    let leaveLine: (() => void) | undefined;
    if (this.#line.isNeeded) leaveLine = await this.#line.enter({ signal, timeoutMs }, until);
    let id: number;
    try {
      if (this.#ended !== undefined) throw this.#ended.error;
      let sent = args;
      let flags = 0;
      if (inner !== undefined) {
        const { signal: _, ...rest } = last as { signal: AbortSignal };
        sent = [...args.slice(0, -1), rest];
        flags |= Flag.SIGNAL;
      }
      const methodNumber = methodNumberOf(object, method);
      const { encoding, payload } = encodeArguments(sent, this.#scope);
      checkSize(payload, this.#stream.maxFrameBytes);
      id = this.#nextId();
      const head = makeCallHead(Message.CALL, flags | encoding, id, object.id, methodNumber);
      this.#stream.send(head, payload);
    } finally {
      leaveLine?.();
    }
    return await this.#answer(id, method, { signal, timeoutMs, until, background });
  }

  /** Calls a method of the other side without waiting for an answer; an error there is not told. */
  notify(object: RemoteObject, method: string, args: readonly unknown[]): void {
    if (this.#ended !== undefined) throw this.#ended.error;
    const encoded = encodeArguments(args, this.#scope);
    checkSize(encoded.payload, this.#stream.maxFrameBytes);
    const methodNumber = methodNumberOf(object, method);
    const head = makeCallHead(Message.NOTIFY, encoded.encoding, 0, object.id, methodNumber);
    this.#stream.send(head, encoded.payload);
  }

  /**
   * Uses the connection for messages of one's own, beside the calls.
   *
   * @param onData Takes a message, within the call that reads it: the bytes hold until it returns. What it
   * throws ends the connection.
   */
  takeData(onData: (bytes: Uint8Array<ArrayBuffer>) => void): void {
    this.#onData = onData;
  }

  /**
   * Sends a message of one's own.
   *
   * @param head Its beginning, after `SHORT_HEAD_BYTES` bytes that are filled in here.
   * @param body The rest. Both are copied at once.
   * @throws {ConnectionLostError | ConnectionClosedError} When the connection has ended.
   */
  sendData(head: Uint8Array, body?: Uint8Array | string): void {
    if (this.#ended !== undefined) throw this.#ended.error;
    head.set(makeShortHead(Message.DATA, 0, 0));
    this.#stream.send(head, body);
  }

  /** Whether everything that was sent is with the system. */
  get isFlushed(): boolean {
    return this.#stream.bufferedBytes === 0;
  }

  /** Waits until everything that was sent is with the system, or the connection has ended. */
  async flushed(): Promise<void> {
    try {
      await this.#stream.flushed();
    } catch {
      // Whoever reads learns of it.
    }
  }

  /** Keeps the process alive until {@linkcode letGo}, as a call in flight does. */
  hold(): void {
    if (this.#holding++ === 0 && this.#background) this.#stream.ref();
  }

  /** Takes one {@linkcode hold} back. */
  letGo(): void {
    if (--this.#holding === 0 && this.#background) this.#stream.unref();
  }

  /** What an object of the other side is for others; `undefined` when it is only for this connection. */
  referenceTo({ name }: RemoteObject): LentReference | undefined {
    const { place, connection } = this.#scope ?? {};
    if (name === undefined || place === undefined) return undefined;
    return { ...place, id: name, via: connection };
  }

  /** Gives an object of the other side back. */
  release(object: RemoteObject): void {
    if (this.#ended === undefined) {
      this.#stream.send(makeShortHead(Message.RELEASE, 0, object.id));
    }
  }

  /**
   * Closes the connection in order: what was sent leaves first. Calls in flight reject.
   *
   * @param reason What the other side is told.
   */
  async close(reason = "it closed the connection"): Promise<void> {
    if (this.#ended !== undefined) return await this.closed;
    const goodbye = encode(reason);
    this.#stream.send(makeShortHead(Message.GOODBYE, goodbye.encoding, 0), goodbye.payload);
    const stalled = setTimeout(() => this.#stream.close(), CANCEL_GRACE_MS);
    try {
      await this.#stream.flushed();
    } catch {
      // The other side was faster: the connection is gone, which is what was asked for.
    }
    clearTimeout(stalled);
    this.#end(
      new ConnectionClosedError(`Cannot call ${this.peer}: the connection was closed here`),
    );
  }

  // Outgoing calls

  #nextId(): number {
    do {
      this.#nextCall = this.#nextCall === 0xffff_ffff ? 1 : this.#nextCall + 1;
    } while (this.#outgoing.has(this.#nextCall));
    return this.#nextCall;
  }

  #answer(
    id: number,
    method: string,
    options: CallOptions & { timeoutMs: number; background: boolean },
  ): Promise<unknown> {
    const { signal, until, timeoutMs, background } = options;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let grace: ReturnType<typeof setTimeout> | undefined;
    const cancel = (reason: unknown) => {
      if (call.cancelled !== undefined) return;
      call.cancelled = { reason };
      this.#stream.send(makeShortHead(Message.CANCEL, 0, id));
      // A connection that has gone silent must not keep a caller who wants to leave.
      grace = setTimeout(() => this.#settle(id)?.reject(reason), CANCEL_GRACE_MS);
    };
    const onUntil = () => cancel(until?.reason);
    let unlisten: (() => void) | undefined;
    // A cancellation of the task that does not end this call ends the task's next wait.
    const scope = signal === undefined ? currentScope() : undefined;
    let fromTask: { readonly reason: unknown } | undefined;
    const call: OutgoingCall = {
      resolve: (value) => {
        if (fromTask !== undefined) scope?.owe(fromTask.reason);
        resolve(value);
      },
      reject: (error) => {
        if (fromTask !== undefined && error !== fromTask.reason) scope?.owe(fromTask.reason);
        reject(error);
      },
      background,
      cancelled: undefined,
      cleanUp() {
        // The first touch of a timer costs a process 4 ms.
        if (timer !== undefined) clearTimeout(timer);
        if (grace !== undefined) clearTimeout(grace);
        until?.removeEventListener("abort", onUntil);
        unlisten?.();
      },
    };
    this.#outgoing.set(id, call);
    if (!background && this.#holding++ === 0 && this.#background) this.#stream.ref();
    until?.addEventListener("abort", onUntil);
    if (signal !== NEVER) {
      const onCancel = (reason: unknown) => {
        fromTask = { reason };
        cancel(reason);
      };
      try {
        unlisten = listenForCancel(signal, onCancel);
      } catch (reason) {
        onCancel(reason);
      }
    }
    if (timeoutMs !== Infinity) {
      timer = setTimeout(
        () => cancel(new TimeoutError(`"${method}" did not answer within ${timeoutMs} ms`)),
        timeoutMs,
      );
    }
    return promise;
  }

  /** Takes a call out of those in flight. */
  #settle(id: number): OutgoingCall | undefined {
    const call = this.#outgoing.get(id);
    if (call === undefined) return undefined;
    this.#outgoing.delete(id);
    call.cleanUp();
    if (!call.background && --this.#holding === 0 && this.#background) this.#stream.unref();
    return call;
  }

  #onResult(id: number, flags: number, payload: Uint8Array<ArrayBuffer>): void {
    const call = this.#settle(id);
    if ((flags & Flag.CONFIRM) !== 0) {
      const kind = call === undefined ? Message.DECLINE : Message.CONFIRM;
      this.#stream.send(makeShortHead(kind, 0, id));
    }
    if (call === undefined) return;
    try {
      const value = decode(flags & ENCODING_MASK, payload, this.#scope);
      call.resolve((flags & Flag.LOAN) === 0 ? value : readRemoteObject(value));
    } catch (error) {
      call.reject(error);
    }
  }

  #onError(id: number, flags: number, payload: Uint8Array<ArrayBuffer>): void {
    const call = this.#settle(id);
    if (call === undefined) return;
    if (call.cancelled !== undefined) return call.reject(call.cancelled.reason);
    let error: unknown;
    try {
      error = decodeError(decode(flags & ENCODING_MASK, payload));
    } catch (unreadable) {
      error = unreadable;
    }
    call.reject(error);
  }

  // Incoming messages

  async #read(): Promise<void> {
    do {
      for (let frame = this.#stream.take(); frame !== undefined; frame = this.#stream.take()) {
        this.#onFrame(frame);
      }
      if (this.#stream.bufferedBytes > this.mostUnsent) {
        await this.#stream.drainedByPeer(this.mostUnsent);
      }
    } while (await this.#stream.fill());
  }

  #onFrame(frame: Uint8Array<ArrayBuffer>): void {
    const kind = frame[0];
    if (frame.length < SHORT_HEAD_BYTES) throw this.#malformed(frame);
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    const flags = frame[1]!;
    const id = view.getUint32(2);
    switch (kind) {
      case Message.CALL:
      case Message.NOTIFY: {
        if (frame.length < CALL_HEAD_BYTES) throw this.#malformed(frame);
        const call = kind === Message.CALL ? id : undefined;
        const payload = frame.subarray(CALL_HEAD_BYTES);
        return this.#onCall(call, flags, view.getUint32(6), view.getUint16(10), payload);
      }
      case Message.RESULT:
        return this.#onResult(id, flags, frame.subarray(SHORT_HEAD_BYTES));
      case Message.ERROR:
        return this.#onError(id, flags, frame.subarray(SHORT_HEAD_BYTES));
      case Message.CANCEL:
        return this.#onCancel(id);
      case Message.CONFIRM:
        return this.#takeDelivery(id)?.confirmed();
      case Message.DECLINE:
        return this.#takeDelivery(id)?.lost();
      case Message.RELEASE:
        if (id === 0) throw this.#malformed(frame);
        this.#lent.get(id)?.seat.leave();
        this.#lent.delete(id);
        return;
      case Message.DATA:
        if (this.#onData === undefined) throw this.#malformed(frame);
        return this.#onData(frame.subarray(SHORT_HEAD_BYTES));
      case Message.GOODBYE:
        this.#goodbye = String(decode(flags & ENCODING_MASK, frame.subarray(SHORT_HEAD_BYTES)));
        return;
      default:
        throw this.#malformed(frame);
    }
  }

  #malformed(frame: Uint8Array): ProtocolError {
    return new ProtocolError(
      `Cannot read from ${this.peer}: a message of kind ${frame[0]} and ${frame.length} bytes`,
    );
  }

  #takeDelivery(id: number): Delivery<unknown> | undefined {
    const delivery = this.#deliveries.get(id);
    this.#deliveries.delete(id);
    return delivery;
  }

  // Incoming calls

  #onCall(
    id: number | undefined,
    flags: number,
    target: number,
    methodNumber: number,
    payload: Uint8Array<ArrayBuffer>,
  ): void {
    const call = new IncomingCall(id ?? 0, this.#scope);
    if (this.#tally !== undefined) this.#tally.calls++;
    let result: unknown;
    try {
      if (this.#incoming.size >= MAX_CALLS_IN_FLIGHT) {
        throw new RangeError(
          `Cannot take another call: ${MAX_CALLS_IN_FLIGHT} of this connection are in flight`,
        );
      }
      const method = this.#lent.get(target)?.methods[methodNumber];
      if (method === undefined) {
        throw new ReferenceError(`Cannot call method ${methodNumber} of object ${target}: gone`);
      }
      const args = decodeArguments(flags, payload, this.#scope);
      if ((flags & Flag.SIGNAL) !== 0) {
        (args.at(-1) as { signal?: AbortSignal }).signal = call.signal;
      }
      result = method(call, ...args);
    } catch (error) {
      if (id !== undefined) this.#sendError(id, error);
      return;
    }
    if (!isThenable(result)) return this.#reply(id, result);
    if (id !== undefined) this.#incoming.set(id, call);
    result.then(
      (value) => this.#finish(call, id, () => this.#reply(id, value), value),
      (error) => this.#finish(call, id, () => id !== undefined && this.#sendError(id, error)),
    );
  }

  /** The end of a call that took its time: it may have been given up meanwhile. */
  #finish(call: IncomingCall, id: number | undefined, reply: () => void, value?: unknown): void {
    if (call.giveUp !== undefined) clearTimeout(call.giveUp);
    if (id === undefined) return reply();
    if (this.#incoming.get(id) === call) {
      this.#incoming.delete(id);
      reply();
    } else if (value instanceof Delivery) {
      value.lost();
    }
  }

  #reply(id: number | undefined, result: unknown): void {
    if (id === undefined || this.#ended !== undefined) {
      if (result instanceof Delivery) result.lost();
      return;
    }
    let flags = 0;
    let value = result;
    try {
      if (result instanceof Delivery) {
        flags = Flag.CONFIRM;
        value = result.value;
      } else if (result instanceof Loan) {
        flags = Flag.LOAN;
        value = this.#lend(result);
      }
      const { encoding, payload } = encode(value, this.#scope);
      checkSize(payload, this.#stream.maxFrameBytes);
      if (result instanceof Delivery) this.#deliveries.set(id, result);
      this.#stream.send(makeShortHead(Message.RESULT, flags | encoding, id), payload);
    } catch (error) {
      if (result instanceof Delivery) result.lost();
      this.#sendError(id, error);
    }
  }

  #sendError(id: number, error: unknown): void {
    if (this.#ended !== undefined) return;
    const { encoding, payload } = encodeError(error);
    this.#stream.send(makeShortHead(Message.ERROR, encoding, id), payload);
  }

  #lend(loan: Loan): LoanForm {
    const seat = loan.seat();
    const id = this.#nextLent++;
    this.#lent.set(id, { seat, methods: Object.values(seat.methods) });
    const name = this.#scope?.table?.nameOf(loan.object, loan.object, loan);
    const methods = Object.keys(seat.methods);
    return name === undefined ? { id, methods } : { id, methods, name };
  }

  #onCancel(id: number): void {
    const call = this.#incoming.get(id);
    if (call === undefined) return;
    call.abort(new DOMException("The call was cancelled by its caller", "AbortError"));
    // A method that heeds its signal says itself whether it happened. One that does not is given up.
    call.giveUp ??= setTimeout(() => {
      if (this.#incoming.get(id) !== call) return;
      this.#incoming.delete(id);
      this.#sendError(id, call.signal.reason);
    }, 0);
  }

  // The end

  #end(error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    this.#stream.close();
    for (const id of [...this.#outgoing.keys()]) this.#settle(id)?.reject(copyError(error));
    const calls = [...this.#incoming.values()];
    this.#incoming.clear();
    for (const call of calls) {
      if (call.giveUp !== undefined) clearTimeout(call.giveUp);
      call.abort(error);
    }
    // What was taken last goes back first, so that the oldest ends up at the head.
    const deliveries = [...this.#deliveries.values()].reverse();
    this.#deliveries.clear();
    for (const delivery of deliveries) delivery.lost();
    const lent = [...this.#lent.values()].reverse();
    this.#lent.clear();
    for (const { seat } of lent) seat.leave();
    this.#closed.resolve();
  }
}
