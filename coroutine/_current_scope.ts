import type { Scope } from "./_scope.ts";

let read: (() => Scope | undefined) | undefined;
let outside: (<R>(run: () => R) => R) | undefined;

/**
 * The innermost scope in which the running code can be cancelled, or `undefined` outside every task.
 *
 * It is found through this file, and not through `task.ts`, so that a program that has queues and locks
 * and no task does not load what follows a task across its awaits.
 */
export function currentScope(): Scope | undefined {
  return read?.();
}

/**
 * Runs what no task owns: a server, a connection that many use. What it waits for does not end with the task
 * that happened to need it first.
 */
export function runOutsideTasks<R>(run: () => R): R {
  return outside === undefined ? run() : outside(run);
}

/** Called once, by the file that follows tasks across their awaits. */
export function setScopeReader(
  reader: () => Scope | undefined,
  runOutside: <R>(run: () => R) => R,
): void {
  read = reader;
  outside = runOutside;
}
