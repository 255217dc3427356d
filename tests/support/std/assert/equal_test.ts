import { caught, same } from "./_caught.ts";
import { equal } from "./equal.ts";

Deno.test("equal() compares plain objects and arrays deeply", () => {
  same(equal({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }), true);
  same(equal({ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] }), false);
  same(equal({ a: undefined }, { b: undefined }), false);
  same(equal([1, 2], [1]), false);
  same(equal(Object.assign(Object.create(null), { a: 1 }), { a: 1 }), true);
});

Deno.test("equal() takes NaN for itself and 0 for -0, but no string for a number", () => {
  same(equal(NaN, NaN), true);
  same(equal(0, -0), true);
  same(equal(1, "1"), false);
});

Deno.test("equal() compares what objects hold apart from their properties", () => {
  same(equal(new Date(1), new Date(1)), true);
  same(equal(new Date(1), new Date(2)), false);
  same(equal(/a/g, /a/g), true);
  same(equal(/a/g, /a/i), false);
  same(equal(new Uint8Array([1, 2]), new Uint8Array([1, 2])), true);
  same(equal(new Uint8Array([1, 2]).buffer, new Uint8Array([1, 3]).buffer), false);
  same(equal(new Error("a"), new Error("b")), false);
});

Deno.test("equal() compares sets and maps whatever their order", () => {
  same(equal(new Set([1, { a: 1 }]), new Set([{ a: 1 }, 1])), true);
  same(equal(new Set([{ a: 1 }]), new Set([{ a: 2 }])), false);
  same(equal(new Set([1, 2]), new Set([1, 3])), false);
  same(equal(new Map([["a", [1]], ["b", [2]]]), new Map([["b", [2]], ["a", [1]]])), true);
  same(equal(new Map([["a", [1]]]), new Map([["a", [2]]])), false);
});

Deno.test("equal() tells objects of different classes apart", () => {
  class A {
    x = 1;
  }
  class B {
    x = 1;
  }
  same(equal(new A(), new A()), true);
  same(equal(new A(), new B()), false);
});

Deno.test("equal() ends on objects that hold themselves", () => {
  const a: Record<string, unknown> = { n: 1 };
  const b: Record<string, unknown> = { n: 1 };
  a.self = a;
  b.self = b;
  same(equal(a, b), true);
  b.n = 2;
  same(equal(a, b), false);
});

Deno.test("equal() refuses weak collections", () => {
  same(
    caught(() => equal(new WeakMap(), new WeakMap())).message,
    "Cannot compare WeakMap instances",
  );
  same(
    caught(() => equal(new WeakSet(), new WeakSet())).message,
    "Cannot compare WeakSet instances",
  );
});
