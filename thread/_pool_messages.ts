import type { ChannelEnd } from "./_pool_channel.ts";

/**
 * What a pool and its threads tell each other. A job is one item or several that follow each other; `index`
 * says where in the pool's job an item is. A thread has all jobs run in the order of their arrival, and
 * reports on every item, in order; it reports on the end of a job before it starts the next one.
 */
export const Kind = {
  // To the thread.
  /** `number` is the target, `index` the first item, the values are the items. */
  JOB: 1,
  /** The same for a generator, of which so many values are wanted: `index`. */
  STREAM: 2,
  /** The target `number` is: `[module, name]`. */
  TARGET: 3,
  /** The item is not wanted any more. */
  CANCEL: 4,
  /** What has not started is wanted back. */
  RECALL: 5,
  /** So many more values of a generator are wanted: `number`. */
  CREDIT: 6,
  /** No more jobs come. */
  STOP: 7,
  /** These items of the job that follows are not to be run: their indices. */
  LEAVE_OUT: 8,
  /**
   * The jobs that follow belong to this attempt at a task, 0 at first: `index`; and to this trace, if there is one:
   * `[traceparent, tracestate]`.
   */
  ATTEMPT: 9,
  // From the thread.
  /** It can take jobs. */
  READY: 16,
  /** The items from the index on have these results. */
  VALUES: 17,
  /** The item has thrown: `[encoding, payload]`. */
  ERROR: 18,
  /** The item was not wanted any more, and never started. */
  SKIPPED: 19,
  /** The item starts now. Told for items of jobs with a time limit, except for the first one. */
  STARTED: 20,
  /** The item reports how far it is. */
  PROGRESS: 21,
  /** A value of a generator. */
  VALUE: 22,
  /** The items from the index on have not started, and will not. */
  GIVEN_BACK: 23,
  /** None of the items can be run: the error, as for `ERROR`. */
  REFUSED: 24,
} as const;

/** The flags of a job. */
export const JobFlag = {
  /** The values are the arguments of the only item. */
  ARGUMENTS: 1,
  /** Each item is an array of arguments. */
  SPREAD: 2,
  PROGRESS: 4,
  TIMED: 8,
  /** Each result is told before the next item starts. */
  EACH: 16,
} as const;

/** A function in a module: its URL, and the name. */
export type FunctionPath = readonly [module: string, name: string];

/** What a thread of a pool is told when it starts. */
export interface WorkerSpec {
  /** The module that it imports before it takes jobs. */
  readonly module: string | undefined;
  readonly initializer: FunctionPath | undefined;
  readonly initArgs: readonly unknown[];
  readonly channel: ChannelEnd;
}
