import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { PythonObjects, unwrap } from "../../distributed/_python_objects.ts";
import { PythonError } from "../../distributed/mod.ts";

/** The references of Python clients to objects, without Python. */

const REGISTRATION = { callable: undefined, exposed: undefined };
const OTHER = { callable: undefined, exposed: ["get"] };
const ADDRESS = { hostname: "127.0.0.1", port: 1 };

function thing(): { get(): number } {
  return { get: () => 1 };
}

Deno.test("PythonObjects counts references by hosts, and takes them back from whoever has one", () => {
  const objects = new PythonObjects();
  const { id } = objects.create("thing", thing(), REGISTRATION, "one");
  objects.incref(id, "one");
  objects.incref(id, "two");
  assertEquals(objects.describe().includes("refcount=3"), true);
  // A proxy that was passed on is given back by another host than the one that took it.
  objects.decref(id, "three");
  assertEquals(objects.find(id).holders, new Map([["one", 1], ["two", 1]]));
  objects.decref(id, "two");
  assertEquals(objects.find(id).holders, new Map([["one", 1]]));
  objects.decref(id, "one");
  assertEquals(objects.size, 0);
  assertThrows(() => objects.decref(id, "one"), PythonError);
});

Deno.test("PythonObjects.decref() takes nothing from what is kept without references", () => {
  const objects = new PythonObjects();
  const object = thing();
  const { id } = objects.create("thing", object, REGISTRATION, "one");
  assertEquals(objects.refer(object, ADDRESS)?.token.id, id);
  objects.decref(id, "one");
  // Something here has it: it can still be asked for.
  objects.decref(id, "one");
  assertEquals([objects.find(id).count, objects.size], [0, 0]);
  objects.incref(id, "one");
  assertEquals([objects.find(id).count, objects.size], [1, 1]);
});

Deno.test("PythonObjects.forget() takes the references of one host alone", () => {
  const objects = new PythonObjects();
  const one = objects.create("thing", thing(), REGISTRATION, "one");
  const two = objects.create("thing", thing(), REGISTRATION, "two");
  objects.incref(two.id, "one");
  const others = objects.create("thing", thing(), REGISTRATION, "two");
  objects.forget("one");
  assertEquals([one.count, two.count, others.count, objects.size], [0, 1, 1, 2]);
  objects.forget("one");
  assertEquals([one.count, two.count, others.count], [0, 1, 1]);
});

Deno.test("PythonObjects gives an object a name for each way in which it is registered", () => {
  const objects = new PythonObjects();
  const object = thing();
  const first = objects.create("thing", object, REGISTRATION, "one");
  const second = objects.create("other", object, OTHER, "one");
  assertNotEquals(first.id, second.id);
  assertEquals(objects.create("thing", object, REGISTRATION, "one"), first);
  assertEquals(objects.create("other", object, OTHER, "one"), second);
  // What is no object is another one each time.
  const five = objects.create("five", 5, REGISTRATION, "one");
  assertNotEquals(objects.create("five", 5, REGISTRATION, "one").id, five.id);
});

Deno.test("PythonObjects.resolve() knows what lives, and nothing else", () => {
  const objects = new PythonObjects();
  const [object, list] = [thing(), [1]];
  const made = objects.create("thing", object, REGISTRATION, "one");
  assertEquals(objects.resolve(made.id), object);
  assertEquals(objects.resolve("none"), undefined);
  const data = objects.create("list", list, REGISTRATION, "one");
  assertEquals(unwrap(objects.resolve(data.id)), list);
  assertEquals(objects.refer({}, ADDRESS), undefined);
});
