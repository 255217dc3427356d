import type { BasePool } from "../../coroutine/mod.ts";
import type { GateToken, SharedQueue } from "./pool_functions.ts";

/** A kind of pool, and what its tests need. */
export interface PoolSubject {
  createPool(size: number): BasePool;
  /** A queue that can be passed to a function of the pool as an argument, and is shared with it. */
  createQueue(): SharedQueue<number>;
  /** Gives up what was created for a test, at its end. */
  cleanUp?(): Promise<void>;
  /** Whether errors come back as the same object, or as a copy. */
  readonly errors: "same" | "copies";
}

/** Holds functions of a pool in their midst. */
export class RemoteGate {
  readonly token: GateToken;

  constructor(subject: PoolSubject) {
    this.token = { arrivals: subject.createQueue(), permits: subject.createQueue() };
  }

  /** The numbers of the next functions that come to the gate. */
  async arrivals(count: number): Promise<number[]> {
    const numbers: number[] = [];
    while (numbers.length < count) numbers.push(await this.token.arrivals.get());
    return numbers;
  }

  /** Lets some pass, also such as have not come yet. */
  async pass(count: number): Promise<void> {
    for (let n = 0; n < count; n++) await this.token.permits.put(n);
  }
}

export const NUMBERS: readonly number[] = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5];
export const SQUARES: readonly number[] = NUMBERS.map((n) => n * n);
export const REASON: Error = new Error("enough");

export function byValue(a: number, b: number): number {
  return a - b;
}

export async function collect<T>(results: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const result of results) list.push(result);
  return list;
}

export function* upTo(n: number, error?: Error): Generator<number> {
  for (let i = 0; i < n; i++) yield i;
  if (error !== undefined) throw error;
}

/** An abort controller whose function can be passed on. */
export function controllerOf(): { signal: AbortSignal; abort: (reason: unknown) => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: (reason) => controller.abort(reason) };
}

/** Defines the tests of one kind of pool: each has a pool of its own. */
export function poolTester(
  name: string,
  subject: PoolSubject,
): (title: string, run: (pool: BasePool) => Promise<void>, size?: number) => void {
  return (title, run, size = 2) =>
    Deno.test(`${name}${title}`, async () => {
      try {
        await using pool = subject.createPool(size);
        await run(pool);
      } finally {
        await subject.cleanUp?.();
      }
    });
}
