/** A Worker without any library: it takes turns in shared memory, and adds up numbers that are posted. */

const self = globalThis as unknown as {
  onmessage: (event: MessageEvent<Int32Array<SharedArrayBuffer> | number>) => void;
  postMessage(message: unknown): void;
};

let sum = 0;

self.onmessage = ({ data }) => {
  if (typeof data !== "number") return takeTurns(data);
  if (data >= 0) sum += data;
  else {
    self.postMessage(sum);
    sum = 0;
  }
};

function takeTurns(words: Int32Array<SharedArrayBuffer>): void {
  self.postMessage("ready");
  for (;;) {
    Atomics.wait(words, 0, 0);
    if (Atomics.load(words, 0) === 2) return;
    Atomics.store(words, 0, 0);
    Atomics.notify(words, 0);
  }
}
