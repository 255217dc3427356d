import { decode, encode } from "../ipc/_encoding.ts";
import { errorToWire, type LeaseForm, type TaskEvent } from "./_task_wire.ts";

/** A value that is encoded once, where it is made, and decoded where it is used: what is between only keeps it. */
export type Packed = readonly [encoding: number, payload: string | Uint8Array];

/** A lease whose value can be read by itself; `null` for one that cannot be sent so. */
export interface PackedLeaseForm extends Omit<LeaseForm, "value"> {
  readonly packed: Packed | null;
}

/** An event whose value can be read by itself; `null` for none, and for one that cannot be sent so. */
export type PackedEvent = readonly [
  kind: TaskEvent[0],
  about: TaskEvent[1],
  packed: Packed | null,
];

const encoder = new TextEncoder();

/** @throws {TypeError} When the value cannot be sent. */
export function pack(value: unknown): Packed {
  const { encoding, payload } = encode(value);
  // What encodes may use its bytes again.
  return [encoding, typeof payload === "string" ? payload : payload.slice()];
}

export function unpack([encoding, payload]: Packed): unknown {
  const bytes = typeof payload === "string" ? encoder.encode(payload) : payload;
  return decode(encoding, bytes as Uint8Array<ArrayBuffer>);
}

/** Items of a call, as a task of the queue. Their indices are those of the job. */
export interface JobForm {
  /** The function, by the name under which the worker's module exports it. */
  readonly name: string;
  /** A list of what the function is called with. */
  readonly items: Packed;
  /** Whether each item is an array of arguments. */
  readonly spread: boolean;
  /** Whether somebody listens to how far the items are. */
  readonly progress: boolean;
  /** Whether the values are wanted that the function makes one by one. */
  readonly stream: boolean;
  /** How often the items were lost with a worker before. */
  readonly lost: number;
}

/** Whether a task is one of a worker pool. What comes from a network may be anything. */
export function isJobForm(value: unknown): value is JobForm {
  const { name, items, spread, progress, stream, lost } = (value ?? {}) as Partial<JobForm>;
  return typeof name === "string" && isPacked(items) && typeof lost === "number" &&
    [spread, progress, stream].every((flag) => typeof flag === "boolean");
}

function isPacked(value: unknown): value is Packed {
  if (!Array.isArray(value)) return false;
  const [encoding, payload] = value;
  return typeof encoding === "number" &&
    (typeof payload === "string" || payload instanceof Uint8Array);
}

/**
 * A task that calls a function of the worker's module, for queues whose tasks `serveTasks` runs: what the function
 * returns is the result, what it throws is the failure.
 */
export interface TaskCall {
  /** The function, by the name under which the worker's module exports it. */
  readonly name: string;
  /** What it is called with. */
  readonly args: readonly unknown[];
}

/** Whether a task is a call. */
export function isTaskCall(value: unknown): value is { name: string; args: unknown[] } {
  const { name, args } = (value ?? {}) as Partial<TaskCall>;
  return typeof name === "string" && Array.isArray(args);
}

/** What a worker tells of the items of a job: in order, each with the index of an item. */
export type Report =
  /** The items from this one on have these results. */
  | readonly ["values", index: number, values: Packed]
  /** It has thrown. */
  | readonly ["error", index: number, error: unknown]
  /** What ran it has died. */
  | readonly ["lost", index: number, error: unknown]
  /** It tells how far it is. */
  | readonly ["progress", index: number, value: Packed]
  /** It has made a value. */
  | readonly ["value", index: number, value: Packed]
  /** It and those after it have not started, and will not. */
  | readonly ["rest", index: number];

/** The report on an item that has thrown. */
export function errorReport(index: number, error: unknown): Report {
  return ["error", index, errorToWire(error)];
}
