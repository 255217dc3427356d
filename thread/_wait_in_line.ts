import { listenForCancel } from "../coroutine/_listen_for_cancel.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { isAskedToEnd, LONGEST_NAP_MS, ThreadExit } from "./_control.ts";
import { endOverdue, unwatchEnded, watchEnded } from "./_ident.ts";
import { keepAlive, letEnd } from "./_keep_alive.ts";
import { GRANTED, HELD, MUST_WAIT, type SharedLine } from "./_shared_line.ts";

/** The answer to one whose time is over. Answers of a line are other numbers. */
export const TOO_LATE = -2;

/** How often a thread looks at most before it sleeps: to sleep and to be woken takes longer than a short hold. */
const MOST_SPINS = 400;

/** It looks so often once in so many waits, whether that was worth it lately or not. */
const TRIAL_EVERY = 16;

/** How often this thread looks: less and less while it has to sleep all the same, as on a busy machine. */
let spins = MOST_SPINS;
let waits = 0;

/** Looks for an answer for a moment. @returns Whether it is there. */
function lookOut(line: SharedLine, slot: number): boolean {
  const times = ++waits % TRIAL_EVERY === 0 ? MOST_SPINS : spins;
  for (let spin = 0; spin < times; spin++) {
    if (line.stateOf(slot) !== GRANTED) continue;
    spins = MOST_SPINS;
    return true;
  }
  spins >>= 1;
  return false;
}

/** Enters a line, and takes a place in it when there is no answer at once. */
function enter(line: SharedLine, data: number): { answer: number; slot: number } {
  line.lock();
  try {
    const answer = line.enter(data);
    return { answer, slot: answer === MUST_WAIT ? line.join(data) : 0 };
  } finally {
    line.unlock();
  }
}

/**
 * Waits in a line, and blocks the thread.
 *
 * @param line The line.
 * @param timeoutMs How long; not `0`.
 * @param data What the line is told about the one who waits.
 * @returns The answer, or {@linkcode TOO_LATE}.
 * @throws {ThreadExit} When the thread was told to end. It is out of the line then.
 */
export function waitInLineSync(line: SharedLine, timeoutMs: number, data = 0): number {
  if (isAskedToEnd()) throw new ThreadExit();
  const { answer, slot } = enter(line, data);
  return answer === MUST_WAIT ? parkInLine(line, slot, timeoutMs) : answer;
}

/** Blocks the thread at a place in the line that it has already. */
export function parkInLine(line: SharedLine, slot: number, timeoutMs: number): number {
  const end = timeoutMs === Infinity ? Infinity : performance.now() + timeoutMs;
  let restMs = timeoutMs;
  if (lookOut(line, slot)) return line.take(slot);
  for (;;) {
    const state = line.stateOf(slot);
    if (state === GRANTED) return line.take(slot);
    const napMs = state === HELD ? LONGEST_NAP_MS : Math.min(LONGEST_NAP_MS, restMs);
    const woken = Atomics.wait(line.slots, slot, state, napMs) !== "timed-out";
    if (line.stateOf(slot) === GRANTED) return line.take(slot);
    if (isAskedToEnd() && line.leave(slot, "cancelled")) throw new ThreadExit();
    if (!woken) {
      endOverdue();
      line.sweep();
    }
    if (end === Infinity) continue;
    restMs = Math.max(0, end - performance.now());
    if (restMs === 0 && line.leave(slot, "late")) return TOO_LATE;
  }
}

/**
 * Waits in a line while the thread goes on.
 *
 * @param line The line.
 * @param timeoutMs How long; not `0`.
 * @param signal Stops the wait. Without one it ends with the current task.
 * @param data What the line is told about the one who waits.
 * @returns The answer, or {@linkcode TOO_LATE}.
 */
export function waitInLine(
  line: SharedLine,
  timeoutMs: number,
  { signal }: WaitOptions,
  data = 0,
): Promise<number> {
  return awaitInLine(line, timeoutMs, signal, () => enter(line, data));
}

/** The same at a place in the line that is taken by the caller, when the signal has not aborted. */
export function awaitInLine(
  line: SharedLine,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  enterLine: () => { answer: number; slot: number },
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let slot = 0;
  let isWaiting = true;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const settle = (): void => {
    isWaiting = false;
    clearTimeout(timer);
    unlisten?.();
    unwatchEnded(lookForDead);
    line.awaiting.delete(slot);
    letEnd();
  };
  const finish = (): void => {
    if (!isWaiting) return;
    settle();
    resolve(line.take(slot));
  };
  const lookForDead = (): void => {
    line.sweep();
    // One that died may have granted this, and not have come to wake it.
    if (line.stateOf(slot) === GRANTED) finish();
  };
  const giveUp = (reason: unknown): void => {
    if (!isWaiting || !line.leave(slot, "cancelled")) return;
    settle();
    reject(reason);
  };
  const tooLate = (): void => {
    if (!isWaiting || !line.leave(slot, "late")) return;
    settle();
    resolve(TOO_LATE);
  };
  let unlisten: (() => void) | undefined;
  try {
    // Before the line is entered: a task that was cancelled before must not be handed anything.
    unlisten = listenForCancel(signal, giveUp);
    const entered = enterLine();
    if (entered.answer !== MUST_WAIT) {
      unlisten?.();
      return Promise.resolve(entered.answer);
    }
    slot = entered.slot;
  } catch (error) {
    unlisten?.();
    return Promise.reject(error);
  }
  keepAlive();
  watchEnded(lookForDead);
  // Later: whoever grants has the guard.
  line.awaiting.set(slot, () => queueMicrotask(finish));
  if (timeoutMs !== Infinity) timer = setTimeout(tooLate, timeoutMs);
  const wait = async (): Promise<void> => {
    for (;;) {
      if (!isWaiting) return;
      const state = line.stateOf(slot);
      if (state === GRANTED) break;
      const { async, value } = Atomics.waitAsync(line.slots, slot, state);
      if (async) await value;
    }
    finish();
  };
  void wait();
  // A thread that ended before it was watched has woken nobody.
  lookForDead();
  return promise;
}
