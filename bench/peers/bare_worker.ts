/** A Worker without any library: it runs what the benchmark of threads runs. */

import { noteTime } from "../subjects/thread_start.ts";

const self = globalThis as unknown as {
  onmessage: (event: MessageEvent<Float64Array<SharedArrayBuffer>>) => void;
  postMessage(message: unknown): void;
};

self.onmessage = ({ data }) => {
  noteTime(data);
  self.postMessage("done");
};
