import { assertEquals, assertRejects } from "@std/assert";
import { mergeReadableStreams } from "./merge_readable_streams.ts";

Deno.test("mergeReadableStreams() gives the chunks of all streams", async () => {
  const merged = mergeReadableStreams(ReadableStream.from([1, 2, 3]), ReadableStream.from([10]));
  const chunks = await Array.fromAsync(merged);
  assertEquals(chunks.filter((chunk) => chunk < 10), [1, 2, 3]);
  assertEquals(chunks.toSorted((a, b) => a - b), [1, 2, 3, 10]);
});

Deno.test("mergeReadableStreams() fails with a failing stream and cancels the others", async () => {
  let source!: ReadableStreamDefaultController<number>;
  const cancelled = Promise.withResolvers<void>();
  const other = new ReadableStream<number>({
    start: (controller) => void (source = controller),
    cancel: () => cancelled.resolve(),
  });
  const broken = new ReadableStream<number>({
    start: (controller) => controller.error(new Error("broken")),
  });
  const merged = mergeReadableStreams(other, broken);
  await assertRejects(() => Array.fromAsync(merged), Error, "broken");
  source.enqueue(1);
  await cancelled.promise;
});
