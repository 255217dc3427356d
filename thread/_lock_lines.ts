import type { SharedLine } from "./_shared_line.ts";

/** The lines of locks; a condition moves those that were notified from its own line to that of its lock. */
const lines = new WeakMap<object, SharedLine>();

/** Notes the line of a lock. */
export function setLockLine(lock: object, line: SharedLine): void {
  lines.set(lock, line);
}

/** The line of a lock. */
export function lockLine(lock: object): SharedLine {
  return lines.get(lock)!;
}

/** Puts somebody else in the line of a lock, which is held as a rule, and says the place. */
export function standForOther(line: SharedLine, ident: number, task: number): number {
  line.lock();
  try {
    const place = line.join(task, ident);
    line.mend();
    return place;
  } finally {
    line.unlock();
  }
}
