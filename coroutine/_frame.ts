import { AsyncLocalStorage } from "node:async_hooks";
import { setScopeReader } from "./_current_scope.ts";
import type { Scope } from "./_scope.ts";

/**
 * What holds the values of context variables. The map itself is never changed, only replaced, so that a
 * task begins with a copy that costs nothing.
 */
export interface Values {
  /** The values, by variable. */
  map: ReadonlyMap<object, unknown>;
}

/** What follows running code across its awaits. */
export interface Frame {
  /** The innermost scope in which it can be cancelled, and whose owner is its task; none outside tasks. */
  readonly scope: Scope | undefined;
  /** What holds the values of its context variables. */
  readonly values: Values;
  /** Takes what the work reports of its progress; `undefined` when nobody listens. */
  readonly report?: ((value: unknown) => void) | undefined;
}

const frames = new AsyncLocalStorage<Frame | undefined>();

setScopeReader(() => frames.getStore()?.scope, (run) => frames.run(undefined, run));

/** The values of all code that runs outside every task. */
const root: Values = { map: new Map() };

/** What holds the values of the running code. */
export function currentValues(): Values {
  return frames.getStore()?.values ?? root;
}

/** The frame of the running code, or `undefined` outside every task and context. */
export function currentFrame(): Frame | undefined {
  return frames.getStore();
}

/** Runs a function, and all that it awaits, in a frame. */
export function runInFrame<A extends unknown[], R>(
  frame: Frame | undefined,
  run: (...args: A) => R,
  ...args: A
): R {
  return frames.run(frame, run, ...args);
}
