/**
 * A program that has ended.
 *
 * @module
 */

import { describeCommand } from "./_describe_command.ts";
import { CalledProcessError } from "./subprocess_errors.ts";
import type { CommandLine } from "./subprocess_options.ts";

/** What is known of a program that has ended, for {@linkcode CompletedProcess}. */
export interface CompletedProcessInit<
  Out extends string | Uint8Array | undefined = string | Uint8Array | undefined,
  Err extends string | Uint8Array | undefined = string | Uint8Array | undefined,
> {
  /** The exit code; `-n` when signal number `n` ended the program. */
  returnCode: number;
  /** The name of the signal that ended the program. */
  signal?: Deno.Signal | undefined;
  /** What it printed. */
  stdout: Out;
  /** What it printed on standard error. */
  stderr: Err;
  /** Whether something else held its output open for too long. */
  isCut?: boolean | undefined;
}

/**
 * A program that has ended: what {@linkcode run} answers. It is Python's
 * {@link https://docs.python.org/3/library/subprocess.html#subprocess.CompletedProcess | subprocess.CompletedProcess}.
 *
 * @example What a program answered
 * ```ts
 * import { run } from "@manyhands/concurrency/process";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const completed = await run("echo hello; exit 3", { shell: true, captureOutput: true, text: true });
 * assertEquals(completed.stdout, "hello\n");
 * assertEquals(completed.returnCode, 3);
 * assertThrows(() => completed.checkReturnCode());
 * ```
 *
 * @typeParam Out What there is of standard output.
 * @typeParam Err What there is of standard error.
 */
export class CompletedProcess<
  Out extends string | Uint8Array | undefined = string | Uint8Array | undefined,
  Err extends string | Uint8Array | undefined = string | Uint8Array | undefined,
> {
  /** The command, as it was given. */
  readonly args: CommandLine;
  /** The exit code; `-n` when signal number `n` ended the program. */
  readonly returnCode: number;
  /** The name of the signal that ended the program, or `undefined`. */
  readonly signal: Deno.Signal | undefined;
  /** What it printed; `undefined` when that was not captured. */
  readonly stdout: Out;
  /** What it printed on standard error; `undefined` when that was not captured. */
  readonly stderr: Err;
  /**
   * Whether something that the program had started held its output open when the program had ended and
   * `pipeGraceMs` was over: what that printed later was not read.
   */
  readonly isCut: boolean;

  /**
   * Tells of a program.
   *
   * @param args The command.
   * @param init How it ended, and what it printed.
   */
  constructor(args: CommandLine, init: CompletedProcessInit<Out, Err>) {
    this.args = args;
    this.returnCode = init.returnCode;
    this.signal = init.signal;
    this.stdout = init.stdout;
    this.stderr = init.stderr;
    this.isCut = init.isCut ?? false;
  }

  /**
   * Fails when the program did.
   *
   * @throws {CalledProcessError} When the exit code is not 0.
   */
  checkReturnCode(): void {
    const { returnCode, signal, stdout, stderr } = this;
    if (returnCode === 0) return;
    throw new CalledProcessError(returnCode, this.args, { signal, stdout, stderr });
  }

  /** For `console.log`. */
  [Symbol.for("Deno.customInspect")](
    inspect: (value: unknown, options: unknown) => string,
    options: unknown,
  ): string {
    const output = (["stdout", "stderr"] as const)
      .filter((name) => this[name] !== undefined)
      .map((name) => `, ${name}: ${inspect(this[name], options)}`);
    const command = describeCommand(this.args);
    return `CompletedProcess { ${command}, returnCode: ${this.returnCode}${output.join("")} }`;
  }
}
