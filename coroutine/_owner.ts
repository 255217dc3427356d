import { currentScope } from "./_current_scope.ts";

/** Who runs: the current task, or `undefined` outside every task. */
export function currentOwner(): object | undefined {
  return currentScope()?.owner;
}
