import { lend, type LentCall, setLender } from "../coroutine/_lending.ts";
import type { Queue } from "../coroutine/queue.ts";

/** A queue as it is lent to the processes of the family, which may put several items with one call. */
export class QueueLoan<T> {
  readonly #queue: Queue<T>;

  static {
    setLender(QueueLoan, (loan) => {
      const seat = lend(loan.#queue)!;
      const putMany = (call: LentCall, bytes: Uint8Array) => loan.#putMany(call, bytes);
      return { methods: { ...seat.methods, putMany }, leave: () => seat.leave() };
    });
  }

  constructor(queue: Queue<T>) {
    this.#queue = queue;
  }

  /** Puts items one after the other, and says how many are in the queue: all, or those before it was shut down. */
  #putMany(call: LentCall, bytes: Uint8Array): number | Promise<number> {
    const items: T[] = JSON.parse(new TextDecoder().decode(bytes));
    let count = 0;
    try {
      while (count < items.length && !this.#queue.full()) this.#queue.putNowait(items[count++]!);
    } catch {
      return count - 1;
    }
    if (count === items.length) return count;
    const { signal } = call;
    // All of the others join the line at once, so that what is put later does not overtake them.
    const waits = items.slice(count).map((item) => this.#queue.put(item, { signal }));
    return Promise.allSettled(waits).then((results) => {
      const failed = results.findIndex(({ status }) => status === "rejected");
      return failed === -1 ? items.length : count + failed;
    });
  }
}
