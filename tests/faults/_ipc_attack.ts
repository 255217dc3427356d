import { authenticateServer, readKey } from "../../ipc/_authentication.ts";
import { encode } from "../../ipc/_encoding.ts";
import { FrameStream } from "../../ipc/_frame_stream.ts";
import { makeCallHead, makeShortHead, Message, writeHello } from "../../ipc/_messages.ts";
import type { Address } from "../../ipc/mod.ts";
import { concat, longFrame, shortFrame, utf8 } from "../ipc/_bytes.ts";
import { createRandom } from "../coroutine/_random.ts";
import { guard } from "../support/guard.ts";
import { KEY } from "./ipc_hostility_targets.ts";

/** What is sent to a listener and to a hub that want none of it. The same seed gives the same attacks. */

/** Whole numbers from 0 up to a bound that is left out. */
export type Below = (end: number) => number;

/** Makes such numbers, the same ones for the same seed. */
export function createBelow(seed: number): Below {
  const random = createRandom(seed);
  return (end) => Math.floor(random() * end);
}

const EDGES = [0, 1, 0x7f, 0x80, 0xfe, 0xff];
const EDGE_LENGTHS = [-1, -2, 0, 1, 0x7fffffff, -0x80000000, 255, 256, 257, 65_536, 65_537];

/** Changes bytes a little: their values, their number, or the lengths that they tell. */
export function mutate(bytes: Uint8Array, below: Below): Uint8Array<ArrayBuffer> {
  let changed = bytes.slice();
  for (let times = below(3); times >= 0; times--) {
    const at = below(Math.max(1, changed.length));
    switch (below(7)) {
      case 0:
        if (changed.length > 0) changed[at]! ^= 1 << below(8);
        break;
      case 1:
        if (changed.length > 0) changed[at] = EDGES[below(EDGES.length)]!;
        break;
      case 2:
        changed = changed.slice(0, at);
        break;
      case 3:
        changed = concat(changed.subarray(0, at), noise(below(40), below), changed.subarray(at));
        break;
      case 4:
        changed = concat(changed, changed.subarray(at));
        break;
      case 5:
        if (changed.length >= 4) {
          const place = below(changed.length - 3);
          const length = EDGE_LENGTHS[below(EDGE_LENGTHS.length)]!;
          new DataView(changed.buffer).setInt32(place, length);
        }
        break;
      case 6:
        changed = concat(changed.subarray(0, at), changed.subarray(at + 1 + below(8)));
        break;
    }
  }
  return changed;
}

function noise(length: number, below: Below): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => below(256));
}

/** As one frame, whose header is right for the most part. */
function frame(body: Uint8Array<ArrayBuffer>, below: Below): Uint8Array<ArrayBuffer> {
  const framed = below(8) === 0 ? longFrame(body) : shortFrame(body);
  return below(50) === 0 ? mutate(framed, below) : framed;
}

// What is right, to begin with

const VALUES: unknown[] = [
  ...[undefined, null, true, "text", 1.5, [1, [2]], { a: { b: "c" } }],
  ...[new Map([[1, new Date(0)]]), new Uint8Array([1, 2, 3]), 2n ** 70n, new Set(["x"])],
  ...[new Float64Array([1, 2]), /a+/g, new TypeError("wrong"), [undefined, , 3]],
];

/** What crosses in place of references, which is not checked by a sum. */
const REFERENCES = concat(
  new Uint8Array([0, 0, 0, 0x4a]),
  utf8('[{"path":[0],"wire":{"type":"ipc.Queue","data":{"port":1,"id":"an id"}}}] '),
  new Uint8Array([1]),
  utf8("[null]"),
);

function encoded(value: unknown): { encoding: number; bytes: Uint8Array<ArrayBuffer> } {
  const { encoding, payload } = encode(value);
  const bytes = typeof payload === "string" ? utf8(payload) : payload.slice();
  return { encoding, bytes: bytes as Uint8Array<ArrayBuffer> };
}

const PAYLOADS = [...VALUES.map(encoded), { encoding: 4, bytes: REFERENCES }];

/** A message as a connection sends it, changed. */
export function mutatedMessage(below: Below): Uint8Array<ArrayBuffer> {
  const { encoding, bytes } = PAYLOADS[below(PAYLOADS.length)]!;
  return frame(mutate(concat(new Uint8Array([encoding]), bytes), below), below);
}

/** A message as a session sends it, changed. */
export function mutatedRequest(below: Below): Uint8Array<ArrayBuffer> {
  const { encoding, bytes } = PAYLOADS[below(PAYLOADS.length)]!;
  const kind = 1 + below(10);
  const flags = encoding | (below(4) << 4);
  const id = below(4) === 0 ? below(2 ** 32) : below(8);
  const isCall = kind === Message.CALL || kind === Message.NOTIFY;
  const head = isCall
    ? makeCallHead(kind, flags, id, below(3), below(4))
    : makeShortHead(kind, flags, id);
  const whole = concat(head, bytes);
  // Most keep their kind, or nearly all would end at the first byte.
  if (below(4) === 0) return frame(mutate(whole, below), below);
  return frame(concat(whole.subarray(0, 2), mutate(whole.subarray(2), below)), below);
}

/** Some frames of a handshake, of which at least one is changed. */
export function mutatedHandshake(below: Below): Uint8Array<ArrayBuffer>[] {
  const firsts = [
    concat(utf8("{sha256}"), noise(32, below)),
    concat(utf8("{md5}"), noise(16, below)),
    concat(utf8("{sha3_256}"), noise(32, below)),
    noise(16, below),
    utf8(`#TICKET#${crypto.randomUUID()}`),
    utf8("#WELCOME#"),
    utf8("#FAILURE#"),
    concat(utf8("#CHALLENGE#{sha256}"), noise(40, below)),
    utf8("GET / HTTP/1.1\r\n\r\n"),
  ];
  const seconds = [
    concat(utf8("#CHALLENGE#"), noise(20, below)),
    concat(utf8("#CHALLENGE#{sha256}"), noise(40, below)),
    writeHello({ methods: [] }).slice(),
    utf8("\x80\x04\x95"),
  ];
  const first = firsts[below(firsts.length)]!;
  const second = seconds[below(seconds.length)]!;
  return [frame(mutate(first, below), below), frame(mutate(second, below), below)];
}

// Sending it

/** How one gets in. */
export type Door = "listener" | "hub";

/** A socket to one that is attacked; with the key it is let in first. */
async function enter(address: Address, door: Door | undefined): Promise<Deno.TcpConn> {
  const socket = await Deno.connect(address);
  if (door === undefined) return socket;
  socket.setNoDelay(true);
  const frames = new FrameStream(socket, { peer: "the attacked", maxFrameBytes: 256 * 1024 });
  const hello = door === "hub" ? writeHello({ methods: ["mine"] }) : undefined;
  await authenticateServer(frames, readKey(KEY), {}, hello);
  await frames.flushed();
  return socket;
}

/**
 * Sends bytes, and reads until the other side closes; one that does neither answer nor close is told by an error.
 *
 * @param door How to get in before; without one the bytes are in place of the handshake.
 */
export async function attack(
  address: Address,
  door: Door | undefined,
  frames: readonly Uint8Array[],
): Promise<void> {
  const socket = await enter(address, door);
  try {
    const bytes = concat(...frames);
    const reading = readToEnd(socket);
    try {
      for (let at = 0; at < bytes.length;) at += await socket.write(bytes.subarray(at));
      await socket.closeWrite();
    } catch {
      // It was faster to close.
    }
    await guard(reading, () => "the attacked to close the connection");
  } finally {
    socket.close();
  }
}

async function readToEnd(socket: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  try {
    while (await socket.read(buffer) !== null);
  } catch {
    // A reset is an end as well.
  }
}

/** Connects, and is gone again: at once, after a look, in the midst of the handshake, or after it. */
export async function comeAndGo(address: Address, door: Door, manner: number): Promise<void> {
  if (manner === 3) return (await enter(address, door)).close();
  const socket = await Deno.connect(address);
  try {
    if (manner > 0) await socket.read(new Uint8Array(256));
    if (manner > 1) await socket.write(new Uint8Array([0, 0, 0, 40, 1, 2, 3]));
  } finally {
    socket.close();
  }
}
