import type { ValueSink } from "./_runner.ts";
import type { Scope } from "./_scope.ts";
import { waitWithin } from "./_wait_within.ts";

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;

/**
 * Passes on what a generator makes, no faster than it is taken. When the scope is cancelled it makes no
 * more, and is closed.
 *
 * @param made What the function returned: an iterable, an async one, or a promise of one.
 */
export async function pourOut(made: unknown, sink: ValueSink, scope: Scope): Promise<void> {
  const iterator = iteratorOf(await made);
  let isOver = false;
  try {
    for (;;) {
      if (sink.room <= 0) await untilRoom(sink, scope);
      // Here the generator learns of it by being closed: its own next wait may be a part of that.
      scope.check();
      scope.watched.throwIfAborted();
      const next = iterator.next();
      const { done, value } = "then" in next ? await next : next;
      if (done === true) {
        isOver = true;
        return;
      }
      const taken = sink.push(value);
      if (taken !== undefined) await taken;
    }
  } catch (error) {
    // One that threw is over; for one that was cancelled meanwhile it does no harm to be closed.
    isOver = !scope.watched.aborted;
    throw error;
  } finally {
    if (!isOver) await iterator.return?.();
  }
}

async function untilRoom(sink: ValueSink, scope: Scope): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  sink.whenRoom(resolve);
  await waitWithin(promise, { signal: scope.watched }, () => {});
}

function iteratorOf(made: unknown): AnyIterator {
  if (made !== null && made !== undefined) {
    const iterable = made as Iterable<unknown> & AsyncIterable<unknown>;
    if (typeof iterable[Symbol.asyncIterator] === "function") {
      return iterable[Symbol.asyncIterator]();
    }
    if (typeof iterable[Symbol.iterator] === "function" && typeof made !== "string") {
      return iterable[Symbol.iterator]();
    }
  }
  throw new TypeError(
    `Cannot stream the values of the function: it must return something iterable, as a generator ` +
      `does, got ${made === null ? "null" : typeof made}`,
  );
}
