import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BoundedSemaphore } from "../../thread/bounded_semaphore.ts";
import { Semaphore } from "../../thread/semaphore.ts";
import { boundedSemaphoreContract, semaphoreContract } from "../contracts/semaphore_contract.ts";
import { countListeners } from "../support/listeners.ts";
import { openInThreads } from "./_remote_objects.ts";

semaphoreContract("thread.Semaphore", {
  open: (count, value) => openInThreads(count, new Semaphore(value)),
});
boundedSemaphoreContract("thread.BoundedSemaphore", {
  open: (count, value) => openInThreads(count, new BoundedSemaphore(value)),
});

Deno.test("thread.Semaphore refuses one more when as many wait as can, and goes on", async () => {
  const semaphore = new Semaphore(0);
  const most = 2 ** 15;
  const waits = Array.from({ length: most }, () => semaphore.acquire());
  const { signal } = new AbortController();
  const listeners = countListeners(signal);
  const message = `Cannot wait: ${most} wait already`;
  await assertRejects(() => semaphore.acquire({ signal }), RangeError, message);
  assertThrows(() => semaphore.acquireSync(), RangeError, message);
  assertEquals([listeners.count, semaphore.statistics().waiting], [0, most]);
  semaphore.release(most);
  assertEquals((await Promise.all(waits)).every(Boolean), true);
  semaphore.release();
  assertEquals(await semaphore.acquire(), true);
});
