import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { CancelledError, gather, shield, sleep, spawn, type Task } from "../../coroutine/mod.ts";
import { createGates } from "../support/gate.ts";
import { settle } from "../support/settle.ts";
import { hang } from "./_task_work.ts";

Deno.test("shield() gives the result [cpython: BaseTaskTests.test_shield_result]", async () => {
  const { end } = createGates("end");
  const outer = shield(spawn(() => end.wait().then(() => 42)));
  end.open();
  assertEquals(await outer, 42);
  assertEquals(await shield(() => "function"), "function");
  assertEquals(await shield(Promise.resolve("promise")), "promise");
});

Deno.test("shield() throws the error [cpython: BaseTaskTests.test_shield_exception]", async () => {
  const error = new Error("fails");
  const outer = shield(() => Promise.reject(error));
  assertStrictEquals(await assertRejects(async () => await outer), error);
  assertStrictEquals(outer.exception(), error);
});

Deno.test("shield() is cancelled when what it shields is [cpython: BaseTaskTests.test_shield_cancel_inner]", async () => {
  const inner = spawn(() => hang());
  const outer = shield(inner);
  await settle();
  inner.cancel();
  await assertRejects(async () => await outer, CancelledError);
  assertEquals([outer.cancelled(), inner.cancelled()], [true, true]);
});

Deno.test("shield() that is cancelled ends at once; what it shields goes on [cpython: BaseTaskTests.test_shield_cancel_outer]", async () => {
  const { end } = createGates("end");
  const inner = spawn(() => end.wait().then(() => "inner"));
  const outer = shield(inner);
  await settle();
  assertEquals(outer.cancel("why"), true);
  assertEquals([outer.done(), outer.cancelled(), inner.done()], [true, true, false]);
  assertEquals((await assertRejects(async () => await outer, CancelledError)).cause, "why");
  end.open();
  assertEquals([await inner, inner.cancelling()], ["inner", 0]);
});

Deno.test("shield() of what has ended is that itself [cpython: BaseTaskTests.test_shield_shortcut]", async () => {
  const inner = spawn(() => 42);
  await inner;
  assertStrictEquals<unknown>(shield(inner) === inner, true);
  assertEquals(await shield(inner), 42);
});

Deno.test("shield() ends together with what it shields: it cannot be cancelled between", async () => {
  const { end } = createGates("end");
  const inner = spawn(() => end.wait());
  const outer = shield(inner);
  const seen: boolean[] = [];
  inner.addDoneCallback(() => seen.push(outer.done(), outer.cancel()));
  end.open();
  await outer;
  assertEquals(seen, [true, false]);
});

Deno.test("shield() lets the work go on when the task that awaits it is cancelled [cpython: BaseTaskTests.test_shield_effect]", async () => {
  const { end } = createGates("end");
  const seen: string[] = [];
  const inner = async () => {
    await end.wait();
    await sleep(0);
    seen.push("saved");
  };
  const outer = spawn(async () => {
    await shield(inner);
    seen.push("not this");
  });
  await settle();
  outer.cancel();
  await assertRejects(async () => await outer, CancelledError);
  end.open();
  await settle();
  assertEquals(seen, ["saved"]);
});

Deno.test("shield() around gather() [cpython: BaseTaskTests.test_shield_gather]", async () => {
  const { end } = createGates("end");
  const parent = gather([() => end.wait().then(() => 1), () => end.wait().then(() => 2)]);
  const outer = shield(parent);
  await settle();
  outer.cancel();
  assertEquals([outer.cancelled(), parent.done()], [true, false]);
  end.open();
  assertEquals(await parent, [1, 2]);
});

Deno.test("gather() of shields: a cancellation ends the shields only [cpython: BaseTaskTests.test_gather_shield]", async () => {
  const { end } = createGates("end");
  const children = [spawn(() => end.wait().then(() => 1)), spawn(() => end.wait().then(() => 2))];
  const shields = children.map((child) => shield(child));
  const parent = gather(shields);
  await settle();
  parent.cancel();
  await assertRejects(async () => await parent, CancelledError);
  assert(shields.every((one) => one.cancelled()));
  assertEquals(children.map((child) => child.cancelling()), [0, 0]);
  end.open();
  assertEquals(await gather(children), [1, 2]);
});

Deno.test("shield() refuses what cannot be waited for", () => {
  for (const wrong of [1, "text", null, undefined, {}]) {
    assertThrows(() => shield(wrong as unknown as () => void), TypeError, "Cannot shield");
  }
});

Deno.test("shield() has the type of what it shields", async () => {
  const text: Task<string> = shield(spawn(() => "text"));
  const number: Task<number> = shield(async () => await Promise.resolve(1));
  // @ts-expect-error: it is a text
  const wrong: Task<number> = shield(() => "text");
  assertEquals<unknown[]>([await text, await number, await wrong], ["text", 1, "text"]);
});
