import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import * as coroutine from "../../coroutine/mod.ts";
import { decode, type Encoded, Encoding } from "../../ipc/_encoding.ts";
import { decodeError, encodeError } from "../../ipc/_wire_error.ts";
import * as ipc from "../../ipc/mod.ts";
import { registerErrorClass, RemoteError } from "../../ipc/mod.ts";
import { utf8 } from "./_bytes.ts";

function arrive({ encoding, payload }: Encoded): unknown {
  return decode(encoding, typeof payload === "string" ? utf8(payload) : payload.slice());
}

function carry(thrown: unknown): unknown {
  return decodeError(arrive(encodeError(thrown)));
}

function carryError(thrown: unknown): Error & Record<string, unknown> {
  const error = carry(thrown);
  assertInstanceOf(error, Error);
  return error as Error & Record<string, unknown>;
}

// Classes

const CLASSES = [
  ...[Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError],
  ...[coroutine.QueueEmptyError, coroutine.QueueFullError, coroutine.QueueShutDownError],
  ...[coroutine.TimeoutError, ipc.AuthenticationError, ipc.ConnectionClosedError],
  ...[ipc.ConnectionLostError, ipc.ProtocolError, coroutine.CancelledError],
  ...[coroutine.InvalidStateError, coroutine.BrokenBarrierError, coroutine.PoolClosedError],
  ...[Deno.errors.NotFound, Deno.errors.AddrInUse, Deno.errors.PermissionDenied],
];
for (const errorClass of CLASSES) {
  Deno.test(`encodeError() carries ${errorClass.name} as itself`, () => {
    const thrown = new errorClass("what was wrong");
    const error = carryError(thrown);
    assertInstanceOf(error, errorClass);
    assertStrictEquals(Object.getPrototypeOf(error), errorClass.prototype);
    assertEquals([error.name, error.message], [thrown.name, "what was wrong"]);
    assertEquals(String(error), String(thrown));
  });
}

Deno.test("encodeError() carries the stack as text, and says where it comes from", () => {
  const thrown = new RangeError("deep");
  const error = carryError(thrown);
  assert(error.stack!.startsWith(thrown.stack!));
  assertStringIncludes(error.stack!, "(thrown on the other side of a connection)");
  assert(!Object.keys(error).includes("stack"));
});

Deno.test("encodeError() carries a name that was changed", () => {
  const thrown = new TypeError("odd");
  thrown.name = "OddError";
  const error = carryError(thrown);
  assertInstanceOf(error, TypeError);
  assertEquals(String(error), "OddError: odd");
});

Deno.test("encodeError() carries an unknown class as RemoteError with its name", () => {
  class UserError extends RangeError {
    readonly account = "abc";
    constructor(message: string, options?: ErrorOptions) {
      super(message, options);
      this.name = "UserError";
    }
  }
  const error = carryError(new UserError("no such user", { cause: "why" }));
  assertInstanceOf(error, RemoteError);
  assertEquals([error.name, error.message], ["UserError", "no such user"]);
  assertEquals([error.account, error.cause], ["abc", "why"]);
});

Deno.test("encodeError() carries a RemoteError again, with its name", () => {
  const error = carryError(new RemoteError("far away", { name: "FarError" }));
  assertInstanceOf(error, RemoteError);
  assertEquals([error.name, error.message], ["FarError", "far away"]);
});

// registerErrorClass

class PaymentError extends Error {
  readonly account: string;
  readonly #secret = "private";

  constructor(message: string, account: string) {
    super(message);
    this.name = "PaymentError";
    this.account = account;
  }

  get secret(): string {
    return this.#secret;
  }

  get limit(): number {
    return 5;
  }
}

Deno.test("registerErrorClass() lets a class keep itself, without its private fields", () => {
  registerErrorClass(PaymentError);
  registerErrorClass(PaymentError);
  const error = carryError(new PaymentError("no cover", "abc"));
  assertInstanceOf(error, PaymentError);
  assertEquals([error.name, error.message, error.account], ["PaymentError", "no cover", "abc"]);
  assertEquals(error.limit, 5);
  assertThrows(() => error.secret, TypeError);
});

Deno.test("registerErrorClass() does not know classes that extend the class", () => {
  registerErrorClass(PaymentError);
  class CardError extends PaymentError {}
  const error = carryError(new CardError("declined", "abc"));
  assert(!(error instanceof PaymentError));
  assertInstanceOf(error, RemoteError);
});

Deno.test("registerErrorClass() takes a name, for classes that are named alike", () => {
  const first = class SameError extends Error {};
  const second = class SameError extends Error {};
  registerErrorClass(first, "one.SameError");
  registerErrorClass(second, "other.SameError");
  assertInstanceOf(carry(new first("1")), first);
  assertInstanceOf(carry(new second("2")), second);
});

Deno.test("registerErrorClass() refuses a name that another class has", () => {
  class Stranger extends Error {}
  assertThrows(
    () => registerErrorClass(Stranger, "RangeError"),
    TypeError,
    'has the name "RangeError"',
  );
  registerErrorClass(RangeError);
});

Deno.test("registerErrorClass() refuses what is no class of errors", () => {
  for (const wrong of [class Plain {}, () => {}, undefined, {}, "Error"]) {
    assertThrows(
      () => registerErrorClass(wrong as unknown as typeof Error, "Wrong"),
      TypeError,
      "Wrong does not extend Error",
    );
  }
});

// Causes and fields

Deno.test("encodeError() carries the chain of causes with their classes", () => {
  const cause = new coroutine.QueueEmptyError("empty", { cause: new TypeError("first") });
  const error = carryError(new Error("last", { cause }));
  assertInstanceOf(error.cause, coroutine.QueueEmptyError);
  assertInstanceOf(error.cause.cause, TypeError);
  assertEquals(error.cause.cause.message, "first");
  assert(!Object.keys(error).includes("cause"));
});

Deno.test("encodeError() carries a cause that is no error, and keeps that there is none", () => {
  assertEquals(carryError(new Error("a", { cause: { code: 5 } })).cause, { code: 5 });
  assertEquals(carryError(new Error("a", { cause: null })).cause, null);
  assert("cause" in carryError(new Error("a", { cause: undefined })));
  assert(!("cause" in carryError(new Error("a"))));
});

Deno.test("encodeError() carries a cause that was assigned with its class", () => {
  const thrown = new Error("last");
  thrown.cause = new coroutine.QueueEmptyError("first");
  assertInstanceOf(carryError(thrown).cause, coroutine.QueueEmptyError);
});

Deno.test("encodeError() ends a chain of causes that is a circle", () => {
  const thrown = new Error("circle");
  thrown.cause = thrown;
  let error: unknown = carryError(thrown);
  let depth = 0;
  while (error instanceof Error && error.cause !== undefined) {
    error = error.cause;
    depth++;
  }
  assertLess(depth, 20);
});

Deno.test("encodeError() carries own fields, and leaves out what cannot be carried", () => {
  const thrown = Object.assign(new Error("with fields"), {
    code: "E1",
    details: { when: new Date(5), big: 5n },
    callback: () => 1,
    [Symbol("hidden")]: 1,
  });
  const error = carryError(thrown);
  assertEquals(error.code, "E1");
  assertEquals(error.details, { when: new Date(5), big: 5n });
  assertEquals(Object.keys(error).toSorted(), ["code", "details"]);
});

Deno.test("encodeError() carries AggregateError with its errors", () => {
  const thrown = new AggregateError([new RangeError("one"), "two", new AggregateError([], "in")]);
  const error = carry(thrown);
  assertInstanceOf(error, AggregateError);
  assertInstanceOf(error.errors[0], RangeError);
  assertEquals(error.errors[1], "two");
  assertInstanceOf(error.errors[2], AggregateError);
  assert(!Object.keys(error).includes("errors"));
});

Deno.test("encodeError() carries a field named errors of another class as a field", () => {
  const error = carryError(Object.assign(new TypeError("invalid"), { errors: ["no name"] }));
  assertEquals(error.errors, ["no name"]);
  assertEquals(Object.keys(error), ["errors"]);
});

Deno.test("encodeError() ends with an AggregateError that holds itself, soon", () => {
  const thrown = new AggregateError([], "circle");
  thrown.errors.push(...new Array(10).fill(thrown));
  assertInstanceOf(carry(thrown), AggregateError);
});

Deno.test("encodeError() carries the rest of an error whose getters throw", () => {
  const fail = (): never => {
    throw new Error("not to be read");
  };
  const get = { enumerable: true, get: fail };
  const thrown = Object.defineProperties(new RangeError("the message"), {
    bad: get,
    cause: get,
    good: { enumerable: true, value: 1 },
  });
  const error = carry(thrown) as RangeError & Record<string, unknown>;
  assertInstanceOf(error, RangeError);
  assertEquals([error.message, error.good, "bad" in error], ["the message", 1, false]);
  assertEquals(error.cause, "(its getter throws)");
  const mute = Object.defineProperties(new TypeError(), { message: get, stack: get, name: get });
  assertInstanceOf(carry(mute), TypeError);
  assertEquals((carry(mute) as TypeError).message, "(its getter throws)");
});

// What is no error

Deno.test("encodeError() carries what is thrown and is no error as it is", () => {
  for (const thrown of [undefined, null, 5, NaN, "text", { a: [1] }, new Date(1), 5n]) {
    assertEquals(carry(thrown), thrown);
  }
  assertEquals(carry(Symbol("s")), "Symbol(s)");
  assertEquals(typeof carry(() => 1), "string");
});

Deno.test("encodeError() carries DOMException with its name and code", () => {
  const error = carry(new DOMException("stopped", "AbortError"));
  assertInstanceOf(error, DOMException);
  assertEquals([error.name, error.message, error.code], ["AbortError", "stopped", 20]);
  const reason = carry(AbortSignal.abort().reason);
  assertInstanceOf(reason, DOMException);
});

Deno.test("encodeError() never throws, whatever was thrown", () => {
  const bad: unknown[] = [
    Object.assign(Object.create(null), { callback: () => 1 }),
    Object.defineProperty(new Error("a"), "field", {
      enumerable: true,
      get: () => {
        throw new Error("no field");
      },
    }),
    Object.defineProperty(new Error("a"), "message", { value: Object.create(null) }),
    Object.defineProperty(new Error("a"), "stack", { value: { toString: 5 } }),
    Object.assign(new AggregateError([]), { errors: 5 }),
    new Proxy(new Error("a"), {
      ownKeys: () => {
        throw new Error("no keys");
      },
    }),
  ];
  for (const thrown of bad) assertInstanceOf(carry(thrown), Error);
});

// What a hostile peer sends

Deno.test("decodeError() makes an error of whatever arrives", () => {
  const received: unknown[] = [
    undefined,
    null,
    5,
    "text",
    [],
    {},
    { kind: "other" },
    { kind: "error" },
    { kind: "error", class: "NoSuchClass", name: 5, message: {}, stack: [] },
    { kind: "error", class: null, name: "E", message: "m", errors: "none", fields: null },
    { kind: "error", class: "__proto__", name: "E", message: "m", fields: 5 },
    { kind: "error", class: "constructor", name: "E", message: "m", fields: ["a"] },
    { kind: "error", class: "TypeError", name: { toString: 1 }, message: { toString: 1 } },
    { kind: "error", class: "AggregateError", name: "E", message: "m", fields: { errors: 1 } },
    { kind: "dom-exception" },
    { kind: "dom-exception", name: { toString: 1 }, message: { toString: 1 } },
    { kind: "dom-exception", name: { a: 1 }, message: null, stack: 5 },
  ];
  for (const wire of received) assertInstanceOf(decodeError(wire), Error);
});

Deno.test("decodeError() sets no fields that would harm", () => {
  const fields = JSON.parse(
    '{"__proto__":{"polluted":1},"stack":"forged","message":"forged","toString":"x","code":5}',
  );
  const wire = { kind: "error", class: "Error", name: "Error", message: "real", stack: "", fields };
  const error = decodeError(wire) as Error & Record<string, unknown>;
  assertEquals([error.message, error.code, error.polluted], ["real", 5, undefined]);
  assert(error.stack !== "forged" && !Object.hasOwn(error, "__proto__"));
  assertStrictEquals(Object.getPrototypeOf(error), Error.prototype);
  assertEquals(({} as Record<string, unknown>).polluted, undefined);
  assertEquals([String(error), Object.keys(error)], ["Error: real", ["code"]]);
});

Deno.test("decodeError() goes no deeper than it must", () => {
  const wire: Record<string, unknown> = { kind: "error", class: "Error", name: "Error" };
  wire.message = "circle";
  wire.stack = "";
  wire.cause = wire;
  let error: unknown = decodeError(wire);
  let depth = 0;
  for (; error instanceof Error && error.cause !== undefined; depth++) error = error.cause;
  assertLess(depth, 20);
});

Deno.test("encodeError() needs no more than JSON for an ordinary error", () => {
  assertEquals(encodeError(new RangeError("plain")).encoding, Encoding.JSON);
});
