import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import {
  BrokenBarrierError,
  QueueEmptyError,
  QueueFullError,
  TimeoutError,
} from "../../coroutine/errors.ts";
import { exceptionOf } from "../../distributed/_pickle_errors.ts";
import { PickleReader } from "../../distributed/_pickle_reader.ts";
import { pythonRepr } from "../../distributed/_pickle_repr.ts";
import { Token } from "../../distributed/_pickle_types.ts";
import { PickleWriter } from "../../distributed/_pickle_writer.ts";
import { PythonError } from "../../distributed/python_errors.ts";
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
} from "../../distributed/python_types.ts";
import { BufferTooShortError } from "../../ipc/connection_errors.ts";
import { AuthenticationError } from "../../ipc/errors.ts";
import { type Vector, VECTORS } from "./pickle_vectors.ts";
import { pythonAvailable, runPython } from "../support/python.ts";

const reader = new PickleReader();
const exact = new PickleReader({ floats: "exact" });
const writer = new PickleWriter();

function* pickles(): Generator<[vector: Vector, bytes: Uint8Array]> {
  for (const vector of VECTORS) {
    for (const pickle of vector.pickles) yield [vector, Uint8Array.fromHex(pickle)];
  }
}

function vector(expression: string): Vector {
  const found = VECTORS.find((vector) => vector.expression === expression);
  assert(found !== undefined, `there is no vector ${expression}`);
  return found;
}

/** Reads what all picklers and protocols wrote for an expression. */
function read(expression: string, by: PickleReader = reader): unknown[] {
  return vector(expression).pickles.map((pickle) => by.read(Uint8Array.fromHex(pickle)));
}

const tuple = (...items: unknown[]): PyTuple => new PyTuple(...items);

/** Whether an expression is made of what both sides write alike: numbers, texts, tuples, lists… */
function hasSameRepr(expression: string): boolean {
  if (/^(\.\.\.|NotImplemented|int|str|list|len|1\+2j)$/.test(expression)) return false;
  const calls = expression.matchAll(/([\w.]+)\(/g);
  const plain = /^(float|bytearray|tuple|list|set|frozenset|range|dict\.fromkeys)$/;
  return !/^range/.test(expression) && calls.every(([, name]) => plain.test(name!));
}

// Reading

const VALUES: readonly [expression: string, value: unknown][] = [
  ["None", null],
  ["True", true],
  ["False", false],
  ["0", 0],
  ["65535", 65535],
  ["65536", 65536],
  ["-1", -1],
  ["2**31", 2 ** 31],
  ["-2**31", -(2 ** 31)],
  ["-2**31-1", -(2 ** 31) - 1],
  ["2**53-1", Number.MAX_SAFE_INTEGER],
  ["2**53", 2n ** 53n],
  ["-2**53", -(2n ** 53n)],
  ["2**64-1", 2n ** 64n - 1n],
  ["-2**63", -(2n ** 63n)],
  ["-2**2039", -(2n ** 2039n)],
  ["2**2100", 2n ** 2100n],
  ["0.0", 0],
  ["-0.0", -0],
  ["-2.25", -2.25],
  ["5e-324", 5e-324],
  ["float('nan')", NaN],
  ["float('-inf')", -Infinity],
  ["'é中😀'", "é中😀"],
  ["'\\ufeffbom'", "\ufeffbom"],
  ["'\\ud800'", "\ud800"],
  ["'a\\udfffb'", "a\udfffb"],
  ["'a\\nb\\r\\0\\x1a'", "a\nb\r\0\x1a"],
  ["'\\\\u0041'", "\\u0041"],
  ["b'\\x00\\xff'", new Uint8Array([0, 255])],
  ["b''", new Uint8Array()],
  ["bytearray(b'\\x80\\xff')", new PyByteArray([0x80, 0xff])],
  ["()", tuple()],
  ["(1,)", tuple(1)],
  ["((),((1,),))", tuple(tuple(), tuple(tuple(1)))],
  ["[[],[[]]]", [[], [[]]]],
  ["list(range(1200))", Array.from({ length: 1200 }, (_, i) => i)],
  [
    "{1:'one',2.5:'x',None:0,'k':[1]}",
    new Map<unknown, unknown>([[1, "one"], [2.5, "x"], [null, 0], ["k", [1]]]),
  ],
  ["{1}", new Set([1])],
  ["frozenset({1})", new PyFrozenSet([1])],
  [
    "Token('q', ('127.0.0.1', 5000), '7f')",
    new Token("q", tuple("127.0.0.1", 5000) as never, "7f"),
  ],
  ["Token('q', '/tmp/socket', '7f')", new Token("q", "/tmp/socket", "7f")],
  ["array.array('i', [1,-2])", new Int32Array([1, -2])],
  ["array.array('d', [0.5])", new Float64Array([0.5])],
  ["array.array('q', [2**40])", new BigInt64Array([2n ** 40n])],
  ["int", new PyGlobal("builtins", "int")],
  ["slice(0,2)", new PyObject(new PyGlobal("builtins", "slice"), tuple(0, 2, null))],
  ["(None, 'dummy', (), {})", tuple(null, "dummy", tuple(), new Map())],
  ["('#RETURN', ('7f', ('get', 'put')))", tuple("#RETURN", tuple("7f", tuple("get", "put")))],
];

Deno.test("PickleReader.read() reads what CPython writes in protocols 0 to 5", async (t) => {
  for (const [expression, value] of VALUES) {
    await t.step(expression, () => {
      for (const got of read(expression)) assertEquals(got, value);
    });
  }
});

Deno.test("PickleReader.read() reads every vector, and Python's repr() of the plain ones", () => {
  let compared = 0;
  for (const [{ expression, repr }, bytes] of pickles()) {
    const value = exact.read(bytes);
    if (!hasSameRepr(expression)) continue;
    assertEquals(pythonRepr(value, 3000).slice(0, 3000), repr, expression);
    compared++;
  }
  assert(compared > 300, `only ${compared} were compared`);
});

Deno.test("PickleReader.read() keeps apart what is a float and what is an int when asked", () => {
  for (const value of read("1.0", exact)) {
    assertInstanceOf(value, PyFloat);
    assertEquals(value.value, 1);
  }
  for (const value of read("1.0")) assertStrictEquals(value, 1);
  for (const value of read("-0.0", exact)) assertStrictEquals(value, -0);
  for (const value of read("1.5", exact)) assertStrictEquals(value, 1.5);
});

Deno.test("PickleReader.read() keeps what is shared and circular", () => {
  for (const list of read("circular_list()") as unknown[][]) assertStrictEquals(list[1], list);
  for (const found of read("circular_tuple()") as PyTuple[]) {
    assertInstanceOf(found, PyTuple);
    assertStrictEquals((found[0] as unknown[])[0], found);
  }
  for (const map of read("circular_dict()") as Map<string, unknown>[]) {
    assertStrictEquals(map.get("self"), map);
  }
  for (const [one, two, three] of read("shared()") as [unknown, unknown, Map<string, unknown>][]) {
    assertStrictEquals(one, two);
    assertStrictEquals(three.get("again"), one);
  }
});

Deno.test("PickleReader.read() gives exceptions the classes that they have here", () => {
  for (
    const [expression, errorClass] of [
      ["queue.Empty()", QueueEmptyError],
      ["queue.Full()", QueueFullError],
      ["multiprocessing.TimeoutError()", TimeoutError],
      ["multiprocessing.AuthenticationError('digest')", AuthenticationError],
      ["multiprocessing.BufferTooShort(b'x')", BufferTooShortError],
      ["threading.BrokenBarrierError()", BrokenBarrierError],
      ["TypeError('t')", TypeError],
      ["KeyError('k')", PythonError],
    ] as const
  ) {
    for (const error of read(expression)) assertInstanceOf(error, errorClass, expression);
  }
});

Deno.test("PickleReader.read() gives other exceptions the name of their class, text and arguments", () => {
  for (
    const [expression, name, message] of [
      ["KeyError('k')", "KeyError", "'k'"],
      ["ValueError('bad', 3)", "ValueError", "('bad', 3)"],
      ["RuntimeError()", "RuntimeError", ""],
      ["OSError(2, 'gone', '/x')", "FileNotFoundError", "[Errno 2] gone: '/x'"],
      ["StopIteration(7)", "StopIteration", "7"],
    ]
  ) {
    const error = read(expression!).at(-1);
    assertInstanceOf(error, PythonError);
    assertEquals([error.name, error.message, error.module], [name, message, "builtins"]);
  }
  const error = read("error(lambda: Namespace().zz)").at(-1) as Error;
  assertEquals(exceptionOf(error).name, "AttributeError");
  for (const error of read("with_note(ValueError('v'))") as (Error & { __notes__: string[] })[]) {
    assertEquals(error.__notes__, ["a note"]);
  }
  for (const error of read("remote_error()") as Error[]) {
    assertEquals(error.message, "in a pool");
    assert((error.cause as Error).message.includes("Traceback"));
  }
});

Deno.test("PickleReader.read() reads iterators from where they are", () => {
  for (
    const [expression, left] of [
      ["iter([1,2,3])", [1, 2, 3]],
      ["moved(iter([1,2,3]))", [2, 3]],
      ["reversed([1,2,3])", [3, 2, 1]],
      ["moved(reversed([1,2,3]))", [2, 1]],
    ] as const
  ) {
    for (const list of read(expression)) {
      assertInstanceOf(list, PyList, expression);
      assertEquals<unknown[]>([...list], [...left], expression);
    }
  }
});

Deno.test("PickleReader.read() keeps the class of collections and the exact time of dates", () => {
  for (const map of read("collections.OrderedDict(b=1, a=2)")) {
    assertInstanceOf(map, PyMap);
    assertEquals([...map], [["b", 1], ["a", 2]]);
  }
  for (const list of read("collections.deque([1,2,3], 2)")) {
    assertInstanceOf(list, PyList);
    assertEquals([...list], [2, 3]);
  }
  const zoned =
    "datetime.datetime(2026,11,21,8,30,tzinfo=datetime.timezone(datetime.timedelta(hours=-5)))";
  for (const date of read(zoned)) {
    assertInstanceOf(date, PyDateTime);
    assertEquals(date.toISOString(), "2026-11-21T13:30:00.000Z");
  }
  for (const date of read("datetime.datetime(2026,11,21,8,30,0,123456)")) {
    assertEquals((date as Date).getTime(), new Date(2026, 10, 21, 8, 30, 0, 123).getTime());
  }
});

// And back

Deno.test("PickleWriter.write() writes what was read so that it is read as the same", () => {
  for (const [{ expression }, bytes] of pickles()) {
    const value = exact.read(bytes);
    const again = exact.read(writer.write(value));
    // Circular data has no equality that ends. What is left of a reversed list is an iterator.
    if (/circular|reversed/.test(expression)) continue;
    assertEquals(withoutErrors(again), withoutErrors(value), expression);
  }
});

/** Errors have stacks, which differ: what they are in Python, in their place. */
function withoutErrors(value: unknown): unknown {
  if (value instanceof Error) return exceptionOf(value);
  return Array.isArray(value) ? value.map(withoutErrors) : value;
}

/** What CPython writes, byte by byte, of values whose form leaves no choice. */
const SAME_BYTES = [
  ...["None", "True", "False", "0", "255", "256", "65535", "65536", "-1", "2**31", "-2**31"],
  ...["-2**31-1", "2**53", "2**63", "2**64-1", "-2**63", "10**30", "-10**30", "2**2040"],
  ...["-2**2039", "2**2100", "-0.0", "1.5", "()", "(1,)", "(1,2)", "(1,2,3)", "(1,2,3,4)", "[]"],
  ...["[1]", "[1,2]", "{}", "set()", "{1}", "frozenset({1})", "b''", "b'\\x00\\xff'"],
  ...["circular_list()"],
];

Deno.test("PickleWriter.write() writes the bytes that CPython writes where it has no choice", () => {
  for (const expression of SAME_BYTES) {
    const { pickles } = vector(expression);
    const written = writer.write(exact.read(Uint8Array.fromHex(pickles[0]!))).toHex();
    // Where protocol 5 writes the same, protocol 4 wrote it too, but for the number of the protocol.
    assert(pickles.includes(written), `${expression}: ${written}, not one of ${pickles}`);
  }
});

Deno.test({
  name: "PickleWriter.write() writes what Python reads as what it was",
  ignore: !(await pythonAvailable()),
  fn: async () => {
    const lines: string[] = [];
    for (const [{ expression, repr }, bytes] of pickles()) {
      // Protocols 0 to 2 write the names of Python 2, which has not all of Python 3's.
      const lost = bytes[0] !== 0x80 || bytes[1]! < 3;
      if (lost && /^TimeoutError|__import__/.test(expression)) continue;
      lines.push(JSON.stringify([expression, repr, writer.write(exact.read(bytes)).toHex()]));
    }
    const file = await Deno.makeTempFile();
    try {
      await Deno.writeTextFile(file, lines.join("\n"));
      const { stdout, stderr } = await runPython(COMPARE, { args: [file] });
      assertEquals(stderr, "");
      assertEquals(stdout, `${2 * lines.length} compared\n`);
    } finally {
      await Deno.remove(file);
    }
  },
});

const COMPARE = `
import json, pickle, sys

compared = 0
for line in open(sys.argv[1], encoding="utf-8"):
    expression, expected, pickled = json.loads(line)
    for loads in (pickle.loads, pickle._loads):
        value = loads(bytes.fromhex(pickled))
        if type(value).__name__.endswith("iterator"):
            value = list(value)
        if repr(value)[:3000] != expected:
            sys.exit(f"{expression}: {value!r}"[:3000] + f" is not {expected}")
        compared += 1
print(compared, "compared")
`;
