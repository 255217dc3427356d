import type { Trace } from "../coroutine/_attempt.ts";
import { WorkerLine, type WorkerReports } from "../coroutine/_worker_line.ts";
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

/** Reads what the pool wants, and lets its line of jobs do it. */
class PoolWorker {
  readonly #session: Session;
  readonly #line: WorkerLine;
  readonly #functions: (AnyFunction | { readonly error: unknown })[] = [];

  constructor(session: Session) {
    this.#session = session;
    this.#line = new WorkerLine({
      reports: reportsBy(session),
      look: (then) => callLater(then, TURNS),
      flush: (then) => session.isFlushed ? then() : void session.flushed().then(then),
    });
    session.takeData((bytes) => this.#onMessage(readMessage(bytes)));
    sendMessage(session, Kind.READY, {});
  }

  /** Fulfilled when the pool wants no more. */
  get finished(): Promise<void> {
    return this.#line.finished;
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
        return this.#line.cancel(job, index);
      case Kind.CREDIT:
        return this.#line.credit(job, message.number);
      case Kind.RECALL:
        return this.#line.recall();
      case Kind.ATTEMPT:
        return this.#line.setAttempt(
          index,
          body.length === 0 ? undefined : decode(message.form, body) as Trace,
        );
      case Kind.STOP:
        return this.#line.stop();
      default:
        throw new ProtocolError(`Cannot read from the pool: a message of kind ${message.kind}`);
    }
  }

  #take({ kind, form, number, job, index, body }: PoolMessage): void {
    let target: AnyFunction;
    let list: unknown[];
    try {
      target = this.#function(number);
      list = decodeList(form, body);
    } catch (error) {
      const { encoding, payload } = encodeError(error);
      return sendMessage(this.#session, Kind.REFUSED, { form: encoding, job }, payload);
    }
    const isStream = kind === Kind.STREAM;
    this.#line.take({
      wire: job,
      target,
      spread: (form & (JobFlag.ARGUMENTS | JobFlag.SPREAD)) !== 0,
      wantsProgress: (form & JobFlag.PROGRESS) !== 0,
      isTimed: (form & JobFlag.TIMED) !== 0,
      items: (form & JobFlag.ARGUMENTS) === 0 ? list : [list],
      first: isStream ? 0 : index,
      room: isStream ? index : undefined,
    });
  }

  #function(number: number): AnyFunction {
    const found = this.#functions[number];
    if (typeof found !== "function") throw found?.error;
    return found;
  }
}

/** The most results that one message tells: their number has 16 bits. */
const MOST_VALUES = 16_384;

function reportsBy(session: Session): WorkerReports {
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
    started: (job, index) => send(Kind.STARTED, { job, index }),
    givenBack: (job, index) => send(Kind.GIVEN_BACK, { job, index }),
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

/** Calls it after so many turns of the loop. */
function callLater(run: () => void, turns: number): void {
  if (turns === 0) return run();
  setImmediate(() => callLater(run, turns - 1));
}

function setImmediate(run: () => void): void {
  (globalThis as unknown as { setImmediate(run: () => void): void }).setImmediate(run);
}
