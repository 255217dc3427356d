/**
 * The output of one program, taken as a whole.
 *
 * @module
 */

import { run } from "../process/mod.ts";
import { expectResult, measure, type Peer, type Scenario } from "./harness.ts";
import { pythonPeer } from "./python_peer.ts";

const SIZE = 64 * 1024 * 1024;
const ARGS = ["-c", `${SIZE}`, "/dev/zero"];

/** The output of one program, taken as a whole. */
export const scenario: Scenario = {
  name: "subprocess output",
  description: "64 MiB that a program prints, taken as one array of bytes; an operation is one MiB",
  ours: { name: "process.run", run: () => measure(takeAll) },
  peers: [
    bareCommand(),
    pythonPeer({ name: "CPython subprocess.run", goal: 1 / 1.3, program: "subprocess_output.py" }),
  ],
};

async function takeAll(): Promise<number> {
  const { stdout } = await run(["head", ...ARGS], { captureOutput: true });
  expectResult("the size of the output", stdout.length, SIZE);
  return SIZE / 1024 / 1024;
}

/** What Deno itself does. Ours, which can be bounded and timed, may take 1.3 times as long. */
function bareCommand(): Peer {
  const takeAll = async (): Promise<number> => {
    const { stdout } = await new Deno.Command("head", { args: ARGS }).output();
    expectResult("the size of the output", stdout.length, SIZE);
    return SIZE / 1024 / 1024;
  };
  return { name: "Deno.Command", goal: 1 / 1.3, run: () => measure(takeAll) };
}
