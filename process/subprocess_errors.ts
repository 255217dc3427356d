/**
 * The errors of programs that were run.
 *
 * @module
 */

import { registerErrorClass } from "../ipc/mod.ts";
import { describeCommand, describeEnd } from "./_describe_command.ts";
import type { CommandLine } from "./subprocess_options.ts";

/** What was read of a program's output when an error ended it; `undefined` for what was not captured. */
export interface SubprocessOutput {
  /**
   * What was read of its standard output.
   *
   * @default {undefined}
   */
  stdout?: string | Uint8Array | undefined;
  /**
   * What was read of its standard error.
   *
   * @default {undefined}
   */
  stderr?: string | Uint8Array | undefined;
}

/**
 * What the errors of programs have in common (Python's `subprocess.SubprocessError`).
 *
 * @example Any of them
 * ```ts
 * import { checkCall, SubprocessError } from "@manyhands/concurrency/process";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(() => checkCall("false"), SubprocessError);
 * ```
 */
export class SubprocessError extends Error {
  /** The command, as it was given. */
  readonly args: CommandLine;
  /** What was read of its standard output: with `text` a string; `undefined` when it was not captured. */
  readonly stdout: string | Uint8Array | undefined;
  /** What was read of its standard error: with `text` a string; `undefined` when it was not captured. */
  readonly stderr: string | Uint8Array | undefined;

  /**
   * Creates the error.
   *
   * @param message Which command, and what became of it.
   * @param args The command.
   * @param options What was read of its output, and the cause.
   */
  constructor(
    message: string,
    args: CommandLine,
    options: SubprocessOutput & ErrorOptions = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.name = "SubprocessError";
    this.args = args;
    this.stdout = options.stdout;
    this.stderr = options.stderr;
  }
}

/** Options of {@linkcode CalledProcessError}. */
export interface CalledProcessErrorOptions extends SubprocessOutput {
  /**
   * The name of the signal that ended the program.
   *
   * @default {undefined}
   */
  signal?: Deno.Signal | undefined;
}

/**
 * A program that was to succeed ended with another exit code than 0, or by a signal (Python's
 * `subprocess.CalledProcessError`). Its message has the last words of the program's standard error, if that
 * was captured.
 *
 * @example Why it failed
 * ```ts
 * import { CalledProcessError, run } from "@manyhands/concurrency/process";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const error = await assertRejects(
 *   () => run("echo no such thing >&2; exit 3", { shell: true, captureOutput: true, text: true, check: true }),
 *   CalledProcessError,
 *   "no such thing",
 * );
 * assertEquals(error.returnCode, 3);
 * ```
 */
export class CalledProcessError extends SubprocessError {
  /** The exit code; `-n` when signal number `n` ended the program. */
  readonly returnCode: number;
  /** The name of the signal that ended the program, or `undefined`. */
  readonly signal: Deno.Signal | undefined;

  /**
   * Creates the error.
   *
   * @param returnCode The exit code, or `-n` for a signal.
   * @param args The command.
   * @param options What was read of its output, and the name of the signal.
   */
  constructor(returnCode: number, args: CommandLine, options: CalledProcessErrorOptions = {}) {
    const { signal, ...output } = options;
    const end = describeEnd(returnCode, signal, output.stderr);
    super(`${describeCommand(args)} failed: ${end}`, args, output);
    this.name = "CalledProcessError";
    this.returnCode = returnCode;
    this.signal = signal;
  }
}

/** Options of {@linkcode TimeoutExpiredError}. */
export interface TimeoutExpiredErrorOptions extends SubprocessOutput {
  /**
   * What the program did not do in time.
   *
   * @default {"did not end"}
   */
  what?: string | undefined;
}

/**
 * A program took longer than `timeoutMs` (Python's `subprocess.TimeoutExpired`). It has the output that was
 * there until then.
 *
 * @example What it had printed
 * ```ts
 * import { run, TimeoutExpiredError } from "@manyhands/concurrency/process";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(
 *   () => run(["sleep", "60"], { captureOutput: true, timeoutMs: 10 }),
 *   TimeoutExpiredError,
 *   "10 ms",
 * );
 * ```
 */
export class TimeoutExpiredError extends SubprocessError {
  /** The time that was over, in milliseconds. */
  readonly timeoutMs: number;

  /**
   * Creates the error.
   *
   * @param args The command.
   * @param timeoutMs The time that was over, in milliseconds.
   * @param options What was read of its output, and what the program did not do.
   */
  constructor(args: CommandLine, timeoutMs: number, options: TimeoutExpiredErrorOptions = {}) {
    const { what = "did not end", ...output } = options;
    super(`${describeCommand(args)} ${what} within ${timeoutMs} ms`, args, output);
    this.name = "TimeoutExpiredError";
    this.timeoutMs = timeoutMs;
  }
}

/** Options of {@linkcode OutputLimitError}. */
export interface OutputLimitErrorOptions extends SubprocessOutput {
  /**
   * What there was too much of.
   *
   * @default {"bytes of output"}
   */
  what?: string | undefined;
}

/**
 * A program printed more than `maxOutputBytes`, or a line that is longer than `maxLineLength`. It has what
 * was read until then.
 *
 * @example A program that never stops
 * ```ts
 * import { OutputLimitError, run } from "@manyhands/concurrency/process";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const error = await assertRejects(
 *   () => run("yes", { captureOutput: true, text: true, maxOutputBytes: 6 }),
 *   OutputLimitError,
 * );
 * assertEquals(error.stdout, "y\ny\ny\n");
 * ```
 */
export class OutputLimitError extends SubprocessError {
  /** The limit: bytes, or characters of a line. */
  readonly limit: number;

  /**
   * Creates the error.
   *
   * @param args The command.
   * @param limit The limit.
   * @param options What there was too much of, and what was read.
   */
  constructor(
    args: CommandLine,
    limit: number,
    options: OutputLimitErrorOptions = {},
  ) {
    const { what = "bytes of output", ...output } = options;
    super(`${describeCommand(args)} printed more than ${limit} ${what}`, args, output);
    this.name = "OutputLimitError";
    this.limit = limit;
  }
}

registerErrorClass(SubprocessError);
registerErrorClass(CalledProcessError);
registerErrorClass(TimeoutExpiredError);
registerErrorClass(OutputLimitError);
