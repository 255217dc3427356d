import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  Event,
  Lock,
  Namespace,
  Queue,
  SharedDict,
  type SharedDictKey,
  SharedList,
} from "../../ipc/mod.ts";

/** What the tests of shared dictionaries, lists and namespaces run here and in processes of their own. */

/** Classes that the targets have for types only, which would not be loaded otherwise. */
export const loaded = [Event, Lock, Namespace, Queue];

/** One method after the other, on a dictionary that is empty. */
export async function useDict(dict: SharedDict<SharedDictKey, unknown>): Promise<void> {
  assertEquals([await dict.size(), await dict.get("a"), await dict.has("a")], [
    0,
    undefined,
    false,
  ]);
  await dict.set("a", 1);
  await dict.set("b", [1, { c: 2 }]);
  await dict.set("u", undefined);
  assertEquals([await dict.get("a"), await dict.get("b")], [1, [1, { c: 2 }]]);
  assertEquals([await dict.get("u"), await dict.has("u"), await dict.size()], [undefined, true, 3]);
  assertEquals([await dict.delete("u"), await dict.delete("u")], [true, false]);
  assertEquals(await dict.keys(), ["a", "b"]);
  assertEquals(await dict.values(), [1, [1, { c: 2 }]]);
  assertEquals(await dict.entries(), [["a", 1], ["b", [1, { c: 2 }]]]);
  assertEquals(
    await dict.copy(),
    new Map<SharedDictKey, unknown>([["a", 1], ["b", [1, { c: 2 }]]]),
  );
  assertEquals([await dict.setDefault("a", 5), await dict.setDefault("d", { e: 5 })], [1, {
    e: 5,
  }]);
  assertEquals([await dict.pop("d"), await dict.pop("d", "none")], [{ e: 5 }, "none"]);
  assertEquals(await dict.pop("d", undefined), undefined);
  await assertRejects(
    () => dict.pop("d"),
    RangeError,
    'Cannot pop "d": the dictionary has no such key',
  );
  await dict.update([["x", 1], ["a", 9]]);
  await dict.update(new Map([["y", 2]]));
  await dict.update({ z: 3 });
  assertEquals(await dict.keys(), ["a", "b", "x", "y", "z"]);
  assertEquals([await dict.popItem(), await dict.popItem()], [["z", 3], ["y", 2]]);
  await dict.set("w", 4);
  assertEquals([await dict.popItem(), await dict.popItem(), await dict.get("a")], [
    ["w", 4],
    ["x", 1],
    9,
  ]);
  await dict.clear();
  assertEquals([await dict.size(), await dict.keys()], [0, []]);
  await assertRejects(() => dict.popItem(), RangeError, "the dictionary is empty");
}

/** The kinds of keys. */
export async function useKeys(dict: SharedDict<SharedDictKey, string>): Promise<void> {
  const keys: SharedDictKey[] = [1, "1", 1n, 0.25, "0.25", true, "true", false, null, "null", NaN];
  for (const [i, key] of keys.entries()) await dict.set(key, `value ${i}`);
  for (const [i, key] of keys.entries()) assertEquals(await dict.get(key), `value ${i}`);
  assertEquals(await dict.keys(), keys);
  await dict.set(-0, "zero");
  assertEquals([await dict.get(0), await dict.pop(0)], ["zero", "zero"]);
  for (const bad of [undefined, {}, ["a"], Symbol("s"), new Date()] as unknown as SharedDictKey[]) {
    for (
      const use of [
        () => dict.get(bad),
        () => dict.set(bad, "x"),
        () => dict.has(bad),
        () => dict.delete(bad),
        () => dict.pop(bad),
        () => dict.setDefault(bad, "x"),
        () => dict.update([["fine", "x"], [bad, "x"]]),
        () => dict.compute(bad, () => "x"),
        () => dict.add(bad, 1),
      ]
    ) await assertRejects(use, TypeError, "Cannot use a key of the dictionary: it must be");
  }
  assertEquals(await dict.keys(), keys);
  await dict.clear();
}

/** What goes in and what comes out are copies. */
export async function useCopies(dict: SharedDict<string, Record<string, unknown>>): Promise<void> {
  const value: Record<string, unknown> = { list: [1], when: new Date(5), big: 5n };
  const setting = dict.set("a", value);
  value.list = "changed after the call";
  await setting;
  const first = (await dict.get("a"))!;
  assertEquals(first, { list: [1], when: new Date(5), big: 5n });
  (first.list as number[]).push(2);
  assertEquals((await dict.get("a"))!.list, [1]);
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  await dict.set("circle", circle);
  const carried = (await dict.get("circle"))!;
  assertStrictEquals(carried.self, carried);
  const bad = { deep: [() => {}] };
  await assertRejects(() => dict.set("f", bad), TypeError, "found at value.deep[0]");
  for (const top of [() => {}, Symbol("s"), new AbortController().signal]) {
    await assertRejects(() => dict.set("f", top as never), TypeError, "Cannot carry");
  }
  await assertRejects(() => dict.update({ fine: {}, bad }), TypeError);
  assertEquals(await dict.keys(), ["a", "circle"]);
  await dict.clear();
}

/** Reads and writes in one step. */
export async function useCompute(dict: SharedDict<string, unknown>): Promise<void> {
  assertEquals(await dict.compute("n", (n) => n === undefined ? 1 : 0), 1);
  const seen: unknown[] = [];
  const result = await dict.compute("n", async (n) => {
    seen.push(n);
    if (seen.length < 3) await dict.add("n", 10);
    return (n as number) * 2;
  });
  assertEquals([seen, result, await dict.get("n")], [[1, 11, 21], 42, 42]);
  // An object that another one of the same content has replaced is another one.
  await dict.set("o", { a: 1 });
  let calls = 0;
  await dict.compute("o", async (o) => {
    if (calls++ === 0) await dict.set("o", { a: 1 });
    return { a: (o as { a: number }).a + 1 };
  });
  assertEquals([calls, await dict.get("o")], [2, { a: 2 }]);
  // A key that comes meanwhile, and one that goes.
  calls = 0;
  await dict.compute("new", async (value) => {
    if (calls++ === 0) await dict.set("new", "theirs");
    return `${value} and mine`;
  });
  assertEquals([calls, await dict.get("new")], [2, "theirs and mine"]);
  calls = 0;
  await dict.compute("new", async () => {
    if (calls++ === 0) await dict.delete("new");
    return undefined;
  });
  assertEquals([calls, await dict.has("new")], [2, false]);
  await dict.compute("n", () => undefined);
  assertEquals(await dict.keys(), ["o"]);
  await assertRejects(() => dict.compute("o", () => Promise.reject(new Error("no"))), Error, "no");
  assertEquals([await dict.add("sum", 2), await dict.add("sum", -5)], [2, -3]);
  await assertRejects(() => dict.add("o", 1), TypeError, 'Cannot add to "o": it is no number');
  await assertRejects(() => dict.add("sum", 1n as never), TypeError, "must be a number");
  await dict.clear();
}

/** Goes through many entries, and through some that change. */
export async function iterateDict(dict: SharedDict<number, unknown>, count: number): Promise<void> {
  await dict.update(Array.from({ length: count }, (_, i): [number, number] => [i, i * 2]));
  let next = 0;
  for await (const [key, value] of dict) assertEquals([key, value], [next, next++ * 2]);
  assertEquals([next, (await dict.statistics()).iterating], [count, 0]);
  // A value that is written does not matter, a key that comes or goes does.
  let seen = 0;
  for await (const [key] of dict) {
    await dict.set(key, "seen");
    if (++seen === 3) break;
  }
  for (const change of [() => dict.set(-1, 0), () => dict.delete(-1)]) {
    seen = 0;
    await assertRejects(
      async () => {
        for await (const _ of dict) if (seen++ === 0) await change();
      },
      Error,
      "keys were added or removed meanwhile",
    );
    assert(seen < count);
  }
  assertEquals((await dict.statistics()).iterating, 0);
  await dict.clear();
  for await (const _ of dict) throw new Error("It is empty");
}

/** One method after the other, on a list that is empty. */
export async function useList(list: SharedList<unknown>): Promise<void> {
  assertEquals([await list.length(), await list.at(0), await list.toArray()], [0, undefined, []]);
  await assertRejects(() => list.pop(), RangeError, "Cannot pop an item: the list is empty");
  assertEquals([await list.push(1, 2), await list.extend(new Set([3, 4, 5]))], [2, 5]);
  assertEquals([await list.at(0), await list.at(-1), await list.at(5)], [1, 5, undefined]);
  await list.set(0, "one");
  await list.set(-1, { five: 5 });
  await list.insert(1, "between");
  await list.insert(100, "end");
  await list.insert(-100, "begin");
  assertEquals(await list.toArray(), ["begin", "one", "between", 2, 3, 4, { five: 5 }, "end"]);
  assertEquals(await list.slice(1, -1), ["one", "between", 2, 3, 4, { five: 5 }]);
  assertEquals([await list.slice(-2), await list.slice(2, 3)], [[{ five: 5 }, "end"], ["between"]]);
  assertEquals([await list.pop(), await list.pop(0), await list.pop(-1)], ["end", "begin", {
    five: 5,
  }]);
  for (const index of [5, -6, 1.5, NaN]) {
    await assertRejects(() => list.set(index, 0), RangeError, "the list holds 5 items");
    await assertRejects(() => list.pop(index), RangeError);
    await assertRejects(() => list.compute(index, () => 0), RangeError);
  }
  await list.reverse();
  assertEquals(await list.toArray(), [4, 3, 2, "between", "one"]);
  await list.clear();
  assertEquals(await list.statistics(), { length: 0 });
}

/** Looks for data that is equal deep within. */
export async function searchList(list: SharedList<unknown>): Promise<void> {
  const items = [
    1,
    "1",
    [1, 2],
    { a: [1] },
    new Date(5),
    new Map([[1, "x"]]),
    null,
    undefined,
    NaN,
  ];
  await list.extend([...items, [1, 2]]);
  for (const [i, item] of items.entries()) assertEquals(await list.indexOf(item), i);
  assertEquals([await list.indexOf([1, 2], 3), await list.indexOf([1, 2], -1)], [9, 9]);
  assertEquals([await list.count([1, 2]), await list.count([2, 1])], [2, 0]);
  assertEquals([await list.includes({ a: [1] }), await list.includes({ a: [1, 2] })], [
    true,
    false,
  ]);
  assertEquals([await list.includes(1n), await list.includes(-0), await list.includes({})], [
    false,
    false,
    false,
  ]);
  await list.remove([1, 2]);
  assertEquals([await list.indexOf([1, 2]), await list.length()], [8, 9]);
  await assertRejects(() => list.remove("none"), RangeError, "the list does not have it");
  await list.clear();
}

/** Sorts, and changes in one step. */
export async function sortList(list: SharedList<unknown>): Promise<void> {
  await list.push(10, 9, 1n, -1, 2.5, true);
  await list.sort();
  assertEquals((await list.toArray()).map(Number), [-1, 1, 1, 2.5, 9, 10]);
  await list.sort({ reverse: true });
  assertEquals((await list.toArray()).map(Number), [10, 9, 2.5, 1, 1, -1]);
  await list.push("b");
  const before = await list.toArray();
  await assertRejects(() => list.sort(), TypeError, "a string and a number have no order");
  assertEquals(await list.toArray(), before);
  await list.clear();
  await list.push("b", "B", "a", "ab");
  await list.sort();
  assertEquals(await list.toArray(), ["B", "a", "ab", "b"]);
  await list.clear();
  await list.push([2, "x"], [1, "z"], [1, "b"]);
  await list.sort();
  assertEquals(await list.toArray(), [[1, "b"], [1, "z"], [2, "x"]]);
  await list.clear();
  await list.push({ a: 1 }, { a: 0 });
  await assertRejects(() => list.sort(), TypeError, "an object and an object have no order");
  let calls = 0;
  await list.compute(0, async (item) => {
    if (calls++ === 0) await list.set(0, { a: 5 });
    return { a: (item as { a: number }).a + 1 };
  });
  assertEquals([calls, await list.toArray()], [2, [{ a: 6 }, { a: 0 }]]);
  await list.clear();
}

/** Goes through many items, and through some that change. */
export async function iterateList(list: SharedList<unknown>, count: number): Promise<void> {
  await list.extend(Array.from({ length: count }, (_, i) => i));
  let next = 0;
  for await (const item of list) assertEquals(item, next++);
  assertEquals(next, count);
  await list.clear();
  await list.push(0);
  for await (const item of list) if (item as number < 5) await list.push(item as number + 1);
  await list.clear();
}

export interface Settings {
  limit: number;
  mode?: string;
  hosts: string[];
}

/** One method after the other, on a namespace that is empty. */
export async function useNamespace(namespace: Namespace<Settings>): Promise<void> {
  await assertRejects(
    () => namespace.get("limit"),
    ReferenceError,
    'Cannot get "limit": the namespace has no such name',
  );
  await namespace.set("limit", 5);
  await namespace.set("hosts", ["a"]);
  assertEquals([await namespace.get("limit"), await namespace.get("hosts")], [5, ["a"]]);
  (await namespace.get("hosts")).push("b");
  assertEquals(await namespace.get("hosts"), ["a"]);
  assertEquals(await namespace.entries(), [["limit", 5], ["hosts", ["a"]]]);
  assertEquals(await namespace.compute("hosts", (hosts) => [...hosts, "b"]), ["a", "b"]);
  await assertRejects(() => namespace.compute("mode", () => "x"), ReferenceError, "Cannot change");
  assertEquals([await namespace.has("hosts"), await namespace.delete("hosts")], [true, true]);
  assertEquals([await namespace.has("hosts"), await namespace.delete("hosts")], [false, false]);
  assertEquals(await namespace.statistics(), { size: 1 });
  await assertRejects(
    () => namespace.get(5 as never),
    TypeError,
    "it must be a string, got number",
  );
  await namespace.delete("limit");
}

export async function addMany(dict: SharedDict<string, number>, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await dict.add("added", 1);
    await dict.compute("computed", (n = 0) => n + 1);
  }
}

/** What is within: each is used, and closed when it is said so. */
export async function useInner(
  outer: SharedDict<string, unknown>,
  options: { close: boolean },
): Promise<string[]> {
  const dict = await outer.get("dict") as SharedDict<string, number>;
  const list = await outer.get("list") as SharedList<SharedDict<string, number>>;
  const { queue } = await outer.get("data") as { queue: Queue<string> };
  const lock = (await outer.values()).find((value) => value instanceof Lock)!;
  await dict.add("n", 1);
  await (await list.at(0))!.add("n", 10);
  for await (const inner of list) await inner.add("n", 100);
  await lock.acquire();
  await queue.put("from within");
  await lock.release();
  if (options.close) {
    await Promise.all([dict.close(), list.close(), queue.close(), lock.close(), outer.close()]);
  }
  return [dict, list, queue, lock].map((object) => object.constructor.name);
}

/** Puts objects of its own into a dictionary, and keeps them until it gets something. */
export async function putInner(
  outer: SharedDict<string, unknown>,
  isThere: Event,
  done: Queue<string>,
): Promise<number | undefined> {
  const list = new SharedList<number>([1]);
  const dict = new SharedDict<string, unknown>({ list });
  await outer.set("theirs", [dict]);
  await isThere.set();
  await done.get();
  return await list.at(-1);
}

/** Says how each call ends, the first time it cannot be made. */
export async function callUntilItFails(
  dict: SharedDict<string, number>,
  started: Queue<string>,
): Promise<string> {
  try {
    for (let i = 0;; i++) {
      await dict.set("i", i);
      if (i === 10) await started.put("started");
    }
  } catch (error) {
    return (error as Error).name;
  }
}

export function echo(objects: object[]): object[] {
  return objects;
}

export async function computeMany(list: SharedList<unknown>, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await list.compute(0, (item) => ({ n: (item as { n: number }).n + 1 }));
    await list.compute(-1, (n) => n as number + 1);
  }
}

export async function searchInner(
  list: SharedList<unknown>,
  dict: SharedDict,
  other: SharedDict,
): Promise<number[]> {
  return [
    await list.indexOf(dict),
    await list.indexOf({ inside: dict }),
    await list.indexOf(other),
    await list.count(dict),
  ];
}

export async function countNames(
  namespace: Namespace<{ count: number; names: string[] }>,
  times: number,
): Promise<void> {
  for (let i = 0; i < times; i++) {
    await namespace.compute("count", (count) => count + 1);
    await namespace.compute("names", (names) => [...names, `${i}`]);
  }
}

export async function stopEarly(list: SharedList<unknown>): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const item of list) if (seen.push(item) === 2) break;
  return seen;
}
