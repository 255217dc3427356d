import { assertEquals, assertRejects } from "@std/assert";
import { InvalidStateError } from "../../coroutine/mod.ts";
import { RLock } from "../../ipc/rlock.ts";
import { Process } from "../../process/mod.ts";
import { rlockContract, type RLockHandle } from "../contracts/rlock_contract.ts";
import { leakTest } from "../support/leaks.ts";
import { openInChildren } from "./_children.ts";
import { useInTasks } from "./lock_targets.ts";

rlockContract("ipc.RLock", { open: (count) => openInChildren<RLockHandle>(count, new RLock()) });

const TARGETS = import.meta.resolve("./lock_targets.ts");
const EXPECTED = [
  "first: 2",
  "second: false, 0",
  "first leaves",
  "second: 1",
  "outside: 1, 0",
];

Deno.test("ipc.RLock belongs to a task, and to the rest of the program, where it lives", async () => {
  await using lock = new RLock();
  assertEquals(await useInTasks(lock), EXPECTED);
});

leakTest("ipc.RLock belongs to a task, and to the rest of the program, in a child", async () => {
  await using lock = new RLock();
  await using child = new Process({ module: TARGETS, target: useInTasks, args: [lock] });
  await child.start();
  assertEquals(await child.result(), EXPECTED);
  assertEquals(await lock.statistics(), {
    locked: false,
    pid: null,
    count: 0,
    waiting: 0,
    ownerDied: false,
  });
});

Deno.test("ipc.RLock refuses an owner that is no object", async () => {
  await using lock = new RLock();
  for (const bad of [null, 1, "me"]) {
    const owner = bad as unknown as object;
    await assertRejects(() => lock.acquire({ owner }), TypeError, '"owner" must be an object');
  }
  const owner = {};
  await lock.acquire({ owner });
  assertEquals((await lock.statistics()).pid, Deno.pid);
  await assertRejects(() => lock.release(), InvalidStateError, "another owner holds it");
  await assertRejects(() => lock.markConsistent(), InvalidStateError, "acquire it first");
  await lock.release({ owner });
});
