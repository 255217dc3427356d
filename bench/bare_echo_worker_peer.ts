/**
 * The bare messages of the platform, to a Worker and back.
 *
 * @module
 */

import { measure, type Peer } from "./harness.ts";

/** Sends an array to the thread, and gives what came back. */
export type Echo = (values: Float64Array<ArrayBuffer>) => Promise<Float64Array<ArrayBuffer>>;

/**
 * Makes a peer that sends arrays by `postMessage` alone.
 *
 * @param name Its name.
 * @param goal The least median ratio that counts as met.
 * @param manner Whether arrays are copied or moved, there and back.
 * @param pass Does some operations, checks them, and answers how many they were.
 * @returns The peer.
 */
export function bareEchoWorkerPeer(
  name: string,
  goal: number,
  manner: "copy" | "move",
  pass: (echo: Echo) => Promise<number>,
): Peer {
  const isMoved = manner === "move";
  let worker: Worker | undefined;
  const echo: Echo = (values) =>
    new Promise((resolve) => {
      worker!.onmessage = ({ data }) => resolve(data);
      worker!.postMessage({ values, isMoved }, isMoved ? [values.buffer] : []);
    });
  return {
    name,
    goal,
    async setup(): Promise<void> {
      worker = new Worker(new URL("./peers/bare_echo_worker.ts", import.meta.url), {
        type: "module",
      });
      await echo(new Float64Array(1));
    },
    run: () => measure(() => pass(echo)),
    teardown(): void {
      worker?.terminate();
      worker = undefined;
    },
  };
}
