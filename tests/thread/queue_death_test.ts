import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { QueueFullError, QueueShutDownError } from "../../coroutine/errors.ts";
import { AVAILABLE, DEAD, FIRST_ITEM, QueueItems } from "../../thread/_queue_items.ts";
import { Lock } from "../../thread/lock.ts";
import { Queue } from "../../thread/queue.ts";
import { guard } from "../support/guard.ts";
import { settle } from "../support/settle.ts";
import { dieAt, dieAtEachStep } from "./_dying.ts";

// A thread that dies at any of its steps in shared memory, each in turn: what it did took place or did not.

function fill(queue: Queue<unknown>, items: unknown[]): void {
  for (const item of items) queue.putNowait(item);
}

function drain(queue: Queue<unknown>): unknown[] {
  const items: unknown[] = [];
  while (!queue.empty()) items.push(queue.getNowait());
  return items;
}

/** All works, and nothing is left of the one that died. */
async function assertWhole(queue: Queue<unknown>): Promise<void> {
  assertEquals(drain(queue), []);
  const { size, getting, putting } = queue.statistics();
  assertEquals([size, getting, putting], [0, 0, 0]);
  while (queue.statistics().unfinished > 0) queue.taskDone();
  await queue.join();
  const getting1 = queue.get();
  await queue.put("first");
  fill(queue, ["second"]);
  assertEquals([await guard(getting1, () => "the item"), queue.getSync()], ["first", "second"]);
  queue.taskDone();
  const joining = queue.join();
  queue.taskDone();
  await guard(joining, () => "the join");
}

function until<T>(promise: Promise<T>): Promise<T> {
  return guard(promise, () => "what the dead one owed", 5_000);
}

Deno.test("Queue.putSync() that dies has put its item or has not", async () => {
  const steps = await dieAtEachStep({
    make: () => new Queue<unknown>(3),
    act: (queue) => queue.putSync("new"),
    check: async (queue, died) => {
      const { size, unfinished } = queue.statistics();
      assertEquals(unfinished, size);
      const items = drain(queue);
      assertEquals(items, items.length === 1 || !died ? ["new"] : []);
      await assertWhole(queue);
    },
  });
  assert(steps > 5);
});

Deno.test("Queue.putSync() that dies hands its item to one who waits, or has not put it", async () => {
  await dieAtEachStep({
    make: () => {
      const queue = new Queue<unknown>();
      return { queue, getting: [queue.get(), queue.get()] as const };
    },
    act: ({ queue }) => queue.putSync("new"),
    check: async ({ queue, getting: [first, second] }, died) => {
      await settle();
      const { getting, size, unfinished } = queue.statistics();
      assertEquals([size, unfinished], [0, 2 - getting]);
      if (!died) assertEquals(getting, 1);
      const expected = getting === 1 ? ["new", 1] : [1, 2];
      fill(queue, [1, 2].slice(0, getting));
      assertEquals([await until(first), await until(second)], expected);
      await assertWhole(queue);
    },
  });
});

Deno.test("Queue.putSync() that dies while the memory grows loses nothing of others", async () => {
  const held = ["x".repeat(3_000), 1, "y".repeat(4_000), null];
  await dieAtEachStep({
    make: () => {
      const queue = new Queue<unknown>(4);
      fill(queue, ["taken", ...held.slice(0, 3)]);
      queue.getNowait();
      queue.putNowait(null);
      return { queue, putting: queue.put("waits") };
    },
    act: ({ queue }) => {
      queue.maxSize = 6;
      queue.putSync("z".repeat(9_000));
    },
    check: async ({ queue, putting }) => {
      queue.maxSize = 6;
      await until(putting);
      const items = drain(queue);
      assertEquals(items.slice(0, 5), [...held, "waits"]);
      assert(items.length === 5 || items[5] === "z".repeat(9_000));
      await assertWhole(queue);
    },
  });
});

Deno.test("Queue.putSync() that dies between two copies of items leaves all where they were", () => {
  const head = new Int32Array(new SharedArrayBuffer(4));
  const items = new QueueItems(head, 0, undefined);
  const write = (text: string): number => {
    const bytes = new TextEncoder().encode(text);
    const at = items.write({ tag: 0, number: 0, bytes }, AVAILABLE, 0);
    items.end = items.next(at);
    return at;
  };
  const read = (): string[] => {
    const texts: string[] = [];
    for (let item = FIRST_ITEM; item < items.end; item = items.next(item)) {
      if (items.stateOf(item) === DEAD) continue;
      texts.push(new TextDecoder().decode(items.read(item).bytes));
    }
    return texts;
  };
  const names = ["one", "the second", "three", "and the fourth", "five"].map(write);
  items.setState(names[0]!, DEAD);
  items.setState(names[2]!, DEAD);
  const live = ["the second", "and the fourth", "five"];
  // A copy is no step in shared memory that `dieAt` knows.
  const words = Int32Array.prototype;
  const { set } = words;
  for (const last of [1, 2]) {
    let copies = 0;
    words.set = function (this: Int32Array, ...args: Parameters<Int32Array["set"]>): void {
      set.apply(this, args);
      if (++copies === last) throw new Error("dead");
    };
    try {
      assertThrows(() => items.makeRoom(8), Error, "dead");
    } finally {
      delete (words as Partial<Int32Array>).set;
    }
    assertEquals(read(), live);
  }
  items.makeRoom(8);
  assertEquals(read(), live);
});

Deno.test("Queue.getSync() that dies has taken its item or has not", async () => {
  await dieAtEachStep({
    make: () => {
      const queue = new Queue<unknown>();
      fill(queue, [1, 2]);
      return queue;
    },
    act: (queue) => queue.getSync(),
    check: async (queue, died) => {
      const items = drain(queue);
      assertEquals(items, items.length === 1 || !died ? [2] : [1, 2]);
      assertEquals(queue.statistics().unfinished, 2);
      await assertWhole(queue);
    },
  });
});

Deno.test("Queue.getSync() that dies lets in one who waits to put, or has not taken", async () => {
  await dieAtEachStep({
    make: () => {
      const queue = new Queue<unknown>(1);
      fill(queue, [1]);
      return { queue, putting: [queue.put(2), queue.put(3)] };
    },
    act: ({ queue }) => queue.getSync(),
    check: async ({ queue, putting }, died) => {
      await settle();
      assertEquals(queue.qsize(), 1);
      const items = [await queue.get(), await queue.get()];
      const isTaken = queue.empty();
      if (!died) assert(isTaken);
      if (!isTaken) items.push(await queue.get());
      assertEquals(items, isTaken ? [2, 3] : [1, 2, 3]);
      for (const put of putting) await until(put);
      assertEquals(queue.statistics().unfinished, 3);
      await assertWhole(queue);
    },
  });
});

Deno.test("Queue.getSync() that dies while it waits leaves what it was handed to the next one", async () => {
  await dieAtEachStep({
    make: () => ({ queue: new Queue<unknown>(), later: undefined as Promise<unknown> | undefined }),
    act: ({ queue }) => queue.getSync(),
    whileParked: (world) => {
      // The dead one is first in the line, and a living one behind it.
      world.later ??= world.queue.get();
      if (world.queue.statistics().unfinished === 0) world.queue.putNowait("new");
    },
    check: async ({ queue, later }, died) => {
      await settle();
      if (later === undefined) {
        assert(died);
        fill(queue, ["new"]);
        assertEquals(drain(queue), ["new"]);
      } else {
        const { getting } = queue.statistics();
        // The one that died had it, or it went to the other one.
        if (getting === 1) fill(queue, ["other"]);
        assertEquals(await until(later), getting === 1 ? "other" : "new");
      }
      await assertWhole(queue);
    },
  });
});

Deno.test("Queue.putSync() that dies while it waits leaves its item in the queue or not", async () => {
  await dieAtEachStep({
    make: () => {
      const queue = new Queue<unknown>(1);
      fill(queue, [1]);
      return queue;
    },
    act: (queue) => queue.putSync(2),
    whileParked: (queue) => {
      assertEquals(queue.statistics().putting, 1);
      assertEquals(queue.getNowait(), 1);
    },
    check: async (queue, died) => {
      const items = drain(queue);
      if (!died) assertEquals(items, [2]);
      assert([[], [1], [2]].some((each) => each.join() === items.join()), String(items));
      assertEquals(queue.statistics().putting, 0);
      await assertWhole(queue);
    },
  });
});

Deno.test("Queue.putSync() that dies parked lets the next one put in its place", async () => {
  const queue = new Queue<unknown>(1);
  fill(queue, [1]);
  // Enters and parks; dies there.
  let step = 0;
  for (let parked = false; !parked; step++) {
    const { bury } = dieAt(() => queue.putSync("lost"), {
      step,
      whileParked: () => parked = true,
    });
    bury();
  }
  const putting = queue.put(2);
  assertEquals(queue.getSync(), 1);
  await until(putting);
  assertEquals(drain(queue), [2]);
  await assertWhole(queue);
});

Deno.test("Queue.taskDone() that dies has told those who join, or has not counted", async () => {
  await dieAtEachStep({
    make: () => {
      const queue = new Queue<unknown>();
      fill(queue, [1]);
      queue.getNowait();
      return { queue, joining: queue.join() };
    },
    act: ({ queue }) => queue.taskDone(),
    check: async ({ queue, joining }, died) => {
      const { unfinished } = queue.statistics();
      if (!died) assertEquals(unfinished, 0);
      if (unfinished > 0) queue.taskDone();
      await until(joining);
      await assertWhole(queue);
    },
  });
});

for (const immediate of [false, true]) {
  Deno.test(`Queue.shutdown({ immediate: ${immediate} }) that dies has shut down or has not`, async () => {
    await dieAtEachStep({
      make: () => {
        const queue = new Queue<unknown>(2);
        fill(queue, [1, new Lock()]);
        const putting = outcomeOf(queue.put(3));
        return { queue, putting };
      },
      act: ({ queue }) => queue.shutdown({ immediate }),
      check: async ({ queue, putting }, died) => {
        await settle();
        if (!queue.isShutdown) {
          assert(died);
          assertEquals(queue.statistics().putting, 1);
          queue.shutdown({ immediate });
        }
        assertEquals((await until(putting))?.constructor, QueueShutDownError);
        const { size, unfinished } = queue.statistics();
        assertEquals([size, unfinished], immediate ? [0, 0] : [2, 2]);
        await assertRejects(() => queue.put(1), QueueShutDownError);
      },
    });
  });

  Deno.test(`Queue.shutdown({ immediate: ${immediate} }) that dies fails those who get or join, or none`, async () => {
    await dieAtEachStep({
      make: () => {
        const queue = new Queue<unknown>();
        fill(queue, [1]);
        queue.getNowait();
        const getting = [queue.get(), queue.get()].map(outcomeOf);
        return { queue, getting, joining: queue.join() };
      },
      act: ({ queue }) => queue.shutdown({ immediate }),
      check: async ({ queue, getting, joining }) => {
        await settle();
        if (!queue.isShutdown) queue.shutdown({ immediate });
        for (const get of getting) {
          assertEquals((await until(get))?.constructor, QueueShutDownError);
        }
        queue.taskDone();
        await until(joining);
      },
    });
  });
}

Deno.test("Queue.maxSize that dies while it is set lets those in that wait, or is not set", async () => {
  await dieAtEachStep({
    make: () => {
      const queue = new Queue<unknown>(1);
      fill(queue, [1]);
      return { queue, putting: [queue.put(2), queue.put(3)] };
    },
    act: ({ queue }) => queue.maxSize = 3,
    check: async ({ queue, putting }) => {
      await settle();
      if (queue.maxSize !== 3) queue.maxSize = 3;
      for (const put of putting) await until(put);
      assertEquals(drain(queue), [1, 2, 3]);
      await assertWhole(queue);
    },
  });
});

/** What a promise is rejected with; it is watched at once. */
function outcomeOf(promise: Promise<unknown>): Promise<Error | undefined> {
  return promise.then(() => undefined, (error: Error) => error);
}

Deno.test("Queue gives what one was handed who died first, before all that was put later", async () => {
  let givenBack = 0;
  await dieAtEachStep({
    make: () => ({ queue: new Queue<unknown>(), isHanded: false }),
    act: ({ queue }) => queue.getSync(),
    whileParked: (world) => {
      if (!world.isHanded) fill(world.queue, [1, 2, 3]);
      world.isHanded = true;
    },
    check: async ({ queue, isHanded }) => {
      if (!isHanded) fill(queue, [1, 2, 3]);
      const first = queue.getNowait();
      if (isHanded && first === 1) givenBack++;
      assertEquals([first, ...drain(queue)], first === 1 ? [1, 2, 3] : [2, 3]);
      await assertWhole(queue);
    },
  });
  assert(givenBack > 0);
});

Deno.test("Queue.put() that was cancelled is forgotten, also when the memory is looked through", async () => {
  const queue = new Queue<unknown>(1);
  fill(queue, [1]);
  const puts: Promise<void>[] = [];
  for (let round = 0; round < 30; round++) {
    const controller = new AbortController();
    const cancelled = queue.put(`cancelled ${round}`, { signal: controller.signal });
    controller.abort(new Error("enough"));
    await assertRejects(() => cancelled, Error, "enough");
    // Later ones stand in the places of those that were cancelled; the large ones make the memory grow.
    puts.push(queue.put(round % 10 === 9 ? "x".repeat(9_000 * round) : round));
  }
  const items = [await queue.get()];
  for (const put of puts) {
    await until(put);
    items.push(await queue.get());
  }
  assertEquals(items.map((item) => typeof item === "string" ? "large" : item), [
    1,
    ...Array.from({ length: 30 }, (_, round) => round % 10 === 9 ? "large" : round),
  ]);
  // More than there is memory for, if any of it were kept.
  const large = new Uint8Array(4_000_000);
  fill(queue, [1]);
  for (let round = 0; round < 150; round++) {
    await assertRejects(() => queue.put(large, { timeoutMs: 0.1 }), QueueFullError);
  }
  queue.getNowait();
  await assertWhole(queue);
});

Deno.test("Queue passes over what another one has been handed when one item comes back", async () => {
  let givenBack = 0;
  await dieAtEachStep({
    make: () => ({ queue: new Queue<unknown>(), later: undefined as Promise<unknown> | undefined }),
    act: ({ queue }) => queue.getSync(),
    whileParked: (world) => {
      if (world.later !== undefined) return;
      world.later = world.queue.get();
      fill(world.queue, [1, 2, 3, 4]);
    },
    check: async ({ queue, later }) => {
      if (later === undefined) return;
      // The living one has been handed the second, and has not had a turn to take it.
      const items = drain(queue);
      if (items.length === 3) givenBack++;
      assertEquals([items, await until(later)], [items.length === 3 ? [1, 3, 4] : [3, 4], 2]);
      await assertWhole(queue);
    },
  });
  assert(givenBack > 0);
});

Deno.test("Queue.shutdown({ immediate: true }) throws away what comes back from one who died", async () => {
  let givenBack = 0;
  await dieAtEachStep({
    make: () => ({ queue: new Queue<unknown>(), isHanded: false }),
    act: ({ queue }) => queue.getSync(),
    whileParked: (world) => {
      if (world.isHanded) return;
      world.isHanded = true;
      fill(world.queue, [1]);
      world.queue.shutdown({ immediate: true });
    },
    check: async ({ queue, isHanded }) => {
      if (!isHanded) return;
      const { size, unfinished } = queue.statistics();
      assertEquals(size, 0);
      // It is taken, and not done yet; or it came back.
      if (unfinished === 0) givenBack++;
      else queue.taskDone();
      await until(queue.join());
      assertThrows(() => queue.getNowait(), QueueShutDownError);
    },
  });
  assert(givenBack > 0);
});
