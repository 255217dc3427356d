import { runOutsideTasks } from "../../coroutine/_current_scope.ts";
import type { TaskQueueStatistics } from "../engine.ts";
import type { TryOptions } from "./_nats_api.ts";
import { type Counts, type NatsQueue, NO_COUNTS } from "./_nats_queue.ts";
import type { TalkChannel } from "./_nats_talk.ts";

/** What one who uses a queue tells of itself. */
export interface PresenceForm {
  readonly name: string;
  readonly concurrency: number;
  readonly held: number;
  readonly getting: number;
  readonly putting: number;
  readonly joining: number;
  readonly done: number;
  readonly failed: number;
  readonly lost: number;
  /** What is not added to the figures of the queue yet. */
  readonly counts: Counts;
}

/** What has happened is added to the figures of the queue so long after it. */
const ADD_MS = 1_000;

/** Whoever goes does not try for longer. */
const FAREWELL_MS = 1_000;

/** Everybody answers within this. */
const WHO_MS = 1_000;

const ACTION = "Cannot count the tasks";

let members = 0;

/** What this side is, and what it has done. */
export class NatsPresence {
  name = `client ${++members} of process ${Deno.pid}`;
  putting = 0;
  joining = 0;
  #concurrency = 0;
  readonly #ends = { done: 0, failed: 0, lost: 0, other: 0 };
  #counts: Counts = { ...NO_COUNTS };
  readonly #queue: NatsQueue;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #adding: Promise<void> | undefined;
  #isOver = false;

  constructor(queue: NatsQueue) {
    this.#queue = queue;
  }

  introduce({ name, concurrency }: { name: string; concurrency: number }): void {
    this.name = name;
    this.#concurrency = concurrency;
  }

  /** A lease has ended. */
  ended(how: "done" | "failed" | "lost" | "other"): void {
    this.#ends[how]++;
  }

  count(name: keyof Counts): void {
    this.#counts[name]++;
    if (this.#isOver) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void runOutsideTasks(() => this.#add()).catch(() => {});
    }, ADD_MS);
  }

  now({ held, getting }: { held: number; getting: number }): PresenceForm {
    const { putting, joining, name } = this;
    const { done, failed, lost } = this.#ends;
    return {
      name,
      concurrency: this.#concurrency,
      held,
      getting,
      putting,
      joining,
      done,
      failed,
      lost,
      counts: this.#counts,
    };
  }

  async close(): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#timer);
    await this.#adding?.catch(() => {});
    const { client } = this.#queue.api;
    // The queue may have been deleted: then there is nothing to add to.
    const endMs = performance.now() + FAREWELL_MS;
    if (client.isConnected) await client.whileConnected(this.#add({ endMs }));
  }

  async #add(options: TryOptions = {}): Promise<void> {
    const counts = this.#counts;
    if (Object.values(counts).every((count) => count === 0)) return;
    this.#counts = { ...NO_COUNTS };
    this.#adding = this.#queue.addCounts(ACTION, counts, options);
    try {
      await this.#adding;
    } catch (error) {
      for (const name of Object.keys(counts) as (keyof Counts)[]) {
        this.#counts[name] += counts[name];
      }
      throw error;
    }
  }
}

/**
 * The figures of a queue. What is unfinished, fresh, put and ended is counted by the engine; what is held, and who is
 * there, is asked of those who are there.
 */
export async function readStatistics(
  queue: NatsQueue,
  talk: TalkChannel,
  self: PresenceForm,
): Promise<TaskQueueStatistics> {
  const [figures, ends, kept, others] = await Promise.all([
    queue.figures(ACTION),
    queue.ends(ACTION),
    queue.counts(ACTION),
    talk.gather({ kind: "who" }, { mostMs: WHO_MS }),
  ]);
  const members = [self, ...others.filter(isPresence)];
  const sum = (read: (member: PresenceForm) => number): number =>
    members.reduce((total, member) => total + read(member), 0);
  const count = (name: keyof Counts): number => kept[name] + sum(({ counts }) => counts[name]);
  const size = figures.fresh.reduce((total, each) => total + each, 0);
  const held = sum((member) => member.held);
  const [failed, cancelled] = [count("failed"), count("cancelled")];
  const [again, redelivered] = [count("again"), count("redelivered")];
  return {
    size,
    delayed: Math.max(0, figures.messages - size - held),
    held,
    unfinished: figures.messages,
    maxSize: queue.settings.maxSize,
    getting: sum((member) => member.getting),
    putting: sum((member) => member.putting),
    joining: sum((member) => member.joining),
    put: figures.put,
    done: Math.max(0, ends.ended - failed - cancelled),
    failed,
    cancelled,
    retried: Math.max(again, redelivered),
    lost: Math.max(0, redelivered - again) + count("lost"),
    deadLetters: ends.deadLetters,
    oldestMs: await oldestOf(queue, figures),
    workers: members
      .filter(({ concurrency, held, done }) => concurrency > 0 || held > 0 || done > 0)
      .map(({ name, concurrency, held, done, failed, lost }) => ({
        name,
        concurrency,
        held,
        done,
        failed,
        lost,
      })),
  };
}

async function oldestOf(
  queue: NatsQueue,
  { fresh, delivered }: { fresh: readonly number[]; delivered: readonly number[] },
): Promise<number> {
  const levels = [...fresh.keys()].filter((level) => fresh[level]! > 0);
  const times = await Promise.all(
    levels.map((level) => queue.waitingSince(ACTION, level, delivered[level]!)),
  );
  const oldest = Math.min(...times.map((time) => time ?? Infinity));
  return oldest === Infinity ? 0 : Math.max(0, Date.now() - oldest);
}

/** What comes from a network may be anything. */
function isPresence(form: unknown): form is PresenceForm {
  const { name, held, counts } = (form ?? {}) as Partial<PresenceForm>;
  return typeof name === "string" && typeof held === "number" && typeof counts === "object";
}
