// deno run --allow-run=deno --allow-net=127.0.0.1 --allow-read=. examples/demo.ts

// The tour: a master serves blocks of numbers over TCP; worker processes and threads take them, count the
// primes in each, and send the counts back. Half-way one worker is killed, and nothing is lost.

import { Queue } from "@manyhands/concurrency/coroutine";
import { BaseManager, TaskQueue } from "@manyhands/concurrency/distributed";
import { type Address, ConnectionLostError } from "@manyhands/concurrency/ipc";
import { cpuCount, Process } from "@manyhands/concurrency/process";
import { Thread } from "@manyhands/concurrency/thread";
import { parseArgs } from "@std/cli/parse-args";

const HELP =
  `Counts primes with workers that take blocks from one queue over TCP, and kills one of them.

  deno task demo [OPTIONS]

  --below N       count the primes below N (10000000)
  --blocks N      in so many blocks (200)
  --processes N   worker processes (4)
  --threads N     worker threads (2)
  --no-kill       let everybody live
  --engine URL    keep the blocks on NATS, such as nats://127.0.0.1:4222, in place of a manager`;

/** How many primes there are below a power of ten: the count is checked against it. */
const KNOWN_COUNTS: Record<number, number> = {
  10: 4,
  100: 25,
  1_000: 168,
  10_000: 1_229,
  100_000: 9_592,
  1_000_000: 78_498,
  10_000_000: 664_579,
  100_000_000: 5_761_455,
};

const BAR_WIDTH = 40;

interface Block {
  number: number;
  from: number;
  to: number;
}

/** What workers tell the master: that they took a block, and how many primes are in it. */
interface Report {
  worker: string;
  block: number;
  primes?: number;
}

const blocks = new Queue<Block>(0, { returnUnfinished: true });
const reports = new Queue<Report>();

const Master = BaseManager
  .register("getBlocks", { callable: () => blocks })
  .register("getReports", { callable: () => reports });

/** Counts the primes from `from` up to and without `to`, by trial division. */
export function countPrimes(from: number, to: number): number {
  let count = 0;
  for (let n = Math.max(from, 2); n < to; n++) if (isPrime(n)) count++;
  return count;
}

function isPrime(n: number): boolean {
  if (n % 2 === 0) return n === 2;
  for (let divisor = 3; divisor * divisor <= n; divisor += 2) {
    if (n % divisor === 0) return false;
  }
  return true;
}

/** A worker: takes blocks until the master is gone. It knows nothing but a place. */
export async function work(worker: string, place: Place): Promise<void> {
  if ("servers" in place) return await workOnEngine(worker, place);
  const Client = BaseManager
    .register("getBlocks", { proxyType: Queue<Block> })
    .register("getReports", { proxyType: Queue<Report> });
  await using manager = new Client(place);
  await manager.connect();
  const [blocks, reports] = [await manager.getBlocks(), await manager.getReports()];
  try {
    for (;;) {
      const { number: block, from, to } = await blocks.get();
      await reports.put({ worker, block });
      await reports.put({ worker, block, primes: countPrimes(from, to) });
      await blocks.taskDone();
    }
  } catch (error) {
    if (!(error instanceof ConnectionLostError)) throw error;
  }
}

/** After so long without a sign of life of a worker its block is given to another one. */
const LEASE_MS = 3_000;

/** Where the blocks are with `--engine`. */
interface EnginePlace {
  servers: string;
  queue: string;
}

/** Only with `--engine` the client of NATS is loaded. */
async function openEngine({ servers, queue }: EnginePlace) {
  const { natsEngine } = await import("@manyhands/concurrency/distributed/nats");
  return natsEngine({ servers }, { queue, leaseMs: LEASE_MS });
}

/** A worker of an engine: takes blocks until there will be no more. */
async function workOnEngine(worker: string, place: EnginePlace): Promise<void> {
  await using queue = new TaskQueue<Block, Report>({ engine: await openEngine(place) });
  await queue.work(async ({ number: block, from, to }, lease) => {
    await lease.progress({ worker, block });
    return { worker, block, primes: countPrimes(from, to) };
  });
}

function readNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  return usageError(`--${name} must be a whole number of ${least} or more, got ${text}`);
}

function usageError(message: string): never {
  console.error(`${message}\n\n${HELP}`);
  Deno.exit(2);
}

interface DemoOptions {
  below: number;
  blockCount: number;
  processCount: number;
  threadCount: number;
  kill: boolean;
  /** The servers that keep the blocks, in place of a manager here. */
  engine: string | undefined;
}

/** What a worker needs to know: where a manager is, or an engine. */
type Place = { address: Address; authkey: string } | EnginePlace;

/** Who has the blocks. */
interface Home extends AsyncDisposable {
  place: Place;
  /** The same for people, and for permissions. */
  hosts: string;
  put(block: Block): void;
}

/** A manager here, which lends the two queues. */
function openManager(): Home {
  const authkey = crypto.randomUUID();
  const server = new Master({ authkey }).getServer();
  const { address } = server;
  return {
    place: { address, authkey },
    hosts: `${address.hostname}:${address.port}`,
    put: (block) => blocks.putNowait(block),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** An engine elsewhere: what becomes of a block is what becomes of a task. */
async function openHome(servers: string): Promise<Home> {
  const place = { servers, queue: `demo-${crypto.randomUUID()}` };
  const engine = await openEngine(place);
  const queue = new TaskQueue<Block, Report>({ engine });
  const onProgress = (report: unknown): void => reports.putNowait(report as Report);
  const follow = async (block: Block): Promise<void> => {
    const task = await queue.put(block, { retries: 3, onProgress });
    reports.putNowait(await task.result());
  };
  return {
    place,
    hosts: servers.replace(/^\w+:\/\//, ""),
    put: (block) => void follow(block).catch(stop),
    [Symbol.asyncDispose]: async () => {
      await queue.shutdown();
      await engine.destroy();
      await queue[Symbol.asyncDispose]();
    },
  };
}

function stop(error: Error): never {
  console.error(error.message);
  Deno.exit(1);
}

async function runDemo(options: DemoOptions): Promise<void> {
  const { below, blockCount, processCount, threadCount } = options;
  console.log(`Counting the primes below ${below.toLocaleString("en")}, ${blockCount} blocks.`);
  const oneProcessMs = await timeOneProcess(below);
  console.log(`One process: ${seconds(oneProcessMs)}.`);

  const { engine } = options;
  const home = engine === undefined ? openManager() : await openHome(engine);
  console.log(
    `Master on ${home.hosts}; ${processCount} worker processes and ${threadCount} threads join.`,
  );
  const processes = await startProcesses(processCount, home);
  const threads = await startThreads(threadCount, home);
  const start = performance.now();
  const size = Math.ceil(below / blockCount);
  for (let number = 0; number < blockCount; number++) {
    const from = number * size;
    home.put({ number, from, to: Math.min(from + size, below) });
  }
  const outcome = await collect(options, processes);
  const ms = performance.now() - start;

  await home[Symbol.asyncDispose]();
  await Promise.all([...processes, ...threads].map((worker) => worker.join()));
  summarise(options, outcome, oneProcessMs, ms);
}

/** The same work in one process, for comparison. */
async function timeOneProcess(below: number): Promise<number> {
  await using process = new Process({
    module: import.meta.url,
    target: countPrimes,
    args: [0, below],
  });
  await process.start();
  const start = performance.now();
  await process.result();
  return performance.now() - start;
}

async function startProcesses(count: number, { place, hosts }: Home): Promise<Process[]> {
  const processes = Array.from({ length: count }, (_, i) => {
    const name = `process ${i + 1}`;
    return new Process({
      module: import.meta.url,
      target: work,
      args: [name, place] as [string, Place],
      name,
      permissions: { net: hosts.split(",") },
    });
  });
  await Promise.all(processes.map((process) => process.start()));
  return processes as unknown as Process[];
}

async function startThreads(count: number, { place }: Home): Promise<Thread<typeof work>[]> {
  const threads = Array.from({ length: count }, (_, i) => {
    const name = `thread ${i + 1}`;
    return new Thread({
      module: import.meta.url,
      target: work,
      args: [name, place] as [string, Place],
      name,
    });
  });
  await Promise.all(threads.map((thread) => thread.start()));
  return threads;
}

interface Outcome {
  primes: number;
  /** Blocks done, by worker. */
  done: Map<string, number>;
  /** Blocks that were taken by more than one worker. */
  redone: number[];
  killed: string | undefined;
  lost: number;
}

/** Takes the reports until every block is counted, and kills a worker half-way. */
async function collect(options: DemoOptions, processes: Process[]): Promise<Outcome> {
  const { blockCount, kill } = options;
  const counts = new Map<number, number>();
  const takers = new Map<number, Set<string>>();
  const done = new Map<string, number>();
  const progress = new Progress(blockCount);
  let killed: string | undefined;
  while (counts.size < blockCount) {
    const { worker, block, primes } = await reports.get();
    if (primes === undefined) {
      takers.set(block, (takers.get(block) ?? new Set()).add(worker));
      const victim = processes.find((process) => process.name === worker);
      if (kill && killed === undefined && counts.size >= blockCount / 2 && victim !== undefined) {
        // It has just taken a block, and is counting.
        killed = worker;
        victim.kill();
        progress.note(
          `Killed ${worker} (SIGKILL, pid ${victim.pid}) while it counts block ${block}.`,
        );
      }
    } else if (!counts.has(block)) {
      counts.set(block, primes);
      done.set(worker, (done.get(worker) ?? 0) + 1);
      progress.show(counts.size);
    }
  }
  progress.end();
  return {
    primes: counts.values().reduce((sum, count) => sum + count, 0),
    done,
    redone: [...takers].filter(([, workers]) => workers.size > 1).map(([block]) => block),
    killed,
    lost: blockCount - counts.size,
  };
}

/** A bar in a terminal, a line for each tenth elsewhere. */
class Progress {
  readonly #total: number;
  readonly #isTerminal = Deno.stdout.isTerminal();
  #tenth = 0;

  constructor(total: number) {
    this.#total = total;
  }

  show(count: number): void {
    if (this.#isTerminal) {
      const filled = Math.floor(count / this.#total * BAR_WIDTH);
      const bar = "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled);
      this.#write(`\r${bar} ${count}/${this.#total}`);
    } else if (Math.floor(count / this.#total * 10) > this.#tenth) {
      this.#tenth = Math.floor(count / this.#total * 10);
      console.log(`${this.#tenth * 10} %: ${count} of ${this.#total} blocks`);
    }
  }

  note(text: string): void {
    if (this.#isTerminal) this.#write("\r\x1b[K");
    console.log(text);
  }

  end(): void {
    if (this.#isTerminal) this.#write("\n");
  }

  #write(text: string): void {
    Deno.stdout.writeSync(new TextEncoder().encode(text));
  }
}

function summarise(options: DemoOptions, outcome: Outcome, oneProcessMs: number, ms: number): void {
  const { below, blockCount } = options;
  const { primes, done, redone, killed, lost } = outcome;
  console.log(`tasks: ${blockCount}`);
  for (const [worker, count] of [...done].toSorted()) {
    console.log(`  ${worker}: ${count}${worker === killed ? " (killed)" : ""}`);
  }
  console.log(
    `tasks redone: ${redone.length}${redone.length > 0 ? ` (block ${redone.join(", ")})` : ""}`,
  );
  console.log(`lost: ${lost}`);
  const ratio = (oneProcessMs / ms).toFixed(2);
  console.log(
    `time: ${seconds(ms)}, one process ${
      seconds(oneProcessMs)
    }: ${ratio} times as fast on ${cpuCount()} processors`,
  );
  const known = KNOWN_COUNTS[below];
  const verdict = known === undefined
    ? `not checked, only powers of ten are (${countPrimes(0, 1000)} below 1,000)`
    : known === primes
    ? "right"
    : `WRONG, there are ${known}`;
  console.log(
    `primes below ${below.toLocaleString("en")}: ${primes.toLocaleString("en")} (${verdict})`,
  );
  if (lost > 0 || (known !== undefined && known !== primes)) Deno.exitCode = 1;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

if (import.meta.main) {
  const options = parseArgs(Deno.args, {
    string: ["below", "blocks", "processes", "threads", "engine"],
    boolean: ["help", "kill"],
    negatable: ["kill"],
    default: { below: "10000000", blocks: "200", processes: "4", threads: "2", kill: true },
    unknown: (option) => usageError(`Unknown option: ${option}`),
  });
  if (options.help) {
    console.log(HELP);
    Deno.exit(0);
  }
  await runDemo({
    below: readNumber("below", options.below, 10),
    blockCount: readNumber("blocks", options.blocks, 1),
    processCount: readNumber("processes", options.processes, 1),
    threadCount: readNumber("threads", options.threads, 0),
    kill: options.kill,
    engine: options.engine,
  });
}
