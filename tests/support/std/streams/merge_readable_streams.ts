/** Merges streams into one, which gives their chunks in the order they arrive. */
export function mergeReadableStreams<T>(...streams: ReadableStream<T>[]): ReadableStream<T> {
  return new ReadableStream<T>({
    start(controller): void {
      let failed = false;
      const forward = async (stream: ReadableStream<T>) => {
        for await (const chunk of stream) {
          // Leaving the loop cancels the stream: nobody would read on.
          if (failed) break;
          controller.enqueue(chunk);
        }
      };
      Promise.all(streams.map(forward))
        .then(() => controller.close())
        .catch((error) => {
          failed = true;
          controller.error(error);
        });
    },
  });
}
