import { assert, assertEquals } from "@std/assert";
import { createGates, Gate } from "./gate.ts";
import { assertPending } from "./settle.ts";

Deno.test("Gate.wait() resolves when the gate is opened", async () => {
  const gate = new Gate();
  const waiting = gate.wait();
  assertEquals(gate.isOpen, false);
  await assertPending(waiting);
  gate.open();
  assert(gate.isOpen);
  await waiting;
});

Deno.test("Gate.wait() lets pass what comes after the opening", async () => {
  const gate = new Gate();
  gate.open();
  gate.open();
  await gate.wait();
});

Deno.test("createGates() makes a gate of its own for each name", async () => {
  const { started, unblock } = createGates("started", "unblock");
  started.open();
  await started.wait();
  assertEquals(unblock.isOpen, false);
});
