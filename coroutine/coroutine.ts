/**
 * Generators as coroutines: values go in as well as out.
 *
 * @module
 */

import {
  CLOSED,
  CREATED,
  refuseCopy,
  RUNNING,
  type Stage,
  stateOf,
  SUSPENDED,
  unstartedError,
} from "./_coroutine_stage.ts";
import { AsyncCoroutine } from "./async_coroutine.ts";
import type { CoroutineState } from "./coroutine_state.ts";
import { InvalidStateError } from "./errors.ts";

/**
 * Refuses a function that is no generator function, such as one whose `*` was forgotten.
 *
 * (It stands first for the sake of the others: TypeScript 6 infers what is sent as the type parameter
 * itself, and not as `unknown`, when a function that annotates nothing meets the overload for its own kind
 * first.)
 *
 * @example A forgotten star
 * ```ts
 * import { coroutine } from "@manyhands/concurrency/coroutine";
 * import { assertThrows } from "@std/assert";
 *
 * const greet = coroutine((async () => {}) as () => Promise<never>) as () => void;
 * assertThrows(() => greet(), TypeError, "must be a generator function");
 * ```
 *
 * @param fn What is no generator function.
 * @returns Nothing that could be called.
 * @throws {TypeError} When `fn` is not a function; otherwise the answer throws it.
 */
export function coroutine(fn: (...args: never) => Promise<never>): never;
/**
 * Makes a coroutine of a generator function: what it answers makes a {@linkcode Coroutine} of each call,
 * or an {@linkcode AsyncCoroutine} when the function is an async generator function. The arguments are
 * passed on.
 *
 * Nothing has to be annotated but what is received: `const n: number = yield total`. What is yielded
 * and returned is inferred, and what is sent is inferred from those annotations, also through `yield*`.
 * A function that uses `yield` within an expression, or that is exported, states all three instead:
 * `function* (): Generator<Yielded, Returned, Sent>`.
 *
 * It is the `@coroutine` decorator of the Python tutorials, but it does not start the coroutine: use
 * {@linkcode Coroutine.start} for that.
 *
 * @example A running average
 * ```ts
 * import { coroutine } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const average = coroutine(function* (first: number) {
 *   let sum = first;
 *   for (let count = 1;; count++) {
 *     const n: number = yield sum / count;
 *     sum += n;
 *   }
 * });
 *
 * using running = average(10).start();
 * assertEquals(running.send(20), 15);
 * assertEquals(running.send(30), 20);
 * ```
 *
 * @example One that waits in between
 * ```ts
 * import { coroutine } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const shout = coroutine(async function* () {
 *   let answer = "";
 *   for (;;) {
 *     const word: string = yield answer;
 *     answer = await Promise.resolve(word.toUpperCase());
 *   }
 * });
 *
 * await using shouting = await shout().start();
 * assertEquals(await shouting.send("hello"), "HELLO");
 * ```
 *
 * @typeParam Args The arguments of the function.
 * @typeParam Yielded What it yields.
 * @typeParam Sent What its `yield` gives, which is what must be sent.
 * @typeParam Returned What it returns.
 * @param fn The generator function.
 * @returns A function that makes a coroutine of each call. It has the name of `fn`.
 * @throws {TypeError} When `fn` is not a function; and by the answer when it does not return a generator.
 */
export function coroutine<Args extends unknown[], Yielded, Sent, Returned>(
  fn: (...args: Args) => AsyncGenerator<Yielded, Returned, Sent>,
): (...args: Args) => AsyncCoroutine<Yielded, Sent, Returned>;
/**
 * Makes a coroutine of a plain generator function, whose `send` answers at once.
 *
 * @example The end of one
 * ```ts
 * import { coroutine } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const greet = coroutine(function* () {
 *   const name: string = yield "Who is there?";
 *   return `Hello ${name}`;
 * });
 *
 * const greeting = greet();
 * assertEquals(greeting.next(), { done: false, value: "Who is there?" });
 * assertEquals(greeting.send("Ada"), "Hello Ada");
 * assertEquals([greeting.state, greeting.value], ["closed", "Hello Ada"]);
 * ```
 *
 * @typeParam Args The arguments of the function.
 * @typeParam Yielded What it yields.
 * @typeParam Sent What its `yield` gives, which is what must be sent.
 * @typeParam Returned What it returns.
 * @param fn The generator function.
 * @returns A function that makes a coroutine of each call. It has the name of `fn`.
 * @throws {TypeError} When `fn` is not a function; and by the answer when it does not return a generator.
 */
export function coroutine<Args extends unknown[], Yielded, Sent, Returned>(
  fn: (...args: Args) => Generator<Yielded, Returned, Sent>,
): (...args: Args) => Coroutine<Yielded, Sent, Returned>;
export function coroutine(fn: (...args: never[]) => unknown): unknown {
  if (typeof fn !== "function") {
    throw new TypeError(
      `Cannot make a coroutine: a generator function is needed, got ${typeof fn}`,
    );
  }
  const create = (...args: unknown[]): unknown => {
    const generator = fn(...args as never[]);
    if (isGenerator(generator, Symbol.iterator)) {
      return new Coroutine(generator as Generator, fn.name);
    }
    if (isGenerator(generator, Symbol.asyncIterator)) {
      return new AsyncCoroutine(generator as AsyncGenerator, fn.name);
    }
    throw new TypeError(
      `Cannot make a coroutine: "${fn.name}" must be a generator function, ` +
        `it returned ${generator === null ? "null" : typeof generator}`,
    );
  };
  return Object.defineProperty(create, "name", { value: fn.name, configurable: true });
}

function isGenerator(value: unknown, iterator: PropertyKey): boolean {
  if (typeof value !== "object" || value === null) return false;
  const methods = value as Record<PropertyKey, unknown>;
  return [iterator, "next", "throw", "return"].every((name) => typeof methods[name] === "function");
}

/**
 * A generator that values are sent into. It is made by {@linkcode coroutine}.
 *
 * - It runs only within `start`, `send`, `throw`, `close` and `next`, up to its next `yield`; then they
 *   answer what was yielded. When it ends instead, they answer what it returned; {@linkcode state} tells
 *   which it was, and {@linkcode next} tells both at once. One that never ends answers only what it
 *   yields, and its type says so.
 * - An error that is not caught inside ends it, and comes out of the call.
 * - Before its first `yield` nothing can be sent: `start()` takes it there.
 * - Calling it while it runs, from inside itself, is an `InvalidStateError`, and so is a `send` after its
 *   end: no value gets lost.
 * - `close()` ends it where it stands: its `finally` blocks run.
 * - It can be looped over; leaving the loop closes it. `yield*` can delegate to it, in any generator.
 *
 * It follows Python's
 * {@link https://docs.python.org/3/reference/expressions.html#generator-iterator-methods | generators}.
 * What differs: the end is an answer, not a `StopIteration`; nothing inside can catch the closing, as
 * Python's `except GeneratorExit` does, so cleaning up belongs into `finally`, and a value for `close()` to
 * answer is returned there (which also swallows an error that is on its way); any value can be thrown.
 *
 * @example A consumer that is fed, and closed
 * ```ts
 * import { coroutine } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const log: string[] = [];
 * const collect = coroutine(function* () {
 *   try {
 *     for (;;) {
 *       const line: string = yield;
 *       log.push(line);
 *     }
 *   } finally {
 *     log.push("closed");
 *   }
 * });
 *
 * {
 *   using collecting = collect().start();
 *   collecting.send("first");
 *   collecting.send("second");
 * }
 * assertEquals(log, ["first", "second", "closed"]);
 * ```
 *
 * @typeParam Yielded What it yields.
 * @typeParam Sent What must be sent.
 * @typeParam Returned What it returns; `never` for one that does not end by itself.
 */
export class Coroutine<out Yielded, in Sent, out Returned> implements Disposable {
  readonly #generator: Generator<Yielded, Returned, Sent>;
  readonly #name: string;
  #stage: Stage = CREATED;
  #value: Returned | undefined;

  /** Refuses: a coroutine can neither be copied nor be sent elsewhere. */
  readonly toJSON: () => never = refuseCopy;

  /**
   * Makes a coroutine of a generator. {@linkcode coroutine} does it for each call of a function.
   *
   * @param generator One that has not been started, and that nobody else uses.
   * @param name Its {@linkcode name}.
   */
  constructor(generator: Generator<Yielded, Returned, Sent>, name = "") {
    this.#generator = generator;
    this.#name = name;
  }

  /** The name of the function that it runs. */
  get name(): string {
    return this.#name;
  }

  /** Whether it has been started, runs, waits for a value, or has ended. */
  get state(): CoroutineState {
    return stateOf(this.#stage);
  }

  /** What it returned; `undefined` as long as it has not ended, and when it ended without a value. */
  get value(): Returned | undefined {
    return this.#value;
  }

  /**
   * Runs it up to its first `yield`, so that it can be sent values: Python's `send(None)`. What it
   * yields there is dropped; call {@linkcode next} instead to see it.
   *
   * @returns The coroutine itself.
   * @throws {InvalidStateError} When it has been started already, or closed.
   */
  start(): this {
    if (this.#stage !== CREATED) {
      throw new InvalidStateError(
        `Cannot start coroutine: it is ${this.state}, only a created one can be started`,
      );
    }
    this.#step(undefined as Sent);
    return this;
  }

  /**
   * Sends a value, which becomes the value of the `yield` at which it stands, and runs it up to the next
   * one.
   *
   * @param value The value. Before the first `yield` only `undefined`.
   * @returns What it yields next, or what it returns when it ends.
   * @throws {TypeError} When it has not been started and the value is not `undefined`.
   * @throws {InvalidStateError} When it has ended before, or runs.
   */
  send(value: Sent): Yielded | Returned {
    if (this.#stage !== SUSPENDED) this.#refuse(value);
    return this.#step(value).value;
  }

  /**
   * Throws an error at the `yield` at which it stands. One that has not been started, or has ended,
   * catches nothing: it is closed, and the error comes out.
   *
   * @param error What to throw; anything.
   * @returns What it yields next, when it caught the error, or what it returns.
   * @throws {InvalidStateError} When it runs.
   */
  throw(error: unknown): Yielded | Returned {
    return this.#throw(error).value;
  }

  /**
   * Ends it where it stands, as if there were a `return` at its `yield`: its `finally` blocks run. One that
   * has not been started runs nothing; closing it again does no harm.
   *
   * @returns What it returned in a `finally` block; otherwise, and when it had ended before, `undefined`.
   * @throws {InvalidStateError} When it yields instead of ending (it is suspended there, and can be closed
   * again), or when it runs.
   */
  close(): Returned | undefined {
    const result = this.#return(undefined as Returned);
    if (result.done === true) return result.value;
    throw new InvalidStateError("Cannot close coroutine: it yielded instead of ending");
  }

  /**
   * Does the same as {@linkcode send}, and tells whether it has ended. It is what loops and `yield*` call;
   * without a value it takes the next step of one that is sent nothing.
   *
   * @param args The value to send; nothing for `undefined`.
   * @returns What it yielded, or, with `done`, what it returned. When it had ended before: `done`.
   * @throws {TypeError} When it has not been started and a value is given.
   * @throws {InvalidStateError} When it runs.
   */
  next(...args: [] | [value: Sent]): IteratorResult<Yielded, Returned> {
    const value = args[0] as Sent;
    if (this.#stage === CLOSED) return { done: true, value: undefined as Returned };
    if (this.#stage !== SUSPENDED) this.#refuse(value);
    return this.#step(value);
  }

  /** Steps through what it yields. Leaving the loop early closes it. */
  [Symbol.iterator](): Iterator<Yielded, Returned, Sent> {
    return {
      next: (...args) => this.next(...args),
      throw: (error) => this.#throw(error),
      return: (value) => this.#return(value as Returned),
    };
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.close();
  }

  #step(value: Sent): IteratorResult<Yielded, Returned> {
    this.#stage = RUNNING;
    let result: IteratorResult<Yielded, Returned>;
    try {
      result = this.#generator.next(value);
    } catch (error) {
      this.#stage = CLOSED;
      throw error;
    }
    return this.#settle(result);
  }

  #throw(error: unknown): IteratorResult<Yielded, Returned> {
    this.#enter("throw into");
    let result: IteratorResult<Yielded, Returned>;
    try {
      result = this.#generator.throw(error);
    } catch (error) {
      this.#stage = CLOSED;
      throw error;
    }
    return this.#settle(result);
  }

  #return(value: Returned): IteratorResult<Yielded, Returned> {
    if (this.#stage === CLOSED) return { done: true, value };
    this.#enter("close");
    let result: IteratorResult<Yielded, Returned>;
    try {
      result = this.#generator.return(value);
    } catch (error) {
      this.#stage = CLOSED;
      throw error;
    }
    return this.#settle(result);
  }

  #settle(result: IteratorResult<Yielded, Returned>): IteratorResult<Yielded, Returned> {
    if (result.done === true) {
      this.#value = result.value;
      this.#stage = CLOSED;
    } else {
      this.#stage = SUSPENDED;
    }
    return result;
  }

  #enter(action: string): void {
    if (this.#stage === RUNNING) throw runningError(action);
    this.#stage = RUNNING;
  }

  /** Throws unless it is created and gets nothing. */
  #refuse(value: Sent): void {
    if (this.#stage === RUNNING) throw runningError("send into");
    if (this.#stage === CLOSED) {
      throw new InvalidStateError(
        "Cannot send into coroutine: it has ended, nothing waits for a value",
      );
    }
    if (value !== undefined) throw unstartedError();
  }
}

function runningError(action: string): InvalidStateError {
  return new InvalidStateError(
    `Cannot ${action} coroutine: it is running, a coroutine cannot be called from inside itself`,
  );
}
