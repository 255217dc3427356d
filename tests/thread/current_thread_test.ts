import { assertEquals, assertNotEquals } from "@std/assert";
import { activeCount, currentThread, enumerate, getIdent, mainThread } from "../../thread/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { makeThread } from "./_make_thread.ts";
import * as targets from "./fixtures/targets.ts";

leakTest(
  "mainThread() is the same in every thread, and not the current one there [cpython: ThreadTests.test_main_thread]",
  async () => {
    await using thread = makeThread(targets.tellSelf, []);
    await thread.start();
    const { current, main, ident } = await thread.result();
    assertEquals(main, { name: "MainThread", ident: 1, daemon: false });
    assertEquals(main, mainThread());
    assertNotEquals(current, main);
    assertEquals([current.ident, ident], [thread.ident, thread.ident]);
  },
);

leakTest(
  "enumerate() lists threads until they have ended [cpython: ThreadTests.test_enumerate_after_join]",
  async () => {
    const thread = makeThread(targets.wait, [], { name: "waiting" });
    assertEquals(activeCount(), 1);
    await thread.start();
    assertEquals(enumerate(), [
      mainThread(),
      { name: "waiting", ident: thread.ident!, daemon: false },
    ]);
    assertEquals(activeCount(), 2);
    await thread.terminate();
    assertEquals(enumerate(), [mainThread()]);
  },
);

leakTest("enumerate() in a thread lists the main thread and the current one", async () => {
  await using thread = makeThread(targets.tellAll, [], { name: "asking" });
  await thread.start();
  assertEquals(await thread.result(), [
    mainThread(),
    { name: "asking", ident: thread.ident!, daemon: false },
  ]);
});

Deno.test("getIdent() is 1 in the main thread", () => {
  assertEquals(currentThread(), { name: "MainThread", ident: getIdent(), daemon: false });
  assertEquals(getIdent(), 1);
});

leakTest("currentThread() in a Worker that no Thread started has a number for a name", async () => {
  const module = new URL("fixtures/bare_worker.ts", import.meta.url);
  const worker = new Worker(module, { type: "module" });
  const { data } = await new Promise<MessageEvent>((resolve) => worker.onmessage = resolve);
  worker.terminate();
  assertEquals(data, { name: `Worker-${data.ident}`, ident: data.ident, daemon: false });
  assertNotEquals(data.ident, 1);
});

leakTest("A Worker that no Thread started can start one, and knows when it has ended", async () => {
  const worker = new Worker(new URL("fixtures/bare_starter.ts", import.meta.url), {
    type: "module",
  });
  const { promise, resolve, reject } = Promise.withResolvers<MessageEvent>();
  worker.onmessage = resolve;
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new Error(event.message));
  };
  try {
    assertEquals((await promise).data, ["held", true, true]);
  } finally {
    worker.terminate();
  }
});
