import { assertEquals } from "@std/assert";
import { Event } from "../../thread/event.ts";
import { eventContract } from "../contracts/event_contract.ts";
import { openInThreads } from "./_remote_objects.ts";

eventContract("thread.Event", { open: (count) => openInThreads(count, new Event()) });

Deno.test("thread.Event.waitSync() returns at once when it is set, else when its time is over", () => {
  const event = new Event();
  assertEquals([event.waitSync({ timeoutMs: 0 }), event.waitSync({ timeoutMs: 2 })], [
    false,
    false,
  ]);
  event.set();
  assertEquals([event.waitSync(), event.waitSync({ timeoutMs: 0 })], [true, true]);
});
