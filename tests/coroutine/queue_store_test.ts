import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { STORE, type Store } from "../../coroutine/_store.ts";
import { Queue, type QueueOptions } from "../../coroutine/mod.ts";
import { assertPending } from "../support/settle.ts";

/** A store whose next call of one method fails when it is told to. */
class FailingStore implements Store<number> {
  failing: "add" | "take" | undefined;
  readonly #items: number[] = [];

  get size(): number {
    return this.#items.length;
  }

  add(item: number): void {
    this.#fail("add");
    this.#items.push(item);
  }

  take(): number {
    this.#fail("take");
    return this.#items.shift()!;
  }

  giveBack(item: number): void {
    this.#items.unshift(item);
  }

  clear(): void {
    this.#items.length = 0;
  }

  peek(count: number): number[] {
    return this.#items.slice(0, count);
  }

  #fail(method: "add" | "take"): void {
    if (this.failing !== method) return;
    this.failing = undefined;
    throw new Error(`${method} failed`);
  }
}

function makeFailing(maxSize: number): { queue: Queue<number>; store: FailingStore } {
  const store = new FailingStore();
  return { queue: new Queue<number>(maxSize, { [STORE]: store } as QueueOptions), store };
}

Deno.test("Queue whose store fails in put is as it was before [cpython: FailingQueueTest.test_failing_queue]", async () => {
  const { queue, store } = makeFailing(2);
  queue.putNowait(1);
  for (const put of [() => queue.put(2), () => queue.put(2, { timeoutMs: 60_000 })]) {
    store.failing = "add";
    await assertRejects(put, Error, "add failed");
    assertEquals(`${queue}`, "Queue { size: 1, maxSize: 2, unfinished: 1 }");
  }
  store.failing = "add";
  assertThrows(() => queue.putNowait(2), Error, "add failed");
  await queue.put(2);
  assertEquals([queue.full(), await queue.get(), await queue.get()], [true, 1, 2]);
});

Deno.test("Queue whose store fails in get is as it was before [cpython: FailingQueueTest.test_failing_queue]", async () => {
  const { queue, store } = makeFailing(2);
  queue.putNowait(1);
  for (const get of [() => queue.get(), () => queue.get({ timeoutMs: 60_000 })]) {
    store.failing = "take";
    await assertRejects(get, Error, "take failed");
    assertEquals(`${queue}`, "Queue { size: 1, maxSize: 2, unfinished: 1 }");
  }
  store.failing = "take";
  assertThrows(() => queue.getNowait(), Error, "take failed");
  assertEquals([await queue.get(), queue.empty()], [1, true]);
});

Deno.test("Queue whose store fails for a put that waited fails that put alone [cpython: FailingQueueTest.test_failing_queue]", async () => {
  const { queue, store } = makeFailing(1);
  queue.putNowait(1);
  const bad = queue.put(2);
  const good = queue.put(3);
  const failing = assertRejects(() => bad, Error, "add failed");
  store.failing = "add";
  assertEquals(await queue.get(), 1);
  await failing;
  await good;
  assertEquals(`${queue}`, "Queue { size: 1, maxSize: 1, unfinished: 2 }");
  assertEquals(await queue.get(), 3);
});

Deno.test("Queue whose store fails for a get that left others waiting keeps them waiting", async () => {
  const { queue, store } = makeFailing(1);
  queue.putNowait(1);
  const waiting = queue.put(2);
  store.failing = "take";
  assertThrows(() => queue.getNowait(), Error, "take failed");
  await assertPending(waiting, "put");
  assertEquals([await queue.get(), await queue.get()], [1, 2]);
  await waiting;
});

Deno.test("Queue and its kinds keep nothing alive that was taken", async () => {
  const room = JSON.stringify(import.meta.resolve("../../coroutine/mod.ts"));
  const code = `
    import { LifoQueue, PriorityQueue, Queue } from ${room};
    const queues = [new Queue(), new LifoQueue(), new PriorityQueue(0, { compare: () => 0 })];
    const taken = queues.map((queue) => {
      queue.putNowait({});
      return new WeakRef(queue.getNowait());
    });
    // What was looked at through a reference of this kind lives to the end of the turn.
    await new Promise((resolve) => setTimeout(resolve, 0));
    gc();
    console.log(taken.map((item) => item.deref() === undefined), queues.length);`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--v8-flags=--expose-gc", code],
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  assertEquals(
    [decoder.decode(stdout), decoder.decode(stderr)],
    ["[ true, true, true ] 3\n", ""],
  );
});
