import { assertEquals, assertRejects } from "@std/assert";
import { guard } from "./guard.ts";
import { assertPending, settle } from "./settle.ts";

Deno.test("settle() lets microtasks, timers and ports go on", async () => {
  const seen: string[] = [];
  (async () => {
    for (let turn = 0; turn < 100; turn++) await undefined;
    seen.push("microtasks");
  })();
  setTimeout(() => setTimeout(() => seen.push("timers"), 0), 0);
  const { port1, port2 } = new MessageChannel();
  port2.onmessage = () => seen.push("port");
  port1.postMessage(1);
  await settle();
  port1.close();
  port2.close();
  assertEquals(seen.sort(), ["microtasks", "port", "timers"]);
});

Deno.test("assertPending() accepts a promise that is pending", async () => {
  await assertPending(Promise.withResolvers().promise);
});

Deno.test("assertPending() fails for a promise that settles by itself", async () => {
  const soon = (async () => {
    await undefined;
  })();
  await assertRejects(() => assertPending(soon, "put()"), Error, "put() to be pending: it is fulf");
  const failed = Promise.reject(new Error("fails"));
  await assertRejects(() => assertPending(failed), Error, "it is rejected");
});

Deno.test("guard() follows its promise", async () => {
  assertEquals(await guard(Promise.resolve(1), () => "it"), 1);
  await assertRejects(() => guard(Promise.reject(new Error("no")), () => "it"), Error, "no");
});

Deno.test("guard() says what was awaited", async () => {
  const never = Promise.withResolvers<void>().promise;
  await assertRejects(() => guard(never, () => "a miracle", 1), Error, "1 ms for a miracle");
});
