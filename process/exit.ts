/**
 * The end of a process by its own will.
 *
 * @module
 */

import { exits, state } from "./_state.ts";

/**
 * Ends the process whose target throws it, after `finally` blocks and `using` have had their turn (Python's
 * {@link https://docs.python.org/3/library/exceptions.html#SystemExit | SystemExit}). Nothing is printed for
 * it but the value that is neither a whole number, a boolean, `null` nor `undefined`.
 *
 * @example What a value means
 * ```ts
 * import { SystemExitError } from "@manyhands/concurrency/process";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new SystemExitError(3).exitCode, 3);
 * assertEquals(new SystemExitError().exitCode, 0);
 * assertEquals(new SystemExitError("no such file").exitCode, 1);
 * ```
 */
export class SystemExitError extends Error {
  /** What was given. */
  readonly value: unknown;
  /** What it means as an exit code. */
  readonly exitCode: number;

  /**
   * Creates the error.
   *
   * @param value A whole number is the exit code; `undefined`, `null` and `false` are 0, `true` is 1; any
   * other value is 1, and is printed on standard error.
   */
  constructor(value?: unknown) {
    const code = codeOf(value);
    const text = code === undefined ? String(value) : "";
    super(code === undefined ? text : `The process ends with exit code ${code}`);
    this.name = "SystemExitError";
    this.value = value;
    this.exitCode = code ?? 1;
    exits.set(this, { code: this.exitCode, text });
  }
}

/**
 * Ends this process (Python's {@link https://docs.python.org/3/library/sys.html#sys.exit | sys.exit}).
 *
 * - In the target of a {@linkcode Process} it throws a {@linkcode SystemExitError}, so `finally` blocks and
 *   `using` have their turn, and who catches it prevents the end. The parent gets no result but a
 *   {@linkcode ProcessDiedError} that has the exit code, as after `Deno.exit()`, which ends the process
 *   without any of this.
 * - In another process it is `Deno.exit()` with the same rules for the value.
 *
 * @example A target that gives up
 * ```ts
 * import { exit, Process } from "@manyhands/concurrency/process";
 *
 * export function work(path: string): void {
 *   if (path === "") exit("no path was given");
 * }
 *
 * if (import.meta.main) {
 *   await using child = new Process({ module: import.meta.url, target: work, args: [""] });
 *   await child.start();
 *   await child.join();
 *   console.log(child.exitCode); // 1
 * }
 * ```
 *
 * @param value A whole number is the exit code; `undefined`, `null` and `false` are 0, `true` is 1; any
 * other value is 1, and is printed on standard error.
 * @returns Never.
 * @throws {SystemExitError} In the target of a process.
 */
export function exit(value?: unknown): never {
  const error = new SystemExitError(value);
  if (state.unwinds) throw error;
  const { code, text } = exits.get(error)!;
  if (text !== "") console.error(text);
  Deno.exit(code);
}

/** The exit code that a value stands for; `undefined` when it is none, but a text to print. */
function codeOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return 0;
  if (typeof value === "boolean") return value ? 1 : 0;
  // The runtime takes 32 bits, of which most systems keep 8.
  return Number.isInteger(value) ? (value as number) | 0 : undefined;
}
