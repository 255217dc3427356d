import type { WaitOptions } from "../coroutine/wait_options.ts";
import type { SyncWaitOptions } from "./sync_wait_options.ts";

/** What a condition does with its `RLock` for somebody who need not be the one who runs; set by `rlock.ts`. */
export interface RLockInternals {
  /** Acquires it for a task. */
  acquire(lock: object, task: number, options: WaitOptions): Promise<boolean>;
  /** Acquires it for a task, and blocks. */
  acquireSync(lock: object, task: number, options?: SyncWaitOptions): boolean;
  /** Releases it so many times. */
  release(lock: object, task: number, times: number): void;
}

export const rlockInternals = {} as RLockInternals;
