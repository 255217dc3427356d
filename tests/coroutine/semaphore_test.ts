import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { BoundedSemaphore, CancelledError, Semaphore, spawn } from "../../coroutine/mod.ts";
import { boundedSemaphoreContract, semaphoreContract } from "../contracts/semaphore_contract.ts";
import { settle } from "../support/settle.ts";
import { shared } from "./_owners.ts";

const REASON = new Error("enough");

semaphoreContract("Semaphore", { open: (count, value) => shared(count, new Semaphore(value)) });
boundedSemaphoreContract("BoundedSemaphore", {
  open: (count, value) => shared(count, new BoundedSemaphore(value)),
});

for (const kind of [Semaphore, BoundedSemaphore]) {
  const { name } = kind;

  Deno.test(`${name}.tryAcquire() takes free places only`, () => {
    const semaphore = new kind(2);
    const answers = [1, 2, 3].map(() => semaphore.tryAcquire());
    assertEquals([...answers, semaphore.value], [true, true, false, 0]);
  });

  Deno.test(`${name}.acquire() of a free place makes no promise`, () => {
    const semaphore = new kind(2);
    assertStrictEquals(semaphore.acquire(), semaphore.acquire({ timeoutMs: 10 }));
  });

  Deno.test(`${name}.release() hands the place over: it is never free while somebody waits`, async () => {
    const semaphore = new kind();
    await semaphore.acquire();
    const waiting = semaphore.acquire();
    semaphore.release();
    assertEquals([semaphore.value, semaphore.tryAcquire()], [0, false]);
    assertStrictEquals(await waiting, true);
  });

  Deno.test(`${name}.acquire() that was handed a place before the abort keeps it`, async () => {
    const semaphore = new kind();
    await semaphore.acquire();
    const controller = new AbortController();
    const waiting = semaphore.acquire({ signal: controller.signal });
    semaphore.release();
    controller.abort(REASON);
    assertStrictEquals(await waiting, true);
    semaphore.release();
    assertEquals(semaphore.value, 1);
  });

  Deno.test(`${name}.acquire() that was aborted before the release takes nothing, in the same tick`, async () => {
    const semaphore = new kind();
    await semaphore.acquire();
    const controller = new AbortController();
    const waiting = semaphore.acquire({ signal: controller.signal });
    controller.abort(REASON);
    semaphore.release();
    assertStrictEquals(await assertRejects(() => waiting), REASON);
    assertEquals(semaphore.value, 1);
  });

  Deno.test(`${name}.hold() gives a permit that releases once, however often it is disposed`, async () => {
    const semaphore = new kind(2);
    const permit = await semaphore.hold();
    await semaphore.acquire();
    permit[Symbol.dispose]();
    permit[Symbol.dispose]();
    assertEquals(semaphore.value, 1);
  });

  Deno.test(`${name}.acquire() ends with the task that waits`, async () => {
    const semaphore = new kind();
    await semaphore.acquire();
    const task = spawn(() => semaphore.acquire());
    await settle();
    assertEquals(semaphore.statistics().waiting, 1);
    task.cancel();
    assertEquals(semaphore.statistics().waiting, 0);
    await assertRejects(async () => await task, CancelledError);
  });

  Deno.test(`${name} lets 100,000 wait, leave from anywhere and be served in order`, async () => {
    const count = 100_000;
    const semaphore = new kind(3);
    for (let i = 0; i < 3; i++) await semaphore.acquire();
    const served: number[] = [];
    const leaving: AbortController[] = [];
    const waits = Array.from({ length: count }, (_, i) => {
      if (i % 2 === 0) {
        return semaphore.acquire().then(() => {
          served.push(i);
          semaphore.release();
        });
      }
      const controller = new AbortController();
      leaving.push(controller);
      return assertRejects(() => semaphore.acquire({ signal: controller.signal }));
    });
    for (const controller of leaving) controller.abort(REASON);
    assertEquals(semaphore.statistics().waiting, count / 2);
    semaphore.release(3);
    await Promise.all(waits);
    assert(served.every((i, at) => i === at * 2));
    assertEquals([served.length, semaphore.value], [count / 2, 3]);
  });
}

Deno.test("Semaphore.release(n) serves those who wait first, and keeps the rest free", async () => {
  const semaphore = new Semaphore(0);
  const waits = [semaphore.acquire(), semaphore.acquire()];
  semaphore.release(5);
  assertEquals(semaphore.statistics(), { value: 3, waiting: 0 });
  assertEquals(await Promise.all(waits), [true, true]);
});

Deno.test("BoundedSemaphore(0) can never be released", () => {
  assertThrows(() => new BoundedSemaphore(0).release(), RangeError, "0 of 0 places are free");
});

Deno.test("BoundedSemaphore.bound is its first value", async () => {
  const semaphore = new BoundedSemaphore(3);
  await semaphore.acquire();
  assertEquals(semaphore.statistics(), { value: 2, bound: 3, waiting: 0 });
  assertEquals([semaphore.value, semaphore.bound], [2, 3]);
});

Deno.test("Semaphore and BoundedSemaphore show their state in one line", async () => {
  const semaphore = new Semaphore(0);
  const bounded = new BoundedSemaphore(1);
  await bounded.acquire();
  const waits = [semaphore.acquire(), bounded.acquire()];
  assertEquals(Deno.inspect([semaphore]), "[ Semaphore { value: 0, waiting: 1 } ]");
  assertEquals(Deno.inspect([bounded]), "[ BoundedSemaphore { value: 0, bound: 1, waiting: 1 } ]");
  semaphore.release();
  bounded.release();
  await Promise.all(waits);
});
