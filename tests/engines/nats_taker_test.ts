import { assertEquals, assertRejects } from "@std/assert";
import type { Msg } from "@nats-io/nats-core";
import { QueueEmptyError } from "../../coroutine/mod.ts";
import { EngineUnavailableError } from "../../distributed/mod.ts";
import type { NatsLease } from "../../distributed/engines/_nats_lease.ts";
import type { NatsQueue } from "../../distributed/engines/_nats_queue.ts";
import { TaskTaker } from "../../distributed/engines/_nats_taker.ts";
import { Gate } from "../support/gate.ts";
import { assertPending, settle } from "../support/settle.ts";

const FOREVER = { leaseMs: 60_000, signal: undefined, timeoutMs: Infinity } as const;

type Callback = (error: Error | null, message: Msg) => void;

/** A lease that knows only what it is called. */
class Lease {
  readonly isHeld = true;
  isReleased = false;

  constructor(readonly task: string) {}

  release(): Promise<boolean> {
    this.isReleased = true;
    return Promise.resolve(true);
  }
}

/** An engine in which the test says what is delivered, and when a delivery has become a lease. */
class Engine {
  readonly taker: TaskTaker;
  readonly leases: Lease[] = [];
  /** Deliveries that wait before they become leases. */
  readonly gates = new Map<string, Gate>();
  /** Deliveries that never become leases. */
  readonly refused = new Set<string>();
  /** Called when the taker looks for delayed tasks. */
  onLook: () => Promise<void> = () => Promise.resolve();
  /** Called when the taker pauses, with what ends the pause. */
  onPause: (signal: AbortSignal) => Promise<void> = () => settle();
  readonly #client = { isConnected: true, servers: "nowhere", nc: {}, check() {} };
  readonly #inboxes: Callback[] = [];
  readonly #names = { tasks: "tasks", consumer: () => "t0" };

  constructor(
    { prefetch = 1, endlessMs = 0 }: { prefetch?: number; endlessMs?: number } = {},
  ) {
    this.#client.nc = {
      subscribe: (_: string, { callback }: { callback: Callback }) => {
        this.#inboxes.push(callback);
        return { unsubscribe() {}, drain: () => Promise.resolve() };
      },
      publish() {},
    };
    const api = {
      client: this.#client,
      inbox: () => "inbox",
      pause: (_: number, { signal }: { signal: AbortSignal }) => this.onPause(signal),
    };
    const queue = {
      api,
      names: this.#names,
      settings: { priorities: [0], leaseMs: FOREVER.leaseMs },
      consumer: async () => {
        await this.onLook();
        return { num_pending: 0, num_ack_pending: 0 };
      },
      sweep: () => Promise.resolve(),
    } as unknown as NatsQueue;
    this.taker = new TaskTaker({
      queue,
      begin: (message) => this.#begin(message.reply!),
      isClosed: () => false,
      checkCanCome: () => Promise.resolve(),
    }, { prefetch, patienceMs: 0, endlessMs });
  }

  /** Whether there is a connection. */
  set isConnected(is: boolean) {
    this.#client.isConnected = is;
  }

  /** How often tasks were asked for. */
  get requests(): number {
    return this.#inboxes.length;
  }

  /** What the leases are called that nobody has given back. */
  get held(): string[] {
    return this.leases.filter(({ isReleased }) => !isReleased).map(({ task }) => task);
  }

  /** Begins to wait for a task, until it has asked for it. */
  async take(options: { signal?: AbortSignal } = {}) {
    const lease = this.taker.take({ ...FOREVER, ...options }) as unknown as Promise<Lease>;
    lease.catch(() => {});
    await settle();
    return { lease, request: this.#inboxes.length - 1 };
  }

  /** Answers a request with a task. */
  deliver(request: number, task: string): void {
    this.#inboxes[request]!(null, { reply: task } as Msg);
  }

  /** Answers the last request: nobody knows. */
  deliverNobody(): void {
    this.#inboxes.at(-1)!(null, { headers: { code: 503 } } as Msg);
  }

  /** Answers the last request: it may not be made. */
  refuse(why: string): void {
    this.#inboxes.at(-1)!(new Error(why), {} as Msg);
  }

  /** Answers the last request: there is nothing. */
  deliverNothing(): void {
    this.#inboxes.at(-1)!(null, { headers: { code: 404 } } as Msg);
  }

  async #begin(task: string): Promise<NatsLease> {
    await this.gates.get(task)?.wait();
    if (this.refused.has(task)) throw new EngineUnavailableError("no answer");
    const lease = new Lease(task);
    this.leases.push(lease);
    return lease as unknown as NatsLease;
  }
}

Deno.test("TaskTaker gives a task that comes late to one who waits", async () => {
  const engine = new Engine();
  const leaving = new AbortController();
  const gone = await engine.take({ signal: leaving.signal });
  const other = await engine.take();
  leaving.abort(new Error("left"));
  await assertRejects(() => gone.lease, Error, "left");
  engine.deliver(gone.request, "late");
  assertEquals((await other.lease).task, "late");
  await engine.taker.close();
  assertEquals(engine.held, ["late"]);
});

Deno.test("TaskTaker gives back a task that was offered to one who has got another", async () => {
  const engine = new Engine();
  const gate = new Gate();
  engine.gates.set("own", gate);
  const leaving = new AbortController();
  const gone = await engine.take({ signal: leaving.signal });
  const other = await engine.take();
  // It has a task already, though it is not a lease yet.
  engine.deliver(other.request, "own");
  await settle();
  leaving.abort();
  engine.deliver(gone.request, "late");
  await settle();
  gate.open();
  assertEquals((await other.lease).task, "own");
  await settle();
  assertEquals(engine.held, ["own"]);
  assertEquals(engine.leases.map(({ task }) => task).sort(), ["late", "own"]);
  await engine.taker.close();
});

Deno.test("TaskTaker hands an offered task on when its getter stops waiting", async () => {
  const engine = new Engine();
  const gate = new Gate();
  engine.gates.set("own", gate);
  const [first, second] = [new AbortController(), new AbortController()];
  const gone = await engine.take({ signal: first.signal });
  const other = await engine.take({ signal: second.signal });
  engine.deliver(other.request, "own");
  await settle();
  first.abort();
  engine.deliver(gone.request, "late");
  await settle();
  second.abort(new Error("left too"));
  gate.open();
  await assertRejects(() => other.lease, Error, "left too");
  await settle();
  assertEquals(engine.leases.map(({ task }) => task).sort(), ["late", "own"]);
  assertEquals(engine.held, []);
  await engine.taker.close();
});

Deno.test("TaskTaker takes an offered task though its own could not be begun", async () => {
  const engine = new Engine();
  const gate = new Gate();
  engine.gates.set("own", gate);
  engine.refused.add("own");
  const leaving = new AbortController();
  const gone = await engine.take({ signal: leaving.signal });
  const other = await engine.take();
  engine.deliver(other.request, "own");
  await settle();
  leaving.abort();
  engine.deliver(gone.request, "late");
  await settle();
  gate.open();
  assertEquals((await other.lease).task, "late");
  await engine.taker.close();
});

Deno.test("TaskTaker keeps what was fetched with a task that could not be begun", async () => {
  const engine = new Engine({ prefetch: 3 });
  engine.refused.add("b");
  const getting = await engine.take();
  for (const task of ["a", "b", "c"]) engine.deliver(getting.request, task);
  assertEquals((await getting.lease).task, "a");
  const again = engine.taker.take(FOREVER) as unknown as Promise<Lease>;
  assertEquals((await again).task, "c");
  await engine.taker.close();
});

Deno.test("TaskTaker throws when nothing came in the time", async () => {
  const engine = new Engine();
  const getting = engine.taker.take({ ...FOREVER, timeoutMs: 0 });
  getting.catch(() => {});
  await settle();
  engine.deliverNothing();
  await assertRejects(() => getting, QueueEmptyError);
  await engine.taker.close();
});

Deno.test("TaskTaker keeps no task when its getter leaves at any moment of the delivery", async () => {
  for (let turns = 0; turns < 20; turns++) {
    const engine = new Engine();
    const gate = new Gate();
    engine.gates.set("own", gate);
    const leaving = new AbortController();
    const { lease, request } = await engine.take({ signal: leaving.signal });
    engine.deliver(request, "own");
    await settle();
    gate.open();
    for (let turn = 0; turn < turns; turn++) await null;
    leaving.abort();
    const got = await lease.then(({ task }) => [task], () => []);
    await settle();
    assertEquals(engine.held, got, `left after ${turns} turns`);
    await engine.taker.close();
  }
});

Deno.test("TaskTaker.close() does not wait until the engine is back", async () => {
  const engine = new Engine({ endlessMs: Infinity });
  engine.onPause = (signal) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  engine.isConnected = false;
  const { lease } = await engine.take();
  await assertPending(lease);
  await engine.taker.close();
  await assertRejects(() => lease, EngineUnavailableError, "closed here");
});

Deno.test("TaskTaker asks for nothing when the connection is lost while it looks around", async () => {
  const engine = new Engine({ endlessMs: Infinity });
  engine.onLook = () => {
    engine.isConnected = false;
    return Promise.resolve();
  };
  const back = new Gate();
  engine.onPause = () => back.wait();
  const { lease } = await engine.take();
  assertEquals(engine.requests, 0);
  engine.isConnected = true;
  back.open();
  await settle();
  engine.deliver(0, "a");
  assertEquals((await lease).task, "a");
  await engine.taker.close();
});

Deno.test("TaskTaker waits for an engine that does not answer when it has all the time", async () => {
  const engine = new Engine({ endlessMs: Infinity });
  const { lease, request } = await engine.take();
  engine.refused.add("a");
  engine.deliver(request, "a");
  for (let tries = 0; tries < 5; tries++) {
    await settle();
    engine.deliverNobody();
  }
  await assertPending(lease);
  engine.deliver(engine.requests - 1, "b");
  assertEquals((await lease).task, "b");
  await engine.taker.close();
});

Deno.test("TaskTaker gives an engine up that does not answer when its patience is over", async () => {
  const engine = new Engine();
  const { lease } = await engine.take();
  engine.deliverNobody();
  await assertRejects(() => lease, EngineUnavailableError, "not there at the moment");
  await engine.taker.close();
});

Deno.test("TaskTaker gives back what was fetched when it is closed meanwhile", async () => {
  const engine = new Engine({ prefetch: 2 });
  const gate = new Gate();
  engine.gates.set("b", gate);
  const { lease, request } = await engine.take();
  engine.deliver(request, "a");
  engine.deliver(request, "b");
  await settle();
  const closing = engine.taker.close();
  gate.open();
  await closing;
  assertEquals((await lease).task, "a");
  assertEquals(engine.held, ["a"]);
});

Deno.test("TaskTaker asks at once for a task that was delayed, when it is told of the first", async () => {
  const engine = new Engine();
  const { lease, request } = await engine.take();
  engine.taker.noticeDelayed();
  await settle();
  assertEquals(engine.requests > request + 1, true);
  // It asks for such tasks from now on.
  const asked = engine.requests;
  engine.taker.noticeDelayed();
  await settle();
  assertEquals(engine.requests, asked);
  engine.deliver(asked - 1, "a");
  assertEquals((await lease).task, "a");
  await engine.taker.close();
});

Deno.test("TaskTaker takes tasks where it cannot look for delayed ones", async () => {
  const engine = new Engine();
  engine.onLook = () => Promise.reject(new Error("not allowed"));
  const { lease, request } = await engine.take();
  engine.deliver(request, "a");
  assertEquals((await lease).task, "a");
  await engine.taker.close();
});

Deno.test("TaskTaker says why it could not ask", async () => {
  const engine = new Engine();
  const { lease } = await engine.take();
  engine.refuse("not to be listened to");
  await assertRejects(() => lease, EngineUnavailableError, "not to be listened to");
  await engine.taker.close();
});
