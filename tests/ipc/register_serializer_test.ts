import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { decode, encode, referencesIn } from "../../ipc/_encoding.ts";
import type { ReferenceScope } from "../../ipc/_reference.ts";
import { Lock, Queue, registerSerializer } from "../../ipc/mod.ts";
import { Pool, Process } from "../../process/mod.ts";
import { leakTest } from "../support/leaks.ts";
import {
  Account,
  deposit,
  double,
  kindOf,
  Money,
  putDoubled,
  Trap,
} from "../process/serializer_targets.ts";
import { utf8 } from "./_bytes.ts";

const MODULE = import.meta.resolve("../process/serializer_targets.ts");

function cross<T>(value: T): T {
  const { encoding, payload } = encode(value);
  const bytes = typeof payload === "string" ? utf8(payload) : payload.slice();
  return decode(encoding, bytes as Uint8Array<ArrayBuffer>) as T;
}

class Point {
  constructor(readonly x: unknown) {}
}
class Point3 extends Point {}
registerSerializer(Point, {
  name: "tests.Point",
  toWire: (point) => point.x,
  fromWire: (x) => new Point(x),
});

Deno.test("registerSerializer() lets objects keep their class, in arrays and objects", () => {
  const crossed = cross({ list: [new Point(1)], own: new Point("two") });
  assert(crossed.own instanceof Point);
  assertEquals(crossed, { list: [new Point(1)], own: new Point("two") });
});

Deno.test("registerSerializer() carries whatever can cross", () => {
  const values = [
    undefined,
    null,
    NaN,
    -0,
    5n,
    "text",
    new Date(5),
    new Uint8Array([1, 2]),
    new Map([[1, { a: [2n] }]]),
    [new Point(new Point([3]))],
  ];
  for (const value of values) assertEquals(cross(new Point(value)), new Point(value));
});

Deno.test("registerSerializer() is for classes that extend the registered one, too", () => {
  const crossed = cross(new Point3(1));
  assertStrictEquals(Object.getPrototypeOf(crossed), Point.prototype);
});

Deno.test("registerSerializer() refuses what cannot be carried inside, with the way to it", () => {
  assertThrows(() => cross(new Point({ f: () => 1 })), TypeError, "value.f");
  const circle: unknown[] = [new Point(1)];
  circle.push(circle);
  assertThrows(() => cross(circle), TypeError, "inside a circle");
});

Deno.test("registerSerializer() lets errors of both functions out", () => {
  class Bad {}
  registerSerializer(Bad, {
    name: "tests.Bad",
    toWire: (): number => {
      throw new RangeError("not to be written");
    },
    fromWire: () => new Bad(),
  });
  assertThrows(() => cross(new Bad()), RangeError, "not to be written");
  assertThrows(() => cross(new Trap("throw")), RangeError, "not to be read");
});

Deno.test("registerSerializer() may be called again for its class, not for another one", () => {
  const serializer = { name: "tests.Again", toWire: () => 1, fromWire: () => new Again() };
  class Again {}
  class Other {}
  registerSerializer(Again, serializer);
  registerSerializer(Again, serializer);
  assertThrows(() => registerSerializer(Other, serializer), TypeError, '"tests.Again"');
  // A name of this package is another name.
  registerSerializer(Other, { ...serializer, name: "ipc.Lock" });
  assert(cross(new Other()) instanceof Again);
});

Deno.test("registerSerializer() checks its arguments", () => {
  class Own {}
  const good = { name: "tests.Own", toWire: () => 1, fromWire: () => new Own() };
  const bad = (value: unknown) => value as never;
  assertThrows(() => registerSerializer(bad({}), good), TypeError, "must be a class");
  assertThrows(() => registerSerializer(bad(() => 1), good), TypeError, "must be a class");
  for (const name of ["", 5]) {
    assertThrows(() => registerSerializer(Own, { ...good, name: bad(name) }), TypeError, '"name"');
  }
  assertThrows(() => registerSerializer(Own, { ...good, toWire: bad(1) }), TypeError, '"toWire"');
  assertThrows(
    () => registerSerializer(Own, { ...good, fromWire: bad(undefined) }),
    TypeError,
    '"fromWire"',
  );
});

Deno.test("registerSerializer() refuses what is not well formed, or not registered", () => {
  for (const data of [null, 5, {}, { encoding: 1 }, { encoding: 1, bytes: 5 }]) {
    const head = utf8(JSON.stringify([{ path: [], wire: { type: "user:tests.Point", data } }]));
    const payload = new Uint8Array([0, 0, 0, head.length, ...head, 0]);
    assertThrows(() => decode(4, payload), TypeError, 'class "tests.Point": it is not well formed');
  }
  const head = utf8(JSON.stringify([{ path: [], wire: { type: "user:nobody", data: 1 } }]));
  const payload = new Uint8Array([0, 0, 0, head.length, ...head, 0]);
  assertThrows(() => decode(4, payload), TypeError, "it is not known here");
});

leakTest(
  "registerSerializer() is for arguments and results of processes, and for items of queues",
  async () => {
    await using queue = new Queue<Money[]>();
    const args: [Queue<Money[]>, Money] = [queue, new Money(250n)];
    await using child = new Process({ module: MODULE, target: putDoubled, args });
    await child.start();
    assertEquals((await queue.get()).map(({ cents }) => cents), [500n, 250n]);
    await child.join();
    await using doubling = new Process({ module: MODULE, target: double, args: [new Money(4n)] });
    await doubling.start();
    assertEquals((await doubling.result()).cents, 8n);
    await doubling.join();
  },
);

leakTest(
  "registerSerializer() lets locks and queues within an object cross, and be reached",
  async () => {
    await using lock = new Lock();
    await using log = new Queue<string>();
    const account = new Account(new Money(100n), lock, log);
    await using child = new Process({
      module: MODULE,
      target: deposit,
      args: [account, new Money(5n)],
    });
    await child.start();
    assertEquals((await child.result()).cents, 105n);
    await child.join();
    assertEquals(await log.get(), "deposited 5");
    assertEquals(await lock.locked(), false);
  },
);

leakTest("registerSerializer() is for tasks of pools and their results", async () => {
  await using pool = new Pool(2, { module: MODULE });
  const doubled = await pool.map(double, [1n, 2n, 3n].map((cents) => new Money(cents)));
  assertEquals(doubled.map(({ cents }) => cents), [2n, 4n, 6n]);
  await assertRejects(() => pool.apply(kindOf, [new Trap("throw")]), RangeError, "not to be read");
  assertEquals(await pool.apply(kindOf, [new Trap("harmless")]), "harmless");
});

Deno.test("registerSerializer() tells of the references within an object, whose ports are to be reached", async () => {
  await using lock = new Lock();
  await using log = new Queue<string>();
  const types = referencesIn([new Account(new Money(1n), lock, log)]).map(({ type }) => type);
  assertEquals(types, ["user:tests.Account", "user:tests.Money", "ipc.Lock", "ipc.Queue"]);
});

Deno.test("registerSerializer() has what is within cross as on the connection around it", () => {
  const reference = { hostname: "manager.example", port: 4711, key: "abcd", id: "lock-1" };
  const form = { type: "ipc.Lock", data: reference };
  const received = { encoding: 4, ...crossedReference(form) };
  const lock = decode(received.encoding, received.payload);
  assert(lock instanceof Lock);
  // The key of that manager is the business of the family alone.
  const stranger: ReferenceScope = { isFamily: false };
  for (const value of [lock, new Point(lock), [new Point({ lock })]]) {
    assertThrows(() => encode(value, stranger), TypeError, "for this program only");
  }
  // The manager itself knows the way, and needs no key.
  const { hostname, port, key } = reference;
  const { payload } = encode(new Point(lock), { place: { hostname, port, key }, isFamily: false });
  const text = new TextDecoder("latin1").decode(payload as Uint8Array);
  assert(!text.includes(key) && !atob(text.match(/"bytes":"([^"]*)"/)![1]!).includes(key));
});

/** The payload of a value that is nothing but a reference. */
function crossedReference(wire: unknown): { payload: Uint8Array<ArrayBuffer> } {
  const head = utf8(JSON.stringify([{ path: [], wire }]));
  const payload = new Uint8Array(4 + head.length + 1 + 4);
  new DataView(payload.buffer).setUint32(0, head.length);
  payload.set(head, 4);
  payload[4 + head.length] = 1;
  payload.set(utf8("null"), 5 + head.length);
  return { payload };
}
