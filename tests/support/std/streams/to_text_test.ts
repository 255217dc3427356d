import { assertEquals } from "@std/assert";
import { toText } from "./to_text.ts";

Deno.test("toText() joins strings", async () => {
  assertEquals(await toText(ReadableStream.from(["a", "", "b"])), "ab");
});

Deno.test("toText() decodes bytes, also of a character that spans chunks", async () => {
  const bytes = new TextEncoder().encode("a\u20acb");
  const chunks = [bytes.subarray(0, 2), bytes.subarray(2)];
  assertEquals(await toText(ReadableStream.from(chunks)), "a\u20acb");
  assertEquals(await toText(ReadableStream.from([bytes.subarray(0, 2)])), "a\ufffd");
});
