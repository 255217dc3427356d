import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { hasSignal } from "../ipc/_call.ts";
import { RemoteObject, type Session } from "../ipc/_session.ts";
import { ConnectionClosedError, ConnectionLostError, ProtocolError } from "../ipc/errors.ts";
import { Reconnector } from "./_reconnector.ts";
import type { RpcConnection } from "./_rpc_connection.ts";
import { timeLeft } from "./_rpc_deadline.ts";
import type { Inputs } from "./_rpc_inputs.ts";
import { isStream } from "./_rpc_members.ts";
import { type Opening, RpcValues, type Tap } from "./_rpc_stream.ts";
import {
  type CallHead,
  type Description,
  FREE,
  type MethodKind,
  type StreamArgument,
} from "./_rpc_wire.ts";

/** What all calls of a client have in common. */
export interface Line {
  /** Who is on the other side, for the texts of errors. */
  readonly peer: string;
  readonly inputs: Inputs;
  readonly lookAhead: number;
  /** What calls of the api go over. */
  readonly connection: RpcConnection | Reconnector<RpcConnection>;
}

/** Limits of calls. */
export interface Limits extends WaitOptions {
  readonly mayRepeat?: boolean | undefined;
}

/** An object of the server, on the connection over which it is called. */
interface Place {
  readonly session: Session;
  readonly object: RemoteObject;
}

/** Something whose functions are called on the server, and the limits of the calls. */
interface Target {
  readonly line: Line;
  readonly description: Description;
  readonly limits: Limits;
  readonly state: { isFreed: boolean };
  /** The object that is freed; what is left out is the api. */
  readonly place?: Place | undefined;
}

const targets = new WeakMap<object, Target>();

/** Makes what the user calls functions of. */
export function makeRemote(line: Line, description: Description): object {
  return build({ line, description, limits: {}, state: { isFreed: false } });
}

/** The same with other limits. */
export function withLimits<T extends object>(remote: T, limits: Limits): T {
  const action = "Cannot limit calls";
  const target = targets.get(remote);
  if (target === undefined) {
    throw new TypeError(`${action}: expected the "api" of a client, or a remote object`);
  }
  checkTimeout(limits.timeoutMs);
  const { mayRepeat } = limits;
  if (mayRepeat !== undefined && typeof mayRepeat !== "boolean") {
    throw new TypeError(`${action}: "mayRepeat" must be a boolean, got ${String(mayRepeat)}`);
  }
  if (mayRepeat === true && target.place !== undefined) {
    throw new TypeError(
      `${action}: those of an object cannot be repeated, it ends with its connection`,
    );
  }
  if (mayRepeat === true && !(target.line.connection instanceof Reconnector)) {
    throw new TypeError(`${action}: to repeat them, the client must have the option "retry"`);
  }
  return build({ ...target, limits }) as T;
}

function build(target: Target): object {
  const { description, place } = target;
  const remote: Record<string | symbol, unknown> = Object.create(null);
  for (const [name, kind] of Object.entries(description)) {
    remote[name] = typeof kind === "object"
      ? Object.freeze({
        create: (...args: unknown[]) => create(target, name, kind, args),
      })
      : kind === "generator"
      ? (...args: unknown[]) => stream(target, name, args)
      : (...args: unknown[]) => call(target, name, args);
  }
  if (place !== undefined) {
    const close = () => free(target, place);
    remote["close"] ??= close;
    remote[Symbol.asyncDispose] = close;
  }
  Object.freeze(remote);
  const proxy = new Proxy(remote, { get: (_, name) => remote[name] ?? missing(target, name) });
  targets.set(proxy, target);
  return proxy;
}

/** What is called that the server does not have. Nothing is there for those who only look. */
function missing({ description }: Target, name: string | symbol): unknown {
  if (typeof name === "symbol" || name === "then" || name in Object.prototype) return undefined;
  return () => {
    const known = Object.keys(description).join(", ") || "no methods";
    return withStream(
      Promise.reject(new TypeError(`Cannot call "${name}": the server has ${known}`)),
    );
  };
}

/** A call that is being made. */
interface Prepared {
  readonly args: unknown[];
  readonly signal: AbortSignal | undefined;
  readonly until: AbortSignal | undefined;
  /** How long it may take, and when that is over on the clock of `performance.now()`. */
  readonly timeoutMs: number;
  readonly end: number;
  readonly inputs: readonly number[];
}

/** Takes out of the arguments what does not cross as a copy. */
function prepare(target: Target, name: string, given: readonly unknown[]): Prepared {
  const { line, limits, state } = target;
  if (state.isFreed) {
    throw new ConnectionClosedError(`Cannot call "${name}": the object was freed`);
  }
  limits.signal?.throwIfAborted();
  const own = checkTimeout(limits.timeoutMs);
  const left = timeLeft();
  const timeoutMs = Math.max(0, Math.min(own, left));
  if (timeoutMs === 0) throw new TimeoutError(`Cannot call "${name}": the time is over`);
  const inputs: number[] = [];
  let streams: StreamArgument[] | undefined;
  const args = [null as unknown, ...given];
  for (let index = 0; index < given.length; index++) {
    const argument = given[index];
    if (!isStream(argument)) continue;
    const id = line.inputs.add(argument);
    const kind = argument instanceof ReadableStream ? "readable" : "iterable";
    inputs.push(id);
    (streams ??= []).push([index, id, kind]);
    args[index + 1] = null;
  }
  const last = args.at(-1);
  let inner: AbortSignal | undefined;
  if (hasSignal(last)) {
    const { signal, ...rest } = last;
    inner = signal;
    args[args.length - 1] = rest;
  }
  if (timeoutMs !== Infinity || inner !== undefined || streams !== undefined) {
    args[0] = {
      ...(timeoutMs === Infinity ? undefined : { timeoutMs }),
      ...(inner === undefined ? undefined : { signal: true }),
      ...(streams === undefined ? undefined : { streams }),
    };
  }
  const signal = limits.signal ?? inner;
  return {
    args,
    signal,
    until: signal === inner ? undefined : inner,
    timeoutMs,
    end: timeoutMs === Infinity ? Infinity : performance.now() + timeoutMs,
    inputs,
  };
}

/** An answer, and the connection over which it came. */
interface Answer {
  readonly result: unknown;
  readonly session: Session;
}

/** Calls; in a client that connects anew, when there is a connection. */
async function send(target: Target, name: string, prepared: Prepared): Promise<Answer> {
  const { line: { connection, peer }, place, limits } = target;
  const { signal, until, timeoutMs, inputs } = prepared;
  const options = { signal, until, timeoutMs, withTask: true };
  if (!(connection instanceof Reconnector)) {
    const { session, object } = place ?? connection;
    return { session, result: await session.call(object, name, prepared.args, options) };
  }
  for (;;) {
    const { session, object } = place ?? connection.present() ??
      await connection.ready(remaining(prepared));
    if (place !== undefined && session.isClosed) {
      connection.checkOpen();
      throw new ConnectionLostError(
        `Cannot call "${name}": its object was freed when the connection to ${peer} was lost`,
      );
    }
    try {
      const result = await session.call(object, name, prepared.args, {
        ...options,
        timeoutMs: shorten(prepared),
      });
      return { session, result };
    } catch (error) {
      if (!(error instanceof ConnectionLostError) || !session.isClosed) throw error;
      // What a stream has given away already cannot be given once more.
      if (limits.mayRepeat === true && inputs.length === 0) continue;
      throw new ConnectionLostError(
        `Lost the connection to ${peer} while "${name}" was in flight: it may have run or not`,
        { cause: error },
      );
    }
  }
}

/** What ends the wait of a call for a connection. */
function remaining(prepared: Prepared): WaitOptions {
  const { end } = prepared;
  return {
    signal: eitherOf(prepared),
    timeoutMs: end === Infinity ? undefined : Math.max(0, end - performance.now()),
  };
}

/** Aborts with what ends a call. */
function eitherOf({ signal, until }: Pick<Prepared, "signal" | "until">): AbortSignal | undefined {
  if (signal === undefined || until === undefined) return signal ?? until;
  return AbortSignal.any([signal, until]);
}

/** Tells the server how much is left of the time: some of it may have been waited for a connection. */
function shorten({ args, end }: Prepared): number {
  if (end === Infinity) return end;
  const timeoutMs = Math.max(0, Math.ceil(end - performance.now()));
  args[0] = { ...args[0] as CallHead, timeoutMs };
  return timeoutMs;
}

function call(target: Target, name: string, given: readonly unknown[]): Promise<unknown> {
  return withStream(answer(target, name, given));
}

/** A function may return a stream: of its promise the stream can be taken at once. */
function withStream(
  promise: Promise<unknown> & Partial<AsyncIterable<unknown>>,
): Promise<unknown> {
  promise[Symbol.asyncIterator] = iterateLater;
  return promise;
}

async function answer(target: Target, name: string, given: readonly unknown[]): Promise<unknown> {
  const prepared = prepare(target, name, given);
  const { line } = target;
  let answered: Answer;
  let isStreaming = false;
  try {
    answered = await send(target, name, prepared);
    if (!(answered.result instanceof RemoteObject)) return answered.result;
    isStreaming = true;
  } finally {
    if (!isStreaming && prepared.inputs.length > 0) void line.inputs.end(prepared.inputs);
  }
  const keeper = new Keeper(answered.session);
  return take(target, name, prepared, keeper, tapOf(answered, name));
}

function iterateLater(this: Promise<unknown>): AsyncIterator<unknown> {
  let opened: Promise<AsyncIterator<unknown>> | undefined;
  const open = () =>
    opened ??= this.then((value) => {
      const iterable = value as AsyncIterable<unknown> | undefined;
      if (typeof iterable?.[Symbol.asyncIterator] === "function") {
        return iterable[Symbol.asyncIterator]();
      }
      throw new TypeError("Cannot iterate: the function did not return a stream");
    });
  const iterator = {
    next: async (...options: []) => (await open()).next(...options),
    return: async () => {
      // A call that has failed has nothing to leave. `Array.fromAsync()` would ask for ever if that failed too.
      const values = await open().catch(() => undefined);
      await values?.return?.();
      return { done: true as const, value: undefined };
    },
    [Symbol.asyncIterator]: () => iterator,
    [Symbol.asyncDispose]: async () => {
      await iterator.return();
    },
  };
  return iterator;
}

/** A generator: it is called when it is iterated. */
function stream(
  target: Target,
  name: string,
  given: readonly unknown[],
): AsyncIterable<unknown> {
  let values: RpcValues | undefined;
  const begin = () => {
    const prepared = prepare(target, name, given);
    const keeper = new Keeper();
    return take(target, name, prepared, keeper, async (left) => {
      const until = eitherOf({ signal: prepared.until, until: left });
      const answered = await send(target, name, { ...prepared, until });
      keeper.move(answered.session);
      return tapOf(answered, name);
    });
  };
  return { [Symbol.asyncIterator]: () => values ??= begin() };
}

function take(
  { line }: Target,
  name: string,
  prepared: Prepared,
  keeper: Keeper,
  open: Opening,
): RpcValues {
  const { end, inputs } = prepared;
  return new RpcValues(open, {
    lookAhead: line.lookAhead,
    signal: eitherOf(prepared),
    end: end === Infinity ? undefined : end,
    name,
    keeper,
    onEnd: () => void line.inputs.end(inputs),
  });
}

/**
 * Keeps the process alive while somebody waits for a value of a stream. Until the stream is open, and it is known over
 * which connection, the call that opens it does.
 */
class Keeper {
  #session: Session | undefined;
  #holds = 0;

  constructor(session?: Session) {
    this.#session = session;
  }

  hold(): void {
    this.#holds++;
    this.#session?.hold();
  }

  letGo(): void {
    this.#holds--;
    this.#session?.letGo();
  }

  move(session: Session): void {
    this.#session = session;
    for (let n = 0; n < this.#holds; n++) session.hold();
  }
}

function tapOf({ session, result }: Answer, name: string): Tap {
  if (!(result instanceof RemoteObject)) {
    throw new ProtocolError(`Cannot take from "${name}": the server did not answer a stream`);
  }
  return {
    pull: (credit) => session.call(result, "pull", [credit], { background: true }),
    end: async () => {
      await session.call(result, "end", [], { background: true });
      session.release(result);
    },
    release: () => session.release(result),
  };
}

async function create(
  target: Target,
  name: string,
  methods: Readonly<Record<string, MethodKind>>,
  given: readonly unknown[],
): Promise<object> {
  const { line } = target;
  const prepared = prepare(target, name, given);
  try {
    const { session, result: object } = await send(target, name, prepared);
    if (!(object instanceof RemoteObject)) {
      throw new ProtocolError(`Cannot create "${name}": the server did not answer an object`);
    }
    const state = { isFreed: false };
    return build({ line, description: methods, limits: {}, state, place: { session, object } });
  } finally {
    void line.inputs.end(prepared.inputs);
  }
}

async function free({ state }: Target, { session, object }: Place): Promise<void> {
  if (state.isFreed) return;
  state.isFreed = true;
  // With the connection the object is gone.
  if (session.isClosed) return;
  try {
    await session.call(object, FREE, []);
    session.release(object);
  } catch (error) {
    if (!session.isClosed) throw error;
  }
}
