import { decode, encode } from "../ipc/_encoding.ts";

/** What comes with a call, in front of its arguments; `null` when there is nothing to say. */
export interface CallHead {
  /** How long the caller waits, in milliseconds. */
  readonly timeoutMs?: number;
  /** Whether the last argument has a signal at home. */
  readonly signal?: true;
  /** The arguments that the other side pulls: which one, under which number, and of which kind. */
  readonly streams?: readonly StreamArgument[];
}

/** An argument that is pulled. */
export type StreamArgument = readonly [
  index: number,
  id: number,
  kind: "iterable" | "readable",
];

/** What a member of an api is. The methods of a class have a kind of their own each. */
export type MemberKind = "function" | "generator" | Readonly<Record<string, MethodKind>>;

/** What a method is. */
export type MethodKind = "function" | "generator";

/** What an api has, by name. */
export type Description = Readonly<Record<string, MemberKind>>;

/** The method of a lent object that frees it. No method of a user's has such a name. */
export const FREE = "*free";

/** Reads the description of an api that came over the wire. */
export function readDescription(wire: unknown): Description | undefined {
  if (!isRecord(wire)) return undefined;
  for (const kind of Object.values(wire)) {
    if (isMethodKind(kind)) continue;
    if (!isRecord(kind) || !Object.values(kind).every(isMethodKind)) return undefined;
  }
  return wire as Description;
}

/** Reads what came in front of the arguments of a call. */
export function readHead(wire: unknown, args: readonly unknown[]): CallHead {
  const { timeoutMs, signal, streams = [] } = (wire ?? {}) as Partial<CallHead>;
  const isRight = (timeoutMs === undefined || typeof timeoutMs === "number" && timeoutMs >= 0) &&
    (signal === undefined || signal === true && isRecord(args.at(-1))) &&
    Array.isArray(streams) && streams.every((stream) => isStreamArgument(stream, args.length));
  if (!isRight) throw new TypeError("Cannot read a call: what comes in front is not well formed");
  return { timeoutMs, signal, streams } as CallHead;
}

function isStreamArgument(wire: unknown, count: number): boolean {
  if (!Array.isArray(wire)) return false;
  const [index, id, kind] = wire;
  return Number.isInteger(index) && index >= 0 && index < count && Number.isInteger(id) &&
    (kind === "iterable" || kind === "readable");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isMethodKind(value: unknown): value is MethodKind {
  return value === "function" || value === "generator";
}

const MORE = 0;
const LAST = 1;
const HEAD_BYTES = 2;
const encoder = new TextEncoder();

/** Values of a stream, as they cross: they are encoded where they are made, where an error has its place. */
export function packValues(values: readonly unknown[], options: { isLast: boolean }): Uint8Array {
  const { encoding, payload } = encode(values);
  const bytes = typeof payload === "string" ? encoder.encode(payload) : payload;
  const packed = new Uint8Array(HEAD_BYTES + bytes.length);
  packed[0] = options.isLast ? LAST : MORE;
  packed[1] = encoding;
  packed.set(bytes, HEAD_BYTES);
  return packed;
}

/** Reads them. */
export function unpackValues(packed: unknown): { values: unknown[]; isLast: boolean } {
  if (packed instanceof Uint8Array && packed.length >= HEAD_BYTES) {
    const bytes = packed.subarray(HEAD_BYTES) as Uint8Array<ArrayBuffer>;
    const values = decode(packed[1]!, bytes);
    if (Array.isArray(values)) return { values, isLast: packed[0] === LAST };
  }
  throw new TypeError("Cannot read the values of a stream: they are not well formed");
}
