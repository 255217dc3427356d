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
import { BufferTooShortError, EofError } from "../ipc/connection_errors.ts";
import {
  AuthenticationError,
  ConnectionClosedError,
  ConnectionLostError,
  ProtocolError,
  RemoteError,
} from "../ipc/errors.ts";
import { BUILTIN_EXCEPTIONS } from "./_pickle_names.ts";
import { exceptionText } from "./_pickle_repr.ts";
import { PythonError } from "./python_errors.ts";
import { PyGlobal, PyObject, PyTuple } from "./python_types.ts";

/**
 * Exceptions of Python as errors, and errors as exceptions of Python. An error that came from Python goes
 * back as exactly what it was.
 */

/** What an error is in Python. */
export interface Exception {
  readonly module: string;
  readonly name: string;
  readonly args: readonly unknown[];
  /** What BUILD gave it: its attributes and notes. */
  state?: unknown;
}

const received = new WeakMap<Error, Exception>();

type MakeError = (message: string, args: readonly unknown[]) => Error;

const QUEUE = "Python's queue";

/** The exceptions that have a class of their own here, by `module.name`. */
const OWN_CLASSES: ReadonlyMap<string, MakeError> = new Map<string, MakeError>([
  ...["_queue.Empty", "queue.Empty", "asyncio.queues.QueueEmpty"].map((
    name,
  ): [string, MakeError] => [
    name,
    (message) => new QueueEmptyError(message || `Cannot take from ${QUEUE}: it is empty`),
  ]),
  ...["queue.Full", "asyncio.queues.QueueFull"].map((name): [string, MakeError] => [
    name,
    (message) => new QueueFullError(message || `Cannot put into ${QUEUE}: it is full`),
  ]),
  ...["queue.ShutDown", "asyncio.queues.QueueShutDown"].map((name): [string, MakeError] => [
    name,
    (message) => new QueueShutDownError(message || `Cannot use ${QUEUE}: it was shut down`),
  ]),
  ...[
    "builtins.TimeoutError",
    "multiprocessing.context.TimeoutError",
    "concurrent.futures._base.TimeoutError",
    "asyncio.exceptions.TimeoutError",
  ].map((
    name,
  ): [string, MakeError] => [name, (message) => new TimeoutError(message || "Python timed out")]),
  ...["concurrent.futures._base.CancelledError", "asyncio.exceptions.CancelledError"].map((
    name,
  ): [string, MakeError] => [
    name,
    (message) => new CancelledError(message || "The work was cancelled in Python"),
  ]),
  ...["concurrent.futures._base.InvalidStateError", "asyncio.exceptions.InvalidStateError"].map((
    name,
  ): [string, MakeError] => [name, (message) => new InvalidStateError(message)]),
  [
    "threading.BrokenBarrierError",
    (message) => new BrokenBarrierError(message || "Python's barrier is broken"),
  ],
  ["multiprocessing.context.AuthenticationError", (message) => new AuthenticationError(message)],
  [
    "multiprocessing.context.BufferTooShort",
    (message, args) => {
      const bytes = args[0] instanceof Uint8Array ? args[0] : new Uint8Array();
      return new BufferTooShortError(`A message of ${bytes.length} bytes: ${message}`, bytes);
    },
  ],
  ["builtins.TypeError", (message) => new TypeError(message)],
  ["builtins.SyntaxError", (message) => new SyntaxError(message)],
]);

/** Makes the error of an exception that was read. */
export function makeError(module: string, name: string, args: readonly unknown[]): Error {
  const full = `${module}.${name}`;
  const make = OWN_CLASSES.get(full);
  // Where it was read tells nobody anything, and would be most of what an error costs.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  let error: Error;
  try {
    error = make === undefined
      ? new PythonError(full, args)
      : make(exceptionText(name, args), args);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  received.set(error, { module, name, args });
  return error;
}

/**
 * Gives an error the attributes of the exception.
 *
 * @returns How many there were.
 */
export function setErrorState(error: Error, state: unknown): number {
  const exception = received.get(error);
  if (exception !== undefined) exception.state = state;
  if (!(state instanceof Map)) return 1;
  for (const [key, value] of state) {
    // What every error has is not overwritten: its message, its methods, its prototype.
    if (typeof key !== "string" || key in error) continue;
    Object.defineProperty(error, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  return state.size;
}

/** Gives an error the traceback that another process of Python had. */
export function setTraceback(error: Error, text: string): void {
  Object.defineProperty(error, "cause", {
    value: new RemoteError(text, { name: "RemoteTraceback" }),
    writable: true,
    enumerable: false,
    configurable: true,
  });
}

/**
 * The error of what arrived as an exception: also of one whose class is not on the list and that was kept
 * as it was described.
 */
export function toError(value: unknown): Error {
  if (value instanceof Error) return value;
  if (value instanceof PyObject && value.callable instanceof PyGlobal) {
    const { module, name } = value.callable;
    const error = makeError(module, name, value.args);
    if (value.state !== undefined) setErrorState(error, value.state);
    return error;
  }
  return new RemoteError("Python raised something that is no exception", { name: "PythonError" });
}

/** `errno` of the errors of the runtime that are an `OSError` in Python. */
const SYSTEM_ERRORS: Readonly<Record<string, readonly [name: string, errno: number]>> = {
  NotFound: ["FileNotFoundError", 2],
  PermissionDenied: ["PermissionError", 13],
  NotCapable: ["PermissionError", 13],
  AlreadyExists: ["FileExistsError", 17],
  NotADirectory: ["NotADirectoryError", 20],
  IsADirectory: ["IsADirectoryError", 21],
  BrokenPipe: ["BrokenPipeError", 32],
  AddrInUse: ["OSError", 98],
  AddrNotAvailable: ["OSError", 99],
  ConnectionAborted: ["ConnectionAbortedError", 103],
  ConnectionReset: ["ConnectionResetError", 104],
  ConnectionRefused: ["ConnectionRefusedError", 111],
};

/** What an error is in Python. Its cause and its stack do not travel: Python's do not either. */
export function exceptionOf(error: Error): Exception {
  const exception = received.get(error);
  if (exception !== undefined) return exception;
  const message = textOf(error, "message");
  if (error instanceof PythonError) return named(error.module, error.name, error.args);
  if (error instanceof QueueEmptyError) return named("queue", "Empty");
  if (error instanceof QueueFullError) return named("queue", "Full");
  if (error instanceof QueueShutDownError) return named("queue", "ShutDown");
  if (error instanceof BrokenBarrierError) return named("threading", "BrokenBarrierError");
  if (error instanceof AuthenticationError) {
    return named("multiprocessing.context", "AuthenticationError", [message]);
  }
  if (error instanceof BufferTooShortError) {
    return named("multiprocessing.context", "BufferTooShort", [error.bytes]);
  }
  if (error instanceof CancelledError) {
    return named("concurrent.futures._base", "CancelledError", [message]);
  }
  if (error instanceof TimeoutError) return builtin("TimeoutError", message);
  if (error instanceof InvalidStateError) return builtin("RuntimeError", message);
  if (error instanceof PoolClosedError) return builtin("ValueError", message);
  if (error instanceof EofError) return builtin("EOFError", message);
  if (error instanceof ConnectionLostError) return builtin("ConnectionError", message);
  if (error instanceof ConnectionClosedError) return builtin("OSError", message);
  if (error instanceof ProtocolError) return builtin("RuntimeError", message);
  return platformException(error, message);
}

function platformException(error: Error, message: string): Exception {
  const name = textOf(error, "name");
  if (error instanceof TypeError) return builtin("TypeError", message);
  if (error instanceof RangeError || error instanceof URIError) {
    return builtin("ValueError", message);
  }
  if (error instanceof SyntaxError) return builtin("SyntaxError", message);
  if (error instanceof ReferenceError) return builtin("NameError", message);
  if (error instanceof DOMException && name === "TimeoutError") {
    return builtin("TimeoutError", message);
  }
  if (error instanceof DOMException && name === "DataCloneError") {
    return builtin("TypeError", message);
  }
  // The class, and not the name, which the user may have set.
  const system = Object.entries(Deno.errors).find(([, type]) => error instanceof type)?.[0];
  if (system === "UnexpectedEof") return builtin("EOFError", message);
  if (system === "TimedOut") return builtin("TimeoutError", message);
  if (system === "InvalidData") return builtin("ValueError", message);
  const [osName, errno] = SYSTEM_ERRORS[system ?? ""] ?? [];
  if (osName !== undefined) return named("builtins", osName, [errno, message]);
  if (error instanceof RemoteError && isMadeOfText(name)) return builtin(name, message);
  return builtin("RuntimeError", name === "Error" || name === "" ? message : `${name}: ${message}`);
}

/** Whether it is a built-in exception that a single text makes, and that ends no program. */
function isMadeOfText(name: string): boolean {
  return BUILTIN_EXCEPTIONS.has(name) &&
    !/Group$|^Unicode.+Error$|^(SystemExit|KeyboardInterrupt|GeneratorExit|BaseException)$/.test(
      name,
    );
}

function named(module: string, name: string, args: readonly unknown[] = []): Exception {
  return { module, name, args };
}

function builtin(name: string, message: string): Exception {
  return named("builtins", name, message === "" ? [] : [message]);
}

/** A getter of the user's may throw. */
function textOf(error: Error, key: "name" | "message"): string {
  try {
    return String(error[key]);
  } catch {
    return "(its getter throws)";
  }
}

/** What is sent in place of an error: its class, its arguments and its state. */
export function exceptionObject(error: Error): PyObject {
  const { module, name, args, state } = exceptionOf(error);
  return new PyObject(new PyGlobal(module, name), PyTuple.from(args), { state });
}
