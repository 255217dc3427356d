/**
 * Requests of a manager as pickles: written, and read.
 *
 * @module
 */

import { PickleReader } from "../distributed/_pickle_reader.ts";
import { PickleWriter } from "../distributed/_pickle_writer.ts";
import { expectResult, measure, type Scenario } from "./harness.ts";
import { PASSES, REQUEST } from "./pickle_subject.ts";
import { pythonPeer } from "./python_peer.ts";

const reader = new PickleReader();
const writer = new PickleWriter();

/** A request of a manager, there and back. */
export const scenario: Scenario = {
  name: "pickle request",
  description:
    "a manager's request of 50 bytes is written as a pickle of protocol 4, and read again; an operation is both",
  ours: {
    name: "PickleWriter and PickleReader",
    run: () =>
      measure(() => {
        let methods = 0;
        for (let n = 0; n < PASSES.request; n++) {
          const [, method] = reader.read(writer.write(REQUEST)) as typeof REQUEST;
          if (method === "get") methods++;
        }
        expectResult("requests", methods, PASSES.request);
        return Promise.resolve(PASSES.request);
      }),
  },
  peers: [
    pythonPeer({
      name: "CPython pickle (C)",
      goal: 0.5,
      program: "pickle_values.py",
      args: ["request"],
    }),
  ],
};
