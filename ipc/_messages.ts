/**
 * The messages of the native protocol. Each is one frame: a head of fixed size, then an encoded value.
 *
 * | byte | 0 | 1 | 2–5 | 6–9 | 10–11 |
 * | --- | --- | --- | --- | --- | --- |
 * | call | 1 | flags | call id | object | method |
 * | notify | 2 | flags | 0 | object | method |
 * | result | 3 | flags | call id | | |
 * | error | 4 | flags | call id | | |
 * | cancel | 5 | 0 | call id | | |
 * | confirm | 6 | 0 | call id | | |
 * | decline | 7 | 0 | call id | | |
 * | release | 8 | 0 | object | | |
 * | goodbye | 9 | flags | 0 | | |
 * | data | 10 | 0 | 0 | | |
 *
 * Numbers are big-endian. The lower four bits of the flags are the encoding of the value. A method is
 * its place in the list of names that came with the object.
 */
export const Message = {
  CALL: 1,
  NOTIFY: 2,
  RESULT: 3,
  ERROR: 4,
  CANCEL: 5,
  CONFIRM: 6,
  DECLINE: 7,
  RELEASE: 8,
  GOODBYE: 9,
  /** Bytes for whoever uses the connection for something of his own besides. */
  DATA: 10,
} as const;

/** The upper four bits of a message's second byte; what a bit means depends on the message. */
export const Flag = {
  /** Of a call: the value is its only argument, not the array of them. */
  ONE_ARGUMENT: 0x10,
  /** Of a call: the last argument's `signal` crosses as cancel messages. */
  SIGNAL: 0x20,
  /** Of a result: the other side waits for confirm or decline. */
  CONFIRM: 0x10,
  /** Of a result: the value describes an object that is lent. */
  LOAN: 0x20,
} as const;

export const ENCODING_MASK = 0x0f;
export const SHORT_HEAD_BYTES = 6;
export const CALL_HEAD_BYTES = 12;

const PREAMBLE = "manyhands/1 ";
const shortHead = new Uint8Array(SHORT_HEAD_BYTES);
const shortView = new DataView(shortHead.buffer);
const callHead = new Uint8Array(CALL_HEAD_BYTES);
const callView = new DataView(callHead.buffer);

/** A head of six bytes. It is the same array each time: to be copied before the next one is made. */
export function makeShortHead(kind: number, flags: number, id: number): Uint8Array {
  shortHead[0] = kind;
  shortHead[1] = flags;
  shortView.setUint32(2, id);
  return shortHead;
}

/** The head of a call or a notification. It is the same array each time, as above. */
export function makeCallHead(
  kind: number,
  flags: number,
  id: number,
  target: number,
  method: number,
): Uint8Array {
  callHead[0] = kind;
  callHead[1] = flags;
  callView.setUint32(2, id);
  callView.setUint32(6, target);
  callView.setUint16(10, method);
  return callHead;
}

/** The first frame of either side. */
export interface Hello {
  /** The methods of the object with number 0. */
  readonly methods: readonly string[];
  /** What a child process shows to be recognised by its parent. */
  readonly ticket?: string | undefined;
}

/** Writes the first frame. */
export function writeHello(hello: Hello): Uint8Array {
  return new TextEncoder().encode(PREAMBLE + JSON.stringify(hello));
}

/** Reads the first frame of the other side; `undefined` when it is none of this protocol. */
export function readHello(frame: Uint8Array<ArrayBuffer>): Hello | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(frame);
    if (!text.startsWith(PREAMBLE)) return undefined;
    const { methods, ticket } = JSON.parse(text.slice(PREAMBLE.length)) as Record<string, unknown>;
    if (!isMethodList(methods)) return undefined;
    return { methods, ticket: typeof ticket === "string" ? ticket : undefined };
  } catch {
    return undefined;
  }
}

/** Whether a value from the other side is a list of method names. */
export function isMethodList(value: unknown): value is string[] {
  return Array.isArray(value) && value.length <= 0xffff &&
    value.every((name) => typeof name === "string");
}
