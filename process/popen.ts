/**
 * A program that runs beside this one.
 *
 * @module
 */

import { checkTimeout, LONGEST_TIMER_MS } from "../coroutine/_check_timeout.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { InvalidStateError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { describeCommand } from "./_describe_command.ts";
import { exitCodeOf } from "./_exit_code.ts";
import { type LineSource, LineTooLong } from "./_line_source.ts";
import {
  type Budget,
  type ByteSource,
  mergedSource,
  OutputPipe,
  pipeSource,
} from "./_output_pipe.ts";
import { openSink, type OutputSink } from "./_output_sink.ts";
import { isSink, isSource, type PopenSettings, readSettings } from "./_popen_settings.ts";
import { endTree, mayHaveMembers, unknownSignal } from "./_process_tree.ts";
import { type InputSource, openInput, ProgramInput } from "./_program_input.ts";
import { ProgramOutput } from "./_program_output.ts";
import { startProgram } from "./_start_program.ts";
import {
  OutputLimitError,
  type SubprocessOutput,
  TimeoutExpiredError,
} from "./subprocess_errors.ts";
import type {
  CommandLine,
  NoOptions,
  OutputOf,
  PopenOptions,
  WhenPiped,
} from "./subprocess_options.ts";

/** How many characters a line may have unless told otherwise. */
const MAX_LINE_LENGTH = 1_048_576;

const DONE: Promise<void> = Promise.resolve();

type StreamName = "stdout" | "stderr";

/** Options of {@linkcode Popen.communicate}. */
export interface CommunicateOptions extends WaitOptions {
  /**
   * What the program reads from its standard input, which must be `"pipe"`.
   *
   * @default {undefined}
   */
  input?: string | Uint8Array | undefined;
}

/** Options of {@linkcode Popen.lines}. `timeoutMs` is the longest wait for one line. */
export interface LinesOptions extends WaitOptions {
  /**
   * Which of the program's streams.
   *
   * @default {"stdout"}
   */
  from?: "stdout" | "stderr" | undefined;
  /**
   * The most characters that a line may have.
   *
   * @default {1_048_576}
   */
  maxLineLength?: number | undefined;
}

/** Options of {@linkcode Popen.terminateTree}. */
export interface TerminateTreeOptions {
  /**
   * How long the tree may take to end after SIGTERM, before SIGKILL, in milliseconds; `0` is SIGKILL at once.
   *
   * @default {2000, or the option `terminateGraceMs` of the program}
   */
  graceMs?: number | undefined;
}

/**
 * A program that runs beside this one: its streams, its end, and how to end it.
 *
 * - It is started by the constructor, which throws when there is no such program.
 * - {@linkcode communicate} never waits for ever because a pipe is full: it writes and reads at the same
 *   time. A program that does not read its input is no error.
 * - When the program has ended and something that it started keeps its output open, reading ends after
 *   `pipeGraceMs`. Python waits for ever.
 * - What is read with {@linkcode lines} or from the streams is read when it is asked for: a program that
 *   prints faster has to wait.
 * - `timeoutMs` and `signal` of its methods end the wait, and not the program.
 * - Disposing ends the program with all that it started, if it still runs, and waits for it. Python's
 *   `with` only waits.
 * - A program outlives this process when that ends or is killed: the runtime has no means against it. One
 *   that reads its input to the end, or prints into a pipe, learns of it and ends as a rule.
 *
 * Needs `--allow-run=<program>`. With that alone only the program itself can be ended; ending what it
 * started as well needs `--allow-run`. On Windows it is the program alone, too.
 *
 * It is Python's {@link https://docs.python.org/3/library/subprocess.html#subprocess.Popen | subprocess.Popen};
 * what `poll` knows is as new as the last turn of the event loop. Most programs are better run with `run`.
 * A function that takes any of them takes a `Popen<O>` with `O extends PopenOptions`.
 *
 * @example Lines as they come
 * ```ts
 * import { Popen } from "@manyhands/concurrency/process";
 * import { assertEquals } from "@std/assert";
 *
 * await using popen = new Popen(["sh", "-c", "echo one; echo two; sleep 60"], { stdout: "pipe" });
 * const seen: string[] = [];
 * for await (const line of popen.lines()) {
 *   seen.push(line);
 *   if (line === "two") break;
 * }
 * assertEquals(seen, ["one", "two"]);
 * // The program, which would sleep for a minute, is ended here.
 * ```
 *
 * @example Asking and answering
 * ```ts
 * import { Popen } from "@manyhands/concurrency/process";
 * import { assertEquals } from "@std/assert";
 *
 * await using popen = new Popen("cat", { stdin: "pipe", stdout: "pipe", text: true });
 * const [stdout] = await popen.communicate({ input: "hello" });
 * assertEquals(stdout, "hello");
 * assertEquals(popen.returnCode, 0);
 * ```
 *
 * @typeParam O The options, from which the types of the streams follow.
 */
export class Popen<const O extends PopenOptions = NoOptions> implements AsyncDisposable {
  readonly #args: CommandLine;
  readonly #settings: PopenSettings;
  readonly #child: Deno.ChildProcess;
  /** The end of the program itself. */
  readonly #exited: Promise<void>;
  /** The end of the program, and of what passes its streams on. */
  readonly #finished: Promise<void>;
  readonly #input: ProgramInput | undefined;
  readonly #outputs: { [name in StreamName]?: ProgramOutput } = {};
  #communication: Promise<void> | undefined;
  #returnCode: number | undefined;
  #signal: Deno.Signal | undefined;
  /** Whether something of its group was left when it had ended. */
  #hasLeftGroup = false;
  #isOverLimit = false;
  #disposal: Promise<void> | undefined;

  /**
   * Starts a program.
   *
   * @param args The program and its arguments.
   * @param options How it is started, and what becomes of its streams.
   * @throws {TypeError} When an option is of the wrong kind or unknown, or a stream is locked.
   * @throws {RangeError} When an option is out of its range.
   * @throws {Deno.errors.NotFound} When there is no such program, or no such directory to run it in.
   * @throws {Deno.errors.PermissionDenied} When the system does not let the program be executed.
   * @throws {Deno.errors.NotCapable} When this process may not run it; the message has the flag.
   * @throws {Deno.errors.NotSupported} When an option is not for this system.
   */
  constructor(args: CommandLine, options: O = {} as O) {
    const settings = readSettings(args, options);
    this.#settings = settings;
    this.#args = Array.isArray(args) ? Object.freeze([...args]) : args;
    const { stdin, stdout, stderr } = settings;
    const held: (InputSource | OutputSink)[] = [];
    const hold = <T extends InputSource | OutputSink>(stream: T): T => {
      held.push(stream);
      return stream;
    };
    try {
      const source = isSource(stdin) ? hold(openInput(stdin)) : undefined;
      const outSink = isSink(stdout) ? hold(openSink("stdout", stdout)) : undefined;
      const errSink = isSink(stderr) ? hold(openSink("stderr", stderr)) : undefined;
      this.#child = this.#start();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.#exited = promise;
      promise.catch(() => {});
      this.#child.status.then((status) => this.#onExit(status), (error) => this.#onOddExit(error))
        .then(resolve, reject);
      if (stdin === "pipe" || source !== undefined) {
        this.#input = new ProgramInput(this.#child.stdin, settings.inputEncoding);
      }
      this.#finished = this.#connect(source, outSink, errSink);
      this.#finished.catch(() => {});
    } catch (error) {
      for (const stream of held) stream.release();
      throw error;
    }
  }

  /** The program and its arguments, as they were given. */
  get args(): CommandLine {
    return this.#args;
  }

  /** The process id. Another process may have it when this one has ended. */
  get pid(): number {
    return this.#child.pid;
  }

  /** The exit code; `-n` when signal number `n` ended the program; `undefined` while it runs. */
  get returnCode(): number | undefined {
    return this.#returnCode;
  }

  /** The name of the signal that ended the program; `undefined` when none did, or while it runs. */
  get signal(): Deno.Signal | undefined {
    return this.#signal;
  }

  /**
   * Whether output ended because the program had ended and `pipeGraceMs` was over, while something else held
   * a pipe open: what that printed later was not read.
   */
  get isCut(): boolean {
    return Object.values(this.#outputs).some((output) => output.isCut);
  }

  /**
   * What the program reads, when `stdin` is `"pipe"`. Takes bytes and strings; close it to end the input.
   * Writing to a program that has closed its input fails with `Deno.errors.BrokenPipe`.
   */
  get stdin(): WhenPiped<O, "stdin", WritableStream<Uint8Array | string>> {
    const stream = this.#settings.stdin === "pipe" ? this.#input?.stream : undefined;
    return stream as WhenPiped<O, "stdin", WritableStream<Uint8Array | string>>;
  }

  /** What the program prints, when `stdout` is `"pipe"`; nothing is read ahead. */
  get stdout(): WhenPiped<O, "stdout", ReadableStream<OutputOf<O>>> {
    return this.#streamOf("stdout") as WhenPiped<O, "stdout", ReadableStream<OutputOf<O>>>;
  }

  /** What the program prints on standard error, when `stderr` is `"pipe"`; nothing is read ahead. */
  get stderr(): WhenPiped<O, "stderr", ReadableStream<OutputOf<O>>> {
    return this.#streamOf("stderr") as WhenPiped<O, "stderr", ReadableStream<OutputOf<O>>>;
  }

  /**
   * Whether the program has ended, without waiting.
   *
   * @returns The exit code as {@linkcode returnCode}; `undefined` while it runs.
   */
  poll(): number | undefined {
    return this.#returnCode;
  }

  /**
   * Waits for the end of the program, and until what it printed into streams or files of this process is
   * there. A program whose `"pipe"` is full waits itself, so read its output, or use {@linkcode communicate}.
   *
   * @param options How long to wait, and what stops the wait. The program goes on.
   * @returns The exit code as {@linkcode returnCode}.
   * @throws {TimeoutExpiredError} When the program had not ended after `timeoutMs`.
   */
  async wait(options: WaitOptions = {}): Promise<number> {
    await waitWithin(this.#finished, options, (timeoutMs) => {
      throw new TimeoutExpiredError(this.#args, timeoutMs);
    });
    return this.#returnCode as number;
  }

  /**
   * Gives the program its input, collects its output, and waits for its end: all at the same time, so that
   * no pipe that is full stops anything. Standard input is closed in any case.
   *
   * A stream that is locked to a reader or writer of the caller is left to the caller. After a timeout or an
   * abort it may be called again, without `input`: nothing is lost.
   *
   * @param options The input; how long to wait, and what stops the wait. The program goes on.
   * @returns Standard output and standard error, each `undefined` when it is not `"pipe"`.
   * @throws {TimeoutExpiredError} When the program had not ended after `timeoutMs`; it has the output so far.
   * @throws {OutputLimitError} When there was more output than `maxOutputBytes`; the tree was ended.
   * @throws {InvalidStateError} When there is `input` and it was given before, or standard input is not
   * `"pipe"`, or is closed or locked; or when {@linkcode lines} has begun to read a stream.
   * @throws {TypeError} When output is to be text and is not, with `errors: "strict"`, or the input is neither text
   * nor bytes, or text that the encoding does not have.
   */
  async communicate(
    options: CommunicateOptions = {},
  ): Promise<[WhenPiped<O, "stdout", OutputOf<O>>, WhenPiped<O, "stderr", OutputOf<O>>]> {
    options.signal?.throwIfAborted();
    checkTimeout(options.timeoutMs);
    const input = options.input === undefined ? undefined : this.#readInput(options.input);
    if (this.#communication === undefined) {
      for (const name of ["stdout", "stderr"] as const) {
        if (!this.#outputs[name]?.hasLines) continue;
        throw this.#misuse("communicate with", `lines() reads its "${name}"`);
      }
      this.#communication = this.#communicate(input);
      this.#communication.catch(() => {});
    }
    await waitWithin(this.#communication, options, (timeoutMs) => {
      throw new TimeoutExpiredError(this.#args, timeoutMs, this.#outputSoFar());
    });
    return [this.#outputs.stdout?.collected, this.#outputs.stderr?.collected] as [
      WhenPiped<O, "stdout", OutputOf<O>>,
      WhenPiped<O, "stderr", OutputOf<O>>,
    ];
  }

  /**
   * The program's output line by line, as it comes, decoded and without line ends (`\n`, `\r\n` or `\r`).
   * Nothing is read ahead beyond what a pipe gives at once.
   *
   * The loop may be left and another one begun: no line is lost. It ends with the program's output, after
   * which {@linkcode wait} has the exit code.
   *
   * @param options Which stream; how long a line may be; how long to wait for one, and what stops the wait.
   * @returns The lines.
   * @throws {InvalidStateError} When the stream is not `"pipe"`, or is read in another way already.
   * @throws {OutputLimitError} When a line has more than `maxLineLength` characters; it has their beginning.
   * @throws {TimeoutExpiredError} When a line did not come within `timeoutMs`.
   * @throws {TypeError} When it is no text in the encoding, with `errors: "strict"`.
   * @throws {RangeError} When `maxLineLength` is not a positive number.
   */
  lines(options: LinesOptions = {}): AsyncGenerator<string, void, undefined> {
    const { from = "stdout", maxLineLength = MAX_LINE_LENGTH } = options;
    checkTimeout(options.timeoutMs);
    if (!(maxLineLength > 0)) {
      throw new RangeError(
        `Cannot read lines: "maxLineLength" must be a positive number, got ${maxLineLength}`,
      );
    }
    if (this.#settings[from] !== "pipe") {
      throw this.#misuse("read lines of", `its "${from}" is not "pipe"`);
    }
    const lines = this.#outputs[from]?.lines();
    if (lines === undefined) {
      throw this.#misuse("read lines of", `its "${from}" is read in another way`);
    }
    return this.#readLines(lines, from, maxLineLength, options);
  }

  /**
   * Sends a signal to the program alone. A program that has ended is left alone. On Windows there are `SIGTERM` and
   * `SIGKILL`, and both end the program at once.
   *
   * @param signal The name of the signal.
   * @throws {TypeError} When the system has no signal of that name.
   */
  sendSignal(signal: Deno.Signal): void {
    if (this.#returnCode !== undefined) return;
    try {
      this.#child.kill(signal);
    } catch (error) {
      // It has ended, and this process has not been told yet.
      if (error instanceof Deno.errors.NotFound) return;
      if (error instanceof TypeError && /terminated/.test(error.message)) return;
      if (error instanceof TypeError) throw unknownSignal(signal, error);
      throw error;
    }
  }

  /** Asks the program to end (SIGTERM); on Windows it ends at once. A program that has ended is left alone. */
  terminate(): void {
    this.sendSignal("SIGTERM");
  }

  /** Ends the program alone, at once (SIGKILL). A program that has ended is left alone. */
  kill(): void {
    this.sendSignal("SIGKILL");
  }

  /**
   * Ends the program and all that it started: SIGTERM, and SIGKILL for what is left after a while. With
   * `processGroup: "own"` that includes what is left of a program that has ended.
   *
   * @param options How long they may take to end by themselves.
   * @returns When the program has ended.
   */
  async terminateTree(options: TerminateTreeOptions = {}): Promise<void> {
    const graceMs = checkTimeout(options.graceMs ?? this.#settings.terminateGraceMs, "graceMs");
    const { ownsGroup } = this.#settings;
    if (this.#returnCode !== undefined && !this.#hasLeftGroup) return;
    await endTree({
      pid: this.pid,
      ownsGroup,
      exited: this.#exited,
      isRunning: () => this.#returnCode === undefined,
      signalProgram: (signal) => this.sendSignal(signal),
    }, graceMs);
    this.#hasLeftGroup = false;
  }

  /** Ends the program with all that it started, if it still runs; waits for its end; closes the pipes. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposal ??= this.#dispose();
  }

  /** For `console.log`. */
  [Symbol.for("Deno.customInspect")](): string {
    const state = this.#returnCode === undefined
      ? "runs"
      : this.#signal === undefined
      ? `ended with exit code ${this.#returnCode}`
      : `ended by ${this.#signal}`;
    return `Popen { ${describeCommand(this.#args)}, pid ${this.pid}, ${state} }`;
  }

  #start(): Deno.ChildProcess {
    const { stdin, stdout, stderr, shellMerges } = this.#settings;
    return startProgram(this.#args, {
      ...this.#settings,
      stdin: toRuntime(stdin),
      stdout: toRuntime(stdout),
      stderr: shellMerges || (stderr === "stdout" && stdout === "devnull")
        ? "null"
        : toRuntime(stderr),
    });
  }

  /** Makes the pipes, and begins to pass on what goes to streams and files. */
  #connect(
    source: InputSource | undefined,
    outSink: OutputSink | undefined,
    errSink: OutputSink | undefined,
  ): Promise<void> {
    const { stdout, stderr, shellMerges, pipeGraceMs, text } = this.#settings;
    const child = this.#child;
    const outputs = this.#outputs;
    const open = (from: ByteSource) =>
      new ProgramOutput(new OutputPipe(from, this.#exited, pipeGraceMs), text);
    const isMerged = stderr === "stdout" && !shellMerges;
    if (stdout === "pipe" || outSink !== undefined) {
      const own = pipeSource(child.stdout);
      outputs.stdout = open(isMerged ? mergedSource(own, pipeSource(child.stderr)) : own);
    } else if (isMerged && stdout === "inherit") {
      outputs.stderr = open(pipeSource(child.stderr));
      errSink = openSink("stderr", Deno.stdout);
    }
    if (stderr === "pipe" || isSink(stderr)) outputs.stderr = open(pipeSource(child.stderr));
    const works: Promise<unknown>[] = [this.#exited];
    if (outSink !== undefined) works.push(outputs.stdout?.pump(outSink) ?? DONE);
    if (errSink !== undefined) works.push(outputs.stderr?.pump(errSink) ?? DONE);
    if (source !== undefined && this.#input !== undefined) {
      works.push(this.#untilGone(this.#input.pump(source, this.#exited)));
    }
    return allSettled(works);
  }

  #onExit(status: Deno.CommandStatus): void {
    this.#signal = status.signal ?? undefined;
    this.#setReturnCode(exitCodeOf(status));
  }

  /** The runtime fails to tell of an end by a signal that has no name there. */
  #onOddExit(error: unknown): void {
    const number = /Invalid signal: (\d+)/.exec(error instanceof Error ? error.message : "")?.[1];
    if (number === undefined) throw error;
    this.#setReturnCode(-Number(number));
  }

  #setReturnCode(returnCode: number): void {
    this.#returnCode = returnCode;
    // Later the number of the group might be that of another one.
    this.#hasLeftGroup = this.#settings.ownsGroup && mayHaveMembers(this.pid);
  }

  #streamOf(name: StreamName): ReadableStream<unknown> | undefined {
    return this.#settings[name] === "pipe" ? this.#outputs[name]?.stream : undefined;
  }

  #readInput(input: unknown): Uint8Array {
    const stdin = this.#input;
    if (typeof input !== "string" && !(input instanceof Uint8Array)) {
      throw new TypeError(
        `Cannot send input to ${
          describeCommand(this.#args)
        }: it must be a string or a Uint8Array, ` +
          `got ${input === null ? "null" : typeof input}`,
      );
    }
    if (this.#settings.stdin !== "pipe" || stdin === undefined) {
      throw this.#misuse("send input to", 'its "stdin" is not "pipe"');
    }
    if (this.#communication !== undefined) {
      throw this.#misuse("send input to", "communicate() was called before");
    }
    if (stdin.isClosed) throw this.#misuse("send input to", "its standard input was closed");
    if (stdin.stream.locked) {
      throw this.#misuse("send input to", "its standard input is locked to a writer");
    }
    return stdin.encode(input);
  }

  async #communicate(input: Uint8Array | undefined): Promise<void> {
    const budget: Budget = {
      left: this.#settings.maxOutputBytes,
      exceed: () => {
        this.#isOverLimit = true;
        this.#stop().catch(() => {});
      },
    };
    const outputs = Object.values(this.#outputs);
    const works = [this.#finished, ...outputs.map((output) => output.collect(budget))];
    const stdin = this.#settings.stdin === "pipe" ? this.#input : undefined;
    if (stdin !== undefined && !stdin.stream.locked) {
      works.push(this.#untilGone(stdin.feed(input)));
    }
    await allSettled(works);
    if (this.#isOverLimit) {
      throw new OutputLimitError(
        this.#args,
        this.#settings.maxOutputBytes,
        this.#outputSoFar(),
      );
    }
  }

  /** Ends everything because of what it did. */
  async #stop(): Promise<void> {
    for (const output of Object.values(this.#outputs)) output.cancel().catch(() => {});
    await this.terminateTree();
  }

  /** Waits for work on the standard input, which nobody may read any more, not longer than for the pipes. */
  async #untilGone(work: Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isDone = false;
    const onExit = () => {
      if (isDone || this.#settings.pipeGraceMs > LONGEST_TIMER_MS) return;
      timer = setTimeout(resolve, this.#settings.pipeGraceMs);
    };
    this.#exited.then(onExit, onExit);
    try {
      await Promise.race([work, promise]);
    } finally {
      isDone = true;
      clearTimeout(timer);
    }
  }

  #outputSoFar(): SubprocessOutput {
    return { stdout: this.#outputs.stdout?.partial, stderr: this.#outputs.stderr?.partial };
  }

  async *#readLines(
    lines: LineSource,
    from: StreamName,
    maxLength: number,
    options: WaitOptions,
  ): AsyncGenerator<string, void, undefined> {
    for (;;) {
      options.signal?.throwIfAborted();
      const line = this.#takeLine(lines, from, maxLength);
      if (line !== undefined) yield line;
      else if (lines.isEnded) return;
      else {
        await waitWithin(lines.fill(), options, (timeoutMs) => {
          throw new TimeoutExpiredError(this.#args, timeoutMs, { what: "printed no line" });
        });
      }
    }
  }

  #takeLine(lines: LineSource, from: StreamName, maxLength: number): string | undefined {
    try {
      return lines.take(maxLength);
    } catch (error) {
      if (!(error instanceof LineTooLong)) throw error;
      throw new OutputLimitError(this.#args, maxLength, {
        what: "characters in a line",
        [from]: error.start,
      });
    }
  }

  async #dispose(): Promise<void> {
    if (this.#returnCode === undefined) await this.terminateTree();
    await this.#exited;
    for (const name of ["stdout", "stderr"] as const) {
      // What goes to a stream or a file of this process is still passed on.
      if (this.#settings[name] === "pipe") await this.#outputs[name]?.cancel().catch(() => {});
    }
    await this.#input?.abort();
    await this.#finished.catch(() => {});
  }

  #misuse(action: string, state: string): InvalidStateError {
    return new InvalidStateError(`Cannot ${action} ${describeCommand(this.#args)}: ${state}`);
  }
}

/** The word of the runtime for a stream. */
function toRuntime(stream: unknown): "inherit" | "piped" | "null" {
  return stream === "inherit" ? "inherit" : stream === "devnull" ? "null" : "piped";
}

/** Waits for all of them, also when one fails, and then fails with its error. */
async function allSettled(works: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(works)) {
    if (result.status === "rejected") throw result.reason;
  }
}
