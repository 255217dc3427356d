import { TextLineStream } from "@std/streams";
import { fileURLToPath } from "node:url";
import { withDenoOnPath } from "./deno_on_path.ts";
import { guard, GUARD_MS } from "./guard.ts";

const PROJECT_ROOT = new URL("../../", import.meta.url);
const CONFIG = new URL("deno.json", PROJECT_ROOT);
const MAX_STDERR_SHOWN = 4_000;

/**
 * What to run: a module's file or URL for `deno run`, the text of a module for it, or any command.
 * The text is put into a file of its own; it may import by the names of the project's `deno.json`.
 */
export type ProgramSource = string | URL | { code: string } | { command: string | URL };

/** Options of {@linkcode startProgram}. */
export interface ProgramOptions {
  /** Flags of `deno run`, such as permissions; `--no-prompt` is always given. */
  flags?: string[];
  /** Arguments of the program. */
  args?: string[];
  /** Variables besides those of the tests' own environment. */
  env?: Record<string, string>;
  /** The folder in which it runs; the project's by default. */
  cwd?: string | URL;
  /** How long it may take to be ready, in milliseconds. */
  readyTimeoutMs?: number;
}

/** Starts a program, and waits until it prints a line `READY`, with or without more words. */
export async function startProgram(
  source: ProgramSource,
  options: ProgramOptions = {},
): Promise<RunningProgram> {
  const { flags = [], args = [], env, cwd = PROJECT_ROOT, readyTimeoutMs = GUARD_MS } = options;
  let file: string | undefined;
  let command: string | URL = Deno.execPath();
  let commandArgs = args;
  if (typeof source === "object" && "command" in source) {
    command = source.command;
  } else {
    if (typeof source === "object" && "code" in source) {
      file = await Deno.makeTempFile({ prefix: "program_", suffix: ".ts" });
      await Deno.writeTextFile(file, source.code);
    }
    const config = file === undefined ? [] : ["--config", fileURLToPath(CONFIG)];
    commandArgs = ["run", "--no-prompt", ...config, ...flags, file ?? String(source), ...args];
  }
  const child = new Deno.Command(command, {
    args: commandArgs,
    cwd,
    env: withDenoOnPath(env),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const program = new RunningProgram(child, file);
  try {
    await program.awaitReady(readyTimeoutMs);
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
  return program;
}

/** A program that has been started, and is ended when it is disposed of. */
export class RunningProgram implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #file: string | undefined;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #errors: ReadableStreamDefaultReader<string>;
  readonly #errorsEnd: Promise<void>;
  #stderr = "";
  #ready = "";

  /** Takes over a process all of whose streams are piped, and a file to remove at its end. */
  constructor(child: Deno.ChildProcess, file?: string) {
    this.#child = child;
    this.#file = file;
    this.#lines = child.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream()).getReader();
    this.#input = child.stdin.getWriter();
    this.#errors = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
    this.#errorsEnd = this.#collectErrors();
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** What followed the word on its line `READY …`. */
  get ready(): string {
    return this.#ready;
  }

  /** Its exit code, or the signal that ended it. */
  get status(): Promise<Deno.CommandStatus> {
    return this.#child.status;
  }

  /** What it has written to standard error so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** The lines that it writes to standard output, from the next one that nobody has read. */
  get stdout(): AsyncIterableIterator<string> {
    return this.#readLines();
  }

  /** Waits for the line `READY …`. {@linkcode startProgram} has done so. */
  async awaitReady(timeoutMs: number = GUARD_MS): Promise<string> {
    const line = await this.nextLine({
      timeoutMs,
      what: "a line READY",
      matches: (line) => /^READY\b/.test(line),
    });
    return this.#ready = line.replace(/^READY\s*/, "");
  }

  /** Waits for the next line of standard output, or for the next one that matches. */
  async nextLine(
    options: { timeoutMs?: number; what?: string; matches?: (line: string) => boolean } = {},
  ): Promise<string> {
    const { timeoutMs, what = "a line", matches = () => true } = options;
    const seen: string[] = [];
    const describe = (): string => {
      const output = seen.length === 0 ? "" : `; it wrote\n${seen.join("\n")}`;
      const errors = this.#stderr.slice(-MAX_STDERR_SHOWN);
      return `${what} of process ${this.pid}${output}\nIts standard error so far:\n${errors}`;
    };
    const read = async (): Promise<string> => {
      while (true) {
        const { done, value } = await this.#lines.read();
        if (done) {
          const { code, signal } = await this.status;
          await this.#errorsEnd;
          throw new Error(`Process ended (${signal ?? code}) instead of writing ${describe()}`);
        }
        if (matches(value)) return value;
        seen.push(value);
      }
    };
    return await guard(read(), describe, timeoutMs);
  }

  /** Writes a line to its standard input. */
  async send(line: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Ends its standard input. */
  async closeInput(): Promise<void> {
    await this.#input.close();
  }

  /** Sends it a signal; one that has ended already does not mind. */
  kill(signal: Deno.Signal = "SIGTERM"): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Kills it, and waits until it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.#input.abort().catch(() => {});
    await this.#child.status;
    // Its own children may hold the pipes open: their ends are not waited for.
    await this.#lines.cancel();
    await this.#errors.cancel();
    await this.#errorsEnd;
    if (this.#file !== undefined) {
      await Deno.remove(this.#file).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
    }
  }

  async *#readLines(): AsyncGenerator<string> {
    while (true) {
      const { done, value } = await this.#lines.read();
      if (done) return;
      yield value;
    }
  }

  async #collectErrors(): Promise<void> {
    while (true) {
      const { done, value } = await this.#errors.read();
      if (done) return;
      this.#stderr += value;
    }
  }
}
