import type { LentCall } from "../coroutine/_lending.ts";
import type { ReferenceScope } from "./_reference.ts";

/** A call that the other side made and that is being worked on. */
export class IncomingCall implements LentCall {
  readonly id: number;
  /** Ends the wait for a method that was told to stop. */
  giveUp: ReturnType<typeof setTimeout> | undefined;
  #controller: AbortController | undefined;
  #aborted: { reason: unknown } | undefined;

  /**
   * @param id Its number.
   * @param scope The connection it has come over, for references.
   */
  constructor(id: number, readonly scope?: ReferenceScope) {
    this.id = id;
  }

  /** Aborts when the caller cancels the call or is gone. Made when it is first asked for. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#aborted ??= { reason };
    this.#controller?.abort(reason);
  }
}

/** A call that this side made and whose answer has not come. */
export interface OutgoingCall {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  /** Stops to listen for the caller's signal and ends timers. */
  cleanUp(): void;
  /** Why the caller cancelled the call, when it did. */
  cancelled: { reason: unknown } | undefined;
  /** Whether the call lets the process end although it waits. */
  readonly background: boolean;
}

/** Whether an argument is an object with a signal: then that is how the call is given up. */
export function hasSignal(value: unknown): value is { signal: AbortSignal } {
  return typeof value === "object" && value !== null && "signal" in value &&
    value.signal instanceof AbortSignal;
}
