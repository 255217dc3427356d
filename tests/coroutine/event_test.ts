import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { CancelledError, Event, spawn } from "../../coroutine/mod.ts";
import { eventContract } from "../contracts/event_contract.ts";
import { assertPending, settle } from "../support/settle.ts";
import { shared } from "./_owners.ts";

const REASON = new Error("enough");

eventContract("Event", { open: (count) => shared(count, new Event()) });

Deno.test("Event.wait() makes no promise when it is set", () => {
  const event = new Event();
  event.set();
  assertStrictEquals(event.wait(), event.wait({ timeoutMs: 10 }));
});

Deno.test("Event.wait() that begins between set() and clear() is over, one after clear() is not", async () => {
  const event = new Event();
  event.set();
  const during = event.wait();
  event.clear();
  const after = event.wait();
  assertStrictEquals(await during, true);
  await assertPending(after, "the wait after clear()");
  event.set();
  assertStrictEquals(await after, true);
});

Deno.test("Event.wait() that was woken before the abort stays woken", async () => {
  const event = new Event();
  const controller = new AbortController();
  const waiting = event.wait({ signal: controller.signal });
  event.set();
  controller.abort(REASON);
  assertStrictEquals(await waiting, true);
});

Deno.test("Event.wait() clears its timer when it is woken", async () => {
  const event = new Event();
  const waiting = event.wait({ timeoutMs: 60_000 });
  event.set();
  assertStrictEquals(await waiting, true);
});

Deno.test("Event.wait() ends with the task that waits", async () => {
  const event = new Event();
  const task = spawn(() => event.wait());
  await settle();
  task.cancel();
  assertEquals(event.statistics(), { isSet: false, waiting: 0 });
  await assertRejects(async () => await task, CancelledError);
});

Deno.test("Event shows its state in one line", async () => {
  const event = new Event();
  const waiting = event.wait();
  assertEquals(Deno.inspect([event]), "[ Event { unset, waiting: 1 } ]");
  event.set();
  assertEquals(String(event), "Event { set }");
  await waiting;
});
