/** What the pools of the contract suite call: exports of a module, with plain data and queues as arguments. */

import { reportProgress } from "../../coroutine/report_progress.ts";
import { TallyError } from "./tally_error.ts";

/** A queue that a test shares with the functions that it calls, wherever they run. */
export interface SharedQueue<T> {
  put(item: T): Promise<void>;
  get(): Promise<T>;
  qsize(): number | Promise<number>;
}

/** Where functions tell that they have started, and wait until they may end. */
export interface GateToken {
  readonly arrivals: SharedQueue<number>;
  readonly permits: SharedQueue<number>;
}

export function square(n: number): number {
  return n * n;
}

export async function squareLater(n: number): Promise<number> {
  await 0;
  return n * n;
}

/** Computes for so many milliseconds. */
export function spinFor(ms: number): number {
  for (const end = performance.now() + ms; performance.now() < end;);
  return ms;
}

export function add(a: number, b: number): number {
  return a + b;
}

export function answer(): number {
  return 42;
}

/** Fails for odd numbers. */
export async function failIfOdd(n: number): Promise<number> {
  await 0;
  if (n % 2 === 1) throw new RangeError(`${n} is odd`);
  return n;
}

export function failWithFields(n: number): number {
  throw new TallyError("wrong tally", n);
}

/** Tells that it has started, and returns its number when the gate lets one pass. */
export async function passGate(gate: GateToken, n: number): Promise<number> {
  await gate.arrivals.put(n);
  await gate.permits.get();
  return n;
}

/** As `passGate`, with one argument. */
export async function passGateWith(item: { gate: GateToken; n: number }): Promise<number> {
  return await passGate(item.gate, item.n);
}

/** Puts its number into the queue. */
export async function record(item: { queue: SharedQueue<number>; n: number }): Promise<number> {
  await item.queue.put(item.n);
  return item.n;
}

/** Passes the gate, and fails for odd numbers. */
export async function passGateOrFail(item: { gate: GateToken; n: number }): Promise<number> {
  await passGate(item.gate, item.n);
  return await failIfOdd(item.n);
}

/** Reports 1 to n, and returns n. */
export async function reportUpTo(n: number): Promise<number> {
  for (let step = 1; step <= n; step++) {
    await 0;
    reportProgress(step);
  }
  return n;
}

/** Makes the numbers from 0, and throws at the end if there is a text. */
export function* countTo(n: number, error?: string): Generator<number> {
  for (let at = 0; at < n; at++) yield at;
  if (error !== undefined) throw new RangeError(error);
}

/** The same, with pauses. */
export async function* countLater(n: number): AsyncGenerator<number> {
  for (let at = 0; at < n; at++) {
    await 0;
    yield at;
  }
}

/** Tells each number that it makes, and -1 when it is closed. */
export async function* countOpenly(queue: SharedQueue<number>): AsyncGenerator<number> {
  try {
    for (let at = 0;; at++) {
      await queue.put(at);
      yield at;
    }
  } finally {
    await queue.put(-1);
  }
}

/** Makes a number, then waits at the gate. */
export async function* countAtGate(gate: GateToken): AsyncGenerator<number> {
  yield 1;
  yield await passGate(gate, 2);
}

/** Makes something that cannot be carried to another process. */
export function* makeFunctions(): Generator<unknown> {
  yield 1;
  yield () => 2;
}

export async function listLater(): Promise<number[]> {
  await 0;
  return [1, 2, 3];
}
