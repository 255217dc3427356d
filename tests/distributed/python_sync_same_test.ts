import { assertEquals } from "@std/assert";
import type { Queue, SharedDict, SharedList } from "../../ipc/mod.ts";
import type { SyncManager } from "../../distributed/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { noPython, openNative, openPython } from "./python_sync_servers.ts";

/** The same functions with a `SyncManager` of this package and one in Python: what they answer is the same. */

const reason = new Error("enough");

/** The class of what a promise rejects with. */
async function failure(promise: Promise<unknown>): Promise<string> {
  return await promise.then((value) => `no error but ${value}`, (error) => error.name);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const SCENARIOS: Readonly<Record<string, (manager: SyncManager) => Promise<unknown>>> = {
  async "a dictionary"(manager) {
    await using dict = await manager.dict<string | number | null, unknown>([["a", 1], [2, [3]]]);
    const results: unknown[] = [
      await dict.get("a"),
      await dict.get("b"),
      await dict.has(2),
      await dict.has("2"),
      await dict.size(),
      await dict.set(null, { deep: { er: "é中😀" } }),
      await dict.set("none", null),
      await dict.get("none"),
      await dict.keys(),
      await dict.values(),
      await dict.entries(),
      [...await dict.copy()],
      await collect(dict),
      await dict.delete("a"),
      await dict.delete("a"),
      await dict.pop(2),
      await dict.pop(2, "other"),
      await failure(dict.pop(2)),
      await dict.setDefault("s", 5),
      await dict.setDefault("s", 6),
      await dict.update({ s: 7, t: 8 }),
      await dict.update(new Map([["u", 9]])),
      await dict.popItem(),
      await failure(dict.set(undefined as unknown as string, 1)),
      await dict.clear(),
      await failure(dict.popItem()),
      await dict.size(),
    ];
    await using records = await manager.dict({ x: 1.5, y: 2n ** 70n });
    return [...results, await records.entries()];
  },

  async "a list"(manager) {
    await using list = await manager.list<unknown>([3, 1, 2]);
    return [
      await list.at(0),
      await list.at(-1),
      await list.at(3),
      await list.at(1.7),
      await list.push(5, 4),
      await list.extend([]),
      await list.insert(1, "in"),
      await list.insert(-1, "before the last"),
      await list.insert(99, "end"),
      await list.toArray(),
      await list.slice(1, -2),
      await list.slice(-2),
      await list.slice(4, 2),
      await list.indexOf("in"),
      await list.indexOf("in", 2),
      await list.indexOf("end", -1),
      await list.includes("nothing"),
      await list.count(5),
      await list.pop(),
      await list.pop(1),
      await list.remove("before the last"),
      await failure(list.remove("before the last")),
      await failure(list.pop(17)),
      await failure(list.pop(0.5)),
      await list.set(-1, 9),
      await failure(list.set(17, 9)),
      await failure(list.set(0.5, 9)),
      await list.sort(),
      await list.toArray(),
      await list.sort({ reverse: true }),
      await list.reverse(),
      await list.toArray(),
      await list.statistics(),
      await list.push("text"),
      await failure(list.sort()),
      await list.clear(),
      await list.length(),
      await failure(list.pop()),
      await collect(list),
    ];
  },

  async "a list that is iterated in several pieces"(manager) {
    await using list = await manager.list(Array(3_000).keys());
    await using exact = await manager.list(Array(1_024).keys());
    const [items, others] = [await collect(list), await collect(exact)];
    return [items.length, items.every((item, i) => item === i), others.length];
  },

  async "a namespace"(manager) {
    await using space = await manager.namespace<Record<string, unknown>>({ x: 1, _y: [2] });
    return [
      await space.get("x"),
      await space.get("_y"),
      await failure(space.get("z")),
      await failure(space.get("_z")),
      await failure(space.get("__class__")),
      await space.set("z", { a: null }),
      await space.has("z"),
      await space.has("__class__"),
      await space.delete("x"),
      await space.delete("x"),
      await space.entries(),
      await space.statistics(),
    ];
  },

  async "a lock"(manager) {
    await using lock = await manager.lock();
    const results: unknown[] = [
      await lock.locked(),
      await failure(lock.release()),
      await lock.acquire(),
      await lock.locked(),
      await lock.tryAcquire(),
      await lock.acquire({ timeoutMs: 20 }),
      await failure(lock.acquire({ signal: AbortSignal.abort(reason) })),
      await failure(lock.hold({ timeoutMs: 20 })),
      lock.ownerDied,
      await lock.release(),
    ];
    {
      await using _ = await lock.hold();
      results.push(await lock.locked());
    }
    return [...results, await lock.tryAcquire()];
  },

  async "a lock that its owner can acquire again"(manager) {
    await using lock = await manager.rlock();
    const other = { owner: {} };
    const results: unknown[] = [
      await failure(lock.release()),
      await lock.acquire(),
      await lock.acquire({ timeoutMs: 0 }),
      await lock.recursionCount(),
      await lock.recursionCount(other),
      await lock.tryAcquire(other),
      await lock.acquire({ ...other, timeoutMs: 20 }),
      await failure(lock.release(other)),
      await lock.release(),
      await lock.tryAcquire(other),
      await lock.release(),
      await lock.locked(),
      await lock.tryAcquire(other),
      await lock.locked(),
      await lock.tryAcquire(),
    ];
    // The next one waits, and another call for the same owner goes on with it.
    const next = {};
    const waiting = [lock.acquire({ owner: next }), lock.acquire({ owner: next })];
    results.push(await lock.acquire({ owner: next, timeoutMs: 20 }));
    await lock.release(other);
    results.push(...await Promise.all(waiting), await lock.recursionCount({ owner: next }));
    return results;
  },

  async "semaphores"(manager) {
    await using semaphore = await manager.semaphore(2);
    await using bounded = await manager.boundedSemaphore(2);
    return [
      await semaphore.acquire(),
      await semaphore.acquire(),
      await semaphore.tryAcquire(),
      await semaphore.acquire({ timeoutMs: 20 }),
      await semaphore.release(2),
      await semaphore.release(),
      await Promise.all([semaphore.acquire(), semaphore.acquire(), semaphore.acquire()]),
      await semaphore.tryAcquire(),
      await failure(semaphore.release(0)),
      await failure(semaphore.release(1.5)),
      bounded.bound,
      await failure(bounded.release()),
      await bounded.acquire(),
      await failure(bounded.release(2)),
      await bounded.release(),
      await failure(manager.semaphore(-1)),
      await failure(manager.boundedSemaphore(0.5)),
    ];
  },

  async "a condition"(manager) {
    await using condition = await manager.condition();
    const results: unknown[] = [
      await failure(condition.wait()),
      await failure(condition.notify()),
      await failure(condition.release()),
      await condition.acquire(),
      await condition.tryAcquire(),
      await condition.locked(),
      await failure(condition.notify(-1)),
      await condition.wait({ timeoutMs: 20 }),
      await condition.locked(),
      await condition.waitFor(() => false, { timeoutMs: 20 }),
    ];
    const waits = Array.from({ length: 3 }, async (_, i) => {
      if (i > 0) await condition.acquire();
      const isNotified = await condition.wait();
      await condition.release();
      return isNotified;
    });
    // As soon as all of them wait, the lock is free and stays so.
    for (let i = 0; i < 3; i++) {
      await condition.acquire();
      await condition.notify();
      await condition.release();
    }
    await condition.acquire();
    await condition.notifyAll();
    await condition.release();
    // Some may have begun to wait after that.
    const ended = Promise.all(waits);
    let isOver = false;
    void ended.then(() => isOver = true);
    while (!isOver) {
      await condition.acquire();
      await condition.notifyAll();
      await condition.release();
    }
    return [...results, await ended, await condition.locked()];
  },

  async "a condition that has a lock of the manager"(manager) {
    await using lock = await manager.lock();
    await using condition = await manager.condition(lock);
    await lock.acquire();
    const results = [
      await condition.tryAcquire(),
      await condition.wait({ timeoutMs: 20 }),
      await lock.locked(),
      await condition.notify(),
      await condition.release(),
      await lock.locked(),
    ];
    return results;
  },

  async "an event"(manager) {
    await using event = await manager.event();
    const results: unknown[] = [
      await event.isSet(),
      await event.wait({ timeoutMs: 20 }),
      await event.wait({ timeoutMs: 0 }),
    ];
    const waits = [event.wait(), event.wait({ timeoutMs: 60_000 })];
    await event.set();
    return [
      ...results,
      await Promise.all(waits),
      await event.isSet(),
      await event.wait(),
      await event.clear(),
      await event.isSet(),
    ];
  },

  async "a barrier"(manager) {
    await using barrier = await manager.barrier(2);
    await using limited = await manager.barrier(2, { timeoutMs: 20 });
    const passed = await Promise.all([barrier.wait(), barrier.wait({ timeoutMs: 60_000 })]);
    return [
      barrier.parties,
      passed.toSorted(),
      await barrier.nWaiting(),
      await barrier.broken(),
      await failure(limited.wait()),
      await limited.broken(),
      await limited.reset(),
      await limited.broken(),
      (await Promise.all([limited.wait(), limited.wait()])).toSorted(),
      await failure(barrier.wait({ timeoutMs: 20 })),
      await failure(barrier.wait()),
      await barrier.statistics(),
      await barrier.reset(),
      await barrier.abort(),
      await failure(barrier.wait()),
      await failure(manager.barrier(0)),
    ];
  },

  async "a queue"(manager) {
    await using queue = await manager.queue<unknown>(3);
    const results: unknown[] = [
      await queue.empty(),
      await failure(queue.getNowait()),
      await failure(queue.get({ timeoutMs: 20 })),
      await failure(queue.get({ timeoutMs: 0 })),
    ];
    for (const item of [1, null, true, "é", 1.5, 2n ** 70n, [1, [2]], { a: { b: 1 } }]) {
      await queue.put(item);
      results.push(await queue.get());
    }
    await queue.put(1, { timeoutMs: 60_000 });
    await queue.putNowait(2);
    await queue.put(3);
    results.push(
      await queue.full(),
      await queue.qsize(),
      await failure(queue.put(4, { timeoutMs: 20 })),
      await failure(queue.putNowait(4)),
    );
    const puts = [queue.put(4), queue.put(5), queue.put(6), queue.put(7)];
    for (let i = 0; i < 7; i++) results.push(await queue.get());
    return [...results, await Promise.all(puts), await queue.empty()];
  },

  async "a queue whose items are done"(manager) {
    await using queue = await manager.joinableQueue<number>();
    const numbers = [...Array(500).keys()];
    await Promise.all(numbers.map((n) => queue.put(n)));
    const got: number[] = [];
    for (let i = 0; i < numbers.length; i++) got.push(await queue.get());
    for (let i = 1; i < numbers.length; i++) await queue.taskDone();
    return [
      got,
      await failure(queue.join({ timeoutMs: 20 })),
      await queue.taskDone(),
      await queue.join(),
      await failure(queue.taskDone()),
    ];
  },

  async "numbers"(manager) {
    await using small = await manager.value("int8", 200);
    await using big = await manager.value("bigUint64");
    await using single = await manager.value("float32", 0.1);
    const results: unknown[] = [small.kind, await small.get(), await big.get(), await single.get()];
    await small.set(-129);
    await big.set(-1n);
    await single.set(3);
    results.push(await small.get(), await big.get(), await single.get());
    results.push(await failure(small.set(1n as unknown as number)));
    await using array = await manager.array("int16", [1, 40_000, 3.7]);
    await using floats = await manager.array("float64", 3);
    await using bigs = await manager.array("bigInt64", [2n ** 63n, -1n]);
    await array.set(-1, 5.9);
    await floats.setAll([0.5, NaN], 1);
    await bigs.set(0, 7n);
    return [
      ...results,
      array.length,
      await array.get(1),
      await array.slice(),
      await array.slice(-2),
      await array.slice(0, -1),
      await floats.slice(),
      await bigs.slice(),
      await failure(array.get(3)),
      await failure(array.set(0.5, 1)),
      await failure(array.setAll([1, 2], 2)),
      await failure(array.setAll(["text" as unknown as number])),
      await array.slice(),
      await failure(manager.array("int8", -1)),
      await failure(manager.value("text" as "int8")),
    ];
  },

  async "objects inside of others"(manager) {
    await using outer = await manager.dict<string, unknown>();
    await using list = await manager.list<unknown>(["inner"]);
    await using queue = await manager.queue<unknown>();
    await outer.set("list", list);
    await outer.set("many", { both: [list, queue] });
    await list.push(outer);
    await queue.put(list);
    const again = await queue.get() as SharedList<unknown>;
    await again.push("more");
    const back = await outer.get("list") as SharedList<unknown>;
    const circle = await back.at(1) as SharedDict<string, unknown>;
    const { both } = await outer.get("many") as { both: [SharedList<unknown>, Queue<unknown>] };
    await both[1].put("through a handle");
    const classes = [again, back, circle, ...both].map((object) => object.constructor.name);
    const results = [classes, await back.length(), await list.at(2), await circle.size()];
    await list.close();
    // What a dictionary holds lives on.
    return [...results, await both[0].at(0), await queue.get()];
  },
};

for (const [what, run] of Object.entries(SCENARIOS)) {
  leakTest(`SyncManager: ${what} is the same in a manager of either language`, async () => {
    await using native = await openNative();
    const expected = await run(native.client);
    await using python = await openPython();
    assertEquals(await run(await python.connect()), expected);
  }, { ignore: noPython });
}
