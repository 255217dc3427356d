import { checkTimeout } from "./_check_timeout.ts";
import { listenForCancel } from "./_listen_for_cancel.ts";
import type { WaitOptions } from "./wait_options.ts";

/** One who waits: a node of a doubly linked list, so that leaving the line costs the same from anywhere. */
export interface Waiter<T, Data> {
  /** What the one who waits brought along. */
  readonly data: Data;
  /** Ends the wait with a value. Once only. */
  grant(value: T): void;
  /** Ends the wait with an error. Once only. */
  fail(error: unknown): void;
}

interface Node<T, Data> extends Waiter<T, Data> {
  previous: Node<T, Data> | undefined;
  next: Node<T, Data> | undefined;
  waiting: boolean;
}

/**
 * A line of waiters, first come, first served.
 *
 * A waiter that was granted stays granted: when its signal aborts afterwards, the grant holds. One
 * whose signal or timer came first is out of the line at once and can never be granted. So nothing
 * that is handed over is lost, and nothing is handed to one who left.
 */
export class Waiters<T, Data = undefined> {
  #first: Node<T, Data> | undefined;
  #last: Node<T, Data> | undefined;
  #size = 0;

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /**
   * Joins the end of the line.
   *
   * @param data What {@linkcode shift} shows to the one who grants.
   * @param options The usual two. `timeoutMs` 0 must have been answered by the caller.
   * @param timedOut Makes the error for a wait that took too long.
   */
  wait(data: Data, options: WaitOptions, timedOut: () => unknown): Promise<T> {
    const timeoutMs = checkTimeout(options.timeoutMs);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const settle = (): boolean => {
      if (!node.waiting) return false;
      this.#remove(node);
      if (timer !== undefined) clearTimeout(timer);
      unlisten?.();
      return true;
    };
    const node: Node<T, Data> = {
      data,
      previous: this.#last,
      next: undefined,
      waiting: true,
      grant: (value) => {
        if (settle()) resolve(value);
      },
      fail: (error) => {
        if (settle()) reject(error);
      },
    };
    let unlisten: (() => void) | undefined;
    try {
      unlisten = listenForCancel(options.signal, node.fail);
    } catch (reason) {
      return Promise.reject(reason);
    }
    if (this.#last === undefined) this.#first = node;
    else this.#last.next = node;
    this.#last = node;
    this.#size++;
    if (timeoutMs !== Infinity) timer = setTimeout(() => node.fail(timedOut()), timeoutMs);
    return promise;
  }

  /** The one who has waited longest, still in the line; granting or failing takes it out. */
  first(): Waiter<T, Data> | undefined {
    return this.#first;
  }

  /** Fails everybody. */
  failAll(error: () => unknown): void {
    while (this.#first !== undefined) this.#first.fail(error());
  }

  /** Grants everybody. */
  grantAll(value: T): void {
    while (this.#first !== undefined) this.#first.grant(value);
  }

  #remove(node: Node<T, Data>): void {
    node.waiting = false;
    if (node.previous === undefined) this.#first = node.next;
    else node.previous.next = node.next;
    if (node.next === undefined) this.#last = node.previous;
    else node.next.previous = node.previous;
    node.previous = undefined;
    node.next = undefined;
    this.#size--;
  }
}
