import { currentScope } from "./_current_scope.ts";
import type { PoolCore } from "./_pool_core.ts";

interface PoolCall {
  readonly core: PoolCore;
  /** How many waits of the call for its own pool go on. */
  waits: number;
  takeBack: () => void;
}

/** The pool whose function a task runs. */
const calls = new WeakMap<object, PoolCall>();

/** Remembers that a task runs a function of a pool. */
export function enlistCall(task: object, core: PoolCore): void {
  calls.set(task, { core, waits: 0, takeBack: () => {} });
}

/**
 * The running code begins to wait for something that a pool does. When it is itself a function of that
 * pool, another one may run while it waits: or a pool whose functions all wait for it would stand still.
 *
 * @returns To be called when the wait is over; `undefined` when it makes no difference.
 */
export function waitForPool(core: PoolCore): (() => void) | undefined {
  const owner = currentScope()?.owner;
  const call = owner === undefined ? undefined : calls.get(owner);
  if (call === undefined || call.core !== core) return undefined;
  if (call.waits++ === 0) call.takeBack = core.lend();
  return () => {
    if (--call.waits === 0) call.takeBack();
  };
}
