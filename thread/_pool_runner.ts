import type { Trace } from "../coroutine/_attempt.ts";
import { runOutsideTasks } from "../coroutine/_current_scope.ts";
import type { PoolTargets } from "../coroutine/_pool_targets.ts";
import { type LineOwner, RemoteLine } from "../coroutine/_remote_line.ts";
import type { Job, Runner, RunnerPort } from "../coroutine/_runner.ts";
import { decode } from "../ipc/_encoding.ts";
import { ownModule } from "../ipc/_run_by_name.ts";
import { decodeError } from "../ipc/_wire_error.ts";
import { INTERNALS, type ThreadInternals } from "./_internals.ts";
import { keepAlive, letEnd } from "./_keep_alive.ts";
import { holdsMoved } from "./_moved.ts";
import { checkCarriable, PoolChannel, type Unsent } from "./_pool_channel.ts";
import { Listener } from "./_pool_listener.ts";
import { type FunctionPath, JobFlag, Kind } from "./_pool_messages.ts";
import { createRingMemory, type PoolMessage } from "./_pool_ring.ts";
import { callSoon } from "./_pool_turn.ts";
// Only the type: threads load it. Without any import `deno pack` would not know that it is a module.
import type { servePool } from "./_pool_worker.ts";
import { ThreadDiedError } from "./errors.ts";
import { move } from "./move.ts";
import { Thread } from "./thread.ts";
import type { ThreadOptions } from "./thread_options.ts";
import { WorkerDiedError } from "./worker_died_error.ts";

/** How long messages may take to arrive that a thread has sent before it ended. */
const FAREWELL_MS = 250;

/** How long a thread that has nothing to do may take to end by itself. */
const CHANCE_MS = 100;

/** How the threads of a pool are made. Checked already. */
export interface RunnerOptions {
  readonly targets: PoolTargets;
  readonly initializer: FunctionPath | undefined;
  readonly initArgs: readonly unknown[];
  readonly graceMs: number;
}

/** A port of `node:worker_threads`: one that does not keep the program alive. */
interface QuietPort extends MessagePort {
  unref(): void;
}

/** A thread that works for a pool, on the side of the pool. */
export class ThreadRunner implements Runner, LineOwner {
  readonly name: string;
  readonly graceMs: number;
  readonly #targets: PoolTargets;
  readonly #port: RunnerPort;
  readonly #thread: Thread<typeof servePool>;
  readonly #channel: PoolChannel;
  readonly #listener: Listener;
  readonly #line: RemoteLine;
  readonly #knownTargets = new Set<number>();
  readonly #ready = Promise.withResolvers<void>();
  #isHolding = false;
  #isStopped = false;
  /** Whether it is being ended for the sake of what it runs. */
  #isKilled = false;
  readonly #ended = Promise.withResolvers<void>();
  /** Fulfilled when the thread has ended, and all is told. */
  #over!: Promise<void>;

  /** Use {@linkcode ThreadRunner.start}. */
  constructor(name: string, port: RunnerPort, options: RunnerOptions) {
    this.name = name;
    this.graceMs = options.graceMs;
    this.#targets = options.targets;
    this.#port = port;
    this.#line = new RemoteLine(this);
    const inward = createRingMemory();
    const outward = createRingMemory();
    const { port1, port2 } = createPorts();
    this.#channel = new PoolChannel({ inward, outward, port: port1 }, {
      onMessage: (message) => this.#onMessage(message),
      onPosted: () => this.#listener.look(),
      replace: (unsent) => this.#refuse(unsent),
    });
    port1.unref();
    this.#listener = new Listener(this.#channel);
    const { initializer, initArgs, targets: { module } } = options;
    const channel = { inward: outward, outward: inward, port: move(port2) };
    const threadOptions: ThreadOptions<typeof servePool> & ThreadInternals = {
      module: ownModule(import.meta, "./_pool_worker.ts"),
      target: "servePool",
      args: [{ module, initializer, initArgs, channel }],
      name,
      daemon: true,
      killable: true,
      [INTERNALS]: { isQuiet: true, onEnded: () => this.#ended.resolve() },
    };
    this.#thread = new Thread(threadOptions);
  }

  /**
   * Starts a thread.
   *
   * @returns When it has imported its module, and its initializer has run.
   */
  static async start(
    name: string,
    port: RunnerPort,
    options: RunnerOptions,
  ): Promise<ThreadRunner> {
    const runner = new ThreadRunner(name, port, options);
    await runner.#start();
    return runner;
  }

  get capacity(): number {
    return this.#line.capacity;
  }

  // The core asks

  start(job: Job): void {
    let target;
    try {
      target = this.#targets.find("call", job.target);
    } catch (error) {
      for (let index = 0; index < job.items.length; index++) job.fail(index, error);
      return;
    }
    const { items, spread, sink } = job;
    // What is moved cannot be given back: it goes only when it starts at once, and alone.
    const isMoved = holdsMoved(items);
    if (isMoved && !this.#line.isEmpty) {
      this.#line.shut();
      return job.giveBack(0);
    }
    const count = isMoved ? 1 : items.length;
    this.#hold();
    const { number, place } = target;
    if (!this.#knownTargets.has(number)) {
      this.#knownTargets.add(number);
      this.#channel.send(Kind.TARGET, 0, 0, 0, number, [place.module, place.name]);
    }
    const isOne = spread && count === 1;
    const flags = (isOne ? JobFlag.ARGUMENTS : spread ? JobFlag.SPREAD : 0) |
      (job.wantsProgress ? JobFlag.PROGRESS : 0) | (job.isTimed ? JobFlag.TIMED : 0) |
      (job.tellsEach === true && count > 1 ? JobFlag.EACH : 0);
    const held = this.#line.add(job, 0, count);
    const kind = sink === undefined ? Kind.JOB : Kind.STREAM;
    const values =
      (isOne ? items[0] : count < items.length ? items.slice(0, 1) : items) as unknown[];
    this.#channel.send(kind, flags, held.wire, held.credit, number, values);
    this.#listener.expect();
    if (count < items.length) job.giveBack(count);
  }

  cancel(job: Job, index: number, reason: unknown): void {
    this.#line.cancel(job, index, reason);
  }

  stop(manner: "end" | "kill"): Promise<void> {
    this.#isStopped = true;
    this.#line.close();
    const isIdle = this.#line.isEmpty && !this.#isKilled;
    if (manner === "end" || isIdle) this.#channel.send(Kind.STOP, 0, 0, 0, 0, []);
    if (manner === "kill") this.#terminateAfter(isIdle ? CHANCE_MS : 0);
    return runOutsideTasks(async () => {
      keepAlive();
      await this.#over;
      letEnd();
    });
  }

  // The start and the end of the thread

  async #start(): Promise<void> {
    const thread = this.#thread;
    const over = new AbortController();
    const signal = AbortSignal.any([this.#port.signal, over.signal]);
    try {
      await thread.start({ signal });
      this.#listener.expect();
      const failed = thread.result({ signal }).then(() => {
        throw new Error(`${this.name} ended before it could take tasks`);
      });
      await Promise.race([this.#ready.promise, failed]);
    } catch (error) {
      if (thread.isAlive()) await thread.terminate();
      this.#close();
      throw error === thread.exception && error instanceof ThreadDiedError
        ? this.#death("before it could take tasks")
        : error;
    } finally {
      // Whoever waits for a result has this program go on.
      over.abort();
    }
    this.#over = this.#ended.promise.then(() => this.#onEnd());
  }

  /** Waits for what the thread has told before its end, then tells the pool. */
  async #onEnd(): Promise<void> {
    const end = performance.now() + FAREWELL_MS;
    while (!this.#isStopped && performance.now() < end) {
      this.#channel.read();
      if (this.#channel.isComplete) break;
      await new Promise<void>(callSoon);
    }
    this.#line.close();
    this.#letGo();
    this.#close();
    if (this.#isStopped) return;
    this.#isStopped = true;
    const task = this.#task();
    const when = task === undefined
      ? "while it had nothing to do"
      : `while it ran "${task.name}"${task.index > 0 ? ` for item ${task.index}` : ""}`;
    // What had started is known: results are on shared memory before the next item starts.
    this.#port.lost(this.#death(when), "starts known");
  }

  #close(): void {
    this.#channel.close();
    this.#listener.relax();
  }

  #death(when: string): WorkerDiedError {
    const { ident = 0, exception } = this.#thread;
    // What the runtime said, when it ended the thread: that a module may not be read, for example.
    const cause = exception instanceof ThreadDiedError ? exception.cause : exception;
    const how = this.#isKilled
      ? "it was stopped"
      : cause === undefined
      ? "it was closed from within"
      : exception instanceof ThreadDiedError
      ? (cause as Error).message.split("\n")[0]
      : "it did not catch an error";
    return new WorkerDiedError(`${this.name} ended ${when}: ${how}`, {
      ident,
      task: this.#task(),
      ...(cause === undefined ? {} : { cause }),
    });
  }

  #task(): { name: string; index: number } | undefined {
    const running = this.#line.running;
    if (running === undefined) return undefined;
    const { job, index } = running;
    const { name } = this.#targets.find("call", job.target).place;
    return { name, index: job.itemOf(index) };
  }

  /** What is idle ends by itself in a moment; the runtime prints an error when it is terminated. */
  #terminateAfter(ms: number): void {
    if (ms === 0) return this.#terminate();
    const timer = setTimeout(() => this.#terminate(), Math.min(ms, this.graceMs / 4));
    void this.#ended.promise.then(() => clearTimeout(timer));
  }

  #terminate(): void {
    // It ends at once; when it does not, the pool sees that it takes too long.
    this.#thread.terminate().catch(() => {});
  }

  // The line

  changed(): void {
    this.#port.changed();
  }

  emptied(): void {
    this.#letGo();
    this.#listener.relax();
  }

  kill(): void {
    if (this.#isKilled) return;
    this.#isKilled = true;
    this.#terminate();
  }

  sendAttempt(attempt: number, trace: Trace | undefined): void {
    const values = trace === undefined ? [] : [trace.traceparent, trace.tracestate];
    this.#channel.send(Kind.ATTEMPT, 0, 0, attempt, 0, values);
  }

  sendCancel(wire: number, index: number): void {
    this.#channel.send(Kind.CANCEL, 0, wire, index, 0, []);
  }

  sendRecall(): void {
    this.#channel.send(Kind.RECALL, 0, 0, 0, 0, []);
  }

  sendCredit(wire: number, count: number): void {
    this.#channel.send(Kind.CREDIT, 0, wire, 0, count, []);
  }

  // Keeping this program alive

  #hold(): void {
    if (this.#isHolding) return;
    this.#isHolding = true;
    keepAlive();
  }

  #letGo(): void {
    if (!this.#isHolding) return;
    this.#isHolding = false;
    letEnd();
  }

  // The thread tells

  #onMessage({ kind, job, index, values }: PoolMessage): void {
    if (kind === Kind.READY) {
      this.#listener.relax();
      return this.#ready.resolve();
    }
    if (this.#isStopped) return;
    const line = this.#line;
    switch (kind) {
      case Kind.VALUES:
        return line.onValues(job, index, values);
      case Kind.ERROR:
        return line.onError(job, index, readError(values));
      case Kind.SKIPPED:
        return line.onSkipped(job, index);
      case Kind.STARTED:
        return line.onStarted(job, index);
      case Kind.PROGRESS:
        return line.onProgress(job, index, values[0]);
      case Kind.VALUE:
        return line.onStreamed(job, values[0]);
      case Kind.GIVEN_BACK:
        return line.onGivenBack(job, index);
      case Kind.REFUSED:
        return line.onRefused(job, readError(values));
    }
  }

  /** What becomes of a job of which an item cannot be cloned: that item never starts. */
  #refuse({ kind, flags, job, index, number, values, error }: Unsent): PoolMessage[] {
    const held = this.#line.get(job);
    if (held === undefined) return [];
    if ((flags & JobFlag.ARGUMENTS) !== 0 || values.length === 1) {
      this.#line.onRefused(job, error);
      return [];
    }
    const refusals = held.refusals = new Map<number, unknown>();
    const items = values.map((value, at) => {
      try {
        checkCarriable(value);
        return value;
      } catch (error) {
        refusals.set(at, error);
        return undefined;
      }
    });
    const leftOut = { job, index: 0, number: 0, flags: 0, values: [...refusals.keys()] };
    return [
      { ...leftOut, kind: Kind.LEAVE_OUT },
      { kind, flags, job, index, number, values: items },
    ];
  }
}

function readError([encoding, payload]: unknown[]): unknown {
  try {
    const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
    return decodeError(decode(encoding as number, bytes as Uint8Array<ArrayBuffer>));
  } catch (unreadable) {
    return unreadable;
  }
}

function createPorts(): { port1: QuietPort; port2: QuietPort } {
  const { MessageChannel } = (globalThis as unknown as {
    process: {
      getBuiltinModule(name: "node:worker_threads"): {
        MessageChannel: new () => { port1: QuietPort; port2: QuietPort };
      };
    };
  }).process.getBuiltinModule("node:worker_threads");
  return new MessageChannel();
}
