/**
 * Functions that end at once, some at a time: what a pool costs beside what it runs.
 *
 * @module
 */

import { Pool } from "../coroutine/mod.ts";
import { expectResult, measure, type Scenario } from "./harness.ts";
import { npmPeer } from "./npm_peer.ts";

const ITEMS = 100_000;
const CONCURRENCY = 8;
const numbers = Array.from({ length: ITEMS }, (_, n) => n);

/** 100,000 instant functions, 8 at a time. */
export const scenario: Scenario = {
  name: "pool instant",
  description: "100,000 async functions that end at once, 8 at a time; an operation is a function",
  ours: { name: "coroutine.Pool.map", run: () => measure(withPool) },
  peers: [
    npmPeer({ name: "p-map", version: "7.0.3", goal: 2, pass: withPMap }),
    npmPeer({ name: "p-queue", version: "8.1.0", goal: 2, pass: withPQueue }),
  ],
};

/** As much of the packages as is used. */
interface PMap {
  default: (
    items: number[],
    run: (n: number) => Promise<number>,
    options: { concurrency: number },
  ) => Promise<number[]>;
}
interface PQueue {
  default: new (options: { concurrency: number }) => {
    addAll(tasks: (() => Promise<number>)[]): Promise<number[]>;
  };
}

// deno-lint-ignore require-await -- it shall end at once
async function double(n: number): Promise<number> {
  return 2 * n;
}

async function withPool(): Promise<number> {
  await using pool = new Pool(CONCURRENCY);
  return check(await pool.map(double, numbers));
}

async function withPMap({ default: pMap }: PMap): Promise<number> {
  return check(await pMap(numbers, double, { concurrency: CONCURRENCY }));
}

async function withPQueue({ default: PQueue }: PQueue): Promise<number> {
  const queue = new PQueue({ concurrency: CONCURRENCY });
  return check(await queue.addAll(numbers.map((n) => () => double(n))));
}

function check(results: number[]): number {
  let sum = 0;
  for (const result of results) sum += result;
  expectResult("the sum", sum, ITEMS * (ITEMS - 1));
  return ITEMS;
}
