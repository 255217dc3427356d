import { assertEquals } from "@std/assert";
import { countListeners } from "./listeners.ts";

Deno.test("countListeners() counts those that come and go, and lets them listen", () => {
  const controller = new AbortController();
  const listeners = countListeners(controller.signal);
  let heard = 0;
  const listener = () => void heard++;
  controller.signal.addEventListener("abort", listener);
  assertEquals(listeners.count, 1);
  controller.abort();
  assertEquals(heard, 1);
  controller.signal.removeEventListener("abort", listener);
  assertEquals(listeners.count, 0);
});
