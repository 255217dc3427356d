import { currentScope } from "../coroutine/_current_scope.ts";
import { runNow } from "../coroutine/_as_task.ts";
import { pourOut } from "../coroutine/_pour_out.ts";
import type { ValueSink } from "../coroutine/_runner.ts";
import type { Context } from "../coroutine/context_var.ts";
import { CancelledError } from "../coroutine/errors.ts";
import type { Task } from "../coroutine/task.ts";
import { runUntil } from "./_rpc_deadline.ts";
import { packValues } from "./_rpc_wire.ts";

/** With so much in store, about, no more is made: values may be large. */
const MOST_BYTES = 1024 * 1024;

/** Options for {@linkcode RpcSource}. */
export interface SourceOptions {
  /** When the one who takes the values stops to wait, on the clock of `performance.now()`. */
  readonly end?: number | undefined;
  /** Called once, when nothing of it runs any more. */
  readonly onEnd?: (() => void) | undefined;
  /** The context in which it runs. */
  readonly context?: Context | undefined;
}

/**
 * The side of a stream that makes the values: the server's for a result, the client's for an argument.
 *
 * Whoever takes them says with each pull how many more may be made. What has been made meanwhile is the answer, so
 * that many small values are one message.
 */
export class RpcSource implements ValueSink {
  readonly #made: unknown;
  readonly #options: SourceOptions;
  #values: unknown[] = [];
  #bytes = 0;
  /** How many more may be made. */
  #credit = 0;
  #task: Task<void> | undefined;
  #over: { readonly error?: unknown; readonly hasFailed: boolean } | undefined;
  #again: (() => void) | undefined;
  #news: PromiseWithResolvers<void> | undefined;
  #isPulled = false;

  /** @param made What makes the values. It begins with the first pull. */
  constructor(made: unknown, options: SourceOptions = {}) {
    this.#made = made;
    this.#options = options;
  }

  get room(): number {
    return this.#bytes >= MOST_BYTES ? 0 : this.#credit;
  }

  push(value: unknown): void {
    this.#credit--;
    this.#values.push(value);
    this.#bytes += weigh(value);
    this.#news?.resolve();
  }

  whenRoom(again: () => void): void {
    if (this.room > 0) again();
    else this.#again = again;
  }

  /**
   * Waits for values.
   *
   * @param credit How many more may be made.
   * @returns All that are there, one at least unless it is over.
   */
  async pull(credit: unknown): Promise<Uint8Array> {
    if (!Number.isInteger(credit) || (credit as number) < 0) {
      throw new RangeError(`Cannot pull from a stream: there is no credit of ${String(credit)}`);
    }
    if (this.#isPulled) throw new RangeError("Cannot pull from a stream: a pull waits already");
    this.#credit += credit as number;
    this.#start();
    this.#goOn();
    this.#isPulled = true;
    try {
      while (this.#values.length === 0 && this.#over === undefined) {
        this.#news = Promise.withResolvers();
        await this.#news.promise;
      }
    } finally {
      this.#isPulled = false;
    }
    return this.#take();
  }

  /**
   * No more values are wanted.
   *
   * @returns When what made them is closed.
   */
  async end(): Promise<void> {
    const task = this.#task;
    if (task === undefined) {
      try {
        if (this.#over === undefined) await closeUnused(this.#made);
      } finally {
        this.#finish({ hasFailed: false });
      }
      return;
    }
    task.cancel(new CancelledError("The values of the stream are not wanted any more"));
    await task.join({ signal: new AbortController().signal });
  }

  #start(): void {
    if (this.#task !== undefined || this.#over !== undefined) return;
    const { end = Infinity, context } = this.#options;
    const pour = () => pourOut(this.#made, this, currentScope()!);
    this.#task = runNow(() => end === Infinity ? pour() : runUntil(end, pour), { context });
    this.#task.then(
      () => this.#finish({ hasFailed: false }),
      (error) => this.#finish({ error, hasFailed: true }),
    );
  }

  #finish(over: { readonly error?: unknown; readonly hasFailed: boolean }): void {
    if (this.#over !== undefined) return;
    this.#over = over;
    this.#news?.resolve();
    this.#options.onEnd?.();
  }

  #goOn(): void {
    const again = this.#again;
    if (again === undefined || this.room <= 0) return;
    this.#again = undefined;
    again();
  }

  /** Empties the store. An error comes after the values that were made before it. */
  #take(): Uint8Array {
    const values = this.#values;
    if (values.length === 0 && this.#over?.hasFailed === true) throw this.#over.error;
    this.#values = [];
    this.#bytes = 0;
    const isLast = this.#over?.hasFailed === false;
    let packed: Uint8Array;
    try {
      packed = packValues(values, { isLast });
    } catch (error) {
      packed = this.#takeCarriable(values, error);
    }
    // With less in store there is room again.
    this.#goOn();
    return packed;
  }

  /** One of the values cannot cross: those before it do, then the stream fails. */
  #takeCarriable(values: readonly unknown[], failure: unknown): Uint8Array {
    let error = failure;
    let count = 0;
    try {
      for (; count < values.length; count++) packValues([values[count]], { isLast: false });
    } catch (why) {
      error = why;
    }
    this.#finish({ error, hasFailed: true });
    this.#over = { error, hasFailed: true };
    this.#values = [];
    this.#task?.cancel(error);
    if (count === 0) throw error;
    return packValues(values.slice(0, count), { isLast: false });
  }
}

/** What was never begun is closed all the same: a file may be open for it. */
async function closeUnused(made: unknown): Promise<void> {
  if (made instanceof ReadableStream) await made.cancel();
  else await (made as Partial<AsyncIterator<unknown>> | undefined)?.return?.();
}

/** About how many bytes a value has: what is deep inside does not count. */
function weigh(value: unknown): number {
  if (typeof value !== "object" || value === null) return weighFlat(value);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.byteLength;
  let bytes = 16;
  if (Array.isArray(value)) { for (const entry of value) bytes += weighFlat(entry); }
  else for (const key in value) bytes += weighFlat((value as Record<string, unknown>)[key]);
  return bytes;
}

function weighFlat(value: unknown): number {
  if (typeof value === "string") return value.length;
  return ArrayBuffer.isView(value) ? value.byteLength : 16;
}
