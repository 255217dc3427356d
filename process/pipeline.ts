/**
 * Several programs, each of which reads what the one before prints.
 *
 * @module
 */

import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { describeCommand } from "./_describe_command.ts";
import { checkNames, groupForEnding } from "./_popen_settings.ts";
import { encodeText, readTextFormat, TextReader } from "./_text_codec.ts";
import { CompletedProcess } from "./completed_process.ts";
import { Popen } from "./popen.ts";
import {
  SubprocessError,
  type SubprocessOutput,
  TimeoutExpiredError,
} from "./subprocess_errors.ts";
import type {
  CommandLine,
  DecodingErrors,
  NoOptions,
  OutputOf,
  PopenOptions,
  RunOptions,
  StandardOutput,
} from "./subprocess_options.ts";

const NAMES: Record<keyof PipelineOptions, true> = {
  stdin: true,
  stdout: true,
  stderr: true,
  input: true,
  captureOutput: true,
  check: true,
  text: true,
  encoding: true,
  errors: true,
  cwd: true,
  env: true,
  processGroup: true,
  maxOutputBytes: true,
  pipeGraceMs: true,
  terminateGraceMs: true,
  timeoutMs: true,
  signal: true,
};

/**
 * Options of {@linkcode pipeline}: those of {@linkcode run} without a shell. `stdin` and `input` are for the
 * first program, `stdout` for the last one, the others for each of them.
 */
export interface PipelineOptions
  extends Omit<RunOptions, "shell" | "executable" | "user" | "group" | "stderr"> {
  /**
   * Where the standard error of each program goes.
   *
   * @default {"inherit"}
   */
  stderr?: StandardOutput | undefined;
}

/**
 * Programs that have ended: what {@linkcode pipeline} answers.
 *
 * @example Which of them failed
 * ```ts
 * import { pipeline } from "@manyhands/concurrency/process";
 * import { assertEquals } from "@std/assert";
 *
 * const completed = await pipeline([["echo", "hello"], "false", "cat"]);
 * assertEquals(completed.returnCodes.slice(1), [1, 0]);
 * ```
 *
 * @typeParam T What output is: strings or bytes.
 */
export class CompletedPipeline<T extends string | Uint8Array = string | Uint8Array> {
  /** The programs, in the order of the pipeline. */
  readonly programs: readonly CompletedProcess<T | undefined, T | undefined>[];

  /**
   * Tells of programs.
   *
   * @param programs The programs, in the order of the pipeline.
   */
  constructor(programs: readonly CompletedProcess<T | undefined, T | undefined>[]) {
    this.programs = programs;
  }

  /** The exit codes, in the order of the pipeline; `-n` when signal number `n` ended a program. */
  get returnCodes(): number[] {
    return this.programs.map(({ returnCode }) => returnCode);
  }

  /** What the last program printed; `undefined` when that was not captured. */
  get stdout(): T | undefined {
    return this.programs.at(-1)?.stdout;
  }

  /** What each program printed on standard error; `undefined` where that was not captured. */
  get stderr(): (T | undefined)[] {
    return this.programs.map(({ stderr }) => stderr);
  }

  /**
   * Fails when one of the programs did. One that was ended by SIGPIPE because the next one wanted no more
   * has not failed.
   *
   * @throws {CalledProcessError} For the last one of those that failed.
   */
  checkReturnCodes(): void {
    const last = this.programs.length - 1;
    this.programs.findLast(({ returnCode, signal }, i) =>
      returnCode !== 0 && (i === last || signal !== "SIGPIPE")
    )?.checkReturnCode();
  }
}

/**
 * Runs several programs at the same time, each of which reads what the one before prints, without a shell:
 * nothing in their arguments can be mistaken for a command.
 *
 * - What goes from one program to the next passes through this process, piece by piece: the slowest of them
 *   sets the pace. A shell's pipe is about three times as fast.
 * - When a program has ended, the one before is told at its next write (SIGPIPE), as in a shell.
 * - When a program cannot be started, those before it are ended.
 * - When `timeoutMs` is over or `signal` aborts, all of them are ended, as by {@linkcode run}.
 *
 * For the lines of the last program as they come, connect programs by hand:
 * `new Popen(second, { stdin: first.stdout })`. Needs `--allow-run=<program>,<program>`.
 *
 * @example Counting words
 * ```ts
 * import { pipeline } from "@manyhands/concurrency/process";
 * import { assertEquals } from "@std/assert";
 *
 * const { stdout, returnCodes } = await pipeline(
 *   [["printf", "b\na\nb\n"], "sort", ["uniq", "-c"], ["sort", "-rn"], ["head", "-n", "1"]],
 *   { captureOutput: true, text: true },
 * );
 * assertEquals(stdout?.trim(), "2 b");
 * assertEquals(returnCodes, [0, 0, 0, 0, 0]);
 * ```
 *
 * @typeParam O The options, from which the type of the output follows.
 * @param commands The programs and their arguments, at least one.
 * @param options How they are run.
 * @returns How they ended, and what was captured.
 * @throws {CalledProcessError} When `check` is set, and one of them failed.
 * @throws {TimeoutExpiredError} When they had not ended after `timeoutMs`; it has the output so far.
 * @throws {OutputLimitError} When one of them printed more than `maxOutputBytes` that were captured.
 * @throws {TypeError} When there is no command, or an option is wrong. The others are those of `run`.
 */
export async function pipeline<const O extends PipelineOptions = NoOptions>(
  commands: readonly CommandLine[],
  options: O = {} as O,
): Promise<CompletedPipeline<OutputOf<O>>> {
  const { input, captureOutput, check, timeoutMs, signal, text, encoding, errors, ...rest } =
    options as PipelineOptions;
  checkNames(options, NAMES);
  if (!Array.isArray(commands) || commands.length === 0) {
    throw new TypeError("Cannot run a pipeline: it must be an array of at least one command");
  }
  signal?.throwIfAborted();
  checkTimeout(timeoutMs);
  if (input !== undefined && rest.stdin !== undefined) {
    throw new TypeError('Cannot run a pipeline: "stdin" does not go with "input"');
  }
  if (captureOutput && (rest.stdout !== undefined || rest.stderr !== undefined)) {
    throw new TypeError(
      'Cannot run a pipeline: "stdout" and "stderr" do not go with "captureOutput"',
    );
  }
  const isText = text === true || encoding !== undefined || errors !== undefined;
  const format = readTextFormat(encoding, errors);
  const bytes = typeof input === "string" ? encodeText(input, format.encoding) : input ?? undefined;
  const stdin = input === undefined ? rest.stdin : input === null ? "devnull" : "pipe";
  const stdout = captureOutput ? "pipe" : rest.stdout;
  const stderr = captureOutput ? "pipe" : rest.stderr;
  const isBounded = timeoutMs !== undefined || signal !== undefined ||
    rest.maxOutputBytes !== undefined;
  const processGroup = rest.processGroup ?? (isBounded ? groupForEnding() : "shared");
  const line = commands.map(describeCommand).join(" | ");
  const read = (output: unknown, errors: DecodingErrors = format.errors): OutputOf<O> | undefined =>
    (output instanceof Uint8Array && isText
      ? new TextReader({ ...format, errors }).decode(output, { isLast: true })
      : output) as OutputOf<O> | undefined;

  await using stack = new AsyncDisposableStack();
  const popens: Popen<PopenOptions>[] = [];
  for (const [i, command] of commands.entries()) {
    const before = popens.at(-1);
    const popen = new Popen<PopenOptions>(command, {
      ...rest,
      processGroup,
      stdin: before === undefined ? stdin : before.stdout as ReadableStream<Uint8Array>,
      stdout: i === commands.length - 1 ? stdout : "pipe",
      stderr,
    });
    stack.use(popen);
    popens.push(popen);
  }
  try {
    const ended = Promise.all(
      popens.map((popen, i) => popen.communicate(i === 0 ? { input: bytes } : {})),
    );
    ended.catch(() => {});
    const outputs = await waitWithin(ended, { timeoutMs, signal }, (timeoutMs) => {
      throw new TimeoutExpiredError(line, timeoutMs);
    });
    const completed = new CompletedPipeline(popens.map((popen, i) => {
      const { returnCode = 0, signal, isCut } = popen;
      const [out, err] = outputs[i] ?? [];
      const isLast = i === popens.length - 1;
      return new CompletedProcess(popen.args, {
        returnCode,
        signal,
        stdout: isLast ? read(out) : undefined,
        stderr: read(err),
        isCut,
      });
    }));
    if (check) completed.checkReturnCodes();
    return completed;
  } catch (error) {
    const last = popens.at(-1);
    const partial = error instanceof TimeoutExpiredError && last !== undefined
      ? await outputSoFar(last)
      : undefined;
    await Promise.all(popens.map((popen) => popen.terminateTree()));
    if (partial === undefined) throw error;
    throw new TimeoutExpiredError(line, (error as TimeoutExpiredError).timeoutMs, {
      stdout: read(partial.stdout, "replace"),
      stderr: read(partial.stderr, "replace"),
    });
  }
}

/** What a program has printed, without waiting for more. */
async function outputSoFar(popen: Popen<PopenOptions>): Promise<SubprocessOutput> {
  try {
    const [stdout, stderr] = await popen.communicate({ timeoutMs: 0 });
    return { stdout, stderr };
  } catch (error) {
    return error instanceof SubprocessError ? error : {};
  }
}
