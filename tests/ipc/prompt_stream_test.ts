import { assertEquals, assertRejects } from "@std/assert";
import { FrameStream } from "../../ipc/_frame_stream.ts";
import { PromptStream } from "../../ipc/_python_door.ts";
import { concat, longFrame, shortFrame, utf8 } from "./_bytes.ts";
import { createMemoryPair, type MemoryEnd } from "./_memory_stream.ts";

function open(): { end: MemoryEnd; prompt: PromptStream; written: () => Uint8Array } {
  const [end] = createMemoryPair();
  return { end, prompt: new PromptStream(end), written: () => concat(...end.writes) };
}

Deno.test("PromptStream sends one beginning of a frame, and the rest of it later", async () => {
  const answer = shortFrame(utf8("answer"));
  const next = shortFrame(utf8("next"));
  {
    const { prompt, written } = open();
    prompt.promiseShort();
    assertEquals(written(), new Uint8Array(1));
    // What has begun can be gone on with in one way only.
    prompt.promiseLong();
    prompt.promiseShort();
    assertEquals(written(), new Uint8Array(1));
    assertEquals(await prompt.write(answer), answer.length);
    await prompt.write(next);
    assertEquals(written(), concat(answer, next));
  }
  const { prompt, written } = open();
  prompt.promiseLong();
  prompt.promiseShort();
  assertEquals(await prompt.write(concat(answer, next)), answer.length + next.length);
  assertEquals(written(), concat(longFrame(utf8("answer")), next));
});

Deno.test("PromptStream sends no first answer whose length does not begin as was promised", async () => {
  const { prompt, end, written } = open();
  const frames = new FrameStream(prompt, { peer: "the peer", maxFrameBytes: 1 });
  prompt.promiseShort();
  frames.send(new Uint8Array(16 * 1024 * 1024));
  const error = await assertRejects(() => frames.flushed());
  assertEquals(
    ((error as Error).cause as Error).message,
    "Cannot send: the first answer is larger than 16 MiB",
  );
  // Rather than something that would be read as another answer.
  assertEquals([written(), end.isClosed], [new Uint8Array(1), true]);
});
