import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { ConnectionClosedError, Namespace, SharedList } from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { countNames, echo, type Settings, useNamespace } from "./shared_data_targets.ts";

const MODULE = import.meta.resolve("./shared_data_targets.ts");

async function runChild<F extends (...args: never[]) => unknown>(
  target: F,
  args: Parameters<F>,
): Promise<Awaited<ReturnType<F>>> {
  await using child = new Process({ module: MODULE, target, args });
  await child.start();
  return await child.result();
}

leakTest(
  "Namespace has named values, here and in a child [cpython: _TestContainers.test_namespace, TestSyncManagerTypes.test_namespace]",
  async () => {
    await using namespace = new Namespace<Settings>();
    await useNamespace(namespace);
    await runChild(useNamespace, [namespace]);
  },
);

leakTest("Namespace.compute() of several processes loses nothing", async () => {
  await using namespace = new Namespace({ count: 0, names: ["a"] });
  await Promise.all([
    countNames(namespace, 50),
    ...Array.from({ length: 2 }, () => runChild(countNames, [namespace, 50])),
  ]);
  assertEquals(await namespace.get("count"), 150);
  assertEquals((await namespace.get("names")).length, 151);
});

leakTest("Namespace comes back to its process as itself, with what is in it", async () => {
  await using list = new SharedList([1]);
  await using namespace = new Namespace({ list, __proto__name: 1 });
  assertStrictEquals((await runChild(echo, [[namespace]]))[0], namespace);
  assertStrictEquals(await namespace.get("list"), list);
  assertEquals(String(namespace), "Namespace { list, __proto__name }");
});

Deno.test("Namespace takes names that objects have already for names", async () => {
  await using namespace = new Namespace<Record<string, number>>();
  for (const name of ["__proto__", "constructor", "toString"]) {
    assertEquals(await namespace.has(name), false);
    await namespace.set(name, 1);
    assertEquals(await namespace.get(name), 1);
  }
  assertEquals((await namespace.entries()).length, 3);
});

Deno.test("Namespace refuses use after close", async () => {
  const namespace = new Namespace({ a: 1 });
  await namespace.close();
  await namespace.close();
  for (const use of [() => namespace.get("a"), () => namespace.set("a", 2)]) {
    await assertRejects(use, ConnectionClosedError, "the namespace is closed");
  }
  assertEquals(String(namespace), "Namespace { closed }");
});
