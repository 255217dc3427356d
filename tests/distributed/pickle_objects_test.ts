import { assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import { PickleReader, type PickleReaderOptions } from "../../distributed/_pickle_reader.ts";
import { Token } from "../../distributed/_pickle_types.ts";
import { PickleWriter } from "../../distributed/_pickle_writer.ts";
import { UnpicklingError } from "../../distributed/python_errors.ts";
import {
  PyFloat,
  PyFrozenSet,
  PyGlobal,
  PyList,
  PyMap,
  PyObject,
  PyTuple,
} from "../../distributed/python_types.ts";
import { pythonAvailable, runPython } from "../support/python.ts";

/** Objects of classes in pickles: how they are described, and that they come back as what they were. */

const ignore = !await pythonAvailable();
const writer = new PickleWriter();

/** The pickle of a call that is described, REDUCE or NEWOBJ, as Python would write it. */
function called(
  name: string,
  args: readonly unknown[],
  options: ConstructorParameters<typeof PyObject>[2] = {},
): Uint8Array {
  const at = name.lastIndexOf(".");
  const global = new PyGlobal(name.slice(0, at), name.slice(at + 1));
  return writer.write(new PyObject(global, args, options));
}

function read(pickle: Uint8Array, options?: PickleReaderOptions): unknown {
  return new PickleReader(options).read(pickle);
}

function refused(pickle: Uint8Array, message: string, options?: PickleReaderOptions): void {
  assertThrows(() => read(pickle, options), UnpicklingError, message);
}

/** Opcodes by themselves, of numbers and texts. */
function bytes(...parts: (number | string)[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) => typeof part === "number" ? part : [...new TextEncoder().encode(part)]),
  );
}

const keep = { unknownNames: "keep", floats: "exact" } as const;

Deno.test({
  name: "PickleWriter.write() gives Python back what PickleReader has read of its objects",
  ignore,
  fn: async () => {
    const make = `
import array, collections, datetime, pickle, sys
class Items(list): pass
class Names(dict): pass
class Bare:
    def __new__(cls, *args, **kwds):
        self = super().__new__(cls); self.made = (args, kwds); return self
    def __repr__(self): return 'Bare'
    def __getnewargs_ex__(self): return (1, [2]), {'three': 3}
def show(value): return type(value).__name__, str(value), sorted(vars(value).items()) if hasattr(value, '__dict__') else None
items, names, ordered = Items([1, 2]), Names(a=1), collections.OrderedDict(a=1)
items.more = names.more = ordered.more = [ordered]
counter, defaults = collections.Counter('abca'), collections.defaultdict(list, a=[1])
twice = (1, []); twice[1].append(twice)
longer = (1, 2, 3, 4, []); longer[4].append(longer)
values = [
    items, names, ordered, counter, defaults, Bare(1, [2], three=3), collections.deque([1, 2], 3), twice, longer,
    type(None), Items, 1.0, {0.5: 'half', (1, 2): 'pair'}, datetime.datetime(2026, 11, 21, 8, 30, 1, 5),
]
`;
    // Before protocol 4 objects that are made with arguments by name are calls that are not read.
    const give = `${make}
for protocol in range(4, pickle.HIGHEST_PROTOCOL + 1): print(pickle.dumps(values, protocol).hex())
`;
    const given = await runPython(give);
    assertEquals(given.stderr, "");
    const pickles = given.stdout.trim().split("\n");
    const back = pickles.map((hex) => writer.write(read(Uint8Array.fromHex(hex), keep)).toHex());
    const check = `${make}
for line in sys.argv[1:]:
    back = pickle.loads(bytes.fromhex(line))
    for value, other in zip(values, back):
        same = [show(value)[:2] == show(other)[:2], repr(show(value)[2]) == repr(show(other)[2])]
        if same != [True, True]: print(show(value), show(other))
    print(len(back), back[5].made, back[6].maxlen, back[7][1][0] is back[7], back[8][4][0] is back[8], back[2].more[0] is back[2])
`;
    const checked = await runPython(check, { args: back });
    assertEquals(checked.stderr, "");
    assertEquals(
      checked.stdout.trim().split("\n"),
      back.map(() => "14 ((1, [2]), {'three': 3}) 3 True True True"),
    );
  },
});

Deno.test("PickleReader.read() takes arguments by name for objects of unknown classes alone", () => {
  const own = read(called("shop.Item", [1], { bare: true, kwargs: new Map([["price", 2]]) }), keep);
  assertInstanceOf(own, PyObject);
  assertEquals([[...own.args], own.kwargs, own.bare], [[1], new Map([["price", 2]]), true]);
  const plain = read(called("shop.Item", [1], { bare: true, kwargs: new Map([["price", 2]]) }), {
    ...keep,
    dicts: "object",
  });
  assertEquals((plain as PyObject).kwargs, new Map([["price", 2]]));
  const none = called("builtins.ValueError", ["m"], { bare: true, kwargs: new Map() });
  assertInstanceOf(read(none), Error);
  const named = new Map([["a", 1]]);
  for (const name of ["builtins.ValueError", "collections.deque", "builtins.int"]) {
    refused(called(name, [], { bare: true, kwargs: named }), "is made with arguments by name");
  }
  // STACK_GLOBAL of a name, an empty tuple, an empty list, NEWOBJ_EX.
  const listed = bytes(0x80, 4, 0x8c, 4, "shop", 0x8c, 4, "Item", 0x93, 0x29, 0x5d, 0x92, 0x2e);
  refused(listed, "the arguments by name are no dictionary", keep);
});

Deno.test("PickleReader.read() reads what protocols 0 to 3 call in place of opcodes", () => {
  const item = new PyGlobal("shop", "Item");
  const extended = read(
    called("copyreg.__newobj_ex__", [item, new PyTuple(1), new Map([["price", 2]])]),
    keep,
  );
  assertInstanceOf(extended, PyObject);
  assertEquals([extended.callable, [...extended.args], extended.kwargs, extended.bare], [
    item,
    [1],
    new Map([["price", 2]]),
    true,
  ]);
  for (const args of [[item, new PyTuple(1)], [item, new PyTuple(1), [2]]]) {
    refused(called("copyreg.__newobj_ex__", args), "an object is not well described", keep);
  }
  const zone = new PyGlobal("zoneinfo", "ZoneInfo");
  const unpickle = new PyObject(new PyGlobal("builtins", "getattr"), [zone, "_unpickle"]);
  assertEquals(String(read(writer.write(unpickle))), "zoneinfo.ZoneInfo._unpickle");
  refused(called("builtins.getattr", [zone, "no_cache"]), '"builtins.getattr" are not read here');
  assertInstanceOf(read(called("builtins.type", [null])), PyObject);
  assertInstanceOf(read(called("builtins.type", [zone])), PyObject);
  refused(called("builtins.type", [1]), '"builtins.type" are not read here');
});

Deno.test("PickleReader.read() makes collections of what fits, and of nothing else", () => {
  assertEquals(read(called("builtins.frozenset", [new Set([1, 2])])), new PyFrozenSet([1, 2]));
  assertEquals([...read(called("collections.deque", [[1, 2], 5])) as PyList], [1, 2]);
  assertEquals(read(called("builtins.bytes", [])), new Uint8Array());
  const counts = { dicts: "object" } as const;
  const counter = read(called("collections.Counter", [{ a: 2 }]), counts) as PyMap;
  assertEquals([...counter], [["a", 2]]);
  for (
    const [name, args, message] of [
      ["builtins.frozenset", [5], "a frozenset is made of something that is no list"],
      ["builtins.bytes", [1], "bytes are made of something that is no bytes"],
      ["collections.OrderedDict", [[], 1], "is made of more than one thing"],
      ["collections.OrderedDict", [5], "a dictionary is made of something that is none"],
      ["collections.defaultdict", [5], "is made with something that is no name"],
      ["collections.deque", [[], "x"], "the length of a deque is no integer"],
      ["collections.deque", [[], 1, 2], "the length of a deque is no integer"],
      ["multiprocessing.pool.rebuild_exc", [5, "text"], "a traceback belongs to no exception"],
      ["multiprocessing.pool.rebuild_exc", [new Error(), 5], "is no text"],
    ] as const
  ) refused(called(name, args), message);
  const own = new PyObject(new PyGlobal("shop", "SoldOut"), []);
  const kept = read(called("multiprocessing.pool.rebuild_exc", [own, "text"]), keep);
  assertEquals(String((kept as PyObject).callable), "shop.SoldOut");
});

Deno.test("PickleReader.read() reads arrays of every order of bytes", () => {
  const array = new PyGlobal("array", "array");
  const made = (format: unknown, data: number[]): Uint8Array =>
    called("array._array_reconstructor", [array, "i", format, new Uint8Array(data)]);
  assertEquals(read(made(3, [1, 2, 0xff, 0xfe])), new Uint16Array([0x0102, 0xfffe]));
  assertEquals(read(made(2, [1, 2])), new Uint16Array([0x0201]));
  assertEquals(read(made(17, [0x3f, 0xe0, 0, 0, 0, 0, 0, 0])), new Float64Array([0.5]));
  refused(made(3, [1, 2, 3]), "a format that is not read here");
  refused(made(18, [1]), "a format that is not read here");
  refused(made("3", [1]), "a format that is not read here");
  assertEquals(
    read(called("array.array", ["q", [1, 2n ** 60n]])),
    new BigInt64Array([1n, 2n ** 60n]),
  );
  const floats = called("array.array", ["d", [new PyFloat(1), 0.5]]);
  assertEquals(read(floats, keep), new Float64Array([1, 0.5]));
  refused(called("array.array", ["q", [0.5]]), "an element of an array is no integer");
  refused(called("array.array", ["q", ["1"]]), "an element of an array is no number");
});

Deno.test("PickleReader.read() refuses proxies that are not well described", () => {
  const token = new Token("dict", new PyTuple<string | number>("127.0.0.1", 5), "7f00");
  const proxy = (type: PyGlobal, exposed: unknown): Uint8Array =>
    called("multiprocessing.managers.RebuildProxy", [
      type,
      token,
      "pickle",
      new Map([["exposed", exposed]]),
    ]);
  const dict = new PyGlobal("multiprocessing.managers", "DictProxy");
  const found = read(proxy(dict, ["keys", "get"])) as { exposed: string[]; proxyType: string };
  assertEquals([found.proxyType, found.exposed], ["DictProxy", ["keys", "get"]]);
  refused(proxy(dict, "keys"), "the methods of a proxy are no names");
  refused(proxy(dict, ["keys", 5]), "the methods of a proxy are no names");
  const server = new PyGlobal("multiprocessing.managers", "dispatch");
  refused(proxy(server, null), '"multiprocessing.managers.dispatch" is no class of proxies', keep);
});

Deno.test("PickleReader.read() lets through what the function throws that stands for proxies", () => {
  const token = new Token("dict", new PyTuple<string | number>("127.0.0.1", 5), "7f00");
  const dict = new PyGlobal("multiprocessing.managers", "DictProxy");
  const pickle = called("multiprocessing.managers.RebuildProxy", [
    dict,
    token,
    "pickle",
    new Map(),
  ]);
  const failure = new Error("closed");
  const resolveProxy = (): never => {
    throw failure;
  };
  assertStrictEquals(assertThrows(() => read(pickle, { resolveProxy })), failure);
});

Deno.test("PickleReader.read() bounds the depth of each kind of object", () => {
  const deep = [[[["deepest"]]]];
  const item = new PyGlobal("shop", "Item");
  for (
    const [value, depth] of [
      [new PyTuple<unknown>(1, deep), 5],
      [new PyTuple<unknown>(deep, 1), 5],
      [new PyTuple<unknown>(1, deep, 2), 5],
      [new PyTuple<unknown>(1, 2, deep), 5],
      [new PyObject(item, [deep]), 6],
      [new PyObject(item, [deep], { bare: true }), 6],
      [new PyObject(item, [deep], { bare: true, kwargs: new Map([["a", 1]]) }), 6],
      [new PyObject(item, [], { bare: true, kwargs: new Map([["a", deep]]) }), 6],
      [new PyObject(item, [], { state: deep }), 5],
    ] as const
  ) {
    const pickle = writer.write(value);
    read(pickle, { ...keep, maxDepth: depth });
    refused(pickle, "nested", { ...keep, maxDepth: depth - 1 });
  }
  const shared = [[[["deepest"]]]];
  const python = new PyObject(new PyGlobal("collections", "OrderedDict"), [], { state: shared });
  const map = new PyMap(python);
  const others = Array.from({ length: 10 }, () => ["x"]);
  for (
    const [value, depth] of [
      [new PyObject(item, [shared]), 6],
      [new PyObject(item, [], { bare: true, kwargs: new Map([["a", shared]]) }), 6],
      [new PyObject(item, [], { state: shared }), 5],
      [new PyObject(item, [], { listItems: [shared] }), 6],
      [new PyObject(item, [], { dictItems: new Map([["a", shared]]) }), 6],
      [map, 6],
    ] as const
  ) {
    // What is shared is counted in the end, on the longest way to it.
    const pickle = writer.write([shared, value, ...others]);
    read(pickle, { ...keep, maxDepth: depth + 1 });
    refused(pickle, "nested", { ...keep, maxDepth: depth });
  }
  // Deep things that are not a part of the value, PUT, GET and POP, do not count.
  const dropped = bytes(0x80, 4, "]", 0x94, "h", 0, "00", ...Array(5).fill("]0"), "K", 7, ".");
  assertEquals(read(dropped, { maxDepth: 3 }), 7);
  // MARK, a name, four lists inside of each other, OBJ.
  const object = bytes("(cshop\nItem\n]]]]aaao.");
  read(object, { ...keep, maxDepth: 6 });
  refused(object, "nested", { ...keep, maxDepth: 5 });
});

Deno.test("PickleReader.read() sets items of a dictionary that is known from before", () => {
  // A dictionary becomes a Map with its first key that is no text; the memo has it as it began.
  const items = ["K", 1, "K", 2, "s", "h", 0, 0x8c, 1, "a", "K", 3, "s"];
  const both = read(bytes(0x80, 4, "}", 0x94, ...items, 0x86, "."), { dicts: "object" }) as PyTuple;
  assertEquals(both[0], new Map<unknown, unknown>([[1, 2], ["a", 3]]));
  assertStrictEquals(both[0], both[1]);
  // The same on the stack twice, DUP, without the memo.
  const copied = bytes(0x80, 4, "}2", "K", 1, "K", 2, "s0", 0x8c, 1, "a", "K", 3, "s.");
  assertEquals(read(copied, { dicts: "object" }), new Map<unknown, unknown>([[1, 2], ["a", 3]]));
  // What became a Map is not a part of the value.
  const left = bytes(0x80, 4, "}", 0x94, "K", 1, "K", 2, "sh", 0, "00K", 7, ".");
  assertEquals(read(left, { dicts: "object" }), 7);
  const floats = bytes(0x80, 4, "}G", 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, "K", 2, "s.");
  assertEquals(read(floats, keep), new Map([[1, 2]]));
});

Deno.test("PickleReader.read() reads the strings and integers of protocol 0", () => {
  assertEquals(read(bytes("S'\\x41\\101\\n\\'\\q'\n.")), "AA\n'\\q");
  refused(bytes("S'a\\'\n."), "a string ends in a backslash");
  assertEquals(read(bytes("L+123456789012345678901L\n.")), 123456789012345678901n);
  assertEquals(read(bytes("L-5L\n.")), -5);
});

Deno.test("PickleWriter.write() writes collections of Python's with the state that they have", () => {
  const state = new Map([["label", "x"]]);
  const list = new PyList(
    new PyObject(new PyGlobal("collections", "deque"), [new PyTuple()], { state }),
  );
  list.push(1, 2);
  const back = read(writer.write(list)) as PyList;
  assertEquals([[...back], back.python.state], [[1, 2], state]);
  const map = new PyMap(new PyObject(new PyGlobal("collections", "OrderedDict"), [], { state }));
  map.set("a", 1);
  const again = read(writer.write(map)) as PyMap;
  assertEquals([[...again], again.python.state], [[["a", 1]], state]);
});

Deno.test("PickleWriter.write() writes what stands for an object, whatever it is", () => {
  class Handle {}
  const handle = new Handle();
  class Names extends Map<string, number> {}
  class Row extends Array<number> {}
  for (
    const [other, expected] of [
      [5, 5],
      [null, null],
      ["text", "text"],
      [[1], [1]],
      [new PyTuple(1, 2), new PyTuple(1, 2)],
      [new Set([1]), new Set([1])],
      [new Map([["a", 1]]), new Map([["a", 1]])],
      [{ a: 1 }, new Map([["a", 1]])],
      [new Names([["a", 1]]), new Map([["a", 1]])],
      [Row.of(1, 2), [1, 2]],
    ]
  ) {
    const replacing = new PickleWriter({
      replace: (value) => value instanceof Handle ? other : undefined,
    });
    const value = read(replacing.write([handle, handle]));
    assertEquals(value, [expected, expected]);
  }
  const functions = new PickleWriter({
    maxDepth: 1,
    replace: (value) => typeof value === "function" ? [1] : undefined,
  });
  assertEquals(read(functions.write(() => {})), [1]);
  assertThrows(() => functions.write([() => {}]), TypeError, "nested");
  const endless = new PickleWriter({
    maxDepth: 2,
    replace: (value) => value instanceof Handle ? [[1]] : undefined,
  });
  assertEquals(read(endless.write(handle)), [[1]]);
  assertThrows(() => endless.write([handle]), TypeError, "nested");
});

Deno.test("PickleWriter.write() names the path to what it cannot write", () => {
  const anonymous = new (class {})();
  Object.defineProperty(anonymous, "constructor", { value: undefined });
  assertThrows(() => writer.write(anonymous), TypeError, "(without a name)");
  const within = (value: unknown, message: string): void => {
    assertThrows(() => writer.write(value), TypeError, message);
  };
  const item = new PyGlobal("shop", "Item");
  within(Symbol(), "Cannot carry a symbol to Python");
  within({ a: [1, () => {}] }, ".a[1]");
  within(new Map<unknown, unknown>([["a b", Symbol()]]), '["a b"]');
  within(new Map<unknown, unknown>([[new PyTuple(1), Symbol()]]), ".(entry)");
  within(new PyObject(item, [1, Symbol()]), ".args");
  within(new PyObject(item, [], { state: [Symbol()] }), ".state[0]");
  within(new PyObject(item, [], { kwargs: new Map([["a", 1]]) }), "a call with arguments by name");
});

Deno.test("PickleWriter.write() makes room for values of a byte each", () => {
  const list = Array.from({ length: 50_000 }, (_, i) => i % 3 === 0 ? null : i % 3 === 1);
  assertEquals(read(new PickleWriter().write(list)), list);
});
