import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { copyContext } from "../coroutine/context_var.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { RemoteObject, type Session } from "../ipc/_session.ts";
import { ConnectionClosedError, ProtocolError } from "../ipc/errors.ts";
import { timeLeft } from "./_rpc_deadline.ts";
import { isStream } from "./_rpc_members.ts";
import { RpcSource } from "./_rpc_source.ts";
import { RpcValues, type Tap } from "./_rpc_stream.ts";
import { type Description, FREE, type MethodKind, type StreamArgument } from "./_rpc_wire.ts";

/** What a client's calls go through. */
export interface Line {
  readonly session: Session;
  readonly inputs: Inputs;
  readonly lookAhead: number;
}

/** The streams that a client has passed as arguments, by number: the server pulls from them. */
export class Inputs {
  readonly #sources = new Map<number, RpcSource>();
  #last = 0;

  /** How many there are. */
  get size(): number {
    return this.#sources.size;
  }

  add(made: unknown): number {
    const id = ++this.#last;
    this.#sources.set(id, new RpcSource(made, { context: copyContext() }));
    return id;
  }

  async pull(id: unknown, credit: unknown): Promise<Uint8Array> {
    const source = this.#sources.get(id as number);
    if (source === undefined) {
      throw new ReferenceError("Cannot take from the stream: its call has ended");
    }
    return await source.pull(credit);
  }

  /** Ends some, if they have not ended: their call has. */
  async end(ids: readonly unknown[]): Promise<void> {
    await Promise.all(ids.map(async (id) => {
      const source = this.#sources.get(id as number);
      this.#sources.delete(id as number);
      // Nobody is left who could be told that it does not end well.
      await source?.end().catch(() => {});
    }));
  }
}

/** Something whose functions are called on the server, and the limits of the calls. */
interface Target {
  readonly line: Line;
  readonly object: RemoteObject;
  readonly description: Description;
  readonly limits: WaitOptions;
  readonly state: { isFreed: boolean };
  /** Whether it is an object that is freed. */
  readonly isObject: boolean;
}

const targets = new WeakMap<object, Target>();

/** Makes what the user calls functions of. */
export function makeRemote(line: Line, object: RemoteObject, description: Description): object {
  const state = { isFreed: false };
  return build({ line, object, description, limits: {}, state, isObject: false });
}

/** The same with other limits. */
export function withLimits<T extends object>(remote: T, limits: WaitOptions): T {
  const target = targets.get(remote);
  if (target === undefined) {
    throw new TypeError('Cannot limit calls: expected the "api" of a client, or a remote object');
  }
  checkTimeout(limits.timeoutMs);
  return build({ ...target, limits }) as T;
}

function build(target: Target): object {
  const { description, isObject } = target;
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
  if (isObject) {
    const close = () => free(target);
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
  readonly timeoutMs: number;
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
    inputs,
  };
}

function send(
  { line, object }: Target,
  name: string,
  { args, signal, until, timeoutMs }: Prepared,
): Promise<unknown> {
  const options = { signal, until, timeoutMs, withTask: true };
  return line.session.call(object, name, args, options);
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
  let result: unknown;
  let isStreaming = false;
  try {
    result = await send(target, name, prepared);
    if (!(result instanceof RemoteObject)) return result;
    isStreaming = true;
  } finally {
    if (!isStreaming && prepared.inputs.length > 0) void line.inputs.end(prepared.inputs);
  }
  return take(target, name, prepared, tapOf(line, result, name));
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
      await (await open()).return?.();
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
    return take(target, name, prepared, async () => {
      const result = await send(target, name, prepared);
      return tapOf(target.line, result, name)();
    });
  };
  return { [Symbol.asyncIterator]: () => values ??= begin() };
}

function take(
  { line }: Target,
  name: string,
  { signal, timeoutMs, inputs }: Prepared,
  open: () => Tap | Promise<Tap>,
): RpcValues {
  return new RpcValues(open, {
    lookAhead: line.lookAhead,
    signal,
    end: timeoutMs === Infinity ? undefined : performance.now() + timeoutMs,
    name,
    keeper: line.session,
    onEnd: () => void line.inputs.end(inputs),
  });
}

function tapOf({ session }: Line, result: unknown, name: string): () => Tap {
  if (!(result instanceof RemoteObject)) {
    throw new ProtocolError(`Cannot take from "${name}": the server did not answer a stream`);
  }
  return () => ({
    pull: (credit) => session.call(result, "pull", [credit], { background: true }),
    end: async () => {
      await session.call(result, "end", [], { background: true });
      session.release(result);
    },
    release: () => session.release(result),
  });
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
    const object = await send(target, name, prepared);
    if (!(object instanceof RemoteObject)) {
      throw new ProtocolError(`Cannot create "${name}": the server did not answer an object`);
    }
    const state = { isFreed: false };
    return build({ line, object, description: methods, limits: {}, state, isObject: true });
  } finally {
    void line.inputs.end(prepared.inputs);
  }
}

async function free({ line: { session }, object, state }: Target): Promise<void> {
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

function hasSignal(value: unknown): value is { signal: AbortSignal } {
  return typeof value === "object" && value !== null && "signal" in value &&
    value.signal instanceof AbortSignal;
}
