import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { DictHome, type DictPiece } from "../../ipc/_dict_home.ts";
import {
  ConnectionClosedError,
  Event,
  Lock,
  Queue,
  registerSerializer,
  SharedDict,
  type SharedDictKey,
  SharedList,
} from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { leakTest } from "../support/leaks.ts";
import {
  addMany,
  callUntilItFails,
  echo,
  iterateDict,
  putInner,
  useCompute,
  useCopies,
  useDict,
  useInner,
  useKeys,
} from "./shared_data_targets.ts";

const MODULE = import.meta.resolve("./shared_data_targets.ts");

async function runChild<F extends (...args: never[]) => unknown>(
  target: F,
  args: Parameters<F>,
): Promise<Awaited<ReturnType<F>>> {
  await using child = new Process({ module: MODULE, target, args, permissions: "inherit" });
  await child.start();
  return await child.result();
}

/** Tests of what is the same in the process of the dictionary and in any other. */
const SAME: [
  name: string,
  run: (dict: SharedDict<never, never>) => Promise<void>,
  target: unknown,
][] = [
  [
    "has the methods of a Map and of a Python dict [cpython: _TestContainers.test_dict, TestSyncManagerTypes.test_dict]",
    (dict) => useDict(dict as never),
    useDict,
  ],
  ["tells keys of all kinds apart, and refuses others", (dict) => useKeys(dict as never), useKeys],
  ["gives and takes copies", (dict) => useCopies(dict as never), useCopies],
  ["changes a value in one step", (dict) => useCompute(dict as never), useCompute],
];

for (const [name, run, target] of SAME) {
  leakTest(`SharedDict ${name}`, async () => {
    await using dict = new SharedDict<never, never>();
    await run(dict);
    await runChild(target as typeof useDict, [dict as never]);
  });
}

leakTest(
  "SharedDict is iterated piece by piece, until keys come or go [cpython: _TestContainers.test_dict_iter]",
  async () => {
    await using dict = new SharedDict<number, unknown>();
    await iterateDict(dict, 5_000);
    await runChild(iterateDict, [dict, 5_000]);
    // A value that is a message of its own.
    const large = "x".repeat(300_000);
    await dict.update(Array.from({ length: 5 }, (_, i): [number, string] => [i, large]));
    let count = 0;
    for await (const [, value] of dict) {
      assertEquals(value, large);
      count++;
      assertEquals((await dict.statistics()).iterating, 1);
    }
    assertEquals([count, (await dict.statistics()).iterating], [5, 0]);
  },
);

leakTest("SharedDict.add() and compute() of several processes lose nothing", async () => {
  await using dict = new SharedDict<string, number>();
  await Promise.all([
    addMany(dict, 50),
    ...Array.from({ length: 3 }, () => runChild(addMany, [dict, 50])),
  ]);
  assertEquals(await dict.entries(), [["added", 200], ["computed", 200]]);
});

leakTest(
  "SharedDict keeps what crosses as a reference as it is, in a child too [cpython: _TestContainers.test_dict_proxy_nested, _TestContainers.test_nested_queue]",
  async () => {
    await using outer = new SharedDict<string, unknown>();
    await using dict = new SharedDict<string, number>();
    await using list = new SharedList([dict]);
    await using queue = new Queue<string>();
    await using lock = new Lock();
    await outer.update({ dict, list, data: { queue }, lock });
    const [inList] = await list.toArray();
    assertStrictEquals([await outer.get("dict"), await outer.get("list"), inList][0], dict);
    assertStrictEquals(inList, dict);
    const names = ["SharedDict", "SharedList", "Queue", "Lock"];
    assertEquals(await useInner(outer, { close: false }), names);
    assertEquals([await dict.get("n"), await queue.get()], [111, "from within"]);
    // What the child closes are handles of its own.
    assertEquals(await runChild(useInner, [outer, { close: true }]), names);
    assertEquals([await dict.get("n"), await queue.get()], [222, "from within"]);
    assertEquals(await runChild(useInner, [outer, { close: false }]), names);
    assertEquals(await dict.get("n"), 333);
  },
);

leakTest(
  "SharedDict has an object of another process as long as that keeps it, whoever closes a handle",
  async () => {
    await using outer = new SharedDict<string, unknown>();
    await using done = new Queue<string>();
    await using isThere = new Event();
    const args: Parameters<typeof putInner> = [outer, isThere, done];
    const permissions = "inherit";
    await using child = new Process({ module: MODULE, target: putInner, args, permissions });
    await child.start();
    await Promise.race([isThere.wait(), child.result()]);
    for (let round = 0; round < 2; round++) {
      const [dict] = await outer.get("theirs") as [SharedDict<string, SharedList<number>>];
      const list = (await dict.get("list"))!;
      await list.push(10 + round);
      await list.close();
      await dict.close();
      await assertRejects(() => dict.size(), ConnectionClosedError);
    }
    await done.put("done");
    assertEquals(await child.result(), 11);
    const [dict] = await outer.get("theirs") as [SharedDict];
    await assertRejects(() => dict.size(), Error);
    await dict.close();
  },
);

leakTest("SharedDict comes back to its process as itself, and may hold itself", async () => {
  await using dict = new SharedDict<string, unknown>();
  assertStrictEquals((await runChild(echo, [[dict]]))[0], dict);
  await dict.set("self", dict);
  assertStrictEquals(await dict.get("self"), dict);
});

Deno.test("SharedDict needs no network while it is in one process", async () => {
  await using inner = new SharedList([1]);
  await using dict = new SharedDict<string, unknown>({ inner });
  const network = Deno.listen;
  Object.assign(Deno, {
    listen: () => {
      throw new Error("It listens");
    },
  });
  try {
    await dict.set("deep", [{ inner }]);
    const [{ inner: same }] = await dict.get("deep") as [{ inner: SharedList<number> }];
    assertStrictEquals(same, inner);
    assertStrictEquals((await dict.entries())[0]![1], inner);
  } finally {
    Object.assign(Deno, { listen: network });
  }
});

class Point {
  constructor(public x: number) {}
}
registerSerializer(Point, {
  name: "shared_dict_test.Point",
  toWire: ({ x }) => x,
  fromWire: (x) => new Point(x as number),
});

Deno.test("SharedDict copies an object that has a serializer", async () => {
  await using dict = new SharedDict<string, Point[]>();
  const point = new Point(1);
  await dict.set("a", [point]);
  point.x = 2;
  const [copy] = (await dict.get("a"))!;
  assertInstanceOf(copy, Point);
  assertEquals([copy.x, (await dict.get("a"))![0] === copy], [1, false]);
});

Deno.test("new SharedDict() takes pairs, a map or an object, and copies", async () => {
  const value = { n: 1 };
  for (const entries of [[["a", value] as const], new Map([["a", value]]), { a: value }]) {
    await using dict = new SharedDict<string, { n: number }>(entries);
    value.n++;
    assertEquals((await dict.get("a"))!.n, value.n - 1);
    assertEquals(String(dict), "SharedDict { size: 1 }");
  }
  for (const bad of [5, null, ["a"], [[{}, 1]], [[undefined, 1]]]) {
    await assertRejects(async () => await new SharedDict(bad as never).close(), TypeError);
  }
});

Deno.test("SharedDict.popItem() looks through the keys once for many entries", async () => {
  const count = 3_000;
  await using dict = new SharedDict<SharedDictKey, number>();
  await dict.update(Array.from({ length: count }, (_, i): [number, number] => [i, i]));
  const { keys } = Map.prototype;
  let calls = 0;
  Map.prototype.keys = function () {
    calls++;
    return keys.call(this);
  };
  try {
    for (let i = count - 1; i >= 0; i--) assertEquals((await dict.popItem())[0], i);
  } finally {
    Map.prototype.keys = keys;
  }
  assertEquals([await dict.size(), calls], [0, 1]);
});

Deno.test("SharedDict refuses a key of another kind also where it lives", () => {
  const home = new DictHome("the dictionary");
  const { methods } = home.seat();
  const call = { signal: undefined };
  const bad = { key: 1 };
  for (
    const use of [
      () => methods.set!(call, 1, bad),
      () => methods.setDefault!(call, 1, bad),
      () => methods.update!(call, [["fine", 1], [bad, 2]]),
      () => methods.add!(call, bad, 1),
      () => methods.exchange!(call, [1], { values: [], stamp: 0 }, bad),
    ]
  ) assertThrows(use, TypeError, "Cannot use a key of the dictionary");
  assertEquals(home.map.size, 0);
});

leakTest("SharedDict refuses use after close, here and elsewhere", async () => {
  const dict = new SharedDict<string, number>();
  await using started = new Queue<string>();
  const child = runChild(callUntilItFails, [dict, started]);
  await started.get();
  const iterator = dict[Symbol.asyncIterator]();
  await dict.update(Array.from({ length: 3_000 }, (_, i): [string, number] => [`${i}`, i]));
  assert((await iterator.next()).done === false);
  await dict.close();
  await dict.close();
  assertEquals(await child, "ConnectionClosedError");
  await iterator.return();
  assertEquals(String(dict), "SharedDict { closed }");
  const uses = [
    () => dict.get("a"),
    () => dict.set("a", 1),
    () => dict.compute("a", () => 1),
    () => dict[Symbol.asyncIterator]().next(),
  ];
  for (const use of uses) {
    await assertRejects(use, ConnectionClosedError, "the dictionary is closed");
  }
});

Deno.test("SharedDict.add() adds to numbers only, and says what is there", async () => {
  await using dict = new SharedDict<string, unknown>();
  for (
    const [value, type] of [[null, "null"], ["1", "string"], [undefined, "undefined"]] as const
  ) {
    await dict.set("a", value);
    await assertRejects(
      () => (dict as SharedDict<string, number>).add("a", 1),
      TypeError,
      `Cannot add to "a": it is no number but of type ${type}`,
    );
    assertEquals(await dict.get("a"), value);
  }
});

Deno.test("SharedDict goes on with no iteration that has ended", () => {
  const home = new DictHome("the dictionary");
  for (let key = 0; key < 5_000; key++) home.map.set(key, key);
  const { methods } = home.seat();
  const call = { signal: undefined };
  const { id } = methods.first!(call) as DictPiece;
  methods.end!(call, id);
  assertThrows(() => methods.next!(call, id), ReferenceError, "Cannot go on iterating");
  assertEquals(methods.statistics!(call), { size: 5_000, iterating: 0 });
});
