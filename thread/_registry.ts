import type { ThreadInfo } from "./thread_info.ts";

/** The threads that this thread has started and that have not ended. */
const alive = new Map<number, ThreadInfo>();

/** Notes that a thread runs. */
export function addThread(thread: ThreadInfo): void {
  alive.set(thread.ident, thread);
}

/** Notes that a thread has ended. */
export function removeThread(ident: number): void {
  alive.delete(ident);
}

/** The threads that run, in the order of their starts. */
export function listThreads(): ThreadInfo[] {
  return [...alive.values()];
}
