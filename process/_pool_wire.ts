import { decode, encode } from "../ipc/_encoding.ts";
import { checkSize } from "../ipc/_message_size.ts";
import { SHORT_HEAD_BYTES } from "../ipc/_messages.ts";
import type { Session } from "../ipc/_session.ts";
import { ProtocolError } from "../ipc/errors.ts";

/**
 * What a pool and its workers tell each other, as messages of their own on the channel:
 *
 * `[kind][form][number as uint16][job as uint32][index as uint32][values]`
 *
 * A job is one item or several that follow each other; `index` says where in the pool's job an item is. A
 * worker has all jobs run in the order of their arrival, and reports on every item, in order. It reports
 * on the end of a job before it starts the next one, so that the pool knows what has started also when
 * the worker is killed the moment after.
 */
export const Kind = {
  // To the worker.
  /** `number` is the target, `index` the first item. */
  JOB: 1,
  /** The same for a generator, whose values are wanted. */
  STREAM: 2,
  /** The target `number` is: `[module, name]`. */
  TARGET: 3,
  /** The item is not wanted any more. */
  CANCEL: 4,
  /** What has not started is wanted back. */
  RECALL: 5,
  /** So many more values of a generator are wanted: `number`. */
  CREDIT: 6,
  /** No more jobs come. */
  STOP: 7,
  /** The jobs that follow belong to this attempt at a task, 0 at first: `index`; and to this trace, if there is one. */
  ATTEMPT: 8,
  // From the worker.
  /** It can take jobs. */
  READY: 16,
  /** `number` items from the index on have these results. */
  VALUES: 17,
  /** The item has thrown. */
  ERROR: 18,
  /** The item was not wanted any more, and never started. */
  SKIPPED: 19,
  /** The item starts now. Told for items of jobs with a time limit, except for the first one. */
  STARTED: 20,
  /** The item reports how far it is. */
  PROGRESS: 21,
  /** A value of a generator. */
  VALUE: 22,
  /** The items from the index on have not started, and will not. */
  GIVEN_BACK: 23,
  /** None of the items can be run. */
  REFUSED: 24,
} as const;

/** The upper bits of the form of a job. */
export const JobFlag = {
  /** The values are the arguments of the only item. */
  ARGUMENTS: 0x10,
  /** Each item is an array of arguments. */
  SPREAD: 0x20,
  PROGRESS: 0x40,
  TIMED: 0x80,
} as const;

/** How a list of values is written: the lower bits of the form. */
const Form = {
  /** Nothing but `undefined`: how often, as uint32. */
  UNDEFINED: 0,
  INT32: 1,
  FLOAT64: 2,
  /** One `Uint8Array`. */
  BYTES: 3,
  /** From here on: 4 and the encoding of the whole list. */
  ENCODED: 4,
} as const;

const FORM_MASK = 0x0f;
const MESSAGE_HEAD_BYTES = 12;

/** Fewer numbers are read one by one. */
const FEW = 16;

/** A list of values as bytes. They are used again: to be sent before the next one is made. */
export interface ListForm {
  readonly form: number;
  readonly body: Uint8Array | string;
}

let ints = new Int32Array(64);
let floats = new Float64Array(64);
const count = new DataView(new ArrayBuffer(4));

/**
 * Encodes a list of values.
 *
 * @throws {TypeError} When one of them cannot be carried.
 * @throws {RangeError} When it is too large for a message.
 */
export function encodeList(list: readonly unknown[]): ListForm {
  const first = list[0];
  if (typeof first === "number") {
    const numbers = encodeNumbers(list);
    if (numbers !== undefined) return numbers;
  } else if (first === undefined && list.every((value) => value === undefined)) {
    count.setUint32(0, list.length);
    return { form: Form.UNDEFINED, body: new Uint8Array(count.buffer) };
  } else if (
    list.length === 1 && first instanceof Uint8Array && first.constructor === Uint8Array &&
    first.buffer instanceof ArrayBuffer
  ) {
    return checked({ form: Form.BYTES, body: first });
  }
  const { encoding, payload } = encode(list);
  return checked({ form: Form.ENCODED + encoding, body: payload });
}

function encodeNumbers(list: readonly unknown[]): ListForm | undefined {
  const { length } = list;
  if (ints.length < length) {
    ints = new Int32Array(length * 2);
    floats = new Float64Array(length * 2);
  }
  let at = 0;
  for (; at < length; at++) {
    const value = list[at];
    if (typeof value !== "number") return undefined;
    // Not `===`, for which 0 is -0.
    if (!Object.is(value | 0, value)) break;
    ints[at] = value;
  }
  if (at === length) {
    return checked({ form: Form.INT32, body: new Uint8Array(ints.buffer, 0, length * 4) });
  }
  for (at = 0; at < length; at++) {
    const value = list[at];
    if (typeof value !== "number") return undefined;
    floats[at] = value;
  }
  return checked({ form: Form.FLOAT64, body: new Uint8Array(floats.buffer, 0, length * 8) });
}

function checked(list: ListForm): ListForm {
  checkSize(list.body);
  return list;
}

/** Decodes a list of values; the bytes are not needed any more afterwards. */
export function decodeList(form: number, bytes: Uint8Array<ArrayBuffer>): unknown[] {
  const kind = form & FORM_MASK;
  switch (kind) {
    case Form.UNDEFINED:
      return new Array(viewOf(bytes).getUint32(0)).fill(undefined);
    case Form.INT32:
      return bytes.length <= FEW * 4
        ? readFew(bytes, 4, (view, at) => view.getInt32(at, true))
        : listOf(new Int32Array(bytes.slice().buffer));
    case Form.FLOAT64:
      return bytes.length <= FEW * 8
        ? readFew(bytes, 8, (view, at) => view.getFloat64(at, true))
        : listOf(new Float64Array(bytes.slice().buffer));
    case Form.BYTES:
      return [bytes.slice()];
    default: {
      const list = decode(kind - Form.ENCODED, bytes);
      if (Array.isArray(list)) return list;
      throw new ProtocolError("Cannot read the values of a message: they are no list");
    }
  }
}

/** `Array.from` takes five times as long. */
function listOf(numbers: Int32Array | Float64Array): number[] {
  const list = new Array<number>(numbers.length);
  for (let at = 0; at < numbers.length; at++) list[at] = numbers[at]!;
  return list;
}

function readFew(
  bytes: Uint8Array<ArrayBuffer>,
  size: number,
  read: (view: DataView, at: number) => number,
): number[] {
  const view = viewOf(bytes);
  const list: number[] = [];
  for (let at = 0; at < bytes.length; at += size) list.push(read(view, at));
  return list;
}

function viewOf(bytes: Uint8Array<ArrayBuffer>): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** A message that has arrived. The bytes hold until whoever takes it returns. */
export interface PoolMessage {
  readonly kind: number;
  readonly form: number;
  readonly number: number;
  readonly job: number;
  readonly index: number;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Reads a message. */
export function readMessage(bytes: Uint8Array<ArrayBuffer>): PoolMessage {
  if (bytes.length < MESSAGE_HEAD_BYTES) {
    throw new ProtocolError(`Cannot read from a worker: a message of ${bytes.length} bytes`);
  }
  const view = viewOf(bytes);
  return {
    kind: bytes[0]!,
    form: bytes[1]!,
    number: view.getUint16(2),
    job: view.getUint32(4),
    index: view.getUint32(8),
    body: bytes.subarray(MESSAGE_HEAD_BYTES),
  };
}

const head = new Uint8Array(SHORT_HEAD_BYTES + MESSAGE_HEAD_BYTES);
const headView = new DataView(head.buffer, SHORT_HEAD_BYTES);

/** Sends a message. One that cannot be sent any more is lost: whoever reads learns that the other is. */
export function sendMessage(
  session: Session,
  kind: number,
  message: { form?: number; number?: number; job?: number; index?: number },
  body?: Uint8Array | string,
): void {
  if (session.isClosed) return;
  const { form = 0, number = 0, job = 0, index = 0 } = message;
  headView.setUint8(0, kind);
  headView.setUint8(1, form);
  headView.setUint16(2, number);
  headView.setUint32(4, job);
  headView.setUint32(8, index);
  session.sendData(head, body);
}
