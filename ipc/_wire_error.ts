import { errorClassOf, wireNameOf } from "./_error_classes.ts";
import { encode, type Encoded } from "./_encoding.ts";
import { RemoteError } from "./errors.ts";

/** What crosses in place of something that was thrown. */
type WireError = WireThrown | WireErrorObject | WireDomException;

/** Something that is no error was thrown: it crosses as it is. */
interface WireThrown {
  kind: "thrown";
  value: unknown;
}

interface WireDomException {
  kind: "dom-exception";
  name: string;
  message: string;
  stack: string;
}

interface WireErrorObject {
  kind: "error";
  /** The name under which both sides know the class; `null` when this side does not know it. */
  class: string | null;
  name: string;
  message: string;
  stack: string;
  cause?: WireError;
  /** The errors of an `AggregateError`. */
  errors?: WireError[];
  fields?: Record<string, unknown>;
}

/** Causes of causes are followed this far. */
const DEEPEST_CAUSE = 16;

/** With more errors in one, the causes of the rest are left out: one may hold itself several times. */
const MOST_ERRORS = 10_000;

let errorsLeft = 0;

/** Fields that cross by themselves, also when they were assigned and so are enumerable. */
const CARRIED_APART: ReadonlySet<string> = new Set(["name", "message", "stack", "cause"]);

/** Encodes what was thrown. This never throws: what cannot be carried is left out or told as text. */
export function encodeError(thrown: unknown): Encoded {
  errorsLeft = MOST_ERRORS;
  try {
    return encode(toWireError(thrown, 0));
  } catch {
    // Something that has no text, or is made to be unreadable.
    return encode(toWireError(new RemoteError("An error was thrown that cannot be read"), 0));
  }
}

/** Makes the error of what {@linkcode encodeError} wrote and `decode` read. */
export function decodeError(wire: unknown): unknown {
  return fromWireError(wire, 0);
}

function toWireError(thrown: unknown, depth: number): WireError {
  if (thrown instanceof DOMException) {
    const { name, message, stack } = thrown;
    return { kind: "dom-exception", name, message, stack: stack ?? "" };
  }
  if (!(thrown instanceof Error)) {
    return { kind: "thrown", value: isCarriable(thrown) ? thrown : String(thrown) };
  }
  const wire: WireErrorObject = {
    kind: "error",
    class: wireNameOf(thrown) ?? null,
    name: readText(thrown, "name"),
    message: readText(thrown, "message"),
    stack: readText(thrown, "stack"),
  };
  if (depth < DEEPEST_CAUSE && --errorsLeft > 0) {
    if ("cause" in thrown) wire.cause = toWireError(read(thrown, "cause", UNREADABLE), depth + 1);
    const errors = thrown instanceof AggregateError ? read(thrown, "errors", undefined) : undefined;
    if (Array.isArray(errors)) {
      wire.errors = errors.map((error) => toWireError(error, depth + 1));
    }
  }
  const fields: Record<string, unknown> = {};
  for (const key of Object.keys(thrown)) {
    if (CARRIED_APART.has(key) || (key === "errors" && wire.errors !== undefined)) continue;
    // A symbol is never carried.
    const value = read(thrown, key, Symbol.iterator);
    if (isCarriable(value)) fields[key] = value;
  }
  if (Object.keys(fields).length > 0) wire.fields = fields;
  return wire;
}

const UNREADABLE = "(its getter throws)";

/** A field of an error; a getter of the user's that throws costs that field alone. */
function read(error: Error, key: string, otherwise: unknown): unknown {
  try {
    return (error as unknown as Record<string, unknown>)[key];
  } catch {
    return otherwise;
  }
}

function readText(error: Error, key: "name" | "message" | "stack"): string {
  try {
    return String(read(error, key, UNREADABLE) ?? "");
  } catch {
    return UNREADABLE;
  }
}

function isCarriable(value: unknown): boolean {
  try {
    encode(value);
    return true;
  } catch {
    return false;
  }
}

function fromWireError(received: unknown, depth: number): unknown {
  const wire = (received ?? {}) as WireError;
  switch (depth > DEEPEST_CAUSE ? undefined : wire.kind) {
    case "thrown":
      return (wire as WireThrown).value;
    case "dom-exception": {
      const { message, name, stack } = wire as WireDomException;
      return withStack(new DOMException(textOf(message), textOf(name)), stack);
    }
    case "error":
      return rebuild(wire as WireErrorObject, depth);
    default:
      return new RemoteError("The other side sent an error that cannot be read");
  }
}

function rebuild(wire: WireErrorObject, depth: number): Error {
  const message = textOf(wire.message);
  const errorClass = wire.class === null ? undefined : errorClassOf(wire.class);
  // An own Error whose prototype is set, so that it is an error for the runtime (`Error.isError`).
  const error = errorClass === undefined
    ? new RemoteError(message)
    : Object.setPrototypeOf(new Error(message), errorClass.prototype);
  if (error.name !== wire.name) define(error, "name", textOf(wire.name));
  if (wire.cause !== undefined) define(error, "cause", fromWireError(wire.cause, depth + 1));
  if (Array.isArray(wire.errors)) {
    define(error, "errors", wire.errors.map((inner) => fromWireError(inner, depth + 1)));
  }
  for (const [key, value] of Object.entries(wire.fields ?? {})) {
    // Nor may a field stand in the way of a method that every error has.
    if (key !== "stack" && !(key in Error.prototype)) define(error, key, value, true);
  }
  return withStack(error, wire.stack);
}

/** What comes from a network may be anything; what is no text may throw when it is made one. */
function textOf(received: unknown): string {
  return typeof received === "string" ? received : typeof received;
}

function withStack<E extends Error>(error: E, stack: unknown): E {
  if (typeof stack === "string" && stack !== "") {
    define(error, "stack", `${stack}\n    (thrown on the other side of a connection)`);
  }
  return error;
}

function define(error: Error, key: string, value: unknown, enumerable = false): void {
  Object.defineProperty(error, key, {
    value,
    writable: true,
    configurable: true,
    enumerable,
  });
}
