import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { QueueShutDownError, TimeoutError } from "../../coroutine/mod.ts";
import { Delivery } from "../../coroutine/_lending.ts";
import { TaskSeat } from "../../distributed/_task_seat.ts";
import { TaskStore } from "../../distributed/_task_store.ts";
import { settle } from "../support/settle.ts";

// A borrower of a task queue, without a connection.

const TASK = { id: "a", ownId: true, value: 1, priority: 0, delayMs: 0, retries: 0 };
const call = { signal: new AbortController().signal };

/** A way to ask a seat. */
function seatOf(
  store: TaskStore,
): { seat: TaskSeat; ask: (method: string, ...args: unknown[]) => unknown } {
  const seat = new TaskSeat(store, 60_000);
  return { seat, ask: (method, ...args) => seat.methods[method]!(call, ...args) };
}

function open(): (method: string, ...args: unknown[]) => unknown {
  return seatOf(new TaskStore({ maxSize: 0, maxDeadLetters: 0, rememberMs: 0 })).ask;
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

Deno.test("TaskSeat refuses what is not well formed", () => {
  const ask = open();
  for (
    const wrong of [
      { id: "" },
      { id: 5 },
      { priority: NaN },
      { priority: "high" },
      { retries: 0.5 },
      { retries: -1 },
      { delayMs: -1 },
      { delayMs: "1" },
    ]
  ) {
    assertThrows(() => ask("put", { ...TASK, ...wrong }), TypeError, "the task is not well formed");
  }
  for (const leaseMs of [0, 1.5, NaN, "1"]) {
    assertThrows(() => ask("get", { leaseMs }), RangeError, '"leaseMs" must be 1 or more');
  }
  for (const max of [0, 1.5, 1e9]) {
    assertThrows(() => ask("get", { max }), RangeError, '"max" must be from 1 to');
  }
  assertEquals(ask("qsize"), 0);
});

Deno.test("TaskSeat answers that a lease is not held which it does not know", () => {
  const ask = open();
  ask("put", TASK);
  const [{ lease }] = delivered(ask("get")).value as [{ lease: number }];
  assertEquals(ask("complete", 99, 1), false);
  assertEquals(ask("completeAll", [[99, 1], ["x", 2]]), [false, false]);
  assertEquals(ask("fail", 99, "a text"), false);
  assertEquals(ask("release", 99), false);
  assertEquals(ask("touch", [99, undefined]), [false, false]);
  assertEquals(ask("progress", 99, 1), undefined);
  assertEquals([ask("cancel", "unknown"), ask("requeue", "unknown")], [false, false]);
  assertEquals(ask("complete", lease, 1), true);
});

Deno.test("TaskSeat tells an error that came as a text as an error", () => {
  const store = new TaskStore({ maxSize: 0, maxDeadLetters: 9, rememberMs: 0 });
  const { ask } = seatOf(store);
  ask("put", TASK);
  const [{ lease }] = delivered(ask("get")).value as [{ lease: number }];
  assertEquals(ask("fail", lease, "out of paper", false), true);
  const [{ error }] = store.deadLetters() as unknown as [{ error: Error }];
  assertEquals([error.name, error.message], ["RemoteError", "out of paper"]);
});

Deno.test("TaskSeat tells once of a task that was put twice", () => {
  const ask = open();
  ask("put", TASK, undefined, true);
  ask("put", TASK, undefined, true);
  const [{ lease }] = delivered(ask("get")).value as [{ lease: number }];
  assertEquals(delivered(ask("events")).value, [["started", "a", 1]]);
  ask("complete", lease, 1);
});

Deno.test("TaskSeat requeues without telling of it, if it is asked to", () => {
  const { ask } = seatOf(new TaskStore({ maxSize: 0, maxDeadLetters: 9, rememberMs: 0 }));
  for (const [watched, events] of [[false, []], [true, [["started", "a", 1]]]] as const) {
    ask("put", TASK, undefined, false);
    const [{ lease }] = delivered(ask("get")).value as [{ lease: number }];
    ask("fail", lease, "no", false);
    assertEquals(ask("requeue", "a", watched), true);
    const [again] = delivered(ask("get")).value as [{ lease: number }];
    const told = ask("events", { timeoutMs: 0 });
    assertEquals(told instanceof Delivery ? told.value : told, events);
    ask("complete", again.lease, 1);
  }
});

Deno.test("TaskSeat ends what waits for progress to be taken when its borrower is gone", async () => {
  const store = new TaskStore({ maxSize: 0, maxDeadLetters: 0, rememberMs: 0 });
  const [owner, worker] = [seatOf(store), seatOf(store)];
  owner.ask("put", TASK, undefined, true);
  const [{ lease }] = delivered(worker.ask("get")).value as [{ lease: number }];
  const telling = worker.ask("progress", lease, 1) as Promise<void>;
  owner.seat.leave();
  await telling;
  assertEquals(worker.ask("complete", lease, 1), true);
});

Deno.test("TaskSeat gives up a wait for events that is aborted", async () => {
  const seat = new TaskSeat(new TaskStore({ maxSize: 0, maxDeadLetters: 0, rememberMs: 0 }), 1);
  const controller = new AbortController();
  const waiting = seat.methods.events!({ signal: controller.signal }, {}) as Promise<unknown>;
  controller.abort(new Error("enough"));
  await assertRejects(() => waiting, Error, "enough");
});

Deno.test("TaskStore.put() knows a task that came while it waited for a place", async () => {
  const store = new TaskStore({ maxSize: 1, maxDeadLetters: 0, rememberMs: 0 });
  const { ask } = seatOf(store);
  const ended: string[] = [];
  const watcher = (name: string) => ({
    ...{ started: () => {}, waiting: () => {}, progress: () => {} },
    ended: () => void ended.push(name),
  });
  ask("put", { ...TASK, id: "first" });
  const waiting = ["one", "two"].map((name) => store.put(TASK, watcher(name), {}));
  const unwatched = store.put(TASK, undefined, {});
  await settle();
  const [{ lease }] = delivered(ask("get")).value as [{ lease: number }];
  ask("complete", lease, 1);
  assertEquals(await Promise.all([...waiting, unwatched]), ["put", "known", "known"]);
  const [next] = delivered(ask("get")).value as [{ lease: number }];
  ask("complete", next.lease, 2);
  assertEquals(ended, ["one", "two"]);
});

Deno.test("TaskStore says why it does not do what it is asked for", async () => {
  const store = new TaskStore({ maxSize: 0, maxDeadLetters: 9, rememberMs: 0 });
  const { ask } = seatOf(store);
  ask("put", TASK);
  await assertRejects(
    () => store.join({ timeoutMs: 0 }),
    TimeoutError,
    "1 tasks of the queue are unfinished",
  );
  const [{ lease }] = delivered(ask("get")).value as [{ lease: number }];
  ask("fail", lease, "no", false);
  await store.join({ timeoutMs: 0 });
  assertEquals(store.cancel("a", undefined), false);
  store.shutdown({ immediate: false });
  assertThrows(() => store.requeue("a", undefined), QueueShutDownError, "Cannot put into");
  assertEquals(store.deadLetters().length, 1);
});
