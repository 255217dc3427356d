/**
 * Pools of threads for the thread pool scenarios, ours and those of others: started at setup, ended at
 * teardown.
 *
 * @module
 */

import { ThreadPool } from "../thread/mod.ts";
import { type Contestant, measure, type Peer } from "./harness.ts";

/** How many threads the pools have: a machine with two processors is enough to run the scenarios. */
export const THREADS = 2;

/**
 * Makes a contestant that uses a pool of threads.
 *
 * @param name Its name.
 * @param pass Does some operations with the pool, checks them, and answers how many they were.
 * @param threads How many threads the pool has.
 * @param module Where its functions are.
 * @returns The contestant.
 */
export function threadPoolContestant(
  name: string,
  pass: (pool: ThreadPool) => Promise<number>,
  threads: number = THREADS,
  module: URL = new URL("./subjects/pool_tasks.ts", import.meta.url),
): Contestant {
  let pool: ThreadPool | undefined;
  return {
    name,
    async setup(): Promise<void> {
      pool = new ThreadPool(threads, { module });
      await pool.ready();
    },
    run() {
      const open = pool;
      if (open === undefined) throw new Error(`Cannot run ${name}: it was not set up`);
      return measure(() => pass(open));
    },
    async teardown(): Promise<void> {
      await pool?.terminate();
      pool = undefined;
    },
  };
}

/** Calls the task of a pool, which adds one. */
export type AddOne = (n: number) => PromiseLike<unknown>;

/** A pool of a package. */
interface ForeignPool {
  addOne: AddOne;
  end(): unknown;
}

interface Piscina {
  new (options: { filename: string; minThreads: number; maxThreads: number }): {
    run(n: number): Promise<unknown>;
    destroy(): Promise<unknown>;
  };
}

interface Workerpool {
  pool(script: string, options: { workerType: "thread"; maxWorkers: number; minWorkers: number }): {
    exec(name: string, args: unknown[]): Promise<unknown>;
    terminate(): Promise<unknown>;
  };
}

interface Poolifier {
  FixedThreadPool: new (threads: number, file: string) => {
    execute(n: number): Promise<unknown>;
    destroy(): Promise<unknown>;
  };
}

/** The packages that are measured beside ours, and how a pool of each is made. */
const PACKAGES: readonly {
  readonly name: string;
  readonly version: string;
  open(module: unknown): ForeignPool;
}[] = [
  { name: "piscina", version: "5.3.2", open: openPiscina },
  { name: "tinypool", version: "2.2.0", open: openPiscina },
  {
    name: "workerpool",
    version: "10.0.3",
    open(module) {
      const pool = (module as { default: Workerpool }).default.pool(
        script("workerpool_tasks.mjs"),
        { workerType: "thread", maxWorkers: THREADS, minWorkers: THREADS },
      );
      return { addOne: (n) => pool.exec("addOne", [n]), end: () => pool.terminate() };
    },
  },
  {
    name: "poolifier",
    version: "5.3.2",
    open(module) {
      const { FixedThreadPool } = module as Poolifier;
      const pool = new FixedThreadPool(THREADS, script("poolifier_tasks.mjs"));
      // Its end is not waited for: on Deno it does not always come.
      return { addOne: (n) => pool.execute(n), end: () => void pool.destroy().catch(() => {}) };
    },
  },
];

function openPiscina(module: unknown): ForeignPool {
  const { default: Piscina } = module as { default: Piscina };
  const pool = new Piscina({
    filename: new URL("./peers/piscina_tasks.mjs", import.meta.url).href,
    minThreads: THREADS,
    maxThreads: THREADS,
  });
  return { addOne: (n) => pool.run(n), end: () => pool.destroy() };
}

function script(name: string): string {
  return new URL(`./peers/${name}`, import.meta.url).pathname;
}

/**
 * The pools of the packages, with the same number of threads.
 *
 * @param goal The least median ratio that counts as met.
 * @param pass Does some operations, checks them, and answers how many they were.
 * @param only Names of packages; all of them unless told otherwise.
 * @returns The peers.
 */
export function threadPoolPeers(
  goal: number,
  pass: (addOne: AddOne) => Promise<number>,
  only?: readonly string[],
): Peer[] {
  const wanted = PACKAGES.filter(({ name }) => only?.includes(name) ?? true);
  return wanted.map(({ name, version, open }) => {
    let pool: ForeignPool | undefined;
    const load = () => import(`npm:${name}@${version}`);
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
      async setup(): Promise<void> {
        pool = open(await load());
        // Its threads have started then.
        await Promise.all(Array.from({ length: 64 }, (_, n) => pool!.addOne(n)));
      },
      run: () => measure(() => pass(pool!.addOne)),
      async teardown(): Promise<void> {
        await pool?.end();
        pool = undefined;
      },
      versions: () => ({ [name]: version }),
    };
  });
}
