/**
 * Which thread this is, and which threads have ended.
 *
 * The second is one piece of memory for the whole program, the thread table: it is handed to each thread, and
 * goes along with everything that is on shared memory, so that those who wait for a thread see that it is gone.
 */

/** The ident of the thread in which the program begins. */
export const MAIN_IDENT = 1;

/** Idents from here on belong to Workers that no `Thread` started, and are not in the table. */
const FIRST_STRANGER = 2 ** 24;
/** Idents are numbers below this. The bit above it is for those who store them. */
const LIMIT = 2 ** 30;

/** The words of the table: how many have ended, which is the next ident, a name, and then one for each ident. */
const ENDED_COUNT = 0;
const NEXT_IDENT = 1;
const NAME = 2;
const FIRST = 3;
const BYTES_PER_WORD = 4;
const BYTES = 1024;
const MOST_BYTES = (FIRST_STRANGER + FIRST) * BYTES_PER_WORD;

/** What the word of an ident says: whether it has ended, whether it has started others, and who started it. */
const ENDED = 1;
const HAS_CHILDREN = 2;
const PARENT_SHIFT = 2;

let ident = 0;
let table: Int32Array<SharedArrayBuffer> | undefined;

/** The number of this thread: `1` for the main thread, another one for each other thread. */
export function currentIdent(): number {
  return ident === 0 ? ident = findIdent() : ident;
}

/** Gives this thread its number; called once, before anything else, by what starts threads. */
export function setCurrentIdent(number: number): void {
  ident = number;
}

/** A number that no thread has had; called where threads are started, by the one that starts it. */
export function allocateIdent(): number {
  const table = words();
  const number = Atomics.add(table, NEXT_IDENT, 1);
  const parent = currentIdent();
  if (number >= FIRST_STRANGER || parent >= FIRST_STRANGER) return number;
  makeRoomFor(table, number);
  Atomics.or(table, FIRST + number, parent << PARENT_SHIFT);
  makeRoomFor(table, parent);
  Atomics.or(table, FIRST + parent, HAS_CHILDREN);
  return number;
}

function makeRoomFor(table: Int32Array<SharedArrayBuffer>, number: number): void {
  while (FIRST + number >= table.length) {
    const bytes = Math.min(MOST_BYTES, (FIRST + number + 1) * BYTES_PER_WORD * 2);
    try {
      table.buffer.grow(bytes);
    } catch (error) {
      // Another thread has made it longer than that.
      if (table.buffer.byteLength < bytes) throw error;
    }
  }
}

/** The name of the Web Lock that the thread of a number holds for as long as it runs. */
export function threadLockName(number: number): string {
  return `manyhands thread ${words()[NAME]} ${number}`;
}

/** The threads that one had started, and that are not known to have ended. */
export function childrenOf(number: number): number[] {
  const table = words();
  const children: number[] = [];
  if (number >= FIRST_STRANGER || FIRST + number >= table.length) return children;
  if ((Atomics.load(table, FIRST + number) & HAS_CHILDREN) === 0) return children;
  const end = Math.min(table.length, FIRST + Atomics.load(table, NEXT_IDENT));
  for (let at = FIRST + number + 1; at < end; at++) {
    const word = Atomics.load(table, at);
    if (word >>> PARENT_SHIFT === number && (word & ENDED) === 0) children.push(at - FIRST);
  }
  return children;
}

/** A Worker that was not started by this library has no number: it makes one that hardly anybody else has. */
function findIdent(): number {
  if (!("WorkerGlobalScope" in globalThis)) return MAIN_IDENT;
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return FIRST_STRANGER + random % (LIMIT - FIRST_STRANGER);
}

/** The table of this thread; made when it is first asked for. */
export function threadTable(): SharedArrayBuffer {
  return words().buffer;
}

/** Gives this thread the table of the program; called by what starts threads. */
export function setThreadTable(buffer: SharedArrayBuffer): void {
  table = new Int32Array(buffer);
}

/** Takes a table that came along with something shared, unless this thread has one. */
export function adoptThreadTable(buffer: SharedArrayBuffer): void {
  if (table === undefined) setThreadTable(buffer);
}

function words(): Int32Array<SharedArrayBuffer> {
  if (table === undefined) {
    table = new Int32Array(new SharedArrayBuffer(BYTES, { maxByteLength: MOST_BYTES }));
    table[NEXT_IDENT] = MAIN_IDENT + 1;
    table[NAME] = crypto.getRandomValues(new Uint32Array(1))[0]!;
  }
  return table;
}

/**
 * Notes that a thread has ended: what it held goes to those who wait. It may be called in any thread, and
 * more than once.
 */
export function markEnded(number: number): void {
  killed.delete(number);
  if (number >= FIRST_STRANGER) return;
  const ended = words();
  makeRoomFor(ended, number);
  if ((Atomics.or(ended, FIRST + number, ENDED) & ENDED) !== 0) return;
  Atomics.add(ended, ENDED_COUNT, 1);
  Atomics.notify(ended, ENDED_COUNT);
}

/** How long a thread may take to end that was killed, before it counts as ended where nobody can hear of its end. */
const OVERDUE_MS = 500;

/** The threads that this one has killed, and when. */
const killed = new Map<number, number>();

/**
 * Notes that this thread has killed another one. It runs no code of its own any more but for some instructions, and the
 * event loop is told when they are over; but this thread may block for what the other one holds.
 */
export function noteKilled(number: number): void {
  killed.set(number, performance.now());
}

/** Called by a thread that blocks: those it has killed have had time enough to end. */
export function endOverdue(): void {
  for (const [number, time] of killed) {
    if (performance.now() - time > OVERDUE_MS) markEnded(number);
  }
}

/** Whether a thread has ended. */
export function isEnded(number: number): boolean {
  if (table === undefined || number >= FIRST_STRANGER) return false;
  const at = FIRST + number;
  return at < table.length && (Atomics.load(table, at) & ENDED) !== 0;
}

/** How many threads have ended; when it has changed, it is time to look for what they held. */
export function endedCount(): number {
  return table === undefined ? 0 : Atomics.load(table, ENDED_COUNT);
}

const watchers = new Set<() => void>();
let isWatching = false;

/** Calls back on this thread's event loop whenever a thread has ended. It does not keep the program alive. */
export function watchEnded(callback: () => void): void {
  watchers.add(callback);
  if (!isWatching) void watch();
}

/** Takes {@linkcode watchEnded} back. */
export function unwatchEnded(callback: () => void): void {
  watchers.delete(callback);
}

async function watch(): Promise<void> {
  isWatching = true;
  let seen = endedCount();
  while (watchers.size > 0) {
    const { async, value } = Atomics.waitAsync(words(), ENDED_COUNT, seen);
    if (async) await value;
    seen = endedCount();
    for (const callback of [...watchers]) callback();
  }
  isWatching = false;
}
