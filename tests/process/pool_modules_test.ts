import {
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { CancelledError } from "../../coroutine/mod.ts";
import { Queue } from "../../ipc/mod.ts";
import { Pool, type PoolOptions } from "../../process/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { settle } from "../support/settle.ts";
import { getPid, heedSignal, square } from "./pool_targets.ts";

/** In which module a worker finds the function of a call, and what happens when it has not loaded it. */

const MODULE = import.meta.resolve("./pool_targets.ts");
const CONTRACT = import.meta.resolve("../contracts/pool_functions.ts");

function createPool(size: number, options: PoolOptions = {}): Pool {
  return new Pool(size, { module: MODULE, ...options });
}

leakTest(
  "process.Pool rejects a function that the module does not export, and lists what it does",
  async () => {
    await using pool = createPool(1);
    function unknown(): void {}
    const error = await assertRejects(
      () => pool.apply(unknown),
      TypeError,
      'Cannot call "unknown"',
    );
    assertStringIncludes(error.message, "square");
    await assertRejects(
      () => pool.map({ module: MODULE, name: "toString" }, [1, 2], { chunkSize: 2 }),
      TypeError,
      'Cannot call "toString"',
    );
    assertEquals(await pool.apply(square, [3]), 9);
  },
);

leakTest("process.Pool refuses what no worker could find, before anything starts", async () => {
  await using pool = createPool(1, { minProcesses: 0 });
  await using without = new Pool(1);
  assertThrows(() => pool.applyAsync(() => 1), TypeError, "has no name");
  assertThrows(() => without.applyAsync(square, [1]), TypeError, 'the pool has no "module"');
  for (
    const bad of [{ name: "x" }, { module: "x.ts", name: "x" }, { module: MODULE, name: "" }, null]
  ) {
    assertThrows(() => pool.applyAsync(bad as never), TypeError, "Cannot call the task");
  }
  assertEquals(pool.statistics().runners, 0);
});

leakTest(
  "process.Pool takes references to functions of any module, without a permission",
  async () => {
    await using pool = new Pool(2);
    assertEquals(await pool.apply({ module: MODULE, name: "square" }, [3] as never), 9);
    const both = [
      pool.apply({ module: new URL(CONTRACT), name: "add" }, [1, 2] as never),
      pool.apply({ module: MODULE, name: "square" }, [4] as never),
      ...Array.from({ length: 20 }, () => pool.apply({ module: CONTRACT, name: "answer" })),
    ];
    assertEquals((await Promise.all(both)).slice(0, 3), [3, 16, 42]);
  },
);

leakTest(
  "process.Pool cancels a call whose module the busy worker does not have, and keeps the worker",
  async () => {
    await using running = new Queue<number>();
    await using pool = createPool(1);
    // Short tasks: several of them are with the worker at a time.
    await pool.map(square, Array.from({ length: 200 }, (_, n) => n), { chunkSize: 1 });
    const pid = await pool.apply(getPid);
    for (const count of [1, 2]) {
      const first = pool.applyAsync(heedSignal, [running]);
      const items = Array.from({ length: count }, (_, n) => n);
      const strange = pool.mapAsync({ module: CONTRACT, name: "square" }, items, { chunkSize: 2 });
      assertEquals(await running.get(), pid);
      assertEquals(strange.cancel("not wanted"), true);
      const error = await assertRejects(() => strange.get(), CancelledError);
      assertEquals(error.cause, "not wanted");
      first.cancel();
      assertEquals(await first.get(), pid);
      assertEquals(await pool.apply(getPid), pid);
    }
  },
);

leakTest(
  "process.Pool loses no call that follows one which was cancelled while its worker was replaced",
  async () => {
    for (const items of [[1], [1, 2]]) {
      await using pool = createPool(1);
      const pid = await pool.apply(getPid);
      const strange = pool.mapAsync({ module: CONTRACT, name: "square" }, items, { chunkSize: 2 });
      // The worker has been handed it, and is ended because it does not have the module.
      await settle();
      assertEquals(strange.cancel(), true);
      const next = pool.apply(getPid);
      await assertRejects(() => strange.get(), CancelledError);
      assertNotEquals(await next, pid);
    }
  },
);
