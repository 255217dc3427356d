import { Delivery } from "../coroutine/_lending.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { IncomingCall } from "../ipc/_call.ts";
import type { FrameStream } from "../ipc/_frame_stream.ts";
import type { PromptStream, PythonArrival, PythonGuest } from "../ipc/_python_door.ts";
import type { Address } from "../ipc/address.ts";
import { ConnectionLostError } from "../ipc/errors.ts";
import type { PickleWriter } from "./_pickle_writer.ts";
import { exceptionOf } from "./_pickle_errors.ts";
import { type PythonArguments, readArguments, typeName } from "./_python_arguments.ts";
import type { PickleReader } from "./_pickle_reader.ts";
import { callEntry, type PythonEntry, type PythonObjects } from "./_python_objects.ts";
import { PythonError, UnpicklingError } from "./python_errors.ts";
import { PyTuple } from "./python_types.ts";

/** As many bytes may come while a call is worked on; then no more are read until it is answered. */
const HIGH_WATER_BYTES = 1024 * 1024;

/** A header that Python writes by itself: the body follows when it has been acknowledged. */
const HEADER_BYTES = 4;

const PROTOCOL_4 = 4;

/** How long the end of the server waits for one who takes nothing, and for what runs to end. Python's waits for nobody. */
const CLOSE_LIMIT_MS = 1_000;

/** The signal of what nobody gives up. */
const NEVER = new AbortController().signal;

/** What a connection needs of the server. */
export interface GuestHost {
  readonly objects: PythonObjects;
  readonly reader: PickleReader;
  /** How many calls and requests there were. */
  calls: number;
  /** What writes messages for those who have reached the server at an address. */
  writerFor(local: Address): PickleWriter;
  /** Answers one of the requests that have a connection of their own. */
  request(name: unknown, given: PythonArguments, host: string): unknown;
  /** Lends what a method has answered, under the name of a type. */
  lend(typeid: string, result: unknown, host: string, local: Address): PyTuple;
  /** What is sent in place of an error. */
  exception(error: unknown): unknown;
  /** Tells of a client that was disconnected for what it sent. */
  refuse(error: UnpicklingError): void;
  /** Shuts the server down. */
  shutdown(): void;
}

/**
 * One connection of a Python client: a single request, or the calls of one of its threads.
 *
 * - Calls are answered in order, one after the other. While one waits, the end of the connection is noticed: the
 *   call is aborted, and what it would have got stays where it is.
 * - An item is the client's when the client has gone on: with its next call, or by closing the connection in
 *   order. A connection that is reset with an answer unread did not get it.
 */
export class Guest implements PythonGuest {
  readonly closed: Promise<void>;
  readonly #side: GuestHost;
  readonly #stream: FrameStream;
  readonly #prompt: PromptStream;
  readonly #writer: PickleWriter;
  readonly #local: Address;
  readonly #host: string;
  readonly #entries = new Set<PythonEntry>();
  #call: IncomingCall | undefined;
  #calls = 0;
  #delivered: Delivery<unknown> | undefined;
  /** Whether the client writes the protocol of Python 3.8 and newer, which reads the long form. */
  #isModern = false;
  #isEnding = false;
  #onIdle: (() => void) | undefined;

  constructor(side: GuestHost, { stream, prompt, first, local, remote }: PythonArrival) {
    this.#side = side;
    this.#stream = stream;
    this.#prompt = prompt;
    this.#local = local;
    this.#host = remote.hostname;
    this.#writer = side.writerFor(local);
    this.closed = this.#serve(first);
  }

  /** Closes the connection in order. */
  async close(): Promise<void> {
    const stalled = setTimeout(() => this.#stream.close(), CLOSE_LIMIT_MS);
    try {
      await this.#stream.flushed();
    } catch {
      // It is gone already, which is what was asked for.
    }
    clearTimeout(stalled);
    this.#stream.close();
    // What makes an object may never end.
    await waitWithin(this.closed, { timeoutMs: CLOSE_LIMIT_MS, signal: NEVER }, () => {});
  }

  async #serve(first: Uint8Array): Promise<void> {
    let wasLost = false;
    try {
      if (await this.#request(first)) await this.#serveCalls();
    } catch (error) {
      wasLost = error instanceof ConnectionLostError;
    } finally {
      this.#stream.close();
      this.#end(wasLost);
    }
  }

  #end(wasLost: boolean): void {
    this.#isEnding = true;
    this.#call?.abort(new ConnectionLostError("The Python client is gone"));
    const delivered = this.#delivered;
    this.#delivered = undefined;
    if (wasLost) delivered?.lost();
    else delivered?.confirmed();
    for (const entry of this.#entries) {
      entry.seats.get(this)?.leave();
      entry.seats.delete(this);
    }
    this.#entries.clear();
  }

  // One request

  /**
   * Answers the request with which a connection begins.
   *
   * @returns Whether calls follow.
   */
  async #request(frame: Uint8Array): Promise<boolean> {
    this.#isModern = frame[1]! >= PROTOCOL_4;
    let hasCalls = false;
    try {
      const [, name, args, kwds] = this.#read(frame);
      const given = readArguments(args, kwds);
      if (name === "accept_connection") {
        hasCalls = true;
        this.#send("#RETURN", null);
      } else if (name === "shutdown") {
        // Python's server answers twice: the function, and whoever calls it.
        this.#send("#RETURN", null);
        this.#send("#RETURN", null);
        await this.#stream.flushed();
        this.#side.shutdown();
      } else {
        this.#side.calls++;
        const result = this.#side.request(name, given, this.#host);
        this.#send("#RETURN", result instanceof Promise ? await result : result);
      }
    } catch (error) {
      this.#refuse(error);
    }
    await this.#stream.flushed();
    return hasCalls && !this.#isEnding;
  }

  // Calls

  async #serveCalls(): Promise<void> {
    const stream = this.#stream;
    const prompt = this.#prompt;
    for (;;) {
      this.#takeCalls();
      if (this.#isEnding) break;
      if (stream.bufferedBytes > HIGH_WATER_BYTES) await stream.drainedByPeer(HIGH_WATER_BYTES);
      const before = prompt.bytesRead;
      // The answer leaves first: to look for more, before there can be any, costs a system call.
      if (stream.bufferedBytes > 0) await Promise.resolve();
      if (!await stream.fill()) break;
      const isWaiting = this.#call !== undefined;
      this.#takeCalls();
      if (!isWaiting) {
        // A header alone. The beginning of the answer acknowledges it, see PromptStream.
        const isAlone = prompt.bytesRead - before === HEADER_BYTES && this.#call === undefined;
        if (isAlone && this.#isModern && stream.bufferedBytes === 0) prompt.promiseLong();
        this.#unanswered = 0;
      } else if ((this.#unanswered += prompt.bytesRead - before) > HIGH_WATER_BYTES) {
        await this.#idle();
      }
    }
    await stream.flushed();
  }

  /** Bytes that came while a call was worked on. */
  #unanswered = 0;

  #takeCalls(): void {
    while (this.#call === undefined && !this.#isEnding) {
      const frame = this.#stream.take();
      if (frame === undefined) return;
      this.#onCall(frame);
    }
  }

  async #idle(): Promise<void> {
    while (this.#call !== undefined) {
      await new Promise<void>((resolve) => this.#onIdle = resolve);
    }
    this.#unanswered = 0;
  }

  #onCall(frame: Uint8Array): void {
    // It asks for more, so it has what it got before.
    const delivered = this.#delivered;
    if (delivered !== undefined) {
      this.#delivered = undefined;
      delivered.confirmed();
    }
    try {
      const [id, method, args, kwds] = this.#read(frame);
      const entry = this.#side.objects.find(id);
      const name = typeof method === "string" ? entry.resolve(method) : undefined;
      if (name === undefined && method === "#GETVALUE") {
        this.#sendCopy(entry);
        return;
      }
      if (name === undefined) {
        this.#send("#RETURN", fallback(entry, method));
        return;
      }
      this.#run(entry, name, args, kwds);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #sendCopy(entry: PythonEntry): void {
    let copy: unknown;
    try {
      copy = entry.view.value();
    } catch (error) {
      this.#send("#UNSERIALIZABLE", traceback(error));
      return;
    }
    this.#send("#RETURN", copy);
  }

  #run(entry: PythonEntry, name: string, args: unknown, kwds: unknown): void {
    const call = this.#call = new IncomingCall(++this.#calls);
    this.#side.calls++;
    this.#entries.add(entry);
    let result: unknown;
    try {
      result = callEntry(entry, this, name, call, readArguments(args, kwds));
    } catch (error) {
      this.#call = undefined;
      this.#send("#ERROR", this.#side.exception(error));
      return;
    }
    if (!(result instanceof Promise)) {
      this.#call = undefined;
      this.#answer(entry, name, result);
      return;
    }
    result.then(
      (value) => this.#answer(entry, name, value),
      (error) => this.#send("#ERROR", this.#side.exception(error)),
    ).finally(() => {
      this.#call = undefined;
      this.#onIdle?.();
      this.#onIdle = undefined;
      try {
        this.#takeCalls();
      } catch {
        // A frame that is too large, for example. Whoever reads would not meet it again.
        this.#stream.close();
      }
    });
  }

  #answer(entry: PythonEntry, name: string, result: unknown): void {
    const delivery = result instanceof Delivery ? result : undefined;
    // It was taken for one who is gone.
    if (this.#isEnding) return delivery?.lost();
    const typeid = entry.typeids.get(name);
    try {
      if (typeid !== undefined) {
        this.#send("#PROXY", this.#side.lend(typeid, result, this.#host, this.#local));
      } else if (this.#send("#RETURN", delivery === undefined ? result : delivery.value)) {
        this.#delivered = delivery;
      } else {
        delivery?.lost();
      }
    } catch (error) {
      this.#send("#TRACEBACK", traceback(error));
    }
  }

  // Messages

  #read(frame: Uint8Array): unknown[] {
    const request = this.#side.reader.read(frame);
    if (!Array.isArray(request)) {
      throw new PythonError("TypeError", [`cannot unpack a request of type ${typeName(request)}`]);
    }
    if (request.length !== 4) {
      throw new PythonError("ValueError", ["a request has four parts"]);
    }
    return request;
  }

  /** Says why a request was not carried out. Who sends what is not data has no second try. */
  #refuse(error: unknown): void {
    this.#send("#TRACEBACK", traceback(error));
    if (!(error instanceof UnpicklingError)) return;
    this.#isEnding = true;
    this.#side.refuse(error);
  }

  /** Sends an answer. Says whether it could be sent as it is. */
  #send(kind: string, value: unknown): boolean {
    let bytes: Uint8Array;
    try {
      bytes = this.#writer.write(new PyTuple(kind, value));
    } catch (error) {
      const unsent = kind === "#ERROR" ? value : error;
      bytes = this.#writer.write(new PyTuple("#UNSERIALIZABLE", traceback(unsent)));
      this.#stream.send(bytes);
      return false;
    }
    this.#stream.send(bytes);
    return true;
  }
}

/** What can be asked of every object. */
function fallback(entry: PythonEntry, method: unknown): unknown {
  const { view, id } = entry;
  switch (method) {
    case "__str__":
      return view.str?.(id) ?? view.repr(id);
    case "__repr__":
      return view.repr(id);
    default:
      throw new PythonError("KeyError", [method]);
  }
}

/** A text as Python's `traceback.format_exc()` makes it. Where our code failed tells the client nothing. */
function traceback(thrown: unknown): string {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const name = nameInPython(error);
  const { message } = error;
  return `Traceback (most recent call last):\n${message === "" ? name : `${name}: ${message}`}\n`;
}

function nameInPython(error: Error): string {
  const { module, name } = exceptionOf(error);
  // What has no counterpart says more under its own name.
  if (name === "RuntimeError") return error.name;
  return module === "builtins" ? name : `${module}.${name}`;
}
