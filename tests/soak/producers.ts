import {
  BaseManager,
  EngineUnavailableError,
  type TaskCall,
  TaskQueue,
  type WorkerPool,
} from "../../distributed/mod.ts";
import { type Address, ConnectionLostError } from "../../ipc/mod.ts";
import { countPrimes } from "./jobs.ts";

/** A part of the job, and what comes out of it. */
export interface Block {
  readonly from: number;
  readonly to: number;
  readonly primes: number;
}

/** What a producer has seen. */
export interface Tally {
  /** Whole jobs whose results were all there and right. */
  passes: number;
  /** Results, each counted once. */
  results: number;
  /** Results that were wrong. */
  wrong: number;
  /** Blocks that had to be put again, because their manager was gone. */
  putAgain: number;
}

/** One who has the job done again and again. */
export interface Producer extends AsyncDisposable {
  readonly tally: Tally;
  /** Has the whole job done once; rejects when a result is missing. */
  pass(): Promise<void>;
  /** Says that there will be no more; workers go home. */
  finish(): Promise<void>;
}

/** Divides the job, and does it once, to know what has to come out. */
export function createBlocks(below: number, count: number): Block[] {
  const size = Math.ceil(below / count);
  return Array.from({ length: count }, (_, n) => {
    const from = n * size;
    const to = Math.min(from + size, below);
    return { from, to, primes: countPrimes(from, to) };
  });
}

const Client = BaseManager.register("getTasks", { proxyType: TaskQueue<TaskCall, number> });

/** Puts tasks into the queue of a manager that may be killed at any time, each with its own id. */
export class QueueProducer implements Producer {
  readonly tally: Tally = { passes: 0, results: 0, wrong: 0, putAgain: 0 };
  readonly #blocks: readonly Block[];
  readonly #client: InstanceType<typeof Client>;
  #queue: Promise<TaskQueue<TaskCall, number>> | undefined;
  #connecting: Promise<void> | undefined;
  #passes = 0;

  constructor(blocks: readonly Block[], address: Address, authkey: string) {
    this.#blocks = blocks;
    this.#client = new Client({ address, authkey, retry: true });
  }

  async pass(): Promise<void> {
    const pass = ++this.#passes;
    const left = new Set(this.#blocks.keys());
    await Promise.all(this.#blocks.map(async (block, number) => {
      const primes = await this.#ask(`pass ${pass} block ${number}`, block);
      if (!left.delete(number)) throw new Error(`Block ${number} has ended twice`);
      this.tally.results++;
      if (primes !== block.primes) this.tally.wrong++;
    }));
    if (left.size > 0) throw new Error(`${left.size} blocks of pass ${pass} have no result`);
    this.tally.passes++;
  }

  async finish(): Promise<void> {
    await (await this.#connected()).shutdown();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const queue = await this.#queue?.catch(() => undefined);
    await queue?.[Symbol.asyncDispose]();
    await this.#client[Symbol.asyncDispose]();
  }

  /** What a manager keeps is gone with it: then the task is put again, under the same id. */
  async #ask(id: string, { from, to }: Block): Promise<number> {
    for (;;) {
      const connected = this.#connected();
      try {
        const queue = await connected;
        const call = { name: "countPrimes", args: [from, to] };
        const task = await queue.put(call, { id, retries: Infinity });
        return await task.result();
      } catch (error) {
        const isGone = error instanceof EngineUnavailableError ||
          error instanceof ConnectionLostError;
        if (!isGone) throw error;
        this.tally.putAgain++;
        this.#drop(connected);
      }
    }
  }

  #connected(): Promise<TaskQueue<TaskCall, number>> {
    return this.#queue ??= this.#connect();
  }

  async #connect(): Promise<TaskQueue<TaskCall, number>> {
    // Once: afterwards the client comes back by itself.
    await (this.#connecting ??= this.#client.connect());
    return await TaskQueue.over(await this.#client.getTasks());
  }

  /** A queue is of one connection only. */
  #drop(connected: Promise<TaskQueue<TaskCall, number>>): void {
    if (this.#queue !== connected) return;
    this.#queue = undefined;
    void connected.then((queue) => queue[Symbol.asyncDispose]()).catch(() => {});
  }
}

/** Calls the function of a pool, whose workers may be killed at any time. */
export class PoolProducer implements Producer {
  readonly tally: Tally = { passes: 0, results: 0, wrong: 0, putAgain: 0 };
  readonly #blocks: readonly Block[];
  readonly #pool: WorkerPool;

  constructor(blocks: readonly Block[], pool: WorkerPool) {
    this.#blocks = blocks;
    this.#pool = pool;
  }

  async pass(): Promise<void> {
    const items = this.#blocks.map(({ from, to }) => [from, to] as [number, number]);
    const primes = await this.#pool.starmap(countPrimes, items);
    if (primes.length !== items.length) throw new Error(`There are ${primes.length} results`);
    primes.forEach((count, n) => {
      this.tally.results++;
      if (count !== this.#blocks[n]!.primes) this.tally.wrong++;
    });
    this.tally.passes++;
  }

  async finish(): Promise<void> {
    this.#pool.close();
    await this.#pool.join();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.terminate();
  }
}
