import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { InvalidStateError } from "../../coroutine/errors.ts";
import { packShared, unpackShared } from "../../thread/_shared.ts";
import { Lock } from "../../thread/lock.ts";
import { RLock } from "../../thread/rlock.ts";
import { SharedArray } from "../../thread/shared_array.ts";
import type { NumberKind } from "../../thread/shared_number.ts";
import { Value } from "../../thread/value.ts";
import { doJobs } from "./_shared_jobs.ts";

Deno.test("Value keeps a number of each kind, and shows what another thread makes of it [cpython: _TestValue.test_value, _TestSharedCTypes.test_sharedctypes]", async () => {
  const kinds = ["int8", "uint8", "uint8Clamped", "int16", "uint16", "int32", "uint32", "float32"];
  const values = [...kinds, "float64"].map((kind) => new Value(kind as "int32", 21));
  const array = new SharedArray("int32", [1, 2, 3]);
  await doJobs(["doubleAll", { values, array }]);
  assertEquals(values.map((value) => value.value), values.map(() => 42));
  assertEquals([...array], [2, 4, 6]);
});

Deno.test("Value without a lock is shared all the same [cpython: _TestValue.test_rawvalue]", async () => {
  const value = new Value("float32", 1.5, { lock: false });
  const array = new SharedArray("int32", 1, { lock: false });
  await doJobs(["doubleAll", { values: [value], array }]);
  assertEquals(value.get(), 3);
  assertThrows(() => value.getLock(), InvalidStateError);
});

Deno.test("Value.getLock() gives a lock of its own, or the given one [cpython: _TestValue.test_getobj_getlock]", () => {
  const lock = new Lock();
  assertEquals(new Value("int8").getLock() instanceof RLock, true);
  assertEquals(new Value("int8", 1, { lock: true }).getLock() instanceof RLock, true);
  assertStrictEquals(new Value("int8", 1, { lock }).getLock(), lock);
  assertThrows(() => new Value("int8", 1, { lock: "no" as never }), TypeError, '"lock" must be');
});

Deno.test("Value.getLock() is the same lock in every thread [cpython: _TestSharedCTypes.test_synchronize]", () => {
  const value = new Value("int32", 7);
  const { other } = unpackShared(structuredClone(packShared({ other: value }))) as {
    other: Value<"int32">;
  };
  using _ = value.getLock().holdSync();
  assertEquals([other.value, other.getLock().locked()], [7, true]);
});

Deno.test("Value keeps a number out of range as its typed array does, and refuses other types", () => {
  const wrapped = (kind: NumberKind, number: number) => new Value(kind as "int8", number).value;
  assertEquals(wrapped("int8", 200), -56);
  assertEquals(wrapped("uint8Clamped", 300), 255);
  assertEquals(wrapped("uint32", -1), 2 ** 32 - 1);
  assertEquals(new Value("bigUint64", -1n).value, 2n ** 64n - 1n);
  assertEquals(new Value("int8", 127).add(1), -128);
  assertThrows(() => new Value("int32").set("1" as never), TypeError, "must be a number");
  assertThrows(() => new Value("bigInt64", 1 as never), TypeError, "must be a bigint");
  assertThrows(() => new Value("long" as "int8"), TypeError, '"kind" must be one of');
});

Deno.test("Value.update() ends for NaN and -0", () => {
  const value = new Value("float64", NaN);
  assertStrictEquals(value.update(() => -0), -0);
  assertStrictEquals(value.update((zero) => zero), -0);
});

Deno.test("Value.add() and SharedArray.add() lose nothing between threads", async () => {
  const value = new Value("float64", 0);
  const array = new SharedArray("bigInt64", 3);
  const job: [string, unknown] = ["addToValue", { value, array, rounds: 10_000 }];
  await doJobs(job, job);
  assertEquals(value.value, 10_000);
  assertEquals([...array], [0n, 0n, 20_000n]);
});

// Arrays

Deno.test("SharedArray has length, indexes, parts, and what other threads write [cpython: _TestArray.test_array]", async () => {
  const array = new SharedArray("int32", [680, 626, 934]);
  assertEquals([array.length, array.get(1), array.get(-1)], [3, 626, 934]);
  assertEquals(array.slice(1), [626, 934]);
  array.setAll([1, 2], 1);
  assertEquals([...array], [680, 1, 2]);
  await doJobs(["doubleAll", { values: [], array }]);
  assertEquals([...array], [1360, 2, 4]);
  for (const index of [3, -4, 0.5, NaN]) assertThrows(() => array.get(index), RangeError);
  assertThrows(() => array.setAll([1, 2], 2), RangeError, "the array holds 3");
  assertEquals([...array.view], [1360, 2, 4]);
});

Deno.test("SharedArray.update() changes a number in one step, and setAll() may write none", () => {
  const array = new SharedArray("int32", [1, 2, 3]);
  assertEquals([array.update(-1, (n) => n * 2), array.get(2)], [6, 6]);
  // Another one is faster: it is called again.
  let calls = 0;
  const slow = array.update(0, (n) => {
    if (++calls === 1) array.set(0, 10);
    return n + 1;
  });
  assertEquals([slow, array.get(0), calls], [11, 11, 2]);
  assertThrows(() => array.update(3, (n) => n), RangeError);
  assertThrows(() => array.update(0, () => 1n as never), TypeError);
  array.setAll([]);
  array.setAll([], 3);
  assertEquals([...array], [11, 2, 6]);
});

Deno.test("SharedArray of a length is filled with zeros, anew each time [cpython: _TestArray.test_array_from_size]", () => {
  for (let round = 0; round < 3; round++) {
    const array = new SharedArray("float64", 10);
    assertEquals([...array], new Array(10).fill(0));
    array.setAll(array.slice().map((_, i) => i));
    assertEquals(array.get(9), 9);
  }
  for (const length of [-1, 1.5, NaN]) {
    assertThrows(() => new SharedArray("int8", length), RangeError, "its length must be");
  }
});

Deno.test("SharedArray without a lock is shared all the same [cpython: _TestArray.test_rawarray]", async () => {
  const array = new SharedArray("int32", [1, 2], { lock: false });
  await doJobs(["doubleAll", { values: [], array }]);
  assertEquals([...array], [2, 4]);
});

Deno.test("SharedArray.getLock() gives a lock of its own, the given one, or throws [cpython: _TestArray.test_getobj_getlock_obj]", () => {
  const lock = new Lock();
  assertEquals(new SharedArray("int8", 1).getLock() instanceof RLock, true);
  assertStrictEquals(new SharedArray("int8", 1, { lock }).getLock(), lock);
  assertThrows(() => new SharedArray("int8", 1, { lock: false }).getLock(), InvalidStateError);
  assertThrows(() => new SharedArray("int8", 1, { lock: "no" as never }), TypeError);
});

Deno.test("SharedArray made of another one is a copy [cpython: _TestSharedCTypes.test_copy]", () => {
  const array = new SharedArray("int32", [1, 2]);
  const copy = new SharedArray("int32", array);
  copy.set(0, 5);
  assertEquals([...array, ...copy], [1, 2, 5, 2]);
});
