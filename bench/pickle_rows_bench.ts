/**
 * Rows of data as pickles: written, and read.
 *
 * @module
 */

import { PickleReader } from "../distributed/_pickle_reader.ts";
import { PickleWriter } from "../distributed/_pickle_writer.ts";
import { expectResult, measure, type Scenario } from "./harness.ts";
import { PASSES, ROWS } from "./pickle_subject.ts";
import { pythonPeer } from "./python_peer.ts";

const reader = new PickleReader({ dicts: "object" });
const writer = new PickleWriter();

/** 1,000 rows, there and back. */
export const scenario: Scenario = {
  name: "pickle rows",
  description:
    "1,000 rows of five fields are written as a pickle of protocol 4, and read again; an operation is both",
  ours: {
    name: "PickleWriter and PickleReader",
    run: () =>
      measure(() => {
        for (let n = 0; n < PASSES.rows; n++) {
          const rows = reader.read(writer.write(ROWS)) as { id: number }[];
          expectResult("the last id", rows.at(-1)!.id, ROWS.length - 1);
        }
        return Promise.resolve(PASSES.rows);
      }),
  },
  peers: [
    pythonPeer({
      name: "CPython pickle (C)",
      goal: 0.5,
      program: "pickle_values.py",
      args: ["rows"],
    }),
  ],
};
