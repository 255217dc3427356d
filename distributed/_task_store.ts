import { LONGEST_TIMER_MS } from "../coroutine/_check_timeout.ts";
import { Waiters } from "../coroutine/_waiters.ts";
import {
  CancelledError,
  InvalidStateError,
  QueueEmptyError,
  QueueFullError,
  QueueShutDownError,
  TimeoutError,
} from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { TaskHeap } from "./_task_heap.ts";
import {
  createRecord,
  HeldLease,
  type LeaseOwner,
  type TaskHolder,
  type TaskRecord,
} from "./_task_record.ts";
import type {
  DeadLetter,
  EngineTask,
  TaskOutcome,
  TaskQueueStatistics,
  TaskWatcher,
} from "./engine.ts";
import { WorkerLostError } from "./task_errors.ts";

/** What an embedded engine is made with. Checked already. */
export interface TaskStoreOptions {
  /** The most unfinished tasks; 0 for any number. */
  readonly maxSize: number;
  readonly maxDeadLetters: number;
  /** How long the end of a task with an id of the user's is remembered. */
  readonly rememberMs: number;
}

/** One who waits for a task. */
interface Request {
  readonly holder: TaskHolder;
  readonly leaseMs: number;
}

/** What somebody waits to put. */
interface Put {
  readonly task: EngineTask;
  readonly watcher: TaskWatcher | undefined;
}

/** A task that ended and whose end is remembered. */
interface Memory {
  readonly record: TaskRecord;
  readonly dueMs: number;
}

/**
 * The tasks of a queue on one event loop: which can be taken, who holds which and until when, and what has
 * become of those that have ended. Everything that changes it happens at once, within the call.
 */
export class TaskStore implements LeaseOwner {
  readonly #options: TaskStoreOptions;
  readonly #records = new Map<string, TaskRecord>();
  readonly #ready = new TaskHeap<TaskRecord>((a, b) =>
    a.task.priority === b.task.priority ? a.order < b.order : a.task.priority > b.task.priority
  );
  readonly #delayed = new TaskHeap<TaskRecord>((a, b) => a.dueMs < b.dueMs);
  readonly #leases = new TaskHeap<HeldLease>((a, b) => a.dueMs < b.dueMs);
  readonly #memories: Memory[] = [];
  readonly #dead = new Map<string, DeadLetter & { readonly task: EngineTask }>();
  readonly #getters = new Waiters<HeldLease, Request>();
  readonly #putters = new Waiters<"put" | "known", Put>();
  readonly #joiners = new Waiters<void>();
  readonly #holders = new Set<TaskHolder>();
  readonly #counts = { put: 0, done: 0, failed: 0, cancelled: 0, retried: 0, lost: 0 };
  #orders = 0;
  #unfinished = 0;
  #isShutdown = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerDueMs = Infinity;

  constructor(options: TaskStoreOptions) {
    this.#options = options;
  }

  /** Somebody who may take tasks is there. */
  addHolder(holder: TaskHolder): void {
    this.#holders.add(holder);
  }

  /** It is gone: what it holds is lost. */
  removeHolder(holder: TaskHolder, why: string): void {
    this.#holders.delete(holder);
    for (const lease of [...holder.leases]) this.#lose(lease, why);
  }

  // Those who put

  /** Takes a task in at once. `false` when there is no place. */
  tryPut(task: EngineTask, watcher: TaskWatcher | undefined): "put" | "known" | false {
    if (task.ownId) this.#forget(performance.now());
    const known = this.#records.get(task.id);
    if (known !== undefined) {
      if (watcher !== undefined) this.#watch(known, watcher);
      return "known";
    }
    if (this.#isShutdown) throw this.#shutDownError("put into");
    if (this.#isFull || this.#putters.size > 0) return false;
    this.#add(task, watcher);
    return "put";
  }

  /** Takes a task in, as soon as there is a place. */
  async put(
    task: EngineTask,
    watcher: TaskWatcher | undefined,
    options: WaitOptions,
  ): Promise<"put" | "known"> {
    const answer = this.tryPut(task, watcher);
    if (answer !== false) return answer;
    if (options.timeoutMs === 0) throw this.#fullError();
    return await this.#putters.wait({ task, watcher }, options, () => this.#fullError());
  }

  /** Those who wait to put have their turn, as far as there are places. */
  #letIn(): void {
    for (let putter; (putter = this.#putters.first()) !== undefined;) {
      const { task, watcher } = putter.data;
      const known = this.#records.get(task.id);
      if (known === undefined && this.#isFull) return;
      putter.grant(known === undefined ? "put" : "known");
      if (known === undefined) this.#add(task, watcher);
      else if (watcher !== undefined) this.#watch(known, watcher);
    }
  }

  get #isFull(): boolean {
    const { maxSize } = this.#options;
    return maxSize > 0 && this.#unfinished >= maxSize;
  }

  #add(task: EngineTask, watcher: TaskWatcher | undefined): void {
    const record = createRecord(task, ++this.#orders);
    if (watcher !== undefined) record.watchers = [watcher];
    this.#records.set(task.id, record);
    this.#unfinished++;
    this.#counts.put++;
    this.#offer(record, task.delayMs);
  }

  #watch(record: TaskRecord, watcher: TaskWatcher): void {
    if (record.outcome !== undefined) return watcher.ended(record.outcome);
    (record.watchers ??= []).push(watcher);
    if (record.state === "held") watcher.started(record.attempt);
  }

  /** Nobody is told of a task any more. */
  unwatch(id: string, watcher: TaskWatcher): void {
    const watchers = this.#records.get(id)?.watchers;
    const at = watchers?.indexOf(watcher) ?? -1;
    if (at >= 0) watchers!.splice(at, 1);
  }

  // Those who take

  /** Takes the next task at once. */
  tryTake(request: Request): HeldLease | undefined {
    // A delay may be over whose timer has not had its turn.
    if (this.#delayed.size > 0) this.#wakeDelayed(performance.now());
    const record = this.#ready.take();
    return record === undefined ? undefined : this.#lend(record, request);
  }

  /** Takes the next task, as soon as there is one. */
  async take(request: Request, options: WaitOptions): Promise<HeldLease> {
    const lease = this.tryTake(request);
    if (lease !== undefined) return lease;
    this.checkCanCome();
    if (options.timeoutMs === 0) throw this.#emptyError();
    return await this.#getters.wait(request, options, () => this.#emptyError());
  }

  /** Throws when no task can come any more. */
  checkCanCome(): void {
    if (this.#isShutdown && this.#unfinished === 0) throw this.#shutDownError("get from");
  }

  /** A task can be taken from now on, or after a delay. */
  #offer(record: TaskRecord, delayMs: number): void {
    const now = performance.now();
    record.dueMs = now + delayMs;
    if (delayMs > 0) {
      record.state = "delayed";
      this.#delayed.add(record);
      this.#wakeAt(record.dueMs);
      return;
    }
    const getter = this.#getters.first();
    if (getter !== undefined) return getter.grant(this.#lend(record, getter.data));
    record.state = "ready";
    this.#ready.add(record);
  }

  #lend(record: TaskRecord, { holder, leaseMs }: Request): HeldLease {
    const lease = new HeldLease(this, record, holder, ++record.attempt, leaseMs);
    record.state = "held";
    record.lease = lease;
    holder.leases.add(lease);
    lease.dueMs = performance.now() + leaseMs;
    this.#leases.add(lease);
    this.#wakeAt(lease.dueMs);
    this.#tell(record, (watcher) => watcher.started(lease.attempt));
    return lease;
  }

  // What those who hold a task say

  complete(lease: HeldLease, result: unknown): void {
    this.#close(lease);
    lease.holder.done++;
    this.#end(lease.record, { state: "done", value: result });
  }

  fail(lease: HeldLease, error: unknown, options: { retry: boolean; delayMs: number }): void {
    this.#close(lease);
    lease.holder.failed++;
    this.#again(lease.record, error, options);
  }

  release(lease: HeldLease): void {
    this.#close(lease);
    const { record } = lease;
    if (record.cancelled !== undefined) return this.#endCancelled(record);
    record.attempt--;
    this.#offer(record, 0);
    this.#tellWaiting(record);
  }

  touch(lease: HeldLease): void {
    lease.dueMs = performance.now() + lease.leaseMs;
    this.#leases.moved(lease);
  }

  progress({ record }: HeldLease, value: unknown): void | Promise<void> {
    let waits: Promise<void>[] | undefined;
    this.#tell(record, (watcher) => {
      const wait = watcher.progress(value);
      if (wait !== undefined) (waits ??= []).push(wait);
    });
    if (waits !== undefined) return Promise.all(waits).then(() => {});
  }

  /** A lease is over, and its task with nobody. */
  #close(lease: HeldLease): void {
    lease.isHeld = false;
    lease.onClosed?.();
    lease.onClosed = undefined;
    lease.record.lease = undefined;
    lease.holder.leases.delete(lease);
    this.#leases.remove(lease);
    this.#rest();
  }

  #lose(lease: HeldLease, why: string): void {
    const { record, holder, attempt } = lease;
    const { name } = holder;
    const error = new WorkerLostError(
      `Lost "${name}", which held task "${record.task.id}": ${why}`,
      { worker: name, attempt },
    );
    this.#close(lease);
    holder.lost++;
    this.#counts.lost++;
    this.#again(record, error, { retry: true, delayMs: 0 });
    lease.stop.tell(error);
  }

  /** An attempt has come to nothing. */
  #again(record: TaskRecord, error: unknown, options: { retry: boolean; delayMs: number }): void {
    if (record.cancelled !== undefined) return this.#endCancelled(record);
    if (options.retry && record.attempt <= record.task.retries) {
      this.#counts.retried++;
      this.#offer(record, options.delayMs);
      return this.#tellWaiting(record);
    }
    this.#bury(record, error);
    this.#end(record, { state: "failed", error });
  }

  // The end of tasks

  /** Ends a task as soon as possible. */
  cancel(id: string, reason: unknown): boolean {
    const record = this.#records.get(id);
    if (record === undefined || record.state === "ended") return false;
    const wasCancelled = record.cancelled !== undefined;
    record.cancelled ??= { reason };
    const { lease } = record;
    if (lease === undefined) {
      this.#endCancelled(record);
      return true;
    }
    if (!wasCancelled) lease.stop.tell(cancelledError(record));
    return true;
  }

  #endCancelled(record: TaskRecord): void {
    this.#end(record, { state: "cancelled", error: cancelledError(record) });
  }

  #end(record: TaskRecord, outcome: TaskOutcome): void {
    if (record.state === "ready") this.#ready.remove(record);
    else if (record.state === "delayed") this.#delayed.remove(record);
    record.state = "ended";
    record.outcome = outcome;
    const { id, ownId } = record.task;
    const { rememberMs } = this.#options;
    if (ownId && rememberMs > 0) this.#remember(record, rememberMs);
    else this.#records.delete(id);
    this.#unfinished--;
    this.#counts[outcome.state]++;
    this.#tell(record, (watcher) => watcher.ended(outcome));
    record.watchers = undefined;
    this.#letIn();
    if (this.#unfinished === 0) {
      this.#joiners.grantAll();
      if (this.#isShutdown) this.#getters.failAll(() => this.#shutDownError("get from"));
    }
    this.#rest();
  }

  #remember(record: TaskRecord, rememberMs: number): void {
    const dueMs = performance.now() + rememberMs;
    // No timer: it would keep the process alive. What is over is forgotten when the next one comes.
    this.#forget(performance.now());
    this.#memories.push({ record, dueMs });
  }

  #forget(now: number): void {
    let count = 0;
    for (const { record, dueMs } of this.#memories) {
      if (dueMs > now) break;
      count++;
      if (this.#records.get(record.task.id) === record) this.#records.delete(record.task.id);
    }
    if (count > 0) this.#memories.splice(0, count);
  }

  #bury(record: TaskRecord, error: unknown): void {
    const { maxDeadLetters } = this.#options;
    if (maxDeadLetters === 0) return;
    const { task, attempt } = record;
    const { id, value } = task;
    this.#dead.delete(id);
    this.#dead.set(id, { id, value, error, attempts: attempt, failedAt: new Date(), task });
    for (const oldest of this.#dead.keys()) {
      if (this.#dead.size <= maxDeadLetters) break;
      this.#dead.delete(oldest);
    }
  }

  deadLetters(): DeadLetter[] {
    return [...this.#dead.values()].map(({ task: _, ...letter }) => letter);
  }

  /** Puts a task again that has failed for good, whatever the limit. */
  requeue(id: string, watcher: TaskWatcher | undefined): boolean {
    const letter = this.#dead.get(id);
    if (letter === undefined) return false;
    if (this.#isShutdown) throw this.#shutDownError("put into");
    const known = this.#records.get(id);
    if (known !== undefined && known.state !== "ended") {
      throw new InvalidStateError(
        `Cannot put task "${id}" again: another one of that name is unfinished`,
      );
    }
    this.#dead.delete(id);
    this.#add({ ...letter.task, delayMs: 0 }, watcher);
    return true;
  }

  shutdown({ immediate }: { immediate: boolean }): void {
    this.#isShutdown = true;
    this.#putters.failAll(() => this.#shutDownError("put into"));
    if (immediate) {
      for (const { task, state } of [...this.#records.values()]) {
        if (state !== "ended") this.cancel(task.id, "the queue was shut down");
      }
    }
    if (this.#unfinished === 0) this.#getters.failAll(() => this.#shutDownError("get from"));
  }

  /** Ends everything, also what workers hold: nothing more is heard of them. */
  close(): void {
    this.shutdown({ immediate: true });
    for (const holder of this.#holders) this.removeHolder(holder, "the queue was closed");
    for (const { lease } of [...this.#records.values()]) {
      if (lease !== undefined) this.#lose(lease, "the queue was closed");
    }
    this.#rest();
  }

  // Those who wait and count

  async join(options: WaitOptions): Promise<void> {
    if (this.#unfinished === 0) return;
    const late = () => new TimeoutError(`${this.#unfinished} tasks of the queue are unfinished`);
    if (options.timeoutMs === 0) throw late();
    await this.#joiners.wait(undefined, options, late);
  }

  get size(): number {
    return this.#ready.size;
  }

  statistics(): TaskQueueStatistics {
    const first = this.#ready.first;
    const workers = [...this.#holders];
    return {
      size: this.#ready.size,
      delayed: this.#delayed.size,
      held: this.#leases.size,
      unfinished: this.#unfinished,
      maxSize: this.#options.maxSize,
      getting: this.#getters.size,
      putting: this.#putters.size,
      joining: this.#joiners.size,
      ...this.#counts,
      deadLetters: this.#dead.size,
      oldestMs: first === undefined ? 0 : Math.max(0, performance.now() - first.dueMs),
      workers: workers.map(({ name, concurrency, leases, done, failed, lost }) => ({
        name,
        concurrency,
        held: leases.size,
        done,
        failed,
        lost,
      })),
    };
  }

  // Time

  /** Something is due then: a delay is over, or a lease expires. */
  #wakeAt(dueMs: number): void {
    if (dueMs >= this.#timerDueMs) return;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timerDueMs = dueMs;
    const waitMs = Math.min(LONGEST_TIMER_MS, Math.max(0, Math.ceil(dueMs - performance.now())));
    this.#timer = setTimeout(this.#onTimer, waitMs);
  }

  /** No timer is left when nothing is due: it would keep the process alive. */
  #rest(): void {
    if (this.#timer === undefined || this.#leases.size > 0 || this.#delayed.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerDueMs = Infinity;
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#timerDueMs = Infinity;
    const now = performance.now();
    for (let lease; (lease = this.#leases.first) !== undefined && lease.dueMs <= now;) {
      this.#lose(lease, `nothing was heard of it for ${lease.leaseMs} ms`);
    }
    this.#wakeDelayed(now);
    const next = Math.min(
      this.#leases.first?.dueMs ?? Infinity,
      this.#delayed.first?.dueMs ?? Infinity,
    );
    if (next < Infinity) this.#wakeAt(next);
  };

  #wakeDelayed(now: number): void {
    for (let record; (record = this.#delayed.first) !== undefined && record.dueMs <= now;) {
      this.#delayed.take();
      this.#offer(record, 0);
    }
  }

  // Those who watch

  #tell(record: TaskRecord, tell: (watcher: TaskWatcher) => void): void {
    const { watchers } = record;
    if (watchers === undefined) return;
    if (watchers.length === 1) return tell(watchers[0]!);
    for (const watcher of [...watchers]) tell(watcher);
  }

  #tellWaiting(record: TaskRecord): void {
    // It may have been taken again at once.
    if (record.state !== "held") this.#tell(record, (watcher) => watcher.waiting());
  }

  // Errors

  #fullError(): QueueFullError {
    const { maxSize } = this.#options;
    return new QueueFullError(
      `Cannot put into the task queue: ${this.#unfinished} of ${maxSize} tasks are unfinished`,
    );
  }

  #emptyError(): QueueEmptyError {
    return new QueueEmptyError("Cannot get from the task queue: no task can be taken");
  }

  #shutDownError(action: string): QueueShutDownError {
    return new QueueShutDownError(`Cannot ${action} the task queue: it is shut down`);
  }
}

function cancelledError(record: TaskRecord): CancelledError {
  const { reason } = record.cancelled!;
  return new CancelledError(
    `Task "${record.task.id}" was cancelled`,
    reason === undefined ? undefined : { cause: reason },
  );
}
