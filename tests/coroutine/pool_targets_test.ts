import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { PoolTargets } from "../../coroutine/_pool_targets.ts";

Deno.test("PoolTargets knows so many functions as can be told apart, and those for good", () => {
  const targets = new PoolTargets("file:///tasks.ts");
  const find = (n: number) => targets.find("call", { module: "file:///m.ts", name: `f${n}` });
  const first = find(0);
  for (let n = 1; n < 65_536; n++) find(n);
  assertEquals(find(65_535).number, 65_535);
  assertThrows(
    () => find(65_536),
    RangeError,
    'Cannot call "f65536": the pool has called 65536 functions',
  );
  function another() {}
  assertThrows(() => targets.find("call", another), RangeError, 'Cannot call "another"');
  assertStrictEquals(find(0), first);
});
