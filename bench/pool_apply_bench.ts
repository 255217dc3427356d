/**
 * One call at a time: there and back.
 *
 * @module
 */

import { bareEchoPeer } from "./bare_echo_peer.ts";
import { expectResult, measure, type Peer, type Scenario } from "./harness.ts";
import { poolContestant } from "./pool_subject.ts";
import { pythonPeer } from "./python_peer.ts";
import { addOne } from "./subjects/pool_tasks.ts";

const CALLS = 500;

/** One call at a time. */
export const scenario: Scenario = {
  name: "pool apply",
  description:
    "500 calls that add one, each awaited before the next; 2 processes; an operation is a call",
  ours: poolContestant("process.Pool.apply", async (pool) => {
    for (let n = 0; n < CALLS; n++) {
      expectResult("the result", await pool.apply(addOne, [n]), n + 1);
    }
    return CALLS;
  }),
  peers: [
    pythonPeer({ name: "CPython Pool.apply", goal: 8, program: "pool.py", args: ["apply"] }),
    workerpoolPeer(),
    // Three parts of a call may be ours, to one of the system's.
    bareEchoPeer(0.25, CALLS),
  ],
};

/** As much of the package as is used. */
interface Workerpool {
  pool(
    script: string,
    options: { workerType: "process"; maxWorkers: number },
  ): {
    exec(name: string, args: unknown[]): Promise<unknown>;
    terminate(): Promise<unknown>;
  };
}

const VERSION = "10.0.3";

function workerpoolPeer(): Peer {
  let pool: ReturnType<Workerpool["pool"]> | undefined;
  const load = async (): Promise<Workerpool> =>
    (await import(`npm:workerpool@${VERSION}`)).default as Workerpool;
  return {
    name: "workerpool (processes)",
    goal: 1,
    async unavailable(): Promise<string | undefined> {
      try {
        await load();
        return undefined;
      } catch (error) {
        return `npm:workerpool@${VERSION} cannot be loaded: ${error}`;
      }
    },
    async setup(): Promise<void> {
      const script = new URL("./peers/workerpool_tasks.mjs", import.meta.url).pathname;
      pool = (await load()).pool(script, { workerType: "process", maxWorkers: 2 });
    },
    run: () =>
      measure(async () => {
        for (let n = 0; n < CALLS; n++) {
          expectResult("the result", Number(await pool!.exec("addOne", [n])), n + 1);
        }
        return CALLS;
      }),
    async teardown(): Promise<void> {
      await pool?.terminate();
      pool = undefined;
    },
    versions: () => ({ workerpool: VERSION }),
  };
}
