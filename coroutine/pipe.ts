/**
 * Coroutines in a line: what one answers is sent into the next.
 *
 * @module
 */

import { currentScope } from "./_current_scope.ts";
import { currentFrame, currentValues, runInFrame } from "./_frame.ts";
import { untilGivenUp } from "./_give_up.ts";
import { Abandoning, checkParts, isOpen, type LoosePart } from "./_part.ts";
import { Scope } from "./_scope.ts";
import { AsyncCoroutine } from "./async_coroutine.ts";
import { Coroutine } from "./coroutine.ts";
import { TimeoutError } from "./errors.ts";
import type { WaitOptions } from "./wait_options.ts";

/** In the place of the index of a part. */
const SOURCE = -1;

/**
 * A coroutine that can stand in a pipe, as its {@linkcode pipe} sees it: it takes items, and answers.
 *
 * @example A function that puts a part of the caller's at the end
 * ```ts
 * import { coroutine, pipe, type PipePart } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * function feed(part: PipePart<number, number>): number | Promise<number> {
 *   return part.state === "created" ? pipe([1, 2, 3], part) : 0;
 * }
 *
 * const count = coroutine(function* () {
 *   for (let n = 0;; n++) {
 *     const _item: number = yield n;
 *   }
 * });
 * assertEquals(await feed(count()), 3);
 * ```
 *
 * @typeParam Item What it takes.
 * @typeParam Answer What it yields and returns.
 */
export type PipePart<Item, Answer = unknown> =
  | Coroutine<Answer, Item, Answer>
  | AsyncCoroutine<Answer, Item, Answer>;

/**
 * What a part of a pipe answers: what it yields or returns.
 *
 * @typeParam Part The part.
 */
export type PipeAnswer<Part> = Part extends
  | Coroutine<infer Yielded, never, infer Returned>
  | AsyncCoroutine<infer Yielded, never, infer Returned> ? Yielded | Returned
  : never;

/**
 * What the arguments of a pipe must be, one by one: each part takes what the one before it answers,
 * except `undefined`; behind the last part there can be options.
 *
 * @typeParam Item What the first one gets.
 * @typeParam Parts The arguments as they are given.
 */
export type PipeParts<Item, Parts extends readonly unknown[]> = Parts extends
  readonly [infer Part, ...infer Rest] ? Part extends PipePart<never> ? [
      PipePart<Item>,
      ...PipeParts<
        Exclude<PipeAnswer<Part>, undefined | void> & (NonNullable<unknown> | null),
        Rest
      >,
    ]
  : [WaitOptions]
  : [];

/**
 * What a pipe answers: the last answer of its last part; as a promise when the source or a part is async,
 * or when there are options.
 *
 * @typeParam Source Where the items come from.
 * @typeParam Parts The arguments behind it.
 */
export type PipeResult<Source, Parts extends readonly unknown[]> = Parts extends
  readonly [...infer Stages, infer Last]
  ? Last extends PipePart<never>
    ? [Source, ...Parts] extends [Iterable<unknown>, ...Coroutine<unknown, never, unknown>[]]
      ? PipeAnswer<Last>
    : Promise<PipeAnswer<Last>>
  : Promise<Stages extends readonly [...unknown[], infer Sink] ? PipeAnswer<Sink> : never>
  : never;

/**
 * Sends each item of a source into the first part, what that answers into the next one, and so on to the
 * last one, the sink; then closes them all, in this order.
 *
 * - Each part takes what the one before it answers: the types are checked one by one.
 * - An answer of `undefined` is not passed on: a part that has nothing to say to an item has filtered it
 *   out. What a part yields before its first item is not passed on either.
 * - What a part returns, when it ends or is closed, is passed on before the next one is closed: one that
 *   collects can give out the rest.
 * - A part that ends by itself ends the pipe: the source is left, as by `break`, and the other parts are
 *   closed.
 * - An error, of the source or of a part, ends the pipe and comes out of it. Those behind it get it
 *   thrown in, since a closing would look like a good end; those before it are closed, and the source is
 *   left. When one of them throws something else, all come out as an `AggregateError`.
 * - Plain and async parts can be mixed. With plain parts alone, and a plain source, it runs at once, and
 *   the answer is no promise. Async parts work on one item at a time: the next one is sent when the last
 *   part has answered.
 * - With `signal` or `timeoutMs`, and when the current task is cancelled, the pipe ends at once, with the
 *   reason. Parts that do not wait are closed at once, the others when they have come to their `yield`;
 *   nobody hears of the errors of that. Code that does not wait for anything cannot be interrupted.
 *
 * A part that has several answers to one item takes its target as an argument, as in the Python
 * tutorials, and is the last one: `pipe(lines, words(count()))`.
 *
 * @example A filter, a mapping, and a sum
 * ```ts
 * import { coroutine, pipe } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const numbers = coroutine(function* () {
 *   let answer: number | undefined;
 *   for (;;) {
 *     const text: string = yield answer;
 *     answer = /^[0-9]+$/.test(text) ? Number(text) : undefined;
 *   }
 * });
 * const sum = coroutine(function* () {
 *   let total = 0;
 *   for (;;) {
 *     const n: number = yield total;
 *     total += n;
 *   }
 * });
 *
 * assertEquals(pipe(["1", "two", "3"], numbers(), sum()), 4);
 * ```
 *
 * @example Async parts, and one that sends several items for one
 * ```ts
 * import { coroutine, type Coroutine, pipe } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const seen: string[] = [];
 * const fetchPage = coroutine(async function* () {
 *   let page: string | undefined;
 *   for (;;) {
 *     const name: string = yield page;
 *     page = await Promise.resolve(`the page ${name}`);
 *   }
 * });
 * const words = coroutine(function* (target: Coroutine<unknown, string, unknown>) {
 *   try {
 *     for (;;) {
 *       const text: string = yield;
 *       for (const word of text.split(" ")) target.send(word);
 *     }
 *   } finally {
 *     target.close();
 *   }
 * });
 * const note = coroutine(function* () {
 *   for (;;) {
 *     const word: string = yield;
 *     seen.push(word);
 *   }
 * });
 *
 * await pipe(["one", "two"], fetchPage(), words(note().start()), { timeoutMs: 5000 });
 * assertEquals(seen, ["the", "page", "one", "the", "page", "two"]);
 * ```
 *
 * @typeParam Item What comes from the source.
 * @typeParam Source Where the items come from.
 * @typeParam Parts The parts, and the options.
 * @param source Where the items come from: anything iterable or async iterable, also a coroutine.
 * @param parts The coroutines, none of them started yet; behind them, if wanted, `signal` and `timeoutMs`.
 * @returns The last answer of the sink: what it returned at its end, else what it yielded last. A promise
 * of it when something is async, or when there are options.
 * @throws {TypeError} When the source or a part is none.
 * @throws {InvalidStateError} When a part has been started, or is there twice.
 * @throws {TimeoutError} When the pipe had not ended after `timeoutMs`.
 */
export function pipe<
  Item,
  Source extends Iterable<Item> | AsyncIterable<Item>,
  const Parts extends readonly [PipePart<never>, ...(PipePart<never> | WaitOptions)[]],
>(
  source: Source & (Iterable<Item> | AsyncIterable<Item>),
  ...parts: Parts & PipeParts<Item, Parts>
): PipeResult<Source, Parts> {
  return run(source, parts) as PipeResult<Source, Parts>;
}

function run(
  source: Iterable<unknown> | AsyncIterable<unknown>,
  args: readonly unknown[],
): unknown {
  const { parts, options } = splitArguments(args);
  checkParts(parts, "pipe");
  const items = iterate(source);
  const pump = new Pump(items, parts);
  const isPlain = options === undefined && !items.isAsync &&
    parts.every((part) => part instanceof Coroutine);
  if (isPlain) return pump.run().next().value;
  const timedOut = (timeoutMs: number) =>
    new TimeoutError(`Pipe had not ended after ${timeoutMs} ms`);
  let scope: Scope | undefined;
  const drive = new Drive(pump.run());
  const begin = (): Promise<unknown> => {
    if (options === undefined) return drive.begin();
    // Not before: a pipe that is given up at once would leave it behind in the scope around.
    const own = scope = new Scope(currentScope()?.owner, currentScope());
    const frame = { scope: own, values: currentValues(), report: currentFrame()?.report };
    const work = runInFrame(frame, () => drive.begin());
    return work.finally(() => own.leave());
  };
  return untilGivenUp(begin, options ?? {}, {
    timedOut,
    givenUp: (_work, reason) => {
      // What waits inside, in the source or a part, is told; an item that comes later is not taken.
      scope?.cancel(reason);
      pump.stop();
      drive.stop(reason);
    },
  });
}

/** Where the items come from. */
interface Items {
  readonly isAsync: boolean;
  readonly iterator: Iterator<unknown> | AsyncIterator<unknown>;
}

/** The steps of a pipe. It yields what must be waited for, so that one with nothing async runs in one go. */
class Pump {
  readonly #items: Items;
  readonly #parts: readonly LoosePart[];
  /** The part that is at work; `SOURCE` for the source. */
  #at = SOURCE;
  #answer: unknown;
  #isSourceOpen = true;
  #isStopped = false;

  constructor(items: Items, parts: readonly LoosePart[]) {
    this.#items = items;
    this.#parts = parts;
  }

  /** What comes next is an abort, and no error of whoever is at work. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Runs the pipe. */
  *run(): Generator<Promise<unknown>, unknown, unknown> {
    try {
      yield* this.#start();
      while (this.#parts.every(isOpen)) {
        this.#at = SOURCE;
        const { iterator, isAsync } = this.#items;
        const taken = iterator.next();
        const step = (isAsync ? yield taken as Promise<unknown> : taken) as IteratorResult<unknown>;
        if (step.done === true) {
          this.#isSourceOpen = false;
          break;
        }
        yield* this.#pass(0, step.value);
      }
      yield* this.#leaveSource();
      yield* this.#close();
      return this.#answer;
    } catch (error) {
      throw yield* this.#abandon(error);
    }
  }

  *#start(): Generator<Promise<unknown>, void, unknown> {
    for (const [index, part] of this.#parts.entries()) {
      this.#at = index;
      const first = part instanceof AsyncCoroutine
        ? (yield part.next()) as IteratorResult<unknown>
        : part.next();
      if (index === this.#parts.length - 1) this.#answer = first.value;
    }
  }

  /** Sends an item into a part, its answer into the next one, and so on. */
  *#pass(first: number, item: unknown): Generator<Promise<unknown>, void, unknown> {
    const { length } = this.#parts;
    for (let index = first; index < length; index++) {
      const part = this.#parts[index]!;
      // It wants no more.
      if (part.state === "closed") return;
      this.#at = index;
      const answer = part instanceof AsyncCoroutine ? yield part.send(item) : part.send(item);
      if (index === length - 1) this.#answer = answer;
      else if (answer === undefined) return;
      else item = answer;
    }
  }

  *#leaveSource(): Generator<Promise<unknown>, void, unknown> {
    if (!this.#isSourceOpen) return;
    this.#at = SOURCE;
    this.#isSourceOpen = false;
    const { iterator, isAsync } = this.#items;
    const left = iterator.return?.();
    if (isAsync && left !== undefined) yield left as Promise<unknown>;
  }

  *#close(): Generator<Promise<unknown>, void, unknown> {
    for (const [index, part] of this.#parts.entries()) {
      this.#at = index;
      const rest = part instanceof AsyncCoroutine ? yield part.close() : part.close();
      if (rest === undefined) continue;
      if (index === this.#parts.length - 1) this.#answer = rest;
      else yield* this.#pass(index + 1, rest);
    }
  }

  *#abandon(error: unknown): Generator<Promise<unknown>, unknown, unknown> {
    const abandoning = new Abandoning(error);
    const at = this.#at;
    for (const [index, part] of this.#parts.entries()) {
      if (index > at) abandoning.fail(part);
      else abandoning.close(part);
    }
    if (this.#isSourceOpen && (at !== SOURCE || this.#isStopped)) {
      const { iterator } = this.#items;
      abandoning.do(() => iterator.return?.());
    }
    if (abandoning.endings.length > 0) yield Promise.all(abandoning.endings);
    return abandoning.error;
  }
}

/** Takes the steps of a pump, one after the other, or stops it in the midst of a wait. */
class Drive {
  readonly #steps: Generator<Promise<unknown>, unknown, unknown>;
  readonly #ending = Promise.withResolvers<unknown>();
  #turn = 0;

  constructor(steps: Generator<Promise<unknown>, unknown, unknown>) {
    this.#steps = steps;
  }

  /** Takes the first step. */
  begin(): Promise<unknown> {
    this.#take(() => this.#steps.next());
    return this.#ending.promise;
  }

  /** Throws the reason in where the pump waits; what it waits for is not looked at any more. */
  stop(reason: unknown): void {
    this.#take(() => this.#steps.throw(reason));
  }

  #take(step: () => IteratorResult<Promise<unknown>, unknown>): void {
    const turn = ++this.#turn;
    try {
      const { done, value } = step();
      if (done === true) return this.#ending.resolve(value);
      (value as Promise<unknown>).then(
        (result) => turn === this.#turn && this.#take(() => this.#steps.next(result)),
        (error) => turn === this.#turn && this.#take(() => this.#steps.throw(error)),
      );
    } catch (error) {
      this.#ending.reject(error);
    }
  }
}

function splitArguments(
  args: readonly unknown[],
): { parts: readonly LoosePart[]; options: WaitOptions | undefined } {
  const last = args.at(-1);
  const hasOptions = args.length > 1 && typeof last === "object" && last !== null &&
    !(last instanceof Coroutine || last instanceof AsyncCoroutine);
  const parts = hasOptions ? args.slice(0, -1) : args;
  if (parts.length === 0) throw new TypeError("Cannot pipe: at least one coroutine is needed");
  return {
    parts: parts as readonly LoosePart[],
    options: hasOptions ? last as WaitOptions : undefined,
  };
}

function iterate(source: Iterable<unknown> | AsyncIterable<unknown>): Items {
  const methods = Object(source) as Partial<Iterable<unknown> & AsyncIterable<unknown>>;
  const iterator = methods[Symbol.iterator]?.();
  if (iterator !== undefined) return { isAsync: false, iterator };
  const asyncIterator = methods[Symbol.asyncIterator]?.();
  if (asyncIterator !== undefined) return { isAsync: true, iterator: asyncIterator };
  throw new TypeError(
    `Cannot pipe: the source must be iterable, got ${source === null ? "null" : typeof source}`,
  );
}
