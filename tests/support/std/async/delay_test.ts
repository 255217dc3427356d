import { assertEquals, assertRejects } from "@std/assert";
import { delay } from "./delay.ts";

/** Only an abort ends a test that waits so long. */
const TOO_LONG_MS = 60_000;

Deno.test("delay() resolves after the time, not before", async () => {
  const start = performance.now();
  await delay(15);
  // Timers count whole milliseconds, so one may seem to be early by less than that.
  assertEquals(performance.now() - start > 13, true);
});

Deno.test("delay() rejects with the reason of an aborted signal and leaves no timer", async () => {
  const reason = new Error("enough");
  const controller = new AbortController();
  const delayed = delay(TOO_LONG_MS, { signal: controller.signal });
  controller.abort(reason);
  assertEquals(await assertRejects(() => delayed), reason);
  assertEquals(await assertRejects(() => delay(1, { signal: AbortSignal.abort(7) })), 7);
});

Deno.test("delay() does not end at once when the time is longer than timers take", async () => {
  const controller = new AbortController();
  const long = delay(2 ** 40, { signal: controller.signal }).then(() => "long", () => "aborted");
  assertEquals(await Promise.race([long, delay(5).then(() => "short")]), "short");
  controller.abort();
  assertEquals(await long, "aborted");
});

Deno.test("delay() lets the process end where it is not persistent", async () => {
  const unrefTimer = Deno.unrefTimer;
  let calls = 0;
  Deno.unrefTimer = (id) => {
    calls++;
    unrefTimer(id);
  };
  try {
    await Promise.all([delay(0, { persistent: false }), delay(2)]);
  } finally {
    Deno.unrefTimer = unrefTimer;
  }
  assertEquals(calls, 1);
});
