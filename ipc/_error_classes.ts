import {
  BrokenBarrierError,
  CancelledError,
  InvalidStateError,
  PoolClosedError,
  QueueEmptyError,
  QueueFullError,
  QueueShutDownError,
  TimeoutError,
} from "../coroutine/errors.ts";
import {
  AuthenticationError,
  ConnectionClosedError,
  ConnectionLostError,
  ProtocolError,
  RemoteError,
} from "./errors.ts";

/** A class of errors. */
// deno-lint-ignore no-explicit-any -- the constructor is never called
export type ErrorClass = abstract new (...args: any[]) => Error;

const classes = new Map<string, ErrorClass>();
const names = new Map<object, string>();

/** Lets errors of a class cross under a name. */
export function setErrorClass(name: string, errorClass: ErrorClass): void {
  classes.set(name, errorClass);
  names.set(errorClass.prototype, name);
}

/** The class that crosses under a name. */
export function errorClassOf(name: string): ErrorClass | undefined {
  return classes.get(name);
}

/** The name under which an error crosses, when its class is known. */
export function wireNameOf(error: Error): string | undefined {
  return names.get(Object.getPrototypeOf(error));
}

for (
  const errorClass of [
    ...[Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError],
    AggregateError,
    ...[QueueEmptyError, QueueFullError, QueueShutDownError, TimeoutError, CancelledError],
    ...[InvalidStateError, BrokenBarrierError, PoolClosedError],
    ...[
      AuthenticationError,
      ConnectionClosedError,
      ConnectionLostError,
      ProtocolError,
      RemoteError,
    ],
  ]
) setErrorClass(errorClass.name, errorClass);

// What the runtime throws itself: permissions, files, the network.
for (const [name, errorClass] of Object.entries(Deno.errors)) {
  setErrorClass(name, errorClass as ErrorClass);
}
