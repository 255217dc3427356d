import { checkTimeout } from "./_check_timeout.ts";
import { Delivery, type LentCall, type LentMethod, type Seat } from "./_lending.ts";
import { FifoStore } from "./_store.ts";
import type { WaitOptions } from "./wait_options.ts";

/** A queue, as far as a seat uses it (naming the class itself would make the imports a circle). */
interface SeatedQueue<T> {
  put(item: T, options: WaitOptions): Promise<void>;
  putNowait(item: T): void;
  get(options: WaitOptions): Promise<T>;
  getNowait(): T;
  qsize(): number;
  empty(): boolean;
  full(): boolean;
  taskDone(): void;
  join(options: WaitOptions): Promise<void>;
  shutdown(options: { immediate?: boolean | undefined }): void;
  statistics(): unknown;
}

/** What the queue grants its seats beyond what everybody may do. */
export interface QueueSeatOptions<T> {
  /** Whether items that the borrower took and did not report as done go back when it is gone. */
  returnUnfinished: boolean;
  /** Makes a taken item the next one again. */
  giveBack(item: T): void;
}

/**
 * What one borrower has of a queue: it knows which items are on their way to the borrower, and which
 * ones it holds unfinished.
 */
export class QueueSeat<T> implements Seat {
  readonly methods: Readonly<Record<string, LentMethod>>;
  readonly #queue: SeatedQueue<T>;
  readonly #returnUnfinished: boolean;
  readonly #giveBack: (item: T) => void;
  readonly #held = new FifoStore<T>();
  #left = false;

  constructor(queue: SeatedQueue<T>, options: QueueSeatOptions<T>) {
    this.#queue = queue;
    this.#returnUnfinished = options.returnUnfinished;
    this.#giveBack = options.giveBack;
    this.methods = {
      put: (call, item: T, wait?: WaitOptions) => this.#put(call, item, wait),
      putNowait: (_call, item: T) => queue.putNowait(item),
      get: (call, wait?: WaitOptions) => this.#get(call, wait),
      getNowait: () => this.#deliver(queue.getNowait()),
      qsize: () => queue.qsize(),
      empty: () => queue.empty(),
      full: () => queue.full(),
      taskDone: () => this.#taskDone(),
      join: (call, wait?: WaitOptions) =>
        queue.join({ timeoutMs: wait?.timeoutMs, signal: call.signal }),
      shutdown: (_call, options?: { immediate?: boolean }) => queue.shutdown(options ?? {}),
      statistics: () => queue.statistics(),
    };
  }

  leave(): void {
    this.#left = true;
    const held: T[] = [];
    while (this.#held.size > 0) held.push(this.#held.take());
    // The oldest last, so that it is the first one to be taken again.
    for (const item of held.reverse()) this.#giveBack(item);
  }

  #put(call: LentCall, item: T, wait?: WaitOptions): void | Promise<void> {
    const timeoutMs = checkTimeout(wait?.timeoutMs);
    // A signal costs something to make: only a call that really waits asks for it.
    if (timeoutMs === 0 || !this.#queue.full()) return this.#queue.putNowait(item);
    return this.#queue.put(item, { timeoutMs, signal: call.signal });
  }

  #get(call: LentCall, wait?: WaitOptions): Delivery<T> | Promise<Delivery<T>> {
    const timeoutMs = checkTimeout(wait?.timeoutMs);
    if (timeoutMs === 0 || !this.#queue.empty()) return this.#deliver(this.#queue.getNowait());
    return this.#queue.get({ timeoutMs, signal: call.signal }).then((item) => this.#deliver(item));
  }

  #deliver(item: T): Delivery<T> {
    return new Delivery(item, () => {
      if (!this.#returnUnfinished) return;
      if (this.#left) this.#giveBack(item);
      else this.#held.add(item);
    }, () => this.#giveBack(item));
  }

  #taskDone(): void {
    if (this.#returnUnfinished) {
      if (this.#held.size === 0) {
        throw new RangeError(
          "Cannot mark a task as done: this borrower holds no unfinished item of the queue",
        );
      }
      this.#queue.taskDone();
      this.#held.take();
    } else {
      this.#queue.taskDone();
    }
  }
}
