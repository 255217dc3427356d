import { sleep } from "../../coroutine/mod.ts";
import { WorkerPool } from "../../distributed/mod.ts";
import type { Address } from "../../ipc/mod.ts";
import { createRandom } from "../coroutine/_random.ts";
import { freePort } from "../support/free_port.ts";
import { createManager, createWorkers, type Replaceable } from "./fleet.ts";
import { type Figures, findTrends, readFigures, type Trend } from "./memory.ts";
import {
  createBlocks,
  PoolProducer,
  type Producer,
  QueueProducer,
  type Tally,
} from "./producers.ts";

const BELOW = 1_000_000;
const BLOCKS = 100;
const WORKERS = 2;

const SAMPLES = 300;
/** How much time passes between two kills of a worker, on average and in milliseconds; less in a short run. */
const WORKER_KILL_MS = 2_000;
/** The same for the manager. */
const MANAGER_KILL_MS = 30_000;
/** A shorter run does not tell whether something grows: what is warming up grows. In milliseconds. */
const JUDGED_MS = 5 * 60_000;
/** How long the end may take, after the last kill. */
const FAREWELL_MS = 60_000;

/** Options for {@linkcode soak}. */
export interface SoakOptions {
  /** How long it goes on, in milliseconds. */
  readonly durationMs: number;
  /** Which kills there are, and when. */
  readonly seed: number;
  /** Is told how it goes. */
  readonly print: (line: string) => void;
}

/** What a run has come to. */
export interface SoakReport {
  readonly date: string;
  readonly durationMs: number;
  readonly seed: number;
  readonly deno: string;
  readonly processors: number;
  /** The work of each of the three parts. */
  readonly work: Readonly<Record<string, Tally>>;
  /** How often processes were killed. */
  readonly kills: Readonly<{ workers: number; manager: number }>;
  /** What the processes that live all the time have taken. */
  readonly trends: Readonly<Record<string, readonly Trend[]>>;
  /** Whether the run was long enough to say that something grows. */
  readonly isJudged: boolean;
  readonly samples: readonly Sample[];
  /** What is not as it has to be; nothing when all is well. */
  readonly problems: readonly string[];
}

/** What each process had at a time. */
export interface Sample {
  readonly atMs: number;
  readonly figures: Readonly<Record<string, Figures>>;
}

/**
 * Has the demo's job done over and over while processes are killed: by workers of a manager that is killed as
 * well, by workers of a manager that lives all the time, and by workers of a pool in this process.
 */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const run = new Soak(options);
  try {
    return await run.run();
  } finally {
    await run[Symbol.asyncDispose]();
  }
}

class Soak implements AsyncDisposable {
  readonly #options: SoakOptions;
  /** Chance is the same for the same seed: one for the workers, and one for the manager. */
  readonly #chance: { readonly workers: () => number; readonly manager: () => number };
  readonly #stack = new AsyncDisposableStack();
  readonly #managers = new Map<string, Replaceable>();
  readonly #workers: Replaceable[] = [];
  readonly #producers = new Map<string, Producer>();
  readonly #samples: Sample[] = [];
  readonly #over = new AbortController();
  #startedAt = 0;

  constructor(options: SoakOptions) {
    this.#options = options;
    const { seed } = options;
    this.#chance = { workers: createRandom(seed), manager: createRandom(seed + 1) };
  }

  async run(): Promise<SoakReport> {
    const { durationMs, seed, print } = this.#options;
    const date = new Date().toISOString();
    await this.#start();
    this.#startedAt = performance.now();
    const timer = setTimeout(() => this.#over.abort(), durationMs);
    const parts = [
      ...[...this.#producers].map(([, producer]) => this.#produce(producer)),
      this.#killWorkers(),
      this.#killManager(),
      this.#watch(),
    ];
    try {
      await Promise.all(parts.map((part) =>
        part.catch((error) => {
          // One that fails ends the others.
          this.#over.abort();
          throw error;
        })
      ));
    } finally {
      clearTimeout(timer);
      await Promise.allSettled(parts);
    }
    await this.#finish();
    print("All have gone home");
    return this.#report(date, seed, durationMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  async #start(): Promise<void> {
    const authkey = crypto.randomUUID();
    const blocks = createBlocks(BELOW, BLOCKS);
    const addWorkers = async (address: Address): Promise<void> => {
      const workers = createWorkers(WORKERS, address, authkey);
      this.#workers.push(...workers.map((worker) => this.#stack.use(worker)));
      await Promise.all(workers.map((worker) => worker.start()));
    };
    for (const name of ["killed manager", "lasting manager"]) {
      const address = { hostname: "127.0.0.1", port: freePort() };
      const manager = this.#stack.use(createManager(address, authkey));
      await manager.start();
      this.#managers.set(name, manager);
      await addWorkers(address);
      this.#producers.set(name, this.#stack.use(new QueueProducer(blocks, address, authkey)));
    }
    const pool = new WorkerPool({ authkey, retries: Infinity, size: 2 * WORKERS });
    this.#producers.set("pool", this.#stack.use(new PoolProducer(blocks, pool)));
    await addWorkers(pool.address);
  }

  async #produce(producer: Producer): Promise<void> {
    while (!this.#over.signal.aborted) await producer.pass();
  }

  async #killWorkers(): Promise<void> {
    const { workers: random } = this.#chance;
    const meanMs = Math.min(WORKER_KILL_MS, this.#options.durationMs / 8);
    for (;;) {
      await this.#pause(meanMs, random);
      const victim = this.#workers[Math.floor(random() * this.#workers.length)]!;
      if (this.#over.signal.aborted) return;
      await victim.replace();
    }
  }

  async #killManager(): Promise<void> {
    const meanMs = Math.min(MANAGER_KILL_MS, this.#options.durationMs / 4);
    for (;;) {
      await this.#pause(meanMs, this.#chance.manager);
      if (this.#over.signal.aborted) return;
      await this.#managers.get("killed manager")!.replace();
    }
  }

  /** Waits for half to one and a half of the time, or until it is over. */
  async #pause(meanMs: number, random: () => number): Promise<void> {
    const ms = meanMs * (0.5 + random());
    await sleep(ms, { signal: this.#over.signal }).catch(() => {});
  }

  async #watch(): Promise<void> {
    const { durationMs, print } = this.#options;
    const everyMs = durationMs / SAMPLES;
    let told = 0;
    while (!this.#over.signal.aborted) {
      const atMs = performance.now() - this.#startedAt;
      const figures = await this.#measure();
      this.#samples.push({ atMs, figures });
      const tenth = Math.floor(10 * atMs / durationMs);
      if (tenth > told) {
        told = tenth;
        print(this.#progress(atMs, figures));
      }
      const leftMs = Math.max(0, atMs + everyMs - (performance.now() - this.#startedAt));
      await sleep(leftMs, { signal: this.#over.signal }).catch(() => {});
    }
  }

  async #measure(): Promise<Record<string, Figures>> {
    // Otherwise it is measured how lazy the collector is.
    (globalThis as { gc?: () => void }).gc?.();
    const names = new Map([[Deno.pid, "driver"]]);
    for (const [name, { pid }] of this.#managers) if (pid !== undefined) names.set(pid, name);
    const figures = await readFigures([...names.keys()]);
    return Object.fromEntries([...figures].map(([pid, each]) => [names.get(pid)!, each]));
  }

  #progress(atMs: number, figures: Record<string, Figures>): string {
    const passes = [...this.#producers.values()].map(({ tally }) => tally.passes);
    const memory = Object.entries(figures)
      .map(([name, { memory }]) => `${name} ${mebibytes(memory)} MB`);
    const { workers, manager } = this.#kills();
    return `${(atMs / 1000).toFixed(0)} s: jobs ${passes.join(" + ")}, ` +
      `killed ${workers} workers and ${manager} managers, ${memory.join(", ")}`;
  }

  #kills(): { workers: number; manager: number } {
    const count = (all: Iterable<Replaceable>) =>
      [...all].reduce((sum, { kills }) => sum + kills, 0);
    return { workers: count(this.#workers), manager: count(this.#managers.values()) };
  }

  /** Everybody is told that there will be no more, and goes. */
  async #finish(): Promise<void> {
    await Promise.all([...this.#producers.values()].map((producer) => producer.finish()));
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new Error(`Workers have not gone home within ${FAREWELL_MS} ms`)),
      FAREWELL_MS,
    );
    try {
      await Promise.race([late, Promise.all(this.#workers.map((worker) => worker.ended()))]);
    } finally {
      clearTimeout(timer);
    }
  }

  #report(date: string, seed: number, durationMs: number): SoakReport {
    const work = Object.fromEntries([...this.#producers].map(([name, { tally }]) => [name, tally]));
    const trends = Object.fromEntries(["driver", "lasting manager"].map((name) => {
      const figures = this.#samples.map((sample) => sample.figures[name]);
      return [name, findTrends(figures.filter((each) => each !== undefined))];
    }));
    const kills = this.#kills();
    const isJudged = durationMs >= JUDGED_MS;
    const problems = [
      ...findProblems(work, kills),
      ...isJudged ? findGrowth(trends) : [],
    ];
    return {
      ...{ date, durationMs, seed, deno: Deno.version.deno },
      processors: navigator.hardwareConcurrency,
      ...{ work, kills, trends, isJudged, samples: this.#samples, problems },
    };
  }
}

/** Says what is not as it has to be. */
export function findProblems(work: SoakReport["work"], kills: SoakReport["kills"]): string[] {
  const problems: string[] = [];
  for (const [name, { passes, results, wrong }] of Object.entries(work)) {
    if (passes === 0) problems.push(`${name}: no job was done`);
    if (results !== passes * BLOCKS) problems.push(`${name}: ${results} results of ${passes} jobs`);
    if (wrong > 0) problems.push(`${name}: ${wrong} results are wrong`);
  }
  if (kills.workers === 0) problems.push("no worker was killed");
  if (kills.manager === 0) problems.push("no manager was killed");
  return problems;
}

/** Says what has grown. */
export function findGrowth(trends: SoakReport["trends"]): string[] {
  return Object.entries(trends).flatMap(([name, list]) =>
    list.filter(({ isFlat }) => !isFlat).map(({ what, early, late, limit }) =>
      `${name}: ${what} grew from ${early} to ${late}, limit ${limit}`
    )
  );
}

/** The report, for people. */
export function writeTable(report: SoakReport): string[] {
  const { work, kills, trends, problems, isJudged } = report;
  const lines = [
    `killed: ${kills.workers} workers, ${kills.manager} managers`,
    "",
    row("", "jobs", "results", "wrong", "put again"),
    ...Object.entries(work).map(([name, { passes, results, wrong, putAgain }]) =>
      row(name, passes, results, wrong, putAgain)
    ),
    "",
    row("", "2nd tenth", "last tenth", "limit", ""),
  ];
  for (const [name, list] of Object.entries(trends)) {
    for (const { what, early, late, limit, isFlat } of list) {
      const show = (value: number) =>
        what === "memory" ? `${mebibytes(value)} MB` : String(Math.round(value));
      const verdict = !isJudged ? "-" : isFlat ? "flat" : "GREW";
      lines.push(row(`${name}: ${what}`, show(early), show(late), show(limit), verdict));
    }
  }
  lines.push("", problems.length === 0 ? "All results are right, none is missing" : "PROBLEMS");
  return [...lines, ...problems];
}

function row(name: string, ...cells: (string | number)[]): string {
  return `${name.padEnd(28)}${cells.map((cell) => String(cell).padStart(12)).join("")}`;
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
