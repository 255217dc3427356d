import { assertEquals, assertThrows } from "@std/assert";
import { ListView } from "../../distributed/_python_list_view.ts";
import { PythonError } from "../../distributed/mod.ts";

/** Lists as Python clients see them, without Python. */

/** Short to send, and with as many ways to what is inside as there are powers of two. */
function share(depth: number): unknown[] {
  let list: unknown[] = [];
  for (let n = 0; n < depth; n++) list = [list, list];
  return list;
}

const call = { signal: new AbortController().signal };

function ask(list: unknown[], name: string, ...args: unknown[]): unknown {
  return new ListView(list).seat().call(name, call, { args, kwds: {} });
}

Deno.test("ListView repeats an empty list as often as one likes, at no cost", () => {
  assertEquals(ask([], "__mul__", 2 ** 40), []);
  assertEquals(ask([], "__imul__", 4_000_000_000), []);
  assertEquals(ask([1], "__mul__", 3), [1, 1, 1]);
  assertEquals(ask([1], "__mul__", -1), []);
  assertThrows(() => ask([1], "__mul__", 2 ** 40), PythonError);
});

Deno.test("ListView gives up a comparison for which nobody could wait", () => {
  assertEquals(ask([share(10)], "index", share(10)), 0);
  assertThrows(
    () => ask([share(60)], "index", share(60)),
    PythonError,
    "takes too long to compare",
  );
});
