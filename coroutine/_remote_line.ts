import { attemptIn, type Trace, traceIn } from "./_attempt.ts";
import type { Job } from "./_runner.ts";

/** A job that takes longer is a long one: what waits behind it is handed to others. */
const LONG_MS = 20;

/** Jobs that take less are fetched ahead, so many that they last about so long. */
const SHORT_MS = 10;
const WINDOW_MS = 1;
const MOST_JOBS = 128;

/** How long a function that is to be stopped may take to end by itself. */
const CHANCE_MS = 100;

/** The most values of a generator that are asked for at a time. */
const MOST_CREDIT = 0xffff;

/** Items of a job that were sent together. */
export interface Held {
  readonly job: Job;
  /** Its number on the way. */
  readonly wire: number;
  /** The next item that the worker reports on; it runs when the job is the first in the line. */
  next: number;
  end: number;
  startedAt: number;
  /** When the worker last told something of it. */
  heardAt: number;
  /** Items that were asked to be stopped. */
  stops: Set<number> | undefined;
  /** Items that never start, because they cannot be carried, and why. */
  refusals: Map<number, unknown> | undefined;
  /** How many values of a generator are on their way, or may be. */
  credit: number;
}

/** The way to a worker, as its line sees it. */
export interface LineOwner {
  /** What the worker is called. */
  readonly name: string;
  /** How long it may take to stop something. */
  readonly graceMs: number;
  /** The capacity has grown. */
  changed(): void;
  /** The line is empty. */
  emptied(): void;
  /** What runs does not end by itself: the worker is to be ended. */
  kill(): void;
  /** Tells the worker that the jobs that follow belong to this attempt at a task, and to this trace. */
  sendAttempt(attempt: number, trace: Trace | undefined): void;
  /** Tells the worker that an item is not wanted any more. */
  sendCancel(wire: number, index: number): void;
  /** Tells the worker that what has not started is wanted back. */
  sendRecall(): void;
  /** Tells the worker that so many more values of a generator are wanted. */
  sendCredit(wire: number, count: number): void;
}

/**
 * The jobs that a worker elsewhere holds, on the side of the pool, in the order in which they run; and what it
 * reports on them, which comes in the same order.
 */
export class RemoteLine {
  /** How many jobs the worker may hold. */
  capacity = 1;
  readonly #owner: LineOwner;
  readonly #held = new Map<number, Held>();
  readonly #line: Held[] = [];
  #wires = 0;
  /** How long a job takes, smoothed. */
  #jobMs = 0;
  #isRecalling = false;
  /** The attempt that the worker was told last. */
  #attempt = 0;
  #trace: Trace | undefined;
  #chance: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;

  constructor(owner: LineOwner) {
    this.#owner = owner;
  }

  /** Whether the worker holds nothing that has not ended. */
  get isEmpty(): boolean {
    return this.#left === 0;
  }

  /** How many jobs have not ended: the first one may be about to leave the line. */
  get #left(): number {
    const first = this.#line[0];
    return this.#line.length - (first !== undefined && first.next === first.end ? 1 : 0);
  }

  /** The item that runs. */
  get running(): { readonly job: Job; readonly index: number } | undefined {
    const held = this.#line[0];
    return held === undefined ? undefined : { job: held.job, index: held.next };
  }

  /** A job that the worker holds. */
  get(wire: number): Held | undefined {
    return this.#held.get(wire);
  }

  /** Puts items of a job in the line, which are sent now. */
  add(job: Job, index: number, count: number): Held {
    const attempt = attemptIn(job.values);
    const trace = attempt === 0 ? undefined : traceIn(job.values);
    if (attempt !== this.#attempt || trace !== this.#trace) {
      this.#attempt = attempt;
      this.#trace = trace;
      this.#owner.sendAttempt(attempt, trace);
    }
    const wire = this.#wires = (this.#wires + 1) & 0x7fff_ffff;
    const held: Held = {
      job,
      wire,
      next: index,
      end: index + count,
      startedAt: 0,
      heardAt: 0,
      stops: undefined,
      refusals: undefined,
      credit: job.sink?.room ?? 0,
    };
    this.#held.set(wire, held);
    this.#line.push(held);
    if (this.#line.length === 1) this.#begin(held, performance.now());
    else this.#watchSoon();
    return held;
  }

  /** The worker takes nothing more until a job of it has ended. */
  shut(): void {
    this.capacity = Math.max(1, this.#left);
  }

  /** As the runner is asked to. */
  cancel(job: Job, index: number, reason: unknown): void {
    const held = this.#line.find((held) =>
      held.job === job && index >= held.next && index < held.end
    );
    // Its end is known here, or was on its way.
    if (held === undefined) return;
    (held.stops ??= new Set()).add(index);
    this.#owner.sendCancel(held.wire, index);
    if (held === this.#line[0] && index === held.next) return this.#giveChance();
    // Should the worker have started it in this moment, it has a chance to end when its turn has come.
    job.fail(index, reason);
  }

  /** The worker is about to end, or has ended: nothing more is waited for. */
  close(): void {
    this.#endChance();
    clearTimeout(this.#watch);
    this.#watch = undefined;
  }

  // What the worker tells

  /** The items from the index on have returned these values. */
  onValues(wire: number, index: number, values: readonly unknown[]): void {
    const held = this.#next(wire, index, values.length);
    held.next += values.length;
    held.job.succeedAll(index, values);
    this.#heard(held);
  }

  /** The item has thrown. */
  onError(wire: number, index: number, error: unknown): void {
    const held = this.#next(wire, index, 1);
    held.next++;
    held.job.started(index);
    held.job.fail(index, error);
    this.#heard(held);
  }

  /** The item was not wanted any more, or could not be carried, and has not started. */
  onSkipped(wire: number, index: number): void {
    const held = this.#next(wire, index, 1);
    held.next++;
    const { refusals } = held;
    held.job.fail(index, refusals?.get(index));
    this.#heard(held);
  }

  /** The item starts now. */
  onStarted(wire: number, index: number): void {
    const held = this.#next(wire, index, 1);
    held.heardAt = performance.now();
    held.job.started(index);
  }

  /** The item reports how far it is. */
  onProgress(wire: number, index: number, value: unknown): void {
    const held = this.#find(wire);
    held.heardAt = performance.now();
    held.job.progress(index, value);
  }

  /** A generator has made a value. */
  onStreamed(wire: number, value: unknown): void {
    const held = this.#find(wire);
    const { sink } = held.job;
    if (sink === undefined) throw this.#misled("with a value that is not wanted");
    held.heardAt = performance.now();
    held.credit--;
    void sink.push(value);
    const free = sink.room - held.credit;
    if (held.credit > free) return;
    if (free > 0) this.#addCredit(held, free);
    else if (held.credit === 0) sink.whenRoom(() => this.#addCredit(held, sink.room));
  }

  /** The items from the index on have not started, and will not. */
  onGivenBack(wire: number, index: number): void {
    const held = this.#find(wire);
    if (index < held.next || index >= held.end) throw this.#misled("about items it does not hold");
    this.#isRecalling = false;
    held.end = index;
    if (held.next === index) this.#retire(held);
    held.job.giveBack(index);
  }

  /** None of the items can be run. */
  onRefused(wire: number, error: unknown): void {
    const held = this.#find(wire);
    const { job, next, end } = held;
    held.next = end;
    for (let index = next; index < end; index++) job.fail(index, error);
    this.#retire(held);
  }

  /** The worker starts with a job, or did while the end of the one before was on its way. */
  #begin(held: Held, now: number): void {
    held.startedAt = held.heardAt = now;
    if (held.end - held.next > 1) this.#watchSoon();
    held.job.started(held.next);
    if (held.stops?.has(held.next) === true) this.#giveChance();
  }

  #heard(held: Held): void {
    if (held.next === held.end) return this.#retire(held);
    held.heardAt = performance.now();
    this.#endChance();
    if (held.stops?.has(held.next) === true) this.#giveChance();
  }

  /** Nothing of a job is left here. */
  #retire(held: Held): void {
    this.#held.delete(held.wire);
    const line = this.#line;
    if (line[0] !== held) {
      line.splice(line.indexOf(held), 1);
      return;
    }
    line.shift();
    this.#endChance();
    this.#isRecalling = false;
    const next = line[0];
    const now = performance.now();
    const ms = now - held.startedAt;
    if (next !== undefined) this.#begin(next, now);
    else this.#owner.emptied();
    this.#learn(ms);
  }

  /** Has the worker hold so many jobs as it needs to be busy all the time. */
  #learn(ms: number): void {
    this.#jobMs = this.#jobMs === 0 ? ms : this.#jobMs * 0.75 + ms * 0.25;
    const before = this.capacity;
    if (ms >= LONG_MS || this.#jobMs >= SHORT_MS) this.capacity = 1;
    else this.capacity = Math.max(2, Math.min(MOST_JOBS, Math.ceil(WINDOW_MS / this.#jobMs)));
    if (this.capacity > before) this.#owner.changed();
  }

  /** Looks later whether what runs takes long while other things wait behind it. */
  #watchSoon(): void {
    if (this.#watch !== undefined) return;
    this.#watch = setTimeout(() => {
      this.#watch = undefined;
      const held = this.#line[0];
      if (held === undefined || this.#isRecalling) return;
      if (this.#line.length === 1 && held.end - held.next <= 1) return;
      if (performance.now() - held.heardAt < LONG_MS) return this.#watchSoon();
      this.capacity = Math.min(this.capacity, 1);
      this.#isRecalling = true;
      this.#owner.sendRecall();
    }, LONG_MS);
  }

  /** What runs is to be stopped: it may end by itself, or the worker has to. */
  #giveChance(): void {
    this.#chance ??= setTimeout(
      () => this.#owner.kill(),
      Math.min(CHANCE_MS, this.#owner.graceMs / 4),
    );
  }

  #endChance(): void {
    if (this.#chance === undefined) return;
    clearTimeout(this.#chance);
    this.#chance = undefined;
  }

  #addCredit(held: Held, room: number): void {
    const count = Math.min(room, MOST_CREDIT);
    held.credit += count;
    if (this.#held.get(held.wire) === held) this.#owner.sendCredit(held.wire, count);
  }

  #find(wire: number): Held {
    const held = this.#held.get(wire);
    if (held === undefined) throw this.#misled("of a job that it does not hold");
    return held;
  }

  #next(wire: number, index: number, count: number): Held {
    const held = this.#find(wire);
    if (held !== this.#line[0] || index !== held.next || index + count > held.end) {
      throw this.#misled("out of its turn");
    }
    return held;
  }

  #misled(how: string): Error {
    return new Error(`Cannot read from ${this.#owner.name}: a message ${how}`);
  }
}
