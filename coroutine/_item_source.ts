type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;

/** The input of an `imap`, read one item at a time, whether it is an iterable or an async one. */
export class ItemSource {
  readonly #input: Iterable<unknown> | AsyncIterable<unknown>;
  #iterator: AnyIterator | undefined;
  #isReading = false;
  #isOver = false;
  /** What was read, and not fetched yet. */
  #arrived: IteratorResult<unknown> | undefined;
  #closing: Promise<void> | undefined;
  #error: { readonly error: unknown } | undefined;

  constructor(input: Iterable<unknown> | AsyncIterable<unknown>) {
    this.#input = input;
  }

  /** What the input threw, if it did. It is over then. */
  get error(): { readonly error: unknown } | undefined {
    return this.#error;
  }

  /** Fulfilled when the input is closed; rejected when that failed. */
  get closed(): Promise<void> {
    return this.#closing ?? Promise.resolve();
  }

  /**
   * Takes the next item.
   *
   * @param again Called when there may be an item after an answer of `"later"`.
   */
  read(again: () => void): { readonly item: unknown } | "later" | "over" {
    if (this.#isReading) return "later";
    if (this.#isOver) return "over";
    try {
      const arrived = this.#arrived ?? this.#next(again);
      this.#arrived = undefined;
      if (arrived === undefined) return "later";
      if (arrived.done !== true) return { item: arrived.value };
    } catch (error) {
      this.#error = { error };
    }
    this.#isOver = true;
    return "over";
  }

  /** Nothing more is wanted. The input gets to know it, unless it was over by itself. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const iterator = this.#iterator;
    if (iterator?.return === undefined) return;
    const wasReading = this.#isReading;
    const closing = (async () => void await iterator.return!())();
    closing.catch(() => {});
    // An async generator that waits hears of it when it goes on, which may be never.
    if (!wasReading) this.#closing = closing;
  }

  #next(again: () => void): IteratorResult<unknown> | undefined {
    this.#iterator ??= iteratorOf(this.#input);
    const next = this.#iterator.next();
    if (!("then" in next)) return next;
    this.#isReading = true;
    const arrive = () => {
      this.#isReading = false;
      again();
    };
    next.then((result) => {
      this.#arrived = result;
      arrive();
    }, (error) => {
      this.#error ??= { error };
      this.#isOver = true;
      arrive();
    });
    return undefined;
  }
}

function iteratorOf(input: Iterable<unknown> | AsyncIterable<unknown>): AnyIterator {
  return Symbol.asyncIterator in input ? input[Symbol.asyncIterator]() : input[Symbol.iterator]();
}
