/**
 * Functions that end at once, some at a time: what a pool costs beside what it runs.
 *
 * @module
 */

import pMap from "npm:p-map@7.0.3";
import PQueue from "npm:p-queue@8.1.0";
import { Pool } from "../coroutine/mod.ts";
import { expectResult, measure, type Scenario } from "./harness.ts";

const ITEMS = 100_000;
const CONCURRENCY = 8;
const numbers = Array.from({ length: ITEMS }, (_, n) => n);

/** 100,000 instant functions, 8 at a time. */
export const scenario: Scenario = {
  name: "pool instant",
  description: "100,000 async functions that end at once, 8 at a time; an operation is a function",
  ours: { name: "coroutine.Pool.map", run: () => measure(withPool) },
  peers: [
    { name: "p-map 7.0.3", goal: 2, run: () => measure(withPMap) },
    { name: "p-queue 8.1.0", goal: 2, run: () => measure(withPQueue) },
  ],
};

// deno-lint-ignore require-await -- it shall end at once
async function double(n: number): Promise<number> {
  return 2 * n;
}

async function withPool(): Promise<number> {
  await using pool = new Pool(CONCURRENCY);
  return check(await pool.map(double, numbers));
}

async function withPMap(): Promise<number> {
  return check(await pMap(numbers, double, { concurrency: CONCURRENCY }));
}

async function withPQueue(): Promise<number> {
  const queue = new PQueue({ concurrency: CONCURRENCY });
  return check(await queue.addAll(numbers.map((n) => () => double(n))));
}

function check(results: number[]): number {
  let sum = 0;
  for (const result of results) sum += result;
  expectResult("the sum", sum, ITEMS * (ITEMS - 1));
  return ITEMS;
}
