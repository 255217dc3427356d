import { assertEquals, assertRejects } from "@std/assert";
import { deadline } from "./deadline.ts";
import { delay } from "./delay.ts";

const never = () => new Promise<never>(() => {});

Deno.test("deadline() follows a promise that is in time", async () => {
  assertEquals(await deadline(Promise.resolve("done"), Infinity), "done");
  await assertRejects(() => deadline(Promise.reject(new Error("own")), Infinity), Error, "own");
});

Deno.test("deadline() rejects when the time is over", async () => {
  const [error] = await Promise.all([
    assertRejects(() => deadline(never(), 5), DOMException),
    delay(15),
  ]);
  assertEquals(error.name, "TimeoutError");
});

Deno.test("deadline() rejects when the signal is aborted", async () => {
  const controller = new AbortController();
  const limited = deadline(never(), Infinity, { signal: controller.signal });
  controller.abort("stop");
  assertEquals(await assertRejects(() => limited), "stop");
});
