import { assert, assertEquals } from "@std/assert";
import { Queue, type TargetFunction, Thread } from "../../thread/mod.ts";
import { guard, GUARD_MS } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { settle } from "../support/settle.ts";
import * as targets from "./thread_lock_targets.ts";

const MODULE = new URL("thread_lock_targets.ts", import.meta.url);

/** A thread that can be killed in the midst of what it does. */
async function begin<F extends TargetFunction>(target: F, args: Parameters<F>): Promise<Thread<F>> {
  const thread = new Thread<F>({ module: MODULE, target, args, killable: true });
  await thread.start();
  thread.result().catch(() => {});
  return thread;
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  const reach = async () => {
    while (!isSo()) await settle();
  };
  await guard(reach(), () => what);
}

/** All works, from both sides, and nobody is left in the line. */
async function assertWhole(queue: Queue<number>): Promise<void> {
  while (!queue.empty()) queue.getNowait();
  const getting = queue.get();
  queue.putNowait(-1);
  assertEquals(await guard(getting, () => "an item"), -1);
  queue.putSync(-2);
  assertEquals(queue.getSync(), -2);
  const { size, getting: getters, putting } = queue.statistics();
  assertEquals([size, getters, putting], [0, 0, 0]);
}

leakTest("Queue stays whole when threads that put and get are killed at random", async () => {
  const queue = new Queue<unknown>(3);
  for (let round = 0; round < 15; round++) {
    const threads = [
      await begin(targets.passForEver, [queue, 0]),
      await begin(targets.passForEver, [queue, 1]),
    ];
    for (let i = 0; i < 20; i++) {
      await queue.put(i);
      await queue.get();
    }
    for (const thread of threads) await thread.terminate({ graceMs: GUARD_MS });
    await assertWhole(queue as Queue<number>);
  }
});

leakTest("Queue gives each item once, in order, when those who get are killed", async () => {
  const queue = new Queue<number>();
  let next = 0;
  const got: number[] = [];
  for (let round = 0; round < 10; round++) {
    const killed = await begin(targets.getForEver, [queue]);
    for (let i = 0; i < 200; i++) queue.putNowait(next++);
    await until(() => queue.qsize() < 150, "the thread to get");
    const ended = killed.terminate({ graceMs: GUARD_MS });
    for (let i = 0; i < 50; i++) queue.putNowait(next++);
    await ended;
    while (!queue.empty()) got.push(queue.getNowait());
    assertEquals(queue.statistics().getting, 0);
  }
  assert(
    got.every((n, i) => i === 0 || n > got[i - 1]!),
    "an item came twice, or out of its order",
  );
  await assertWhole(queue);
});

leakTest("Queue has all that was put before the one who put was killed", async () => {
  const queue = new Queue<number>();
  let next = 0;
  for (let round = 0; round < 10; round++) {
    const killed = await begin(targets.putForEver, [queue, next]);
    await until(() => queue.qsize() > 200, "the thread to put");
    await killed.terminate({ graceMs: GUARD_MS });
    // One after the other, without a gap, up to where it was killed.
    while (!queue.empty()) assertEquals(queue.getNowait(), next++);
  }
  await assertWhole(queue);
});

leakTest("Queue goes on when one is killed who waited to put or to get", async () => {
  const queue = new Queue<number>(1);
  const getter = await begin(targets.getForEver, [queue]);
  await until(() => queue.statistics().getting === 1, "a thread to get");
  const later = queue.get();
  await getter.terminate({ graceMs: GUARD_MS });
  queue.putNowait(1);
  assertEquals(await guard(later, () => "the item"), 1);
  queue.putNowait(2);
  const putter = await begin(targets.putForEver, [queue, 100]);
  await until(() => queue.statistics().putting === 1, "a thread to put");
  const putting = queue.put(3);
  await putter.terminate({ graceMs: GUARD_MS });
  assertEquals(await queue.get(), 2);
  await guard(putting, () => "the put");
  assertEquals(await queue.get(), 3);
  await assertWhole(queue);
});
