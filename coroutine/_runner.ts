import type { Values } from "./_frame.ts";

/**
 * What the pool core hands out. A job is one item, or several that run one after the other, of one
 * function. The runner reports on each item by its index in `items`.
 *
 * Reports are cheap, may come at any time, also within `start`, `cancel` and `stop`, and do no harm when
 * they come too late: what is settled stays as it is.
 */
export interface Job<Target = unknown> {
  /** A number that no other job of the pool has; a name for the job on a wire. */
  readonly id: number;
  /** Which item of its call an item is; 0 when the call has but one. */
  itemOf(index: number): number;
  /** The function, or what stands for one. */
  readonly target: Target;
  /** What the function is called with: each item is the only argument, or with `spread` all of them. */
  readonly items: readonly unknown[];
  /** Whether each item is an array of arguments. */
  readonly spread: boolean;
  /** The context variables of the caller; each item runs in a copy of them where that is possible. */
  readonly values: Values;
  /** How often its items were lost with a runner before; absent when never. */
  readonly losses?: number | undefined;
  /** Whether somebody listens for progress; if not, it need not be sent. */
  readonly wantsProgress: boolean;
  /**
   * Whether each item has a time limit. A runner that tells of starts and ends together, or late, must not
   * do so here: the limit would hit another item than the one that runs.
   */
  readonly isTimed: boolean;
  /** Whether somebody waits for each item by itself: its end is told before the next one starts. */
  readonly tellsEach?: boolean | undefined;
  /** Where the values go that the function makes one by one; `undefined` when it is called for its result. */
  readonly sink: ValueSink | undefined;
  /**
   * The function is about to be called for this item: its time limit starts. Comes before any other report
   * on an item that has run. Items start in the order of their indices, and the next one starts only when
   * the one before has ended.
   */
  started(index: number): void;
  /** Passes on what the running item reported, in order, and before its result. */
  progress(index: number, value: unknown): void;
  /** The function returned. */
  succeed(index: number, value: unknown): void;
  /** The function has started and returned for each of these items, which begin at the index. */
  succeedAll(index: number, values: readonly unknown[]): void;
  /** The function threw, or the item was asked to be cancelled and has ended, or never starts. */
  fail(index: number, error: unknown): void;
  /**
   * All items from this index on have not started, and never will here: they are handed out again, to
   * whoever is free, before others. It costs no retry. The same runner may get them again at once, if it has
   * room.
   */
  giveBack(from: number): void;
}

/** Takes the values of a generator, no faster than they are wanted. */
export interface ValueSink {
  /** How many values may come now. What comes beyond is kept all the same. */
  readonly room: number;
  /**
   * Takes a value, before the result of the item.
   *
   * @returns When the next one may be made, if that is not at once.
   */
  push(value: unknown): void | Promise<void>;
  /** Calls a function once, as soon as there is room. There is one such function at a time. */
  whenRoom(again: () => void): void;
}

/**
 * One hand of a pool: a coroutine, a thread, a process, a process elsewhere.
 *
 * The core keeps order, limits, retries and closing; a runner has these duties:
 *
 * 1. It settles every item of every job (`succeed`, `fail` or `giveBack`), or reports that it is lost.
 *    Nothing else ends an item.
 * 2. Jobs start in the order in which they were handed over.
 * 3. What cannot be sent (arguments that cannot be encoded) fails that item, and the runner goes on. So
 *    does a result that cannot be sent.
 * 4. When it is lost, it says so once, and reports nothing more.
 * 5. It is called from anywhere, also within a task of the user. What it waits for itself must not end with
 *    that task: `runOutsideTasks`. (`CreateRunner` is called outside of all tasks.)
 */
export interface Runner<Target = unknown> {
  /** What it is called in messages: `process 4711`. */
  readonly name: string;
  /**
   * How many jobs it may hold at a time, 1 or more: more than it runs at a time, when fetching the next one
   * takes long. Read whenever there is something to hand out; when it grows meanwhile, say
   * {@linkcode RunnerPort.changed}.
   */
  readonly capacity: number;
  /**
   * How long its end may take after `stop("kill")`, when that is sure to come and only the system is slow. Without it,
   * the pool's grace time.
   */
  readonly killLimitMs?: number | undefined;
  /** Takes a job. It must not throw. */
  start(job: Job<Target>): void;
  /**
   * Stops one item that it holds and has not settled. The item that runs is stopped for real, however that
   * is done (a process is killed), and settled when it has ended, not before. One that has not started
   * never starts, and is settled at once. What it is settled with does not matter, except that a running
   * function that returns all the same succeeds.
   *
   * When the only way is to end the whole runner, do that, and report it as lost when it has ended, with
   * `"starts known"` if that is so: the core replaces it, and starts elsewhere what had not started.
   *
   * A runner that has not settled the item within the pool's grace time is treated as lost.
   */
  cancel(job: Job<Target>, index: number, reason: unknown): void;
  /**
   * Ends the runner. `"end"`: it holds nothing, and may take its time to end in an orderly way.
   * `"kill"`: at once, whatever it holds; nothing that it has not started may start any more. `"kill"` may
   * follow `"end"`.
   *
   * @returns When it has really ended. It must not reject.
   */
  stop(manner: "end" | "kill"): Promise<void>;
}

/** How a runner speaks to the core beside the reports on its jobs. */
export interface RunnerPort {
  /** Aborts when the runner is not wanted any more while it is still being made. */
  readonly signal: AbortSignal;
  /**
   * The runner has died, and with it all that it held. Each unsettled item that was asked to be cancelled
   * has ended so; each other one is handed out again, alone, if it has retries left, and else rejects with
   * this error. Not for a runner that was asked to stop.
   *
   * @param starts Whether every item that had started was reported as started, so that the others can
   * safely start elsewhere, at no cost. A process that dies by itself may have taken such a report with it;
   * of one that was killed because an item did not end it is known.
   */
  lost(error: unknown, starts?: "starts unknown" | "starts known"): void;
  /** The capacity has grown. */
  changed(): void;
}

/**
 * Makes one runner. It answers, or its promise is fulfilled, when the runner can take jobs: its module is
 * loaded, its initializer has run. When it throws or rejects, the whole pool fails with that error, because
 * the next one would not do better.
 */
export type CreateRunner<Target> = (
  port: RunnerPort,
) => Runner<Target> | PromiseLike<Runner<Target>>;
