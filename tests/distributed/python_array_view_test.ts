import { assertEquals, assertThrows } from "@std/assert";
import { ArrayView } from "../../distributed/_python_array_view.ts";
import type { AnyNumbersHome } from "../../distributed/_python_number.ts";
import { PyFloat, PyGlobal, PyObject, PythonError, PyTuple } from "../../distributed/mod.ts";
import { NumbersHome } from "../../ipc/_numbers_home.ts";
import type { NumberKind } from "../../ipc/mod.ts";

/** Shared numbers as Python clients see them, without Python. */

const call = { signal: new AbortController().signal };

function ask(view: ArrayView, name: string, ...args: unknown[]): unknown {
  return view.seat().call(name, call, { args, kwds: {} });
}

function open(kind: NumberKind, length: number): { home: AnyNumbersHome; view: ArrayView } {
  const home = new NumbersHome("the numbers", kind, length) as unknown as AnyNumbersHome;
  return { home, view: new ArrayView(home) };
}

function slice(start: number | null, end: number | null, step: number | null = null): PyObject {
  return new PyObject(new PyGlobal("builtins", "slice"), [start, end, step]);
}

Deno.test("ArrayView keeps its length, and takes numbers of any iterable", () => {
  const { home, view } = open("int32", 4);
  ask(view, "__setitem__", slice(0, 2), new Int32Array([1, 2]));
  ask(view, "__setitem__", slice(2, 4), new PyTuple<unknown>(3, 4n));
  assertEquals(home.slice(), [1, 2, 3, 4]);
  ask(view, "__setitem__", slice(null, null, -1), [1, 2, 3, 4]);
  assertEquals(home.slice(), [4, 3, 2, 1]);
  const error = assertThrows(() => ask(view, "__setitem__", slice(0, 2), [1]), PythonError);
  assertEquals(error.name, "ValueError");
  assertEquals(
    error.message,
    "attempt to assign 1 numbers to a slice of 2: the array is shared, and keeps its length",
  );
  // All are read before one is written.
  assertThrows(() => ask(view, "__setitem__", slice(0, 2), [9, "a"]), PythonError);
  for (const wrong of [5, null, "ab"]) {
    assertThrows(() => ask(view, "__setitem__", slice(0, 2), wrong), PythonError);
  }
  assertThrows(() => ask(view, "__getitem__", slice(0, 2, 0)), PythonError, "cannot be zero");
  assertEquals(home.slice(), [4, 3, 2, 1]);
});

Deno.test("ArrayView shows its numbers as Python's array does", () => {
  assertEquals(open("int32", 0).view.repr(), "array('i')");
  const { view } = open("float64", 2);
  assertEquals(view.repr(), "array('d', [0.0, 0.0])");
  ask(view, "__setitem__", -1, true);
  ask(view, "__setitem__", 0, new PyFloat(2.5));
  assertEquals(view.repr(), "array('d', [2.5, 1.0])");
  assertThrows(
    () => ask(view, "__setitem__", 0, "a"),
    PythonError,
    "must be real number, not str",
  );
});
