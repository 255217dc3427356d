import { StopNotice } from "./_task_stop_notice.ts";
import type { EngineTask, TaskOutcome, TaskWatcher } from "./engine.ts";

/** A task that an embedded engine keeps. */
export interface TaskRecord {
  readonly task: EngineTask;
  /** Its place among those of the same priority. */
  readonly order: number;
  /** Where it is in the heap of those that can be taken, or of those that are delayed. */
  at: number;
  state: "new" | "delayed" | "ready" | "held" | "ended";
  /** How many attempts have begun. */
  attempt: number;
  /** When it can be taken, or since when. */
  dueMs: number;
  lease: HeldLease | undefined;
  /** It is to end, as soon as its worker lets go of it. */
  cancelled: { readonly reason: unknown } | undefined;
  watchers: TaskWatcher[] | undefined;
  outcome: TaskOutcome | undefined;
}

/** Makes the record of a task that is put. */
export function createRecord(task: EngineTask, order: number): TaskRecord {
  return {
    task,
    order,
    at: -1,
    state: "new",
    attempt: 0,
    dueMs: 0,
    lease: undefined,
    cancelled: undefined,
    watchers: undefined,
    outcome: undefined,
  };
}

/** One who takes tasks: this process, or a borrower. */
export interface TaskHolder {
  name: string;
  concurrency: number;
  readonly leases: Set<HeldLease>;
  done: number;
  failed: number;
  lost: number;
}

/** Makes one who has taken nothing yet. */
export function createHolder(name: string): TaskHolder {
  return { name, concurrency: 0, leases: new Set(), done: 0, failed: 0, lost: 0 };
}

/** What a lease needs of the store that it belongs to. */
export interface LeaseOwner {
  complete(lease: HeldLease, result: unknown): void;
  fail(lease: HeldLease, error: unknown, options: { retry: boolean; delayMs: number }): void;
  release(lease: HeldLease): void;
  touch(lease: HeldLease): void;
  progress(lease: HeldLease, value: unknown): void | Promise<void>;
}

/** A task that somebody has taken, on the side of the store. */
export class HeldLease {
  /** Where it is in the heap of leases. */
  at = -1;
  /** When it expires. */
  dueMs = 0;
  isHeld = true;
  readonly stop = new StopNotice();
  /** Called once when it is not held any more. */
  onClosed: (() => void) | undefined;
  readonly #owner: LeaseOwner;

  constructor(
    owner: LeaseOwner,
    readonly record: TaskRecord,
    readonly holder: TaskHolder,
    readonly attempt: number,
    readonly leaseMs: number,
  ) {
    this.#owner = owner;
  }

  complete(result: unknown): boolean {
    if (!this.isHeld) return false;
    this.#owner.complete(this, result);
    return true;
  }

  fail(error: unknown, options: { retry: boolean; delayMs: number }): boolean {
    if (!this.isHeld) return false;
    this.#owner.fail(this, error, options);
    return true;
  }

  release(): boolean {
    if (!this.isHeld) return false;
    this.#owner.release(this);
    return true;
  }

  touch(): boolean {
    if (!this.isHeld) return false;
    this.#owner.touch(this);
    return true;
  }

  progress(value: unknown): void | Promise<void> {
    if (this.isHeld) return this.#owner.progress(this, value);
  }
}
