import { listenForCancel } from "../coroutine/_listen_for_cancel.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import type { Handle, HomeCall } from "./_home.ts";

/**
 * Waits that end in their own time when they are cancelled: that of a condition first takes its lock again, and
 * one at a barrier that all have reached is over. A call that is cancelled as others are is given up by its
 * connection at once; these are asked to end, and then answered.
 */

/** In place of a signal: such a call is not cancelled by its connection. */
const NEVER = new AbortController().signal;
let lastId = 0;

/** How a patient call ended. */
export interface PatientAnswer<R> {
  readonly answer: R;
  /** That it was to end before, and why. */
  readonly cancelled: { readonly reason: unknown } | undefined;
}

/**
 * Calls a method that waits patiently, from where its home is not.
 *
 * @param leading Arguments that come after the number of the call.
 * @param wait How long to wait, as it crosses.
 * @param signal What stops the wait.
 */
export async function callPatiently<R>(
  handle: Handle,
  method: string,
  leading: readonly unknown[],
  wait: { timeoutMs?: number | null },
  signal: AbortSignal | undefined,
): Promise<PatientAnswer<R>> {
  const id = ++lastId;
  let cancelled: { reason: unknown } | undefined;
  const unlisten = listenForCancel(signal, (reason) => {
    if (cancelled !== undefined) return;
    cancelled = { reason };
    // When it cannot be told, the wait itself fails with that.
    handle.callToEnd("cancelWait", id).catch(() => {});
  });
  try {
    const answer = await handle.callToEnd<R>(method, id, ...leading, { ...wait, signal: NEVER });
    return { answer, cancelled };
  } finally {
    unlisten?.();
  }
}

/** The waits of one borrower that can be told to end. */
export class PatientWaits {
  readonly #controllers = new Map<number, AbortController>();

  /**
   * Runs a wait.
   *
   * @param call The call. Its own signal aborts when the borrower is gone, or has given the object back.
   * @param id The number that the borrower has given it; `0` for a wait of the process itself.
   * @param wait Waits; a signal that aborts is the end of the wait.
   */
  async run<T>(
    call: HomeCall,
    id: number,
    wait: (signal: AbortSignal | undefined) => Promise<T>,
  ): Promise<T> {
    if (id === 0) return await wait(call.signal);
    const controller = new AbortController();
    const end = () => controller.abort(call.signal?.reason);
    call.signal?.addEventListener("abort", end, { once: true });
    this.#controllers.set(id, controller);
    try {
      return await wait(controller.signal);
    } finally {
      this.#controllers.delete(id);
      call.signal?.removeEventListener("abort", end);
    }
  }

  /** Tells a wait to end. One that has ended already does not mind. */
  cancel(id: number): void {
    this.#controllers.get(id)?.abort(new DOMException("The wait was cancelled", "AbortError"));
  }
}

/** How long to wait, as it came over the wire: `null` is without end. */
export function readTimeout(wait: { timeoutMs?: number | null } | undefined): WaitOptions {
  const timeoutMs = wait?.timeoutMs;
  return { timeoutMs: timeoutMs === null ? Infinity : timeoutMs };
}
