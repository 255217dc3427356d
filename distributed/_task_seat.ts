import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { Delivery, type LentCall, type LentMethod, type Seat } from "../coroutine/_lending.ts";
import { Waiters } from "../coroutine/_waiters.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { encode } from "../ipc/_encoding.ts";
import { createHolder, type HeldLease } from "./_task_record.ts";
import type { TaskStore } from "./_task_store.ts";
import { errorFromWire, errorToWire, type LeaseForm, type TaskEvent } from "./_task_wire.ts";
import { pack, type Packed, type PackedEvent, type PackedLeaseForm } from "./_worker_wire.ts";
import { readTrace } from "./_telemetry.ts";
import type { EngineTask, TaskWatcher } from "./engine.ts";

/** The most leases that one call may ask for. */
const MOST_LEASES = 1024;

let borrowers = 0;

/** What a borrower sends when it asks for tasks. */
interface GetForm {
  timeoutMs?: number | undefined;
  leaseMs?: number | undefined;
  max?: number | undefined;
  /** A number of the borrower's, by which it can ask for the same once more. */
  ask?: number | undefined;
  /** It could not read what it was given for that number. */
  again?: number | undefined;
}

/** What a borrower sends when it asks for events. */
interface EventsForm {
  timeoutMs?: number | undefined;
  /** It could not read what it was told last. */
  again?: boolean | undefined;
}

/** A lease that a borrower has. */
interface Taken {
  readonly lease: HeldLease;
  readonly ask: number | undefined;
}

/**
 * What one borrower has of a task queue: the leases that it holds, which are lost with it, and the tasks whose
 * end it wants to know, of which it is told in messages of several events at a time.
 */
export class TaskSeat implements Seat {
  readonly methods: Readonly<Record<string, LentMethod>>;
  readonly #store: TaskStore;
  readonly #leaseMs: number;
  readonly #holder = createHolder(`client ${++borrowers}`);
  readonly #leases = new Map<number, Taken>();
  readonly #watchers = new Map<string, TaskWatcher>();
  readonly #listener = new Waiters<void>();
  #events: TaskEvent[] = [];
  /** What has arrived last, until the next is asked for. */
  #told: readonly TaskEvent[] = [];
  /** Those who want to know that what they told has arrived. */
  #onTaken: (() => void)[] = [];
  #tokens = 0;
  #left = false;

  constructor(store: TaskStore, leaseMs: number) {
    this.#store = store;
    this.#leaseMs = leaseMs;
    store.addHolder(this.#holder);
    const held = (token: unknown): HeldLease | undefined =>
      this.#leases.get(token as number)?.lease;
    this.methods = {
      settings: () => ({ leaseMs }),
      introduce: (_call, worker: { name: string; concurrency: number }) => {
        this.#holder.name = String(worker.name);
        this.#holder.concurrency = Number(worker.concurrency);
      },
      put: (call, task: EngineTask, wait?: WaitOptions, watched = true) =>
        this.#put(call, task, wait, watched),
      get: (call, options?: GetForm) => this.#get(call, options ?? {}),
      complete: (_call, token, result) => held(token)?.complete(result) ?? false,
      completeAll: (_call, results: [token: unknown, result: unknown][]) =>
        results.map(([token, result]) => held(token)?.complete(result) ?? false),
      fail: (_call, token, error, retry: boolean = true, delayMs = 0) =>
        held(token)?.fail(errorFromWire(error), {
          retry: retry === true,
          delayMs: checkTimeout(delayMs, "delayMs"),
        }) ?? false,
      release: (_call, token) => held(token)?.release() ?? false,
      touch: (_call, tokens: unknown[]) => tokens.map((token) => held(token)?.touch() ?? false),
      progress: (_call, token, value) => held(token)?.progress(value),
      events: (call, options?: EventsForm) => this.#take(call, options ?? {}),
      cancel: (_call, id: string, reason) => store.cancel(id, reason),
      qsize: () => store.size,
      join: (call, wait?: WaitOptions) =>
        store.join({ timeoutMs: wait?.timeoutMs, signal: call.signal }),
      statistics: () => store.statistics(),
      deadLetters: () =>
        store.deadLetters().map((letter) => ({ ...letter, error: errorToWire(letter.error) })),
      requeue: (_call, id: string, watched = true) => {
        const watcher = watched === true ? this.#watch(id) : undefined;
        let isThere = false;
        try {
          return isThere = store.requeue(id, watcher);
        } finally {
          if (!isThere) this.#unwatch(id, watcher);
        }
      },
      shutdown: (_call, options?: { immediate?: boolean }) =>
        store.shutdown({ immediate: options?.immediate === true }),
    };
  }

  leave(): void {
    this.#left = true;
    for (const [id, watcher] of this.#watchers) this.#store.unwatch(id, watcher);
    this.#watchers.clear();
    this.#leases.clear();
    this.#store.removeHolder(this.#holder, "its connection is closed");
    for (const onTaken of this.#onTaken) onTaken();
  }

  // Putting

  #put(
    call: LentCall,
    task: EngineTask,
    wait: WaitOptions | undefined,
    watched: unknown,
  ): "put" | "known" | Promise<"put" | "known"> {
    const checked = readTask(task);
    const timeoutMs = checkTimeout(wait?.timeoutMs);
    const watcher = watched === true ? this.#watch(checked.id) : undefined;
    try {
      const answer = this.#store.tryPut(checked, watcher);
      if (answer !== false) return answer;
    } catch (error) {
      this.#unwatch(checked.id, watcher);
      throw error;
    }
    return this.#store.put(checked, watcher, {
      timeoutMs,
      // A signal costs something to make.
      signal: timeoutMs === 0 ? undefined : call.signal,
    }).catch((error) => {
      this.#unwatch(checked.id, watcher);
      throw error;
    });
  }

  /** There is no such task after all: the next one of that name is to be told of. */
  #unwatch(id: string, watcher: TaskWatcher | undefined): void {
    if (this.#watchers.get(id) === watcher) this.#watchers.delete(id);
  }

  /** Has events of a task told; one who is told already is not told twice. */
  #watch(id: string): TaskWatcher | undefined {
    if (this.#watchers.has(id)) return undefined;
    const watcher: TaskWatcher = {
      started: (attempt) => this.#tell(["started", id, attempt]),
      waiting: () => this.#tell(["waiting", id]),
      progress: (value) => {
        this.#tell(["progress", id, value]);
        return new Promise((resolve) => this.#onTaken.push(resolve));
      },
      ended: (outcome) => {
        this.#watchers.delete(id);
        this.#tell(
          outcome.state === "done"
            ? ["done", id, outcome.value]
            : [outcome.state, id, errorToWire(outcome.error)],
        );
      },
    };
    this.#watchers.set(id, watcher);
    return watcher;
  }

  // Taking

  #get(
    call: LentCall,
    options: GetForm,
  ): Delivery<LeaseForm[]> | Promise<Delivery<LeaseForm[]>> | PackedLeaseForm[] {
    if (options.again !== undefined) return this.#again(options.again);
    const { leaseMs = this.#leaseMs, max = 1, ask } = options;
    const timeoutMs = checkTimeout(options.timeoutMs);
    if (!Number.isInteger(leaseMs) || leaseMs < 1) {
      throw new RangeError(`Cannot get a task: "leaseMs" must be 1 or more, got ${leaseMs}`);
    }
    if (!Number.isInteger(max) || max < 1 || max > MOST_LEASES) {
      throw new RangeError(`Cannot get tasks: "max" must be from 1 to ${MOST_LEASES}, got ${max}`);
    }
    const request = { holder: this.#holder, leaseMs };
    const first = this.#store.tryTake(request);
    if (first !== undefined) return this.#deliver(first, request, { max, ask });
    this.#store.checkCanCome();
    const wait = { timeoutMs, signal: timeoutMs === 0 ? undefined : call.signal };
    return this.#store.take(request, wait).then((lease) =>
      this.#deliver(lease, request, { max, ask })
    );
  }

  /** What a borrower was given and holds, with each value by itself. */
  #again(asked: number): PackedLeaseForm[] {
    return [...this.#leases].filter(([, { ask }]) => ask === asked).map(([token, { lease }]) => {
      const { value, ...form } = formOf(token, lease);
      return { ...form, packed: packIfPossible(value) };
    });
  }

  #deliver(
    first: HeldLease,
    request: { holder: HeldLease["holder"]; leaseMs: number },
    { max, ask }: { max: number; ask: number | undefined },
  ): Delivery<LeaseForm[]> {
    const leases = [first];
    while (leases.length < max) {
      const next = this.#store.tryTake(request);
      if (next === undefined) break;
      leases.push(next);
    }
    const forms: LeaseForm[] = leases.map((lease) => {
      const token = ++this.#tokens;
      this.#leases.set(token, { lease, ask });
      lease.stop.listener = (reason) => {
        if (this.#left) return;
        this.#tell(["stop", token, errorToWire(reason)]);
      };
      lease.onClosed = () => this.#leases.delete(token);
      return formOf(token, lease);
    });
    // A call that was cancelled has taken nothing. But when the connection is gone, the borrower may have had them
    // and died of one: then they are lost with the seat, which is left within this turn, and cost an attempt.
    const giveBack = (): void =>
      queueMicrotask(() => {
        for (const lease of leases) if (lease.isHeld) giveBackOrFail(lease);
      });
    return new Delivery(forms, () => {}, giveBack);
  }

  // Telling

  #tell(event: TaskEvent): void {
    this.#events.push(event);
    if (this.#events.length === 1) this.#listener.first()?.grant();
  }

  #take(call: LentCall, options: EventsForm): unknown {
    if (options.again === true) return this.#told.map(packEvent);
    this.#told = [];
    if (this.#events.length > 0) return this.#deliverEvents();
    const timeoutMs = checkTimeout(options.timeoutMs);
    if (timeoutMs === 0) return [];
    const told = this.#listener.wait(undefined, { timeoutMs, signal: call.signal }, () => LATE);
    return told.then(() => this.#deliverEvents(), (error) => {
      if (error === LATE) return [];
      throw error;
    });
  }

  #deliverEvents(): Delivery<TaskEvent[]> {
    const events = this.#events;
    const onTaken = this.#onTaken;
    this.#events = [];
    this.#onTaken = [];
    return new Delivery(
      events,
      () => {
        this.#told = events;
        for (const taken of onTaken) taken();
      },
      () => {
        // Before those that came meanwhile.
        this.#events.unshift(...events.map(carriable));
        this.#onTaken.unshift(...onTaken);
        this.#listener.first()?.grant();
      },
    );
  }
}

function formOf(token: number, { record, attempt, leaseMs }: HeldLease): LeaseForm {
  const { id, value, trace } = record.task;
  const form = { lease: token, id, value, attempt, leaseMs };
  return trace === undefined ? form : { ...form, trace };
}

/** Some values can be sent as a part of an answer alone. */
function packIfPossible(value: unknown): Packed | null {
  try {
    return pack(value);
  } catch {
    return null;
  }
}

function packEvent([kind, about, value]: TaskEvent): PackedEvent {
  return [kind, about, packIfPossible(value)];
}

/** In place of an error: the wait was as long as it may be. */
const LATE: unique symbol = Symbol("late");

/** The lease did not arrive. When its task is such as can never arrive, it would come back for ever. */
function giveBackOrFail(lease: HeldLease): void {
  const error = whyNotCarriable(lease.record.task.value);
  if (error === undefined) lease.release();
  else lease.fail(error, { retry: false, delayMs: 0 });
}

/** An event that did not arrive; the reason instead, when it is such as can never arrive. */
function carriable(event: TaskEvent): TaskEvent {
  const error = whyNotCarriable(event);
  if (error === undefined || event[0] === "stop") return event;
  if (event[0] === "progress") return ["progress", event[1], undefined];
  return ["failed", event[1], errorToWire(error)];
}

function whyNotCarriable(value: unknown): unknown {
  try {
    encode(value);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** A task that a borrower puts. */
function readTask(task: EngineTask): EngineTask {
  const { id, ownId, value, priority = 0, delayMs = 0, retries = 0, trace } = task;
  const isCount = (count: unknown) => count === Infinity || Number.isInteger(count);
  if (
    typeof id !== "string" || id === "" || typeof priority !== "number" || Number.isNaN(priority) ||
    !isCount(retries) || retries < 0 || typeof delayMs !== "number" || !(delayMs >= 0)
  ) {
    throw new TypeError("Cannot put into the task queue: the task is not well formed");
  }
  const checked = { id, ownId: ownId === true, value, priority, delayMs, retries };
  return trace === undefined ? checked : { ...checked, trace: readTrace(trace) };
}
