/**
 * What the scenarios of engines share: the same queue at a manager, on one server of NATS, and on three.
 *
 * @module
 */

import { BaseManager, TaskQueue } from "../distributed/mod.ts";
import { Process } from "../process/mod.ts";
import { hasNatsServer, startNatsCluster, startNatsServer } from "../tests/support/nats_server.ts";
import type { Contestant, Peer, Round } from "./harness.ts";
import { type EnginePlace, openQueue } from "./subjects/engine_worker.ts";

const SUBJECT = import.meta.resolve("./subjects/engine_worker.ts");

/** A manager in memory is meant to be at least as fast as an engine that writes. */
const GOAL = 1;

const LOOK_MS = 10;

/** What a scenario does with a queue, and how many processes work for it. */
export interface EngineWork {
  /** Does one round. */
  readonly round: (queue: TaskQueue<number, number>) => Promise<Round>;
  /** How many processes add one to each number. */
  readonly workers: number;
  /** How many tasks each of them runs at a time. */
  readonly concurrency: number;
}

/** A place for a queue, for as long as the stack is not disposed of. */
type OpenPlace = (stack: AsyncDisposableStack) => Promise<EnginePlace>;

/** A queue that a process of its own keeps in memory would be reached in the same way: by a connection. */
const atManager: OpenPlace = async (stack) => {
  const queue = stack.use(new TaskQueue<number, number>());
  const Master = BaseManager.register("getTasks", { callable: () => queue });
  const server = stack.use(new Master().getServer());
  return await Promise.resolve({ address: server.address });
};

function onNats(nodes: 1 | 3): OpenPlace {
  return async (stack) => {
    const servers = nodes === 1
      ? [stack.use(await startNatsServer()).url]
      : stack.use(await startNatsCluster()).urls;
    const place = { servers, queue: "bench" };
    const { natsEngine } = await import("../distributed/engines/nats_engine.ts");
    await using owner = natsEngine({ servers }, { queue: place.queue, replicas: nodes });
    await owner.qsize();
    return place;
  };
}

/** The contestants of a scenario: ours is the manager. */
export function engineContestants(work: EngineWork): { ours: Contestant; peers: Peer[] } {
  const unavailable = async (): Promise<string | undefined> =>
    await hasNatsServer() ? undefined : "there is no nats-server here";
  return {
    ours: contestant("manager in memory", atManager, work),
    peers: ([1, 3] as const).map((nodes) => ({
      ...contestant(nodes === 1 ? "NATS, one server" : "NATS, three servers", onNats(nodes), work),
      goal: GOAL,
      unavailable,
    })),
  };
}

function contestant(name: string, open: OpenPlace, work: EngineWork): Contestant {
  let stack = new AsyncDisposableStack();
  let queue: TaskQueue<number, number> | undefined;
  return {
    name,
    async setup(): Promise<void> {
      const place = await open(stack);
      const opened = queue = stack.use(await openQueue(place));
      await Promise.all(Array.from({ length: work.workers }, async () => {
        const args = [place, work.concurrency];
        const options = {
          module: SUBJECT,
          target: "addOne",
          args,
          permissions: "inherit",
        } as const;
        await stack.use(new Process(options)).start();
      }));
      for (;;) {
        const { workers } = await opened.statistics();
        if (workers.filter(({ concurrency }) => concurrency > 0).length >= work.workers) break;
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
    },
    async run(): Promise<Round> {
      if (queue === undefined) throw new Error("Cannot use the queue: it was not set up");
      return await work.round(queue);
    },
    async teardown(): Promise<void> {
      await queue?.shutdown();
      queue = undefined;
      await stack.disposeAsync();
      stack = new AsyncDisposableStack();
    },
  };
}
