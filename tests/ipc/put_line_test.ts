import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { PutLine } from "../../ipc/_put_line.ts";
import { ConnectionLostError } from "../../ipc/mod.ts";

const LARGE = "x".repeat(40 * 1024);

/** A queue that writes down what is put, message by message. */
function record(fail?: Error): { line: PutLine; messages: unknown[] } {
  const messages: unknown[] = [];
  const line = new PutLine({
    putMany(bytes) {
      const items = JSON.parse(new TextDecoder().decode(bytes));
      messages.push(items);
      return fail === undefined ? Promise.resolve(items.length) : Promise.reject(fail);
    },
    put(item) {
      messages.push(item);
      return item === "bad" ? Promise.reject(fail) : Promise.resolve();
    },
  });
  return { line, messages };
}

Deno.test("PutLine puts items together up to a size, and larger ones by themselves, in order", async () => {
  const { line, messages } = record();
  const huge = LARGE + LARGE;
  await Promise.all([1, 2, LARGE, LARGE, 3, huge, 4].map((item) => line.put(item)));
  assertEquals(messages, [[1, 2, LARGE], [LARGE, 3], huge, 4]);
  await line.settled;
  assertEquals(line.isIdle, true);
});

Deno.test("PutLine tells each item by itself why it is not put, when several could not be", async () => {
  const error = new RangeError("too large");
  const { line, messages } = record(error);
  const puts = ["good", "bad", "fine"].map((item) => line.put(item));
  assertStrictEquals(await assertRejects(() => puts[1]!), error);
  await Promise.all([puts[0], puts[2]]);
  assertEquals(messages, [["good", "bad", "fine"], "good", "bad", "fine"]);
});

Deno.test("PutLine puts nothing again when the connection ends", async () => {
  const { line, messages } = record(new ConnectionLostError("gone"));
  const puts = [1, 2].map((item) => line.put(item));
  for (const put of puts) await assertRejects(() => put, ConnectionLostError);
  assertEquals(messages, [[1, 2]]);
});
