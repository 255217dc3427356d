import { CoroutineRunner } from "../coroutine/_coroutine_runner.ts";
import {
  Piece,
  type PieceOwner,
  type PieceReports,
  RemoteSink,
} from "../coroutine/_remote_piece.ts";
import { CancelledError } from "../coroutine/errors.ts";
import { decode, encode } from "../ipc/_encoding.ts";
import type { Session } from "../ipc/_session.ts";
import { encodeError } from "../ipc/_wire_error.ts";
import { ProtocolError } from "../ipc/errors.ts";
// Whatever crosses as a reference is known here, also when the user's module needs only its type.
import "../ipc/mod.ts";
import { channel, companions } from "./_child.ts";
import {
  decodeList,
  encodeList,
  JobFlag,
  Kind,
  type ListForm,
  type PoolMessage,
  readMessage,
  sendMessage,
} from "./_pool_wire.ts";

/** A function of one of the modules that a worker has loaded: its number, and the name. */
export type FunctionPlace = readonly [module: number, name: string];

/** What a worker of a pool is told when it starts. */
export interface WorkerSpec {
  readonly initializer: FunctionPlace | null;
  readonly initArgs: readonly unknown[];
}

type AnyFunction = (...args: unknown[]) => unknown;

/**
 * Serves a pool: the target of the processes that it starts. The modules of the functions are its
 * companions.
 */
export async function serveWorker(spec: WorkerSpec): Promise<void> {
  // Ctrl-C reaches every process of the terminal; a worker ends when its pool does.
  Deno.addSignalListener("SIGINT", () => {});
  if (spec.initializer !== null) await findFunction(spec.initializer)(...spec.initArgs);
  await new PoolWorker(channel!).finished;
}

/**
 * The runtime looks for what has arrived every 61 turns of its loop, or when it has nothing else to do. A
 * timer would see to that as well, but takes five times as long.
 */
const TURNS = 64;

/** Runs the jobs of a pool, one after the other. */
class PoolWorker implements PieceOwner {
  readonly session: Session;
  readonly reports: PieceReports;
  readonly #runner = new CoroutineRunner(() => {});
  readonly #functions: (AnyFunction | { readonly error: unknown })[] = [];
  readonly #sinks = new Map<number, RemoteSink>();
  /** What has not started. */
  readonly #line: Piece[] = [];
  /** What runs, or is the next to run for certain: the pool may take it for started. */
  #current: Piece | undefined;
  #isRunning = false;
  /** Whether messages are looked for before anything else is done. */
  #isLooking = false;
  #isStopping = false;
  readonly #ended = Promise.withResolvers<void>();

  constructor(session: Session) {
    this.session = session;
    this.reports = reportsBy(session);
    session.takeData((bytes) => this.#onMessage(readMessage(bytes)));
    sendMessage(session, Kind.READY, {});
  }

  /** Fulfilled when the pool wants no more. */
  get finished(): Promise<void> {
    return this.#ended.promise;
  }

  pause(): void {
    this.#runner.pause();
  }

  left(rest: Piece): void {
    this.#line.unshift(rest);
  }

  ended(piece: Piece, how: "at its end" | "interrupted"): void {
    if (piece.sink !== undefined) this.#sinks.delete(piece.id);
    this.#current = undefined;
    this.#isRunning = false;
    if (how === "at its end") return this.#goOn();
    this.#isLooking = true;
    this.#look(TURNS);
  }

  #look(turns: number): void {
    if (turns > 0) return setImmediate(() => this.#look(turns - 1));
    this.#isLooking = false;
    this.#goOn();
  }

  #goOn(): void {
    if (this.#current !== undefined || this.#isLooking) return;
    const piece = this.#line.shift();
    if (piece === undefined) {
      if (this.#isStopping) this.#ended.resolve();
      return;
    }
    this.#current = piece;
    if (piece.isRest && piece.isTimed) {
      sendMessage(this.session, Kind.STARTED, { job: piece.id, index: piece.first });
    }
    // What was told so far is with the system before a function runs that may never come back.
    if (this.session.isFlushed) this.#run(piece);
    else void this.session.flushed().then(() => this.#run(piece));
  }

  #run(piece: Piece): void {
    this.#isRunning = true;
    if (piece.begin()) this.#runner.start(piece);
  }

  #onMessage(message: PoolMessage): void {
    const { job, index, body } = message;
    switch (message.kind) {
      case Kind.JOB:
      case Kind.STREAM:
        return this.#take(message);
      case Kind.TARGET:
        this.#functions[message.number] = readFunction(decode(message.form, body));
        return;
      case Kind.CANCEL:
        return this.#cancel(job, index);
      case Kind.CREDIT:
        return this.#sinks.get(job)?.add(message.number);
      case Kind.RECALL:
        return this.#giveBack();
      case Kind.STOP:
        this.#isStopping = true;
        return this.#goOn();
      default:
        throw new ProtocolError(`Cannot read from the pool: a message of kind ${message.kind}`);
    }
  }

  #take({ kind, form, number, job, index, body }: PoolMessage): void {
    let piece: Piece;
    try {
      const target = this.#functions[number];
      if (typeof target !== "function") throw target?.error;
      const list = decodeList(form, body);
      const isStream = kind === Kind.STREAM;
      const sink = isStream ? new RemoteSink(this.reports, job, index) : undefined;
      piece = new Piece(
        this,
        {
          wire: job,
          target,
          spread: (form & (JobFlag.ARGUMENTS | JobFlag.SPREAD)) !== 0,
          wantsProgress: (form & JobFlag.PROGRESS) !== 0,
          isTimed: (form & JobFlag.TIMED) !== 0,
          sink,
        },
        (form & JobFlag.ARGUMENTS) === 0 ? list : [list],
        isStream ? 0 : index,
      );
      if (sink !== undefined) this.#sinks.set(job, sink);
    } catch (error) {
      const { encoding, payload } = encodeError(error);
      return sendMessage(this.session, Kind.REFUSED, { form: encoding, job }, payload);
    }
    // The pool takes a job for started that it sends when there is no other: so it has to start.
    if (this.#line.length === 0) this.#isLooking = false;
    this.#line.push(piece);
    this.#goOn();
  }

  #cancel(job: number, index: number): void {
    const current = this.#current;
    if (this.#isRunning && current?.id === job && current.has(index)) {
      this.#runner.cancel(
        current,
        index - current.first,
        new CancelledError("The call was cancelled"),
      );
      return;
    }
    const piece = current?.id === job && current.has(index)
      ? current
      : this.#line.find((piece) => piece.id === job && piece.has(index));
    piece?.skip(index);
  }

  #giveBack(): void {
    if (this.#isRunning) this.#runner.pause();
    // The first one of each job: its pieces follow each other.
    const firsts = new Map<number, number>();
    for (const { id, first } of this.#line) if (!firsts.has(id)) firsts.set(id, first);
    this.#line.length = 0;
    // The last one first: the pool takes for started what comes after a job that has ended.
    for (const [job, index] of [...firsts].reverse()) {
      this.#sinks.delete(job);
      sendMessage(this.session, Kind.GIVEN_BACK, { job, index });
    }
    if (this.#current === undefined) this.#goOn();
  }
}

/** The most results that one message tells: their number has 16 bits. */
const MOST_VALUES = 16_384;

function reportsBy(session: Session): PieceReports {
  const send = (
    kind: number,
    message: { job: number; index?: number; number?: number; form?: number },
    body?: Uint8Array | string,
  ): void => sendMessage(session, kind, message, body);

  function tellError(job: number, index: number, error: unknown): void {
    const { encoding, payload } = encodeError(error);
    send(Kind.ERROR, { form: encoding, job, index }, payload);
  }

  function tellValues(job: number, index: number, values: readonly unknown[]): void {
    let list: ListForm;
    try {
      list = encodeList(values);
    } catch (error) {
      if (values.length === 1) return tellError(job, index, error);
      // One of them cannot be carried: each is told by itself.
      return values.forEach((value, n) => tellValues(job, index + n, [value]));
    }
    send(Kind.VALUES, { form: list.form, job, index, number: values.length }, list.body);
  }

  return {
    values(job, index, values) {
      if (values.length <= MOST_VALUES) return tellValues(job, index, values);
      for (let from = 0; from < values.length; from += MOST_VALUES) {
        tellValues(job, index + from, values.slice(from, from + MOST_VALUES));
      }
    },
    error: tellError,
    skipped: (job, index) => send(Kind.SKIPPED, { job, index }),
    progress(job, index, value) {
      const { encoding, payload } = encode(value);
      send(Kind.PROGRESS, { form: encoding, job, index }, payload);
    },
    streamed(job, value) {
      const { form, body } = encodeList([value]);
      send(Kind.VALUE, { form, job }, body);
      // One that does not wait itself would otherwise tell all of them at its end.
      return session.flushed();
    },
  };
}

function readFunction(place: unknown): AnyFunction | { readonly error: unknown } {
  try {
    return findFunction(place as FunctionPlace);
  } catch (error) {
    return { error };
  }
}

function findFunction([number, name]: FunctionPlace): AnyFunction {
  const module = companions[number] ?? {};
  const found = Object.hasOwn(module, name) ? module[name] : undefined;
  if (typeof found === "function") return found as AnyFunction;
  const functions = Object.keys(module).filter((key) => typeof module[key] === "function");
  throw new TypeError(
    `Cannot call "${name}": the module does not export a function of that name. It exports ${
      functions.join(", ") || "no function"
    }`,
  );
}

function setImmediate(run: () => void): void {
  (globalThis as unknown as { setImmediate(run: () => void): void }).setImmediate(run);
}
