import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { decode, encode, type Encoded, Encoding } from "../../ipc/_encoding.ts";
import { setPortable } from "../../ipc/_portable.ts";
import { createRandom } from "../coroutine/_random.ts";
import { concat, utf8 } from "./_bytes.ts";

/** The bytes as they would arrive: in the midst of a larger buffer, at an odd place. */
function arrive({ payload }: Encoded): Uint8Array<ArrayBuffer> {
  const bytes = typeof payload === "string" ? utf8(payload) : payload;
  return concat(utf8("?"), bytes, utf8("???")).subarray(1, 1 + bytes.length);
}

function carry(value: unknown): unknown {
  const encoded = encode(value);
  return decode(encoded.encoding, arrive(encoded));
}

/** Stands for something of this process. */
class Reference {
  constructor(readonly id: unknown) {}
}
setPortable(Reference, "test.Reference", ({ id }) => ({ id }), (data) => {
  return new Reference((data as { id: unknown }).id);
});

const { NOTHING, JSON: TEXT, V8, BYTES, REFERENCES } = Encoding;

// There and back

const match = /(?<first>a)(b)?/.exec("xab")!;
const sparse = [1, , 3];
const large = "0123456789".repeat(300_000);

const VALUES: [name: string, value: unknown, encoding: number][] = [
  ["undefined", undefined, NOTHING],
  ["null", null, TEXT],
  ["true", true, TEXT],
  ["false", false, TEXT],
  ["0", 0, TEXT],
  ["-0", -0, V8],
  ["an integer", 2 ** 53 - 1, TEXT],
  ["a negative number", -1.5e-300, TEXT],
  ["the smallest number", 5e-324, TEXT],
  ["the largest number", Number.MAX_VALUE, TEXT],
  ["NaN", NaN, V8],
  ["Infinity", Infinity, V8],
  ["-Infinity", -Infinity, V8],
  ["a bigint", 12345678901234567890n, V8],
  ["a negative bigint", -1n, V8],
  ["an empty string", "", TEXT],
  ["a string", 'text é 中 😀 \u0000 \u2028 " \\ \n', TEXT],
  ["a string with a byte order mark", "\ufeffmark", TEXT],
  ["a lone high surrogate", "a\ud800b", TEXT],
  ["a lone low surrogate", "\udc00", TEXT],
  ["a big string", large, TEXT],
  ["an array", [1, "a", null, [true, {}]], TEXT],
  ["an empty array", [], TEXT],
  ["an array with undefined", [undefined, 1], V8],
  ["an array with -0 inside", [[-0]], V8],
  ["a sparse array", sparse, V8],
  ["an object", { a: 1, "b c": [{ d: null }] }, TEXT],
  ["an object with undefined", { a: undefined, b: 1 }, V8],
  ["an object with NaN", { a: { b: NaN } }, V8],
  ["an object with integer keys", { 2: "b", 1: "a" }, TEXT],
  ["an object with lone surrogates in its keys", { "\ud800": 1 }, TEXT],
  ["an object with a field length", { length: 3, 0: "a" }, TEXT],
  ["an object with a field constructor", { constructor: "x", hasOwnProperty: 1 }, TEXT],
  ["a date", new Date(1_700_000_000_123), V8],
  ["an invalid date", new Date(NaN), V8],
  ["a regular expression", /a+[/]/giu, V8],
  ["a map", new Map<unknown, unknown>([["a", 1], [{ k: 1 }, new Set([1])], [NaN, undefined]]), V8],
  ["a set", new Set<unknown>(["a", [1], undefined]), V8],
  ["an array buffer", Uint8Array.of(1, 2, 3).buffer, V8],
  ["bytes", Uint8Array.of(0, 128, 255), BYTES],
  ["no bytes", new Uint8Array(), BYTES],
  ["bytes inside", { bytes: Uint8Array.of(1, 2), list: [Uint8Array.of()] }, V8],
  ["Int8Array", Int8Array.of(-1, 1), V8],
  ["Uint8ClampedArray", Uint8ClampedArray.of(1, 255), V8],
  ["Int16Array", Int16Array.of(-1, 300), V8],
  ["Uint16Array", Uint16Array.of(1, 65535), V8],
  ["Int32Array", Int32Array.of(-1, 1 << 30), V8],
  ["Uint32Array", Uint32Array.of(1, 4294967295), V8],
  ["Float32Array", Float32Array.of(1.5, -0, NaN), V8],
  ["Float64Array", Float64Array.of(1.1, -0, NaN), V8],
  ["BigInt64Array", BigInt64Array.of(-1n, 2n ** 62n), V8],
  ["BigUint64Array", BigUint64Array.of(1n, 2n ** 64n - 1n), V8],
  ["a view of a part", new Uint16Array(Uint16Array.of(9, 1, 2, 9).buffer, 2, 2), V8],
  ["boxed values", [new Number(1), new String("a"), new Boolean(false)], V8],
  ["an error", new RangeError("bad"), V8],
];

for (const [name, value, encoding] of VALUES) {
  Deno.test(`encode() and decode() carry ${name}`, () => {
    const encoded = encode(value);
    assertEquals(encoded.encoding, encoding);
    const carried = decode(encoded.encoding, arrive(encoded));
    if (typeof value !== "object" || value === null) assert(Object.is(carried, value));
    else {
      assertEquals(carried, value);
      assertStrictEquals(Object.getPrototypeOf(carried), Object.getPrototypeOf(value));
    }
  });
}

Deno.test("encode() keeps -0, holes and undefined where they are", () => {
  assert(Object.is((carry([-0]) as number[])[0], -0));
  const carried = carry({ list: [, 1, , undefined] }) as { list: unknown[] };
  assertEquals(Object.keys(carried.list), ["1", "3"]);
  assertEquals(carried.list.length, 4);
  assertEquals(Object.keys(carry({ a: undefined }) as object), ["a"]);
});

Deno.test("encode() keeps the match of a regular expression whole", () => {
  const carried = carry(match) as RegExpExecArray;
  assertEquals(encode(match).encoding, V8);
  assertEquals([...carried], [...match]);
  assertEquals([carried.index, carried.input], [1, "xab"]);
  assertEquals(carried.groups?.first, "a");
  const whole = /b/.exec("b")!;
  assertEquals((carry([whole]) as RegExpExecArray[])[0]!.index, 0);
});

Deno.test("encode() keeps an array with more properties", () => {
  const value = Object.assign([1, 2], { note: "more" });
  assertEquals((carry(value) as typeof value).note, "more");
});

Deno.test("encode() does not call toJSON", () => {
  let calls = 0;
  const toJSON = () => {
    calls++;
    return "other";
  };
  assertThrows(() => encode({ toJSON, a: 1 }), TypeError, "found at value.toJSON");
  const hidden = Object.defineProperty({ a: 1 }, "toJSON", { value: toJSON });
  assertEquals(carry([hidden]), [{ a: 1 }]);
  class Money {
    cents = 5;
    toJSON(): string {
      return toJSON();
    }
  }
  assertEquals(carry(new Money()), { cents: 5 });
  assertEquals(calls, 0);
  assertEquals(carry({ toJSON: "text" }), { toJSON: "text" });
});

Deno.test("encode() keeps a field named __proto__ a field", () => {
  const value = JSON.parse('{"__proto__": {"polluted": true}, "a": 1}');
  for (const sent of [value, [value, -0], [value, new Reference(1)]]) {
    const carried = carry(sent);
    const back = (Array.isArray(carried) ? carried[0] : carried) as Record<string, unknown>;
    assertEquals(Object.keys(back), ["__proto__", "a"]);
    assertStrictEquals(Object.getPrototypeOf(back), Object.prototype);
    assertEquals(back.polluted, undefined);
  }
  assertEquals(({} as Record<string, unknown>).polluted, undefined);
});

Deno.test("encode() makes plain objects of objects without a prototype, and of a class", () => {
  const bare = Object.assign(Object.create(null), { a: 1 });
  assertEquals(carry(bare), { a: 1 });
  class Point {
    x = 1;
    #y = 2;
    get y(): number {
      return this.#y;
    }
  }
  const carried = carry(new Point());
  assertStrictEquals(Object.getPrototypeOf(carried), Object.prototype);
  assertEquals(carried, { x: 1 });
});

Deno.test("encode() keeps circles and what is met twice", () => {
  const circle: Record<string, unknown> = { name: "circle" };
  circle.self = circle;
  circle.list = [circle];
  const carried = carry(circle) as Record<string, unknown>;
  assertStrictEquals(carried.self, carried);
  assertStrictEquals((carried.list as unknown[])[0], carried);
  const map = new Map<string, unknown>();
  map.set("map", map);
  const carriedMap = carry(map) as Map<string, unknown>;
  assertStrictEquals(carriedMap.get("map"), carriedMap);
});

Deno.test("encode() writes what is met very often only once", () => {
  let value: unknown = ["leaf"];
  for (let level = 0; level < 40; level++) value = [value, value];
  let carried = carry(value);
  for (let level = 0; level < 40; level++) {
    const [left, right] = carried as unknown[];
    assertStrictEquals(left, right);
    carried = left;
  }
  assertEquals(carried, ["leaf"]);
});

Deno.test("encode() carries deep data", () => {
  let value: unknown = "bottom";
  for (let level = 0; level < 500; level++) value = level % 2 === 0 ? [value] : { down: value };
  let carried = carry(value);
  for (let level = 0; level < 500; level++) carried = Object.values(carried as object)[0];
  assertEquals(carried, "bottom");
});

Deno.test("encode() throws for data that is too deep, rather than end the process", () => {
  let value: unknown = [];
  for (let level = 0; level < 200_000; level++) value = [value];
  assertThrows(() => encode(value), Error);
});

Deno.test("encode() carries a long sparse array without filling it", () => {
  const value: unknown[] = [];
  value[1_000_000_000] = "far";
  const carried = carry(value) as unknown[];
  assertEquals([carried.length, carried[1_000_000_000]], [1_000_000_001, "far"]);
});

Deno.test("encode() carries a data view with the bytes that it shows", () => {
  const value = new DataView(Uint8Array.of(9, 1, 2, 9).buffer, 1, 2);
  const carried = carry(value) as DataView;
  assertInstanceOf(carried, DataView);
  assertEquals([carried.byteLength, carried.getUint8(0), carried.getUint8(1)], [2, 1, 2]);
});

Deno.test("decode() answers bytes of its own", () => {
  const encoded = encode(Uint8Array.of(1, 2, 3));
  const arrived = arrive(encoded);
  const carried = decode(encoded.encoding, arrived) as Uint8Array;
  arrived.fill(0);
  assertEquals(carried, Uint8Array.of(1, 2, 3));
  assertEquals(carried.buffer.byteLength, 3);
});

Deno.test("decode() answers arrays that do not change when the next message is read", () => {
  const value = {
    bytes: Uint8Array.of(1, 2, 3),
    signed: Int8Array.of(-1),
    numbers: Float64Array.of(1.5, 2.5),
    shorts: [Uint16Array.of(7, 8)],
    buffer: Uint8Array.of(4, 5).buffer,
  };
  for (const sent of [value, { ...value, reference: new Reference(1) }]) {
    const encoded = encode(sent);
    // At each alignment that the input of a connection may have.
    for (let at = 0; at < 9; at++) {
      const input = concat(new Uint8Array(at), arrive(encoded));
      const carried = decode(encoded.encoding, input.subarray(at));
      input.fill(0xee);
      assertEquals(carried, sent);
    }
  }
});

Deno.test("encode() carries an instance of a class of bytes as bytes", () => {
  class Buffered extends Uint8Array<ArrayBuffer> {}
  const carried = carry(Buffered.of(1, 2)) as Uint8Array;
  assertInstanceOf(carried, Uint8Array);
  assertEquals([...carried], [1, 2]);
});

Deno.test("encode() and decode() carry random plain data", () => {
  const random = createRandom(11);
  const make = (depth: number): unknown => {
    const dice = random();
    if (depth > 4 || dice < 0.15) return Math.floor(random() * 1e6) - 5e5;
    if (dice < 0.25) return random() * 1e10;
    if (dice < 0.35) return String.fromCharCode(...[1, 2, 3].map(() => random() * 0x10000));
    if (dice < 0.4) return random() < 0.5;
    if (dice < 0.43) return null;
    if (dice < 0.46) return undefined;
    if (dice < 0.48) return new Date(Math.floor(random() * 1e12));
    const children = Array.from({ length: Math.floor(random() * 6) }, () => make(depth + 1));
    if (dice < 0.7) return children;
    if (dice < 0.75) return new Map(children.map((child, i) => [i, child]));
    return Object.fromEntries(children.map((child) => [`k${random()}`, child]));
  };
  for (let i = 0; i < 300; i++) {
    const value = make(0);
    assertEquals(carry(value), value);
  }
});

// References

Deno.test("encode() carries references in place of objects", () => {
  const value = { list: [1, new Reference("a"), { deep: new Reference("b") }], nan: NaN };
  assertEquals(encode(value).encoding, REFERENCES);
  const carried = carry(value) as typeof value;
  assertEquals(carried, value);
  assertInstanceOf(carried.list[1], Reference);
  assertEquals(carry(new Reference("alone")), new Reference("alone"));
});

Deno.test("encode() does not change what it encodes", () => {
  const value = { list: [new Reference(1)], at: { here: new Reference(2) } };
  encode(value);
  assertInstanceOf(value.list[0], Reference);
  assertInstanceOf(value.at.here, Reference);
});

Deno.test("encode() keeps holes beside a reference", () => {
  const value = [, new Reference(1), ,];
  const carried = carry(value) as unknown[];
  assertEquals([Object.keys(carried), carried.length], [["1"], 3]);
});

Deno.test("encode() keeps the properties of an array beside a reference", () => {
  const value = Object.assign([new Reference(1), 2], { more: [3] });
  const carried = carry(value) as typeof value;
  assertEquals([carried.length, carried[0], carried[1], carried.more], [2, new Reference(1), 2, [
    3,
  ]]);
});

Deno.test("encode() carries references under keys of any name", () => {
  const value = Object.fromEntries(
    ["", "a.b", "0", "length", "é"].map((key) => [key, new Reference(key)]),
  );
  assertEquals(carry(value), value);
});

Deno.test("encode() refuses a reference where it could not be put in again", () => {
  const circle: Record<string, unknown> = { queue: new Reference(1) };
  circle.self = circle;
  const cases: unknown[] = [
    circle,
    new Map([["queue", new Reference(1)]]),
    new Set([new Reference(1)]),
    new (class Holder {
      queue = new Reference(1);
    })(),
    Object.assign([1], { queue: new Reference(1) }),
  ];
  for (const value of cases) {
    assertThrows(() => encode(value), TypeError, "Cannot carry a reference inside a circle");
  }
});

// What cannot be carried

const UNCARRIABLE: [value: unknown, message: string][] = [
  [function named() {}, "Cannot carry function named to another process: found at value"],
  [() => 1, "Cannot carry a function to another process: found at value"],
  [Symbol("s"), "Cannot carry a symbol to another process: found at value"],
  [{ a: [0, { b: () => 1 }] }, "Cannot carry function b to another process: found at value.a[1].b"],
  [{ "a-b": { "": Symbol() } }, 'a symbol to another process: found at value["a-b"][""]'],
  [[[Symbol()]], "found at value[0][0]"],
  [new Map([["key", Symbol()]]), "found at value.key"],
  [new Map([[Symbol(), 1]]), 'found at value["(key)"]'],
  [new Set([Symbol()]), 'found at value["(entry)"]'],
  [
    { url: new URL("http://localhost") },
    "an object of class URL to another process: found at value.url",
  ],
  [[Promise.resolve()], "an object of class Promise to another process: found at value[0]"],
  [new WeakMap(), "an object of class WeakMap"],
  [new AbortController().signal, "an object of class AbortSignal"],
  [{ memory: new SharedArrayBuffer(8) }, "an object of class SharedArrayBuffer"],
  [
    { view: new Int32Array(new SharedArrayBuffer(8)) },
    "shared memory to another process: found at value.view",
  ],
];
for (const [value, message] of UNCARRIABLE) {
  Deno.test(`encode() says: ${message}`, () => {
    const { message: text } = assertThrows(() => encode(value), TypeError);
    assert(text.includes(message), text);
  });
}

Deno.test("encode() carries a map whose keys have no text", () => {
  const value = new Map([[Object.create(null), 1]]);
  assertEquals([...(carry(value) as Map<unknown, unknown>).values()], [1]);
});

Deno.test("encode() refuses what V8 does not know", () => {
  const generator = (function* () {})();
  assertThrows(() => encode({ at: generator }), Error);
  assertThrows(() => encode(new Map([[1, new Proxy(new Map(), {})]])), Error);
});

// What a hostile peer sends

Deno.test("decode() refuses an encoding that there is not", () => {
  for (const encoding of [5, 9, 15]) {
    assertThrows(() => decode(encoding, utf8("1")), TypeError, `encoding ${encoding} is not known`);
  }
});

Deno.test("decode() refuses text that is no JSON", () => {
  for (const text of ["", "{", "undefined", "NaN", "[1,]", "{'a':1}", "1 2"]) {
    assertThrows(() => decode(TEXT, utf8(text)), SyntaxError);
  }
});

Deno.test("decode() takes JSON that is deep, or pollutes nothing", () => {
  const deep = decode(TEXT, utf8("[".repeat(100_000) + "]".repeat(100_000)));
  assert(Array.isArray(deep));
  decode(TEXT, utf8('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'));
  assertEquals(({} as Record<string, unknown>).polluted, undefined);
});

Deno.test("decode() survives bytes that V8 did not write", () => {
  const random = createRandom(1);
  const whole = arrive(encode({ a: [1n, new Map([[1, new Date(1)]])], b: Int16Array.of(1, 2, 3) }));
  let refused = 0;
  const attempt = (payload: Uint8Array<ArrayBuffer>): void => {
    try {
      decode(V8, payload);
    } catch (error) {
      assertInstanceOf(error, Error);
      refused++;
    }
  };
  attempt(new Uint8Array());
  for (let end = 0; end < whole.length; end++) attempt(whole.slice(0, end));
  for (let i = 0; i < 2_000; i++) {
    const changed = whole.slice();
    const changes = 1 + Math.floor(random() * 3);
    for (let n = 0; n < changes; n++) {
      changed[Math.floor(random() * changed.length)] = Math.floor(random() * 256);
    }
    attempt(changed);
  }
  assert(refused > 100, `${refused} were refused`);
});

Deno.test("decode() refuses references that are not well formed", () => {
  const make = (references: unknown, encoding: number, value: string): Uint8Array<ArrayBuffer> => {
    const head = utf8(typeof references === "string" ? references : JSON.stringify(references));
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, head.length);
    return concat(length, head, Uint8Array.of(encoding), utf8(value));
  };
  const wire = { type: "test.Reference", data: { id: 1 } };
  const good = make([{ path: ["a"], wire }], TEXT, '{"a":null}');
  assertEquals(decode(REFERENCES, good), { a: new Reference(1) });
  const bad: Uint8Array<ArrayBuffer>[] = [
    new Uint8Array(),
    new Uint8Array(3),
    fill(255, 20),
    good.slice(0, 10),
    good.slice(0, -3),
    make("not json", TEXT, "null"),
    make(5, TEXT, "null"),
    make(null, TEXT, "null"),
    make([null], TEXT, "null"),
    make([{}], TEXT, "null"),
    make([{ path: ["b"], wire }], TEXT, '{"a":null}'),
    make([{ path: ["a", "b"], wire }], TEXT, '{"a":null}'),
    make([{ path: ["__proto__", "polluted"], wire }], TEXT, "{}"),
    make([{ path: ["constructor", "prototype", "polluted"], wire }], TEXT, "{}"),
    make([{ path: ["a"], wire: null }], TEXT, '{"a":null}'),
    make([{ path: ["a"], wire: { type: "no.Such", data: 1 } }], TEXT, '{"a":null}'),
    make([{ path: ["length"], wire }], TEXT, "[]"),
    make([{ path: [], wire }], REFERENCES, ""),
    make([], REFERENCES, ""),
    make([], 15, ""),
  ];
  for (const payload of bad) assertThrows(() => decode(REFERENCES, payload), Error);
  assertEquals(({} as Record<string, unknown>).polluted, undefined);
});

function fill(byte: number, length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).fill(byte);
}
