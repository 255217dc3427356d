import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { QueueEmptyError, QueueFullError, QueueShutDownError } from "../../coroutine/mod.ts";
import { connectSession } from "../../ipc/_connect.ts";
import { decode, encode } from "../../ipc/_encoding.ts";
import { familyKey } from "../../ipc/_family.ts";
import { toWire } from "../../ipc/_portable.ts";
import { makeProxy } from "../../ipc/_proxy.ts";
import type { RemoteObject, Session } from "../../ipc/_session.ts";
import { ConnectionClosedError, Queue, type Remote } from "../../ipc/mod.ts";
import { guard } from "../support/guard.ts";
import { assertPending, settle } from "../support/settle.ts";
import { utf8 } from "./_bytes.ts";

const REASON = new Error("enough");

/** The queue as it arrives in another process: over the wire, to be reached over a connection. */
function cross<T>(queue: Queue<T>): Queue<T> {
  const { encoding, payload } = encode([queue]);
  const bytes = typeof payload === "string" ? utf8(payload) : payload.slice();
  const [crossed] = decode(encoding, bytes as Uint8Array<ArrayBuffer>) as [Queue<T>];
  assertInstanceOf(crossed, Queue);
  assert(crossed !== queue);
  return crossed;
}

/** Borrows the queue as a process of the family does, over a connection of its own. */
async function borrow<T>(queue: Queue<T>): Promise<{ session: Session; proxy: Remote<Queue<T>> }> {
  const { port, id } = toWire(queue)!.data as { port: number; id: string };
  const address = { hostname: "127.0.0.1", port };
  const { session, root } = await connectSession(address, { key: familyKey() });
  const object = await session.call(root, "borrow", [id]) as RemoteObject;
  return { session, proxy: makeProxy(session, object) };
}

/** Waits until the queue is as it should be, which another side of a connection brings about. */
async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  await guard(
    (async () => {
      while (!await isSo()) await settle();
    })(),
    () => what,
  );
}

// The same rules here and there

interface Place {
  name: string;
  /** A queue, and another view of it. */
  open<T>(maxSize?: number): { queue: Queue<T>; other: Queue<T>; close(): Promise<void> };
}

const PLACES: Place[] = [
  {
    name: "ipc.Queue in its own process",
    open: <T>(maxSize?: number) => {
      const queue = new Queue<T>(maxSize);
      return { queue, other: queue, close: () => queue.close() };
    },
  },
  {
    name: "ipc.Queue of another process",
    open: <T>(maxSize?: number) => {
      const other = new Queue<T>(maxSize);
      const queue = cross(other);
      return {
        queue,
        other,
        close: async () => {
          await queue.close();
          await other.close();
        },
      };
    },
  },
];

for (const { name, open } of PLACES) {
  Deno.test(`${name} gives first what was put first [cpython: _TestQueue.test_put, _TestQueue.test_get]`, async () => {
    const { queue, other, close } = open<unknown>();
    for (const item of [1, "two", { three: [3n] }]) await queue.put(item);
    await other.put(undefined);
    assertEquals([await queue.get(), await other.get(), await queue.getNowait()], [1, "two", {
      three: [3n],
    }]);
    assertStrictEquals(await queue.get(), undefined);
    await close();
  });

  Deno.test(`${name} counts its items [cpython: _TestQueue.test_qsize]`, async () => {
    const { queue, close } = open<number>(2);
    assertEquals([await queue.qsize(), await queue.empty(), await queue.full()], [0, true, false]);
    await queue.put(1);
    await queue.putNowait(2);
    assertEquals([await queue.qsize(), await queue.empty(), await queue.full()], [2, false, true]);
    const { size, maxSize } = await queue.statistics();
    assertEquals([size, maxSize], [2, 2]);
    await close();
  });

  Deno.test(`${name} fails at once or after a time when it is full or empty [cpython: _TestQueue.test_timeout]`, async () => {
    const { queue, close } = open<number>(1);
    await assertRejects(() => queue.getNowait(), QueueEmptyError);
    await assertRejects(() => queue.get({ timeoutMs: 0 }), QueueEmptyError);
    await assertRejects(() => queue.get({ timeoutMs: 1 }), QueueEmptyError);
    await queue.put(1);
    await assertRejects(() => queue.putNowait(2), QueueFullError, "queue holds 1 of 1 items");
    await assertRejects(() => queue.put(2, { timeoutMs: 0 }), QueueFullError);
    await assertRejects(() => queue.put(2, { timeoutMs: 1 }), QueueFullError);
    await assertRejects(() => queue.get({ timeoutMs: -1 }), RangeError);
    assertEquals([await queue.get(), await queue.qsize()], [1, 0]);
    await close();
  });

  Deno.test(`${name} waits to put and to get`, async () => {
    const { queue, other, close } = open<number>(1);
    const get = queue.get();
    await assertPending(get, "get");
    await other.put(1);
    assertEquals(await get, 1);
    await other.put(2);
    const put = queue.put(3);
    await assertPending(put, "put");
    assertEquals([await other.get(), await other.get()], [2, 3]);
    await put;
    await close();
  });

  Deno.test(`${name} takes nothing with a get that was cancelled, and leaves nothing with a put`, async () => {
    const { queue, other, close } = open<number>(1);
    const getting = new AbortController();
    const get = queue.get({ signal: getting.signal });
    await until(async () => (await other.statistics()).getting === 1, "the get to wait");
    getting.abort(REASON);
    assertStrictEquals(await assertRejects(() => get), REASON);
    await other.put(1);
    const putting = new AbortController();
    const put = queue.put(2, { signal: putting.signal });
    await until(async () => (await other.statistics()).putting === 1, "the put to wait");
    putting.abort(REASON);
    assertStrictEquals(await assertRejects(() => put), REASON);
    const { signal } = putting;
    assertStrictEquals(await assertRejects(() => queue.get({ signal })), REASON);
    assertEquals([await queue.get(), await other.qsize()], [1, 0]);
    await close();
  });

  Deno.test(`${name} refuses use after close [cpython: _TestQueue.test_closed_queue_put_get_exceptions, _TestQueue.test_closed_queue_empty_exceptions]`, async () => {
    const { queue, close } = open<number>();
    await queue.put(1);
    await queue.close();
    await queue.close();
    for (
      const use of [
        () => queue.put(1),
        () => queue.putNowait(1),
        () => queue.get(),
        () => queue.getNowait(),
        () => queue.qsize(),
        () => queue.empty(),
        () => queue.full(),
        () => queue.statistics(),
      ]
    ) await assertRejects(use, ConnectionClosedError, "the queue is closed");
    assertThrows(() => encode(queue), ConnectionClosedError, "Cannot pass on");
    await close();
  });

  Deno.test(`${name} is closed when it is disposed, also twice`, async () => {
    const { queue, close } = open<number>();
    {
      await using _ = queue;
    }
    await queue[Symbol.asyncDispose]();
    await assertRejects(() => queue.put(1), ConnectionClosedError);
    await close();
  });
}

Deno.test("ipc.Queue refuses a maxSize that is no whole number", () => {
  assertThrows(() => new Queue(1.5), TypeError);
});

Deno.test("ipc.Queue that is never passed on opens no port", async () => {
  await using queue = new Queue<number>();
  await queue.put(1);
  assertEquals(await queue.get(), 1);
  // A port would be found by the sanitizer, since this is the only end of the queue.
});

// Passing on

Deno.test("ipc.Queue crosses as a reference, and every reference is the same queue", async () => {
  await using queue = new Queue<number>();
  await using first = cross(queue);
  await using second = cross(queue);
  await using third = cross(first);
  await first.put(1);
  await second.put(2);
  await third.put(3);
  assertEquals([await queue.get(), await third.get(), await first.get()], [1, 2, 3]);
});

Deno.test("ipc.Queue carries a queue as an item", async () => {
  await using queue = new Queue<Queue<string>>();
  await using answers = new Queue<string>();
  await using there = cross(queue);
  await there.put(answers);
  await using received = await queue.get();
  await received.put("answer");
  assertEquals(await answers.get(), "answer");
});

Deno.test("ipc.Queue refuses an item that cannot be carried, and an item that is one stays", async () => {
  await using queue = new Queue<unknown>();
  await using there = cross(queue);
  await assertRejects(() => there.put(() => 1), TypeError, "Cannot carry a function");
  // In its own process nothing crosses: the item is the very same.
  const callback = () => 1;
  await queue.put(callback);
  await assertRejects(() => there.get(), TypeError, "Cannot carry function callback");
  assertStrictEquals(await queue.get(), callback);
});

Deno.test("ipc.Queue passes many items both ways at a time", async () => {
  await using tasks = new Queue<number>(10);
  await using results = new Queue<number>(10);
  const [theirTasks, theirResults] = [cross(tasks), cross(results)];
  const count = 500;
  const worker = (async () => {
    for (let i = 0; i < count; i++) {
      const task = await theirTasks.get();
      await theirResults.put(task * task);
    }
    await theirTasks.close();
    await theirResults.close();
  })();
  const feeder = (async () => {
    for (let i = 0; i < count; i++) await tasks.put(i);
  })();
  for (let i = 0; i < count; i++) assertEquals(await results.get(), i * i);
  await Promise.all([worker, feeder]);
});

Deno.test("ipc.Queue refuses a reference that is not well formed", () => {
  for (const data of [null, 5, {}, { port: 1 }, { port: "1", id: "a" }, { port: 1, id: 5 }]) {
    const head = utf8(JSON.stringify([{ path: [], wire: { type: "ipc.Queue", data } }]));
    const payload = new Uint8Array([0, 0, 0, head.length, ...head, 0]);
    assertThrows(() => decode(4, payload), TypeError, "Cannot receive a queue");
  }
});

// Closing

Deno.test("ipc.Queue that its owner closed ends for everybody", async () => {
  const queue = new Queue<number>();
  const there = cross(queue);
  const waiting = there.get();
  const here = queue.get();
  await until(async () => (await queue.statistics()).getting === 2, "both gets to wait");
  const closing = queue.close();
  await assertRejects(() => here, QueueShutDownError);
  // Told that it is shut down, or that the owner's port is closed, whichever is faster.
  await assertRejects(() => waiting, Error);
  await closing;
  await assertRejects(() => there.put(1), Error);
  await there.close();
});

Deno.test("ipc.Queue that a borrower closed stays for the others", async () => {
  await using queue = new Queue<number>();
  const first = cross(queue);
  await using second = cross(queue);
  await first.put(1);
  await second.put(2);
  await first.close();
  assertEquals([await second.get(), await queue.get()], [1, 2]);
});

Deno.test("ipc.Queue that a borrower closes ends its calls in flight, also on a shared connection", async () => {
  await using queue = new Queue<number>();
  const first = cross(queue);
  await using second = cross(queue);
  await second.put(1);
  assertEquals(await first.get(), 1);
  const waiting = first.get({ signal: new AbortController().signal });
  await until(async () => (await queue.statistics()).getting === 1, "the get to wait");
  await first.close();
  await assertRejects(() => guard(waiting, () => "the get"), ConnectionClosedError);
  await second.put(2);
  assertEquals(await queue.get(), 2);
});

Deno.test("ipc.Queue can be closed before it was used", async () => {
  const queue = new Queue<number>();
  await cross(queue).close();
  await queue.close();
});

Deno.test("ipc.Queue that its owner closed before it was used says so", async () => {
  await using other = new Queue<number>();
  await using keepsThePortOpen = cross(other);
  await keepsThePortOpen.put(1);
  const queue = new Queue<number>();
  const there = cross(queue);
  await queue.close();
  await assertRejects(() => there.put(1), ReferenceError, "its owner has closed it");
  await there.close();
});

Deno.test("ipc.Queue can be borrowed while another one gives its connection up", async () => {
  await using first = new Queue<number>();
  await using second = new Queue<number>();
  for (let round = 0; round < 20; round++) {
    const there = cross(first);
    await there.put(round);
    const next = cross(second);
    // Whatever the number of steps between the two, the connection is not closed under the second one.
    const closing = there.close();
    for (let step = 0; step < round; step++) await Promise.resolve();
    await next.put(round);
    await closing;
    assertEquals([await first.get(), await second.get()], [round, round]);
    await next.close();
  }
});

Deno.test("ipc.Queue can be used again and again, with a port each time", async () => {
  for (let round = 0; round < 10; round++) {
    await using queue = new Queue<number>();
    await using there = cross(queue);
    await there.put(round);
    assertEquals(await queue.get(), round);
  }
});

// A process that dies

Deno.test("ipc.Queue takes nothing with a get whose process died", async () => {
  await using queue = new Queue<number>();
  const { session, proxy } = await borrow(queue);
  const get = proxy.get();
  await until(async () => (await queue.statistics()).getting === 1, "the get to wait");
  await session.close();
  await assertRejects(() => get, ConnectionClosedError);
  await until(async () => (await queue.statistics()).getting === 0, "the get to be forgotten");
  await queue.put(1);
  assertEquals(await queue.get({ timeoutMs: 0 }), 1);
});

Deno.test("ipc.Queue has an item at its head again whose process died before it had it", async () => {
  await using queue = new Queue<string>();
  const { port, id } = toWire(queue)!.data as { port: number; id: string };
  // A client that asks for an item and does not say that it has it.
  const address = { hostname: "127.0.0.1", port };
  const connected = await connectSession(address, { key: familyKey() });
  const object = await connected.session.call(connected.root, "borrow", [id]) as RemoteObject;
  connected.session.notify(object, "get", []);
  for (const item of ["a", "b", "c"]) await queue.put(item);
  await until(async () => await queue.qsize() === 3, "the item to come back");
  await connected.session.close();
  assertEquals([await queue.get(), await queue.get(), await queue.get()], ["a", "b", "c"]);
  assert(await queue.empty());
});

Deno.test(
  "ipc.Queue takes less than 200 bytes for each small item, whoever has put it",
  async () => {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--allow-net=127.0.0.1",
        `--allow-run=deno,${Deno.execPath()}`,
        "--v8-flags=--expose-gc",
        String(new URL("fixtures/queue_memory.ts", import.meta.url)),
      ],
    }).output();
    const decoder = new TextDecoder();
    assertEquals(decoder.decode(stderr), "");
    const { here, child } = JSON.parse(decoder.decode(stdout));
    // The number itself is 16, the object around it 20 or more.
    assert(here > 16 && here < 200, `${here} bytes`);
    assert(child > 16 && child < 200, `${child} bytes`);
  },
);
