import { moving } from "./_state.ts";

/** What of a value can be moved. */
type Movable = ArrayBuffer | MessagePort | ReadableStream | WritableStream | TransformStream;

/** Not looked at before something is moved: the first touch of the streams costs a thread more than a millisecond. */
function isMovable(part: object): part is Movable {
  return part instanceof ArrayBuffer || part instanceof MessagePort ||
    part instanceof ReadableStream || part instanceof WritableStream ||
    part instanceof TransformStream;
}

/** What was given to `move()` and has not crossed yet. */
const marked = new WeakSet<object>();
/** How many there are, or more: some may have been forgotten by everybody. */
let marks = 0;

/** Notes that the value is to be moved when it crosses. @returns Whether there is something to be moved. */
export function markMoved(value: object): boolean {
  const found: Movable[] = [];
  collect(value, "all", found, new Set());
  if (found.length === 0) return false;
  marked.add(value);
  marks++;
  moving.takeMoved = takeMoved;
  return true;
}

/** What of the values is to be moved; they are not marked any more afterwards. */
export function takeMoved(values: readonly unknown[]): Movable[] {
  const found: Movable[] = [];
  if (marks > 0) collect(values, "marked", found, new Set());
  return found;
}

/** Whether something of the values is to be moved. */
export function holdsMoved(values: readonly unknown[]): boolean {
  return marks > 0 && isMarked(values, new Set());
}

function isMarked(value: unknown, seen: Set<object>): boolean {
  if (typeof value !== "object" || value === null || seen.has(value)) return false;
  if (marked.has(value)) return true;
  seen.add(value);
  for (const item of itemsOf(value)) if (isMarked(item, seen)) return true;
  return false;
}

function collect(
  value: unknown,
  wanted: "all" | "marked",
  found: Movable[],
  seen: Set<object>,
): void {
  if (typeof value !== "object" || value === null) return;
  const wasMarked = marked.delete(value);
  if (wasMarked) marks--;
  const inside = wasMarked ? "all" : wanted;
  if (seen.has(value)) return;
  seen.add(value);
  const part = ArrayBuffer.isView(value) ? value.buffer : value;
  if (isMovable(part)) {
    if (inside === "all" && !found.includes(part as Movable)) found.push(part as Movable);
    return;
  }
  for (const item of itemsOf(value)) collect(item, inside, found, seen);
}

function itemsOf(value: object): Iterable<unknown> {
  if (Array.isArray(value) || value instanceof Set) return value;
  if (value instanceof Map) return [...value].flat();
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? Object.values(value) : [];
}
