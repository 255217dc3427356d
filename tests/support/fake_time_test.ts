import { assertEquals, assertStrictEquals } from "@std/assert";
import { FakeTime } from "./fake_time.ts";

Deno.test("FakeTime.tick() fires what is due, in order, each at its time", async () => {
  using time = new FakeTime();
  const start = performance.now();
  const seen: [string, number][] = [];
  const note = (name: string) => seen.push([name, performance.now() - start]);
  setTimeout(note, 20, "b");
  setTimeout(() => {
    note("a");
    setTimeout(note, 5, "nested");
  }, 10);
  clearTimeout(setTimeout(note, 1, "cleared"));
  setTimeout(note, 31, "later");
  await time.tick(30);
  assertEquals(seen, [["a", 10], ["nested", 15], ["b", 20]]);
  assertEquals([performance.now() - start, time.timers], [30, 1]);
});

Deno.test("FakeTime.tick() gives other code its turn between two timers, fireDue() does not", async () => {
  using time = new FakeTime();
  const seen: string[] = [];
  for (const name of ["a", "b"]) {
    setTimeout(() => {
      seen.push(name);
      Promise.resolve().then(() => seen.push(`after ${name}`));
    }, 1);
  }
  await time.tick(1);
  assertEquals(seen.splice(0), ["a", "after a", "b", "after b"]);
  for (const name of ["a", "b"]) setTimeout(() => seen.push(name), 1);
  Promise.resolve().then(() => seen.push("promise"));
  time.skip(1);
  time.fireDue();
  assertEquals(seen, ["a", "b"]);
});

Deno.test("FakeTime gives the time of the platform back", () => {
  const { setTimeout, clearTimeout } = globalThis;
  const { now } = performance;
  {
    using _ = new FakeTime();
  }
  assertStrictEquals(globalThis.setTimeout, setTimeout);
  assertStrictEquals(globalThis.clearTimeout, clearTimeout);
  assertStrictEquals(performance.now, now);
});

Deno.test("FakeTime fires at once what is beyond 32 bits, as the platform does", async () => {
  using time = new FakeTime();
  let fired = false;
  setTimeout(() => fired = true, 2 ** 31);
  await time.tick(1);
  assertEquals(fired, true);
});
