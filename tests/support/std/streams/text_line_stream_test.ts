import { assertEquals } from "@std/assert";
import { TextLineStream, type TextLineStreamOptions } from "./text_line_stream.ts";

function linesOf(chunks: string[], options?: TextLineStreamOptions): Promise<string[]> {
  return Array.fromAsync(ReadableStream.from(chunks).pipeThrough(new TextLineStream(options)));
}

Deno.test("TextLineStream splits at line ends, also between chunks", async () => {
  assertEquals(await linesOf(["a\nb", "c\r", "\n", "\nd"]), ["a", "bc", "", "d"]);
  assertEquals(await linesOf(["a\n"]), ["a"]);
  assertEquals(await linesOf([]), []);
});

Deno.test("TextLineStream splits at a lone carriage return only if told so", async () => {
  const chunks = ["a\rb\r", "\nc\r", "d\r"];
  assertEquals(await linesOf(chunks), ["a\rb", "c\rd\r"]);
  assertEquals(await linesOf(chunks, { allowCR: true }), ["a", "b", "c", "d"]);
});
