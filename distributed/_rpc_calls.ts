import { currentScope, runOutsideTasks } from "../coroutine/_current_scope.ts";
import type { LentCall, LentMethod, Seat } from "../coroutine/_lending.ts";
import { isThenable } from "../coroutine/_thenable.ts";
import { Loan } from "../ipc/_loan.ts";
import type { RemoteObject, Session } from "../ipc/_session.ts";
import { runUntil } from "./_rpc_deadline.ts";
import { checkResult, type Class, isStream, type Members, type Method } from "./_rpc_members.ts";
import { RpcSource } from "./_rpc_source.ts";
import { RpcValues } from "./_rpc_stream.ts";
import { CallTask } from "./_rpc_task.ts";
import { type CallHead, FREE, readHead } from "./_rpc_wire.ts";

/** What one client may have at a time. */
export interface CallLimits {
  readonly maxCalls: number;
  readonly maxObjects: number;
  readonly lookAhead: number;
}

/** Options for {@linkcode RpcCalls}. */
export interface CallsOptions {
  /** What the functions belong to. */
  readonly api: object;
  readonly members: Members;
  readonly limits: CallLimits;
  /** The connection, and what the client has for the server. */
  readonly session: Session;
  readonly client: RemoteObject;
  /** Told of what no caller is told of. */
  onError(error: unknown): void;
}

/** What a call has that is more than a function and its arguments. */
interface Extra {
  /** When the caller stops to wait, on the clock of `performance.now()`. */
  readonly end: number;
  /** Whether the function has been given a signal. */
  readonly hasSignal: boolean;
  /** The call, and the stream that it has answered, if it has, are over. */
  over(): void;
}

/** The calls and objects of one client. */
export class RpcCalls {
  readonly #options: CallsOptions;
  #calls = 0;
  #objects = 0;
  #streams = 0;
  /** How much goes on, until it has really ended. */
  #running = 0;
  #ended: PromiseWithResolvers<void> | undefined;

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** How many functions run. */
  get calls(): number {
    return this.#calls;
  }

  /** How many objects the client has. */
  get objects(): number {
    return this.#objects;
  }

  /** How many streams the client takes from. */
  get streams(): number {
    return this.#streams;
  }

  /** Settles when nothing of the client runs any more. */
  async ended(): Promise<void> {
    if (this.#running === 0) return;
    this.#ended ??= Promise.withResolvers();
    await this.#ended.promise;
  }

  /** The client's place: all that the api has. */
  seat(): Seat {
    const methods: Record<string, LentMethod> = {};
    const { api, members } = this.#options;
    for (const [name, member] of members) {
      methods[name] = member.kind === "class"
        ? (call, head, ...args) => this.#create(call, name, member, head, args)
        : (call, head, ...args) => this.#call(call, name, member, api, head, args);
    }
    return { methods, leave() {} };
  }

  /** Calls a function as a task, which is cancelled when the caller gives up or is gone. */
  #call(
    call: LentCall,
    name: string,
    { run }: Pick<Method, "run">,
    self: object | undefined,
    head: unknown,
    args: unknown[],
  ): unknown {
    const { maxCalls } = this.#options.limits;
    if (this.#calls >= maxCalls) {
      throw new RangeError(
        `Cannot call "${name}": ${this.#calls} calls of this client are in flight, more are not taken`,
      );
    }
    const extra = head === null ? undefined : this.#readExtra(call, name, head, args);
    const task = new CallTask(name);
    this.#calls++;
    this.#running++;
    let isWaiting = false;
    try {
      const returned = task.run(() => begin(run, self, args, extra));
      if (!isThenable(returned)) return this.#answer(name, returned, extra);
      isWaiting = true;
      return this.#waitFor(call, name, returned, extra, task);
    } catch (error) {
      extra?.over();
      throw error;
    } finally {
      if (!isWaiting) this.#callEnded(task);
    }
  }

  async #waitFor(
    { signal }: LentCall,
    name: string,
    returned: PromiseLike<unknown>,
    extra: Extra | undefined,
    task: CallTask,
  ): Promise<unknown> {
    const onAbort = () => task.cancel(signal.reason);
    signal.addEventListener("abort", onAbort);
    try {
      const answer = this.#answer(name, await returned, extra);
      // Nobody is there any more who could give it back.
      if (signal.aborted && answer instanceof Loan) takeBack(answer, signal);
      return answer;
    } catch (error) {
      extra?.over();
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#callEnded(task);
    }
  }

  #callEnded(task: CallTask): void {
    this.#calls--;
    task.end();
    this.#leave();
  }

  #leave(): void {
    if (--this.#running === 0) this.#ended?.resolve();
  }

  /** What the caller gets of what a function gave. */
  #answer(name: string, value: unknown, extra: Extra | undefined): unknown {
    if (isStream(value)) return this.#lendStream(name, value, extra);
    checkResult(name, value);
    extra?.over();
    return value;
  }

  #readExtra(call: LentCall, name: string, wire: unknown, args: unknown[]): Extra {
    const head = readHead(wire, args);
    const { timeoutMs } = head;
    this.#takeInputs(name, head, args);
    let lifetime: AbortController | undefined;
    if (head.signal === true) {
      const { signal } = call;
      const controller = lifetime = new AbortController();
      signal.addEventListener("abort", () => controller.abort(signal.reason), { once: true });
      args[args.length - 1] = { ...args.at(-1) as object, signal: controller.signal };
    }
    return {
      end: timeoutMs === undefined ? Infinity : performance.now() + timeoutMs,
      hasSignal: lifetime !== undefined,
      over: () => lifetime?.abort(new DOMException("The call has ended", "AbortError")),
    };
  }

  /** Puts streams in place of the arguments that are pulled from the client, who ends them with the call. */
  #takeInputs(name: string, { streams = [] }: CallHead, args: unknown[]): void {
    const { session, client, limits: { lookAhead } } = this.#options;
    for (const [index, id, kind] of streams) {
      const input = new RpcValues(() => ({
        pull: (credit) => session.call(client, "pull", [id, credit], { background: true }),
        end: () => session.call(client, "end", [id], { background: true }),
      }), { lookAhead, name: `argument ${index + 1} of ${name}` });
      args[index] = kind === "readable" ? ReadableStream.from(input) : input;
    }
  }

  #lendStream(name: string, made: unknown, extra: Extra | undefined): Loan {
    const source = new RpcSource(made, { end: extra?.end, onEnd: () => extra?.over() });
    const end = () => this.#run(() => source.end());
    try {
      this.#checkRoom(name);
    } catch (error) {
      end().catch(this.#options.onError);
      throw error;
    }
    this.#streams++;
    return new SeatLoan({
      methods: { pull: (_call, credit) => source.pull(credit), end },
      leave: () => {
        this.#streams--;
        end().catch(this.#options.onError);
      },
    });
  }

  async #create(
    call: LentCall,
    name: string,
    { make, methods }: Class,
    head: unknown,
    args: unknown[],
  ): Promise<Loan> {
    this.#checkRoom(name);
    let object: object | undefined;
    const run = (...given: unknown[]): void => void (object = new make(...given));
    // Counted before it is there: others are being made at the same time.
    this.#objects++;
    try {
      await this.#call(call, name, { run }, undefined, head, args);
    } catch (error) {
      this.#objects--;
      throw error;
    }
    const loan = this.#lendObject(object!, methods);
    if (call.signal.aborted) takeBack(loan, call.signal);
    return loan;
  }

  #lendObject(object: object, methods: ReadonlyMap<string, Method>): Loan {
    let inside = 0;
    let idle: (() => void) | undefined;
    let freed: Promise<void> | undefined;
    const leave = (): void => {
      if (--inside === 0) idle?.();
    };
    const free = (): Promise<void> =>
      freed ??= this.#run(async () => {
        this.#objects--;
        if (inside > 0) await new Promise<void>((resolve) => idle = resolve);
        await dispose(object);
      });
    const lent: Record<string, LentMethod> = { [FREE]: free };
    for (const [name, method] of methods) {
      lent[name] = (call, head, ...args) => {
        inside++;
        let result: unknown;
        try {
          result = this.#call(call, name, method, object, head, args);
        } finally {
          if (!isThenable(result)) leave();
        }
        if (isThenable(result)) result.then(leave, leave);
        return result;
      };
    }
    return new SeatLoan({ methods: lent, leave: () => void free().catch(this.#options.onError) });
  }

  #checkRoom(name: string): void {
    const { maxObjects } = this.#options.limits;
    if (this.#objects + this.#streams < maxObjects) return;
    throw new RangeError(
      `Cannot answer "${name}": the client has ${maxObjects} objects and streams, more are not made`,
    );
  }

  /** Runs what has to come to its end. */
  async #run(work: () => Promise<void>): Promise<void> {
    this.#running++;
    try {
      await runOutsideTasks(work);
    } finally {
      this.#leave();
    }
  }
}

/** Begins a call, in its frame. */
function begin(
  run: Method["run"],
  self: object | undefined,
  args: readonly unknown[],
  extra: Extra | undefined,
): unknown {
  if (extra === undefined) return run.apply(self, args as unknown[]);
  // Whoever has the signal is told by it, and not by his next wait as well.
  if (extra.hasSignal) void currentScope()!.signal;
  const call = () => run.apply(self, args as unknown[]);
  return extra.end === Infinity ? call() : runUntil(extra.end, call);
}

/** Takes back what was lent to a caller who has given up. An answer all the same would have it given back twice. */
function takeBack(loan: Loan, signal: AbortSignal): never {
  loan.seat().leave();
  throw signal.reason;
}

async function dispose(object: Partial<AsyncDisposable & Disposable>): Promise<void> {
  if (typeof object[Symbol.asyncDispose] === "function") await object[Symbol.asyncDispose]!();
  else if (typeof object[Symbol.dispose] === "function") object[Symbol.dispose]!();
}

/** Lends what there is a seat of already. */
class SeatLoan extends Loan {
  readonly #seat: Seat;

  constructor(seat: Seat) {
    super(seat);
    this.#seat = seat;
  }

  override seat(): Seat {
    return this.#seat;
  }
}
