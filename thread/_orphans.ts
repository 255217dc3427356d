import { childrenOf, markEnded, threadLockName } from "./_ident.ts";
import { webLocks } from "./_web_locks.ts";

/**
 * Notes the ends of the threads that a thread had started which has ended itself: nobody else would. Those that can
 * be stopped have gone down with it; one that cannot may run on for a while, and holds its locks until it ends.
 */
export function markOrphans(parent: number): void {
  for (const child of childrenOf(parent)) {
    // Granted when the thread has ended, as for those that this thread has started.
    void webLocks.request(threadLockName(child), () => {}).then(() => {
      markEnded(child);
      markOrphans(child);
    });
  }
}
