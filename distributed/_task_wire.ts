import { decode } from "../ipc/_encoding.ts";
import { decodeError, encodeError } from "../ipc/_wire_error.ts";
import { RemoteError } from "../ipc/errors.ts";
import type { TaskTrace } from "./engine.ts";

/** What a store tells a borrower: of tasks that it has put, and of leases that it holds. */
export type TaskEvent =
  | readonly ["started", id: string, attempt: number]
  | readonly ["waiting", id: string]
  | readonly ["progress", id: string, value: unknown]
  | readonly ["done", id: string, value: unknown]
  | readonly ["failed" | "cancelled", id: string, error: unknown]
  | readonly ["stop", lease: number, error: unknown];

/** A lease on its way to a borrower. */
export interface LeaseForm {
  readonly lease: number;
  readonly id: string;
  readonly value: unknown;
  readonly attempt: number;
  readonly leaseMs: number;
  readonly trace?: TaskTrace | undefined;
}

const encoder = new TextEncoder();

/** What crosses in place of an error, as data. */
export function errorToWire(error: unknown): unknown {
  const { encoding, payload } = encodeError(error);
  const bytes = typeof payload === "string" ? encoder.encode(payload) : payload;
  return decode(encoding, new Uint8Array(bytes));
}

/** The error; a peer in another language may have sent a text. */
export function errorFromWire(wire: unknown): unknown {
  if (typeof wire !== "object" || wire === null) return new RemoteError(String(wire));
  return decodeError(wire);
}
