import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import {
  BrokenBarrierError,
  InvalidStateError,
  QueueEmptyError,
  QueueFullError,
  spawn,
  TimeoutError,
} from "../../coroutine/mod.ts";
import { PythonError } from "../../distributed/mod.ts";
import {
  Barrier,
  BoundedSemaphore,
  Condition,
  ConnectionClosedError,
  ConnectionLostError,
  Event,
  exposedMethods,
  JoinableQueue,
  LifoQueue,
  Lock,
  Namespace,
  Queue,
  RLock,
  Semaphore,
  SharedArray,
  SharedDict,
  SharedList,
  Value,
} from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending } from "../support/settle.ts";
import {
  type Client,
  noPython,
  openPython,
  type OpenServer,
  type Store,
} from "./python_sync_servers.ts";
import { holdUntil } from "./sync_targets.ts";

/** `SyncManager` as a client of a `SyncManager` in Python: the same classes do the same there. */

if (noPython) {
  console.warn("python_sync_server_test: there is no python3, so nothing is tested with it");
}

const reason = new Error("enough");

function pythonTest(
  name: string,
  run: (client: Client, server: OpenServer) => Promise<void>,
  words: string[] = [],
): void {
  leakTest(`SyncManager in Python: ${name}`, async () => {
    await using server = await openPython(...words);
    await run(await server.connect(), server);
  }, { ignore: noPython });
}

// Waits that are given up

pythonTest("a get that was given up takes nothing", async (client) => {
  const queue = await client.joinableQueue<string>();
  const controller = new AbortController();
  const getting = queue.get({ signal: controller.signal });
  const task = spawn(() => queue.get());
  assertEquals(await queue.qsize(), 0);
  await assertPending(getting, "get()");
  controller.abort(reason);
  task.cancel();
  assertStrictEquals(await assertRejects(() => getting), reason);
  await assertRejects(async () => await task);
  // The server may still wait for it: then the item is put back, and counts once.
  await queue.put("kept");
  assertEquals(await queue.get({ timeoutMs: 20_000 }), "kept");
  await queue.taskDone();
  await queue.join({ timeoutMs: 20_000 });
  assertEquals(await queue.empty(), true);
});

pythonTest("a lock that was waited for and given up is free afterwards", async (client) => {
  for (const lock of [await client.lock(), await client.rlock(), await client.condition()]) {
    const [holder, other] = [{ owner: {} }, { owner: {} }];
    assertEquals(await lock.acquire(holder), true);
    const controller = new AbortController();
    const waiting = lock.acquire({ ...other, signal: controller.signal });
    const task = spawn(() => lock.acquire());
    await assertPending(waiting, "acquire()");
    controller.abort(reason);
    task.cancel();
    assertStrictEquals(await assertRejects(() => waiting), reason);
    await assertRejects(async () => await task);
    await lock.release(holder);
    assertEquals(await lock.acquire({ ...other, timeoutMs: 20_000 }), true);
    await lock.release(other);
    // The server may grant what was given up once more: then it is released again.
    while (await lock.locked());
  }
});

pythonTest("a wait for a condition that is cancelled has the lock again", async (client) => {
  const condition = await client.condition();
  const controller = new AbortController();
  await condition.acquire();
  const waiting = condition.wait({ signal: controller.signal });
  // The lock is free as soon as it waits.
  assertEquals(await condition.acquire({ timeoutMs: 20_000 }), true);
  controller.abort(reason);
  await assertPending(waiting, "wait()");
  await condition.release();
  assertStrictEquals(await assertRejects(() => waiting), reason);
  assertEquals(await condition.locked(), true);
  assertEquals(await condition.tryAcquire(), false);
  await condition.release();
  assertEquals(await condition.locked(), false);
});

pythonTest("a wait at a barrier that is cancelled breaks it", async (client) => {
  const barrier = await client.barrier(3);
  const controller = new AbortController();
  const waiting = barrier.wait({ signal: controller.signal });
  const other = assertRejects(() => barrier.wait(), BrokenBarrierError);
  while (await barrier.nWaiting() < 2);
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => waiting), reason);
  await other;
  await barrier.reset();
  assertEquals((await Promise.all([1, 2, 3].map(() => barrier.wait()))).toSorted(), [0, 1, 2]);
});

pythonTest("a put that was given up has put its item, or has not", async (client) => {
  const queue = await client.queue<number>(1);
  await queue.put(0);
  const early = new AbortController();
  const leaving = queue.put(1, { signal: early.signal });
  const task = spawn(() => queue.put(2));
  assertEquals(await queue.full(), true);
  await assertPending(leaving, "put()");
  early.abort(reason);
  task.cancel();
  assertStrictEquals(await assertRejects(() => leaving), reason);
  await assertRejects(async () => await task);
  assertEquals(await queue.get(), 0);
  assertEquals(await queue.empty(), true);
  // A place becomes free while it is being given up.
  for (let i = 0; i < 5; i++) {
    await queue.put(i);
    const controller = new AbortController();
    const put = queue.put(100 + i, { signal: controller.signal }).then(() => 1, () => 0);
    const got = queue.get();
    controller.abort(reason);
    assertEquals(await got, i);
    const isPut = await put;
    assertEquals(await queue.qsize(), isPut);
    if (isPut === 1) assertEquals(await queue.get(), 100 + i);
  }
});

pythonTest("an RLock has the same owner through every handle of it", async (client) => {
  const lock = await client.rlock();
  const dict = await client.dict({ lock });
  const again = (await dict.get("lock"))!;
  await lock.acquire();
  assertEquals(await again.acquire({ timeoutMs: 0 }), true);
  assertEquals(await lock.recursionCount(), 2);
  assertEquals(await again.tryAcquire({ owner: {} }), false);
  await lock.release();
  await again.release();
  assertEquals(await lock.locked(), false);
});

pythonTest(
  "a wait at a barrier that is cancelled before it has come there ends",
  async (client) => {
    const barrier = await client.barrier(2);
    const event = await client.event();
    assertEquals(await event.isSet(), false);
    const controller = new AbortController();
    // This call has the only connection that is there, so that the wait needs a new one, and the rest overtakes it.
    const asked = event.isSet();
    const waiting = barrier.wait({ signal: controller.signal });
    await asked;
    controller.abort(reason);
    assertStrictEquals(await assertRejects(() => waiting), reason);
    assertEquals(await barrier.nWaiting(), 0);
  },
);

// Several clients

pythonTest("a notification reaches another client", async (client, server) => {
  const lock = await client.lock();
  await (await client.store()).update({ condition: await client.condition(), lock });
  const other = await server.connect();
  const condition = await (await client.store()).get("condition") as Condition;
  const theirs = await (await other.store()).get("condition") as Condition;
  assertInstanceOf(theirs, Condition);
  await theirs.acquire();
  const waiting = theirs.wait();
  await condition.acquire();
  await condition.notify();
  await assertPending(waiting, "wait()");
  await condition.release();
  assertEquals(await waiting, true);
  assertEquals(await condition.tryAcquire(), false);
  await theirs.release();
});

pythonTest(
  "what is held is given back when its handle or its client is closed",
  async (client, server) => {
    const store = await client.store();
    const watched = {
      lock: await client.lock(),
      rlock: await client.rlock(),
      semaphore: await client.semaphore(1),
      condition: await client.condition(),
    };
    await store.update(watched);
    const other = await server.connect();
    const theirs = await other.store();
    for (const name of Object.keys(watched) as (keyof typeof watched)[]) {
      const first = await theirs.get(name) as Lock | RLock | Semaphore | Condition;
      assertEquals(await first.acquire(), true);
      if (name === "rlock") await first.acquire();
      assertEquals(await watched[name].tryAcquire(), false);
      await first.close();
      assertEquals(await watched[name].tryAcquire(), true);
      await watched[name].release();
      const second = await theirs.get(name) as Lock;
      assertEquals(await second.acquire(), true);
    }
    await other.close();
    for (const lock of Object.values(watched)) assertEquals(await lock.tryAcquire(), true);
  },
);

pythonTest("a closed handle ends its waits, and gives its object back", async (client) => {
  const inspector = await client.inspector();
  const before = await inspector.count();
  const queue = await client.queue();
  const condition = await client.condition();
  const barrier = await client.barrier(2);
  assertEquals(await inspector.count(), before + 3);
  await condition.acquire();
  const waits = [
    assertRejects(() => queue.get(), ConnectionClosedError),
    assertRejects(() => condition.wait(), ConnectionClosedError),
    assertRejects(() => barrier.wait(), ConnectionClosedError),
  ];
  while (await barrier.nWaiting() < 1);
  while (await condition.locked());
  await Promise.all([queue.close(), condition.close(), barrier.close()]);
  await Promise.all(waits);
  await assertRejects(() => queue.qsize(), ConnectionClosedError);
  // To give back is nothing that is waited for.
  while (await inspector.count() > before);
});

pythonTest(
  "a condition is closed although another client holds its lock",
  async (client, server) => {
    const condition = await client.condition();
    await (await client.store()).update({ condition });
    const theirs = await (await (await server.connect()).store()).get("condition") as Condition;
    await condition.acquire();
    const waiting = assertRejects(() => condition.wait(), ConnectionClosedError);
    await theirs.acquire();
    await condition.close();
    await assertPending(waiting, "wait()");
    await theirs.release();
    await waiting;
    assertEquals(await theirs.acquire({ timeoutMs: 20_000 }), true);
  },
);

pythonTest("Python and its clients see the same objects", async (client, server) => {
  const store = await client.store();
  const inspector = await client.inspector();
  const list = await client.list([1]);
  await store.update({ list, dict: await client.dict({ a: 1 }) });
  assertEquals(await inspector.types(), { list: "ListProxy", dict: "DictProxy" });
  await list.push(2);
  await inspector.append("list", 3);
  assertEquals(await inspector.length("list"), 3);
  assertEquals(await list.toArray(), [1, 2, 3]);
  const other = await server.connect();
  const theirs = await (await other.store()).get("list") as SharedList<number>;
  assertInstanceOf(theirs, SharedList);
  await theirs.set(0, 10);
  assertEquals(await list.at(0), 10);
});

pythonTest(
  "an object that is asked for while its last handle is given back is not lost",
  async (client, server) => {
    const other = await server.connect();
    for (let i = 0; i < 3; i++) {
      for (const asking of [client, other]) {
        const store = await client.store();
        // Nobody is told when the server has forgotten it.
        void (store as Partial<AsyncDisposable>)[Symbol.asyncDispose]?.();
        const again = await asking.store();
        await again.update({ i });
        assertEquals(await again.get("i"), i);
        await (again as unknown as AsyncDisposable)[Symbol.asyncDispose]();
      }
    }
  },
  ["slow-disposal"],
);

pythonTest(
  "an iteration that begins while another one is given back is not lost",
  async (client) => {
    const store = await client.store() as unknown as Store & AsyncIterable<string>;
    await store.update({ a: 1, b: 2 });
    for (let i = 0; i < 3; i++) {
      const names: string[] = [];
      for await (const name of store) names.push(name);
      // The iterator that has ended is given back now, and a new one may have its place.
      for await (const name of store) names.push(name);
      assertEquals(names, ["a", "b", "a", "b"]);
    }
  },
  ["slow-disposal"],
);

// What comes as which class

pythonTest("an object comes out as what it went in", async (client, server) => {
  const dict = await client.dict<string, unknown>();
  const made: Record<string, object> = {
    dict: await client.dict(),
    list: await client.list(),
    namespace: await client.namespace(),
    lock: await client.lock(),
    rlock: await client.rlock(),
    semaphore: await client.semaphore(),
    boundedSemaphore: await client.boundedSemaphore(3),
    condition: await client.condition(),
    event: await client.event(),
    barrier: await client.barrier(2),
    queue: await client.queue(),
    joinableQueue: await client.joinableQueue(),
    value: await client.value("int32", 4),
    array: await client.array("int32", 4),
  };
  await dict.update(made);
  const back = await dict.copy();
  const classes = [
    SharedDict,
    SharedList,
    Namespace,
    Lock,
    RLock,
    Semaphore,
    BoundedSemaphore,
    Condition,
    Event,
    Barrier,
    Queue,
    JoinableQueue,
    Value,
    SharedArray,
  ];
  assertEquals([...back.values()].map((object) => (object as object).constructor), classes);
  assertEquals((back.get("boundedSemaphore") as BoundedSemaphore).bound, 3);
  assertEquals(await (back.get("value") as Value<"int32">).get(), 4);
  assertEquals((back.get("array") as SharedArray<"int32">).length, 4);

  // To another client Python does not tell what these four need to be known.
  await (await client.store()).update({ dict });
  const theirs = await (await (await server.connect()).store()).get("dict") as typeof dict;
  const seen = await theirs.copy();
  for (const name of ["boundedSemaphore", "barrier", "value", "array"]) {
    assertEquals((seen.get(name) as object).constructor.name, "Proxied");
    seen.delete(name);
  }
  const known = classes.filter((one) =>
    ![BoundedSemaphore, Barrier, Value, SharedArray].includes(one as typeof Barrier)
  );
  assertEquals([...seen.values()].map((object) => (object as object).constructor), known);
});

pythonTest("what the user has registered stays a proxy", async (client) => {
  const other = await client.Other();
  assertEquals(await other.acquire(), "acquired");
  const lock = await client.lock() as object;
  assert(!(lock instanceof Lock));
  assertEquals(exposedMethods(lock), ["acquire"]);
}, ["strange"]);

pythonTest("a LifoQueue is there when it is registered", async (client) => {
  const queue = await client.lifoQueue<number>();
  assertInstanceOf(queue, LifoQueue);
  for (const n of [1, 2, 3]) await queue.put(n);
  assertEquals([await queue.get(), await queue.get(), await queue.get()], [3, 2, 1]);
  const refused = 'Cannot create "PriorityQueue": the manager in Python does not have it';
  await assertRejects(() => client.priorityQueue(), TypeError, refused);
}, ["lifo"]);

// What is refused

pythonTest("what takes more than one step in Python is refused", async (client) => {
  const dict = await client.dict<string, number>({ a: 1 });
  const list = await client.list([1]);
  const space = await client.namespace({ a: 1 });
  const lock = await client.lock();
  const rlock = await client.rlock();
  const semaphore = await client.semaphore();
  const condition = await client.condition();
  const value = await client.value("int32", 1);
  const array = await client.array("int32", 1);
  const never = () => {
    throw new Error("It must not be called");
  };
  const step = "has no such step";
  const tell = "does not tell";
  const refused: [() => Promise<unknown>, text: string][] = [
    [() => dict.compute("a", never), step],
    [() => dict.add("a", 1), step],
    [() => dict.statistics(), tell],
    [() => list.compute(0, never), step],
    [() => space.compute("a", never), step],
    [() => space.set("__class__" as "a", 1), "an object of Python has that for itself"],
    [() => client.namespace({ __dict__: 1 }), "an object of Python has that for itself"],
    [() => lock.markConsistent(), step],
    [() => lock.statistics(), tell],
    [() => rlock.markConsistent(), step],
    [() => rlock.statistics(), tell],
    [() => semaphore.getValue(), tell],
    [() => semaphore.markConsistent(), step],
    [() => condition.statistics(), tell],
    [() => client.event().then((event) => event.statistics()), tell],
    [() => client.queue().then((queue) => queue.statistics()), tell],
    [() => value.add(1), step],
    [() => value.compareExchange(1, 2), step],
    [() => array.add(0, 1), step],
    [() => client.condition(rlock), "with an RLock a manager in Python cannot wait"],
    [() => client.value("uint8Clamped"), 'Python has no numbers of the kind "uint8Clamped"'],
    [() => dict.set("f", (() => 1) as unknown as number), "f"],
    [() => dict.set("l", new Lock() as unknown as number), "Lock"],
  ];
  for (const [run, text] of refused) await assertRejects(run, TypeError, text);
  assertEquals(await dict.entries(), [["a", 1]]);
  assertEquals([await value.get(), await array.get(0)], [1, 0]);
});

pythonTest("an object of another manager, or of none, is refused", async (client) => {
  await using other = await openPython();
  const list = await (await other.connect()).list([1]);
  const dict = await client.dict<string, unknown>();
  await assertRejects(() => dict.set("list", list), TypeError, "it lives in another manager");
  const queue = await client.queue<unknown>();
  await queue.close();
  await assertRejects(() => dict.set("queue", queue), ConnectionClosedError);
  assertEquals(await dict.size(), 0);
});

pythonTest("an object is not passed to a process", async (client) => {
  const lock = await client.lock();
  const event = await client.event();
  const module = import.meta.resolve("./sync_targets.ts");
  await using child = new Process({ module, target: holdUntil, args: [lock, event, event] });
  await assertRejects(() => child.start(), TypeError, "it lives in a manager in Python");
  // In this process a copy of what holds it has it as well.
  await using local = new SharedDict<string, unknown>({ lock });
  const copy = await local.get("lock") as Lock;
  assertEquals(await copy.acquire(), true);
  assertEquals(await lock.tryAcquire(), false);
});

pythonTest("errors of Python come as what they are", async (client) => {
  const inspector = await client.inspector();
  const error = await assertRejects(() => inspector.append("missing", 1), PythonError);
  assertEquals([error.name, [...error.args]], ["KeyError", ["missing"]]);
  await assertRejects(
    () => client.dict([[{} as unknown as string, 1]]),
    TypeError,
    "Cannot use a key",
  );
  const lock = await client.lock();
  await assertRejects(() => lock.release(), InvalidStateError, "nobody holds it");
  await assertRejects(() => lock.acquire({ timeoutMs: -1 }), RangeError);
  await lock.acquire();
  await assertRejects(() => lock.hold({ timeoutMs: 0 }), TimeoutError);
  const queue = await client.queue(1);
  await assertRejects(() => queue.getNowait(), QueueEmptyError);
  await queue.put(1);
  await assertRejects(() => queue.putNowait(1), QueueFullError);
});

pythonTest("a server that is killed ends every wait", async (client, server) => {
  const lock = await client.lock();
  const condition = await client.condition();
  const barrier = await client.barrier(2);
  await lock.acquire();
  await condition.acquire();
  const waits = [
    assertRejects(() => lock.acquire(), ConnectionLostError),
    assertRejects(() => condition.wait(), ConnectionLostError),
    assertRejects(() => barrier.wait(), ConnectionLostError),
  ];
  while (await barrier.nWaiting() < 1);
  server.kill();
  await Promise.all(waits);
});
