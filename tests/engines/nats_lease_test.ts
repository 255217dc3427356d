import { assertEquals } from "@std/assert";
import type { Msg } from "@nats-io/nats-core";
import { type LeaseHost, NatsLease } from "../../distributed/engines/_nats_lease.ts";
import type { NatsQueue } from "../../distributed/engines/_nats_queue.ts";
import type { KeptTask } from "../../distributed/engines/_nats_task_wire.ts";
import { assertPending, settle } from "../support/settle.ts";

type Callback = (error: Error | null, message: Msg) => void;

/** A producer that answers reports as the test says, and a lease of a task of it. */
class Reporting {
  readonly lease: NatsLease;
  readonly sent: number[] = [];
  /** What the producer answers to a report, all at once. */
  answers: string[] = [];

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
        for (const text of this.answers) listen(null, { string: () => text } as Msg);
      },
    };
    const queue = {
      api: { client: { nc }, inbox: () => "inbox" },
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
