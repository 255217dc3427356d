import { assertEquals, assertRejects } from "@std/assert";
import { namespaceSeat, sliceOf } from "../../distributed/_python_data_seats.ts";
import { arraySeat, valueSeat } from "../../distributed/_python_number_seats.ts";
import type { PythonSeat } from "../../distributed/_python_seat.ts";
import { type PyObject, PythonError } from "../../distributed/mod.ts";

/** How objects of a manager in Python are used, by what they answer. */

/** Calls methods of a seat, of which the object in Python does what is said here. */
function seatOf(
  { methods }: PythonSeat,
  answer: (name: string, args: readonly unknown[]) => unknown,
): { ask: (method: string, ...args: unknown[]) => Promise<unknown>; calls: unknown[][] } {
  const calls: unknown[][] = [];
  const { signal } = new AbortController();
  const call = (name: string, args: readonly unknown[] = []) => {
    calls.push([name, ...args]);
    return Promise.try(() => answer(name, args));
  };
  return {
    calls,
    ask: (method, ...args) => Promise.try(() => methods[method]!({ signal, call }, ...args)),
  };
}

function fail(name: string): () => never {
  return () => {
    throw new PythonError(name, ["wrong"]);
  };
}

Deno.test("valueSeat() does not take for a number what Python has put in its place", async () => {
  for (const answer of ["a text", null, [1]]) {
    const { ask } = seatOf(valueSeat("int32"), () => answer);
    await assertRejects(() => ask("get"), TypeError, "Python has put something else in its place");
  }
  assertEquals(await seatOf(valueSeat("bigInt64"), () => 1.5).ask("get"), 1n);
  assertEquals(await seatOf(valueSeat("int32"), () => 5n).ask("get"), 5);
});

Deno.test("arraySeat() tells when the array was made shorter in Python", async () => {
  const short = seatOf(arraySeat("int32", 3), fail("IndexError"));
  await assertRejects(() => short.ask("get", 2), RangeError, "was made shorter in Python");
  await assertRejects(() => short.ask("set", 2, 1), RangeError, "was made shorter in Python");
  const broken = seatOf(arraySeat("int32", 3), fail("OSError"));
  await assertRejects(() => broken.ask("get", 2), PythonError, "wrong");
});

Deno.test("arraySeat() writes several numbers from either end, and no more than there is room for", async () => {
  const { ask, calls } = seatOf(arraySeat("int32", 3), () => null);
  await ask("setAll", [], 7);
  assertEquals(calls, []);
  await assertRejects(() => ask("setAll", [1, 2], 2), RangeError, "Cannot write 2 numbers");
  await assertRejects(() => ask("setAll", [1], 3), RangeError, "Cannot use index 3");
  await assertRejects(
    () => ask("setAll", [1, 2], -1),
    RangeError,
    "from index 2: the array holds 3",
  );
  await ask("setAll", [1, 2], -2);
  const [, slice, numbers] = calls[0] as [string, PyObject, PyObject];
  assertEquals([slice.args, numbers.args], [[1, 3, null], ["i", [1, 2]]]);
});

Deno.test("namespaceSeat() passes on what is no answer about a name", async () => {
  const gone = seatOf(namespaceSeat(), fail("AttributeError"));
  assertEquals(await gone.ask("delete", "a"), false);
  await assertRejects(() => gone.ask("getOwn", "a"), ReferenceError, "has no such name");
  const broken = seatOf(namespaceSeat(), fail("OSError"));
  await assertRejects(() => broken.ask("delete", "a"), PythonError, "wrong");
  await assertRejects(() => broken.ask("getOwn", "a"), PythonError, "wrong");
  for (const attributes of [{ _a: 1 }, new Map([["_a", 1]])]) {
    const { ask } = seatOf(namespaceSeat(), () => attributes);
    assertEquals([await ask("getOwn", "_a"), await ask("has", "b"), await ask("size")], [
      1,
      false,
      1,
    ]);
    await assertRejects(() => ask("getOwn", "_b"), ReferenceError, "has no such name");
  }
  await assertRejects(() => gone.ask("set", 1, "__dict__"), TypeError, 'Cannot use "__dict__"');
});

Deno.test("sliceOf() reads bounds as Array.prototype.slice() does", () => {
  const boundsOf = (start?: number, end?: number): unknown => sliceOf(start, end).args;
  assertEquals(boundsOf(), [null, null, null]);
  assertEquals(boundsOf(NaN, 1.9), [0, 1, null]);
  const largest = Number.MAX_SAFE_INTEGER;
  assertEquals(boundsOf(-Infinity, Infinity), [-largest, largest, null]);
});
