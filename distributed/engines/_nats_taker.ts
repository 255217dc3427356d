import type { Msg } from "@nats-io/nats-core";
import { runOutsideTasks } from "../../coroutine/_current_scope.ts";
import { listenForCancel } from "../../coroutine/_listen_for_cancel.ts";
import { QueueEmptyError } from "../../coroutine/errors.ts";
import { EngineUnavailableError } from "../task_errors.ts";
import type { NatsLease } from "./_nats_lease.ts";
import type { NatsQueue } from "./_nats_queue.ts";
import { Pull, type PullAnswer } from "./_nats_pull.ts";

/** What taking tasks needs of the engine. */
export interface TakerHost {
  readonly queue: NatsQueue;
  /** Makes a lease of what was delivered; nothing when the task is not to run now. */
  begin(message: Msg, leaseMs: number): Promise<NatsLease | undefined>;
  /** Whether the queue is shut down. */
  isClosed(): boolean;
  /** Throws when no task can come any more. */
  checkCanCome(): Promise<void>;
}

/** How tasks are taken. */
export interface TakerOptions {
  /** How many are fetched at a time. */
  readonly prefetch: number;
  /** How long an engine that does not answer is borne. */
  readonly patienceMs: number;
  /** The same, for those who wait for as long as it takes. */
  readonly endlessMs: number;
}

/** One who waits for a task. */
interface Getter {
  readonly leaseMs: number;
  /** Another one's request has brought a task that is too many there: it is {@linkcode Getter.gift}. */
  readonly offered: PromiseWithResolvers<void>;
  gift: NatsLease | undefined;
  isOver: boolean;
  pulls: Pull[];
}

/** The longest wait of one request. */
const SLICE_MS = 10_000;

/** When the queue is shut down there may be nothing to wait for at any time. */
const CLOSED_SLICE_MS = 100;

/** An answer may take so much longer than was asked for. */
const ANSWER_MS = 2_000;

/** What was fetched and waits longer is given back. */
const LONG_MS = 20;

/** How often it is looked at whether there are delayed tasks. */
const LOOK_MS = 5_000;

const PAUSES_MS = [10, 50, 100, 250] as const;

const ACTION = "Cannot get a task";

/** The calls of `get`. */
export class TaskTaker {
  readonly #host: TakerHost;
  readonly #prefetch: number;
  readonly #patienceMs: number;
  readonly #endlessMs: number;
  readonly #getters = new Set<Getter>();
  readonly #fetched: NatsLease[] = [];
  #giveBackTimer: ReturnType<typeof setTimeout> | undefined;
  #givingBack: Promise<void> | undefined;
  readonly #working = new Set<Promise<unknown>>();
  /** Whether there are delayed tasks; only then they are asked for. */
  #hasDelayed = true;
  #lookedMs = -Infinity;
  #notices = 0;
  #sweptMs = -Infinity;
  /** Ends the pauses of those who search. */
  readonly #over = new AbortController();

  constructor(host: TakerHost, options: TakerOptions) {
    this.#host = host;
    this.#prefetch = options.prefetch;
    this.#patienceMs = options.patienceMs;
    this.#endlessMs = options.endlessMs;
  }

  /** How many calls wait. */
  get waiting(): number {
    return this.#getters.size;
  }

  /** Takes the next task. */
  async take(
    options: { leaseMs: number; signal: AbortSignal | undefined; timeoutMs: number },
  ): Promise<NatsLease> {
    const { leaseMs, signal, timeoutMs } = options;
    for (let lease; (lease = this.#fetched.shift()) !== undefined;) {
      if (lease.isHeld) return lease;
    }
    const endMs = performance.now() + timeoutMs;
    const getter: Getter = {
      leaseMs,
      offered: Promise.withResolvers<void>(),
      gift: undefined,
      isOver: false,
      pulls: [],
    };
    const { promise: cancelled, reject } = Promise.withResolvers<never>();
    const unlisten = listenForCancel(signal, reject);
    this.#getters.add(getter);
    const searching = runOutsideTasks(() => this.#search(getter, endMs));
    this.#working.add(searching);
    searching.catch(() => {}).finally(() => this.#working.delete(searching));
    let lease: NatsLease | undefined;
    try {
      lease = await Promise.race([searching, cancelled]);
      return lease!;
    } finally {
      // What was found when the wait had just ended is for others.
      if (lease === undefined) this.#handOn(searching);
      unlisten?.();
      this.#getters.delete(getter);
      getter.isOver = true;
      for (const pull of getter.pulls.splice(0)) pull.cancel();
    }
  }

  /** Those who wait look anew: the queue was shut down, or there are delayed tasks, or a new connection. */
  wake(): void {
    for (const { pulls } of this.#getters) for (const pull of pulls) pull.interrupt();
  }

  /** There are delayed tasks. */
  noticeDelayed(): void {
    this.#notices++;
    if (this.#hasDelayed) return;
    this.#hasDelayed = true;
    this.wake();
  }

  async close(): Promise<void> {
    this.#over.abort();
    this.wake();
    await this.#giveBackFetched();
    await Promise.allSettled(this.#working);
  }

  /** Searches until there is a task. Whoever has stopped waiting meanwhile leaves it to others. */
  async #search(getter: Getter, endMs: number): Promise<NatsLease | undefined> {
    let lease: NatsLease | undefined;
    try {
      lease = await this.#find(getter, endMs) ?? takeGift(getter);
    } catch (error) {
      lease = takeGift(getter);
      if (lease === undefined) throw error;
    } finally {
      // Nothing is offered to it from here on, and what it does not need is for others.
      this.#getters.delete(getter);
      const gift = takeGift(getter);
      if (gift !== undefined) this.#offer(gift);
    }
    if (lease === undefined || !getter.isOver) return lease;
    this.#offer(lease);
    return undefined;
  }

  async #find(getter: Getter, endMs: number): Promise<NatsLease | undefined> {
    const patienceMs = endMs === Infinity ? this.#endlessMs : this.#patienceMs;
    let trouble: { readonly sinceMs: number; why: string; count: number } | undefined;
    while (!getter.isOver && getter.gift === undefined) {
      const isLast = performance.now() >= endMs;
      const answers = await this.#tryAsk(getter, endMs);
      let lease: NatsLease | undefined;
      let unknown: string | undefined;
      let isAgain = false;
      for (const answer of answers) {
        if ("task" in answer) lease = answer;
        else if (answer.kind === "unknown") unknown = answer.why;
        else if (answer.kind === "again") isAgain = true;
      }
      if (lease !== undefined || getter.isOver || getter.gift !== undefined) return lease;
      unknown = await this.#unknownAfter(() => this.#host.checkCanCome()) ?? unknown;
      const now = performance.now();
      if (unknown === undefined) {
        trouble = undefined;
        if (!isAgain && (isLast || now >= endMs - 1)) throw emptyError();
        if (!isAgain) this.#sweep(now);
        continue;
      }
      trouble ??= { sinceMs: now, why: unknown, count: 0 };
      trouble.why = unknown;
      if (now >= endMs || now - trouble.sinceMs >= patienceMs) {
        throw new EngineUnavailableError(`${ACTION}: ${trouble.why}`);
      }
      await this.#pause(
        PAUSES_MS[Math.min(trouble.count++, PAUSES_MS.length - 1)]!,
        Math.min(endMs, trouble.sinceMs + patienceMs),
      );
    }
    return undefined;
  }

  async #pause(pauseMs: number, endMs: number): Promise<void> {
    const { signal } = this.#over;
    try {
      await this.#host.queue.api.pause(pauseMs, { endMs, signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Asks once; a request of which nobody knows what has become is no end of the search. */
  async #tryAsk(getter: Getter, endMs: number): Promise<(NatsLease | PullAnswer)[]> {
    let answers: (NatsLease | PullAnswer)[] = [];
    const why = await this.#unknownAfter(async () => {
      this.#checkOpen();
      answers = await this.#ask(getter, endMs);
    });
    return why === undefined ? answers : [{ kind: "unknown", why }];
  }

  /** Why the engine could not be asked, if it could not. */
  async #unknownAfter(ask: () => Promise<void>): Promise<string | undefined> {
    try {
      await ask();
      return undefined;
    } catch (error) {
      if (!(error instanceof EngineUnavailableError)) throw error;
      this.#checkOpen();
      // The connection may have ended for good.
      this.#host.queue.api.client.check(ACTION);
      return error.message.replace(`${ACTION}: `, "");
    }
  }

  #checkOpen(): void {
    if (!this.#over.signal.aborted) return;
    throw new EngineUnavailableError(`${ACTION}: the task queue was closed here`);
  }

  /** Asks once, of each kind of tasks. */
  async #ask(getter: Getter, endMs: number): Promise<(NatsLease | PullAnswer)[]> {
    const { client } = this.#host.queue.api;
    if (client.isConnected) {
      // What is given back comes before what is behind it.
      await this.#givingBack;
      await this.#lookForDelayed();
      this.#checkOpen();
    }
    // It may just have been lost: nobody would hear what is asked now.
    if (!client.isConnected) {
      return [{ kind: "unknown", why: `there is no connection to ${client.servers}` }];
    }
    const consumers = this.#consumers();
    const isSingle = consumers.length === 1 && this.#prefetch === 1;
    const leftMs = endMs - performance.now();
    const answers: PullAnswer[] = [];
    // Those of the highest priority first: what waits there is there at once.
    if (!isSingle || leftMs <= 0) {
      for (const consumer of consumers) {
        const answer = await this.#askFor(getter, consumer, 0);
        if ("task" in answer) return [answer];
        answers.push(answer);
        if (getter.isOver) return answers;
      }
      if (leftMs <= 0 || answers.some(({ kind }) => kind === "unknown")) return answers;
    }
    if (this.#host.isClosed()) await this.#host.checkCanCome();
    const sliceMs = this.#host.isClosed() ? CLOSED_SLICE_MS : SLICE_MS;
    const waitMs = Math.max(1, Math.min(endMs - performance.now(), sliceMs));
    return [await this.#wait(getter, consumers, waitMs)];
  }

  /** Asks a consumer for what is there now. */
  async #askFor(
    getter: Getter,
    consumer: string,
    waitMs: number,
  ): Promise<NatsLease | PullAnswer> {
    const isMany = this.#prefetch > 1 && consumer !== "z";
    const count = isMany ? Math.ceil(this.#prefetch / Math.max(1, this.#getters.size)) : 1;
    const pull = this.#pull(consumer, waitMs, count);
    getter.pulls = [pull];
    const answer = await pull.answer;
    getter.pulls = [];
    const messages = pull.take();
    if (getter.isOver && messages.length === 0) return answer;
    const begun = await Promise.allSettled(
      messages.map((message) => this.#host.begin(message, getter.leaseMs)),
    );
    const leases = begun.map((each) => each.status === "fulfilled" ? each.value : undefined);
    const [first, ...others] = leases.filter((lease) => lease !== undefined);
    for (const lease of others) this.#keep(lease);
    if (first !== undefined) return first;
    for (const each of begun) if (each.status === "rejected") throw each.reason;
    // What was delivered was not to run now: there may be more behind it.
    return answer.kind === "message"
      ? this.#fetched.shift() ?? await this.#askFor(getter, consumer, waitMs)
      : answer;
  }

  /** Waits for a task of any kind. */
  async #wait(
    getter: Getter,
    consumers: readonly string[],
    waitMs: number,
  ): Promise<NatsLease | PullAnswer> {
    const pulls = consumers.map((consumer) => this.#pull(consumer, waitMs, 1));
    getter.pulls = pulls;
    const offered = getter.offered.promise;
    const heard = pulls.map((pull) => pull.answer.then((answer) => ({ pull, answer })));
    let winner: { pull: Pull; answer: PullAnswer } | undefined;
    // All of them are empty before there is nothing; one that has a task, or knows nothing, is enough.
    let open = [...heard.keys()];
    while (open.length > 0) {
      const first = await Promise.race([
        offered,
        ...open.map((n) => heard[n]!.then((result) => ({ ...result, n }))),
      ]);
      if (first === undefined) break;
      winner = first;
      if (first.answer.kind !== "empty") break;
      open = open.filter((n) => n !== first.n);
    }
    getter.pulls = [];
    const [message] = getter.gift === undefined ? winner?.pull.take() ?? [] : [];
    for (const pull of pulls) pull.cancel();
    const gift = takeGift(getter);
    if (gift !== undefined) return gift;
    if (message === undefined) return winner?.answer ?? { kind: "empty" };
    return await this.#host.begin(message, getter.leaseMs) ?? { kind: "again" };
  }

  #pull(consumer: string, waitMs: number, count: number): Pull {
    const { api, names } = this.#host.queue;
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${names.tasks}.${consumer}`;
    return new Pull(api, subject, {
      waitMs,
      count,
      answerMs: ANSWER_MS,
      onLate: (message) => void this.#onLate(message),
    });
  }

  /** A task has come that nobody waits for any more. */
  #onLate(message: Msg): Promise<void> {
    const working = runOutsideTasks(async () => {
      const lease = await this.#host.begin(message, this.#host.queue.settings.leaseMs);
      if (lease !== undefined) this.#offer(lease);
    }).catch(() => {}).finally(() => this.#working.delete(working));
    this.#working.add(working);
    return working;
  }

  /** Gives away what a search finds that nobody waits for any more. */
  #handOn(searching: Promise<NatsLease | undefined>): void {
    searching.then((lease) => lease !== undefined && this.#offer(lease)).catch(() => {});
  }

  /** Gives a task to one who waits, or back. */
  #offer(lease: NatsLease): void {
    for (const getter of this.#getters) {
      if (getter.isOver || getter.gift !== undefined) continue;
      getter.gift = lease;
      getter.offered.resolve();
      return;
    }
    this.#giveBack(lease);
  }

  #giveBack(lease: NatsLease): void {
    const working: Promise<unknown> = runOutsideTasks(() => lease.release()).catch(() => {})
      .finally(() => this.#working.delete(working));
    this.#working.add(working);
  }

  /** It was fetched together with others, and waits here, though not for long. */
  #keep(lease: NatsLease): void {
    if (this.#over.signal.aborted) return this.#giveBack(lease);
    this.#fetched.push(lease);
    this.#giveBackTimer ??= setTimeout(() => {
      this.#givingBack = this.#giveBackFetched();
    }, LONG_MS);
  }

  /** What runs takes long: others may be free for what waits behind it. */
  async #giveBackFetched(): Promise<void> {
    clearTimeout(this.#giveBackTimer);
    this.#giveBackTimer = undefined;
    // One after the other: they come back in this order.
    for (const lease of this.#fetched.splice(0)) {
      await runOutsideTasks(() => lease.release()).catch(() => {});
    }
  }

  #consumers(): string[] {
    const { settings, names } = this.#host.queue;
    const levels = [...settings.priorities.keys()].map((level) => names.consumer("t", level));
    // A delayed task was put before those that wait.
    return this.#hasDelayed ? [names.consumer("z", 0), ...levels] : levels;
  }

  /** Who has waited for long in vain looks whether there is something that nobody would ever get. */
  #sweep(now: number): void {
    if (now - this.#sweptMs < SLICE_MS) return;
    this.#sweptMs = now;
    const working: Promise<unknown> = this.#host.queue.sweep(ACTION).catch(() => {})
      .finally(() => this.#working.delete(working));
    this.#working.add(working);
  }

  async #lookForDelayed(): Promise<void> {
    const now = performance.now();
    if (now - this.#lookedMs < LOOK_MS) return;
    this.#lookedMs = now;
    const notices = this.#notices;
    try {
      const z = await this.#host.queue.consumer(ACTION, { kind: "z", level: 0 });
      this.#hasDelayed = z.num_pending + z.num_ack_pending > 0 || notices !== this.#notices;
    } catch {
      // Then they are asked for.
    }
  }
}

function takeGift(getter: Getter): NatsLease | undefined {
  const { gift } = getter;
  getter.gift = undefined;
  return gift;
}

function emptyError(): QueueEmptyError {
  return new QueueEmptyError("Cannot get from the task queue: no task can be taken");
}
