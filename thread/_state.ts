import type { Revival } from "../ipc/_run_by_name.ts";

/** What this thread knows of itself, and of the threads that it has started. */
export interface ThreadState {
  name: string;
  daemon: boolean;
  killable: boolean;
  /** Whether the user's module is being imported into this thread now. */
  importing: boolean;
  /** How many threads with a name of ours this thread has made. */
  made: number;
  /** The ends of the threads that this one waits for before it ends itself. */
  readonly children: Set<Promise<void>>;
}

/** The state of this thread. */
export const state: ThreadState = {
  name: "MainThread",
  daemon: false,
  killable: false,
  importing: false,
  made: 0,
  children: new Set(),
};

/** Filled by the module of `Thread`. */
export const revival: Revival = {};

/** What of a value is to be moved; filled by `_moved.ts` when something is. */
export const moving: { takeMoved?: (values: readonly unknown[]) => Transferable[] } = {};
