/** A promise that follows `p`, but rejects with the signal's reason as soon as it is aborted. */
export function abortable<T>(p: Promise<T>, signal: AbortSignal): Promise<T>;
/** An iteration of `p` that throws the signal's reason as soon as it is aborted. */
export function abortable<T>(p: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T>;
/** A promise or an iteration that ends early when the signal is aborted. */
export function abortable<T>(
  p: Promise<T> | AsyncIterable<T>,
  signal: AbortSignal,
): Promise<T> | AsyncGenerator<T> {
  return p instanceof Promise ? settleOrAbort(p, signal) : iterateUntilAbort(p, signal);
}

/** Rejects when the signal is aborted, until it is disposed of. */
class Abortion implements Disposable {
  readonly #signal: AbortSignal;
  readonly #aborted = Promise.withResolvers<never>();
  readonly #onAbort = () => this.#aborted.reject(this.#signal.reason);

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    if (signal.aborted) this.#onAbort();
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  orSooner<T>(work: PromiseLike<T>): Promise<T> {
    return Promise.race([this.#aborted.promise, work]);
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener("abort", this.#onAbort);
  }
}

async function settleOrAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  using abortion = new Abortion(signal);
  return await abortion.orSooner(work);
}

async function* iterateUntilAbort<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T> {
  signal.throwIfAborted();
  using abortion = new Abortion(signal);
  const iterator = source[Symbol.asyncIterator]();
  let exhausted = false;
  try {
    while (true) {
      const { done, value } = await abortion.orSooner(iterator.next());
      if (done) {
        exhausted = true;
        return (await iterator.return?.(value))?.value;
      }
      yield value;
    }
  } finally {
    if (!exhausted) await iterator.return?.();
  }
}
