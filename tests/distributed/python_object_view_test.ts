import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import type { Delivery } from "../../coroutine/_lending.ts";
import { IteratorView, ObjectView } from "../../distributed/_python_object_view.ts";
import { ListView } from "../../distributed/_python_list_view.ts";
import { QueueView } from "../../distributed/_python_queue_view.ts";
import { PyGlobal, PyObject, PythonError } from "../../distributed/mod.ts";
import { LifoQueue, PriorityQueue, Queue, QueueShutDownError } from "../../coroutine/mod.ts";
import type { PythonView } from "../../distributed/_python_view.ts";

/** Objects of users, and what is made of them, as Python clients see them, without Python. */

const call = { signal: new AbortController().signal };

function ask(view: PythonView, name: string, args: unknown[] = [], kwds = {}): unknown {
  return view.seat({}).call(name, call, { args, kwds });
}

class Account {
  balance = 5;

  getBalance(): number {
    return this.balance;
  }
}

Deno.test("ObjectView has the methods of an object under Python's names", () => {
  const view = new ObjectView(new Account(), undefined);
  assertEquals([view.methods, ask(view, "get_balance")], [["get_balance"], 5]);
  assertEquals([view.repr("7f00"), view.str("7f00")], Array(2).fill("<Account object at 0x7f00>"));
  // They may be registered in either case.
  for (const exposed of [["getBalance"], ["get_balance"]]) {
    const other = new ObjectView(new Account(), exposed);
    assertEquals([other.methods, ask(other, "get_balance")], [["get_balance"], 5]);
  }
  assertThrows(() => new ObjectView(new Account(), ["none"]), TypeError);
});

Deno.test("ObjectView shows an object in its own words", () => {
  const texts = { __repr__: () => "Account(5)", __str__: () => "5 crowns" };
  const view = new ObjectView(texts, ["__repr__"]);
  assertEquals([view.repr("1"), view.str("1")], ["Account(5)", "5 crowns"]);
  const { __repr__ } = texts;
  assertEquals(new ObjectView({ __repr__ }, ["__repr__"]).str("1"), "Account(5)");
});

Deno.test("ObjectView gives a copy of data, and of nothing that has methods", () => {
  const data = { a: 1, b: [2] };
  const copy = new ObjectView(data, undefined).value();
  assertEquals(copy, data);
  assertEquals(copy === data, false);
  const bare = Object.assign(Object.create(null), { a: 1 });
  assertEquals(new ObjectView(bare, undefined).value(), { a: 1 });
  class Point {
    x = 1;
  }
  const point = new Point();
  assertStrictEquals(new ObjectView(point, undefined).value(), point);
  const error = assertThrows(() => new ObjectView(new Account(), undefined).value(), PythonError);
  assertEquals([error.name, error.message], ["TypeError", "cannot pickle 'Account' object"]);
});

Deno.test("ObjectView of a value that is no object has no methods", () => {
  for (const [value, text] of [[5, "5"], ["text", "text"], [null, "null"]] as const) {
    const view = new ObjectView(value, undefined);
    assertEquals([view.methods, view.value(), view.repr("1"), view.str("1")], [
      [],
      value,
      text,
      text,
    ]);
    const seat = view.seat();
    assertEquals(seat.call("anything", call, { args: [], kwds: {} }), undefined);
    seat.leave();
  }
});

Deno.test("IteratorView is what Python's generators are", async () => {
  const seen: unknown[] = [];
  const view = new IteratorView(function* (): Generator<unknown, string, unknown> {
    try {
      seen.push(yield 1);
      yield 2;
    } catch (error) {
      seen.push((error as Error).name);
      yield 3;
    }
    return "end";
  }());
  assertEquals(await ask(view, "__next__"), 1);
  assertEquals(await ask(view, "send", ["sent"]), 2);
  assertEquals(await ask(view, "throw", [new RangeError("no")]), 3);
  assertEquals(seen, ["sent", "RangeError"]);
  const end = await assertRejects(async () => await ask(view, "__next__"), PythonError);
  assertEquals([end.name, end.args], ["StopIteration", ["end"]]);
  const over = await assertRejects(async () => await ask(view, "__next__"), PythonError);
  assertEquals([over.name, over.args], ["StopIteration", []]);
  assertEquals(view.repr("7f00"), "<generator object at 0x7f00>");
  assertThrows(() => view.value(), PythonError, "cannot pickle 'generator' object");
});

Deno.test("IteratorView of an iterator that cannot throw throws by itself", async () => {
  const view = new IteratorView([1, 2].values());
  const failure = new RangeError("no");
  assertStrictEquals(await assertRejects(async () => await ask(view, "throw", [failure])), failure);
  const error = await assertRejects(async () => await ask(view, "throw", ["a text"]), PythonError);
  assertEquals([error.name, error.args], ["RuntimeError", ["a text"]]);
  assertEquals(await ask(view, "close"), null);
});

Deno.test("QueueView is shut down as Python's queues are since 3.13", async () => {
  const queue = new Queue<unknown>();
  const view = new QueueView(queue);
  await ask(view, "put", [1]);
  await ask(view, "shutdown", [], { immediate: false });
  const got = await ask(view, "get") as Delivery<unknown>;
  assertEquals(got.value, 1);
  got.confirmed();
  await assertRejects(async () => await ask(view, "get"), QueueShutDownError);
  const other = new Queue<unknown>();
  other.putNowait(1);
  await ask(new QueueView(other), "shutdown", [true]);
  await assertRejects(() => other.get(), QueueShutDownError);
});

Deno.test("QueueView tells which kind of queue it is", () => {
  const queues = [new Queue(), new LifoQueue(), new PriorityQueue()];
  assertEquals(queues.map((queue) => new QueueView(queue).repr("7f")), [
    "<queue.Queue object at 0x7f>",
    "<queue.LifoQueue object at 0x7f>",
    "<queue.PriorityQueue object at 0x7f>",
  ]);
});

Deno.test("ListView takes no range that would fill the memory, and sorts by no key", () => {
  const list: unknown[] = [2, 1];
  const range = new PyObject(new PyGlobal("builtins", "range"), [0, 2 ** 40, 1]);
  const error = assertThrows(() => ask(new ListView(list), "extend", [range]), PythonError);
  assertEquals([error.name, list], ["MemoryError", [2, 1]]);
  ask(new ListView(list), "sort", [], { key: null });
  const key = new PyGlobal("builtins", "len");
  const refused = assertThrows(() => ask(new ListView(list), "sort", [], { key }), PythonError);
  assertEquals(refused.message, "sort() on a server that is not Python takes no key");
  assertEquals([ask(new ListView(list), "copy"), list], [[1, 2], [1, 2]]);
});
