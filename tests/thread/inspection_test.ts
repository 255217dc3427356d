import { assertEquals } from "@std/assert";
import {
  Barrier,
  BoundedSemaphore,
  Condition,
  Event,
  Lock,
  RLock,
  Semaphore,
  SharedArray,
  Value,
} from "../../thread/mod.ts";

const MADE: [object: object, shown: string][] = [
  [new Barrier(2), "Barrier { waiting: 0 of 2 }"],
  [new BoundedSemaphore(2), "BoundedSemaphore { value: 2, bound: 2 }"],
  [new Condition(), "Condition { Lock { unlocked } }"],
  [new Condition(new RLock()), "Condition { RLock { unlocked } }"],
  [new Event(), "Event { unset }"],
  [new Lock(), "Lock { unlocked }"],
  [new RLock(), "RLock { unlocked }"],
  [new Semaphore(3), "Semaphore { value: 3 }"],
  [new SharedArray("int32", 3), "SharedArray { int32, length: 3 }"],
  [new Value("int32", 7), "Value { int32: 7 }"],
];

Deno.test("the objects of the room are shown by console.log as their text", () => {
  for (const [object, shown] of MADE) {
    assertEquals([Deno.inspect([object]), `${object}`], [`[ ${shown} ]`, shown]);
  }
});
