import type { Trace } from "../coroutine/_attempt.ts";
import { runOutsideTasks } from "../coroutine/_current_scope.ts";
import type { PoolTarget } from "../coroutine/_pool_targets.ts";
import { type LineOwner, RemoteLine } from "../coroutine/_remote_line.ts";
import type { Job, Runner, RunnerPort } from "../coroutine/_runner.ts";
import { decode, encode } from "../ipc/_encoding.ts";
import { acquireHub, type ChildSession, type FamilyHub, releaseHub } from "../ipc/_family.ts";
import { ownModule } from "../ipc/_run_by_name.ts";
import type { Session } from "../ipc/_session.ts";
import { decodeError } from "../ipc/_wire_error.ts";
import { ProtocolError } from "../ipc/errors.ts";
import { INTERNALS, type ProcessInternals } from "./_internals.ts";
import { keepAlive } from "./_keep_alive.ts";
import type { ProcessTargets } from "./_pool_targets.ts";
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

/** How long a process that is asked to end (SIGTERM) may take before it is killed (SIGKILL). */
const TERM_MS = 200;

/** How long a process may go on whose channel has ended, and a channel whose process has. */
const FAREWELL_MS = 250;

/** How long the system may take to end a process that was killed: it is busy, or writes its memory out. */
const KILL_LIMIT_MS = 60_000;

/** How often a worker is started that is killed by somebody before it can take tasks. */
const MOST_STARTS = 5;

/** What somebody kills processes with. */
const KILLERS: ReadonlySet<string | null> = new Set(["SIGKILL", "SIGTERM"]);

/** How the workers of a pool are made. Checked already. */
export interface RunnerOptions {
  readonly targets: ProcessTargets;
  readonly initializer: FunctionPlace | undefined;
  readonly initArgs: readonly unknown[];
  readonly graceMs: number;
  /** What goes to the processes as it is. */
  readonly process: Omit<ProcessOptions<typeof serveWorker>, "module" | "target" | "args" | "name">;
}

/** A process that works for a pool, on the side of the pool. */
export class ProcessRunner implements Runner, LineOwner {
  readonly name: string;
  readonly graceMs: number;
  readonly killLimitMs = KILL_LIMIT_MS;
  readonly #options: RunnerOptions;
  readonly #port: RunnerPort;
  readonly #process: Process<typeof serveWorker>;
  /** How many of the pool's modules it has. */
  readonly #modules: number;
  readonly #knownTargets = new Set<number>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #line: RemoteLine;
  /** Of functions that another worker has to call, which has their module; and how many of their items are wanted. */
  readonly #strange = new Map<Job, number>();
  #session!: Session;
  #isHolding = false;
  #isStopped = false;
  /** Whether it is being killed for the sake of what it runs, or cannot run. */
  #isKilled = false;
  #ended!: Promise<void>;

  /** Use {@linkcode ProcessRunner.start}. */
  constructor(name: string, port: RunnerPort, options: RunnerOptions) {
    this.name = name;
    this.graceMs = options.graceMs;
    this.#port = port;
    this.#line = new RemoteLine(this);
    this.#options = options;
    const { initializer = null, initArgs, targets } = options;
    this.#modules = targets.modules.length;
    const processOptions: ProcessOptions<typeof serveWorker> & ProcessInternals = {
      ...options.process,
      module: ownModule(import.meta, "./_pool_worker.ts"),
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

  get capacity(): number {
    return this.#strange.size > 0 ? 0 : this.#line.capacity;
  }

  start(job: Job): void {
    this.#hold();
    const { targets } = this.#options;
    let target: PoolTarget;
    try {
      target = targets.find("call", job.target);
    } catch (error) {
      return failAll(job, error);
    }
    const place = targets.placeOf(target);
    if (place[0] >= this.#modules) return this.#putOff(job);
    if (!this.#knownTargets.has(target.number)) {
      this.#knownTargets.add(target.number);
      const { encoding, payload } = encode(place);
      sendMessage(this.#session, Kind.TARGET, { form: encoding, number: target.number }, payload);
    }
    this.#send(job, target.number);
    if (this.#line.isEmpty) this.emptied();
  }

  cancel(job: Job, index: number, reason: unknown): void {
    const wanted = this.#strange.get(job);
    if (wanted === undefined) return this.#line.cancel(job, index, reason);
    // It would free the worker for another call, which would die with it. The end of the worker is that of the item.
    if (this.#isKilled) return;
    if (wanted > 1) this.#strange.set(job, wanted - 1);
    else this.#strange.delete(job);
    job.fail(index, reason);
  }

  stop(manner: "end" | "kill"): Promise<void> {
    this.#isStopped = true;
    this.#line.close();
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
    this.#line.close();
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
    const running = this.#line.running;
    if (running === undefined) return undefined;
    const { job, index } = running;
    const { name } = this.#options.targets.find("call", job.target).place;
    return { name, index: job.itemOf(index) };
  }

  kill(): void {
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
    const { wire, credit } = this.#line.add(job, index, count);
    const form = list.form |
      (isArguments ? JobFlag.ARGUMENTS : job.spread ? JobFlag.SPREAD : 0) |
      (job.wantsProgress ? JobFlag.PROGRESS : 0) |
      (job.isTimed ? JobFlag.TIMED : 0);
    const kind = job.sink === undefined ? Kind.JOB : Kind.STREAM;
    const message = { form, number, job: wire, index: job.sink === undefined ? index : credit };
    sendMessage(this.#session, kind, message, list.body);
  }

  /** A job of a function in a module that this worker has not: another one has to take it. */
  #putOff(job: Job): void {
    this.#strange.set(job, job.items.length);
    if (this.#line.isEmpty) this.emptied();
  }

  // The line

  changed(): void {
    this.#port.changed();
  }

  emptied(): void {
    if (this.#strange.size === 0) return this.#letGo();
    // The pool replaces it by one that has all modules.
    this.#isKilled = true;
    this.#process.kill();
  }

  sendAttempt(attempt: number, trace: Trace | undefined): void {
    if (trace === undefined) return sendMessage(this.#session, Kind.ATTEMPT, { index: attempt });
    const { encoding, payload } = encode(trace);
    sendMessage(this.#session, Kind.ATTEMPT, { form: encoding, index: attempt }, payload);
  }

  sendCancel(wire: number, index: number): void {
    sendMessage(this.#session, Kind.CANCEL, { job: wire, index });
  }

  sendRecall(): void {
    sendMessage(this.#session, Kind.RECALL, {});
  }

  sendCredit(wire: number, count: number): void {
    sendMessage(this.#session, Kind.CREDIT, { number: count, job: wire });
  }

  // Keeping this process alive

  #hold(): void {
    if (this.#isHolding) return;
    this.#isHolding = true;
    this.#session.hold();
  }

  #letGo(): void {
    if (!this.#isHolding) return;
    this.#isHolding = false;
    this.#session.letGo();
  }

  // The worker tells

  #onMessage({ kind, form, number, job, index, body }: PoolMessage): void {
    const line = this.#line;
    switch (kind) {
      case Kind.READY:
        return this.#ready.resolve();
      case Kind.VALUES:
        return this.#onValues(job, index, number, form, body);
      case Kind.ERROR:
        return line.onError(job, index, readError(form, body));
      case Kind.SKIPPED:
        return line.onSkipped(job, index);
      case Kind.STARTED:
        return line.onStarted(job, index);
      case Kind.PROGRESS:
        return line.onProgress(job, index, decode(form, body));
      case Kind.VALUE:
        return line.onStreamed(job, decodeList(form, body)[0]);
      case Kind.GIVEN_BACK:
        return line.onGivenBack(job, index);
      case Kind.REFUSED:
        return line.onRefused(job, readError(form, body));
      default:
        throw new ProtocolError(`Cannot read from ${this.name}: a message of kind ${kind}`);
    }
  }

  #onValues(
    wire: number,
    index: number,
    count: number,
    form: number,
    body: Uint8Array<ArrayBuffer>,
  ): void {
    let values: unknown[];
    try {
      values = decodeList(form, body);
      if (values.length !== count) {
        throw new ProtocolError(
          `Cannot read from ${this.name}: a message with ${values.length} of ${count} values`,
        );
      }
    } catch (error) {
      for (let n = 0; n < count; n++) this.#line.onError(wire, index + n, error);
      return;
    }
    this.#line.onValues(wire, index, values);
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
