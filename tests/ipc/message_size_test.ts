import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Delivery } from "../../coroutine/_lending.ts";
import { DEFAULT_MAX_MESSAGE_BYTES } from "../../ipc/_limits.ts";
import { checkSize, MAX_VALUE_BYTES } from "../../ipc/_message_size.ts";
import { SessionPair } from "./_sessions.ts";

/** One byte more than any message may have; nothing is touched of it. */
const tooLarge = (): Uint8Array => new Uint8Array(DEFAULT_MAX_MESSAGE_BYTES + 1);

Deno.test("Session.call() refuses arguments that are too large, and the connection goes on", async () => {
  await using pair = new SessionPair({ echo: (_call, value: unknown) => value });
  await assertRejects(() => pair.call("echo", tooLarge()), RangeError, "the limit is");
  assertThrows(
    () => pair.client.session.notify(pair.client.remote, "echo", [tooLarge()]),
    RangeError,
  );
  assertEquals(await pair.call("echo", 1), 1);
});

Deno.test("Session.call() rejects when the answer is too large, and the connection goes on", async () => {
  let lost = 0;
  await using pair = new SessionPair({
    answer: tooLarge,
    deliver: () => new Delivery(tooLarge(), () => {}, () => lost++),
    echo: (_call, value: unknown) => value,
  });
  await assertRejects(() => pair.call("answer"), RangeError, "the limit is");
  await assertRejects(() => pair.call("deliver"), RangeError, "the limit is");
  // What cannot be delivered goes back.
  assertEquals(lost, 1);
  assertEquals(await pair.call("echo", 1), 1);
});

Deno.test("checkSize() counts the bytes of a text, and heeds what this side was told to accept", () => {
  checkSize(new Uint8Array(MAX_VALUE_BYTES));
  assertThrows(() => checkSize(new Uint8Array(MAX_VALUE_BYTES + 1)), RangeError);
  checkSize("a".repeat(MAX_VALUE_BYTES / 2));
  assertThrows(() => checkSize("\u20ac".repeat(MAX_VALUE_BYTES / 2)), RangeError);
  checkSize(new Uint8Array(MAX_VALUE_BYTES + 1), 2 * DEFAULT_MAX_MESSAGE_BYTES);
  assertThrows(() => checkSize(new Uint8Array(MAX_VALUE_BYTES + 1), 1024), RangeError);
});
