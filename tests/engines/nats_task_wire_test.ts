import { assertEquals, assertInstanceOf } from "@std/assert";
import type { Msg } from "@nats-io/nats-core";
import { eventHeaders, readEvent } from "../../distributed/engines/_nats_events.ts";
import {
  deadLetterHeaders,
  type KeptTask,
  readDeadLetter,
  readDelivery,
  readOutcome,
  readTask,
  taskHeaders,
} from "../../distributed/engines/_nats_task_wire.ts";
import { ProtocolError } from "../../ipc/mod.ts";

const BODY = new TextEncoder().encode("1");

/** A message as a stream has it. */
function message(subject: string, headers: Record<string, string>, body: Uint8Array = BODY) {
  return { subject, seq: 7, headers: new Map(Object.entries(headers)), body, timeMs: 1_000 };
}

Deno.test("readTask() bears what another program may write", () => {
  const none = {
    ...{ producer: "_", isOwn: false, retries: 0, dueMs: 0, trace: undefined, put: undefined },
    ...{ level: 0, kind: "t" as const, body: BODY, seq: 7 },
  };
  assertEquals(readTask(message("mh.q.t.0.a", {})), { ...none, id: "a" });
  const strange = { "Mh-Retries": "-1", "Mh-Due": "soon", "Mh-Own": "yes" };
  assertEquals(readTask(message("mh.q.t.0.a.b", strange)), { ...none, id: "a.b" });
  for (const subject of ["mh.q.t.0", "mh.q.x.0.a", "mh"]) {
    assertEquals(readTask(message(subject, {})), undefined);
  }
});

Deno.test("taskHeaders() and deadLetterHeaders() carry the trace of a task", () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const place = { producer: "p", dueMs: 0, put: "put", messageId: "m" };
  for (const trace of [{ traceparent }, { traceparent, tracestate: "a=1" }, undefined]) {
    const task = { ownId: false, retries: 2, trace };
    const read = (headers: Iterable<[string, string[]]>) =>
      message(
        "mh.q.t.1.a",
        Object.fromEntries([...headers].map(([key, [value]]) => [key, value!])),
      );
    const kept = readTask(read(taskHeaders(task, place)))!;
    assertEquals([kept.trace, kept.retries, kept.producer], [trace, 2, "p"]);
    const letter = deadLetterHeaders(kept, { error: new Error("no"), attempts: 3, room: 10_000 });
    const dead = readDeadLetter(read(letter));
    assertEquals([dead.trace, dead.attempts, dead.level], [trace, 3, 1]);
  }
});

Deno.test("readDeadLetter() has an error of any kind, also one that cannot be read", () => {
  const task = { level: 0, isOwn: false, retries: 0, trace: undefined } as unknown as KeptTask;
  const error = Object.assign(new RangeError("no"), { amount: 10n, when: new Date(5) });
  const form = deadLetterHeaders(task, { error, attempts: 1, room: 10_000 });
  const text = form.get("Mh-Error");
  const again = readDeadLetter(message("mh.q.d.a", { "Mh-Error": text })).error as typeof error;
  assertInstanceOf(again, RangeError);
  assertEquals([again.message, again.amount, again.when], ["no", 10n, new Date(5)]);
  for (const unreadable of ["base64:%", "{"]) {
    const { error } = readDeadLetter(message("mh.q.d.a", { "Mh-Error": unreadable }));
    assertInstanceOf(error, Error);
  }
  const { error: unknown, attempts } = readDeadLetter(message("mh.q.d.a", {}));
  assertEquals([(unknown as Error).message, attempts], ["unknown", 0]);
});

Deno.test("readOutcome() makes a failure of what cannot be read", () => {
  const cut = new TextEncoder().encode('{"a":');
  const outcome = readOutcome(message("mh.q.r.p.a", { "Mh-State": "done" }, cut));
  assertEquals(outcome.state, "failed");
  assertInstanceOf((outcome as { error: unknown }).error, ProtocolError);
  assertEquals(readOutcome(message("mh.q.r.p.a", {})), { state: "done", value: 1 });
});

Deno.test("readDelivery() reads both forms of a subject to answer to", () => {
  const place = { consumer: "c", delivered: 2, seq: 30 };
  assertEquals(readDelivery("$JS.ACK.stream.c.2.30.4.1700000000.5"), place);
  assertEquals(readDelivery("$JS.ACK.domain.account.stream.c.2.30.4.1700000000.5"), place);
});

Deno.test("readEvent() reads what a worker tells, and nothing else", () => {
  const event = {
    ...{ kind: "progress" as const, id: "a/ü", attempt: 2, by: "b", worker: "w 1", number: 3 },
  };
  const read = (change: (headers: ReturnType<typeof eventHeaders>) => void = () => {}) => {
    const headers = eventHeaders(event);
    change(headers);
    return readEvent({ headers } as Msg);
  };
  assertEquals(read(), event);
  assertEquals(readEvent({} as Msg), undefined);
  assertEquals(read((headers) => headers.delete("Mh-Event")), undefined);
  assertEquals(read((headers) => headers.set("Mh-Event", "ended")), undefined);
  assertEquals(read((headers) => headers.set("Mh-Id", "%")), undefined);
  assertEquals(read((headers) => headers.set("Mh-Worker", "%e9")), undefined);
});
