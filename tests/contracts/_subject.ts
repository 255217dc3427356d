import { settle } from "../support/settle.ts";
import { guard } from "../support/guard.ts";

/** An answer of a primitive that may live elsewhere. */
export type Answer<T> = T | Promise<T>;

/** What a contract tests: one primitive, seen by several owners. */
export interface Opened<Handle> extends AsyncDisposable {
  /** One for each owner (a task, a thread, a process), all of them on the same primitive. */
  readonly handles: readonly Handle[];
}

/** Handles that can be destructured; a test names no more of them than it has asked for. */
export type Handles<Handle> = [Handle, Handle, Handle, Handle, Handle, Handle, ...Handle[]];

/** How long to wait, and what stops the wait. */
export interface Wait {
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
}

/** How the text of an object looks that lives in another process. */
export const ELSEWHERE = /\bin another process\b/;
/** A time limit that a wait is meant to reach. */
export const SHORT_MS = 5;
/** A time limit that no wait is meant to reach. */
export const LONG_MS = 30_000;

/** Runs a test with fresh handles, and closes them. */
export async function withHandles<Handle>(
  opening: Promise<Opened<Handle>>,
  run: (...handles: Handles<Handle>) => Promise<void>,
): Promise<void> {
  await using opened = await opening;
  await run(...(opened.handles as Handles<Handle>));
}

/** Waits until so many wait, as the primitive itself counts them. */
export async function untilWaiting(
  handle: { statistics(): Answer<{ waiting: number }> },
  count: number,
): Promise<void> {
  let { waiting } = await handle.statistics();
  const reach = async (): Promise<void> => {
    while (waiting !== count) {
      await settle();
      ({ waiting } = await handle.statistics());
    }
  };
  await guard(reach(), () => `${count} waiting, there are ${waiting}`);
}
