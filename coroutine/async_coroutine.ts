/**
 * Async generators as coroutines.
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
  UNCLAIMED,
  unstartedError,
} from "./_coroutine_stage.ts";
import { currentScope } from "./_current_scope.ts";
import { untilGivenUp } from "./_give_up.ts";
import type { CoroutineState } from "./coroutine_state.ts";
import { InvalidStateError, TimeoutError } from "./errors.ts";
import type { WaitOptions } from "./wait_options.ts";

/**
 * An async generator that values are sent into. It is made by `coroutine(async function* …)`.
 *
 * - It runs only within `start`, `send`, `throw`, `close` and `next`, up to its next `yield`; then they
 *   answer what was yielded. When it ends instead, they answer what it returned; {@linkcode state} tells
 *   which it was, and {@linkcode next} tells both at once.
 * - An error that is not caught inside ends it, and comes out of the call.
 * - It does one thing at a time. A call while it runs is an `InvalidStateError`, from inside (where the
 *   bare generator would wait for itself for ever) as from outside: two senders need a queue between them.
 *   A `send` after its end is one as well: no value gets lost.
 * - An aborted or timed out `send` stops *waiting*; what was sent is there, and the coroutine runs on to its
 *   next `yield`. The answer that comes then is kept for {@linkcode answer}, and as long as nobody took
 *   it the next `send` is an `InvalidStateError`: answers cannot be mistaken for one another. A call that
 *   was aborted before it began has sent nothing.
 * - `close()` ends it where it stands: its `finally` blocks run. Disposal does so too, and waits until what
 *   runs has come to its `yield`.
 * - It can be looped over with `for await`; leaving the loop closes it. `yield*` can delegate to it, in
 *   async generators.
 *
 * It follows Python's
 * {@link https://docs.python.org/3/reference/expressions.html#asynchronous-generator-iterator-methods | asynchronous generators},
 * without the `a` in front of their names. What differs from Python is told at `Coroutine`.
 *
 * @example A question with a time limit, and its late answer
 * ```ts
 * import { coroutine, TimeoutError } from "@manyhands/concurrency/coroutine";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const { promise: moreInk, resolve: bringInk } = Promise.withResolvers<void>();
 * const print = coroutine(async function* () {
 *   for (let printed = 0;; printed++) {
 *     const page: string = yield printed;
 *     if (page === "picture") await moreInk;
 *   }
 * });
 *
 * await using printing = await print().start();
 * assertEquals(await printing.send("text"), 1);
 * await assertRejects(() => printing.send("picture", { timeoutMs: 1 }), TimeoutError);
 * bringInk();
 * assertEquals(await printing.answer(), 2);
 * assertEquals(await printing.send("text"), 3);
 * ```
 *
 * @typeParam Yielded What it yields.
 * @typeParam Sent What must be sent.
 * @typeParam Returned What it returns; `never` for one that does not end by itself.
 */
export class AsyncCoroutine<out Yielded, in Sent, out Returned> implements AsyncDisposable {
  readonly #generator: AsyncGenerator<Yielded, Returned, Sent>;
  readonly #name: string;
  #stage: Stage = CREATED;
  /** Where it stands after the step that runs, if it does not end. */
  #nextStage: Stage = SUSPENDED;
  #value: Returned | undefined;
  /** The step whose answer nobody has had. */
  #unclaimed: Promise<unknown> | undefined;

  /** Refuses: a coroutine can neither be copied nor be sent elsewhere. */
  readonly toJSON: () => never = refuseCopy;

  /**
   * Makes a coroutine of an async generator. `coroutine()` does it for each call of a function.
   *
   * @param generator One that has not been started, and that nobody else uses.
   * @param name Its {@linkcode name}.
   */
  constructor(generator: AsyncGenerator<Yielded, Returned, Sent>, name = "") {
    this.#generator = generator;
    this.#name = name;
  }

  /** The name of the function that it runs. */
  get name(): string {
    return this.#name;
  }

  /** Whether it has been started, runs (or waits within its function), waits for a value, or has ended. */
  get state(): CoroutineState {
    return stateOf(this.#stage);
  }

  /** What it returned; `undefined` as long as it has not ended, and when it ended without a value. */
  get value(): Returned | undefined {
    return this.#value;
  }

  /**
   * Runs it up to its first `yield`, so that it can be sent values: Python's `asend(None)`. What it
   * yields there is dropped; call {@linkcode next} instead to see it.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns The coroutine itself.
   * @throws {InvalidStateError} When it has been started already, or closed.
   * @throws {TimeoutError} When it was not at its first `yield` after `timeoutMs`.
   */
  async start(options: WaitOptions = {}): Promise<this> {
    await this.#wait(options, () => {
      if (this.#stage !== CREATED) {
        throw new InvalidStateError(
          `Cannot start coroutine: it is ${this.state}, only a created one can be started`,
        );
      }
      return this.#step(undefined as Sent);
    });
    return this;
  }

  /**
   * Sends a value, which becomes the value of the `yield` at which it stands, and runs it up to the next
   * one.
   *
   * @param value The value. Before the first `yield` only `undefined`.
   * @param options How long to wait for the answer, and what stops the wait.
   * @returns What it yields next, or what it returns when it ends.
   * @throws {TypeError} When it has not been started and the value is not `undefined`.
   * @throws {InvalidStateError} When it has ended before, runs, or has an answer that nobody took.
   * @throws {TimeoutError} When the answer was not there after `timeoutMs`; {@linkcode answer} has it later.
   */
  send(value: Sent, options?: WaitOptions): Promise<Yielded | Returned> {
    if (
      this.#stage === SUSPENDED && options === undefined && currentScope() === undefined
    ) {
      this.#stage = RUNNING;
      return this.#generator.next(value).then(this.#settleSend, this.#fail);
    }
    return this.#sendSlowly(value, options ?? {}).then(valueOf);
  }

  /**
   * Takes the answer to a call that was given up: to an aborted or timed out `send`, `start`, `throw` or
   * `next`. It waits while the coroutine still runs.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns What it yielded or returned. When it threw instead, the error comes out here.
   * @throws {InvalidStateError} When no call was given up, or its answer was taken.
   * @throws {TimeoutError} When the answer was not there after `timeoutMs`.
   */
  answer(options: WaitOptions = {}): Promise<Yielded | Returned> {
    return this.#wait(options, () => {
      if (this.#unclaimed === undefined) {
        throw new InvalidStateError(
          "Cannot take an answer from coroutine: there is none that a call has given up",
        );
      }
      return this.#claim(this.#unclaimed as Promise<IteratorResult<Yielded, Returned>>);
    }).then(valueOf);
  }

  /**
   * Throws an error at the `yield` at which it stands. One that has not been started, or has ended,
   * catches nothing: it is closed, and the error comes out.
   *
   * @param error What to throw; anything.
   * @param options How long to wait for the answer, and what stops the wait.
   * @returns What it yields next, when it caught the error, or what it returns.
   * @throws {InvalidStateError} When it runs, or has an answer that nobody took.
   * @throws {TimeoutError} When the answer was not there after `timeoutMs`; {@linkcode answer} has it later.
   */
  throw(error: unknown, options: WaitOptions = {}): Promise<Yielded | Returned> {
    return this.#wait(options, () => this.#throw(error)).then(valueOf);
  }

  /**
   * Ends it where it stands, as if there were a `return` at its `yield`: its `finally` blocks run. One that
   * has not been started runs nothing; closing it again does no harm. An answer that nobody took is
   * dropped, but not an error.
   *
   * @param options How long to wait, and what stops the wait; the closing goes on.
   * @returns What it returned in a `finally` block; otherwise, and when it had ended before, `undefined`.
   * @throws {InvalidStateError} When it yields instead of ending (it is suspended there, and can be closed
   * again), or when it runs.
   * @throws {TimeoutError} When it had not ended after `timeoutMs`.
   */
  async close(options: WaitOptions = {}): Promise<Returned | undefined> {
    const result = await this.#wait(options, () => {
      if (this.#stage === RUNNING) throw this.#busyError("close");
      return this.#close();
    });
    return result.done === true ? result.value : undefined;
  }

  /**
   * Does the same as {@linkcode send}, and tells whether it has ended. It is what loops and `yield*` call;
   * without a value it takes the next step of one that is sent nothing.
   *
   * @param args The value to send; nothing for `undefined`.
   * @returns What it yielded, or, with `done`, what it returned. When it had ended before: `done`.
   * @throws {TypeError} When it has not been started and a value is given.
   * @throws {InvalidStateError} When it runs, or has an answer that nobody took.
   */
  next(...args: [] | [value: Sent]): Promise<IteratorResult<Yielded, Returned>> {
    const value = args[0] as Sent;
    if (this.#stage === SUSPENDED && currentScope() === undefined) return this.#step(value);
    if (this.#stage === CLOSED && this.#unclaimed === undefined) {
      return Promise.resolve({ done: true, value: undefined as Returned });
    }
    return this.#sendSlowly(value, {});
  }

  /** Steps through what it yields. Leaving the loop early closes it. */
  [Symbol.asyncIterator](): AsyncIterator<Yielded, Returned, Sent> {
    return {
      next: (...args) => this.next(...args),
      throw: (error) => this.#wait({}, () => this.#throw(error)),
      return: (value) => this.#wait({}, () => this.#return(value as Returned)),
    };
  }

  /**
   * Closes it; while it runs, as soon as it has come to its `yield`. It is not for the function of the
   * coroutine itself, which would wait for itself.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  // Made once, and not with each step. (Parameters of a field's type would stand against the variance.)
  readonly #settleStep = (result: IteratorResult<unknown>): IteratorResult<Yielded, Returned> =>
    this.#settle(result as IteratorResult<Yielded, Returned>);

  // The same, written out: it runs with every `send`, and the goal is near to what a bare promise costs.
  readonly #settleSend = (result: IteratorResult<unknown>): Yielded | Returned => {
    if (result.done === true) {
      return this.#settle(result as IteratorResult<Yielded, Returned>).value;
    }
    this.#stage = this.#nextStage;
    return result.value as Yielded;
  };

  readonly #fail = (error: unknown): never => {
    this.#stage = CLOSED;
    throw error;
  };

  #settle(result: IteratorResult<Yielded, Returned>): IteratorResult<Yielded, Returned> {
    if (result.done === true) {
      this.#value = result.value;
      this.#stage = CLOSED;
    } else {
      this.#stage = this.#nextStage;
    }
    return result;
  }

  /** Waits for a step, and keeps its answer when the caller gives up. */
  #wait<T>(options: WaitOptions, begin: () => Promise<T>): Promise<T> {
    return untilGivenUp(begin, options, {
      givenUp: (step) => {
        this.#unclaimed = step;
        // It may have ended between its last turn and ours.
        if (this.#stage === SUSPENDED) this.#stage = UNCLAIMED;
        else this.#nextStage = UNCLAIMED;
      },
      timedOut: (timeoutMs) => new TimeoutError(`Coroutine did not answer within ${timeoutMs} ms`),
    });
  }

  async #claim(
    step: Promise<IteratorResult<Yielded, Returned>>,
  ): Promise<IteratorResult<Yielded, Returned>> {
    try {
      return await step;
    } finally {
      if (this.#unclaimed === step) this.#forget();
    }
  }

  /** The answer that nobody took is taken, or not wanted. */
  #forget(): void {
    this.#unclaimed = undefined;
    this.#nextStage = SUSPENDED;
    if (this.#stage === UNCLAIMED) this.#stage = SUSPENDED;
  }

  // Not within `send`: a function that makes a closure pays for it with each call, also without making it.
  #sendSlowly(value: Sent, options: WaitOptions): Promise<IteratorResult<Yielded, Returned>> {
    return this.#wait(options, () => {
      this.#checkSend(value);
      return this.#step(value);
    });
  }

  #step(value: Sent): Promise<IteratorResult<Yielded, Returned>> {
    this.#stage = RUNNING;
    return this.#generator.next(value).then(this.#settleStep, this.#fail);
  }

  #throw(error: unknown): Promise<IteratorResult<Yielded, Returned>> {
    this.#checkIdle("throw into");
    this.#stage = RUNNING;
    return this.#generator.throw(error).then(this.#settleStep, this.#fail);
  }

  #return(value: Returned): Promise<IteratorResult<Yielded, Returned>> {
    this.#checkIdle("close");
    if (this.#stage === CLOSED) return Promise.resolve({ done: true, value });
    this.#stage = RUNNING;
    return this.#generator.return(value).then(this.#settleStep, this.#fail);
  }

  /** Closes it, behind the step that runs. */
  async #close(): Promise<IteratorResult<Yielded, Returned>> {
    const unclaimed = this.#unclaimed;
    this.#forget();
    if (this.#stage !== CLOSED) {
      const closing = this.#generator.return(undefined as Returned);
      // Nobody gets in between the step that runs and the closing.
      this.#stage = this.#nextStage = RUNNING;
      const result = await closing.catch(this.#fail);
      // The closing may have been given up meanwhile.
      this.#nextStage = this.#unclaimed === undefined ? SUSPENDED : UNCLAIMED;
      // After a step that ended it by itself, there was nothing to close.
      if (this.#stage as Stage !== CLOSED) this.#settle(result);
      if (result.done !== true) {
        throw new InvalidStateError("Cannot close coroutine: it yielded instead of ending");
      }
      if (unclaimed !== undefined) await unclaimed;
      return result;
    }
    if (unclaimed !== undefined) await unclaimed;
    return { done: true, value: undefined as Returned };
  }

  /** Throws unless a value can be sent. */
  #checkSend(value: Sent): void {
    this.#checkIdle("send into");
    if (this.#stage === CLOSED) {
      throw new InvalidStateError(
        "Cannot send into coroutine: it has ended, nothing waits for a value",
      );
    }
    if (this.#stage === CREATED && value !== undefined) throw unstartedError();
  }

  #checkIdle(action: string): void {
    if (this.#stage === RUNNING) throw this.#busyError(action);
    if (this.#unclaimed !== undefined) {
      throw new InvalidStateError(
        `Cannot ${action} coroutine: nobody took the answer to a call that was given up, ` +
          "call answer() first",
      );
    }
  }

  #busyError(action: string): InvalidStateError {
    return new InvalidStateError(
      `Cannot ${action} coroutine: it is running, it does one thing at a time`,
    );
  }
}

function valueOf<Yielded, Returned>(
  result: IteratorResult<Yielded, Returned>,
): Yielded | Returned {
  return result.value;
}
