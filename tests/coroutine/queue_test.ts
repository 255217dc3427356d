import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  LifoQueue,
  PriorityQueue,
  Queue,
  QueueEmptyError,
  QueueFullError,
  QueueShutDownError,
} from "../../coroutine/mod.ts";
import { joinableQueueContract } from "../contracts/joinable_queue_contract.ts";
import { queueContract } from "../contracts/queue_contract.ts";
import { orderOf, type QueueOrder } from "../contracts/_queue_subject.ts";
import { countListeners } from "../support/listeners.ts";
import { assertPending, settle } from "../support/settle.ts";
import { createRandom } from "./_random.ts";

interface Kind {
  name: string;
  order: QueueOrder;
  make(maxSize?: number): Queue<number>;
}

const KINDS: Kind[] = [
  { name: "Queue", order: "fifo", make: (maxSize) => new Queue<number>(maxSize) },
  { name: "LifoQueue", order: "lifo", make: (maxSize) => new LifoQueue<number>(maxSize) },
  {
    name: "PriorityQueue",
    order: "priority",
    make: (maxSize) => new PriorityQueue<number>(maxSize),
  },
];

for (const kind of KINDS) {
  const { name, order, make } = kind;
  const open = (options: { maxSize?: number | undefined } = {}) => {
    const queue = make(options.maxSize);
    return { handles: [queue, queue] as const, [Symbol.asyncDispose]: () => Promise.resolve() };
  };
  queueContract(name, { order, open });
  joinableQueueContract(name, { order, open });
  testOnOneLoop(kind);
}

/** What all queues of the room have beyond the contracts, and what only one loop can tell. */
function testOnOneLoop({ name, make, order: kindOfOrder }: Kind): void {
  const REASON = new Error("enough");
  const order = (items: number[]) => orderOf(kindOfOrder, items);

  function fill(queue: Queue<number>, items: number[]): void {
    for (const item of items) queue.putNowait(item);
  }

  function drain(queue: Queue<number>): number[] {
    const items: number[] = [];
    while (!queue.empty()) items.push(queue.getNowait());
    return items;
  }

  Deno.test(`${name} carries undefined-like items as items`, async () => {
    const queue = name === "PriorityQueue"
      ? new PriorityQueue<unknown>(0, { compare: () => 0 })
      : make() as Queue<unknown>;
    for (const item of [undefined, null, 0, ""]) {
      queue.putNowait(item);
      assertEquals(queue.qsize(), 1);
      assertStrictEquals(await queue.get(), item);
      assert(queue.empty());
    }
    const waiting = queue.get();
    queue.putNowait(undefined);
    assertStrictEquals(await waiting, undefined);
  });

  // The limit

  Deno.test(`${name} takes 0, a negative number and Infinity as no limit`, () => {
    for (const maxSize of [0, -1, -0, Infinity]) {
      const queue = make(maxSize);
      fill(queue, [1, 2, 3]);
      assertStrictEquals(queue.maxSize, 0);
      assert(!queue.full());
    }
  });

  Deno.test(`${name} refuses a maxSize that is no whole number`, () => {
    const queue = make(2);
    for (const maxSize of [1.5, NaN, -Infinity, "2", null, {}, true]) {
      const message = '"maxSize" must be a whole number';
      assertThrows(() => make(maxSize as number), TypeError, message);
      assertThrows(() => queue.maxSize = maxSize as number, TypeError, message);
    }
    assertEquals(queue.maxSize, 2);
  });

  Deno.test(`${name}.maxSize that is lowered takes nothing out, and lets nothing in [cpython: BaseQueueTestMixin.test_shrinking_queue]`, async () => {
    const queue = make(3);
    fill(queue, [1, 2, 3]);
    assertThrows(() => queue.putNowait(4), QueueFullError, "queue holds 3 of 3 items");
    queue.maxSize = 2;
    assertThrows(() => queue.putNowait(4), QueueFullError, "queue holds 3 of 2 items");
    const waiting = queue.put(4);
    const taken = [queue.getNowait()];
    await assertPending(waiting, "put");
    taken.push(queue.getNowait());
    await waiting;
    assert(queue.full());
    assertEquals([...taken, ...drain(queue)].toSorted(), [1, 2, 3, 4]);
  });

  Deno.test(`${name}.maxSize that is raised lets in as many of those who wait`, async () => {
    const queue = make(1);
    queue.putNowait(1);
    const waiting = [2, 3, 4].map((item) => queue.put(item));
    queue.maxSize = 3;
    await Promise.all(waiting.slice(0, 2));
    await assertPending(waiting[2]!, "the last put");
    assertEquals([queue.qsize(), queue.statistics().putting], [3, 1]);
    queue.maxSize = 0;
    await waiting[2];
    assertEquals([queue.qsize(), queue.maxSize, queue.full()], [4, 0, false]);
    queue.maxSize = Infinity;
    assertEquals(queue.maxSize, 0);
  });

  // Waiting

  Deno.test(`${name} serves those who began to wait in the same tick in their order`, async () => {
    const empty = make();
    const getters = [empty.get(), empty.get(), empty.get()];
    fill(empty, [30, 10, 20]);
    assertEquals(await Promise.all(getters), [30, 10, 20]);
    const full = make(1);
    full.putNowait(9);
    const settled: number[] = [];
    const putters = [30, 10, 20].map((item) => full.put(item).then(() => settled.push(item)));
    const taken: number[] = [];
    for (let i = 0; i < 4; i++) taken.push(await full.get());
    await Promise.all(putters);
    assertEquals([taken, settled], [[9, 30, 10, 20], [30, 10, 20]]);
  });

  Deno.test(`${name} lets many getters leave from anywhere in the line`, async () => {
    const queue = make();
    const count = 100_000;
    const middle: AbortController[] = [];
    const getters = Array.from({ length: count }, (_, i) => {
      if (i < count / 4 || i >= count * 3 / 4) return queue.get();
      const own = new AbortController();
      middle.push(own);
      return queue.get({ signal: own.signal }).catch((error) => {
        assertStrictEquals(error, REASON);
        return -1;
      });
    });
    assertEquals(queue.statistics().getting, count);
    for (const own of middle) own.abort(REASON);
    assertEquals(queue.statistics().getting, count / 2);
    for (let i = 0; i < count / 2; i++) queue.putNowait(i);
    const got = await Promise.all(getters);
    assertEquals(got.filter((item) => item === -1).length, count / 2);
    assert(got.filter((item) => item !== -1).every((item, i) => item === i));
    assertEquals([queue.statistics().getting, queue.qsize()], [0, 0]);
  });

  // Signals

  Deno.test(`${name}.get() that was granted before the abort keeps its item [cpython: QueuePutTests.test_get_cancel_drop_one_pending_reader]`, async () => {
    const queue = make();
    const controller = new AbortController();
    const getting = queue.get({ signal: controller.signal });
    queue.putNowait(1);
    controller.abort(REASON);
    assertEquals(await getting, 1);
    assert(queue.empty());
  });

  Deno.test(`${name}.put() that was let in before the abort stays in [cpython: QueuePutTests.test_put_cancel_drop, QueuePutTests.test_cancelled_put_silence_value_error_exception]`, async () => {
    const queue = make(1);
    queue.putNowait(1);
    const controller = new AbortController();
    const putting = queue.put(2, { signal: controller.signal });
    assertEquals(queue.getNowait(), 1);
    controller.abort(REASON);
    await putting;
    assertEquals(drain(queue), [2]);
  });

  Deno.test(`${name}.get() that was aborted before the put gets nothing, in the same tick`, async () => {
    const queue = make();
    const controller = new AbortController();
    const getting = queue.get({ signal: controller.signal });
    controller.abort(REASON);
    queue.putNowait(1);
    assertStrictEquals(await assertRejects(() => getting), REASON);
    assertEquals(drain(queue), [1]);
  });

  Deno.test(`${name} hands the item of a cancelled get to the next one, in the same tick`, async () => {
    const queue = make();
    const controller = new AbortController();
    const first = queue.get();
    const second = queue.get({ signal: controller.signal });
    const third = queue.get();
    controller.abort(REASON);
    fill(queue, [1, 2]);
    assertEquals(await Promise.all([first, third]), [1, 2]);
    await assertRejects(() => second);
    assertEquals(queue.statistics().getting, 0);
  });

  Deno.test(`${name} lets in the others when a put between them was cancelled, in the same tick`, async () => {
    const queue = make(1);
    queue.putNowait(1);
    const controller = new AbortController();
    const second = queue.put(2);
    const third = queue.put(3, { signal: controller.signal });
    const fourth = queue.put(4);
    controller.abort(REASON);
    const taken = [await queue.get(), await queue.get(), await queue.get()];
    assertEquals(taken, [1, 2, 4]);
    await Promise.all([second, fourth]);
    await assertRejects(() => third);
    assert(queue.empty());
  });

  Deno.test(`${name} leaves no listener on a signal, however the wait ends`, async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const listeners = countListeners(signal);
    const queue = make(1);
    const granted = queue.get({ signal });
    assertEquals(listeners.count, 1);
    queue.putNowait(1);
    await granted;
    assertEquals(listeners.count, 0);
    await assertRejects(() => queue.get({ signal, timeoutMs: 1 }), QueueEmptyError);
    assertEquals(listeners.count, 0);
    queue.putNowait(2);
    const put = queue.put(3, { signal });
    const join = queue.join({ signal });
    assertEquals(listeners.count, 2);
    controller.abort(REASON);
    await assertRejects(() => put);
    await assertRejects(() => join);
    assertEquals(listeners.count, 0);
  });

  // Shutdown and iteration

  Deno.test(`${name}.isShutdown tells that it was shut down, in either form and again [cpython: BaseQueueTestMixin.test_shutdown_allowed_transitions]`, () => {
    for (const first of [false, true]) {
      for (const second of [false, true]) {
        const queue = make();
        fill(queue, [1, 2]);
        assert(!queue.isShutdown);
        queue.shutdown({ immediate: first });
        assert(queue.isShutdown);
        queue.shutdown({ immediate: second });
        assert(queue.isShutdown);
        assertEquals(queue.qsize(), first || second ? 0 : 2);
      }
    }
  });

  Deno.test(`${name} iterates until it is shut down and empty`, async () => {
    const queue = make();
    fill(queue, [2, 1]);
    const taken: number[] = [];
    const consumer = (async () => {
      for await (const item of queue) taken.push(item);
    })();
    await assertPending(consumer, "the loop");
    queue.putNowait(3);
    await settle();
    queue.shutdown();
    await consumer;
    assertEquals(taken, [...order([2, 1]), 3]);
  });

  Deno.test(`${name} keeps what a loop that was left did not take`, async () => {
    const queue = make();
    fill(queue, [1, 2, 3]);
    for await (const item of queue) {
      assertEquals(item, order([1, 2, 3])[0]);
      break;
    }
    assertEquals(drain(queue), order([1, 2, 3]).slice(1));
  });

  Deno.test(`${name}.shutdown() in the midst of writers ends the loops of readers`, async () => {
    const queue = make(8);
    let put = 0;
    const taken: number[] = [];
    const writers = Array.from({ length: 4 }, async () => {
      try {
        for (;;) {
          await queue.put(put + 1);
          if (++put === 2_000) queue.shutdown();
        }
      } catch (error) {
        assertInstanceOf(error, QueueShutDownError);
      }
    });
    const readers = Array.from({ length: 6 }, async () => {
      for await (const item of queue) taken.push(item);
    });
    await Promise.all([...writers, ...readers]);
    assertEquals(taken.length, queue.statistics().unfinished);
    assertEquals([queue.qsize(), queue.statistics().putting], [0, 0]);
  });

  Deno.test(`${name} is iterated by two workers until join() ends`, async () => {
    const queue = make();
    for (let i = 0; i < 100; i++) queue.putNowait(i);
    let sum = 0;
    const workers = [1, 2].map(async () => {
      for await (const item of queue) {
        await Promise.resolve();
        sum += item;
        queue.taskDone();
      }
    });
    await queue.join();
    assertEquals(sum, 4950);
    queue.shutdown();
    await Promise.all(workers);
  });

  // What it tells of itself

  Deno.test(`${name}.statistics() has all of its figures`, async () => {
    const queue = make(1);
    const getting = queue.get();
    assertEquals(queue.statistics(), {
      size: 0,
      maxSize: 1,
      unfinished: 0,
      getting: 1,
      putting: 0,
      joining: 0,
    });
    queue.putNowait(1);
    await getting;
    queue.putNowait(2);
    const putting = queue.put(3);
    const joining = queue.join();
    assertEquals(queue.statistics(), {
      size: 1,
      maxSize: 1,
      unfinished: 2,
      getting: 0,
      putting: 1,
      joining: 1,
    });
    queue.getNowait();
    await putting;
    for (let i = 0; i < 3; i++) queue.taskDone();
    await joining;
  });

  Deno.test(`${name}.toString() tells the figures that are not zero [cpython: QueueBasicTests.test_str, _QueueJoinTestMixin.test_format, _QueueShutdownTestMixin.test_format]`, async () => {
    const queue = make(2);
    assertEquals(`${queue}`, `${name} { size: 0, maxSize: 2 }`);
    const getters = [queue.get(), queue.get()];
    assertEquals(`${queue}`, `${name} { size: 0, maxSize: 2, getting: 2 }`);
    fill(queue, [1, 2, 3, 4]);
    assertEquals(await Promise.all(getters), [1, 2]);
    const putting = queue.put(5);
    const joining = queue.join();
    assertEquals(
      String(queue),
      `${name} { size: 2, maxSize: 2, unfinished: 4, putting: 1, joining: 1 }`,
    );
    const failing = assertRejects(() => putting, QueueShutDownError);
    queue.shutdown();
    await failing;
    for (let i = 0; i < 4; i++) queue.taskDone();
    await joining;
    assertEquals(String(queue), `${name} { size: 2, maxSize: 2, isShutdown: true }`);
  });

  Deno.test(`${name} shows what leaves next [cpython: QueueBasicTests.test_repr]`, () => {
    const queue = make();
    assertEquals(Deno.inspect(queue), `${name} { size: 0, maxSize: 0 }`);
    fill(queue, [3, 1, 2]);
    const next = order([3, 1, 2]).join(", ");
    const expected = `${name} { size: 3, maxSize: 0, unfinished: 3, next: [ ${next} ] }`;
    assertEquals(Deno.inspect(queue), expected);
    assertEquals(Deno.inspect({ queue }, { breakLength: Infinity }), `{ queue: ${expected} }`);
    assertEquals(drain(queue), order([3, 1, 2]));
    // The places in the store are used again.
    const items = Array.from({ length: 12 }, (_, i) => i);
    for (let round = 0; round < 2; round++) {
      fill(queue, items);
      const text = Deno.inspect(queue);
      assertEquals(text.match(/next: \[([^\]]*)\]/)?.[1]?.match(/\d+/g)?.map(Number), order(items));
      assertEquals(drain(queue), order(items));
    }
    fill(queue, Array.from({ length: 1_000 }, (_, i) => i));
    const shown = Deno.inspect(queue);
    assertEquals([shown.includes("size: 1000"), shown.match(/\d+(?=[,\s\]])/g)?.length], [
      true,
      103,
    ]);
  });

  Deno.test(`${name} that holds itself is shown`, () => {
    const queue = name === "PriorityQueue"
      ? new PriorityQueue<unknown>(0, { compare: () => 0 })
      : make() as Queue<unknown>;
    queue.putNowait({ queue });
    const expected = "size: 1, maxSize: 0, unfinished: 1, next: [ { queue: [Circular] } ]";
    assertEquals(Deno.inspect(queue), `${name} { ${expected} }`);
    assertEquals(Deno.inspect(queue), `${name} { ${expected} }`);
  });

  // Many items

  Deno.test(`${name} gives a million items in order`, () => {
    const queue = make();
    const count = 1_000_000;
    for (let i = 0; i < count; i++) queue.putNowait(i);
    assertEquals(queue.qsize(), count);
    const [first] = order([0, count - 1]);
    const step = first === 0 ? 1 : -1;
    let expected = first!;
    let wrong = 0;
    while (!queue.empty()) {
      if (queue.getNowait() !== expected) wrong++;
      expected += step;
    }
    assertEquals(wrong, 0);
    // It can be used as before.
    fill(queue, [5, 4, 6]);
    assertEquals(drain(queue), order([5, 4, 6]));
  });

  Deno.test(`${name} does what its stupid twin does`, () => {
    const random = createRandom(20_260_801);
    for (let round = 0; round < 30; round++) {
      const maxSize = Math.floor(random() * 40);
      const queue = make(maxSize);
      const twin: number[] = [];
      for (let step = 0; step < 400; step++) {
        // First it grows, then it shrinks, so that the store does both.
        if (random() < (step < 250 ? 0.65 : 0.3)) {
          const item = Math.floor(random() * 50);
          if (maxSize > 0 && twin.length >= maxSize) {
            assertThrows(() => queue.putNowait(item), QueueFullError);
          } else {
            queue.putNowait(item);
            twin.push(item);
          }
        } else if (twin.length === 0) {
          assertThrows(() => queue.getNowait(), QueueEmptyError);
        } else {
          const [next] = order(twin);
          assertEquals(queue.getNowait(), next);
          twin.splice(name === "LifoQueue" ? twin.length - 1 : twin.indexOf(next!), 1);
        }
        assertEquals(queue.qsize(), twin.length);
      }
      assertEquals(drain(queue), order(twin));
    }
  });
}

// Orders

Deno.test("Queue gives first what was put first [cpython: QueueBasicTests.test_order]", () => {
  const queue = new Queue<number>();
  for (const item of [1, 3, 2]) queue.putNowait(item);
  assertEquals([queue.getNowait(), queue.getNowait(), queue.getNowait()], [1, 3, 2]);
});

Deno.test("Queue gives one consumer what one producer puts, in order [cpython: BaseSimpleQueueTest.test_order]", async () => {
  const queue = new Queue<number>();
  const sent = Array.from({ length: 1_000 }, (_, i) => i);
  const taken: number[] = [];
  await Promise.all([
    (async () => {
      for (const item of sent) await queue.put(item);
      queue.shutdown();
    })(),
    (async () => {
      for await (const item of queue) taken.push(item);
    })(),
  ]);
  assertEquals(taken, sent);
});

Deno.test("LifoQueue gives first what was put last [cpython: LifoQueueTests.test_order]", () => {
  const queue = new LifoQueue<number>();
  for (const item of [1, 3, 2]) queue.putNowait(item);
  assertEquals([queue.getNowait(), queue.getNowait(), queue.getNowait()], [2, 3, 1]);
});

Deno.test("PriorityQueue gives first what is smallest [cpython: PriorityQueueTests.test_order]", () => {
  const queue = new PriorityQueue<number>();
  for (const item of [1, 3, 2]) queue.putNowait(item);
  assertEquals([queue.getNowait(), queue.getNowait(), queue.getNowait()], [1, 2, 3]);
});
