import { runOutsideTasks } from "../coroutine/_current_scope.ts";
import type { Job, Runner, RunnerPort } from "../coroutine/_runner.ts";
import { decode, encode } from "../ipc/_encoding.ts";
import { acquireHub, type ChildSession, type FamilyHub, releaseHub } from "../ipc/_family.ts";
import type { Session } from "../ipc/_session.ts";
import { decodeError } from "../ipc/_wire_error.ts";
import { ProtocolError } from "../ipc/errors.ts";
import { INTERNALS, type ProcessInternals } from "./_internals.ts";
import { keepAlive } from "./_keep_alive.ts";
import type { PoolTarget, PoolTargets } from "./_pool_targets.ts";
import {
  decodeList,
  encodeList,
  JobFlag,
  Kind,
  type ListForm,
  type PoolMessage,
  readMessage,
  sendMessage,
} from "./_pool_wire.ts";
import { describeEnd } from "./_process_death.ts";
import { type FunctionPlace, serveWorker } from "./_pool_worker.ts";
import { ProcessDiedError, WorkerDiedError } from "./errors.ts";
import { Process } from "./process.ts";
import type { ProcessOptions } from "./process_options.ts";

/** A job that takes longer is a long one: what waits behind it is handed to others. */
const LONG_MS = 20;

/** Jobs that take less are fetched ahead, so many that they last about so long. */
const SHORT_MS = 10;
const WINDOW_MS = 1;
const MOST_JOBS = 128;

/** How long a function that is to be stopped may take to end by itself. */
const CHANCE_MS = 100;

/** How long a process that is asked to end (SIGTERM) may take before it is killed (SIGKILL). */
const TERM_MS = 200;

/** How long a process may go on whose channel has ended, and a channel whose process has. */
const FAREWELL_MS = 250;

/** How often a worker is started that is killed by somebody before it can take tasks. */
const MOST_STARTS = 5;

/** What somebody kills processes with. */
const KILLERS: ReadonlySet<string | null> = new Set(["SIGKILL", "SIGTERM"]);

/** How the workers of a pool are made. Checked already. */
export interface RunnerOptions {
  readonly targets: PoolTargets;
  readonly initializer: FunctionPlace | undefined;
  readonly initArgs: readonly unknown[];
  readonly graceMs: number;
  /** What goes to the processes as it is. */
  readonly process: Omit<ProcessOptions<typeof serveWorker>, "module" | "target" | "args" | "name">;
}

/** Items of a job that were sent in one message. */
interface Held {
  readonly job: Job;
  /** Its number on the wire. */
  readonly wire: number;
  /** The next item that the worker reports on; it runs when the job is the first in the line. */
  next: number;
  end: number;
  startedAt: number;
  /** When the worker last told something of it. */
  heardAt: number;
  /** Items that were asked to be stopped. */
  stops: Set<number> | undefined;
  /** How many values of a generator are on their way, or may be. */
  credit: number;
}

/** A process that works for a pool, on the side of the pool. */
export class ProcessRunner implements Runner {
  readonly name: string;
  capacity = 1;
  readonly #options: RunnerOptions;
  readonly #port: RunnerPort;
  readonly #process: Process<typeof serveWorker>;
  /** How many of the pool's modules it has. */
  readonly #modules: number;
  readonly #knownTargets = new Set<number>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #held = new Map<number, Held>();
  /** The same, in the order in which they run. */
  readonly #line: Held[] = [];
  /** Of functions that another worker has to call, which has their module. */
  readonly #strange: Job[] = [];
  #session!: Session;
  #wires = 0;
  /** How long a job takes, smoothed. */
  #jobMs = 0;
  #isHolding = false;
  #isRecalling = false;
  #isStopped = false;
  /** Whether it is being killed for the sake of what it runs, or cannot run. */
  #isKilled = false;
  #chance: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #ended!: Promise<void>;

  /** Use {@linkcode ProcessRunner.start}. */
  constructor(name: string, port: RunnerPort, options: RunnerOptions) {
    this.name = name;
    this.#port = port;
    this.#options = options;
    const { initializer = null, initArgs, targets } = options;
    this.#modules = targets.modules.length;
    const processOptions: ProcessOptions<typeof serveWorker> & ProcessInternals = {
      ...options.process,
      module: import.meta.resolve("./_pool_worker.ts"),
      target: serveWorker,
      args: [{ initializer, initArgs }],
      name,
      [INTERNALS]: {
        companions: [...targets.modules],
        background: true,
        onConnected: (child) => this.#connected(child),
      },
    };
    this.#process = new Process(processOptions);
  }

  /**
   * Starts a worker.
   *
   * @returns When it has imported its modules, and its initializer has run.
   */
  static async start(
    name: string,
    port: RunnerPort,
    options: RunnerOptions,
  ): Promise<ProcessRunner> {
    for (let left = MOST_STARTS;;) {
      const runner = new ProcessRunner(name, port, options);
      try {
        await runner.#start();
        return runner;
      } catch (error) {
        // It was killed by somebody. One that cannot live ends in other ways, or is killed each time.
        const wasKilled = error instanceof WorkerDiedError && KILLERS.has(error.signal);
        if (!wasKilled || port.signal.aborted || --left === 0) throw error;
      }
    }
  }

  // The core asks

  start(job: Job): void {
    this.#hold();
    let target: PoolTarget;
    try {
      target = this.#options.targets.find("call", job.target);
    } catch (error) {
      return failAll(job, error);
    }
    if (target.place[0] >= this.#modules) return this.#putOff(job);
    if (!this.#knownTargets.has(target.number)) {
      this.#knownTargets.add(target.number);
      const { encoding, payload } = encode(target.place);
      sendMessage(this.#session, Kind.TARGET, { form: encoding, number: target.number }, payload);
    }
    this.#send(job, target.number);
    this.#letGoIfIdle();
  }

  cancel(job: Job, index: number, reason: unknown): void {
    const strange = this.#strange.indexOf(job);
    if (strange >= 0) {
      job.fail(index, reason);
      if (job.items.length > 1) return;
      this.#strange.splice(strange, 1);
      if (this.#strange.length === 0) this.capacity = 1;
      return this.#moveOn();
    }
    const held = this.#line.find((held) =>
      held.job === job && index >= held.next && index < held.end
    );
    // Its end is known here, or was on its way.
    if (held === undefined) return;
    (held.stops ??= new Set()).add(index);
    sendMessage(this.#session, Kind.CANCEL, { job: held.wire, index });
    if (held === this.#line[0] && index === held.next) return this.#giveChance();
    // Should the worker have started it in this moment, it has a chance to end when its turn has come.
    job.fail(index, reason);
  }

  stop(manner: "end" | "kill"): Promise<void> {
    this.#isStopped = true;
    this.#clearTimers();
    if (manner === "kill") this.#process.kill();
    else sendMessage(this.#session, Kind.STOP, {});
    return runOutsideTasks(() => keepAlive(this.#ended));
  }

  // The start and the end of the process

  async #start(): Promise<void> {
    const process = this.#process;
    const hub = acquireHub();
    const over = new AbortController();
    const signal = AbortSignal.any([this.#port.signal, over.signal]);
    try {
      await process.start({ signal });
      const failed = process.result({ signal }).then(() => {
        throw new ProtocolError(`${this.name} ended before it could take tasks`);
      });
      await Promise.race([this.#ready.promise, failed]);
    } catch (error) {
      if (process.pid !== undefined) {
        process.kill();
        await process.join();
      }
      await releaseHub(hub);
      throw error instanceof ProcessDiedError
        ? this.#death(error, "before it could take tasks")
        : error;
    } finally {
      // Whoever waits for a result has this process go on.
      over.abort();
    }
    void this.#session.closed.then(() => this.#onChannelEnd());
    this.#ended = process.sentinel.then(() => this.#onExit(hub));
  }

  #connected({ session }: ChildSession): void {
    this.#session = session;
    session.takeData((bytes) => {
      if (!this.#isStopped) this.#onMessage(readMessage(bytes));
    });
  }

  #onChannelEnd(): void {
    if (!this.#process.isAlive()) return;
    const timer = setTimeout(() => this.#process.kill(), FAREWELL_MS);
    void this.#process.sentinel.then(() => clearTimeout(timer));
  }

  /** Waits for what the process has told before its end, then tells the pool. */
  async #onExit(hub: FamilyHub): Promise<void> {
    if (!this.#session.isClosed) {
      const timer = setTimeout(() => void this.#session.close(), FAREWELL_MS);
      await this.#session.closed;
      clearTimeout(timer);
    }
    this.#letGo();
    this.#clearTimers();
    await releaseHub(hub);
    if (this.#isStopped) return;
    const task = this.#task();
    const when = task === undefined
      ? "while it had nothing to do"
      : `while it ran "${task.name}"${task.index > 0 ? ` for item ${task.index}` : ""}`;
    const cause = await this.#process.result().then(() => undefined, (reason) => reason);
    this.#port.lost(this.#death(cause, when), this.#isKilled ? "starts known" : "starts unknown");
  }

  #death(cause: unknown, when: string): WorkerDiedError {
    const { pid = 0, exitCode = 0 } = this.#process;
    const isDeath = cause instanceof ProcessDiedError;
    const signal = isDeath ? cause.signal : null;
    const { memoryLimitMb } = this.#options.process;
    const { how, why } = describeEnd({ signal, exitCode }, memoryLimitMb);
    return new WorkerDiedError(`${this.name} (pid ${pid}) ${how} ${when}${why}`, {
      pid,
      exitCode,
      signal,
      task: this.#task(),
      ...(isDeath || cause === undefined ? {} : { cause }),
    });
  }

  #task(): { name: string; index: number } | undefined {
    const held = this.#line[0];
    if (held === undefined) return undefined;
    const [, name] = this.#options.targets.find("call", held.job.target).place;
    return { name, index: held.job.first + held.next };
  }

  #kill(): void {
    if (this.#isKilled) return;
    this.#isKilled = true;
    this.#process.terminate();
    const timer = setTimeout(
      () => this.#process.kill(),
      Math.min(TERM_MS, this.#options.graceMs / 4),
    );
    void this.#process.sentinel.then(() => clearTimeout(timer));
  }

  // Jobs on their way

  #send(job: Job, target: number): void {
    const { items, spread } = job;
    if (spread && items.length === 1) {
      const list = encodeOrFail(job, 0, items[0] as unknown[]);
      if (list !== undefined) this.#sendItems(job, target, list, { index: 0, count: 1 }, true);
      return;
    }
    let list: ListForm | undefined;
    try {
      list = encodeList(items);
    } catch {
      // One of them cannot be carried: each is sent by itself.
    }
    if (list !== undefined) {
      return this.#sendItems(job, target, list, { index: 0, count: items.length }, false);
    }
    for (let index = 0; index < items.length; index++) {
      const one = encodeOrFail(job, index, [items[index]]);
      if (one !== undefined) this.#sendItems(job, target, one, { index, count: 1 }, false);
    }
  }

  #sendItems(
    job: Job,
    number: number,
    list: ListForm,
    { index, count }: { index: number; count: number },
    isArguments: boolean,
  ): void {
    const wire = this.#wires = (this.#wires + 1) >>> 0;
    const credit = job.sink?.room ?? 0;
    const held: Held = {
      job,
      wire,
      next: index,
      end: index + count,
      startedAt: 0,
      heardAt: 0,
      stops: undefined,
      credit,
    };
    const form = list.form |
      (isArguments ? JobFlag.ARGUMENTS : job.spread ? JobFlag.SPREAD : 0) |
      (job.wantsProgress ? JobFlag.PROGRESS : 0) |
      (job.isTimed ? JobFlag.TIMED : 0);
    const kind = job.sink === undefined ? Kind.JOB : Kind.STREAM;
    const message = { form, number, job: wire, index: job.sink === undefined ? index : credit };
    sendMessage(this.#session, kind, message, list.body);
    this.#held.set(wire, held);
    this.#line.push(held);
    if (this.#line.length === 1) this.#begin(held);
    else this.#watchSoon();
  }

  /** The worker starts with a job, or did while the end of the one before was on its way. */
  #begin(held: Held): void {
    held.startedAt = held.heardAt = performance.now();
    if (held.end - held.next > 1) this.#watchSoon();
    held.job.started(held.next);
    if (held.stops?.has(held.next) === true) this.#giveChance();
  }

  /** Nothing of a job is left here. */
  #retire(held: Held): void {
    this.#held.delete(held.wire);
    const line = this.#line;
    if (line[0] !== held) {
      line.splice(line.indexOf(held), 1);
      return this.#letGoIfIdle();
    }
    line.shift();
    this.#endChance();
    this.#isRecalling = false;
    const ms = performance.now() - held.startedAt;
    const next = line[0];
    if (next !== undefined) this.#begin(next);
    else this.#moveOn();
    this.#learn(ms);
  }

  /** Has the worker hold so many jobs as it needs to be busy all the time. */
  #learn(ms: number): void {
    this.#jobMs = this.#jobMs === 0 ? ms : this.#jobMs * 0.75 + ms * 0.25;
    const before = this.capacity;
    if (ms >= LONG_MS || this.#jobMs >= SHORT_MS) this.capacity = 1;
    else this.capacity = Math.max(2, Math.min(MOST_JOBS, Math.ceil(WINDOW_MS / this.#jobMs)));
    if (this.#strange.length > 0) this.capacity = 0;
    if (this.capacity > before) this.#port.changed();
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
      sendMessage(this.#session, Kind.RECALL, {});
    }, LONG_MS);
  }

  /** What runs is to be stopped: it may end by itself, or the process has to. */
  #giveChance(): void {
    this.#chance ??= setTimeout(() => this.#kill(), Math.min(CHANCE_MS, this.#options.graceMs / 4));
  }

  #endChance(): void {
    if (this.#chance === undefined) return;
    clearTimeout(this.#chance);
    this.#chance = undefined;
  }

  #clearTimers(): void {
    this.#endChance();
    clearTimeout(this.#watch);
    this.#watch = undefined;
  }

  /** A job of a function in a module that this worker has not: another one has to take it. */
  #putOff(job: Job): void {
    this.capacity = 0;
    this.#strange.push(job);
    this.#moveOn();
  }

  /** The worker has nothing to do. */
  #moveOn(): void {
    if (this.#line.length > 0) return;
    if (this.#strange.length === 0) return this.#letGoIfIdle();
    // The pool replaces it by one that has all modules.
    this.#isKilled = true;
    this.#process.kill();
  }

  // Keeping this process alive

  #hold(): void {
    if (this.#isHolding) return;
    this.#isHolding = true;
    this.#session.hold();
  }

  #letGoIfIdle(): void {
    if (this.#line.length === 0 && this.#strange.length === 0) this.#letGo();
  }

  #letGo(): void {
    if (!this.#isHolding) return;
    this.#isHolding = false;
    this.#session.letGo();
  }

  // The worker tells

  #onMessage(message: PoolMessage): void {
    const { kind, form, index, body } = message;
    if (kind === Kind.READY) return this.#ready.resolve();
    const held = this.#held.get(message.job);
    if (held === undefined) throw this.#misled(`of a job that it does not hold`);
    switch (kind) {
      case Kind.VALUES:
        this.#checkNext(held, index, message.number);
        return this.#onValues(held, message.number, form, body);
      case Kind.ERROR:
        this.#checkNext(held, index, 1);
        return this.#onError(held, readError(form, body));
      case Kind.SKIPPED:
        this.#checkNext(held, index, 1);
        return this.#onError(held, undefined);
      case Kind.STARTED:
        this.#checkNext(held, index, 1);
        held.heardAt = performance.now();
        held.job.started(index);
        if (held.stops?.has(index) === true) this.#giveChance();
        return;
      case Kind.PROGRESS:
        held.heardAt = performance.now();
        return held.job.progress(index, decode(form, body));
      case Kind.VALUE:
        return this.#onStreamed(held, form, body);
      case Kind.GIVEN_BACK:
        return this.#onGivenBack(held, index);
      case Kind.REFUSED:
        return this.#onRefused(held, readError(form, body));
      default:
        throw this.#misled(`of kind ${kind}`);
    }
  }

  #onValues(held: Held, count: number, form: number, body: Uint8Array<ArrayBuffer>): void {
    const { job } = held;
    let values: unknown[];
    try {
      values = decodeList(form, body);
      if (values.length !== count) throw this.#misled(`with ${values.length} of ${count} values`);
    } catch (error) {
      for (let n = 0; n < count; n++) this.#onError(held, error);
      return;
    }
    const from = held.next;
    held.next += count;
    job.succeedAll(from, values);
    this.#heard(held);
  }

  #onError(held: Held, error: unknown): void {
    const { job } = held;
    const index = held.next++;
    job.started(index);
    job.fail(index, error);
    this.#heard(held);
  }

  #heard(held: Held): void {
    if (held.next === held.end) return this.#retire(held);
    held.heardAt = performance.now();
    this.#endChance();
    if (held.stops?.has(held.next) === true) this.#giveChance();
  }

  #onStreamed(held: Held, form: number, body: Uint8Array<ArrayBuffer>): void {
    const { sink } = held.job;
    if (sink === undefined) throw this.#misled("with a value that is not wanted");
    held.heardAt = performance.now();
    held.credit--;
    const [value] = decodeList(form, body);
    void sink.push(value);
    const free = sink.room - held.credit;
    if (held.credit > free) return;
    if (free > 0) this.#addCredit(held, free);
    else if (held.credit === 0) sink.whenRoom(() => this.#addCredit(held, sink.room));
  }

  #addCredit(held: Held, room: number): void {
    const number = Math.min(room, 0xffff);
    held.credit += number;
    if (this.#held.get(held.wire) !== held) return;
    sendMessage(this.#session, Kind.CREDIT, { number, job: held.wire });
  }

  #onGivenBack(held: Held, index: number): void {
    if (index < held.next || index >= held.end) throw this.#misled("about items it does not hold");
    this.#isRecalling = false;
    held.end = index;
    if (held.next === index) this.#retire(held);
    held.job.giveBack(index);
  }

  #onRefused(held: Held, error: unknown): void {
    const { job, next, end } = held;
    held.next = end;
    for (let index = next; index < end; index++) job.fail(index, error);
    this.#retire(held);
  }

  #checkNext(held: Held, index: number, count: number): void {
    if (held !== this.#line[0] || index !== held.next || index + count > held.end) {
      throw this.#misled("out of its turn");
    }
  }

  #misled(how: string): ProtocolError {
    return new ProtocolError(`Cannot read from ${this.name}: a message ${how}`);
  }
}

function failAll(job: Job, error: unknown): void {
  for (let index = 0; index < job.items.length; index++) job.fail(index, error);
}

/** Encodes what one item is called with; one that cannot be carried fails. */
function encodeOrFail(job: Job, index: number, list: readonly unknown[]): ListForm | undefined {
  try {
    return encodeList(list);
  } catch (error) {
    job.fail(index, error);
    return undefined;
  }
}

function readError(form: number, body: Uint8Array<ArrayBuffer>): unknown {
  try {
    return decodeError(decode(form, body));
  } catch (unreadable) {
    return unreadable;
  }
}
