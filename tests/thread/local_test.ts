import { assertEquals, assertThrows } from "@std/assert";
import { local } from "../../thread/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { makeThread } from "./_make_thread.ts";
import * as targets from "./fixtures/targets.ts";

leakTest(
  "local() has attributes of its own in each thread [cpython: BaseLocalTest.test_threading_local]",
  async () => {
    targets.ownData.x = 100;
    const seen: unknown[] = [];
    for (const word of ["a", "b"]) {
      await using thread = makeThread(targets.changeOwnData, [word]);
      await thread.start();
      seen.push(await thread.result());
    }
    assertEquals(seen, [{ x: 2, list: ["a"] }, { x: 2, list: ["b"] }]);
    assertEquals({ ...targets.ownData }, { x: 100, list: [] });
  },
);

leakTest("local() arrives in another thread as that thread's own", async () => {
  const data = local<Record<string, unknown>>(() => ({ word: "mine" }));
  await using thread = makeThread(targets.useLocal, [data, "theirs"]);
  await thread.start();
  assertEquals(await thread.result(), { before: {}, after: { word: "theirs" } });
  assertEquals({ ...data }, { word: "mine" });
});

leakTest("local() that comes back is the object of this thread", async () => {
  const data = local<Record<string, unknown>>(() => ({ word: "mine" }));
  await using thread = makeThread(targets.echo, [[data, data]]);
  await thread.start();
  const [first, second] = await thread.result() as unknown[];
  assertEquals([first === data, second === data], [true, true]);
});

Deno.test("local() takes nothing or a function [cpython: BaseLocalTest.test_arguments]", () => {
  assertEquals(Object.keys(local()), []);
  const data = local<{ a?: number }>(() => ({ a: 1 }));
  assertEquals(data.a, 1);
  delete data.a;
  assertEquals(Object.keys(data), []);
  assertThrows(() => local(1 as unknown as () => object), TypeError, "must be a function");
});
