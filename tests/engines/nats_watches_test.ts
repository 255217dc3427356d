import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Msg } from "@nats-io/nats-core";
import { EngineUnavailableError } from "../../distributed/mod.ts";
import type { TaskOutcome, TaskWatcher } from "../../distributed/mod.ts";
import { NatsApiError, NatsCode } from "../../distributed/engines/_nats_api.ts";
import { eventHeaders } from "../../distributed/engines/_nats_events.ts";
import type { NatsQueue } from "../../distributed/engines/_nats_queue.ts";
import type { TalkChannel } from "../../distributed/engines/_nats_talk.ts";
import type { KeptTask } from "../../distributed/engines/_nats_task_wire.ts";
import { TaskWatches } from "../../distributed/engines/_nats_watches.ts";
import { FakeTime } from "../support/fake_time.ts";
import { settle } from "../support/settle.ts";

type Callback = (error: Error | null, message: Msg) => void;

const SELF = "self";
const DONE: TaskOutcome = { state: "done", value: 1 };
const LEASE_MS = 600_000;

/** How often tasks of other producers are looked at, and a bit more. */
const LOOK_MS = 1_100;

/** What a watcher was told. */
class Told implements TaskWatcher {
  readonly ends: TaskOutcome[] = [];
  /** Attempts that have started, 0 for one that waits again. */
  readonly attempts: number[] = [];
  readonly reports: unknown[] = [];
  onProgress: () => void | Promise<void> = () => {};

  started(attempt: number): void {
    this.attempts.push(attempt);
  }
  waiting(): void {
    this.attempts.push(0);
  }
  progress(value: unknown): void | Promise<void> {
    this.reports.push(value);
    return this.onProgress();
  }
  ended(outcome: TaskOutcome): void {
    this.ends.push(outcome);
  }
}

/** What a worker says. */
interface Word {
  readonly kind: "started" | "progress";
  readonly body: string;
}

/** The producer's side of a queue, with an engine that answers as the test says. */
class Producer {
  readonly watches: TaskWatches;
  /** How the engine knows that tasks have ended. */
  readonly outcomes = new Map<string, TaskOutcome>();
  /** Tasks that the engine has. */
  readonly tasks = new Map<string, Partial<KeptTask>>();
  /** How consumers of outcomes were to begin. */
  readonly consumers: string[] = [];
  /** What the stream of outcomes has. */
  state = { first_seq: 1, last_seq: 0 };
  isGone = false;
  /** What was published, and answers. */
  readonly said: string[] = [];
  /** How many questions are not answered. */
  silent = 0;
  /** What workers say that they hold. */
  held: unknown[] = [];
  /** Tasks that were given up. */
  readonly givenUp: string[] = [];
  /** Called when it is asked for a task. */
  onFindTask: () => void = () => {};
  readonly client: { nc: unknown; isConnected: boolean; reconnects: number };
  readonly #heard = new Map<string, Callback>();

  constructor({ leaseMs = LEASE_MS }: { leaseMs?: number } = {}) {
    let inboxes = 0;
    const nc = {
      isClosed: () => false,
      publish: (subject: string) => this.said.push(subject),
      subscribe: (subject: string, { callback }: { callback: Callback }) => {
        this.#heard.set(subject, callback);
        return { unsubscribe: () => this.#heard.delete(subject) };
      },
    };
    const api = {
      client: this.client = { nc, isConnected: true, reconnects: 0 },
      inbox: () => `inbox ${++inboxes}`,
      pause: () => settle(),
      // deno-lint-ignore require-await
      call: async (_: string, subject: string, body?: { config: { deliver_policy: string } }) => {
        if (this.isGone) throw new NatsApiError({ code: 404, err_code: NatsCode.NO_STREAM });
        if (!subject.startsWith("CONSUMER.CREATE")) return { state: this.state };
        this.consumers.push(body!.config.deliver_policy);
        return { name: "consumer" };
      },
    };
    const queue = {
      api,
      names: { events: (producer: string) => `events ${producer}`, outcomesOf: () => "" },
      settings: { leaseMs },
      // deno-lint-ignore require-await
      findOutcome: async (_: string, id: string) => {
        if (this.silent-- > 0) throw new EngineUnavailableError("no answer");
        const outcome = this.outcomes.get(id);
        return outcome && { outcome };
      },
      findTask: (_: string, id: string) => {
        const task = this.tasks.get(id);
        this.onFindTask();
        return Promise.resolve(task);
      },
    } as unknown as NatsQueue;
    this.watches = new TaskWatches({
      queue,
      talk: { gather: () => Promise.resolve(this.held) } as unknown as TalkChannel,
      self: SELF,
      holdsHere: () => false,
      giveUp: ({ id }) => Promise.resolve(void this.givenUp.push(id)),
    });
  }

  /** Where something is listened to. */
  get subjects(): string[] {
    return [...this.#heard.keys()];
  }

  /** A task is put, and the engine has it unless the test says otherwise. */
  async put(id: string, { isStored = true } = {}): Promise<Told> {
    const told = new Told();
    this.watches.add(id, told, { retries: 0 });
    if (isStored) this.watches.stored(id);
    await settle();
    return told;
  }

  /** Tells of an end: the first one that the consumer delivers, unless the test says otherwise. */
  async deliver(token: string, seq: number, place = 1): Promise<void> {
    const inbox = this.subjects.findLast((subject) => subject.startsWith("inbox"))!;
    const subject = `mh.q.r.${SELF}.${token}`;
    const reply = `$JS.ACK.stream.consumer.1.${seq}.${place}.0.0`;
    this.#heard.get(inbox)!(null, { subject, reply, data: new Uint8Array([49]) } as Msg);
    await settle();
  }

  /** A worker tells how far it is; the answers are those of the producer. */
  report(id: string, { kind = "progress", body = "1" }: Partial<Word> = {}): string[] {
    const answers: string[] = [];
    const event = { kind, id, attempt: 1, by: "b", worker: "w", number: 1 };
    const respond = (text: string): boolean => answers.push(text) > 0;
    const message = { headers: eventHeaders(event), data: new TextEncoder().encode(body), respond };
    this.#heard.get(`events ${SELF}`)!(null, message as unknown as Msg);
    return answers;
  }

  /** The consumer of ends says something that is none; nothing at all when it is refused. */
  async say(headers: Record<string, string> | undefined, { reply = "" } = {}): Promise<void> {
    const inbox = this.subjects.findLast((subject) => subject.startsWith("inbox"))!;
    const get = (name: string): string => headers?.[name] ?? "";
    const respond = () => this.said.push("an answer");
    const message = { headers: { code: 100, get }, reply, respond } as unknown as Msg;
    const error = headers === undefined ? new Error("refused") : null;
    this.#heard.get(inbox)!(error, message);
    await settle();
  }

  /** The connection was lost and made anew. */
  async reconnect(): Promise<void> {
    this.watches.reconnected();
    await settle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.watches.close(new Error("the end of the test"));
  }
}

Deno.test("TaskWatches looks at a task that is known, and may have ended before", async () => {
  await using producer = new Producer();
  const told = await producer.put("a", { isStored: false });
  // Its end was told before somebody waited for it again, and it has not left yet.
  producer.tasks.set("a", { producer: SELF });
  producer.outcomes.set("a", DONE);
  await producer.watches.adopt({ producer: SELF } as KeptTask, "a");
  assertEquals(told.ends, [DONE]);
});

Deno.test("TaskWatches goes on looking when the engine did not answer", async () => {
  using time = new FakeTime();
  await using producer = new Producer();
  producer.tasks.set("a", { producer: "other" });
  const told = await producer.put("a", { isStored: false });
  await producer.watches.adopt({ producer: "other" } as KeptTask, "a");
  producer.silent = 1;
  await time.tick(LOOK_MS);
  producer.outcomes.set("a", DONE);
  assertEquals(told.ends, []);
  await time.tick(LOOK_MS);
  assertEquals(told.ends, [DONE]);
});

Deno.test("TaskWatches listens to another producer for as long as a task of it runs", async () => {
  await using producer = new Producer();
  for (const id of ["a", "b"]) {
    producer.tasks.set(id, { producer: "other" });
    await producer.put(id, { isStored: false });
    await producer.watches.adopt({ producer: "other" } as KeptTask, id);
  }
  producer.watches.ended("a", DONE);
  assertEquals(producer.subjects.includes("events other"), true);
  producer.watches.ended("b", DONE);
  assertEquals(producer.subjects.includes("events other"), false);
});

Deno.test("TaskWatches looks for ends that were missed, and not for tasks that are being put", async () => {
  await using producer = new Producer();
  const early = await producer.put("early");
  const first = await producer.put("first");
  const late = await producer.put("late", { isStored: false });
  await producer.deliver("first", 5);
  assertEquals(first.ends, [DONE]);
  producer.state = { first_seq: 50, last_seq: 60 };
  producer.outcomes.set("early", DONE);
  await producer.reconnect();
  assertEquals([early.ends, late.ends], [[DONE], []]);
  // It has been put, has run, and has ended: all of it while nothing was heard.
  producer.outcomes.set("late", DONE);
  producer.watches.stored("late");
  await settle();
  assertEquals(late.ends, [DONE]);
});

Deno.test("TaskWatches hears ends whose numbers the engine gives a second time", async () => {
  await using producer = new Producer();
  await producer.put("a");
  await producer.put("b");
  await producer.deliver("a", 9);
  producer.tasks.set("b", { producer: SELF });
  // It was killed before it had written them.
  producer.state = { first_seq: 1, last_seq: 3 };
  await producer.reconnect();
  assertEquals(producer.consumers, ["all", "by_start_sequence", "all"]);
});

Deno.test("TaskWatches listens again when a queue that was gone is made again", async () => {
  await using producer = new Producer();
  producer.isGone = true;
  const gone = await producer.put("a");
  assertStringIncludes(String((gone.ends[0] as { error?: unknown }).error), "not there any more");
  producer.isGone = false;
  const told = await producer.put("b");
  await producer.deliver("b", 1);
  assertEquals(told.ends, [DONE]);
});

Deno.test("TaskWatches bears what a watcher throws that is told of progress", async () => {
  await using producer = new Producer();
  const told = await producer.put("a");
  told.onProgress = () => {
    throw new Error("not ready for that");
  };
  assertEquals(producer.report("a"), ["taken"]);
});

Deno.test("TaskWatches answers a report when it has come, and when its watcher is done", async () => {
  await using producer = new Producer();
  const told = await producer.put("a");
  const { promise, resolve } = Promise.withResolvers<void>();
  told.onProgress = () => promise;
  const answers = producer.report("a");
  await settle();
  assertEquals(answers, ["received"]);
  resolve();
  await settle();
  assertEquals(answers, ["received", "taken"]);
});

Deno.test("TaskWatches bears ends of tasks whose names nobody can read", async () => {
  await using producer = new Producer();
  const told = await producer.put("a");
  await producer.deliver("=ff", 1);
  assertEquals(told.ends, []);
  assertEquals(producer.consumers, ["all"]);
});

Deno.test("TaskWatches begins anew when an end was left out", async () => {
  await using producer = new Producer();
  const told = await producer.put("a");
  producer.state = { first_seq: 1, last_seq: 9 };
  await producer.deliver("a", 7);
  const other = await producer.put("b");
  // The second one is missing.
  await producer.deliver("b", 9, 3);
  assertEquals([told.ends, other.ends], [[DONE], []]);
  assertEquals(producer.consumers, ["all", "by_start_sequence"]);
  await producer.deliver("b", 9);
  assertEquals(other.ends, [DONE]);
});

Deno.test("TaskWatches tells a second watcher that the task runs, and neither that has left", async () => {
  await using producer = new Producer();
  const first = await producer.put("a");
  producer.report("a", { kind: "started" });
  const second = await producer.put("a");
  assertEquals([first.attempts, second.attempts], [[1], [1]]);
  producer.watches.remove("a", first);
  producer.watches.remove("a", first);
  producer.watches.remove("b", first);
  await producer.deliver("a", 1);
  assertEquals([first.ends, second.ends], [[], [DONE]]);
  // Nobody waits for it any more.
  await producer.watches.adopt({ producer: SELF } as KeptTask, "a");
  producer.watches.stored("a");
});

Deno.test("TaskWatches answers a report that nobody can read", async () => {
  await using producer = new Producer();
  const told = await producer.put("a");
  assertEquals(producer.report("a", { body: "{" }), ["taken"]);
  assertEquals(told.reports, [undefined]);
});

Deno.test("TaskWatches says that a task has ended whose result is not kept", async () => {
  await using producer = new Producer();
  const told = await producer.put("a", { isStored: false });
  await producer.watches.adopt({ producer: "other" } as KeptTask, "a");
  const [end] = told.ends;
  assertEquals(end?.state, "failed");
  assertStringIncludes(
    String((end as { error?: unknown }).error),
    "its result is not kept any more",
  );
});

Deno.test("TaskWatches finds an end that has come while it looked for the task", async () => {
  await using producer = new Producer();
  const told = await producer.put("a", { isStored: false });
  producer.onFindTask = () => producer.outcomes.set("a", DONE);
  await producer.watches.adopt({ producer: "other" } as KeptTask, "a");
  assertEquals(told.ends, [DONE]);
});

Deno.test("TaskWatches tells an end once that it hears while it looks", async () => {
  await using producer = new Producer();
  const told = await producer.put("a", { isStored: false });
  const next = new Told();
  producer.onFindTask = () => {
    producer.watches.ended("a", DONE);
    // Another one of this name, which is being put.
    producer.watches.add("a", next, { retries: 0 });
  };
  await producer.watches.adopt({ producer: "other" } as KeptTask, "a");
  assertEquals([told.ends, next.ends], [[DONE], []]);
});

Deno.test("TaskWatches has a task wait again, or end, whose worker is silent for too long", async () => {
  using time = new FakeTime();
  await using producer = new Producer({ leaseMs: 1_000 });
  const told: Record<string, Told> = {};
  for (const [id, retries] of [["held", 0], ["again", 1], ["lost", 0], ["ended", 0]] as const) {
    producer.tasks.set(id, { id, producer: SELF, retries });
    producer.watches.add(id, told[id] = new Told(), { retries });
    producer.watches.stored(id);
    producer.report(id, { kind: "started" });
  }
  producer.tasks.delete("ended");
  producer.outcomes.set("ended", DONE);
  producer.held = [[["held", 1], ["unknown", 1]], "no list"];
  // Who is not connected hears nothing, and draws no conclusion.
  producer.client.isConnected = false;
  await time.tick(20_000);
  assertEquals(Object.values(told).map(({ attempts }) => attempts), [[1], [1], [1], [1]]);
  producer.client.isConnected = true;
  await time.tick(20_000);
  assertEquals(told["again"]!.attempts, [1, 0]);
  assertEquals(told["held"]!.attempts, [1]);
  assertEquals(told["ended"]!.ends, [DONE]);
  assertEquals(producer.givenUp, ["lost"]);
});

Deno.test("TaskWatches tells an engine that waits to go on, and begins anew where it is behind", async () => {
  await using producer = new Producer();
  const told = await producer.put("a");
  await producer.put("b");
  await producer.deliver("b", 1);
  await producer.say({ "Nats-Last-Consumer": "1", "Nats-Consumer-Stalled": "flow.1" });
  await producer.say({}, { reply: "flow.2" });
  assertEquals([producer.said, producer.consumers], [["flow.1", "an answer"], ["all"]]);
  // The end of the other one was delivered, and has not come.
  producer.state = { first_seq: 1, last_seq: 2 };
  await producer.say({ "Nats-Last-Consumer": "2" });
  assertEquals(producer.consumers, ["all", "by_start_sequence"]);
  await producer.deliver("a", 2);
  assertEquals(told.ends, [DONE]);
  await producer.say(undefined);
  assertEquals(producer.consumers.length, 3);
});
