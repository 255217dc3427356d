import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import {
  PoolClosedError,
  QueueEmptyError,
  QueueFullError,
  TimeoutError,
} from "../../coroutine/mod.ts";
import { BaseManager, Manager, SyncManager } from "../../distributed/mod.ts";
import {
  ConnectionClosedError,
  ConnectionLostError,
  formatAddress,
  Queue,
  type Remote,
  SharedDict,
  type SharedList,
} from "../../ipc/mod.ts";
import { Process, ProcessStateError, type TargetFunction } from "../../process/mod.ts";
import { barrierContract, type BarrierHandle } from "../contracts/barrier_contract.ts";
import { conditionContract, type ConditionHandle } from "../contracts/condition_contract.ts";
import { eventContract, type EventHandle } from "../contracts/event_contract.ts";
import { lockContract, type LockHandle } from "../contracts/lock_contract.ts";
import { rlockContract, type RLockHandle } from "../contracts/rlock_contract.ts";
import {
  boundedSemaphoreContract,
  semaphoreContract,
  type SemaphoreHandle,
} from "../contracts/semaphore_contract.ts";
import type { Opened } from "../contracts/_subject.ts";
import { openInChildren } from "../ipc/_children.ts";
import { leakTest } from "../support/leaks.ts";
import {
  add,
  addTo,
  changeNumbers,
  connectAndStore,
  Counter,
  fillDict,
  fillList,
  holdUntil,
  makeCounter,
  meet,
  passAround,
  refuse,
  spin,
  square,
  usePool,
  useQueue,
} from "./sync_targets.ts";

const TARGETS = import.meta.resolve("./sync_targets.ts");
const KEY = "abc";

interface OpenManager extends AsyncDisposable {
  readonly manager: SyncManager;
  readonly address: string;
}

/** A manager in this process, and a client of it. */
async function openManager(authkey = KEY): Promise<OpenManager> {
  const server = new SyncManager({ authkey }).getServer();
  const manager = new SyncManager({ address: server.address, authkey });
  await manager.connect();
  return {
    manager,
    address: formatAddress(server.address),
    async [Symbol.asyncDispose]() {
      await manager.close();
      await server.shutdown();
    },
  };
}

/** Runs a function of `sync_targets.ts` in a process of its own, to its end. */
async function inChild<F extends TargetFunction>(target: F, ...args: Parameters<F>): Promise<void> {
  await using child = new Process({ module: TARGETS, target, args });
  await child.start();
  await child.result();
}

// What its objects do: the contracts, with this process and children of it for clients

type Shared = AsyncDisposable & { statistics(): Promise<object> };

function openShared<Handle extends object, Args extends unknown[]>(
  make: (manager: SyncManager, ...args: Args) => Promise<Shared>,
): { isElsewhere: true; open(count: number, ...args: Args): Promise<Opened<Handle>> } {
  return {
    isElsewhere: true,
    async open(count, ...args) {
      const opened = await openManager();
      let users: Opened<Handle>;
      try {
        users = await openInChildren<Handle>(count, await make(opened.manager, ...args));
      } catch (error) {
        await opened[Symbol.asyncDispose]();
        throw error;
      }
      return {
        handles: users.handles,
        async [Symbol.asyncDispose]() {
          await users[Symbol.asyncDispose]();
          await opened[Symbol.asyncDispose]();
        },
      };
    },
  };
}

lockContract("SyncManager.lock()", openShared<LockHandle, []>((manager) => manager.lock()));
rlockContract("SyncManager.rlock()", openShared<RLockHandle, []>((manager) => manager.rlock()));
eventContract("SyncManager.event()", openShared<EventHandle, []>((manager) => manager.event()));
semaphoreContract(
  "SyncManager.semaphore()",
  openShared<SemaphoreHandle, [value?: number]>((manager, value) => manager.semaphore(value)),
);
boundedSemaphoreContract(
  "SyncManager.boundedSemaphore()",
  openShared<SemaphoreHandle, [value?: number]>((manager, value) =>
    manager.boundedSemaphore(value)
  ),
);
conditionContract(
  "SyncManager.condition()",
  openShared<ConditionHandle, []>((manager) => manager.condition()),
);
barrierContract("SyncManager.barrier()", {
  isElsewhere: true,
  open: (parties, settings) =>
    openShared<BarrierHandle, []>((manager) => manager.barrier(parties, settings)).open(parties),
});

leakTest("SyncManager's queues keep to their limits and their orders", async () => {
  await using opened = await openManager();
  const { manager } = opened;
  const queues = await Promise.all([
    manager.queue<number>(3),
    manager.joinableQueue<number>(3),
    manager.lifoQueue<number>(3),
    manager.priorityQueue<number>(3),
  ]);
  const orders: number[][] = [];
  for (const queue of queues) {
    for (const item of [2, 3, 1]) await queue.put(item);
    await assertRejects(() => queue.putNowait(4), QueueFullError);
    await assertRejects(() => queue.put(4, { timeoutMs: 1 }), QueueFullError);
    orders.push([await queue.get(), await queue.get(), await queue.getNowait()]);
    await assertRejects(() => queue.get({ timeoutMs: 0 }), QueueEmptyError);
  }
  assertEquals(orders, [[2, 3, 1], [2, 3, 1], [1, 3, 2], [1, 2, 3]]);
});

// What a child does with them

leakTest(
  "Manager().dict() is changed by a child, with keys of their own kinds [cpython: TestSyncManagerTypes.test_dict]",
  async () => {
    await using manager = await Manager();
    await using dict = await manager.dict<number | string, unknown>();
    await inChild(fillDict, dict);
    assertEquals(
      await dict.copy(),
      new Map<number | string, unknown>([[1, "1"], ["2", 2], [0.25, null]]),
    );
  },
);

leakTest(
  "Manager().list() is changed by a child [cpython: TestSyncManagerTypes.test_list]",
  async () => {
    await using manager = await Manager();
    await using list = await manager.list(new Set([1, 2]));
    await inChild(fillList, list);
    assertEquals(await list.toArray(), [1, 2, 3]);
    await list.clear();
    assertEquals(await list.length(), 0);
  },
);

leakTest(
  "Manager().value(), array() and namespace() are changed by a child [cpython: TestSyncManagerTypes.test_value, TestSyncManagerTypes.test_array, TestSyncManagerTypes.test_namespace]",
  async () => {
    await using manager = await Manager();
    await using value = await manager.value("int32", 5);
    await using array = await manager.array("float64", [1, 2.5]);
    await using names = await manager.namespace<{ x: number; y: string }>({ x: 1, y: "y" });
    await inChild(changeNumbers, value, array, names);
    assertEquals([await value.get(), await array.get(0)], [7, 5]);
    assertEquals(await names.entries(), [["x", 10]]);
  },
);

leakTest(
  "Manager().lock() that a child holds can be released by another process [cpython: TestSyncManagerTypes.test_lock, TestSyncManagerTypes.test_rlock, TestSyncManagerTypes.test_event]",
  async () => {
    await using manager = await Manager();
    await using lock = await manager.lock();
    await using held = await manager.event();
    await using go = await manager.event();
    const args: Parameters<typeof holdUntil> = [lock, held, go];
    await using child = new Process({ module: TARGETS, target: holdUntil, args });
    await child.start();
    await held.wait();
    assertEquals(await lock.tryAcquire(), false);
    await lock.release();
    await assertRejects(() => lock.release(), Error, "nobody holds it");
    await go.set();
    await child.result();
    assertEquals([await lock.acquire(), lock.ownerDied], [true, false]);
  },
);

leakTest("Manager().lock() whose holder is killed goes to the next, who learns of it", async () => {
  await using manager = await Manager();
  await using lock = await manager.lock();
  await using held = await manager.event();
  await using go = await manager.event();
  const args: Parameters<typeof holdUntil> = [lock, held, go];
  await using child = new Process({ module: TARGETS, target: holdUntil, args });
  await child.start();
  await held.wait();
  const next = lock.acquire();
  child.kill();
  assertEquals([await next, lock.ownerDied], [true, true]);
});

leakTest(
  "Manager().joinableQueue() and barrier() are used by a child [cpython: TestSyncManagerTypes.test_queue, TestSyncManagerTypes.test_joinable_queue, TestSyncManagerTypes.test_barrier]",
  async () => {
    await using manager = await Manager();
    await using queue = await manager.joinableQueue<number>(2);
    await queue.put(1);
    await inChild(useQueue, queue);
    assertEquals([await queue.get(), await queue.get(), await queue.empty()], [2, 3, true]);
    const joined = queue.join();
    await queue.taskDone();
    await queue.taskDone();
    await joined;
    await using barrier = await manager.barrier(2);
    await using places = await manager.list<number>();
    const [place] = await Promise.all([barrier.wait(), inChild(meet, barrier, places)]);
    assertEquals([place, ...await places.toArray()].toSorted(), [0, 1]);
  },
);

const POOL_OPTIONS = {
  module: TARGETS,
  permissions: { run: ["deno"], net: ["127.0.0.1"] },
} as const;

leakTest(
  "Manager().pool() calls functions of the manager's module, for any client [cpython: TestSyncManagerTypes.test_pool]",
  async () => {
    await using manager = await Manager(POOL_OPTIONS);
    await using pool = await manager.pool(2);
    assertEquals(await pool.apply(add, [1, 2]), 3);
    assertEquals(await pool.apply("add", [1, 2]), 3);
    assertEquals(await pool.map(square, [1, 2, 3], { chunkSize: 2 }), [1, 4, 9]);
    assertEquals(await pool.starmap(add, [[1, 2], [3, 4]]), [3, 7]);
    const many = Array.from({ length: 3000 }, (_, n) => n);
    assertEquals(await Array.fromAsync(pool.imap(square, many)), many.map((n) => n * n));
    const unordered = await Array.fromAsync(pool.imapUnordered(square, [1, 2, 3]));
    assertEquals(unordered.toSorted(), [1, 4, 9]);
    const seen: number[] = [];
    await assertRejects(
      async () => {
        for await (const n of pool.imap(refuse, [1, 2, 3, 4])) seen.push(n);
      },
      RangeError,
      "not 3",
    );
    assertEquals(seen, [1, 2]);
    for await (const n of pool.imap(square, [5, 6, 7])) if (n === 25) break;
    await using sums = await manager.list<number>();
    await inChild(usePool, pool, sums);
    assertEquals([await sums.toArray(), (await pool.statistics()).runners], [[42], 2]);
    await pool.close();
    await pool.join();
    await assertRejects(() => pool.map(square, [1]), PoolClosedError);
  },
);

leakTest("Manager().pool() stops a call that takes too long, and calls nothing else", async () => {
  await using manager = await Manager(POOL_OPTIONS);
  await using pool = await manager.pool(1);
  await assertRejects(() => pool.apply(spin, [], { timeoutMs: 20 }), TimeoutError);
  assertEquals(await pool.apply(square, [3]), 9);
  await assertRejects(() => pool.apply("nothing", []), Error, '"nothing"');
  await assertRejects(() => pool.apply((() => 1) as () => number, []), TypeError, "without a name");
  await assertRejects(() => pool.apply("toString", []), Error, '"toString"');
  await using opened = await openManager();
  await assertRejects(() => opened.manager.pool(1), TypeError, 'the option "module"');
});

// Objects in objects

leakTest(
  "SyncManager keeps what is in another object, whatever becomes of its handles [cpython: _TestContainers.test_dict_proxy_nested, _TestContainers.test_list_proxy_in_list]",
  async () => {
    await using opened = await openManager();
    const { manager } = opened;
    const outer = await manager.dict<string, SharedDict<string, number>>();
    const inner = await manager.dict<string, number>({ a: 1 });
    await outer.set("inner", inner);
    await inner.set("b", 2);
    await inner.close();
    const again = await outer.get("inner");
    assertInstanceOf(again, SharedDict);
    await again.set("c", 3);
    await outer.clear();
    assertEquals(await again.copy(), new Map([["a", 1], ["b", 2], ["c", 3]]));
    const lists = await manager.list([await manager.list([1]), await manager.list([2])]);
    const first = await lists.at(0) as SharedList<number>;
    await first.push(5);
    assertEquals(await (await lists.at(0))!.toArray(), [1, 5]);
    assertEquals(await (await lists.at(1))!.toArray(), [2]);
  },
);

leakTest(
  "SyncManager hands on what is inside of data, also by a child [cpython: _TestContainers.test_nested_queue]",
  async () => {
    await using opened = await openManager();
    const { manager, address } = opened;
    const dict = await manager.dict<string, SharedList<string>>();
    await dict.set("list", await manager.list(["here"]));
    const names = await manager.queue<SharedList<string>>();
    await inChild(passAround, dict, names);
    const list = await names.get();
    assertEquals(await list.toArray(), ["here", "from the child"]);
    await dict.set("list", list);
    await connectAndStore(address, KEY, dict);
    assertEquals(await (await dict.get("list"))!.toArray(), ["kept"]);
    const queues = await manager.list([{ deep: [await manager.queue<number>()] }]);
    await (await queues.at(0))!.deep[0]!.put(7);
    assertEquals(await (await queues.at(0))!.deep[0]!.getNowait(), 7);
  },
);

leakTest("SyncManager has a condition for a lock of its own only", async () => {
  await using opened = await openManager();
  await using other = await openManager("another key");
  const lock = await opened.manager.rlock();
  const condition = await opened.manager.condition(lock);
  {
    await using _ = await lock.hold();
    assertEquals(await condition.wait({ timeoutMs: 1 }), false);
  }
  const stranger = await other.manager.lock();
  await assertRejects(() => opened.manager.condition(stranger), TypeError, "for this program only");
});

leakTest("SyncManager never tells another one its key", async () => {
  await using opened = await openManager();
  await using other = await openManager("another key");
  const dict = await other.manager.dict<string, unknown>();
  for (const object of [await opened.manager.lock(), await opened.manager.queue()]) {
    await assertRejects(
      () => dict.set("object", { deep: [object] }),
      TypeError,
      "the key of that is for this program only",
    );
  }
  assertEquals(await dict.size(), 0);
});

// What a user registers

leakTest("BaseManager hands out locks and queues as what they are", async () => {
  const queue = new Queue<number>();
  const Server = BaseManager.register("queue", { callable: () => queue });
  await using server = new Server({ authkey: KEY }).getServer();
  await using manager = new Server({ address: server.address, authkey: KEY });
  await manager.connect();
  const there = await manager.queue();
  assertInstanceOf(there, Queue);
  await there.put(1);
  assertEquals(await queue.get(), 1);
  await there.close();
  await queue.put(2);
  assertEquals(await (await manager.queue()).get(), 2);
  await queue.close();
});

leakTest(
  "BaseManager's proxies can be passed to processes, and into objects of the manager",
  async () => {
    const Counting = SyncManager.register("counter", { callable: makeCounter });
    await using server = new Counting({ authkey: KEY }).getServer();
    await using manager = new Counting({ address: server.address, authkey: KEY });
    await manager.connect();
    const counter = await manager.counter();
    await inChild(addTo as (counter: unknown, n: number) => Promise<number>, counter, 5);
    assertEquals(await counter.add(1), 6);
    const dict = await manager.dict<string, Remote<Counter>>();
    await dict.set("counter", counter);
    await counter[Symbol.asyncDispose]();
    const again = await dict.get("counter");
    assertEquals(await again!.add(1), 7);
    await assertRejects(() => dict.set("gone", counter), TypeError, "it was disposed");
  },
);

leakTest(
  "BaseManager's proxies answer proxies of what a method lends, wherever they are",
  async () => {
    class Shop {
      readonly #counter = new Counter();
      counter(): Counter {
        return this.#counter;
      }
    }
    const Shops = SyncManager
      .register("Counter", { callable: (counter: Counter) => counter, createMethod: false })
      .register("shop", { callable: () => new Shop(), methodToTypeid: { counter: "Counter" } });
    await using server = new Shops({ authkey: KEY }).getServer();
    await using manager = new Shops({ address: server.address, authkey: KEY });
    await manager.connect();
    const shop = await manager.shop();
    const shelf = await manager.list<typeof shop>([shop]);
    let count = 0;
    for (const place of [shop, (await shelf.at(0))!]) {
      const counter = await place.counter() as unknown as Remote<Counter>;
      assertEquals(await counter.add(1), ++count);
      await inChild(addTo as (counter: unknown, n: number) => Promise<number>, counter, 1);
      count++;
    }
  },
);

leakTest("SyncManager.register() leaves SyncManager as it is", async () => {
  const More = SyncManager.register("counter", { callable: () => new Counter() });
  class Own extends SyncManager {}
  assert(!("counter" in SyncManager.prototype) && "counter" in More.prototype);
  assertStrictEquals(Own.register("counter", { callable: () => new Counter() }) as unknown, Own);
  await using server = new More({ authkey: KEY }).getServer();
  await using manager = new More({ address: server.address, authkey: KEY });
  await manager.connect();
  assertEquals(await (await manager.counter()).add(1), 1);
  assertEquals(await (await manager.list([1])).length(), 1);
});

leakTest("SyncManager.start() serves its own types and those of a module", async () => {
  class Counting extends SyncManager {}
  const Started = Counting.register("counter", { callable: makeCounter });
  await using manager = new Started({ module: TARGETS });
  await manager.start();
  assertEquals(await (await manager.counter()).add(2), 2);
  assertEquals(await (await manager.list([1])).toArray(), [1]);
});

// Misuse and the end

leakTest("SyncManager refuses what makes no sense", async () => {
  await assertRejects(() => new SyncManager().lock(), ProcessStateError, "neither started nor");
  await using opened = await openManager();
  const { manager } = opened;
  await assertRejects(() => manager.semaphore(-1), RangeError, '"value" must be');
  await assertRejects(() => manager.value("int" as "int32"), TypeError, "int");
  await assertRejects(() => manager.barrier(0), RangeError);
  for (const key of [{}, [], new Date(), new Error()]) {
    await assertRejects(() => manager.dict([[key, 1]] as never), TypeError, "Cannot use a key");
  }
  await assertRejects(() => manager.list([() => {}]), TypeError, "function");
});

leakTest("SyncManager's objects end with it, and say so", async () => {
  const server = new SyncManager({ authkey: KEY }).getServer();
  const manager = new SyncManager({ address: server.address, authkey: KEY });
  await manager.connect();
  const lock = await manager.lock();
  const dict = await manager.dict();
  await lock.acquire();
  const waiting = lock.acquire();
  const lost = assertRejects(() => waiting, ConnectionLostError, "shut down");
  await server.shutdown();
  await lost;
  await assertRejects(() => lock.release(), ConnectionLostError);
  await assertRejects(() => dict.size(), ConnectionLostError, "the manager on 127.0.0.1");
  await manager.close();
  await using opened = await openManager();
  const list = await opened.manager.list();
  const used = await opened.manager.list();
  await used.length();
  await opened.manager.close();
  await assertRejects(() => used.length(), ConnectionClosedError);
  await assertRejects(() => list.length(), ConnectionLostError);
});

leakTest("SyncManager.value() refuses a kind that is no text in its own words", async () => {
  await using open = await openManager();
  await assertRejects(() => open.manager.value(5 as never), TypeError, 'must be one of "int8"');
});
