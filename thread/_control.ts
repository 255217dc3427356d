/**
 * How a thread is told to end while it blocks: a word of shared memory that every blocking wait of this
 * room looks at, because a thread that is parked takes no messages.
 */

const exits = new WeakSet<object>();

/** Thrown out of a blocking wait of a thread that is being terminated; the thread's bootstrap catches it. */
export class ThreadExit extends Error {
  /** @param message Which wait was left. */
  constructor(message = "The thread is being terminated") {
    super(message);
    this.name = "ThreadExit";
    exits.add(this);
  }
}

/** Whether what was thrown is a {@linkcode ThreadExit}. It is not looked at: that might throw again. */
export function isThreadExit(thrown: unknown): boolean {
  return exits.has(thrown as object);
}

let word: Int32Array<SharedArrayBuffer> | undefined;

/** Gives this thread its control word; called once, by the bootstrap. The main thread has none. */
export function setControlWord(control: Int32Array<SharedArrayBuffer>): void {
  word = control;
}

/** Whether this thread was told to end. */
export function isAskedToEnd(): boolean {
  return word !== undefined && Atomics.load(word, 0) !== 0;
}

/** How long a blocking wait sleeps before it looks at the control word again, in milliseconds. */
export const LONGEST_NAP_MS = 20;
