import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { InvalidStateError } from "../../coroutine/mod.ts";
import {
  ConnectionClosedError,
  Lock,
  type NumberKind,
  type NumberOf,
  RLock,
  SharedArray,
  Value,
} from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { addMany, compareMany, double, echoObjects, useArray } from "./value_targets.ts";

const MODULE = import.meta.resolve("./value_targets.ts");

/** For each kind, what is written and what is read then: out of the range, as the typed array keeps it. */
const CASES: { [K in NumberKind]: [written: NumberOf<K>, read: NumberOf<K>][] } = {
  int8: [[-5, -5], [200, -56], [1.9, 1]],
  uint8: [[250, 250], [-1, 255]],
  uint8Clamped: [[300, 255], [-3, 0]],
  int16: [[-30_000, -30_000], [40_000, -25_536]],
  uint16: [[65_535, 65_535], [-1, 65_535]],
  int32: [[-7, -7], [2 ** 31, -(2 ** 31)]],
  uint32: [[2 ** 32 - 1, 2 ** 32 - 1], [-1, 2 ** 32 - 1]],
  float32: [[0.1, Math.fround(0.1)], [NaN, NaN], [-0, -0]],
  float64: [[0.1, 0.1], [NaN, NaN], [-0, -0], [Infinity, Infinity]],
  bigInt64: [[-7n, -7n], [2n ** 63n, -(2n ** 63n)]],
  bigUint64: [[2n ** 64n - 1n, 2n ** 64n - 1n], [-1n, 2n ** 64n - 1n]],
};
const KINDS = Object.keys(CASES) as NumberKind[];

async function runChild<F extends (...args: never[]) => unknown>(
  target: F,
  args: Parameters<F>,
): Promise<Awaited<ReturnType<F>>> {
  await using child = new Process({ module: MODULE, target, args });
  await child.start();
  return await child.result();
}

Deno.test("Value.get() reads what was set, of every kind [cpython: _TestValue.test_value, _TestValue.test_rawvalue]", async () => {
  for (const kind of KINDS) {
    await using value = new Value(kind, undefined, { lock: false });
    assertEquals(await value.get(), kind.startsWith("big") ? 0n : 0);
    for (const [written, read] of CASES[kind]) {
      await value.set(written);
      assert(Object.is(await value.get(), read), `${kind}: ${written} is read as ${read}`);
      await using other = new Value(kind, written, { lock: false });
      assertStrictEquals(await other.get(), read);
    }
  }
});

Deno.test("Value is the same number in a child, of every kind [cpython: _TestSharedCTypes.test_sharedctypes]", async () => {
  const values = KINDS.map((kind) => new Value(kind, CASES[kind][0]![0], { lock: false }));
  await runChild(double, [values]);
  for (const [i, kind] of KINDS.entries()) {
    const [[, read]] = CASES[kind] as [[number, number]];
    await using twice = new Value(kind, (read + read) as never, { lock: false });
    assertStrictEquals(await values[i]!.get(), await twice.get());
    await values[i]!.close();
  }
});

Deno.test("Value.add() and update() of several processes lose nothing [cpython: _TestSharedCTypes.test_synchronize]", async () => {
  await using sum = new Value("int32");
  await using updated = new Value("float64");
  await using locked = new Value("bigInt64");
  const children = Array.from({ length: 3 }, () => runChild(addMany, [sum, updated, locked, 50]));
  for (let i = 0; i < 50; i++) await updated.update((n) => n + 0.5);
  await Promise.all(children);
  assertEquals([await sum.get(), await updated.get(), await locked.get()], [150, 100, 150n]);
});

Deno.test("Value.compareExchange() writes only over what is expected", async () => {
  await using value = new Value("float64", 1);
  assertEquals([await value.compareExchange(2, 3), await value.get()], [1, 1]);
  assertEquals([await value.compareExchange(1, NaN), await value.get()], [1, NaN]);
  assertEquals([await value.compareExchange(NaN, -0), await value.get()], [NaN, -0]);
  // As Object.is: 0 is not -0.
  assertEquals([await value.compareExchange(0, 5), await value.get()], [-0, -0]);
  assertEquals(await runChild(compareMany, [value]), [-0, 8, 8, 9]);
  assertEquals(await value.get(), 9);
});

Deno.test("Value.update() calls its function again when another one was faster", async () => {
  await using value = new Value("int32", 1);
  const seen: number[] = [];
  const result = await value.update(async (n) => {
    seen.push(n);
    if (seen.length < 3) await value.add(10);
    return n * 2;
  });
  assertEquals([seen, result, await value.get()], [[1, 11, 21], 42, 42]);
});

Deno.test("Value refuses what is not of its kind, and kinds that there are not", async () => {
  assertThrows(() => new Value("int64" as "int32"), TypeError, '"kind" must be one of "int8"');
  assertThrows(() => new Value("int32", 1n as never), TypeError, "must be a number, got bigint");
  assertThrows(() => new Value("int32", 1, { lock: 5 as never }), TypeError, '"lock" must be');
  await using value = new Value("bigInt64", 3n);
  const bad = 1 as never;
  await assertRejects(() => value.set(bad), TypeError, "must be a bigint, got number");
  await assertRejects(() => value.add(bad), TypeError, "must be a bigint");
  await assertRejects(() => value.update(() => bad), TypeError, "must be a bigint");
  await assertRejects(() => value.compareExchange(bad, 1n), TypeError, "must be a bigint");
  await assertRejects(() => value.compareExchange(3n, bad), TypeError, "must be a bigint");
  assertEquals([await value.get(), value.kind], [3n, "bigInt64"]);
});

Deno.test("Value.getLock() is an RLock of its own, the lock that was given, or none [cpython: _TestValue.test_getobj_getlock]", async () => {
  await using lock = new Lock();
  await using own = new Value("int32", 5);
  await using given = new Value("int32", 5, { lock });
  await using none = new Value("int32", 5, { lock: false });
  assert(own.getLock() instanceof RLock);
  assertStrictEquals(own.getLock(), own.getLock());
  assertStrictEquals(given.getLock(), lock);
  assertThrows(
    () => none.getLock(),
    InvalidStateError,
    'Cannot get the lock of the value: it has none, since it was made with "lock: false" or by a manager in Python',
  );
  await given.close();
  // It is not the value's.
  await lock.acquire();
  await own.close();
  await assertRejects(() => own.getLock().acquire(), ConnectionClosedError);
});

Deno.test("Value comes back to its process as itself, with its lock", async () => {
  await using lock = new Lock();
  await using value = new Value("int32", 5, { lock });
  await using array = new SharedArray("int32", 5);
  const back = await runChild(echoObjects, [[lock, value, array]]);
  assertStrictEquals(back[0], lock);
  assertStrictEquals(back[1], value);
  assertStrictEquals(back[2], array);
});

Deno.test("Value refuses use after close", async () => {
  const value = new Value("int32", 5);
  assertEquals(String(value), "Value { int32: 5 }");
  await value.close();
  await value.close();
  assertEquals(String(value), "Value { closed }");
  for (const use of [() => value.get(), () => value.set(1), () => value.update((n) => n)]) {
    await assertRejects(use, ConnectionClosedError, "the value is closed");
  }
});

// Arrays

Deno.test("SharedArray has the numbers that it was made of [cpython: _TestArray.test_array, _TestArray.test_rawarray, _TestSharedCTypes.test_copy]", async () => {
  await using array = new SharedArray("int32", [680, 626, 934, 821, 150]);
  assertEquals([array.length, array.kind], [5, "int32"]);
  assertEquals(await array.slice(), [680, 626, 934, 821, 150]);
  assertEquals([await array.get(0), await array.get(-1)], [680, 150]);
  assertEquals([await array.slice(2, 4), await array.slice(-2)], [[934, 821], [821, 150]]);
  await array.setAll([1, 2], 1);
  await array.set(-1, 7);
  assertEquals(await array.slice(), [680, 1, 2, 821, 7]);
  const copy = await array.slice();
  await array.set(0, 0);
  assertEquals(copy[0], 680);
  assertEquals(String(array), "SharedArray { int32, length: 5 }");
});

Deno.test("SharedArray of a length is all zeros [cpython: _TestArray.test_array_from_size]", async () => {
  for (const kind of KINDS) {
    await using array = new SharedArray(kind, 3);
    const zero = kind.startsWith("big") ? 0n : 0;
    assertEquals(await array.slice(), [zero, zero, zero]);
  }
  await using empty = new SharedArray("int8", 0);
  assertEquals([empty.length, await empty.slice()], [0, []]);
  await empty.setAll([]);
});

Deno.test("SharedArray is the same in a child", async () => {
  await using array = new SharedArray("float64", [1, 2, 3]);
  assertEquals(await runChild(useArray, [array]), {
    length: 3,
    kind: "float64",
    first: 1,
    last: 3,
    part: [2, 3],
    text: "SharedArray { float64, length: 3 }",
  });
  assertEquals(await array.slice(), [10, 2.5, 9]);
});

Deno.test("SharedArray.getLock() is an RLock of its own, the lock that was given, or none [cpython: _TestArray.test_getobj_getlock_obj]", async () => {
  await using lock = new RLock();
  await using own = new SharedArray("int32", 1);
  await using given = new SharedArray("int32", 1, { lock });
  await using none = new SharedArray("int32", 1, { lock: false });
  assert(own.getLock() instanceof RLock);
  assertStrictEquals(given.getLock(), lock);
  assertThrows(() => none.getLock(), InvalidStateError, "the lock of the array");
});

Deno.test("SharedArray refuses bad indexes, lengths and numbers, and changes nothing then", async () => {
  for (const length of [-1, 1.5, NaN]) {
    assertThrows(() => new SharedArray("int8", length), RangeError, "its length must be");
  }
  await using array = new SharedArray("int8", [1, 2, 3]);
  for (const index of [3, -4, 1.5, NaN]) {
    await assertRejects(() => array.get(index), RangeError, "the array holds 3 numbers");
    await assertRejects(() => array.set(index, 1), RangeError);
    await assertRejects(() => array.add(index, 1), RangeError);
    await assertRejects(() => array.update(index, (n) => n), RangeError);
    await assertRejects(() => array.compareExchange(index, 1, 1), RangeError);
  }
  await assertRejects(() => array.setAll([7, 8], 2), RangeError, "Cannot write 2 numbers");
  await assertRejects(() => array.setAll([7, "8" as never]), TypeError, "got string");
  assertEquals(await array.slice(), [1, 2, 3]);
  assertEquals(await array.compareExchange(-1, 3, 9), 3);
  assertEquals([await array.add(0, 4), await array.slice()], [5, [5, 2, 9]]);
});
