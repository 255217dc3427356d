/**
 * The errors of talking to Python.
 *
 * @module
 */

import { ProtocolError, RemoteError } from "../ipc/errors.ts";
import { exceptionText } from "./_pickle_repr.ts";

/**
 * An exception of Python's. One that Python raised arrives as this, with the `name` of its class; thrown by
 * an object that is served here, it is raised in Python as that class.
 *
 * Those that have a class of their own here arrive as that one: `queue.Empty` as a `QueueEmptyError`,
 * `TimeoutError`, `TypeError` and so on.
 *
 * @example A served object that answers as Python's dictionary does
 * ```ts
 * import { PythonError } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new PythonError("KeyError", ["color"]);
 * assertEquals(error.name, "KeyError");
 * assertEquals(error.message, "'color'");
 * assertEquals(new PythonError("zlib.error", ["bad data"]).module, "zlib");
 * ```
 */
export class PythonError extends RemoteError {
  /** The module of the class: `"builtins"`. */
  readonly module: string;
  /** What the exception was made with. */
  readonly args: readonly unknown[];

  /**
   * Creates the error.
   *
   * @param className The class with its module, `"zlib.error"`; one without a module is built in.
   * @param args What Python makes the exception with.
   * @param options The cause, if there is one.
   */
  constructor(className: string, args: readonly unknown[] = [], options: ErrorOptions = {}) {
    const dot = className.lastIndexOf(".");
    const name = className.slice(dot + 1);
    super(exceptionText(name, args), { ...options, name });
    this.module = dot === -1 ? "builtins" : className.slice(0, dot);
    this.args = args;
    for (const key of ["name", "module", "args"]) {
      Object.defineProperty(this, key, { enumerable: false });
    }
  }
}

/**
 * What Python sent cannot be read: it is broken, too large, or names something that is not read here
 * (Python's `pickle.UnpicklingError`).
 *
 * @example Catching it
 * ```ts
 * import { UnpicklingError } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new UnpicklingError("Cannot read pickle: \"os.system\" is not read here");
 * assertEquals(error.name, "UnpicklingError");
 * ```
 */
export class UnpicklingError extends ProtocolError {
  /**
   * Creates the error.
   *
   * @param message What was wrong, and where.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "UnpicklingError";
  }
}
