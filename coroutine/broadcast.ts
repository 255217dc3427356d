/**
 * One coroutine that sends what it gets to several.
 *
 * @module
 */

import { Abandoning, checkParts, isOpen, type LoosePart } from "./_part.ts";
import { AsyncCoroutine } from "./async_coroutine.ts";
import { Coroutine } from "./coroutine.ts";
import type { PipeAnswer, PipePart } from "./pipe.ts";

/**
 * What can be sent to all of several coroutines.
 *
 * @typeParam Targets The coroutines.
 */
export type BroadcastItem<Targets extends readonly PipePart<never>[]> = {
  [Index in keyof Targets]: Targets[Index] extends
    Coroutine<unknown, infer Item, unknown> | AsyncCoroutine<unknown, infer Item, unknown>
    ? (item: Item) => void
    : never;
}[number] extends (item: infer Item) => void ? Item : never;

/**
 * The last answers of several coroutines, in their order.
 *
 * @typeParam Targets The coroutines.
 */
export type BroadcastAnswers<Targets extends readonly PipePart<never>[]> = {
  -readonly [Index in keyof Targets]: PipeAnswer<Targets[Index]>;
};

/**
 * The coroutine that {@linkcode broadcast} makes: an async one when a target is.
 *
 * @typeParam Targets The coroutines.
 */
export type Broadcast<Targets extends readonly PipePart<never>[]> = Targets extends
  readonly Coroutine<unknown, never, unknown>[]
  ? Coroutine<BroadcastAnswers<Targets>, BroadcastItem<Targets>, BroadcastAnswers<Targets>>
  : AsyncCoroutine<BroadcastAnswers<Targets>, BroadcastItem<Targets>, BroadcastAnswers<Targets>>;

/**
 * Makes a coroutine that sends each item that it gets to all targets. It can be the sink of a `pipe`.
 *
 * - The targets are started with it, get the items in their order, and are closed with it. What can be
 *   sent is what all of them take.
 * - With an async target, all get an item at the same time, and the next item waits for the slowest.
 * - A target that has ended gets nothing more; when all have, the broadcast ends as well.
 * - It answers the last answers of the targets, in their order: what each yielded last, or returned at its
 *   end. A `close()` answers them, too.
 * - When a target throws, the others still get the item; then the error is thrown into them, and comes out
 *   of the broadcast. Several errors come out as an `AggregateError`.
 *
 * @example Sum and count at once
 * ```ts
 * import { broadcast, coroutine, pipe } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const fold = coroutine(function* (step: (total: number, n: number) => number) {
 *   let total = 0;
 *   for (;;) {
 *     const n: number = yield total;
 *     total = step(total, n);
 *   }
 * });
 *
 * const sum = fold((total, n) => total + n);
 * const count = fold((total) => total + 1);
 * assertEquals(pipe([1, 2, 3], broadcast(sum, count)), [6, 3]);
 * ```
 *
 * @typeParam Targets The coroutines.
 * @param targets The coroutines, none of them started yet.
 * @returns The coroutine.
 * @throws {TypeError} When a target is no coroutine, or there is none.
 * @throws {InvalidStateError} When a target has been started, or is there twice.
 */
export function broadcast<const Targets extends readonly [PipePart<never>, ...PipePart<never>[]]>(
  ...targets: Targets
): Broadcast<Targets> {
  if (targets.length === 0) {
    throw new TypeError("Cannot broadcast: at least one coroutine is needed");
  }
  checkParts(targets, "broadcast");
  const parts = targets as readonly unknown[] as readonly LoosePart[];
  const made = parts.every((part) => part instanceof Coroutine)
    ? new Coroutine(spread(parts), "broadcast")
    : new AsyncCoroutine(spreadAsync(parts), "broadcast");
  return made as unknown as Broadcast<Targets>;
}

function* spread(
  targets: readonly Coroutine<unknown, unknown, unknown>[],
): Generator<unknown[], unknown[], unknown> {
  const answers: unknown[] = [];
  let isGood = true;
  try {
    toAll(targets, answers, (target) => target.next().value);
    while (targets.some(isOpen)) {
      const item = yield [...answers];
      toAll(targets, answers, (target) => target.send(item));
    }
  } catch (error) {
    isGood = false;
    throw abandon(targets, error).error;
  } finally {
    // Also after a `close()`, which nothing but `finally` sees. With an error on its way it must not return.
    if (isGood) {
      toAll(targets, answers, (target, index) => target.close() ?? answers[index]);
      // deno-lint-ignore no-unsafe-finally -- this is how a closed generator answers
      return answers;
    }
  }
  return answers;
}

async function* spreadAsync(
  targets: readonly LoosePart[],
): AsyncGenerator<unknown[], unknown[], unknown> {
  const answers: unknown[] = [];
  let isGood = true;
  try {
    await toAllAsync(
      targets,
      answers,
      (target) =>
        target instanceof AsyncCoroutine
          ? target.next().then(({ value }) => value)
          : target.next().value,
    );
    while (targets.some(isOpen)) {
      const item = yield [...answers];
      await toAllAsync(targets, answers, (target) => target.send(item));
    }
  } catch (error) {
    isGood = false;
    const abandoning = abandon(targets, error);
    await Promise.all(abandoning.endings);
    throw abandoning.error;
  } finally {
    if (isGood) {
      await toAllAsync(
        targets,
        answers,
        (target, index) =>
          target instanceof AsyncCoroutine
            ? target.close().then((value) => value ?? answers[index])
            : target.close() ?? answers[index],
      );
      // deno-lint-ignore no-unsafe-finally -- this is how a closed generator answers
      return answers;
    }
  }
  return answers;
}

/** Does the same with all targets that are open, also after an error, and notes what they answer. */
function toAll(
  targets: readonly Coroutine<unknown, unknown, unknown>[],
  answers: unknown[],
  act: (target: Coroutine<unknown, unknown, unknown>, index: number) => unknown,
): void {
  let errors: unknown[] | undefined;
  for (let index = 0; index < targets.length; index++) {
    const target = targets[index]!;
    if (target.state === "closed") continue;
    try {
      answers[index] = act(target, index);
    } catch (error) {
      (errors ??= []).push(error);
    }
  }
  if (errors !== undefined) throw joinErrors(errors);
}

async function toAllAsync(
  targets: readonly LoosePart[],
  answers: unknown[],
  act: (target: LoosePart, index: number) => unknown,
): Promise<void> {
  const errors: unknown[] = [];
  await Promise.all(targets.map(async (target, index) => {
    if (target.state === "closed") return;
    try {
      const answer = act(target, index);
      // What a plain coroutine answers is taken as it is, also a promise.
      answers[index] = target instanceof AsyncCoroutine ? await answer : answer;
    } catch (error) {
      errors.push(error);
    }
  }));
  if (errors.length > 0) throw joinErrors(errors);
}

function joinErrors(errors: readonly unknown[]): unknown {
  if (errors.length === 1) return errors[0];
  return new AggregateError(errors, `Coroutines threw ${errors.length} errors`);
}

function abandon(targets: readonly LoosePart[], error: unknown): Abandoning {
  const abandoning = new Abandoning(error);
  for (const target of targets) abandoning.fail(target);
  return abandoning;
}
