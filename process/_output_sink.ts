import type { OutputPipe } from "./_output_pipe.ts";
import type { ByteWriter } from "./subprocess_options.ts";

/** Where a program's output is passed on to. */
export interface OutputSink {
  write(bytes: Uint8Array): Promise<void>;
  /** Gives the stream back, open. */
  release(): void;
}

/**
 * Takes hold of a stream or a file.
 *
 * @throws {TypeError} When the stream is locked to somebody else.
 */
export function openSink(name: string, to: WritableStream<Uint8Array> | ByteWriter): OutputSink {
  if (!(to instanceof WritableStream)) {
    return {
      async write(bytes) {
        for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
      },
      release() {},
    };
  }
  if (to.locked) {
    throw new TypeError(`Cannot start a program: the stream "${name}" is locked to a writer`);
  }
  const writer = to.getWriter();
  return {
    async write(bytes) {
      await writer.ready;
      // The buffer is read into again.
      await writer.write(bytes.slice());
    },
    release: () => writer.releaseLock(),
  };
}

/** Passes on all that a pipe has. When it cannot be written, the program is told (SIGPIPE). */
export async function pumpOutput(pipe: OutputPipe, sink: OutputSink): Promise<void> {
  pipe.isTaken = true;
  try {
    for (;;) {
      const bytes = await pipe.read();
      if (bytes === undefined) break;
      await sink.write(bytes);
    }
  } finally {
    await pipe.cancel();
    sink.release();
  }
}
