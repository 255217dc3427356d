import { assertEquals, assertRejects } from "@std/assert";
import type { Msg, MsgHdrs } from "@nats-io/nats-core";
import { AuthenticationError } from "../../ipc/mod.ts";
import {
  NatsApi,
  NatsApiError,
  type StoredForm,
  type StreamMessage,
} from "../../distributed/engines/_nats_api.ts";
import type { NatsClient } from "../../distributed/engines/_nats_client.ts";
import { type ConsumerInfo, NatsQueue, NO_COUNTS } from "../../distributed/engines/_nats_queue.ts";
import { QueueNames } from "../../distributed/engines/_nats_queue_names.ts";
import type { KeptTask } from "../../distributed/engines/_nats_task_wire.ts";
import { TalkChannel } from "../../distributed/engines/_nats_talk.ts";
import type { QueueSettings } from "../../distributed/engines/_nats_queue_streams.ts";

const ACTION = "Cannot test";
const TASK = { id: "a", producer: "p", seq: 1 };
const DONE = { state: "done", value: 1 } as const;

/** What JetStream says when another message was first. */
const CONFLICT = { code: 400, err_code: 10071 };

/** A message as a stream has it. */
function message(subject: string, seq: number, headers: Record<string, string> = {}) {
  const body = new TextEncoder().encode("1");
  return { subject, seq, headers: new Map(Object.entries(headers)), body, timeMs: 0 };
}

/** An engine that has what the test says, and tells what is done to it. */
class Engine {
  readonly queue: NatsQueue;
  /** The streams, by their names. */
  readonly streams = new Map<string, StreamMessage[]>();
  /** What the consumer of the tasks says. */
  place = { delivered: 0, confirmed: 0 };
  readonly deeds: string[] = [];
  /** Answers to what is stored; what is not answered is stored. */
  readonly answers: (StoredForm | Error)[] = [];
  readonly client = {
    reconnects: 0,
    nc: {
      info: { version: "2.10.0" },
      publish() {},
      request: (subject: string, word: string) => {
        this.deeds.push(`${word} ${subject}`);
        return Promise.resolve();
      },
    },
  };
  /** What the messages are called that were stored. */
  readonly messageIds: (string | undefined)[] = [];
  /** What else stands above the one that was stored last. */
  lastHeaders: Record<string, string> = {};
  /** Whether the account may do nothing but ask. */
  isPoor = false;

  constructor() {
    const api = {
      client: this.client as unknown as NatsClient,
      call: (_: string, subject: string, body?: { seq?: number; filter?: string }) =>
        this.#call(subject, body),
      find: (_: string, stream: string, query: Record<string, string | number>) =>
        Promise.resolve(this.#find(stream, query)),
      store: (_: string, subject: string, _body: unknown, options?: { headers?: MsgHdrs }) => {
        const headers = options?.headers ?? [];
        this.lastHeaders = Object.fromEntries([...headers].map(([key, [value]]) => [key, value!]));
        return this.#store(subject, this.lastHeaders["Nats-Msg-Id"]);
      },
      confirm: () => Promise.resolve(),
      trying: (_: string, _options: unknown, attempt: () => Promise<void>) => attempt(),
      pause: () => Promise.resolve(),
    } as unknown as NatsApi;
    const settings = { priorities: [0] } as unknown as QueueSettings;
    this.queue = new NatsQueue(api, new QueueNames("q"), settings);
  }

  // deno-lint-ignore require-await
  async #call(subject: string, body: { seq?: number; filter?: string } = {}): Promise<unknown> {
    if (subject.startsWith("CONSUMER.INFO")) {
      const { delivered, confirmed } = subject.endsWith("t0")
        ? this.place
        : { delivered: 0, confirmed: 0 };
      return {
        delivered: { stream_seq: delivered },
        ack_floor: { stream_seq: confirmed },
      } as ConsumerInfo;
    }
    this.deeds.push(`${subject.split(".").slice(0, -1).join(".")} ${body.seq ?? body.filter}`);
    if (this.isPoor) throw new AuthenticationError("this account may not do that");
    return {};
  }

  #find(stream: string, query: Record<string, string | number>): StreamMessage | undefined {
    const kept = this.streams.get(stream) ?? [];
    const { seq, last_by_subj: subject } = query;
    if (subject !== undefined) return kept.findLast((each) => each.subject === subject);
    const prefix = String(query["next_by_subj"] ?? ">").slice(0, -1);
    return kept.find((each) => each.seq >= Number(seq) && each.subject.startsWith(prefix));
  }

  // deno-lint-ignore require-await
  async #store(subject: string, messageId: string | undefined): Promise<StoredForm> {
    this.deeds.push(`STORE ${subject}`);
    this.messageIds.push(messageId);
    const answer = this.answers.shift() ?? { seq: 9 };
    if (answer instanceof Error) throw answer;
    return answer;
  }
}

Deno.test("NatsQueue.end(): the first end of a task counts, and its own when it is told again", async () => {
  const outcome = "mh.q.r.p.a";
  const ends: [StoredForm | Error, string | undefined, boolean][] = [
    [{ seq: 1 }, undefined, true],
    [new NatsApiError(CONFLICT), "other", false],
    // The answer to an earlier try was lost.
    [new NatsApiError(CONFLICT), "me", true],
    [{ seq: 1, duplicate: true }, "other", false],
    [{ seq: 1, duplicate: true }, "me", true],
  ];
  for (const [answer, by, counts] of ends) {
    const engine = new Engine();
    engine.answers.push(answer);
    if (by !== undefined) {
      engine.streams.set("MH_q_results", [message(outcome, 1, { "Mh-By": by })]);
    }
    assertEquals(await engine.queue.end(ACTION, TASK, DONE, "me"), counts);
    assertEquals(engine.deeds, [`STORE ${outcome}`]);
  }
});

Deno.test("NatsQueue.end() does not take the end of a task for that of another one of the same number", async () => {
  const engine = new Engine();
  await engine.queue.end(ACTION, TASK, DONE, "me");
  // The server was killed, and counts from one again.
  await engine.queue.end(ACTION, { ...TASK, id: "b" }, DONE, "me");
  assertEquals(engine.messageIds, ["end.1.a", "end.1.b"]);
});

Deno.test("NatsQueue.confirmEnd() looks what a number means when the connection is another one", async () => {
  const task = { ...TASK, kind: "t", level: 0 } as unknown as KeptTask;
  const ack = "+ACK reply";
  const cases: [reconnects: number, subject: string | undefined, deeds: string[]][] = [
    // Over the same connection nothing is asked.
    [0, "mh.q.t.0.other", [ack]],
    [1, "mh.q.t.0.a", [ack]],
    [1, "mh.q.t.0.other", []],
    [1, undefined, []],
  ];
  for (const [reconnects, subject, deeds] of cases) {
    const engine = new Engine();
    engine.client.reconnects = reconnects;
    if (subject !== undefined) engine.streams.set("MH_q_tasks", [message(subject, TASK.seq)]);
    await engine.queue.confirmEnd(ACTION, task, { reply: "reply", reconnects: 0 }, {});
    assertEquals(engine.deeds, deeds);
  }
});

Deno.test("NatsQueue.end() tries again when nobody knows the end that was first", async () => {
  const engine = new Engine();
  engine.answers.push(new NatsApiError(CONFLICT));
  assertEquals(await engine.queue.end(ACTION, TASK, DONE, "me"), true);
  assertEquals(engine.deeds.length, 2);
});

Deno.test("NatsQueue.sweep() leaves what runs, and what nobody has taken", async () => {
  const engine = new Engine();
  engine.place = { delivered: 7, confirmed: 5 };
  engine.streams.set("MH_q_tasks", [message("mh.q.t.0.runs", 6), message("mh.q.t.0.fresh", 8)]);
  engine.streams.set("MH_q_results", [message("mh.q.r._.fresh", 1)]);
  await engine.queue.sweep(ACTION);
  assertEquals(engine.deeds, []);
});

Deno.test("NatsQueue.sweep() takes out what has ended, and was not confirmed", async () => {
  const engine = new Engine();
  engine.place = { delivered: 7, confirmed: 5 };
  engine.streams.set("MH_q_tasks", [message("mh.q.t.0.a", 6)]);
  engine.streams.set("MH_q_results", [message("mh.q.r._.a", 1)]);
  await engine.queue.sweep(ACTION);
  assertEquals(engine.deeds, ["STREAM.MSG.DELETE 6"]);
});

Deno.test("NatsQueue.sweep() puts again what is confirmed and has no end", async () => {
  const engine = new Engine();
  engine.place = { delivered: 7, confirmed: 7 };
  engine.streams.set("MH_q_tasks", [message("mh.q.t.0.a", 6), message("mh.q.t.0.b", 7)]);
  engine.streams.set("MH_q_results", [message("mh.q.r._.b", 1)]);
  await engine.queue.sweep(ACTION);
  assertEquals(engine.deeds, [
    "STORE mh.q.t.0.a",
    "STREAM.MSG.DELETE 6",
    "STREAM.MSG.DELETE 7",
  ]);
});

Deno.test("NatsQueue.sweep() keeps a task for which there is no place", async () => {
  const engine = new Engine();
  engine.place = { delivered: 6, confirmed: 6 };
  engine.streams.set("MH_q_tasks", [message("mh.q.t.0.a", 6)]);
  engine.answers.push(new NatsApiError({ code: 503, err_code: 10077, description: "maximum" }));
  await engine.queue.sweep(ACTION);
  assertEquals(engine.deeds, ["STORE mh.q.t.0.a"]);
});

Deno.test("NatsQueue.sweep() puts a task again as it was, and not with what the server added", async () => {
  const engine = new Engine();
  engine.place = { delivered: 6, confirmed: 6 };
  const headers = { "Mh-Retries": "2", traceparent: "00-1-2-01", "Nats-Expected-Stream": "x" };
  engine.streams.set("MH_q_tasks", [message("mh.q.t.0.a", 6, headers)]);
  await engine.queue.sweep(ACTION);
  assertEquals(engine.lastHeaders, {
    "Mh-Retries": "2",
    traceparent: "00-1-2-01",
    "Nats-Msg-Id": "rescue.6.a",
  });
});

Deno.test("NatsQueue.sweep() takes nothing away that it could not put again", async () => {
  const engine = new Engine();
  engine.place = { delivered: 6, confirmed: 6 };
  engine.streams.set("MH_q_tasks", [message("mh.q.t.0.a", 6)]);
  engine.answers.push(new Error("the connection is gone"));
  await assertRejects(() => engine.queue.sweep(ACTION), Error, "the connection is gone");
  assertEquals(engine.deeds, ["STORE mh.q.t.0.a"]);
});

Deno.test("NatsQueue.addCounts() tries again when another program was faster, and not otherwise", async () => {
  const more = { ...NO_COUNTS, failed: 1 };
  const engine = new Engine();
  engine.answers.push(new NatsApiError(CONFLICT), { seq: 1, duplicate: true });
  await engine.queue.addCounts(ACTION, more);
  assertEquals(engine.deeds.length, 3);
  engine.answers.push(new NatsApiError({ code: 503, err_code: 1, description: "no" }));
  await assertRejects(() => engine.queue.addCounts(ACTION, more), NatsApiError);
  assertEquals(engine.deeds.length, 4);
});

Deno.test("NatsQueue asks again for what it may not do over another connection", async () => {
  const engine = new Engine();
  engine.isPoor = true;
  const asked = "STREAM.PURGE mh.q.s.free.a";
  for (let round = 0; round < 3; round++) await engine.queue.forget(ACTION, "a");
  assertEquals(engine.deeds, [asked]);
  engine.client.reconnects++;
  await engine.queue.forget(ACTION, "a");
  assertEquals(engine.deeds, [asked, asked]);
  // What a user has asked for is told to him.
  await assertRejects(() => engine.queue.forgetOutcome(ACTION, "a"), AuthenticationError);
});

Deno.test("NatsApi.leave() ends what waits for an engine, and tries nothing a second time", async () => {
  const client = {
    isConnected: false,
    servers: "nowhere",
    check() {},
    explain: (error: unknown) => error,
    whenConnected: ({ signal }: { signal: AbortSignal }) =>
      new Promise((_, reject) => {
        if (signal.aborted) reject(signal.reason);
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
  } as unknown as NatsClient;
  const api = new NatsApi(client, { patienceMs: Infinity, tryMs: 1 });
  const waiting = assertRejects(() => api.call(ACTION, "x"), Error, "closed here");
  const pausing = assertRejects(() => api.pause(60_000, {}), Error, "closed here");
  api.leave();
  await Promise.all([waiting, pausing]);
});

Deno.test("TalkChannel bears what anybody may say", () => {
  let listen: (error: null, message: Msg) => void = () => {};
  const nc = {
    isClosed: () => false,
    subscribe: (_: string, { callback }: { callback: typeof listen }) => {
      listen = callback;
      return { unsubscribe() {} };
    },
  };
  const heard: unknown[] = [];
  const talk = new TalkChannel({ client: { nc } } as unknown as NatsApi, {
    subject: "mh.q.b",
    self: "me",
    onTalk: ({ kind }) => heard.push(kind),
  });
  const said = [
    "no JSON",
    "null",
    "7",
    '{"from":"b"}',
    '{"from":"b","talk":null}',
    '{"from":"me","talk":{"kind":"opened"}}',
    '{"from":"b","talk":{"kind":"opened"}}',
  ];
  for (const text of said) listen(null, { data: new TextEncoder().encode(text) } as Msg);
  assertEquals(heard, ["opened"]);
  talk.close();
});
