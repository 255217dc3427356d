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

/** The words of the table: how many have ended, which is the next ident, and then one bit for each ident. */
const ENDED_COUNT = 0;
const NEXT_IDENT = 1;
const FIRST_BITS = 2;
const BYTES = 1024;
const MOST_BYTES = FIRST_STRANGER / 8 + FIRST_BITS * 4;

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

/** A number that no thread has had; called where threads are started. */
export function allocateIdent(): number {
  return Atomics.add(words(), NEXT_IDENT, 1);
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
  }
  return table;
}

/**
 * Notes that a thread has ended: what it held goes to those who wait. It may be called in any thread, and
 * more than once.
 */
export function markEnded(number: number): void {
  if (number >= FIRST_STRANGER) return;
  const ended = words();
  const at = FIRST_BITS + (number >>> 5);
  if (at >= ended.length) ended.buffer.grow(Math.min(MOST_BYTES, (at + 1) * 8));
  const bit = 1 << (number & 31);
  if ((Atomics.or(ended, at, bit) & bit) !== 0) return;
  Atomics.add(ended, ENDED_COUNT, 1);
  Atomics.notify(ended, ENDED_COUNT);
}

/** Whether a thread has ended. */
export function isEnded(number: number): boolean {
  if (table === undefined || number >= FIRST_STRANGER) return false;
  const at = FIRST_BITS + (number >>> 5);
  return at < table.length && (Atomics.load(table, at) & 1 << (number & 31)) !== 0;
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
