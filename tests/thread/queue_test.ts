import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  CancelledError,
  QueueEmptyError,
  QueueFullError,
  QueueShutDownError,
  TimeoutError,
} from "../../coroutine/errors.ts";
import { spawn } from "../../coroutine/task.ts";
import { Lock } from "../../thread/lock.ts";
import { Queue } from "../../thread/queue.ts";
import { Value } from "../../thread/value.ts";
import { joinableQueueContract } from "../contracts/joinable_queue_contract.ts";
import { queueContract } from "../contracts/queue_contract.ts";
import type { JoinableQueueHandle, OpenQueue } from "../contracts/_queue_subject.ts";
import { assertPending, settle } from "../support/settle.ts";
import { openInThreads } from "./_remote_objects.ts";
import { doJobs, JobThread } from "./_shared_jobs.ts";

interface Place {
  name: string;
  open(options?: { maxSize?: number | undefined }): Promise<OpenQueue<JoinableQueueHandle>>;
}

const PLACES: Place[] = [
  {
    name: "thread.Queue in one thread",
    open: ({ maxSize } = {}) => {
      const queue = new Queue<number>(maxSize);
      const close = () => Promise.resolve();
      return Promise.resolve({ handles: [queue, queue], [Symbol.asyncDispose]: close });
    },
  },
  {
    name: "thread.Queue",
    open: async ({ maxSize } = {}) => {
      const opened = await openInThreads(2, new Queue<number>(maxSize));
      const [native, remote] = opened.handles as readonly JoinableQueueHandle[];
      // Half of the tests look from the first handle, half from the other: the Worker has both parts.
      return {
        handles: [remote!, native!],
        [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
      };
    },
  },
];

for (const { name, open } of PLACES) {
  queueContract(name, { order: "fifo", open });
  joinableQueueContract(name, { order: "fifo", open });
}

// What a queue between threads has beyond the contracts

/** The item as it comes out again. */
function pass(item: unknown): unknown {
  const queue = new Queue<unknown>();
  queue.putSync(item);
  return queue.getSync();
}

Deno.test("Queue carries plain data as it is", () => {
  const items = [
    undefined,
    null,
    true,
    false,
    0,
    -0,
    NaN,
    Infinity,
    1.5,
    2 ** 53,
    "",
    "a",
    "ä€😀",
    "\uFEFFmark",
    "x".repeat(24) + "é",
    "y".repeat(5_000),
    "half \uD800 of a pair",
    [],
    {},
    [1, [2, { a: "b" }], null],
    JSON.parse('{"__proto__": 1}'),
  ];
  for (const item of items) assertEquals(pass(item), item);
  assert(Object.is(pass(-0), -0));
});

Deno.test("Queue carries everything else as a structured clone", () => {
  const circle: { self?: unknown } = {};
  circle.self = circle;
  const crossed = pass(circle) as typeof circle;
  assertStrictEquals(crossed.self, crossed);
  const items = [
    10n,
    [undefined, NaN, -0],
    { at: new Date(0), of: new Map([["a", new Set([1])]]), like: /x/g },
    new Uint8Array([1, 2, 3]),
    new Float64Array([0.5]),
    new Uint8Array(0),
  ];
  for (const item of items) assertEquals(pass(item), item);
  const error = pass(new RangeError("enough", { cause: 7 }));
  assertInstanceOf(error, RangeError);
  assertEquals([error.message, error.cause], ["enough", 7]);
});

Deno.test("Queue copies what is put, also bytes of memory that is not shared", () => {
  const queue = new Queue<Uint8Array | { n: number }>();
  const [bytes, object] = [new Uint8Array([1]), { n: 1 }];
  queue.putSync(bytes);
  queue.putSync(object);
  bytes[0] = 2;
  object.n = 2;
  assertEquals([queue.getSync(), queue.getSync()], [new Uint8Array([1]), { n: 1 }]);
});

Deno.test("Queue refuses what cannot be cloned, and is as before", async () => {
  const queue = new Queue<unknown>(1);
  for (const item of [() => {}, Symbol("a"), { at: [() => {}] }, new Map([[1, () => {}]])]) {
    assertThrows(() => queue.putSync(item), TypeError, "Cannot put into queue: the item cannot be");
    assertThrows(() => queue.putNowait(item), TypeError);
    await assertRejects(() => queue.put(item), TypeError);
  }
  assertEquals(queue.statistics().unfinished, 0);
  queue.putSync(1);
  assertEquals(queue.getSync(), 1);
});

Deno.test("Queue tells what a getter has thrown of an item that cannot be cloned", () => {
  const queue = new Queue<unknown>();
  class Odd {
    readonly list = [1];
  }
  const odd = Object.defineProperty(new Odd(), "text", {
    enumerable: true,
    get() {
      throw "no reason";
    },
  });
  const { message, cause } = assertThrows(() => queue.putNowait(odd), TypeError);
  assertEquals(
    [message, cause, queue.qsize()],
    ["Cannot put into queue: the item cannot be cloned (no reason)", "no reason", 0],
  );
});

Deno.test("Queue that is shut down while an item is read refuses it", () => {
  const queue = new Queue<unknown>();
  const item = {
    get text(): string {
      // Another thread could do so in this moment.
      queue.shutdown();
      return "late";
    },
  };
  assertThrows(() => queue.putNowait(item), QueueShutDownError);
  assertEquals(queue.statistics(), {
    ...{ size: 0, maxSize: 0, unfinished: 0, getting: 0, putting: 0, joining: 0 },
  });
});

Deno.test("Queue shares what is on shared memory: words, values, locks and queues", () => {
  const [words, value, lock, inner] = [
    new Int32Array(new SharedArrayBuffer(8)),
    new Value("int32", 1),
    new Lock(),
    new Queue<string>(3),
  ];
  const crossed = pass({ words, inside: [value, lock], inner }) as {
    words: typeof words;
    inside: [typeof value, typeof lock];
    inner: typeof inner;
  };
  crossed.words[1] = 7;
  crossed.inside[0].add(1);
  crossed.inside[1].acquireSync();
  crossed.inner.putSync("here");
  assertEquals([words[1], value.value, lock.locked()], [7, 2, true]);
  assertEquals([inner.getSync(), crossed.inner.maxSize], ["here", 3]);
});

Deno.test("Queue shares memory that is shown by a view alone, and keeps what views have in common", () => {
  const words = new Int32Array(new SharedArrayBuffer(16), 4, 2);
  for (const [n, item] of [words, [words], new Map([["at", words]])].entries()) {
    const crossed = pass(item) as unknown;
    const view = (crossed instanceof Map ? crossed.get("at") : [crossed].flat()[0]) as Int32Array;
    view[1] = n + 1;
    assertEquals([view.byteOffset, words[1]], [4, n + 1]);
  }
  const bytes = new Uint8Array(16);
  const [left, right] = pass([bytes.subarray(0, 4), new DataView(bytes.buffer, 4)]) as [
    Uint8Array,
    DataView,
  ];
  assertStrictEquals(left.buffer, right.buffer);
  assertEquals([left.byteLength, right.byteOffset, right.byteLength], [4, 4, 12]);
});

Deno.test("Queue that came through a queue is the same one, in another thread", async () => {
  const [outer, middle, inner] = [
    new Queue<Queue<Queue<string>>>(),
    new Queue<Queue<string>>(),
    new Queue<string>(),
  ];
  outer.putNowait(middle);
  middle.putNowait(inner);
  await doJobs(["relay", { queue: outer }]);
  assertEquals(inner.getSync(), "found");
});

Deno.test("Queue gives up shared memory that nobody gets", async () => {
  const queue = new Queue<unknown>(1);
  queue.putNowait(new Lock());
  // Each way on which an item does not get in, or is thrown away.
  assertThrows(() => queue.putNowait(new Lock()), QueueFullError);
  await assertRejects(() => queue.put(new Lock(), { timeoutMs: 1 }), QueueFullError);
  queue.shutdown({ immediate: true });
  assertThrows(() => queue.putNowait(new Lock()), QueueShutDownError);
  assertEquals(queue.statistics().unfinished, 0);
});

Deno.test("Queue holds items of any size, and uses its memory again", () => {
  const queue = new Queue<unknown>();
  const big = new Uint8Array(3_000_000).fill(7);
  for (let round = 0; round < 50; round++) {
    queue.putNowait(big);
    queue.putNowait(round);
    assertEquals((queue.getNowait() as Uint8Array).length, big.length);
    assertEquals(queue.getNowait(), round);
  }
  for (let n = 0; n < 20_000; n++) queue.putNowait(n);
  for (let n = 0; n < 20_000; n++) assertEquals(queue.getNowait(), n);
  assert(queue.empty());
});

Deno.test("Queue.putNowait() of what is too large throws RangeError, and leaves nothing", () => {
  const queue = new Queue<unknown>();
  queue.putNowait(1);
  assertThrows(
    () => queue.putNowait(new Uint8Array(2 ** 29)),
    RangeError,
    "do not fit into its memory",
  );
  assertEquals([queue.getNowait(), queue.empty(), queue.statistics().unfinished], [1, true, 1]);
});

Deno.test("Queue.maxSize can be set while others wait", async () => {
  const queue = new Queue<number>(1);
  const puts = [1, 2, 3, 4].map((n) => queue.put(n));
  assertEquals(queue.statistics().putting, 3);
  queue.maxSize = 3;
  await Promise.all(puts.slice(0, 3));
  assertEquals([queue.qsize(), queue.statistics().putting, queue.full()], [3, 1, true]);
  queue.maxSize = -1;
  await puts[3];
  assertEquals([queue.maxSize, queue.full(), queue.qsize()], [0, false, 4]);
  queue.maxSize = 2;
  assertThrows(() => queue.putNowait(5), QueueFullError, "queue holds 4 of 2 items");
  for (const bad of [1.5, NaN, "1" as never, null as never]) {
    assertThrows(() => queue.maxSize = bad, TypeError, '"maxSize" must be a whole number');
    assertThrows(() => new Queue(bad), TypeError, '"maxSize" must be a whole number');
  }
  assertEquals(new Queue(Infinity).maxSize, 0);
});

Deno.test("Queue.putSync(), getSync() and joinSync() fail in time, and leave nothing", () => {
  const queue = new Queue<number>(1);
  for (const timeoutMs of [0, 1]) {
    assertThrows(() => queue.getSync({ timeoutMs }), QueueEmptyError, "queue is empty");
  }
  queue.putSync(1, { timeoutMs: 0 });
  for (const timeoutMs of [0, 1]) {
    assertThrows(() => queue.putSync(2, { timeoutMs }), QueueFullError, "holds 1 of 1");
    assertThrows(() => queue.joinSync({ timeoutMs }), TimeoutError, `after ${timeoutMs} ms`);
  }
  assertThrows(() => queue.getSync({ timeoutMs: -1 }), RangeError, '"timeoutMs" must be');
  assertThrows(() => queue.putSync(1, { timeoutMs: NaN }), RangeError, '"timeoutMs" must be');
  assertThrows(() => queue.joinSync({ timeoutMs: "1" as never }), TypeError, '"timeoutMs" must');
  assertEquals(queue.statistics(), {
    ...{ size: 1, maxSize: 1, unfinished: 1 },
    ...{ getting: 0, putting: 0, joining: 0 },
  });
  assertEquals(queue.getSync({ timeoutMs: 0 }), 1);
  queue.taskDone();
  queue.joinSync();
  queue.shutdown();
  assertThrows(() => queue.getSync(), QueueShutDownError, "get from");
  assertThrows(() => queue.putSync(1), QueueShutDownError, "put into");
});

Deno.test("Queue.joinSync() blocks a thread until all is done, or thrown away", async () => {
  const queue = new Queue<number>();
  queue.putNowait(1);
  queue.putNowait(2);
  using joining = new JobThread("joinQueue", { queue });
  while (queue.statistics().joining < 1) await settle();
  queue.getNowait();
  queue.taskDone();
  await assertPending(joining.result, "joinSync");
  queue.shutdown({ immediate: true });
  assertEquals(await joining.result, 0);
});

Deno.test("Queue is iterated until it is shut down and empty, in both forms", async () => {
  const queue = new Queue<number>();
  for (const n of [1, 2, 3]) queue.putNowait(n);
  queue.shutdown();
  const taken: number[] = [];
  for await (const n of queue) {
    taken.push(n);
    if (n === 2) break;
  }
  assertEquals([...taken, ...queue], [1, 2, 3]);
});

Deno.test("Queue ends a loop over it with the task in which it runs", async () => {
  const queue = new Queue<number>();
  const seen: number[] = [];
  const task = spawn(async () => {
    for await (const item of queue) seen.push(item);
  });
  await queue.put(1);
  await settle();
  task.cancel();
  await assertRejects(async () => await task, CancelledError);
  assertEquals([seen, queue.statistics().getting], [[1], 0]);
});

Deno.test("Queue shares what is within sets, maps and circles, and beside the elements of an array", () => {
  const lock = new Lock();
  const list = Object.assign([lock], { more: 1 });
  const set = new Set<unknown>([lock, 1]);
  const map = new Map<string, unknown>([["lock", lock]]);
  const item = { set: set.add(set), map: map.set("map", map), list, self: {} };
  item.self = item;
  const passed = pass(item) as typeof item;
  assertStrictEquals(passed.self, passed);
  const [inSet] = passed.set as Set<Lock>;
  assertEquals([passed.set.size, passed.list.length, passed.list.more], [3, 1, 1]);
  assert(passed.set.has(passed.set) && passed.map.get("map") === passed.map);
  lock.acquireSync();
  for (const other of [inSet!, passed.map.get("lock") as Lock, passed.list[0]!]) {
    assertInstanceOf(other, Lock);
    assertEquals(other.locked(), true);
  }
  assertStrictEquals(passed.map.get("lock"), inSet);
});

Deno.test("Queue.put() and get() end with the task that waits", async () => {
  const queue = new Queue<number>(1);
  const getting = spawn(() => queue.get());
  await settle();
  assertEquals(queue.statistics().getting, 1);
  getting.cancel();
  await assertRejects(() => getting);
  assertEquals(queue.statistics().getting, 0);
  queue.putNowait(1);
  const putting = spawn(() => queue.put(2));
  await settle();
  putting.cancel();
  await assertRejects(() => putting);
  assertEquals([queue.getNowait(), queue.empty(), queue.statistics().putting], [1, true, 0]);
});

Deno.test("Queue shows its figures", () => {
  const queue = new Queue<number>(2);
  queue.putNowait(1);
  assertEquals(String(queue), "Queue { size: 1, maxSize: 2, unfinished: 1 }");
  queue.shutdown();
  const shown = "Queue { size: 1, maxSize: 2, unfinished: 1, isShutdown: true }";
  assertEquals(Deno.inspect(queue), shown);
});

Deno.test("Queue.put() refuses shared memory where the runtime cannot write it down, and loses nothing", () => {
  const queue = new Queue<unknown>();
  const words = new Int32Array(new SharedArrayBuffer(8));
  queue.putNowait(words);
  const runtime = Object.getOwnPropertyDescriptor(globalThis, "Deno")!;
  Object.defineProperty(globalThis, "Deno", { value: {}, configurable: true });
  try {
    assertThrows(
      () => queue.putNowait(words),
      TypeError,
      "Cannot put into queue: the item cannot be cloned (this version of the runtime hands shared memory over by postMessage() only)",
    );
    queue.putNowait(new Date(7));
  } finally {
    Object.defineProperty(globalThis, "Deno", runtime);
  }
  const received = queue.getNowait() as typeof words;
  received[0] = 3;
  assertEquals(words[0], 3);
  assertEquals(queue.getNowait(), new Date(7));
  assertEquals(queue.statistics().size, 0);
});
