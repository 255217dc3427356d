import { assert, assertEquals } from "@std/assert";
import { Delivery } from "../../coroutine/_lending.ts";
import { TaskSeat } from "../../distributed/_task_seat.ts";
import { TaskStore } from "../../distributed/_task_store.ts";
import { settle } from "../support/settle.ts";

// A borrower of a task queue, without a connection.

const TASK = { id: "a", ownId: true, value: 1, priority: 0, delayMs: 0, retries: 0 };
const call = { signal: new AbortController().signal };

function open(): (method: string, ...args: unknown[]) => unknown {
  const store = new TaskStore({ maxSize: 0, maxDeadLetters: 0, rememberMs: 0 });
  const seat = new TaskSeat(store, 60_000);
  return (method, ...args) => seat.methods[method]!(call, ...args);
}

function delivered(answer: unknown): Delivery<unknown[]> {
  assert(answer instanceof Delivery);
  return answer;
}

Deno.test("TaskSeat tells events again, in their order, when their message was lost", async () => {
  const ask = open();
  ask("put", TASK);
  const [{ lease }] = delivered(ask("get")).value as [{ lease: number }];
  const first = delivered(ask("events"));
  assertEquals(first.value, [["started", "a", 1]]);
  assertEquals(ask("complete", lease, 7), true);
  first.lost();
  assertEquals(delivered(ask("events")).value, [["started", "a", 1], ["done", "a", 7]]);
  assertEquals(ask("events", { timeoutMs: 0 }), []);
  await settle();
});

Deno.test("TaskSeat gives tasks back whose message was lost, at no cost", async () => {
  const ask = open();
  ask("put", TASK, undefined, false);
  delivered(ask("get")).lost();
  assertEquals(ask("qsize"), 0);
  await settle();
  assertEquals(ask("qsize"), 1);
  const [{ lease, attempt }] = delivered(ask("get")).value as [{ lease: number; attempt: number }];
  assertEquals(attempt, 1);
  assertEquals(ask("complete", lease, 1), true);
});
