/**
 * A program run to its end, with its output, one program at a time.
 *
 * @module
 */

import { run } from "../process/mod.ts";
import { expectResult, measure, type Peer, type Scenario } from "./harness.ts";
import { pythonPeer } from "./python_peer.ts";

const RUNS = 50;

/** A program run to its end, with its output, one program at a time. */
export const scenario: Scenario = {
  name: "subprocess run",
  description: 'the program "true" run 50 times, one after another, with its output captured; ' +
    "an operation is one run",
  ours: { name: "process.run", run: () => measure(runAll) },
  peers: [
    bareCommand(),
    pythonPeer({ name: "CPython subprocess.run", goal: 1 / 1.3, program: "subprocess_run.py" }),
  ],
};

async function runAll(): Promise<number> {
  for (let i = 0; i < RUNS; i++) {
    const { returnCode } = await run("true", { stdin: "devnull", captureOutput: true });
    expectResult("the exit code", returnCode, 0);
  }
  return RUNS;
}

/** What Deno itself costs. Ours may take 1.3 times as long. */
function bareCommand(): Peer {
  const runAll = async (): Promise<number> => {
    for (let i = 0; i < RUNS; i++) {
      const { code } = await new Deno.Command("true", { stdin: "null" }).output();
      expectResult("the exit code", code, 0);
    }
    return RUNS;
  };
  return { name: "Deno.Command", goal: 1 / 1.3, run: () => measure(runAll) };
}
