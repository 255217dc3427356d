/** A Worker that sends back what it gets: copied, or moved when it came that way. */

interface Scope {
  onmessage: (event: MessageEvent<{ values: Float64Array<ArrayBuffer>; isMoved: boolean }>) => void;
  postMessage(values: Float64Array<ArrayBuffer>, transfer: ArrayBuffer[]): void;
}

const scope = globalThis as unknown as Scope;

scope.onmessage = ({ data: { values, isMoved } }) => {
  scope.postMessage(values, isMoved ? [values.buffer] : []);
};
