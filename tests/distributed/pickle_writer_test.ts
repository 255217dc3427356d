import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  BrokenBarrierError,
  CancelledError,
  InvalidStateError,
  PoolClosedError,
  QueueEmptyError,
  QueueFullError,
  QueueShutDownError,
  TimeoutError,
} from "../../coroutine/errors.ts";
import { exceptionOf, toError } from "../../distributed/_pickle_errors.ts";
import { PickleReader } from "../../distributed/_pickle_reader.ts";
import { ProxyReference, Token } from "../../distributed/_pickle_types.ts";
import { PickleWriter } from "../../distributed/_pickle_writer.ts";
import { PythonError } from "../../distributed/python_errors.ts";
import {
  PyByteArray,
  PyDateTime,
  PyFloat,
  PyFrozenSet,
  PyGlobal,
  PyObject,
  PyTuple,
} from "../../distributed/python_types.ts";
import { BufferTooShortError, EofError } from "../../ipc/connection_errors.ts";
import { AuthenticationError, RemoteError } from "../../ipc/errors.ts";
import { pythonAvailable, runPython } from "../support/python.ts";

const reader = new PickleReader();
const objects = new PickleReader({ dicts: "object" });
const writer = new PickleWriter();

const hasPython = await pythonAvailable();

/** What `repr()` gives in Python for values that are written here. */
async function pythonReprs(values: readonly unknown[], show = "repr(value)"): Promise<string[]> {
  const lines = values.map((value) => new PickleWriter().write(value).toHex());
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, lines.join("\n"));
    const code = `
import json, pickle, sys
shown = []
for line in open(sys.argv[1]):
    value = pickle.loads(bytes.fromhex(line))
    shown.append(${show})
sys.stdout.write(json.dumps(shown))
`;
    const { stdout, stderr } = await runPython(code, { args: [file] });
    assertEquals(stderr, "");
    return JSON.parse(stdout);
  } finally {
    await Deno.remove(file);
  }
}

// Values

Deno.test({
  name: "PickleWriter.write() makes ints of safe integers and bigints, and floats of other numbers",
  ignore: !hasPython,
  fn: async () => {
    const values = [
      1,
      -0,
      0,
      2 ** 31,
      -(2 ** 53) + 1,
      2 ** 53,
      1e300,
      0.5,
      NaN,
      5n,
      2n ** 70n,
      -1n,
    ];
    assertEquals(await pythonReprs([...values, new PyFloat(1), new PyFloat(1e16)]), [
      ...[
        "1",
        "-0.0",
        "0",
        "2147483648",
        "-9007199254740991",
        "9007199254740992.0",
        "1e+300",
        "0.5",
      ],
      ...["nan", "5", "1180591620717411303424", "-1", "1.0", "1e+16"],
    ]);
  },
});

Deno.test({
  name: "PickleWriter.write() gives every type of JavaScript its counterpart",
  ignore: !hasPython,
  fn: async () => {
    const date = new Date(Date.UTC(2026, 10, 21, 8, 30, 1, 5));
    class Special extends Map<string, number> {}
    assertEquals(
      await pythonReprs([
        undefined,
        // deno-lint-ignore no-sparse-arrays -- a hole
        [1, , null],
        { a: 1, "b c": [true] },
        Object.create(null),
        new Map<unknown, unknown>([[1, "int"], ["1", "str"], [0.25, "float"]]),
        new Set(["x"]),
        new PyFrozenSet(["x"]),
        new PyTuple<unknown>(1, new PyTuple(2)),
        new Uint8Array([1, 255]),
        new PyByteArray([1, 255]),
        new Uint8Array([7]).buffer,
        new Int16Array([-1, 2]),
        new Float32Array([0.5]),
        new BigUint64Array([2n ** 64n - 1n]),
        new Uint8ClampedArray([9]),
        date,
        new PyGlobal("math", "sqrt"),
        new Special([["a", 1]]),
        "\ud800é😀",
      ]),
      [
        "None",
        "[1, None, None]",
        "{'a': 1, 'b c': [True]}",
        "{}",
        "{1: 'int', '1': 'str', 0.25: 'float'}",
        "{'x'}",
        "frozenset({'x'})",
        "(1, (2,))",
        "b'\\x01\\xff'",
        "bytearray(b'\\x01\\xff')",
        "b'\\x07'",
        "array('h', [-1, 2])",
        "array('f', [0.5])",
        "array('Q', [18446744073709551615])",
        "array('B', [9])",
        "datetime.datetime(2026, 11, 21, 8, 30, 1, 5000, tzinfo=datetime.timezone.utc)",
        "<built-in function sqrt>",
        "{'a': 1}",
        "'\\ud800é😀'",
      ],
    );
  },
});

Deno.test({
  name: "PickleWriter.write() writes long texts, bytes and lists",
  ignore: !hasPython,
  fn: async () => {
    const values = [
      ...[63, 64, 65, 255, 256, 65_536, 65_537, 300_000].map((length) => "x".repeat(length)),
      ...[21, 22, 64, 100, 40_000].map((length) => "中".repeat(length)),
      "\udc00".repeat(1000),
      // Its second and third letters begin with the byte that single surrogates begin with.
      "\ud800한글\udfff",
      new Uint8Array(300_000).fill(7),
      Array.from({ length: 5000 }, (_, i) => i),
      new Map(Array.from({ length: 5000 }, (_, i) => [i, `${i}`])),
    ];
    const again = values.map((value) => reader.read(writer.write(value)));
    assertEquals(again, values);
    assertEquals(
      await pythonReprs(values, "len(value)"),
      values.map((value) => (value as { length?: number }).length ?? 5000) as unknown as string[],
    );
  },
});

Deno.test("PickleWriter.write() keeps what is shared and circular", () => {
  const list: unknown[] = [];
  const tuple = new PyTuple<unknown>(list);
  const long = new PyTuple<unknown>(list, 1, 2, 3);
  const error = new PythonError("KeyError", [list]);
  const frozen = new PyFrozenSet([new PyTuple(1)]);
  const bytes = new Uint8Array(3);
  const object = {
    list,
    tuple,
    long,
    error,
    map: new Map(),
    set: new Set([frozen]),
    frozen,
    bytes,
  };
  list.push(tuple, long, error, object, bytes);
  const again = objects.read(writer.write(object)) as typeof object;
  const inner = again.list;
  assertEquals(Object.keys(again), Object.keys(object));
  assertStrictEquals(inner[0], again.tuple);
  assertStrictEquals(inner[1], again.long);
  assertStrictEquals(inner[2], again.error);
  assertStrictEquals(inner[3], again);
  assertStrictEquals(inner[4], again.bytes);
  assertStrictEquals(again.tuple[0], inner);
  assertEquals(again.long.length, 4);
  assertStrictEquals(again.error.args[0], inner);
  assert(again.set.has(again.frozen));
});

Deno.test("PickleWriter.write() keeps a frozen set and an object that hold themselves through a list", () => {
  const set = new PyFrozenSet<unknown>();
  const inSet: unknown[] = [set];
  set.add(new PythonError("KeyError", [inSet]));
  const frozen = reader.read(writer.write(set)) as PyFrozenSet<PythonError>;
  assertEquals(frozen.size, 1);
  assertStrictEquals(([...frozen][0]!.args[0] as unknown[])[0], frozen);
  const inArgs: unknown[] = [];
  const object = new PyObject(new PyGlobal("builtins", "slice"), [inArgs]);
  inArgs.push(object);
  const again = reader.read(writer.write(object)) as PyObject;
  assertStrictEquals((again.args[0] as unknown[])[0], again);
});

Deno.test({
  name: "PickleWriter.write() keeps what is circular in Python",
  ignore: !hasPython,
  fn: async () => {
    const list: unknown[] = [];
    list.push(new PyTuple(list), new PyTuple<unknown>(list, 1, 2, 3), { list });
    const shown = "str([value[0][0] is value, value[1][0] is value, value[2]['list'] is value])";
    assertEquals(await pythonReprs([list], shown), ["[True, True, True]"]);
  },
});

Deno.test("PickleWriter.write() writes keys and names that come again once", () => {
  const rows = Array.from({ length: 400 }, (_, i) => ({ identifier: i, description: "row" }));
  const written = writer.write(rows);
  assertEquals(objects.read(written), rows);
  assert(written.length < 400 * 16, `${written.length} bytes`);
  // More places in the memo than a byte can say.
  const wide = Array.from(
    { length: 20 },
    () => Object.fromEntries(rows.map((_, i) => [`k${i}`, i])),
  );
  assertEquals(objects.read(writer.write(wide)), wide);
  const dates = Array.from({ length: 300 }, (_, i) => new Date(i * 1000));
  const read = reader.read(writer.write(dates)) as Date[];
  assertEquals(read.map(Number), dates.map(Number));
});

Deno.test("PickleWriter.write() gives each message bytes of its own", () => {
  const messages = Array.from({ length: 2000 }, (_, i) => writer.write([i, "x".repeat(i % 50)]));
  messages.forEach((message, i) => {
    assertEquals(reader.read(message), [i, "x".repeat(i % 50)]);
  });
  const large = writer.write("y".repeat(100_000));
  writer.write("z".repeat(100_000));
  assertEquals(reader.read(large), "y".repeat(100_000));
});

Deno.test("PickleWriter.write() writes a date that Python sent as exactly what it was, unless it was changed", () => {
  const python = new PyObject(new PyGlobal("datetime", "datetime"), [
    new Uint8Array([7, 234, 11, 21, 8, 30, 0, 0, 0, 123]),
  ]);
  const sent = new PyDateTime(new Date(2026, 10, 21, 8, 30).getTime(), python);
  const same = reader.read(writer.write(sent)) as PyDateTime;
  assertEquals(same.python.args[0], python.args[0]);
  same.setFullYear(2027);
  const changed = reader.read(writer.write(same)) as PyDateTime;
  assertEquals([changed.getFullYear(), changed.getHours()], [2027, 8]);
  assertEquals(changed.python.args.length, 1);
});

// Errors

Deno.test({
  name: "PickleWriter.write() makes errors the exceptions that Python's programmers expect",
  ignore: !hasPython,
  fn: async () => {
    class OwnError extends Error {
      override name = "OwnError";
    }
    const errors: [error: Error, repr: string][] = [
      [new QueueEmptyError("m"), "Empty()"],
      [new QueueFullError("m"), "Full()"],
      [new BrokenBarrierError("m"), "BrokenBarrierError()"],
      [new TimeoutError("m"), "TimeoutError('m')"],
      [new InvalidStateError("m"), "RuntimeError('m')"],
      [new AuthenticationError("m"), "AuthenticationError('m')"],
      [new TypeError("m"), "TypeError('m')"],
      [new RangeError("m"), "ValueError('m')"],
      [new SyntaxError("m"), "SyntaxError('m')"],
      [new ReferenceError("m"), "NameError('m')"],
      [new Error("m"), "RuntimeError('m')"],
      [new Error(), "RuntimeError()"],
      [new OwnError("m"), "RuntimeError('OwnError: m')"],
      [new AggregateError([], "m"), "RuntimeError('AggregateError: m')"],
      [new DOMException("m", "TimeoutError"), "TimeoutError('m')"],
      [new DOMException("m", "AbortError"), "RuntimeError('AbortError: m')"],
      [new Deno.errors.NotFound("m"), "FileNotFoundError(2, 'm')"],
      [new Deno.errors.PermissionDenied("m"), "PermissionError(13, 'm')"],
      [new Deno.errors.ConnectionRefused("m"), "ConnectionRefusedError(111, 'm')"],
      [new Deno.errors.UnexpectedEof("m"), "EOFError('m')"],
      [new RemoteError("m", { name: "LookupError" }), "LookupError('m')"],
      [
        new RemoteError("m", { name: "UnicodeDecodeError" }),
        "RuntimeError('UnicodeDecodeError: m')",
      ],
      [new RemoteError("m", { name: "Custom" }), "RuntimeError('Custom: m')"],
      [new CancelledError("m"), "CancelledError('m')"],
      [new BufferTooShortError("m", new Uint8Array([1, 2])), "BufferTooShort(b'\\x01\\x02')"],
      [new PoolClosedError("m"), "ValueError('m')"],
      [new EofError("m"), "EOFError('m')"],
      [new DOMException("m", "DataCloneError"), "TypeError('m')"],
      [new Deno.errors.TimedOut("m"), "TimeoutError('m')"],
      [new Deno.errors.InvalidData("m"), "ValueError('m')"],
      [new PythonError("KeyError", ["k"]), "KeyError('k')"],
      [new PythonError("multiprocessing.context.TimeoutError"), "TimeoutError()"],
      [new PythonError("StopIteration", [7]), "StopIteration(7)"],
      [new PythonError("OSError", [28, "full"]), "OSError(28, 'full')"],
    ];
    assertEquals(
      await pythonReprs(errors.map(([error]) => error)),
      errors.map(([, repr]) => repr),
    );
  },
});

Deno.test("PickleWriter.write() writes an error that came from Python as what it was", () => {
  for (
    const error of [
      new PythonError("multiprocessing.context.TimeoutError"),
      new PythonError("ValueError", ["bad", 3]),
      new PythonError("asyncio.exceptions.CancelledError"),
    ]
  ) {
    const once = reader.read(writer.write(error)) as Error;
    const twice = reader.read(writer.write(once)) as Error;
    const { module, name, args } = exceptionOf(twice);
    assertEquals([module, name, [...args]], [error.module, error.name, [...error.args]]);
  }
});

Deno.test("exceptionOf() names the exception of an error whose getters throw, and of a queue that is shut down", () => {
  class Evil extends Error {
    override get message(): string {
      throw new Error("no");
    }
  }
  const { module, name, args } = exceptionOf(new Evil());
  assertEquals([module, name], ["builtins", "RuntimeError"]);
  assertEquals(args, ["(its getter throws)"]);
  const shutDown = exceptionOf(new QueueShutDownError("m"));
  assertEquals([shutDown.module, shutDown.name], ["queue", "ShutDown"]);
});

Deno.test("toError() makes an error of an exception whose class is not on the list", () => {
  const kept = new PickleReader({ unknownNames: "keep" });
  const exception = new PyObject(new PyGlobal("__main__", "JobError"), ["failed", 3], {
    state: new Map([["code", 7]]),
  });
  const error = toError(kept.read(writer.write(exception)));
  assertInstanceOf(error, PythonError);
  assertEquals([error.name, error.module], ["JobError", "__main__"]);
  assertEquals(error.message, "('failed', 3)");
  assertEquals((error as unknown as { code: number }).code, 7);
  assertInstanceOf(toError(5), RemoteError);
  const known = new TypeError("t");
  assertStrictEquals(toError(known), known);
});

// What has no counterpart

Deno.test("PickleWriter.write() refuses what has no counterpart, and names the way to it", () => {
  class Point {
    x = 1;
  }
  const dataView = new DataView(new ArrayBuffer(1));
  for (
    const [value, message] of [
      [() => 1, "a function to Python: found at value"],
      [{ a: [1, 2, 3, function work() {}] }, "function work to Python: found at value.a[3]"],
      [[Symbol("s")], "a symbol to Python: found at value[0]"],
      [{ "a b": new Point() }, 'an object of class Point to Python: found at value["a b"]'],
      [new Map([["k", new Point()]]), "class Point to Python: found at value.k"],
      [new Map([[new Point(), 1]]), "class Point as a key or element of a set"],
      [new Set([new PyTuple(Symbol("s"))]), "a symbol to Python: found at value.(entry)[0]"],
      [[/x/], "an object of class RegExp to Python: found at value[0]"],
      [Promise.resolve(), "an object of class Promise"],
      [new URL("http://a"), "an object of class URL"],
      [dataView, "an object of class DataView"],
      [new Date(NaN), "an invalid date"],
      [new Date(Date.UTC(12_000, 0)), "a date in the year 12000"],
      [
        new Map([[[1], 1]]),
        "class Array as a key or element of a set to Python: found at value.(key)",
      ],
      [
        new Set([{}]),
        "class Object as a key or element of a set to Python: found at value.(entry)",
      ],
      [new Set([new PyTuple([1])]), "a tuple that holds a list as a key or element of a set"],
      [new Set([new PyByteArray([1])]), "class PyByteArray as a key"],
      [new PythonError("KeyError", [() => 1]), "found at value.args[0]"],
      [new PyObject(new PyGlobal("m", "c"), [], { state: () => 1 }), "found at value.state"],
      [
        new PyObject(new PyGlobal("m", "c"), [], { kwargs: new Map([["a", 1]]) }),
        "a call with arguments by name",
      ],
    ] as [unknown, string][]
  ) {
    const error = assertThrows(() => writer.write(value), TypeError, message);
    assert(error.message.startsWith("Cannot carry "), error.message);
  }
  // The writer is as good as new.
  assertEquals(reader.read(writer.write([1])), [1]);
});

Deno.test("PickleWriter.write() refuses data that is nested too deeply, or holds itself without a list", () => {
  let deep: unknown = 1;
  for (let i = 0; i < 1000; i++) deep = [deep];
  assertEquals(reader.read(writer.write(deep)), deep);
  assertThrows(() => writer.write([deep]), TypeError, "nested deeper than 1000");
  const itself = new PyTuple<unknown>();
  itself.push(itself);
  assertThrows(() => writer.write(itself), TypeError, "nested deeper than 1000");
  let tuples: unknown = 1;
  for (let i = 0; i < 1000; i++) tuples = new PyTuple(tuples);
  reader.read(writer.write(tuples));
  const path = assertThrows(() => {
    let long: unknown = () => 1;
    for (let i = 0; i < 100; i++) long = [long];
    writer.write(long);
  }, TypeError);
  assert(path.message.endsWith("[0]..."), path.message);
});

// Proxies

Deno.test("PickleWriter.write() and PickleReader.read() carry proxies as what they stand for", () => {
  class Proxy {
    readonly #id: string;
    constructor(id: string) {
      this.#id = id;
    }
    get id(): string {
      return this.#id;
    }
  }
  const address = new PyTuple<string | number>("127.0.0.1", 5000);
  const replace = (value: object): unknown =>
    value instanceof Proxy
      ? new ProxyReference("AutoProxy", new Token("queue", address, value.id), ["get", "put"])
      : undefined;
  const written = new PickleWriter({ replace }).write({ proxies: [new Proxy("7f")] });
  const plain = objects.read(written) as { proxies: ProxyReference[] };
  assertInstanceOf(plain.proxies[0], ProxyReference);
  assertEquals(plain.proxies[0].exposed, ["get", "put"]);
  assertEquals(plain.proxies[0].token, new Token("queue", address, "7f"));
  const resolved = new PickleReader({ resolveProxy: ({ token }) => new Proxy(token.id) });
  const again = resolved.read(written) as Map<string, Proxy[]>;
  assertEquals(again.get("proxies")![0]!.id, "7f");
});

Deno.test("PickleWriter.write() and PickleReader.read() may be called by what they call", () => {
  const inner: PickleWriter = new PickleWriter({
    replace: (value) => "ref" in value ? inner.write([1, 2, 3]) : undefined,
  });
  const address = new PyTuple<string | number>("h", 1);
  const token = new Token("t", address, "1");
  const list = [{ ref: 1 }, "after", new ProxyReference("ListProxy", token)];
  const written = inner.write(list);
  const outer: PickleReader = new PickleReader({
    resolveProxy: () => outer.read(writer.write("inner")),
  });
  const [first, after, proxy] = outer.read(written) as [Uint8Array, string, string];
  assertEquals(reader.read(first), [1, 2, 3]);
  assertEquals([after, proxy], ["after", "inner"]);
});

// Dictionaries as plain objects

Deno.test("PickleReader.read() makes plain objects of dictionaries whose keys are texts, when asked", () => {
  const mixed = new Map<unknown, unknown>([["a", 1], [2, "b"]]);
  const value = { empty: {}, inner: { a: 1 }, mixed, ints: new Map([[1, 2]]) };
  assertEquals(objects.read(writer.write(value)), value);
});

Deno.test("PickleReader.read() finds every place of a dictionary that turns out to be none of texts", () => {
  const map = new Map<unknown, unknown>([["a", 1]]);
  map.set("self", map).set("in", [map, new PyTuple(map)]).set(2, map);
  const read = objects.read(writer.write({ first: map, again: map })) as Record<string, typeof map>;
  const { first } = read;
  assertInstanceOf(first, Map);
  assertStrictEquals(read.again, first);
  assertStrictEquals(first.get("self"), first);
  assertStrictEquals(first.get(2), first);
  const [one, tuple] = first.get("in") as [unknown, PyTuple];
  assertStrictEquals(one, first);
  assertStrictEquals(tuple[0], first);
});
