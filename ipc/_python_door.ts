import type { FrameStream } from "./_frame_stream.ts";

/**
 * Where Python's side of the protocol will enter: after the handshake, which is the same, a Python
 * peer's first frame is a pickle, and no native peer's is.
 */

/** The first byte of every pickle that Python writes since protocol 2 (opcode PROTO). */
const PICKLE_START = 0x80;

const PROTOCOL_2 = [PICKLE_START, 2];
const BINUNICODE = 0x58;
const TUPLE2_AND_STOP = [0x86, 0x2e];

/** Whether a peer that sends this first speaks Python's side of the protocol. */
export function isPickle(frame: Uint8Array): boolean {
  return frame[0] === PICKLE_START;
}

/**
 * Tells a Python peer, in the form in which it raises a `RemoteError`, that it cannot be served here:
 * the pickle of `("#TRACEBACK", text)`.
 */
export async function refusePython(stream: FrameStream): Promise<void> {
  const text = "This manager speaks the native protocol of @manyhands/concurrency only\n";
  const pickled = [
    ...PROTOCOL_2,
    ...unicode("#TRACEBACK"),
    ...unicode(text),
    ...TUPLE2_AND_STOP,
  ];
  stream.send(new Uint8Array(pickled));
  await stream.flushed();
}

function unicode(text: string): number[] {
  const bytes = new TextEncoder().encode(text);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length, true);
  return [BINUNICODE, ...length, ...bytes];
}
