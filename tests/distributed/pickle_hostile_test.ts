import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { PickleReader, type PickleReaderOptions } from "../../distributed/_pickle_reader.ts";
import { PickleWriter } from "../../distributed/_pickle_writer.ts";
import { listedNames } from "../../distributed/_pickle_names.ts";
import { PythonError, UnpicklingError } from "../../distributed/python_errors.ts";
import { PyGlobal, PyObject, PyTuple } from "../../distributed/python_types.ts";
import { VECTORS } from "./pickle_vectors.ts";

const reader = new PickleReader();

/** Bytes of numbers and texts, one after the other. */
function bytes(...parts: (number | string | Uint8Array | readonly number[])[]): Uint8Array {
  const all: number[] = [];
  for (const part of parts) {
    if (typeof part === "number") all.push(part);
    else if (typeof part === "string") all.push(...new TextEncoder().encode(part));
    else for (const byte of part) all.push(byte);
  }
  return new Uint8Array(all);
}

function repeat(times: number, ...parts: number[]): Uint8Array {
  const all = new Uint8Array(times * parts.length);
  for (let i = 0; i < all.length; i++) all[i] = parts[i % parts.length]!;
  return all;
}

/** SHORT_BINUNICODE. */
function text(value: string): Uint8Array {
  return bytes(0x8c, new TextEncoder().encode(value).length, value);
}

/** STACK_GLOBAL. */
function named(module: string, name: string): Uint8Array {
  return bytes(text(module), text(name), 0x93);
}

const PROTO4 = [0x80, 4];
const STOP = 0x2e;

function refused(
  pickle: Uint8Array,
  message: string,
  options?: PickleReaderOptions | undefined,
): void {
  const by = options === undefined ? reader : new PickleReader(options);
  const error = assertThrows(() => by.read(pickle), UnpicklingError, message);
  assertEquals(error.name, "UnpicklingError");
}

// Names

Deno.test("PickleReader.read() refuses names that are not on the list, and names them", () => {
  const pickles: [pickle: Uint8Array, name: string][] = [
    // REDUCE of os.system, in each way in which a name and a call can be written.
    [bytes("cos\nsystem\n(S'id'\ntR."), "os.system"],
    [bytes("cposix\nsystem\n(S'id'\ntR."), "posix.system"],
    [bytes("(S'id'\nios\nsystem\n."), "os.system"],
    [bytes("(cos\nsystem\nS'id'\no."), "os.system"],
    [bytes(PROTO4, named("os", "system"), text("id"), 0x85, 0x52, STOP), "os.system"],
    [bytes(PROTO4, named("os", "system"), 0x29, 0x81, STOP), "os.system"],
    [bytes(PROTO4, named("builtins", "eval"), text("1"), 0x85, 0x52, STOP), "builtins.eval"],
    [bytes(PROTO4, named("builtins", "exec"), STOP), "builtins.exec"],
    [bytes(PROTO4, named("builtins", "__import__"), STOP), "builtins.__import__"],
    [bytes(PROTO4, named("subprocess", "Popen"), STOP), "subprocess.Popen"],
    [bytes("c__builtin__\neval\n."), "builtins.eval"],
    [bytes("c__builtin__\napply\n."), "builtins.apply"],
    // A name on the list, cut in another place, or with something around it.
    [bytes(PROTO4, named("builtins.list", "append"), STOP), "builtins.list.append"],
    [bytes(PROTO4, named("builtins", "list.append"), STOP), "builtins.list.append"],
    [bytes(PROTO4, named("collections.OrderedDict", ""), STOP), "collections.OrderedDict."],
    [bytes(PROTO4, named("", "builtins.list"), STOP), ".builtins.list"],
    [bytes(PROTO4, named("builtins\0list", ""), STOP), "builtins\\u0000list"],
    [bytes(PROTO4, named(" builtins", "list"), STOP), " builtins.list"],
    [
      bytes(PROTO4, named("multiprocessing.managers", "Server"), STOP),
      "multiprocessing.managers.Server",
    ],
    // What every object of JavaScript has.
    [bytes(PROTO4, named("constructor", "constructor"), STOP), "constructor.constructor"],
    [bytes(PROTO4, named("__proto__", "toString"), STOP), "__proto__.toString"],
    [bytes(PROTO4, named("builtins", "__proto__"), STOP), "builtins.__proto__"],
    [bytes(PROTO4, named("builtins", "hasOwnProperty"), STOP), "builtins.hasOwnProperty"],
    [bytes("cconstructor\nname\n."), "constructor.name"],
    // The names of Python 2 are those of protocols 0 to 2 alone.
    [bytes(PROTO4, named("__builtin__", "list"), STOP), "__builtin__.list"],
  ];
  for (const [pickle, name] of pickles) refused(pickle, `"${name}`);
});

Deno.test("PickleReader.read() refuses a name that is no text", () => {
  refused(bytes(PROTO4, 0x4b, 1, text("list"), 0x93, STOP), "a name is no text");
  refused(bytes(PROTO4, text("builtins"), 0x5d, 0x93, STOP), "a name is no text");
  refused(bytes(PROTO4, 0x93, STOP), "its stack has too little");
});

Deno.test("PickleReader.read() shows no more than a part of a long name", () => {
  const long = new PickleWriter().write(new PyGlobal("m".repeat(100_000), "n"));
  const error = assertThrows(() => reader.read(long), UnpicklingError);
  assert(error.message.length < 300);
});

Deno.test("PickleReader.read() refuses calls of what is named only", () => {
  const arg = bytes(text("x"), 0x85);
  refused(bytes(PROTO4, named("builtins", "int"), arg, 0x52, STOP), "its calls are not read here");
  refused(bytes(PROTO4, named("builtins", "int"), arg, 0x81, STOP), "are not read here");
  refused(
    bytes(PROTO4, named("builtins", "type"), text("X"), 0x29, 0x7d, 0x87, 0x52, STOP),
    '"builtins.type"',
  );
  refused(
    bytes(PROTO4, named("builtins", "getattr"), named("builtins", "int"), arg, 0x86, 0x52, STOP),
    '"builtins.getattr"',
  );
  // A value that is called, and a call without a tuple.
  refused(bytes(PROTO4, text("eval"), 0x29, 0x52, STOP), "something is called that is no name");
  refused(bytes(PROTO4, named("builtins", "list"), 0x5d, 0x52, STOP), "are no tuple");
  const range = bytes(named("builtins", "range"), 0x4b, 3, 0x85, 0x52);
  refused(bytes(PROTO4, range, 0x29, 0x52, STOP), "something is called that is no name");
});

Deno.test("PickleReader.read() refuses every name of the list without arguments, or makes data of it", () => {
  for (const { global } of listedNames()) {
    for (const op of [0x52, 0x81]) {
      try {
        reader.read(bytes(PROTO4, named(global.module, global.name), 0x29, op, STOP));
      } catch (error) {
        assertInstanceOf(error, UnpicklingError, String(global));
      }
    }
  }
});

Deno.test("PickleReader.read() keeps names that are allowed as they are described, and calls nothing", () => {
  const pickle = bytes(PROTO4, named("os", "system"), text("id"), 0x85, 0x52, STOP);
  for (
    const options of [{ unknownNames: "keep" }, { names: ["os.system"] }] as PickleReaderOptions[]
  ) {
    const kept = new PickleReader(options).read(pickle);
    assertInstanceOf(kept, PyObject);
    assertEquals(String(kept.callable), "os.system");
    assertEquals([...kept.args], ["id"]);
  }
  refused(pickle, '"os.system"', { names: ["os.systems", "os"] });
});

Deno.test("PickleReader.read() refuses what only the writer of a pickle knows", () => {
  for (
    const [pickle, message] of [
      [bytes("Pid\n."), "persistent id"],
      [bytes(0x80, 2, text("x"), 0x51, STOP), "persistent id"],
      [bytes(0x80, 2, 0x82, 1, STOP), "extension registry"],
      [bytes(0x80, 2, 0x83, 1, 0, STOP), "extension registry"],
      [bytes(0x80, 2, 0x84, 1, 0, 0, 0, STOP), "extension registry"],
      [bytes(0x80, 5, 0x97, STOP), "buffer outside"],
      [bytes(0x80, 5, 0x4e, 0x98, STOP), "buffer outside"],
    ] as const
  ) refused(pickle, message);
});

// Lengths and limits

Deno.test("PickleReader.read() refuses what is cut off, at every place", () => {
  for (const { pickles } of VECTORS) {
    for (const pickle of pickles) {
      const whole = Uint8Array.fromHex(pickle);
      // Of a long one, some places.
      const step = Math.max(1, Math.floor(whole.length / 40));
      for (let end = 0; end < whole.length; end += step) {
        assertThrows(() => reader.read(whole.subarray(0, end)), UnpicklingError);
      }
    }
  }
});

Deno.test("PickleReader.read() refuses what follows the end", () => {
  refused(bytes(PROTO4, 0x4e, STOP, 0), "1 bytes follow its end");
  refused(bytes("I1\n.I2\n."), "4 bytes follow its end");
});

Deno.test("PickleReader.read() refuses lengths that are longer than the rest", () => {
  const u32 = [0xff, 0xff, 0xff, 0xff];
  const u64 = [...u32, ...u32];
  for (
    const part of [
      [0x8a, 255, 1],
      [0x8b, 0xff, 0xff, 0xff, 0x7f, 1], // LONG4 of 2 GB
      [0x8b, ...u32, 1],
      [0x8c, 9],
      [0x58, ...u32],
      [0x8d, ...u64],
      [0x43, 9],
      [0x42, ...u32],
      [0x8e, ...u64],
      [0x8e, 0, 0, 0, 0, 1, 0, 0, 0],
      [0x96, ...u64],
      [0x54, ...u32],
      [0x55, 9],
      [0x95, ...u64],
      [0x95, 3, 0, 0, 0, 0, 0, 0, 0, 0x4e],
    ]
  ) refused(bytes([0x80, 5], part, STOP), "it is cut off");
});

Deno.test("PickleReader.read() refuses a frame that begins within another one", () => {
  const frame = (length: number): number[] => [0x95, length, 0, 0, 0, 0, 0, 0, 0];
  assertEquals(reader.read(bytes(PROTO4, frame(2), 0x4e, STOP)), null);
  refused(bytes(PROTO4, frame(11), frame(2), 0x4e, STOP), "within another one");
});

Deno.test("PickleReader.read() refuses protocols that it does not know", () => {
  refused(bytes(0x80, 6, 0x4e, STOP), "protocol 6");
  refused(bytes(0x80, 255, 0x4e, STOP), "protocol 255");
  refused(bytes(0xff), "0xff is no opcode");
  refused(bytes(0x00), "0x00 is no opcode");
});

Deno.test("PickleReader.read() refuses a place in the memo that cannot be, or that is empty", () => {
  refused(bytes(0x80, 2, 0x4e, 0x72, 0xff, 0xff, 0xff, 0xff, STOP), "is no place in its memo");
  refused(bytes("Np4294967295\n."), "is no place in its memo");
  refused(bytes("Np-1\n."), "a place in its memo is no number");
  refused(bytes("Np1e3\n."), "a place in its memo is no number");
  refused(bytes("g0\n."), "the memo has nothing at 0");
  refused(bytes(0x80, 2, 0x68, 3, STOP), "the memo has nothing at 3");
  refused(bytes(0x80, 2, 0x6a, 0xff, 0xff, 0xff, 0xff, STOP), "the memo has nothing");
  refused(bytes(0x80, 2, 0x71, 0, STOP), "its stack has too little");
});

Deno.test("PickleReader.read() refuses a stack that has too little, or too much", () => {
  for (const op of [0x2e, 0x94, 0x85, 0x86, 0x87, 0x61, 0x73, 0x52, 0x81, 0x92, 0x62, 0x30, 0x32]) {
    assertThrows(() => reader.read(bytes(PROTO4, op, STOP)), UnpicklingError);
    // Below a mark there is something that they must not take.
    const below = bytes(PROTO4, 0x5d, 0x5d, 0x5d, 0x28, op === 0x30 ? 0x85 : op, STOP);
    assertThrows(() => reader.read(below), UnpicklingError);
  }
  // One of what they take is below the mark.
  const name = named("builtins", "list");
  for (
    const [below, above, op] of [
      [text("builtins"), text("list"), 0x93],
      [[0x4e], [0x4e], 0x86],
      [[0x4e], [0x4e, 0x4e], 0x87],
      [name, [0x29], 0x52],
      [name, [0x29], 0x81],
      [name, [0x29, 0x7d], 0x92],
      [bytes(name, 0x29, 0x52), [0x7d], 0x62],
      [[0x5d], [0x4e], 0x61],
      [[0x7d], [0x4e, 0x4e], 0x73],
    ] as const
  ) refused(bytes(PROTO4, below, 0x28, above, op, 0x31, STOP), "its stack has too little");
  for (const op of [0x74, 0x6c, 0x64, 0x65, 0x75, 0x90, 0x91, 0x6f, 0x31]) {
    refused(bytes(PROTO4, 0x5d, op, STOP), "its stack has no mark");
  }
  refused(bytes(PROTO4, 0x4e, 0x4e, STOP), "does not end in one value");
  refused(bytes(PROTO4, 0x28, 0x4e, STOP), "does not end in one value");
  refused(bytes(PROTO4, 0x28, 0x4e, 0x64, STOP), "a key without a value");
});

Deno.test("PickleReader.read() refuses to change what is not of the right kind", () => {
  const one = [0x4b, 1];
  refused(bytes(PROTO4, 0x29, one, 0x61, STOP), "what is no list");
  refused(bytes(PROTO4, 0x7d, one, 0x61, STOP), "what is no list");
  refused(bytes(PROTO4, 0x5d, one, one, 0x73, STOP), "what is no dictionary");
  refused(bytes(PROTO4, one, one, one, 0x73, STOP), "what is no dictionary");
  refused(bytes(PROTO4, 0x5d, 0x28, one, 0x90, STOP), "what is no set");
  refused(bytes(PROTO4, 0x5d, 0x7d, 0x62, STOP), "a state that has none");
  const object = bytes(named("uuid", "UUID"), 0x29, 0x81);
  refused(bytes(PROTO4, object, 0x7d, 0x62, 0x7d, 0x62, STOP), "its state twice");
  const ordered = bytes(named("collections", "OrderedDict"), 0x29, 0x52);
  refused(bytes(PROTO4, ordered, 0x7d, 0x62, 0x7d, 0x62, STOP), "its state twice");
  refused(bytes(PROTO4, named("builtins", "int"), 0x7d, 0x62, STOP), "a state that has none");
});

Deno.test("PickleReader.read() bounds the depth, in every way to nest", () => {
  const deep = 1_000_000;
  const wrapped: Uint8Array[] = [
    bytes(PROTO4, 0x4e, repeat(deep, 0x85), STOP),
    bytes(PROTO4, repeat(deep, 0x5d), repeat(deep, 0x61), STOP),
    bytes(PROTO4, repeat(deep, 0x5d, 0x28), 0x4e, repeat(deep, 0x65), STOP),
    bytes(PROTO4, repeat(deep, 0x7d, 0x4e), 0x4e, repeat(deep, 0x73), STOP),
    bytes(repeat(deep, 0x28), repeat(deep, 0x74), STOP),
    bytes(repeat(deep, 0x28), repeat(deep, 0x6c), STOP),
    bytes(PROTO4, repeat(deep, 0x28), repeat(deep, 0x91), STOP),
    bytes(PROTO4, named("builtins", "range"), 0x94, 0x30, 0x29, repeat(deep, 0x85), STOP),
  ];
  for (const pickle of wrapped) refused(pickle, "deeper than 1000");
  assertEquals(reader.read(bytes(PROTO4, 0x4e, repeat(1000, 0x85), STOP)) instanceof PyTuple, true);
  refused(bytes(PROTO4, 0x4e, repeat(1001, 0x85), STOP), "deeper than 1000");
  refused(bytes(PROTO4, 0x4e, repeat(11, 0x85), STOP), "deeper than 10", { maxDepth: 10 });
});

Deno.test("PickleReader.read() bounds the depth of what is nested through the memo", () => {
  // Each list gets the next one, which is empty yet: [] put 0, [] put 1, get 0 get 1 append pop, …
  const parts: number[] = [0x80, 2, 0x5d, 0x72, 0, 0, 0, 0];
  for (let i = 1; i <= 2000; i++) {
    const [low, high, lowest, below] = [i & 0xff, i >> 8, (i - 1) & 0xff, (i - 1) >> 8];
    parts.push(0x5d, 0x72, low, high, 0, 0, 0x30, 0x6a, lowest, below, 0, 0);
    parts.push(0x6a, low, high, 0, 0, 0x61, 0x30);
  }
  refused(bytes(parts, STOP), "deeper than 1000");
  // Each list holds the one before, and the first one all of them, in this order.
  const wide: number[] = [0x80, 2, 0x5d, 0x72, 0, 0, 0, 0];
  for (let i = 1; i <= 2000; i++) {
    wide.push(0x5d, 0x72, i & 0xff, i >> 8, 0, 0);
    if (i > 1) wide.push(0x6a, (i - 1) & 0xff, (i - 1) >> 8, 0, 0, 0x61);
    wide.push(0x61);
  }
  refused(bytes(wide, STOP), "deeper than 1000");
});

Deno.test("PickleReader.read() reads ten thousand exceptions", () => {
  const errors = Array.from({ length: 10_000 }, (_, i) => new PythonError("KeyError", [i]));
  const read = reader.read(new PickleWriter().write(errors)) as PythonError[];
  assertEquals(read.at(-1)!.message, "9999");
});

Deno.test("PickleReader.read() bounds the memory of what is written in few bytes", () => {
  const many = 4_000_000;
  for (const op of [0x7d, 0x8f, 0x5d, 0x29]) {
    const pickle = bytes(PROTO4, 0x28);
    const all = new Uint8Array(pickle.length + many + 2);
    all.set(pickle);
    all.fill(op, pickle.length, pickle.length + many);
    all.set([0x74, STOP], pickle.length + many);
    refused(all, "more memory", { maxMemoryBytes: 100_000_000 });
  }
  for (const op of [0x4e, 0x28]) {
    refused(bytes(PROTO4, repeat(many, op), STOP), "more memory", { maxMemoryBytes: 10_000_000 });
  }
  // A list takes room for some more with its first element.
  const lists = bytes(PROTO4, 0x28, repeat(1_000_000, 0x5d, 0x4e, 0x61), 0x74, STOP);
  refused(lists, "more memory", { maxMemoryBytes: 100_000_000 });
  // A memo with holes takes more than one without.
  const holes = bytes(0x80, 2, 0x4e, repeat(100_000, 0x72, 0, 1, 1, 0, 0x72, 0, 0, 1, 0), STOP);
  refused(holes, "more memory", { maxMemoryBytes: 10_000_000 });
  const memo = bytes(PROTO4, 0x4e, repeat(many, 0x94), STOP);
  refused(memo, "more memory", { maxMemoryBytes: 10_000_000 });
  refused(bytes(PROTO4, 0x4e, STOP), "of which 3 are accepted", { maxBytes: 3 });
});

Deno.test("PickleReader.read() bounds the copies that a pickle asks for", () => {
  // A list of 10,000, of which 10,000 copies are made, of 6 bytes each.
  const list = bytes(0x5d, 0x94, 0x28, repeat(10_000, 0x4e), 0x65, 0x30);
  const global = bytes(named("builtins", "list"), 0x94, 0x30);
  const copy = [0x68, 1, 0x68, 0, 0x85, 0x52];
  const copies = repeat(10_000, ...copy);
  refused(bytes(PROTO4, list, global, 0x28, copies, 0x74, STOP), "more work");
  // A mark for each element that is shown in the text of an exception.
  const error = bytes(named("builtins", "KeyError"), 0x94, 0x30);
  const errors = repeat(10_000, 0x68, 1, 0x68, 0, 0x85, 0x52);
  refused(bytes(PROTO4, list, error, 0x28, errors, 0x74, STOP), "more work");
});

Deno.test("PickleReader.read() reads what doubles at each step in time and memory of its bytes", () => {
  // A list that holds the one before twice, 100 times: 2 ** 100 leaves for one who walks all ways.
  const parts: number[] = [0x80, 2, 0x5d, 0x71, 0];
  for (let i = 1; i < 100; i++) {
    parts.push(0x30, 0x5d, 0x71, i, 0x28, 0x68, i - 1, 0x68, i - 1, 0x65);
  }
  const top = reader.read(bytes(parts, STOP)) as unknown[][];
  assert(top[0] === top[1]);
  // The same by DUP.
  const doubled = bytes(0x80, 2, 0x4e, repeat(100, 0x32, 0x86), STOP);
  assertInstanceOf(reader.read(doubled), PyTuple);
});

Deno.test("PickleReader.read() bounds integers", () => {
  refused(bytes("I", "9".repeat(5000), "\n."), "more than 4300 digits");
  refused(bytes("L", "9".repeat(5000), "L\n."), "more than 4300 digits");
  assertEquals(reader.read(bytes("L", "9".repeat(4300), "L\n.")), 10n ** 4300n - 1n);
  const size = 2_000_000;
  const large = new Uint8Array(size + 8);
  large.set([0x80, 2, 0x8b, size & 0xff, size >> 8 & 0xff, size >> 16, 0]);
  large[size + 7] = STOP;
  refused(large, "an integer has 2000000 bytes");
});

Deno.test("PickleReader.read() refuses texts that are not well formed", () => {
  for (
    const [pickle, message] of [
      [bytes(PROTO4, 0x8c, 1, 0xff, STOP), "not UTF-8"],
      [bytes(PROTO4, 0x8c, 2, 0xed, 0xa0, STOP), "not UTF-8"],
      [bytes(PROTO4, 0x8c, 4, 0xed, 0xa0, 0x41, 0x41, STOP), "not UTF-8"],
      [bytes(PROTO4, 0x8c, 2, 0xc0, 0x80, STOP), "not UTF-8"],
      [bytes(PROTO4, 0x8c, 6, 0xed, 0xa0, 0x80, 0xed, 0x41, 0x80, STOP), "not UTF-8"],
      [bytes("V\\u12\n."), "broken escape"],
      [bytes("V\\U00110000\n."), "broken escape"],
      [bytes("S'abc\n."), "not in quotes"],
      [bytes("Sabc\n."), "not in quotes"],
      [bytes("S'\\x80'\n."), "not ASCII"],
      [bytes(0x55, 1, 0x80, STOP), "not ASCII"],
      [bytes("Iabc\n."), "not decimal"],
      [bytes("I0x10\n."), "not decimal"],
      [bytes("I\n."), "not decimal"],
      [bytes("F1_0\n."), "not decimal"],
      [bytes("F\n."), "not decimal"],
    ] as const
  ) refused(pickle, message);
});

Deno.test("PickleReader.read() lets no key change what every object has", () => {
  const keys = ["__proto__", "constructor", "toString"];
  const pickle = new PickleWriter().write(new Map(keys.map((key) => [key, { evil: true }])));
  const object = new PickleReader({ dicts: "object" }).read(pickle) as Record<string, unknown>;
  assertEquals(Object.keys(object), keys);
  assertEquals(Object.getPrototypeOf(object), Object.prototype);
  assertEquals(({} as { evil?: boolean }).evil, undefined);
  // The attributes of an exception.
  const error = bytes(PROTO4, named("builtins", "KeyError"), 0x29, 0x52, 0x7d, 0x28);
  const attributes = ["__proto__", "message", "stack", "name", "toString", "extra"]
    .map((key) => bytes(text(key), text("evil")));
  const read = reader.read(bytes(error, ...attributes, 0x75, 0x62, STOP)) as Error;
  assertEquals([read.name, read.message], ["KeyError", ""]);
  assertEquals((read as { extra?: string }).extra, "evil");
  assert(read instanceof Error && typeof read.toString === "function");
});

Deno.test("PickleReader counts texts of every length as memory", () => {
  const reader = new PickleReader({ maxMemoryBytes: 2_000 });
  const read = (...opcode: number[]) => (length: number): unknown => {
    const head = [...opcode, length & 0xff, length >> 8, ...new Array(opcode[0] === 0x58 ? 2 : 6)];
    const bytes = new Uint8Array(head.length + length + 1).fill(0x61);
    bytes.set(Uint8Array.from(head, (byte) => byte ?? 0));
    bytes[bytes.length - 1] = 0x2e;
    return reader.read(bytes);
  };
  for (const opcode of [0x58, 0x8d]) {
    assertEquals(read(opcode)(300), "a".repeat(300));
    assertThrows(() => read(opcode)(1_500), UnpicklingError, "memory");
  }
});
