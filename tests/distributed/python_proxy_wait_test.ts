import { assertEquals, assertRejects } from "@std/assert";
import { Condition as LocalCondition, Queue as LocalQueue, spawn } from "../../coroutine/mod.ts";
import { BaseManager } from "../../distributed/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending } from "../support/settle.ts";
import { noPython, openPython } from "./python_sync_servers.ts";

// Waits by bare proxies of a manager in Python: nothing is lost, also when they are given up.

const Bare = BaseManager
  .register("Condition", { proxyType: LocalCondition })
  .register("Queue", { proxyType: LocalQueue<number> });

async function openBare(): Promise<{ manager: InstanceType<typeof Bare> } & AsyncDisposable> {
  const server = await openPython();
  const { address } = await server.connect();
  const manager = new Bare({ address, authkey: "a key" });
  await manager.connect();
  return {
    manager,
    async [Symbol.asyncDispose]() {
      await manager.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

const LONGER_THAN_A_PIECE_MS = 1_200;

leakTest(
  "A proxy of a condition in Python learns of a notification, however long it takes",
  async () => {
    await using opened = await openBare();
    const { manager } = opened;
    const waiter = await manager.Condition();
    await waiter.acquire();
    const waiting = waiter.wait();
    // The same condition, as another one has it.
    const queue = await manager.Queue(0);
    await queue.put(waiter as unknown as number);
    const other = await queue.get() as unknown as typeof waiter;
    await other.acquire();
    // It holds the lock for as long as a wait in slices would last, and then notifies.
    await new Promise((resolve) => setTimeout(resolve, LONGER_THAN_A_PIECE_MS));
    await other.notify();
    await other.release();
    assertEquals(await waiting, true);
    await waiter.release();
  },
  { ignore: noPython },
);

leakTest("A wait for a condition in Python that is cancelled has the lock at its end", async () => {
  await using opened = await openBare();
  const condition = await opened.manager.Condition();
  const controller = new AbortController();
  await condition.acquire();
  assertEquals(await condition.wait({ timeoutMs: 1 }), false);
  const waiting = condition.wait({ signal: controller.signal });
  await assertPending(waiting);
  controller.abort(new Error("enough"));
  await assertRejects(() => waiting, Error, "enough");
  await condition.notify();
  await condition.release();
  // It is free: nobody was left behind who took it.
  assertEquals(await condition.acquire({ timeoutMs: 1_000 }), true);
  await condition.release();
}, { ignore: noPython });

leakTest(
  "A put into a queue in Python that is given up has left nothing, or says that it has",
  async () => {
    await using opened = await openBare();
    const queue = await opened.manager.Queue(1);
    await queue.put(1);
    for (const giveUp of ["signal", "task"]) {
      const controller = new AbortController();
      const task = giveUp === "task" ? spawn(() => queue.put(2)) : undefined;
      const putting = task ?? queue.put(2, { signal: controller.signal });
      await assertPending(Promise.resolve(putting));
      if (task === undefined) controller.abort(new Error("enough"));
      else task.cancel("enough");
      // Right after it was given up there is a place, while the server may still wait for one.
      assertEquals(await queue.get(), 1);
      const isDone = await Promise.resolve(putting).then(() => true, () => false);
      if (isDone) assertEquals(await queue.get(), 2);
      await queue.put(3);
      assertEquals(await queue.get(), 3);
      assertEquals(await queue.empty(), true);
      await queue.put(1);
    }
  },
  { ignore: noPython },
);
