import { FREE, type SharedLine } from "./_shared_line.ts";

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

/**
 * Puts somebody else in the line of a lock, which is held as a rule. Until it is noted the place belongs to the one
 * who calls, and goes with it when it dies.
 *
 * @param note Called with the place, and its turn.
 */
export function standForOther(
  line: SharedLine,
  ident: number,
  task: number,
  note: (place: number, turn: number) => void,
): number {
  line.lock();
  try {
    const place = line.join(task);
    note(place, line.ticketOf(place));
    line.setIdent(place, ident);
    line.mend();
    return place;
  } finally {
    line.unlock();
  }
}

/** Whether a place that was noted was given to that thread before the one who noted it died. */
export function standsForOther(
  line: SharedLine,
  ident: number,
  place: number,
  turn: number,
): boolean {
  line.lock();
  try {
    if (line.stateOf(place) === FREE || line.identOf(place) !== ident) return false;
    // The answer, which is the place, has been written over the turn when the grant had begun.
    return line.ticketOf(place) === turn || place === turn;
  } finally {
    line.unlock();
  }
}
