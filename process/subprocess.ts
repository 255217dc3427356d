/**
 * Programs that are run to their end.
 *
 * @module
 */

import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { groupForEnding } from "./_popen_settings.ts";
import { CompletedProcess } from "./completed_process.ts";
import { Popen } from "./popen.ts";
import type {
  CallOptions,
  Captured,
  CheckOutputOptions,
  CommandLine,
  NoOptions,
  OutputOf,
  PopenOptions,
  RunOptions,
} from "./subprocess_options.ts";

/**
 * Runs a program to its end.
 *
 * - No pipe that is full stops anything, and nothing that the program leaves behind does: see
 *   {@linkcode Popen}.
 * - When `timeoutMs` is over or `signal` aborts, the program and all that it started are ended: SIGTERM, and
 *   SIGKILL for what is left after `terminateGraceMs`; only then the promise rejects. Python kills the
 *   program alone.
 * - The program never goes on when the promise has settled.
 *
 * Needs `--allow-run=<program>`; with `--allow-run` also what the program started is ended. It is Python's
 * {@link https://docs.python.org/3/library/subprocess.html#subprocess.run | subprocess.run}.
 *
 * @example What a program prints
 * ```ts
 * import { run } from "@manyhands/concurrency/process";
 * import { assertEquals } from "@std/assert";
 *
 * const { stdout, returnCode } = await run(["echo", "hello"], { captureOutput: true, text: true });
 * assertEquals(stdout, "hello\n");
 * assertEquals(returnCode, 0);
 * ```
 *
 * @example With a time limit
 * ```ts
 * import { run, TimeoutExpiredError } from "@manyhands/concurrency/process";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(() => run(["sleep", "60"], { timeoutMs: 10 }), TimeoutExpiredError);
 * ```
 *
 * @typeParam O The options, from which the type of the output follows.
 * @param args The program and its arguments.
 * @param options How it is run.
 * @returns How it ended, and what was captured.
 * @throws {CalledProcessError} When `check` is set, and the exit code is not 0.
 * @throws {TimeoutExpiredError} When it had not ended after `timeoutMs`; it has the output so far.
 * @throws {OutputLimitError} When it printed more than `maxOutputBytes`.
 * @throws {TypeError} When an option is of the wrong kind, unknown, or does not go with another one.
 * @throws {RangeError} When an option is out of its range.
 * @throws {Deno.errors.NotFound} When there is no such program, or no such directory to run it in.
 * @throws {Deno.errors.PermissionDenied} When the system does not let the program be executed.
 * @throws {Deno.errors.NotCapable} When this process may not run it; the message has the flag.
 */
export async function run<const O extends RunOptions = NoOptions>(
  args: CommandLine,
  options: O = {} as O,
): Promise<CompletedProcess<Captured<O, "stdout">, Captured<O, "stderr">>> {
  const { captureOutput = false, check = false, ...rest } = options as RunOptions;
  if (captureOutput) {
    for (const name of ["stdout", "stderr"] as const) {
      if (rest[name] === undefined) continue;
      throw new TypeError(`Cannot run a program: "${name}" does not go with "captureOutput"`);
    }
    rest.stdout = "pipe";
    rest.stderr = "pipe";
  }
  const completed = await complete(args, rest);
  if (check) completed.checkReturnCode();
  return completed as CompletedProcess<Captured<O, "stdout">, Captured<O, "stderr">>;
}

/**
 * Runs a program to its end, and answers its exit code. What it prints goes where that of this process goes,
 * unless the options say otherwise. It is Python's
 * {@link https://docs.python.org/3/library/subprocess.html#subprocess.call | subprocess.call}; see
 * {@linkcode run}.
 *
 * @example An exit code
 * ```ts
 * import { call } from "@manyhands/concurrency/process";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await call(["sh", "-c", "exit 47"]), 47);
 * ```
 *
 * @param args The program and its arguments.
 * @param options How it is run.
 * @returns The exit code; `-n` when signal number `n` ended the program.
 * @throws {TimeoutExpiredError} When it had not ended after `timeoutMs`. The others are those of `run`.
 */
export async function call(args: CommandLine, options: CallOptions = {}): Promise<number> {
  refuse(options, ["input"]);
  return (await complete(args, options)).returnCode;
}

/**
 * Runs a program that is to succeed. It is Python's
 * {@link https://docs.python.org/3/library/subprocess.html#subprocess.check_call | subprocess.check_call};
 * see {@linkcode run}.
 *
 * @example A program that fails
 * ```ts
 * import { CalledProcessError, checkCall } from "@manyhands/concurrency/process";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * assertEquals(await checkCall("true"), 0);
 * await assertRejects(() => checkCall("false"), CalledProcessError, "exit code 1");
 * ```
 *
 * @param args The program and its arguments.
 * @param options How it is run.
 * @returns 0.
 * @throws {CalledProcessError} When the exit code is not 0. The others are those of `run`.
 */
export async function checkCall(args: CommandLine, options: CallOptions = {}): Promise<0> {
  refuse(options, ["input"]);
  (await complete(args, options)).checkReturnCode();
  return 0;
}

/**
 * Runs a program that is to succeed, and answers what it prints. It is Python's
 * {@link https://docs.python.org/3/library/subprocess.html#subprocess.check_output | subprocess.check_output};
 * see {@linkcode run}.
 *
 * @example Input and output
 * ```ts
 * import { checkOutput } from "@manyhands/concurrency/process";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await checkOutput(["tr", "a-z", "A-Z"], { input: "hello", text: true }), "HELLO");
 * ```
 *
 * @typeParam O The options, from which the type of the output follows.
 * @param args The program and its arguments.
 * @param options How it is run. `stdout` is not among them.
 * @returns What it printed: with `text` a string, otherwise bytes.
 * @throws {CalledProcessError} When the exit code is not 0. The others are those of `run`.
 * @throws {TypeError} When `stdout` is given.
 */
export async function checkOutput<const O extends CheckOutputOptions = NoOptions>(
  args: CommandLine,
  options: O = {} as O,
): Promise<OutputOf<O>> {
  refuse(options, ["stdout", "check"]);
  const completed = await complete(args, { ...options as CheckOutputOptions, stdout: "pipe" });
  completed.checkReturnCode();
  return completed.stdout as OutputOf<O>;
}

/** Options of {@linkcode getOutput} and {@linkcode getStatusOutput}. */
export type GetOutputOptions = Omit<CallOptions, "shell" | "stdout" | "stderr" | "text">;

/**
 * Runs a command in a shell, and answers what it prints, standard error included, without the last line end.
 * What was said of the option `shell` holds. It is Python's
 * {@link https://docs.python.org/3/library/subprocess.html#subprocess.getoutput | subprocess.getoutput}.
 *
 * @example The output of a command
 * ```ts
 * import { getOutput } from "@manyhands/concurrency/process";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await getOutput("echo hello | tr a-z A-Z"), "HELLO");
 * ```
 *
 * @param command The command.
 * @param options How it is run.
 * @returns What it printed.
 * @throws {TimeoutExpiredError} When it had not ended after `timeoutMs`. The others are those of `run`.
 */
export async function getOutput(command: string, options: GetOutputOptions = {}): Promise<string> {
  return (await getStatusOutput(command, options))[1];
}

/**
 * Runs a command in a shell, and answers its exit code and what it prints. It is Python's
 * {@link https://docs.python.org/3/library/subprocess.html#subprocess.getstatusoutput | subprocess.getstatusoutput};
 * see {@linkcode getOutput}.
 *
 * @example The exit code and the output of a command
 * ```ts
 * import { getStatusOutput } from "@manyhands/concurrency/process";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await getStatusOutput("echo no >&2; exit 3"), [3, "no"]);
 * ```
 *
 * @param command The command.
 * @param options How it is run.
 * @returns The exit code, and what it printed.
 * @throws {TimeoutExpiredError} When it had not ended after `timeoutMs`. The others are those of `run`.
 */
export async function getStatusOutput(
  command: string,
  options: GetOutputOptions = {},
): Promise<[returnCode: number, output: string]> {
  refuse(options, ["shell", "stdout", "stderr", "text", "input"]);
  const { returnCode, stdout } = await complete(command, {
    ...options,
    shell: true,
    stdout: "pipe",
    stderr: "stdout",
    text: true,
  });
  return [returnCode, (stdout as string).replace(/\n$/, "")];
}

/** Runs a program to its end, and sees to it that it has one. */
async function complete(
  args: CommandLine,
  options: CheckOutputOptions,
): Promise<CompletedProcess> {
  const { input, timeoutMs, signal, ...rest } = options;
  signal?.throwIfAborted();
  checkTimeout(timeoutMs);
  const popenOptions: PopenOptions = rest;
  if (input !== undefined) {
    if (rest.stdin !== undefined) {
      throw new TypeError('Cannot run a program: "stdin" does not go with "input"');
    }
    popenOptions.stdin = input === null ? "devnull" : "pipe";
  }
  if (timeoutMs !== undefined || signal !== undefined || rest.maxOutputBytes !== undefined) {
    popenOptions.processGroup ??= groupForEnding();
  }
  await using popen = new Popen<PopenOptions>(args, popenOptions);
  try {
    const [stdout, stderr] = await popen.communicate({
      input: input ?? undefined,
      timeoutMs,
      signal,
    });
    const { returnCode = 0, signal: endedBy, isCut } = popen;
    return new CompletedProcess(args, { returnCode, signal: endedBy, stdout, stderr, isCut });
  } catch (error) {
    await popen.terminateTree();
    throw error;
  }
}

/** Options that a function does not have, although its neighbours do. */
function refuse(options: object, names: readonly string[]): void {
  for (const name of names) {
    if ((options as Record<string, unknown>)[name] === undefined) continue;
    throw new TypeError(`Cannot run a program: there is no option "${name}" here`);
  }
}
