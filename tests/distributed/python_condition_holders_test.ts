import { assertEquals } from "@std/assert";
import { Condition as LocalCondition } from "../../coroutine/mod.ts";
import { BaseManager } from "../../distributed/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending } from "../support/settle.ts";
import { noPython, openPython } from "./python_sync_servers.ts";

// Who owns the lock of a condition in Python is a connection: those who wait do not hold it.

const Bare = BaseManager.register("Condition", { proxyType: LocalCondition });

leakTest(
  "A proxy of a condition in Python is released by whoever has it, not by one who waits",
  async () => {
    await using server = await openPython();
    const { address } = await server.connect();
    await using manager = new Bare({ address, authkey: "a key" });
    await manager.connect();
    const condition = await manager.Condition();
    const order: number[] = [];
    const wait = async (n: number): Promise<void> => {
      await condition.acquire();
      const waiting = condition.wait();
      began[n]!.resolve();
      await waiting;
      order.push(n);
      await condition.notify();
      await condition.release();
    };
    const began = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
    const waits: Promise<void>[] = [];
    for (let n = 0; n < 3; n++) {
      waits.push(wait(n));
      await began[n]!.promise;
    }
    await assertPending(Promise.race(waits));
    await condition.acquire();
    // Nobody is woken before the lock is free.
    await condition.notifyAll();
    await condition.release();
    await Promise.all(waits);
    assertEquals(order.toSorted(), [0, 1, 2]);
    // It is free, and the connections are used again.
    assertEquals(await condition.acquire({ timeoutMs: 5_000 }), true);
    await condition.release();
  },
  { ignore: noPython },
);

leakTest(
  "A proxy of a condition in Python that nobody holds is not released by one who waits",
  async () => {
    await using server = await openPython();
    const { address } = await server.connect();
    await using manager = new Bare({ address, authkey: "a key" });
    await manager.connect();
    const condition = await manager.Condition();
    await condition.acquire();
    const waiting = condition.wait();
    await assertPending(waiting);
    for (const misuse of [() => condition.release(), () => condition.notify()]) {
      const error = await misuse().then(() => undefined, (reason) => reason);
      assertEquals(error?.name, "RuntimeError", String(error));
    }
    await condition.acquire();
    await condition.notify();
    await condition.release();
    assertEquals(await waiting, true);
    await condition.release();
  },
  { ignore: noPython },
);
