import { assertEquals } from "@std/assert";
import { pythonRepr } from "../../distributed/_pickle_repr.ts";
import {
  PyByteArray,
  PyDateTime,
  PyFloat,
  PyFrozenSet,
  PyGlobal,
  PyList,
  PyMap,
  PyObject,
  PyTuple,
} from "../../distributed/mod.ts";

/** How values are shown in errors and texts: as Python shows them. */

const deque = new PyObject(new PyGlobal("collections", "deque"), []);

Deno.test("pythonRepr() shows values as Python does, and nothing of what it does not know", () => {
  const list = new PyList<unknown>(deque);
  list.push(1, "a");
  const map = new PyMap(deque);
  map.set("a", 1);
  for (
    const [value, text] of [
      [undefined, "None"],
      [null, "None"],
      [true, "True"],
      [false, "False"],
      [-0, "-0.0"],
      [1.5, "1.5"],
      [new PyFloat(1), "1.0"],
      [2n ** 70n, String(2n ** 70n)],
      [2n ** 5000n, "<a large int>"],
      [-(2n ** 5000n), "<a large int>"],
      [Symbol("a"), "<symbol>"],
      [() => {}, "<function>"],
      [new PyTuple<unknown>("a"), "('a',)"],
      [new PyTuple<unknown>(), "()"],
      [new PyTuple<unknown>("a", 1), "('a', 1)"],
      [new Map([[1, [null]]]), "{1: [None]}"],
      [list, "collections.deque([1, 'a'])"],
      [map, "collections.deque({'a': 1})"],
      [{ a: { b: 1 } }, "{'a': {'b': 1}}"],
      [new Set(), "set()"],
      [new PyFrozenSet(), "frozenset()"],
      [new Set([1]), "{1}"],
      [new PyFrozenSet([1]), "frozenset({1})"],
      [new Uint8Array([97, 0]), "b'a\\x00'"],
      [new PyByteArray([97]), "bytearray(b'a')"],
      [deque, "collections.deque()"],
      [new PyObject(deque, [1]), "<object>(1)"],
      [new PyDateTime(0, deque), "1970-01-01T00:00:00.000Z"],
      [new Date(0), "<object>"],
      [[[[[[[[[[1]]]]]]]]], "[[[[[[[[...]]]]]]]]"],
    ] as const
  ) assertEquals(pythonRepr(value), text);
  assertEquals(pythonRepr("x".repeat(100), 10), "'xxxxxxxxx...");
  assertEquals(pythonRepr(["x".repeat(20), 2], 10), "['xxxxxxxx...");
  assertEquals(pythonRepr({ ["x".repeat(20)]: 1, y: 2 }, 10), "{'xxxxxxxx...");
});
