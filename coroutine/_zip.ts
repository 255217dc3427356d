type Items = Iterable<unknown> | AsyncIterable<unknown>;

/** The first items of all inputs, then the second ones, until one of them has no more. */
export function zip(inputs: readonly Items[]): Iterable<unknown[]> | AsyncIterable<unknown[]> {
  return inputs.every((input) => Symbol.iterator in input)
    ? zipNow(inputs as readonly Iterable<unknown>[])
    : zipLater(inputs);
}

function* zipNow(inputs: readonly Iterable<unknown>[]): Generator<unknown[], void> {
  const iterators = inputs.map((input) => input[Symbol.iterator]());
  const over = new Set<Iterator<unknown>>();
  try {
    for (;;) {
      const items: unknown[] = [];
      for (const iterator of iterators) {
        over.add(iterator);
        const { done, value } = iterator.next();
        if (done === true) return;
        over.delete(iterator);
        items.push(value);
      }
      yield items;
    }
  } finally {
    // One that has ended, or that threw, is closed.
    for (const iterator of iterators) if (!over.has(iterator)) iterator.return?.();
  }
}

async function* zipLater(inputs: readonly Items[]): AsyncGenerator<unknown[], void> {
  const iterators = inputs.map((input) =>
    Symbol.asyncIterator in input ? input[Symbol.asyncIterator]() : input[Symbol.iterator]()
  );
  const over = new Set<object>();
  try {
    for (;;) {
      const items: unknown[] = [];
      for (const iterator of iterators) {
        over.add(iterator);
        const { done, value } = await iterator.next();
        if (done === true) return;
        over.delete(iterator);
        items.push(value);
      }
      yield items;
    }
  } finally {
    for (const iterator of iterators) if (!over.has(iterator)) await iterator.return?.();
  }
}
