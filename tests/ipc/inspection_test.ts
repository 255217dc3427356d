import { assertEquals } from "@std/assert";
import {
  Barrier,
  BoundedSemaphore,
  Condition,
  Event,
  Lock,
  Namespace,
  RLock,
  Semaphore,
  SharedArray,
  SharedDict,
  SharedList,
  Value,
} from "../../ipc/mod.ts";
import { fromWire } from "../../ipc/_portable.ts";

const MADE: [make: () => AsyncDisposable, shown: string][] = [
  [() => new Barrier(2), "Barrier { waiting: 0 of 2 }"],
  [() => new BoundedSemaphore(2), "BoundedSemaphore { value: 2, bound: 2 }"],
  [() => new Condition(), "Condition { unlocked }"],
  [() => new Event(), "Event { unset }"],
  [() => new Lock(), "Lock { unlocked }"],
  [() => new Namespace({ a: 1 }), "Namespace { a }"],
  [() => new RLock(), "RLock { unlocked }"],
  [() => new Semaphore(3), "Semaphore { value: 3 }"],
  [() => new SharedArray("int32", 3), "SharedArray { int32, length: 3 }"],
  [() => new SharedDict({ a: 1 }), "SharedDict { size: 1 }"],
  [() => new SharedList([1, 2]), "SharedList { length: 2 }"],
  [() => new Value("int32", 7), "Value { int32: 7 }"],
];

for (const [make, shown] of MADE) {
  const [name] = shown.split(" ");
  Deno.test(`ipc.${name} is shown by console.log as its text`, async () => {
    await using object = make();
    assertEquals([Deno.inspect([object]), `${object}`], [`[ ${shown} ]`, shown]);
  });
}

Deno.test("ipc.Condition.toString() tells who waits, and that it is elsewhere", async () => {
  await using changed = new Condition();
  await changed.acquire();
  const waiting = changed.wait();
  while ((await changed.statistics()).waiting === 0);
  await changed.acquire();
  assertEquals(String(changed), "Condition { locked, waiting: 1 }");
  await changed.notify();
  await changed.release();
  await waiting;
  const elsewhere = fromWire({ type: "ipc.Condition", data: { port: 1, id: "elsewhere" } });
  assertEquals(String(elsewhere), "Condition { in another process }");
});
