import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { Delivery, isLendable, lend, type LentCall, type Seat } from "../../coroutine/_lending.ts";
import {
  LifoQueue,
  PriorityQueue,
  Queue,
  QueueEmptyError,
  QueueFullError,
  type QueueOptions,
  QueueShutDownError,
} from "../../coroutine/mod.ts";
import { assertPending } from "../support/settle.ts";
import { createRandom } from "./_random.ts";

const KINDS = [
  {
    name: "Queue",
    make: (maxSize = 0, options: QueueOptions = {}) => new Queue<number>(maxSize, options),
  },
  {
    name: "LifoQueue",
    make: (maxSize = 0, options: QueueOptions = {}) => new LifoQueue<number>(maxSize, options),
  },
  {
    name: "PriorityQueue",
    make: (maxSize = 0, options: QueueOptions = {}) => new PriorityQueue<number>(maxSize, options),
  },
];

const RETURN: QueueOptions = { returnUnfinished: true };

/** A borrower, as a hub sees it. */
class Borrower {
  readonly seat: Seat;
  readonly #controller = new AbortController();
  /** How often a called method asked for the signal of its call. */
  signals = 0;

  constructor(queue: Queue<number>) {
    this.seat = lend(queue)!;
  }

  call(method: string, ...args: unknown[]): unknown {
    const call: LentCall = {
      get signal(): AbortSignal {
        borrower.signals++;
        return borrower.#controller.signal;
      },
    };
    const borrower = this as Borrower;
    return this.seat.methods[method]!(call, ...args);
  }

  /** Takes an item that is there; it is on its way. */
  take(): Delivery<number> {
    const delivery = this.call("get");
    assertInstanceOf(delivery, Delivery);
    return delivery as Delivery<number>;
  }

  /** Takes an item that is there, and confirms it. */
  receive(): number {
    const { value, confirmed } = this.take();
    confirmed();
    return value;
  }

  /** What a hub does when the connection is gone. */
  vanish(): void {
    this.#controller.abort(new Error("gone"));
    this.seat.leave();
  }
}

function drain(queue: Queue<number>): number[] {
  const items: number[] = [];
  while (!queue.empty()) items.push(queue.getNowait());
  return items;
}

function filled(queue: Queue<number>, items: number[]): Queue<number> {
  for (const item of items) queue.putNowait(item);
  return queue;
}

Deno.test("isLendable() knows a queue", () => {
  assert(isLendable(new Queue()));
  assert(!isLendable({}));
});

Deno.test("Queue lends put, get and the rest, and nothing else", () => {
  const { methods } = lend(new Queue())!;
  assertEquals(Object.keys(methods).toSorted(), [
    "empty",
    "full",
    "get",
    "getNowait",
    "join",
    "put",
    "putNowait",
    "qsize",
    "shutdown",
    "statistics",
    "taskDone",
  ]);
});

Deno.test("Queue answers a borrower what it answers everybody", async () => {
  const queue = new Queue<number>(1);
  const borrower = new Borrower(queue);
  assertEquals(borrower.call("putNowait", 1), undefined);
  assertThrows(() => borrower.call("putNowait", 2), QueueFullError);
  assertEquals([borrower.call("full"), borrower.call("empty"), borrower.call("qsize")], [
    true,
    false,
    1,
  ]);
  assertEquals(borrower.call("statistics"), queue.statistics());
  const joining = borrower.call("join") as Promise<void>;
  await assertPending(joining, "join");
  assertEquals(borrower.receive(), 1);
  borrower.call("taskDone");
  await joining;
  assertThrows(() => borrower.call("getNowait"), QueueEmptyError);
  borrower.call("shutdown");
  assertThrows(() => borrower.call("getNowait"), QueueShutDownError);
});

Deno.test("Queue makes no signal for a borrower's call that does not wait", () => {
  const queue = new Queue<number>(1);
  const borrower = new Borrower(queue);
  borrower.call("put", 1);
  borrower.take();
  assertThrows(() => borrower.call("get", { timeoutMs: 0 }), QueueEmptyError);
  borrower.call("put", 2);
  assertThrows(() => borrower.call("put", 3, { timeoutMs: 0 }), QueueFullError);
  assertEquals(borrower.signals, 0);
});

Deno.test("Queue checks the timeoutMs of a borrower", () => {
  const borrower = new Borrower(filled(new Queue<number>(), [1]));
  assertThrows(() => borrower.call("get", { timeoutMs: -1 }), RangeError);
  assertThrows(() => borrower.call("get", { timeoutMs: "soon" }), TypeError);
  assertThrows(() => borrower.call("put", 1, { timeoutMs: NaN }), RangeError);
});

Deno.test("Queue lets a borrower wait, with a time limit", async () => {
  const queue = new Queue<number>(1);
  const borrower = new Borrower(queue);
  const waiting = borrower.call("get") as Promise<Delivery<number>>;
  queue.putNowait(1);
  assertEquals((await waiting).value, 1);
  const get = borrower.call("get", { timeoutMs: 1 }) as Promise<unknown>;
  await assertRejects(() => get, QueueEmptyError);
  queue.putNowait(2);
  const put = borrower.call("put", 3, { timeoutMs: 1 }) as Promise<unknown>;
  await assertRejects(() => put, QueueFullError);
});

Deno.test("Queue forgets the waiting calls of a borrower that is gone", async () => {
  const queue = new Queue<number>(1);
  const borrower = new Borrower(queue);
  const get = borrower.call("get") as Promise<unknown>;
  borrower.vanish();
  await assertRejects(() => get, Error, "gone");
  queue.putNowait(1);
  const other = new Borrower(queue);
  const put = other.call("put", 2) as Promise<unknown>;
  other.vanish();
  await assertRejects(() => put, Error, "gone");
  assertEquals([queue.statistics().getting, queue.statistics().putting, drain(queue)], [0, 0, [1]]);
});

for (const { name, make } of KINDS) {
  Deno.test(`${name} puts a lost item back to the head`, () => {
    const queue = filled(make(), [1, 2, 3]);
    const twin = filled(make(), [1, 2, 3]);
    const delivery = new Borrower(queue).take();
    assertEquals(queue.qsize(), 2);
    delivery.lost();
    assertEquals(queue.qsize(), 3);
    assertEquals(drain(queue), drain(twin));
  });

  Deno.test(`${name} puts several lost items back in their order`, () => {
    const queue = filled(make(), [1, 2, 3, 4]);
    const twin = filled(make(), [1, 2, 3, 4]);
    const borrower = new Borrower(queue);
    const deliveries = [borrower.take(), borrower.take(), borrower.take()];
    for (const { lost } of deliveries.reverse()) lost();
    assertEquals(drain(queue), drain(twin));
  });

  Deno.test(`${name} gives a lost item to one who waits`, async () => {
    const queue = filled(make(), [1]);
    const delivery = new Borrower(queue).take();
    const waiting = queue.get();
    delivery.lost();
    assertEquals(await waiting, 1);
    assert(queue.empty());
  });

  Deno.test(`${name} takes a lost item back into a full queue`, async () => {
    const queue = filled(make(1), [1]);
    const delivery = new Borrower(queue).take();
    queue.putNowait(2);
    const waiting = queue.put(3);
    delivery.lost();
    assertEquals([queue.qsize(), queue.full()], [2, true]);
    assertEquals(queue.getNowait(), 1);
    await assertPending(waiting, "put");
    assertEquals(queue.getNowait(), 2);
    await waiting;
    assertEquals(drain(queue), [3]);
  });

  Deno.test(`${name} counts a lost item as one, not two`, async () => {
    const queue = filled(make(), [1]);
    new Borrower(queue).take().lost();
    assertEquals(queue.statistics().unfinished, 1);
    queue.getNowait();
    queue.taskDone();
    await queue.join();
    assertThrows(() => queue.taskDone(), RangeError);
  });

  Deno.test(`${name} keeps a confirmed item with its borrower`, () => {
    const queue = filled(make(), [1, 2]);
    const borrower = new Borrower(queue);
    borrower.receive();
    borrower.vanish();
    assertEquals(queue.qsize(), 1);
  });

  Deno.test(`${name} with returnUnfinished puts back what a borrower that left had not done`, () => {
    const queue = filled(make(0, RETURN), [1, 2, 3, 4]);
    const twin = filled(make(), [1, 2, 3, 4]);
    const borrower = new Borrower(queue);
    for (let i = 0; i < 3; i++) borrower.receive();
    assertEquals(queue.qsize(), 1);
    borrower.vanish();
    assertEquals(drain(queue), drain(twin));
  });

  Deno.test(`${name} with returnUnfinished puts back what was confirmed after its borrower left`, () => {
    const queue = filled(make(0, RETURN), [1]);
    const borrower = new Borrower(queue);
    const { confirmed } = borrower.take();
    borrower.vanish();
    assertEquals(queue.qsize(), 0);
    confirmed();
    assertEquals(drain(queue), [1]);
  });

  Deno.test(`${name} with returnUnfinished takes taskDone() for the oldest item of the borrower`, () => {
    const queue = filled(make(0, RETURN), [1, 2, 3]);
    const borrower = new Borrower(queue);
    const [, second] = [borrower.receive(), borrower.receive()];
    borrower.call("taskDone");
    borrower.vanish();
    assertEquals(queue.getNowait(), second);
    assertEquals(queue.statistics().unfinished, 2);
  });

  Deno.test(`${name} with returnUnfinished refuses taskDone() of a borrower that holds nothing`, () => {
    const queue = filled(make(0, RETURN), [1, 2]);
    const [one, other] = [new Borrower(queue), new Borrower(queue)];
    one.receive();
    assertThrows(() => other.call("taskDone"), RangeError, "holds no unfinished item");
    // On its way is not yet held.
    other.take();
    assertThrows(() => other.call("taskDone"), RangeError, "holds no unfinished item");
    one.call("taskDone");
    assertThrows(() => one.call("taskDone"), RangeError, "holds no unfinished item");
    assertEquals(queue.statistics().unfinished, 1);
  });

  Deno.test(`${name} without returnUnfinished takes taskDone() of anybody`, () => {
    const queue = filled(make(), [1, 2]);
    const [one, other] = [new Borrower(queue), new Borrower(queue)];
    one.receive();
    other.call("taskDone");
    other.call("taskDone");
    assertThrows(() => other.call("taskDone"), RangeError, "no item of this queue is unfinished");
  });

  Deno.test(`${name} with returnUnfinished loses and doubles nothing, whatever its borrowers do`, () => {
    const random = createRandom(99);
    for (let round = 0; round < 50; round++) {
      const queue = make(0, RETURN);
      let borrowers = [new Borrower(queue), new Borrower(queue), new Borrower(queue)];
      const onTheWay = new Map<Delivery<number>, Borrower>();
      const held = new Map(borrowers.map((borrower) => [borrower, [] as number[]]));
      const done: number[] = [];
      let put = 0;
      for (let step = 0; step < 200; step++) {
        const borrower = borrowers[Math.floor(random() * borrowers.length)]!;
        const dice = random();
        if (dice < 0.35) queue.putNowait(put++);
        else if (dice < 0.6) {
          if (!queue.empty()) onTheWay.set(borrower.take(), borrower);
        } else if (dice < 0.75) {
          for (const [delivery, receiver] of onTheWay) {
            onTheWay.delete(delivery);
            if (random() < 0.3) delivery.lost();
            else {
              delivery.confirmed();
              held.get(receiver)!.push(delivery.value);
            }
            break;
          }
        } else if (dice < 0.95) {
          const item = held.get(borrower)!.shift();
          if (item !== undefined) {
            borrower.call("taskDone");
            done.push(item);
          }
        } else {
          for (const [delivery, receiver] of onTheWay) {
            if (receiver !== borrower) continue;
            onTheWay.delete(delivery);
            delivery.lost();
          }
          borrower.vanish();
          held.delete(borrower);
          const next = new Borrower(queue);
          held.set(next, []);
          borrowers = borrowers.map((known) => known === borrower ? next : known);
        }
        assertEquals(queue.statistics().unfinished, put - done.length);
      }
      for (const delivery of onTheWay.keys()) delivery.lost();
      for (const borrower of borrowers) borrower.vanish();
      const all = [...done, ...drain(queue)].toSorted((a, b) => a - b);
      assertEquals(all, Array.from({ length: put }, (_, i) => i));
    }
  });
}

Deno.test("PriorityQueue puts a lost item before its equals", () => {
  const queue = new PriorityQueue<{ at: string }>(0, { compare: () => 0 });
  for (const at of ["a", "b", "c"]) queue.putNowait({ at });
  const seat = lend(queue)!;
  const call: LentCall = { signal: new AbortController().signal };
  const [first, second] = [seat.methods.get!(call), seat.methods.get!(call)] as Delivery<unknown>[];
  second!.lost();
  first!.lost();
  const order = [queue.getNowait(), queue.getNowait(), queue.getNowait()].map(({ at }) => at);
  assertEquals(order, ["a", "b", "c"]);
});

Deno.test("PriorityQueue takes back an item that has no order any more, as the next one", () => {
  const queue = new PriorityQueue<unknown>(0, RETURN);
  const seat = lend(queue)!;
  const call: LentCall = { signal: new AbortController().signal };
  for (const item of ["text", 1]) {
    queue.putNowait(item);
    (seat.methods.get!(call) as Delivery<unknown>).confirmed();
  }
  queue.putNowait(2);
  queue.putNowait(0);
  seat.leave();
  assertEquals([queue.qsize(), queue.statistics().unfinished], [4, 4]);
  const taken = Array.from({ length: 4 }, () => queue.getNowait());
  assertEquals(taken, ["text", 0, 1, 2]);
  const delivery = (() => {
    queue.putNowait("more");
    return seat.methods.get!(call) as Delivery<unknown>;
  })();
  queue.putNowait(3);
  delivery.lost();
  queue.shutdown({ immediate: true });
  assertEquals([queue.qsize(), queue.statistics().unfinished], [0, 4]);
});

Deno.test("Queue seat keeps what it gives back after a shutdown to be taken", () => {
  const queue = filled(new Queue<number>(0, RETURN), [1, 2]);
  const borrower = new Borrower(queue);
  borrower.receive();
  queue.shutdown();
  borrower.vanish();
  assertEquals(drain(queue), [1, 2]);
  assertThrows(() => queue.getNowait(), QueueShutDownError);
});

for (const { name, make } of KINDS) {
  Deno.test(`${name} throws away what comes back after an immediate shutdown`, async () => {
    const queue = filled(make(0, RETURN), [1, 2]);
    const borrower = new Borrower(queue);
    borrower.receive();
    const onItsWay = borrower.take();
    const joining = queue.join();
    queue.shutdown({ immediate: true });
    onItsWay.lost();
    await assertPending(joining, "the join");
    borrower.vanish();
    await joining;
    assertThrows(() => queue.getNowait(), QueueShutDownError);
    assertEquals(queue.statistics().unfinished, 0);
  });
}
