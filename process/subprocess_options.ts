/**
 * How a program is started: what the functions and classes for programs of any kind have in common.
 *
 * @module
 */

/**
 * A program and its arguments: `["git", "log", "-1"]`. A string alone is the name of a program that gets
 * no arguments, or, with the option `shell`, a command for the shell.
 *
 * A program without a slash in its name is looked for on the `PATH`: the one of the option `env` when that
 * has one. A relative path counts from the option `cwd`.
 */
export type CommandLine = string | URL | readonly (string | URL)[];

/** Something that bytes are read from: a `Deno.FsFile`, a connection, `Deno.stdin`. */
export interface ByteReader {
  /**
   * Reads what there is, at most as much as the buffer holds.
   *
   * @param buffer Takes the bytes.
   * @returns How many they are; `null` at the end.
   */
  read(buffer: Uint8Array): Promise<number | null>;
}

/** Something that bytes are written to: a `Deno.FsFile`, a connection, `Deno.stdout`. */
export interface ByteWriter {
  /**
   * Writes some of the bytes.
   *
   * @param data The bytes.
   * @returns How many were written.
   */
  write(data: Uint8Array): Promise<number>;
}

/**
 * Where a program's standard input comes from.
 *
 * | here | Python | |
 * | --- | --- | --- |
 * | `"inherit"` | `None` | from where that of this process comes |
 * | `"pipe"` | `PIPE` | from this process, through `Popen.stdin` |
 * | `"devnull"` | `DEVNULL` | it is empty |
 * | a stream, a file | a file | this process reads it and passes it on; the stream is cancelled when the program ends |
 */
export type StandardInput =
  | "inherit"
  | "pipe"
  | "devnull"
  | ReadableStream<Uint8Array | string>
  | ByteReader;

/**
 * Where a program's output goes.
 *
 * | here | Python | |
 * | --- | --- | --- |
 * | `"inherit"` | `None` | to where that of this process goes |
 * | `"pipe"` | `PIPE` | to this process, through `Popen.stdout` or `Popen.stderr` |
 * | `"devnull"` | `DEVNULL` | nowhere |
 * | a stream, a file | a file | this process reads it and passes it on; the stream stays open |
 */
export type StandardOutput =
  | "inherit"
  | "pipe"
  | "devnull"
  | WritableStream<Uint8Array>
  | ByteWriter;

/**
 * Where a program's standard error goes: as for {@linkcode StandardOutput}, or with `"stdout"` (Python's
 * `STDOUT`) to where its standard output goes.
 *
 * The runtime cannot give a program one pipe for both. With a shell, the shell joins them, and their order
 * is that of the writes. Without one they are two pipes, read in turn: each one's own order is kept, but
 * what is written to both within the same moment may change places.
 */
export type StandardError = StandardOutput | "stdout";

/**
 * What to do with bytes that are no text in the encoding, as in Python: fail, put U+FFFD in their place,
 * leave them out, write them as `\xNN`, or keep each one as a lone surrogate from U+DC80 to U+DCFF. The
 * last three are for UTF-8 only.
 */
export type DecodingErrors =
  | "strict"
  | "replace"
  | "ignore"
  | "backslashreplace"
  | "surrogateescape";

/** Options of {@linkcode Popen}: how a program is started, and what becomes of its streams. */
export interface PopenOptions {
  /**
   * Where its standard input comes from.
   *
   * @default {"inherit"}
   */
  stdin?: StandardInput | undefined;
  /**
   * Where its standard output goes.
   *
   * @default {"inherit"}
   */
  stdout?: StandardOutput | undefined;
  /**
   * Where its standard error goes.
   *
   * @default {"inherit"}
   */
  stderr?: StandardError | undefined;
  /**
   * Whether output is text. Then it is decoded, and each `\r\n` and each `\r` becomes `\n`, as with
   * Python's universal newlines. Without it output is bytes as they are. `encoding` and `errors` turn it on
   * as well. What is written to the program is never changed.
   *
   * @default {false}
   */
  text?: boolean | undefined;
  /**
   * The encoding of text, by a label of the {@link https://encoding.spec.whatwg.org | Encoding Standard}.
   *
   * @default {"utf-8"}
   */
  encoding?: string | undefined;
  /**
   * What to do with output that is no text in the encoding.
   *
   * @default {"strict"}
   */
  errors?: DecodingErrors | undefined;
  /**
   * The working directory of the program. Without it, it is that of this process.
   *
   * @default {undefined}
   */
  cwd?: string | URL | undefined;
  /**
   * All environment variables of the program. Without it they are those of this process, which needs no
   * permission; adding some to them does: `{ ...Deno.env.toObject(), LANG: "C" }`.
   *
   * @default {undefined}
   */
  env?: Readonly<Record<string, string>> | undefined;
  /**
   * Whether a shell runs the command: `/bin/sh`, or `cmd.exe` on Windows.
   *
   * **Whoever decides about a part of the command decides what is run.** Never put together a command from
   * what came from elsewhere: file names and user input belong into a list without a shell. Needs
   * `--allow-run=sh`, with which a program can run everything.
   *
   * @default {false}
   */
  shell?: boolean | undefined;
  /**
   * The program to run in place of the first item of the command, or in place of the shell. Unlike Python's
   * it is also the name that the program sees as its own.
   *
   * @default {undefined}
   */
  executable?: string | URL | undefined;
  /**
   * The id of the user as whom the program runs, which this process may have to be root for. Not on Windows.
   *
   * @default {undefined}
   */
  user?: number | undefined;
  /**
   * The id of the group as which the program runs. Not on Windows.
   *
   * @default {undefined}
   */
  group?: number | undefined;
  /**
   * Whether the program and all that it starts are a process group and a session of their own (Python's
   * `start_new_session`).
   *
   * - `"own"`: the whole tree can be ended for certain, also those whose parent has ended. The program has no
   *   terminal: Ctrl-C does not reach it, and it goes on when it ends this process. Needs `--allow-run`, or
   *   `kill` or `sh` among its programs. Not on Windows.
   * - `"shared"`: Ctrl-C in a terminal ends the program as well. The tree is found by the program `ps` when
   *   it is to be ended, which needs `--allow-run`; without it only the program itself is ended.
   *
   * The functions that end the tree by themselves ({@linkcode run} with `timeoutMs`, `signal` or
   * `maxOutputBytes`) choose `"own"` where they may and none of this process's own standard streams is a
   * terminal.
   *
   * @default {"shared"}
   */
  processGroup?: "own" | "shared" | undefined;
  /**
   * The most bytes of output that are collected, of both streams together. When there are more, the whole
   * tree is ended, and an {@linkcode OutputLimitError} has what was read.
   *
   * @default {Infinity}
   */
  maxOutputBytes?: number | undefined;
  /**
   * How long output is still waited for when the program has ended, but a process that it left behind keeps
   * the pipe open, in milliseconds. Then the output counts as complete, and `isCut` says so. Python waits
   * for ever, as `Infinity` does.
   *
   * @default {1000}
   */
  pipeGraceMs?: number | undefined;
  /**
   * How long the tree may take to end after SIGTERM, before SIGKILL, in milliseconds; `0` is SIGKILL at once.
   *
   * @default {2000}
   */
  terminateGraceMs?: number | undefined;
}

/** Options of {@linkcode run} and {@linkcode call}: those of {@linkcode Popen}, and how it is run. */
export interface CallOptions extends PopenOptions {
  /**
   * How long the program may take, in milliseconds. When the time is over its whole tree is ended.
   *
   * @default {Infinity}
   */
  timeoutMs?: number | undefined;
  /**
   * Ends the program with its whole tree; the promise rejects with the signal's reason. An already aborted
   * signal starts nothing.
   *
   * @default {undefined}
   */
  signal?: AbortSignal | undefined;
}

/** Options of {@linkcode checkOutput}. */
export interface CheckOutputOptions extends CallOptions {
  /**
   * What the program reads from its standard input; `null` is nothing at all. It is not to be given
   * together with `stdin`.
   *
   * @default {undefined}
   */
  input?: string | Uint8Array | null | undefined;
}

/** Options of {@linkcode run}. */
export interface RunOptions extends CheckOutputOptions {
  /**
   * Whether standard output and standard error are both `"pipe"`.
   *
   * @default {false}
   */
  captureOutput?: boolean | undefined;
  /**
   * Whether an exit code other than 0 is an error.
   *
   * @default {false}
   */
  check?: boolean | undefined;
}

/** No options: the default of type parameters. */
export type NoOptions = Record<never, never>;

/**
 * The type of one option; `undefined` where it is not given.
 *
 * @typeParam O The options.
 * @typeParam Name The name of the option.
 */
export type OptionOf<O, Name extends string> = Name extends keyof O ? O[Name] : undefined;

/**
 * What output is: a string with `text`, `encoding` or `errors`, otherwise bytes.
 *
 * @typeParam O The options.
 */
export type OutputOf<O> = [OptionOf<O, "text">] extends [true] ? string
  : [OptionOf<O, "encoding">] extends [string] ? string
  : [OptionOf<O, "errors">] extends [string] ? string
  : [OptionOf<O, "text">, OptionOf<O, "encoding">, OptionOf<O, "errors">] extends
    [false | undefined, undefined, undefined] ? Uint8Array<ArrayBuffer>
  : string | Uint8Array<ArrayBuffer>;

/**
 * What is there when a stream is `"pipe"`: the type; `undefined` when it is something else; both when the
 * options do not tell.
 *
 * @typeParam O The options.
 * @typeParam Name The name of the stream.
 * @typeParam T What is there.
 */
export type WhenPiped<O, Name extends "stdin" | "stdout" | "stderr", T> =
  [OptionOf<O, Name>] extends ["pipe"] ? T
    : "pipe" extends OptionOf<O, Name> ? T | undefined
    : undefined;

/**
 * What was captured of a stream by {@linkcode run}.
 *
 * @typeParam O The options.
 * @typeParam Name The name of the stream.
 */
export type Captured<O, Name extends "stdout" | "stderr"> = [OptionOf<O, "captureOutput">] extends
  [true] ? OutputOf<O>
  : [OptionOf<O, "captureOutput">] extends [false | undefined] ? WhenPiped<O, Name, OutputOf<O>>
  : OutputOf<O> | undefined;
