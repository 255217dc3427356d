/**
 * Peers that are Python programs, in the folder `peers/`.
 *
 * @module
 */

import type { Peer } from "./harness.ts";
import { PeerProcess } from "./peer_process.ts";

/** The name of the Python interpreter on the PATH. */
const PYTHON = "python3";

/** Options for {@linkcode pythonPeer}. */
export interface PythonPeerOptions {
  /** What is measured, as the table prints it. */
  readonly name: string;
  /** The least median ratio that counts as met. */
  readonly goal: number;
  /** The program's file name in `peers/`. */
  readonly program: string;
  /** The program's arguments. @default {[]} */
  readonly args?: readonly string[] | undefined;
}

/**
 * Makes a peer of a Python program. The program is started at setup, asked for each round, and
 * ended at teardown. The peer is skipped where there is no `python3`.
 *
 * @param options Which program, its name in the table, and the goal.
 * @returns The peer.
 */
export function pythonPeer(options: PythonPeerOptions): Peer {
  const { name, goal, program, args = [] } = options;
  let process: PeerProcess | undefined;
  return {
    name,
    goal,
    unavailable: pythonUnavailable,
    async setup(): Promise<void> {
      const file = new URL(`./peers/${program}`, import.meta.url);
      process = await PeerProcess.start({
        program: PYTHON,
        // Without -B it would write its byte code beside the programs.
        args: ["-B", filePath(file), ...args],
      });
    },
    run() {
      if (process === undefined) throw new Error(`Cannot run ${name}: it was not set up`);
      return process.round();
    },
    async teardown(): Promise<void> {
      await process?.end();
      process = undefined;
    },
    versions: () => process?.versions ?? {},
  };
}

/** Why Python programs cannot run here, or `undefined` when they can. */
async function pythonUnavailable(): Promise<string | undefined> {
  try {
    const { success } = await new Deno.Command(PYTHON, {
      args: ["-c", "import multiprocessing"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
    return success ? undefined : `${PYTHON} does not run`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return `${PYTHON} is not installed`;
    throw error;
  }
}

function filePath(url: URL): string {
  const path = decodeURIComponent(url.pathname);
  return Deno.build.os === "windows" ? path.slice(1) : path;
}
