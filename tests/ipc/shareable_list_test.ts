import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { decode, encode } from "../../ipc/_encoding.ts";
import { type ShareableItem, ShareableList, SharedMemory } from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { utf8 } from "./_bytes.ts";
import { changeItem, makeList } from "./shared_memory_targets.ts";

const MODULE = new URL("shared_memory_targets.ts", import.meta.url);
const HOWDY = utf8("HoWdY");
const MOST = 9_999_991;

/** A test that needs shared memory. */
function listTest(name: string, fn: () => void | Promise<void>): void {
  leakTest(name, fn, { ignore: Deno.build.os === "windows" });
}

/** A list whose name is gone at once, and whose segment is closed at the end. */
function listOf(...values: ShareableItem[]): ShareableList {
  const list = ShareableList.create(values);
  list.shm.unlink();
  return list;
}

/** What crosses in place of a list, and the list that arrives. */
function send(list: ShareableList): Uint8Array {
  const { payload } = encode([list]);
  return typeof payload === "string" ? utf8(payload) : payload.slice();
}

function receive(list: ShareableList, bytes: Uint8Array): ShareableList {
  const { encoding } = encode([list]);
  return (decode(encoding, bytes as Uint8Array<ArrayBuffer>) as [ShareableList])[0];
}

// Items

listTest(
  "ShareableList gives back what was put into it [cpython: _TestSharedMemory.test_shared_memory_ShareableList_basics]",
  () => {
    using list = listOf("howdy", HOWDY, -273.154, 100, null, true, 42);
    const { name } = list.shm;
    assertEquals(
      String(list),
      `ShareableList(["howdy", Uint8Array [72, 111, 87, 100, 89], -273.154, 100, null, true, 42], name="${name}")`,
    );
    for (const index of [7, 100, -8, 0.5, NaN, Infinity]) {
      assertThrows(
        () => list.get(index),
        RangeError,
        `Cannot read item ${index} of the list: index`,
      );
      assertThrows(() => list.set(index, 2), RangeError, `Cannot write item ${index} of the list`);
    }
    assertEquals(list.format, "8s8sdqxxxxxx?xxxxxxxx?q");
    list.set(0, "howdy");
    assertEquals(list.format, "8s8sdqxxxxxx?xxxxxxxx?q");
    assertEquals(list.length, 7);
    assertThrows(() => list.index("100"), RangeError, 'Cannot find "100": it is not in the list');
    assertEquals(list.index(100), 3);
    assertEquals([list.get(0), list.get(-2), list.get(-7)], ["howdy", true, "howdy"]);
    assertEquals([...list], ["howdy", HOWDY, -273.154, 100, null, true, 42]);

    list.set(3, 42);
    assertEquals(list.get(3), 42);
    list.set(4, "some");
    assertEquals(list.get(4), "some");
    assertEquals(list.format, "8s8sdq8sxxxxxxx?q");
    assertThrows(
      () => list.set(4, "far too many"),
      RangeError,
      "Cannot write item 4 of the list: it takes 12 bytes, which exceeds available storage of 8",
    );
    assertEquals(list.get(4), "some");
    list.set(0, "encodés");
    assertEquals([list.get(0), list.get(1)], ["encodés", HOWDY]);
    assertThrows(() => list.set(0, "encodées"), RangeError, "exceeds available storage");
    assertEquals([list.get(0), list.get(1)], ["encodés", HOWDY]);
    assertThrows(() => list.set(1, utf8("123456789")), RangeError, "exceeds available storage");
    assertEquals(list.get(1), HOWDY);

    assertEquals([list.count(42), list.count(HOWDY), list.count(utf8("adios"))], [2, 1, 0]);
  },
);

listTest(
  "ShareableList.create() copies another list [cpython: _TestSharedMemory.test_shared_memory_ShareableList_basics]",
  () => {
    using list = listOf("encodés", HOWDY, -0.5, 100, null, false, 42n);
    const name = `test_copy_${Deno.pid}`;
    using copy = ShareableList.create(list, { name });
    copy.shm.unlink();
    assertEquals(copy.shm.name, name);
    assertEquals([[...copy], copy.format], [[...list], list.format]);
    copy.set(-1, 77);
    assertEquals([copy.get(-1), list.get(-1)], [77, 42]);
  },
);

listTest(
  "ShareableList.attach() opens the same list [cpython: _TestSharedMemory.test_shared_memory_ShareableList_basics]",
  () => {
    using list = ShareableList.create(["a", 1]);
    using tethered = ShareableList.attach(list.shm.name);
    list.shm.unlink();
    assertEquals([tethered.shm.name, [...tethered]], [list.shm.name, ["a", 1]]);
    tethered.set(-1, 880);
    assertEquals(list.get(-1), 880);
  },
);

listTest(
  "ShareableList may be empty [cpython: _TestSharedMemory.test_shared_memory_ShareableList_basics]",
  () => {
    using list = ShareableList.create();
    using other = ShareableList.attach(list.shm.name);
    list.shm.unlink();
    for (const empty of [list, other]) {
      assertEquals([empty.length, empty.format, empty.count("any"), [...empty]], [0, "", 0, []]);
      assertThrows(() => empty.index(null), RangeError, "Cannot find null");
      assertThrows(() => empty.get(0), RangeError);
      assertThrows(() => empty.get(-1), RangeError);
    }
  },
);

listTest("ShareableList keeps every kind of value", () => {
  const values: ShareableItem[] = [
    ...[0, -1, 2 ** 31, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
    ...[2n ** 63n - 1n, -(2n ** 63n), BigInt(Number.MAX_SAFE_INTEGER) + 1n],
    ...[-0, 0.1, NaN, Infinity, -Infinity, 1e300, 2 ** 53, Number.MIN_VALUE],
    ...[true, false, null],
    ...["", "a", "12345678", "123456789", "\0a", "\ufeffmark", "日本語", "😀😀😀😀😀😀😀"],
    ...[new Uint8Array(), new Uint8Array([0, 1]), new Uint8Array(100).fill(255)],
  ];
  using list = listOf(...values);
  values.forEach((value, i) => {
    const got = list.get(i);
    assert(value instanceof Uint8Array || Object.is(got, value), `item ${i}: ${got}`);
    if (value instanceof Uint8Array) assertEquals(got, value);
  });
  // Each goes into the place of a longer one, and what was there leaves no trace.
  using places = listOf(..."x".repeat(values.length));
  values.forEach((value, i) => {
    if (value instanceof Uint8Array ? value.length > 8 : utf8(String(value)).length > 8) return;
    places.set(i, "xxxxxxxx");
    places.set(i, value);
    assertEquals(places.get(i), value);
    places.set(i, "y");
    assertEquals(places.get(i), "y");
  });
});

listTest("ShareableList reads whole numbers as numbers where they are exact", () => {
  using list = listOf(5n, 5, 2n ** 53n, 5.5);
  assertEquals([...list], [5, 5, 2n ** 53n, 5.5]);
  assertEquals(list.format, "qqqd");
  list.set(3, 5);
  assertEquals(list.format, "qqqq");
  list.set(3, -0);
  assertEquals(list.format, "qqqd");
});

listTest("ShareableList.get() gives a copy of bytes", () => {
  using list = listOf(HOWDY);
  const bytes = list.get(0) as Uint8Array;
  bytes[0] = 1;
  assertEquals(list.get(0), HOWDY);
  assertEquals(bytes.buffer.byteLength, 5);
});

listTest("ShareableList finds equal values only", () => {
  using list = listOf(1, true, "1", utf8("1"), null, NaN, 2n ** 60n, 1n, -0);
  const indexes = [1, 1n, true, "1", utf8("1"), null, 2n ** 60n, 0].map((v) => list.index(v));
  assertEquals(indexes, [0, 0, 1, 2, 3, 4, 6, 8]);
  assertEquals([list.count(1), list.count(1n), list.count(true), list.count(NaN)], [2, 2, 1, 0]);
  assertThrows(() => list.index(false), RangeError);
  assertThrows(() => list.index(utf8("2")), RangeError, "Cannot find Uint8Array [50]");
  assertEquals([list.count(utf8("12")), list.count(utf8(""))], [0, 0]);
});

listTest("ShareableList makes room as Python does, and more for text that Python cuts", () => {
  const rooms = (...values: ShareableItem[]) => {
    using list = listOf(...values);
    return list.format;
  };
  assertEquals(rooms("", "1234567", "12345678", new Uint8Array(15).fill(1)), "8s8s16s16s");
  // 7 characters of 1 and 2 bytes in 8 bytes; 8 characters of 16 bytes in 16.
  assertEquals(rooms("encodés", "é".repeat(8)), "8s16s");
  // Python gives 8 bytes to 7 characters, of which these have 14 and 28.
  assertEquals(rooms("é".repeat(7), "😀".repeat(7)), "16s32s");
});

listTest("ShareableList refuses what it cannot keep, and leaves no segment", () => {
  const refused: [value: unknown, error: typeof TypeError | typeof RangeError, told: string][] = [
    [undefined, TypeError, "got undefined"],
    [{}, TypeError, "got object"],
    [Symbol.iterator, TypeError, "got symbol"],
    [new Uint16Array(1), TypeError, "got object"],
    [2n ** 63n, RangeError, "9223372036854775808 does not fit into 64 bits"],
    [-(2n ** 63n) - 1n, RangeError, "does not fit into 64 bits"],
    ["a\0", RangeError, "ends with a zero byte"],
    [new Uint8Array([1, 0]), RangeError, "ends with a zero byte"],
    ["\ud800", RangeError, "holds half of a character"],
    ["a".repeat(MOST + 1), RangeError, `takes ${MOST + 1} bytes, and ${MOST} is the most`],
  ];
  const name = `test_refused_${Deno.pid}`;
  using list = listOf("12345678", 1);
  for (const [value, errorClass, told] of refused) {
    const create = () => ShareableList.create([1, value as never], { name });
    assertThrows(create, errorClass, "Cannot put item 1 into the list");
    assertThrows(create, errorClass, told);
    assertThrows(() => SharedMemory.attach(name), Deno.errors.NotFound);
    const set = () => list.set(-1, value as never);
    assertThrows(set, errorClass, "Cannot write item -1 of the list");
    assertThrows(set, errorClass, told);
    assertEquals([...list], ["12345678", 1]);
  }
  using long = listOf("a".repeat(MOST));
  assertEquals([(long.get(0) as string).length, long.format], [MOST, "9999992s"]);
});

listTest("new ShareableList() says what to call", () => {
  assertThrows(() => new ShareableList(), TypeError, "use ShareableList.create()");
});

// Segments that hold no list

/** A list's segment after a change to its words. */
function damage(values: ShareableItem[], change: (words: BigInt64Array) => void): string {
  using list = ShareableList.create(values);
  const { buf } = list.shm;
  change(new BigInt64Array(buf.buffer, 0, buf.length >> 3));
  return list.shm.name;
}

/** How many segments are mapped, where the system tells. */
function mapped(): number {
  if (Deno.build.os !== "linux") return 0;
  return Deno.readTextFileSync("/proc/self/maps").split("/dev/shm/").length - 1;
}

listTest("ShareableList.attach() refuses what is no list, and closes it", () => {
  const before = mapped();
  const damages: ((words: BigInt64Array) => void)[] = [
    (words) => words[0] = -1n,
    (words) => words[0] = 3n,
    (words) => words[0] = 2n ** 62n,
    (words) => words[1] = 8n,
    (words) => words[1] = -8n,
    (words) => words[2] = 0n,
    (words) => words[2] = 7n,
    (words) => words[3] = 8n,
    (words) => words[3] = 2n ** 62n,
    (words) => words[3] = 256n,
  ];
  for (const change of damages) {
    const name = damage([1, 2], change);
    try {
      assertThrows(() => ShareableList.attach(name), TypeError, "it holds no shareable list");
    } finally {
      using memory = SharedMemory.attach(name);
      memory.unlink();
    }
  }
  assertEquals(mapped(), before);
  for (const size of [1, 15]) {
    using small = SharedMemory.create(size);
    try {
      if (small.size !== size) continue;
      assertThrows(() => ShareableList.attach(small.name), TypeError, "holds no shareable list");
    } finally {
      small.unlink();
    }
  }
});

listTest("ShareableList.get() refuses an item that Python would not write", () => {
  using list = listOf("text", 5);
  const { buf } = list.shm;
  const formats = buf.length - 2 - 16;
  const [first = 0, second = 0] = [buf[buf.length - 2], buf[buf.length - 1]];
  assertEquals([first, second], [1, 0]);
  buf.set(utf8("16s"), formats);
  assertThrows(() => list.get(0), TypeError, 'an item of format "16s" and code 1 is none');
  buf.set(utf8("8s\0"), formats);
  buf[buf.length - 2] = 9;
  assertThrows(() => list.get(0), TypeError, "code 9");
  buf[buf.length - 1] = 1;
  assertThrows(() => list.get(1), TypeError, 'format "q" and code 1');
  buf[buf.length - 2] = 1;
  buf.set([255, 254], 8 * 4);
  assertThrows(() => list.get(0), TypeError);
});

listTest("ShareableList is of no use once its segment is closed", () => {
  using list = listOf(1);
  list.shm.close();
  assertEquals(list.length, 1);
  for (
    const use of [
      () => list.get(0),
      () => list.set(0, 2),
      () => list.count(1),
      () => list.index(1),
      () => list.format,
      () => [...list],
      () => encode([list]),
    ]
  ) assertThrows(use, Deno.errors.BadResource, "it was closed here");
});

// Other processes

listTest(
  "ShareableList crosses as a name, however long it is [cpython: _TestSharedMemory.test_shared_memory_ShareableList_pickling]",
  () => {
    using list = ShareableList.create(Array(10).keys());
    using larger = ShareableList.create(Array(400).keys());
    const bytes = send(list);
    using crossed = receive(list, bytes);
    assertEquals(send(larger).length, bytes.length);
    list.shm.unlink();
    larger.shm.unlink();
    assertInstanceOf(crossed, ShareableList);
    assert(crossed !== list && crossed.shm !== list.shm);
    assertStrictEquals(crossed.get(-1), 9);
    crossed.set(4, "changed");
    assertEquals(list.get(4), "changed");
    list.set(3, "newvalue");
    assertEquals(crossed.get(3), "newvalue");
  },
);

listTest(
  "ShareableList that was unlinked arrives nowhere [cpython: _TestSharedMemory.test_shared_memory_ShareableList_pickling_dead_object]",
  () => {
    using list = listOf(...Array(10).keys());
    assertThrows(() => receive(list, send(list)), Deno.errors.NotFound);
  },
);

listTest("ShareableList is the same in a child, and comes back from there", async () => {
  using list = ShareableList.create(["parent", 2]);
  await using child = new Process({
    module: MODULE,
    target: changeItem,
    args: [list, 0, "child"],
    permissions: { ffi: true },
  });
  await child.start();
  assertEquals(await child.result(), "parent");
  assertEquals([...list], ["child", 2]);
  list.shm.unlink();

  await using maker = new Process({
    module: MODULE,
    target: makeList,
    permissions: { ffi: true },
  });
  await maker.start();
  using made = await maker.result();
  made.shm.unlink();
  assertEquals([...made], [1, "two", null]);
});
