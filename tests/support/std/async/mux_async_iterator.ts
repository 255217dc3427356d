interface Arrival<T> {
  value: T;
  source: AsyncIterator<T>;
}

/** Merges async iterables into one, which yields their values in the order they arrive. */
export class MuxAsyncIterator<T> implements AsyncIterable<T> {
  #openSources = 0;
  #arrivals: Arrival<T>[] = [];
  #failures: { reason: unknown }[] = [];
  #news = Promise.withResolvers<void>();

  /** Adds an async iterable to the merged ones. */
  add(iterable: AsyncIterable<T>): void {
    this.#openSources++;
    this.#pull(iterable[Symbol.asyncIterator]());
  }

  /** The merged values, as an iterator. */
  async *iterate(): AsyncIterableIterator<T> {
    while (this.#openSources > 0) {
      await this.#news.promise;
      // More values can arrive while these are yielded; the loop takes them too.
      for (const { value, source } of this.#arrivals) {
        yield value;
        this.#pull(source);
      }
      const failure = this.#failures[0];
      if (failure) throw failure.reason;
      this.#arrivals = [];
      this.#news = Promise.withResolvers<void>();
    }
  }

  /** The merged values, as an iterator. */
  [Symbol.asyncIterator](): AsyncIterator<T> {
    return this.iterate();
  }

  /** Asks a source for its next value, without waiting for it. */
  async #pull(source: AsyncIterator<T>): Promise<void> {
    try {
      const { value, done } = await source.next();
      if (done) this.#openSources--;
      else this.#arrivals.push({ value, source });
    } catch (reason) {
      this.#failures.push({ reason });
    }
    this.#news.resolve();
  }
}
