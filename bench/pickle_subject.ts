/**
 * The values that the pickle scenarios write and read; `peers/pickle_values.py` has the same.
 *
 * @module
 */

import { PyTuple } from "../distributed/python_types.ts";

/** A request of a manager: about 50 bytes. */
export const REQUEST: PyTuple = new PyTuple<unknown>(
  "7f6c3ab960d0",
  "get",
  new PyTuple(),
  new Map([["timeout", 1]]),
);

/** 1,000 rows of five fields. */
export const ROWS: readonly unknown[] = Array.from({ length: 1000 }, (_, i) => ({
  id: i,
  name: `row ${i}`,
  score: i / 7,
  tags: ["a", "b"],
  ok: true,
}));

/** Passes of one round, by value. */
export const PASSES = { request: 10_000, rows: 5 } as const;
