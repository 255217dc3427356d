/**
 * The start of a process to its first result, one process at a time.
 *
 * @module
 */

import { Process } from "../process/mod.ts";
import { expectResult, measure, type Peer, type Round, type Scenario } from "./harness.ts";
import { pythonPeer } from "./python_peer.ts";
import { noop } from "./subjects/noop.ts";

const PROCESSES = 10;

/** The start of a process to its first result, one process at a time. */
export const scenario: Scenario = {
  name: "process start",
  description:
    "10 processes that do nothing, one after another; an operation is one start, up to the " +
    "first result (of a bare deno run: up to its end)",
  ours: { name: "process.Process", run: startToResult },
  peers: [
    bareDenoRun(),
    pythonPeer({ name: "CPython spawn", goal: 2.5, program: "process_start.py" }),
  ],
};

async function startToResult(): Promise<Round> {
  const module = new URL("./subjects/noop.ts", import.meta.url);
  let seconds = 0;
  for (let started = 0; started < PROCESSES; started++) {
    const process = new Process({ module, target: noop });
    const begin = performance.now();
    await process.start();
    await process.result();
    seconds += (performance.now() - begin) / 1000;
    await process.join();
    expectResult("the exit code", process.exitCode ?? NaN, 0);
  }
  return { seconds, operations: PROCESSES };
}

/** What Deno itself costs: `deno run` of an empty module. Ours may take 1.3 times as long. */
function bareDenoRun(): Peer {
  const empty = new URL("./peers/empty.ts", import.meta.url).href;
  const runAll = async (): Promise<number> => {
    for (let started = 0; started < PROCESSES; started++) {
      const { code } = await new Deno.Command(Deno.execPath(), {
        args: ["run", empty],
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).spawn().status;
      expectResult("the exit code", code, 0);
    }
    return PROCESSES;
  };
  return { name: "deno run", goal: 1 / 1.3, run: () => measure(runAll) };
}
