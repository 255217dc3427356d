import { runInTrace, type Trace, valuesOfAttempt } from "./_attempt.ts";
import { CoroutineRunner } from "./_coroutine_runner.ts";
import {
  Piece,
  type PieceOwner,
  type PieceReports,
  type PieceSettings,
  RemoteSink,
} from "./_remote_piece.ts";
import { CancelledError } from "./errors.ts";

/** The way from a worker to its pool: what becomes of its jobs. */
export interface WorkerReports extends PieceReports {
  /** The rest of a job whose items are timed goes on. */
  started(wire: number, index: number): void;
  /** A job, from an item on, will not run here. */
  givenBack(wire: number, index: number): void;
}

/** How a worker hears of its pool, and the pool of it. */
export interface WorkerChannel {
  readonly reports: WorkerReports;
  /** Looks for messages that have arrived, then calls back. */
  look(then: () => void): void;
  /** Calls back when what was told so far is on its way, so that it arrives whatever happens next. */
  flush(then: () => void): void;
}

/** A job as it comes from the pool. */
export interface WorkerJob extends Omit<PieceSettings, "sink" | "values"> {
  readonly items: readonly unknown[];
  /** Where in the job of the pool the first item is. */
  readonly first: number;
  /** How many values of its generator the pool wants first; absent for a job that is none. */
  readonly room?: number | undefined;
  /** Items that are not to be run. */
  readonly leftOut?: Iterable<number> | undefined;
}

/** The jobs of a worker of a pool in another thread or process: runs them one after the other. */
export class WorkerLine implements PieceOwner {
  readonly #channel: WorkerChannel;
  readonly #runner = new CoroutineRunner(() => {});
  readonly #sinks = new Map<number, RemoteSink>();
  /** What has not started. */
  readonly #line: Piece[] = [];
  /** What runs, or is the next to run for certain: the pool may take it for started. */
  #current: Piece | undefined;
  /** The context variables of the jobs that come. */
  #values = valuesOfAttempt(0);
  #isRunning = false;
  /** Whether messages are looked for before anything else is done. */
  #isLooking = false;
  #isStopping = false;
  readonly #ended = Promise.withResolvers<void>();

  constructor(channel: WorkerChannel) {
    this.#channel = channel;
  }

  get reports(): WorkerReports {
    return this.#channel.reports;
  }

  /** Fulfilled when the pool wants no more, and everything has ended. */
  get finished(): Promise<void> {
    return this.#ended.promise;
  }

  /** Whether a job runs. */
  get isBusy(): boolean {
    return this.#current !== undefined;
  }

  /** The jobs that follow belong to this attempt at a task, 0 when to none, and to this trace. */
  setAttempt(attempt: number, trace?: Trace): void {
    this.#values = valuesOfAttempt(attempt, trace);
  }

  /** Takes one more job. */
  take({ items, first, room, leftOut, ...settings }: WorkerJob): void {
    const sink = room === undefined ? undefined : new RemoteSink(this.reports, settings.wire, room);
    if (sink !== undefined) this.#sinks.set(settings.wire, sink);
    const piece = new Piece(this, { ...settings, sink, values: this.#values }, items, first);
    for (const index of leftOut ?? []) piece.skip(index);
    // The pool takes a job for started that it sends when there is no other: so it has to start.
    if (this.#line.length === 0) this.#isLooking = false;
    this.#line.push(piece);
    this.#goOn();
  }

  /** The pool wants more values of a generator. */
  credit(wire: number, room: number): void {
    this.#sinks.get(wire)?.add(room);
  }

  /** The pool does not want an item any more. */
  cancel(wire: number, index: number): void {
    const current = this.#current?.id === wire && this.#current.has(index)
      ? this.#current
      : undefined;
    if (current !== undefined && this.#isRunning) {
      const reason = new CancelledError("The call was cancelled");
      return this.#runner.cancel(current, index - current.first, reason);
    }
    const piece = current ?? this.#line.find((piece) => piece.id === wire && piece.has(index));
    piece?.skip(index);
  }

  /** Gives back what has not started. */
  recall(): void {
    if (this.#isRunning) this.#runner.pause();
    // The first one of each job: its pieces follow each other.
    const firsts = new Map<number, number>();
    for (const { id, first } of this.#line) if (!firsts.has(id)) firsts.set(id, first);
    this.#line.length = 0;
    // The last one first: the pool takes for started what comes after a job that has ended.
    for (const [wire, index] of [...firsts].reverse()) {
      this.#sinks.delete(wire);
      this.reports.givenBack(wire, index);
    }
    if (this.#current === undefined) this.#goOn();
  }

  /** Ends when nothing is left to run. */
  stop(): void {
    this.#isStopping = true;
    this.#goOn();
  }

  // What its pieces tell

  pause(): void {
    this.#runner.pause();
  }

  left(rest: Piece): void {
    this.#line.unshift(rest);
  }

  ended(piece: Piece, how: "at its end" | "interrupted"): void {
    if (piece.sink !== undefined) this.#sinks.delete(piece.id);
    this.#current = undefined;
    this.#isRunning = false;
    if (how === "at its end") return this.#goOn();
    this.#isLooking = true;
    this.#channel.look(() => {
      this.#isLooking = false;
      this.#goOn();
    });
  }

  #goOn(): void {
    if (this.#current !== undefined || this.#isLooking) return;
    const piece = this.#line.shift();
    if (piece === undefined) {
      if (this.#isStopping) this.#ended.resolve();
      return;
    }
    this.#current = piece;
    if (piece.isRest && piece.isTimed) this.reports.started(piece.id, piece.first);
    // What was told so far is on its way before a function runs that may never come back.
    this.#channel.flush(() => {
      this.#isRunning = true;
      if (piece.begin()) runInTrace(piece.values, () => this.#runner.start(piece));
    });
  }
}
