import { assertEquals, assertRejects } from "@std/assert";
import { abortable } from "./abortable.ts";

Deno.test("abortable() follows a promise until the signal is aborted", async () => {
  const controller = new AbortController();
  assertEquals(await abortable(Promise.resolve(1), controller.signal), 1);
  const stopped = abortable(new Promise(() => {}), controller.signal);
  controller.abort("stop");
  assertEquals(await assertRejects(() => stopped), "stop");
});

Deno.test("abortable() ends an iteration and closes its source", async () => {
  const controller = new AbortController();
  let closed = false;
  const source: AsyncIterable<number> = {
    [Symbol.asyncIterator]() {
      let count = 0;
      return {
        next: () => {
          if (count === 2) controller.abort("stop");
          return count === 2
            ? new Promise(() => {})
            : Promise.resolve({ done: false, value: count++ });
        },
        return: () => {
          closed = true;
          return Promise.resolve({ done: true, value: undefined });
        },
      };
    },
  };
  const seen: number[] = [];
  const reason = await assertRejects(async () => {
    for await (const value of abortable(source, controller.signal)) seen.push(value);
  });
  assertEquals([seen, reason, closed], [[0, 1], "stop", true]);
});
