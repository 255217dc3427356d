import { currentScope } from "./_current_scope.ts";
import { type Frame, runInFrame, type Values } from "./_frame.ts";
import { pourOut } from "./_pour_out.ts";
import type { Job, Runner } from "./_runner.ts";
import type { Scope } from "./_scope.ts";
import { taskInternals } from "./_task_internals.ts";
import { isThenable } from "./_thenable.ts";
import { CancelledError } from "./errors.ts";
import { Task } from "./task.ts";

type AnyFunction = (...args: unknown[]) => unknown;

/**
 * After so many microtasks without an end, a function is one that waits, and others should not wait for
 * it: an `async` function that calls a few others without waiting needs fewer.
 */
const PATIENCE = 24;

const NOW: Promise<void> = Promise.resolve();

/** Runs functions on this event loop, one after the other. */
export class CoroutineRunner implements Runner<AnyFunction> {
  readonly name = "coroutine";
  readonly capacity = 1;
  readonly #enlist: (task: object) => void;
  #work: Work | undefined;

  /** @param enlist Is told of each task, before its function can see it. */
  constructor(enlist: (task: object) => void) {
    this.#enlist = enlist;
  }

  start(job: Job<AnyFunction>): void {
    this.#work = new Work(job, this.#enlist);
    this.#work.run();
  }

  cancel(_job: Job<AnyFunction>, index: number, reason: unknown): void {
    this.#work?.cancel(index, reason);
  }

  /** Starts no further item of the job that it runs: they are given back. */
  pause(): void {
    this.#work?.pause();
  }

  stop(manner: "end" | "kill"): Promise<void> {
    if (manner === "kill") this.#work?.kill();
    return this.#work?.ended ?? NOW;
  }
}

/** The task of a call: made when the function, or what it calls, asks for it. */
interface CallTask {
  readonly task: Task<unknown>;
  readonly scope: Scope;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The items of one job, one after the other.
 *
 * To enter a frame costs several times what an instant function costs. So the items of a job share one,
 * which makes a task when it is first asked for something; then the next item gets a frame of its own.
 * What is left running behind by a function that never asked, and asks while a later item of its job runs,
 * is taken for a part of that one.
 */
class Work {
  readonly job: Job<AnyFunction>;
  readonly enlist: (task: object) => void;
  /** The item that runs, or ran last. */
  index = -1;
  isRunning = false;
  readonly #target: AnyFunction;
  readonly #items: readonly unknown[];
  readonly #spread: boolean;
  #frame!: CallFrame;
  #end: number;
  #cancelled: Set<number> | undefined;
  #ended: PromiseWithResolvers<void> | undefined;
  #isWatched = false;
  #seen = -1;
  #patience = 0;

  constructor(job: Job<AnyFunction>, enlist: (task: object) => void) {
    this.job = job;
    this.enlist = enlist;
    this.#target = job.target;
    this.#items = job.items;
    this.#spread = job.spread;
    this.#end = job.items.length;
  }

  /** Fulfilled when nothing runs. */
  get ended(): Promise<void> {
    if (!this.isRunning) return NOW;
    return (this.#ended ??= Promise.withResolvers<void>()).promise;
  }

  run(): void {
    do {
      this.#frame = new CallFrame(this);
    } while (runInFrame(this.#frame, this.#next) === "in a fresh frame");
  }

  cancel(index: number, reason: unknown): void {
    if (index > this.index) {
      (this.#cancelled ??= new Set()).add(index);
      this.job.fail(index, reason);
    } else if (index === this.index && this.isRunning) {
      void this.#frame.scope;
      this.#frame.call!.task.cancel(reason);
    }
  }

  pause(): void {
    const next = this.index + 1;
    if (next >= this.#end) return;
    this.#end = next;
    this.job.giveBack(next);
  }

  kill(): void {
    this.#end = 0;
    if (this.isRunning) this.cancel(this.index, new CancelledError("The pool was terminated"));
  }

  /** Runs items until one has to be waited for. Runs in the frame. */
  readonly #next = (): "in a fresh frame" | undefined => {
    const job = this.job;
    const target = this.#target;
    while (++this.index < this.#end) {
      if (this.#frame.isTaken) {
        this.index--;
        return "in a fresh frame";
      }
      const index = this.index;
      if (this.#cancelled?.has(index) === true) continue;
      this.isRunning = true;
      job.started(index);
      let returned: unknown;
      try {
        const item = this.#items[index];
        returned = this.#spread ? target(...item as unknown[]) : target(item);
        if (job.sink !== undefined) returned = pourOut(returned, job.sink, this.#frame.scope);
      } catch (error) {
        this.#fail(error);
        continue;
      }
      if (isThenable(returned)) {
        const promise = returned instanceof Promise ? returned : Promise.resolve(returned);
        promise.then(this.#onValue, this.#onError);
        if (!this.#isWatched && index + 1 < this.#end) {
          this.#isWatched = true;
          watch(this);
        }
        return undefined;
      }
      this.#succeed(returned);
    }
    return undefined;
  };

  readonly #onValue = (value: unknown): void => {
    this.#succeed(value);
    this.#goOn();
  };

  readonly #onError = (error: unknown): void => {
    this.#fail(error);
    this.#goOn();
  };

  #goOn(): void {
    if (this.#next() !== undefined) this.run();
  }

  #succeed(value: unknown): void {
    this.#leave();
    this.#frame.call?.resolve(value);
    this.job.succeed(this.index, value);
  }

  #fail(error: unknown): void {
    this.#leave();
    this.#frame.call?.reject(error);
    this.job.fail(this.index, error);
  }

  #leave(): void {
    this.isRunning = false;
    this.#ended?.resolve();
  }

  /** Gives the other items back if the one that runs has not ended for long. */
  look(): "go on" | "done" {
    if (this.index + 1 >= this.#end) return "done";
    if (this.index !== this.#seen) {
      this.#seen = this.index;
      this.#patience = PATIENCE;
    } else if (--this.#patience === 0) {
      this.pause();
      return "done";
    }
    return "go on";
  }
}

/** Those whose items may have to be given back. */
const watched: Work[] = [];

function watch(work: Work): void {
  watched.push(work);
  if (watched.length === 1) void NOW.then(lookAtAll);
}

function lookAtAll(): void {
  for (let at = watched.length - 1; at >= 0; at--) {
    if (watched[at]!.look() === "go on") continue;
    watched[at] = watched.at(-1)!;
    watched.pop();
  }
  if (watched.length > 0) void NOW.then(lookAtAll);
}

/** A frame that makes a task when it is first asked for one. */
class CallFrame implements Frame {
  call: CallTask | undefined;
  readonly #work: Work;
  #values: Values | undefined;

  constructor(work: Work) {
    this.#work = work;
  }

  /** Whether it is one item's own. */
  get isTaken(): boolean {
    return this.call !== undefined || this.#values !== undefined;
  }

  get scope(): Scope {
    if (this.call === undefined) {
      this.call = createCallTask(this.#work.enlist);
      // What was left running behind by functions that have ended: nobody waits for it.
      if (!this.#work.isRunning) this.call.resolve(undefined);
    }
    return this.call.scope;
  }

  get values(): Values {
    return this.#values ??= { map: this.#work.job.values.map };
  }

  get report(): ((value: unknown) => void) | undefined {
    const { job, isRunning, index } = this.#work;
    return job.wantsProgress && isRunning ? (value) => job.progress(index, value) : undefined;
  }
}

function createCallTask(enlist: (task: object) => void): CallTask {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  let scope: Scope | undefined;
  const task = new Task(() => {
    scope = currentScope();
    return promise;
  });
  enlist(task);
  // Its failure is that of the call, and answered for there.
  taskInternals.observe(task, () => {});
  taskInternals.startNow(task);
  return { task, scope: scope!, resolve, reject };
}
