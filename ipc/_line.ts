import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { listenForCancel } from "../coroutine/_listen_for_cancel.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";

interface Waiter {
  grant(): void;
  fail(error: unknown): void;
}

/**
 * Those who wait for room, in the order in which they came. A turn that is granted stays granted, also when
 * the wait is aborted at the same moment; one who has left does not hold up those behind.
 */
export class Line {
  readonly #waiters = new Set<Waiter>();

  /** How many wait. */
  get length(): number {
    return this.#waiters.size;
  }

  /**
   * Waits for one's turn, and acts when it comes, within the call that grants it.
   *
   * @param act What is done when the turn has come.
   */
  wait<T>(options: WaitOptions, what: string, act: () => T): Promise<T> {
    const timeoutMs = checkTimeout(options.timeoutMs);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let unlisten: (() => void) | undefined;
    const leave = () => {
      this.#waiters.delete(waiter);
      if (timer !== undefined) clearTimeout(timer);
      unlisten?.();
    };
    const waiter: Waiter = {
      grant() {
        leave();
        try {
          resolve(act());
        } catch (error) {
          reject(error);
        }
      },
      fail(error) {
        leave();
        reject(error);
      },
    };
    try {
      unlisten = listenForCancel(options.signal, waiter.fail);
    } catch (reason) {
      return Promise.reject(reason);
    }
    this.#waiters.add(waiter);
    if (timeoutMs !== Infinity) {
      timer = setTimeout(
        () => waiter.fail(new TimeoutError(`${what} within ${timeoutMs} ms`)),
        timeoutMs,
      );
    }
    return promise;
  }

  /** Lets the first one act. */
  next(): void {
    for (const waiter of this.#waiters) return waiter.grant();
  }

  /** Fails all who wait, each with an error of its own. */
  failAll(makeError: () => Error): void {
    for (const waiter of [...this.#waiters]) waiter.fail(makeError());
  }
}

/** Waits until a message has left, for as long as its sender wants to; it leaves either way. */
export async function waitLeaving(
  leaving: Promise<void>,
  options: WaitOptions,
  what: string,
): Promise<void> {
  leaving.catch(() => {});
  await waitWithin(leaving, options, (timeoutMs) => {
    throw new TimeoutError(`${what} within ${timeoutMs} ms`);
  });
}
