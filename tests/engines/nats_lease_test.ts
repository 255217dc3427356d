import { assertEquals } from "@std/assert";
import type { Msg } from "@nats-io/nats-core";
import { type LeaseHost, NatsLease } from "../../distributed/engines/_nats_lease.ts";
import type { NatsQueue } from "../../distributed/engines/_nats_queue.ts";
import type { KeptTask } from "../../distributed/engines/_nats_task_wire.ts";
import { FakeTime } from "../support/fake_time.ts";
import { assertPending, settle } from "../support/settle.ts";

type Callback = (error: Error | null, message: Msg) => void;

/** A producer that answers reports as the test says, and a lease of a task of it. */
class Reporting {
  readonly lease: NatsLease;
  readonly sent: number[] = [];
  /** What the producer answers to a report, all at once. */
  answers: string[] = [];
  /** Whether the producer has gone. */
  isGone = false;

  constructor() {
    let listen: Callback = () => {};
    const nc = {
      isClosed: () => false,
      subscribe: (_: string, { callback }: { callback: Callback }) => {
        listen = callback;
        return { unsubscribe() {} };
      },
      publish: (_: string, _body: unknown, options: { headers: { get(name: string): string } }) => {
        this.sent.push(Number(options.headers.get("Mh-Number")));
        if (this.isGone) listen(null, { headers: { code: 503 } } as Msg);
        for (const text of this.answers) listen(null, { string: () => text } as Msg);
      },
    };
    const queue = {
      api: {
        client: { nc },
        inbox: () => "inbox",
        pause: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)),
      },
      names: { events: () => "events" },
      settings: { leaseMs: 60_000 },
      encode: () => new Uint8Array(),
    } as unknown as NatsQueue;
    const host: LeaseHost = { queue, worker: "w", closed() {}, count() {}, ownEnded() {} };
    const task = { id: "a", producer: "p", retries: 0 } as KeptTask;
    const delivered = {
      reply: "",
      attempt: 1,
      free: 0,
      leaseMs: 60_000,
      isAgain: false,
      reconnects: 0,
    };
    this.lease = new NatsLease(host, task, 1, delivered, { self: "s" });
  }
}

Deno.test("NatsLease.progress() hears answers that come together", async () => {
  const reporting = new Reporting();
  // The producer has it, and has taken note of it a moment later.
  reporting.answers = ["received", "taken"];
  let isTaken = false;
  const telling = reporting.lease.progress(1).then(() => isTaken = true);
  await settle();
  const wasTaken = isTaken;
  reporting.lease.lose(new Error("the end of the test"));
  await telling;
  assertEquals([wasTaken, reporting.sent], [true, [1]]);
});

Deno.test("NatsLease.progress() ends with the lease, also when nobody has taken note", async () => {
  const reporting = new Reporting();
  reporting.answers = ["received"];
  const first = reporting.lease.progress(1);
  await settle();
  reporting.answers = ["received", "taken"];
  // It is sent when the one before has arrived.
  await reporting.lease.progress(2);
  assertEquals(reporting.sent, [1, 2]);
  await assertPending(first);
  let hasEnded = false;
  void first.then(() => hasEnded = true);
  reporting.lease.lose(new Error("the end of the test"));
  await settle();
  assertEquals(hasEnded, true);
});

Deno.test("NatsLease.progress() waits for a producer that has gone, and not for ever", async () => {
  using time = new FakeTime();
  const reporting = new Reporting();
  reporting.isGone = true;
  const telling = reporting.lease.progress(1);
  await time.tick(1_000);
  await assertPending(telling);
  reporting.isGone = false;
  reporting.answers = ["taken"];
  await time.tick(1_000);
  await telling;
  assertEquals(new Set(reporting.sent), new Set([1]));
  reporting.isGone = true;
  reporting.answers = [];
  const lost = reporting.lease.progress(2);
  await time.tick(40_000);
  await lost;
  reporting.lease.lose(new Error("the end of the test"));
});

Deno.test("NatsLease that is not held any more does nothing, and tells its end once", async () => {
  const reporting = new Reporting();
  const { lease } = reporting;
  const ends: unknown[] = [];
  lease.onStop = (reason) => ends.push(reason);
  const reason = new Error("the end");
  lease.lose(reason);
  lease.lose(new Error("again"));
  lease.cancel(new Error("too late"));
  await lease.abandon(new Error("too late"));
  await lease.progress(1);
  assertEquals([await lease.release(), await lease.touch(), lease.isHeld], [false, false, false]);
  assertEquals([ends, reporting.sent], [[reason], []]);
});
