/**
 * Peers that are packages of npm, loaded only when they are measured: to run the tests, or a scenario
 * without them, needs none of them.
 *
 * @module
 */

import { measure, type Peer } from "./harness.ts";

/** Options for {@linkcode npmPeer}. */
export interface NpmPeerOptions<Module> {
  /** The package's name. */
  readonly name: string;
  /** The exact version. */
  readonly version: string;
  /** The least median ratio that counts as met. */
  readonly goal: number;
  /** Does some operations with what the package exports, checks them, and answers how many they were. */
  pass(module: Module): number | Promise<number>;
}

/**
 * Makes a peer of a package. It is skipped where the package cannot be had.
 *
 * @param options Which package, the goal, and the work.
 * @returns The peer.
 */
export function npmPeer<Module>(options: NpmPeerOptions<Module>): Peer {
  const { name, version, goal, pass } = options;
  let loading: Promise<Module> | undefined;
  const load = () => loading ??= import(`npm:${name}@${version}`) as Promise<Module>;
  return {
    name,
    goal,
    async unavailable(): Promise<string | undefined> {
      try {
        await load();
        return undefined;
      } catch (error) {
        return `npm:${name}@${version} cannot be loaded: ${error}`;
      }
    },
    async run() {
      const module = await load();
      return await measure(() => pass(module));
    },
    versions: () => ({ [name]: version }),
  };
}
