import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { ConnectionClosedError, Event, Queue, SharedDict, SharedList } from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { leakTest } from "../support/leaks.ts";
import {
  computeMany,
  echo,
  iterateList,
  putInner,
  searchInner,
  searchList,
  sortList,
  stopEarly,
  useList,
} from "./shared_data_targets.ts";

const MODULE = import.meta.resolve("./shared_data_targets.ts");

async function runChild<F extends (...args: never[]) => unknown>(
  target: F,
  args: Parameters<F>,
): Promise<Awaited<ReturnType<F>>> {
  await using child = new Process({ module: MODULE, target, args });
  await child.start();
  return await child.result();
}

for (
  const [name, target] of [
    [
      "has the methods of an Array and of a Python list [cpython: _TestContainers.test_list, TestSyncManagerTypes.test_list]",
      useList,
    ],
    ["finds data that is equal deep within", searchList],
    ["is sorted by value, and left alone when there is no order", sortList],
  ] as const
) {
  leakTest(`SharedList ${name}`, async () => {
    await using list = new SharedList<unknown>();
    await target(list);
    await runChild(target, [list]);
  });
}

leakTest(
  "SharedList is iterated piece by piece, with what comes meanwhile [cpython: _TestContainers.test_list_iter]",
  async () => {
    await using list = new SharedList<unknown>();
    await iterateList(list, 5_000);
    await runChild(iterateList, [list, 5_000]);
  },
);

leakTest("SharedList.compute() of several processes loses nothing", async () => {
  await using list = new SharedList<unknown>([{ n: 0 }, 0]);
  await Promise.all([
    computeMany(list, 50),
    ...Array.from({ length: 2 }, () => runChild(computeMany, [list, 50])),
  ]);
  assertEquals(await list.toArray(), [{ n: 150 }, 150]);
});

leakTest("SharedList knows a reference again, wherever it is looked for", async () => {
  await using dict = new SharedDict<string, number>({ a: 1 });
  await using other = new SharedDict<string, number>({ a: 1 });
  await using list = new SharedList<unknown>([other, { inside: dict }, dict]);
  assertEquals([await list.indexOf(dict), await list.indexOf({ inside: dict })], [2, 1]);
  assertEquals(await runChild(searchInner, [list, dict, other]), [2, 1, 0, 1]);
  await list.remove(dict);
  assertEquals(await list.includes(dict), false);
  assertStrictEquals(await list.at(0), other);
});

Deno.test("SharedList finds all kinds of data by what they hold", async () => {
  const bytes = (...values: number[]) => new Uint8Array(values);
  const cases: [stored: unknown, equal: unknown, others: unknown[]][] = [
    [NaN, NaN, [0, null, "NaN"]],
    [0, -0, [1, "0", null]],
    [new Date(5), new Date(5), [new Date(6), 5]],
    [/a/g, /a/g, [/a/, /b/g, "/a/g"]],
    [new RangeError("a"), new RangeError("a"), [new RangeError("b"), new TypeError("a")]],
    [bytes(1, 2).buffer, bytes(1, 2).buffer, [bytes(1, 3).buffer, bytes(1).buffer, bytes(1, 2)]],
    [bytes(1, 2), bytes(0, 1, 2).subarray(1), [bytes(1, 3), bytes(1), new Int8Array([1, 2])]],
    [
      new Map<unknown, unknown>([["a", [1]]]),
      new Map<unknown, unknown>([["a", [1]]]),
      [new Map([["a", [2]]]), new Map([["b", [1]]]), new Map(), { a: [1] }],
    ],
    [new Set([1, 2]), new Set([2, 1]), [new Set([1]), new Set([1, 3]), [1, 2]]],
    [[1, [2]], [1, [2]], [[1, [3]], [1], [1, [2], 3], { 0: 1, 1: [2] }]],
    [{ a: { b: 1 } }, { a: { b: 1 } }, [{ a: { b: 2 } }, { a: {} }, { a: { b: 1 }, c: 1 }, {
      c: { b: 1 },
    }]],
  ];
  for (const [stored, equal, others] of cases) {
    await using list = new SharedList<unknown>([...others, stored]);
    assertEquals(await list.indexOf(equal), others.length, Deno.inspect(stored));
    assertEquals(await list.count(equal), 1);
  }
});

Deno.test("SharedList is iterated whole, whatever large items it has", async () => {
  const large = new Uint8Array(300_000);
  const items = [
    large,
    large.buffer,
    new Map([["a", large]]),
    new Set([large]),
    { large },
    [..."x".repeat(100)].map((x) => x.repeat(10_000)),
  ];
  await using list = new SharedList<unknown>([...items, ...items]);
  assertEquals(await Array.fromAsync(list), [...items, ...items]);
});

Deno.test("SharedList keeps an array with more properties, also beside a reference", async () => {
  await using inner = new Event();
  await using list = new SharedList<unknown>([Object.assign([inner, 1], { more: 2 })]);
  const copy = await list.at(0) as unknown[] & { more: number };
  assertStrictEquals(copy[0], inner);
  assertEquals([copy.length, copy[1], copy.more], [2, 1, 2]);
  const beside = Object.assign([1], { inner });
  await assertRejects(() => list.push(beside), TypeError, "Cannot carry a reference inside");
});

leakTest("SharedList comes back to its process as itself, and takes copies", async () => {
  await using list = new SharedList<number[]>([[1]]);
  assertStrictEquals((await runChild(echo, [[list]]))[0], list);
  const item = [2];
  const pushing = list.push(item);
  item.push(3);
  await pushing;
  (await list.at(0))!.push(4);
  assertEquals(await list.toArray(), [[1], [2]]);
});

Deno.test("SharedList takes more items than a call takes arguments", async () => {
  await using list = new SharedList<number>();
  assertEquals(await list.extend(Array.from({ length: 300_000 }, (_, i) => i)), 300_000);
  assertEquals(await list.at(-1), 299_999);
});

Deno.test("SharedList refuses what cannot be carried, and use after close", async () => {
  assertThrows(() => new SharedList([() => {}]), TypeError, "Cannot carry a function");
  const list = new SharedList<unknown>([1]);
  await assertRejects(() => list.push(2, Symbol("s")), TypeError, "Cannot carry a symbol");
  assertEquals([await list.toArray(), String(list)], [[1], "SharedList { length: 1 }"]);
  await list.close();
  await list.close();
  for (const use of [() => list.at(0), () => list.push(1), () => list.compute(0, (n) => n)]) {
    await assertRejects(use, ConnectionClosedError, "the list is closed");
  }
  assertEquals(String(list), "SharedList { closed }");
});

leakTest("SharedList knows an object of another process again by any handle", async () => {
  await using outer = new SharedDict<string, [SharedDict<string, SharedList<number>>]>();
  await using isThere = new Event();
  await using done = new Queue<string>();
  await using child = new Process({
    module: MODULE,
    target: putInner,
    args: [outer as SharedDict<string, never>, isThere, done],
    permissions: "inherit",
  });
  await child.start();
  await Promise.race([isThere.wait(), child.result()]);
  const [[dict], [again]] = [(await outer.get("theirs"))!, (await outer.get("theirs"))!];
  const inner = (await dict.get("list"))!;
  await using list = new SharedList<unknown>([inner, { inside: dict }, dict]);
  assertEquals(again === dict, false);
  assertEquals([await list.indexOf(again), await list.indexOf({ inside: again })], [2, 1]);
  assertEquals(await list.count(again), 1);
  await done.put("done");
  await child.join();
  await Promise.all([dict, again, inner].map((object) => object.close()));
});

leakTest("SharedList is iterated by many who stop early, here and in a child", async () => {
  await using list = new SharedList<unknown>(Array.from({ length: 3_000 }, (_, i) => i));
  assertEquals(await stopEarly(list), [0, 1]);
  assertEquals(await runChild(stopEarly, [list]), [0, 1]);
});
