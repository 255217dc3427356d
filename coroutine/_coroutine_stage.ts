import type { CoroutineState } from "./coroutine_state.ts";

// Numbers, and the two in which a coroutine cannot be stepped at the end: one comparison tells.
/** It stands at a `yield`. */
export const SUSPENDED = 0;
/** Nothing has run. */
export const CREATED = 1;
/** It stands at a `yield`, and nobody has had its last answer: the wait for it was given up. */
export const UNCLAIMED = 2;
/** It runs. */
export const RUNNING = 3;
/** It has ended. */
export const CLOSED = 4;

const NAMES = ["suspended", "created", "suspended", "running", "closed"] as const;

/** Where a coroutine stands, as its class keeps it. */
export type Stage =
  | typeof SUSPENDED
  | typeof CREATED
  | typeof UNCLAIMED
  | typeof RUNNING
  | typeof CLOSED;

/** The state that a user sees. */
export function stateOf(stage: Stage): CoroutineState {
  return NAMES[stage];
}

/** What a coroutine that is sent a value before its first `yield` says. */
export function unstartedError(): TypeError {
  return new TypeError(
    'Cannot send into coroutine: nothing waits for a value before the first "yield", ' +
      "only undefined can be sent; call start() first",
  );
}

/**
 * Refuses to be copied: no copy of a coroutine could go on where it stands.
 *
 * A coroutine has it as a property of its own, because `structuredClone` and `v8.serialize` take an object
 * with private fields for an empty one, and would give an empty copy without a word. They fail over a
 * function; `JSON.stringify` calls it.
 */
export function refuseCopy(): never {
  throw new TypeError("Cannot copy coroutine: a coroutine stays where it was created");
}
