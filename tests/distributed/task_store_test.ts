import { assert, assertEquals, assertRejects } from "@std/assert";
import { QueueShutDownError } from "../../coroutine/mod.ts";
import {
  embeddedEngine,
  type EmbeddedEngineOptions,
  type EngineLease,
  type EngineTask,
  type TaskWatcher,
} from "../../distributed/mod.ts";
import { FakeTime } from "../support/fake_time.ts";
import { assertPending } from "../support/settle.ts";

// What the embedded engine does, without a queue that renews leases and makes handles.

function taskOf(id: string, more: Partial<EngineTask> = {}): EngineTask {
  return { id, ownId: true, value: id, priority: 0, delayMs: 0, retries: 9, ...more };
}

/** A watcher that notes what it is told. */
function watch(log: string[], more: Partial<TaskWatcher> = {}): TaskWatcher {
  return {
    started: (attempt) => log.push(`started ${attempt}`),
    waiting: () => log.push("waiting"),
    progress: () => {},
    ended: ({ state }) => log.push(state),
    ...more,
  };
}

async function open(
  options: EmbeddedEngineOptions,
  ids: readonly string[],
): Promise<ReturnType<typeof embeddedEngine>> {
  const engine = embeddedEngine(options);
  for (const id of ids) await engine.put(taskOf(id), undefined, {});
  return engine;
}

function take(engine: ReturnType<typeof embeddedEngine>, leaseMs: number): Promise<EngineLease> {
  return engine.get({ leaseMs, timeoutMs: 0 });
}

Deno.test("EmbeddedEngine.put() of one who is told of an end does not overtake those who wait", async () => {
  await using engine = await open({ maxSize: 1 }, []);
  const order: string[] = [];
  const more: Promise<unknown>[] = [];
  const put = (id: string): void => {
    more.push(engine.put(taskOf(id), undefined, {}).then(() => order.push(id)));
  };
  await engine.put(taskOf("first"), watch([], { ended: () => put("late") }), {});
  put("second");
  await (await take(engine, 1_000)).complete(1);
  await (await engine.get({ timeoutMs: 1_000 })).complete(2);
  await Promise.all(more);
  assertEquals(order, ["second", "late"]);
});

Deno.test("EmbeddedEngine: a lease that was prolonged holds up no other one's end", async () => {
  using time = new FakeTime();
  await using engine = await open({}, ["a", "b"]);
  const log: string[] = [];
  await engine.put(taskOf("b"), watch(log), {});
  const a = await take(engine, 100);
  const b = await take(engine, 120);
  await time.tick(90);
  assert(await a.touch());
  await time.tick(29);
  assertEquals(log, ["started 1"]);
  await time.tick(1);
  // It is lost on time, though the other one ends later.
  assertEquals(log, ["started 1", "waiting"]);
  assertEquals([await b.complete(1), await a.complete(1)], [false, true]);
});

Deno.test("EmbeddedEngine.get() that waits ends when the last task of a queue that is shut down does", async () => {
  await using engine = await open({}, ["last"]);
  const lease = await take(engine, 60_000);
  const waiting = engine.get({});
  await engine.shutdown({ immediate: false });
  // The task may come back.
  await assertPending(waiting);
  assert(await lease.complete(1));
  await assertRejects(() => waiting, QueueShutDownError, "Cannot get from the task queue");
});

Deno.test("EmbeddedEngine has no timer while nobody holds a task and none is delayed", async () => {
  using time = new FakeTime();
  await using engine = await open({}, ["a"]);
  assertEquals(time.timers, 0);
  const lease = await take(engine, 1_000);
  assertEquals(time.timers, 1);
  assert(await lease.release());
  assertEquals(time.timers, 0);
  assert(await (await take(engine, 1_000)).fail(new Error("once"), { retry: true, delayMs: 10 }));
  assertEquals(time.timers, 1);
  await time.tick(10);
  assertEquals(time.timers, 0);
});
