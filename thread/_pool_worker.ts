import type { Trace } from "../coroutine/_attempt.ts";
import { WorkerLine, type WorkerReports } from "../coroutine/_worker_line.ts";
import { encodeError } from "../ipc/_wire_error.ts";
import { checkCarriable, PoolChannel, type Unsent } from "./_pool_channel.ts";
import { type FunctionPath, JobFlag, Kind, type WorkerSpec } from "./_pool_messages.ts";
import type { PoolMessage } from "./_pool_ring.ts";
import { callSoon } from "./_pool_turn.ts";
// Whatever is on shared memory is known here, also when the user's module needs only its type.
import "./_shared_classes.ts";
import { state } from "./_state.ts";

type AnyFunction = (...args: unknown[]) => unknown;

/** A function that jobs may call, or why there is none. */
type Found = AnyFunction | { readonly error: unknown };

/** How often the thread looks for a message before it stands still: some microseconds. */
const LOOKS = 2_000;

/** How long it stands still at a time, so that what else goes on in it has a turn. */
const NAP_MS = 1;

/** How long it naps before it sleeps for good: to wake up from a nap takes a tenth of the time. */
const NAPPING_MS = 10;

/** How long it looks for messages while a function waits for something. */
const LOOKING_MS = 0.05;

/** Serves a pool: the target of the threads that it starts. */
export async function servePool(spec: WorkerSpec): Promise<void> {
  const { module, initializer, initArgs, channel } = spec;
  if (module !== undefined) await importModule(module);
  if (initializer !== undefined) {
    await findFunction(await importModule(initializer[0]), initializer[1])(...initArgs);
  }
  await new PoolWorker(channel).finished;
}

/** Reads what the pool wants, and lets its line of jobs do it. */
class PoolWorker {
  readonly #channel: PoolChannel;
  readonly #line: WorkerLine;
  readonly #functions: Found[] = [];
  /** Items of the next job that are not to be run. */
  #leftOut: Set<number> | undefined;
  #isStopping = false;
  #idleSince = 0;

  constructor(end: WorkerSpec["channel"]) {
    const channel = new PoolChannel(end, {
      onMessage: (message) => this.#onMessage(message),
      onPosted: () => void channel.read(),
      replace: (unsent) => replaceValues(unsent),
    });
    this.#channel = channel;
    this.#line = new WorkerLine({
      reports: reportsBy(channel),
      look(then) {
        callSoon(() => {
          channel.read();
          then();
        });
      },
      flush(then) {
        channel.flush();
        then();
      },
    });
    channel.send(Kind.READY, 0, 0, 0, 0, []);
    this.#turn();
  }

  /** Fulfilled when the pool wants no more. */
  get finished(): Promise<void> {
    return this.#line.finished;
  }

  // Looking for messages

  /** Reads what is there, then waits for more. */
  readonly #turn = (): void => {
    const found = this.#channel.read();
    if (this.#isStopping) return;
    if (found !== "nothing") this.#idleSince = performance.now();
    if (found === "more") return callSoon(this.#turn);
    const idleMs = performance.now() - this.#idleSince;
    // While a function waits, the thread may not stand still.
    if (this.#line.isBusy) {
      return idleMs < LOOKING_MS ? callSoon(this.#turn) : this.#sleep();
    }
    if (idleMs > NAPPING_MS) return this.#sleep();
    this.#nap();
    callSoon(this.#turn);
  };

  #nap(): void {
    const { reader } = this.#channel;
    if (!reader.lookOut(LOOKS)) reader.standStill(NAP_MS);
  }

  #sleep(): void {
    const slept = this.#channel.reader.sleep();
    if (slept === undefined) return callSoon(this.#turn);
    void slept.then(this.#turn);
  }

  // Jobs

  #onMessage(message: PoolMessage): void {
    const { job, index } = message;
    switch (message.kind) {
      case Kind.JOB:
      case Kind.STREAM:
        return this.#take(message);
      case Kind.TARGET:
        return this.#know(message.number, message.values as unknown as FunctionPath);
      case Kind.CANCEL:
        return this.#line.cancel(job, index);
      case Kind.CREDIT:
        return this.#line.credit(job, message.number);
      case Kind.RECALL:
        return this.#line.recall();
      case Kind.LEAVE_OUT:
        this.#leftOut = new Set(message.values as number[]);
        return;
      case Kind.ATTEMPT:
        return this.#line.setAttempt(index, readTrace(message.values));
      case Kind.STOP:
        this.#isStopping = true;
        return this.#line.stop();
    }
  }

  /** Learns of a function. Nothing more is read until its module is loaded. */
  #know(number: number, [module, name]: FunctionPath): void {
    const known = modules.get(module);
    if (known !== undefined) {
      this.#functions[number] = lookUp(known, name);
      return;
    }
    this.#channel.pause();
    importModule(module).then((module) => lookUp(module, name), (error) => ({ error }))
      .then((found) => {
        this.#functions[number] = found;
        this.#channel.resume();
        this.#channel.read();
      });
  }

  #take({ kind, flags, number, job, index, values }: PoolMessage): void {
    const target = this.#functions[number];
    if (typeof target !== "function") {
      return sendError(this.#channel, Kind.REFUSED, job, 0, target?.error);
    }
    const isStream = kind === Kind.STREAM;
    const leftOut = this.#leftOut;
    this.#leftOut = undefined;
    this.#line.take({
      wire: job,
      target,
      spread: (flags & (JobFlag.ARGUMENTS | JobFlag.SPREAD)) !== 0,
      wantsProgress: (flags & JobFlag.PROGRESS) !== 0,
      isTimed: (flags & JobFlag.TIMED) !== 0,
      tellsEach: (flags & JobFlag.EACH) !== 0,
      items: (flags & JobFlag.ARGUMENTS) === 0 ? values : [values],
      first: isStream ? 0 : index,
      room: isStream ? index : undefined,
      leftOut,
    });
  }
}

function reportsBy(channel: PoolChannel): WorkerReports {
  return {
    values: (wire, index, values) => {
      channel.send(Kind.VALUES, 0, wire, index, values.length, values as unknown[]);
      // The next item may run for long, and what waits for this one may be what it waits for.
      channel.flush();
    },
    error: (wire, index, error) => sendError(channel, Kind.ERROR, wire, index, error),
    skipped: (wire, index) => channel.send(Kind.SKIPPED, 0, wire, index, 0, []),
    started: (wire, index) => channel.send(Kind.STARTED, 0, wire, index, 0, []),
    givenBack: (wire, index) => channel.send(Kind.GIVEN_BACK, 0, wire, index, 0, []),
    progress: (wire, index, value) => channel.sendOrThrow(Kind.PROGRESS, wire, index, value),
    streamed: (wire, value) => channel.sendOrThrow(Kind.VALUE, wire, 0, value),
  };
}

function sendError(
  channel: PoolChannel,
  kind: number,
  wire: number,
  index: number,
  error: unknown,
): void {
  const { encoding, payload } = encodeError(error);
  channel.send(kind, 0, wire, index, 0, [encoding, payload]);
}

/** Values of which one cannot be cloned: each is told by itself. */
function replaceValues({ kind, job, index, values, error }: Unsent): PoolMessage[] {
  if (kind !== Kind.VALUES) return [errorMessage(job, index, error)];
  return values.map((value, n) => {
    try {
      if (values.length === 1) throw error;
      checkCarriable(value);
      return { kind, flags: 0, job, index: index + n, number: 1, values: [value] };
    } catch (error) {
      return errorMessage(job, index + n, error);
    }
  });
}

function errorMessage(job: number, index: number, error: unknown): PoolMessage {
  const { encoding, payload } = encodeError(error);
  return { kind: Kind.ERROR, flags: 0, job, index, number: 0, values: [encoding, payload] };
}

/** The modules that were loaded for the pool. */
const modules = new Map<string, Record<string, unknown>>();

async function importModule(url: string): Promise<Record<string, unknown>> {
  const known = modules.get(url);
  if (known !== undefined) return known;
  state.importing = true;
  try {
    const module = await import(url);
    modules.set(url, module);
    return module;
  } finally {
    state.importing = false;
  }
}

function lookUp(module: Record<string, unknown>, name: string): Found {
  try {
    return findFunction(module, name);
  } catch (error) {
    return { error };
  }
}

function findFunction(module: Record<string, unknown>, name: string): AnyFunction {
  const found = Object.hasOwn(module, name) ? module[name] : undefined;
  if (typeof found === "function") return found as AnyFunction;
  const functions = Object.keys(module).filter((key) => typeof module[key] === "function");
  throw new TypeError(
    `Cannot call "${name}": the module does not export a function of that name. It exports ${
      functions.join(", ") || "no function"
    }`,
  );
}

function readTrace(values: readonly unknown[]): Trace | undefined {
  const [traceparent, tracestate] = values as [string?, string?];
  return traceparent === undefined ? undefined : { traceparent, tracestate };
}
