import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { checkCommand, checkEnv } from "./_start_program.ts";
import { hasTerminal, maySignalGroups } from "./_process_tree.ts";
import { readTextFormat, type TextFormat } from "./_text_codec.ts";
import type {
  ByteReader,
  ByteWriter,
  CommandLine,
  PopenOptions,
  StandardError,
  StandardInput,
  StandardOutput,
} from "./subprocess_options.ts";

/** How long output is waited for when something else holds the pipe. */
const PIPE_GRACE_MS = 1_000;

/** How long a tree that was told to end may take before it is killed. */
const TERMINATE_GRACE_MS = 2_000;

const NAMES: Record<keyof PopenOptions, true> = {
  stdin: true,
  stdout: true,
  stderr: true,
  text: true,
  encoding: true,
  errors: true,
  cwd: true,
  env: true,
  shell: true,
  executable: true,
  user: true,
  group: true,
  processGroup: true,
  maxOutputBytes: true,
  pipeGraceMs: true,
  terminateGraceMs: true,
};

/** The options of a program, checked and with their defaults. */
export interface PopenSettings {
  readonly stdin: StandardInput;
  readonly stdout: StandardOutput;
  readonly stderr: StandardError;
  /** `undefined` when output is bytes. */
  readonly text: TextFormat | undefined;
  /** The encoding of strings that are written. */
  readonly inputEncoding: string;
  readonly cwd: string | URL | undefined;
  readonly env: Readonly<Record<string, string>> | undefined;
  readonly shell: boolean;
  readonly executable: string | URL | undefined;
  readonly user: number | undefined;
  readonly group: number | undefined;
  readonly ownsGroup: boolean;
  /** Whether the shell sends standard error to where standard output goes. */
  readonly shellMerges: boolean;
  readonly maxOutputBytes: number;
  readonly pipeGraceMs: number;
  readonly terminateGraceMs: number;
}

/**
 * Checks the options of a program, before anything is started.
 *
 * @throws {TypeError} When one is of the wrong kind, or unknown.
 * @throws {RangeError} When one is out of its range.
 */
export function readSettings(command: CommandLine, options: PopenOptions): PopenSettings {
  checkNames(options, NAMES);
  const { stdin = "inherit", stdout = "inherit", stderr = "inherit", shell = false } = options;
  checkCommand(command, { shell });
  checkEnv(options.env);
  if (!isInput(stdin)) throw wrongStream("stdin", stdin);
  if ((stdout as string) === "stdout") {
    throw new TypeError('Cannot start a program: "stdout" is for "stderr" only');
  }
  if (!isOutput(stdout)) throw wrongStream("stdout", stdout);
  if (stderr !== "stdout" && !isOutput(stderr)) throw wrongStream("stderr", stderr);
  const { text, encoding, errors, processGroup = "shared", maxOutputBytes = Infinity } = options;
  const isText = text === true || encoding !== undefined || errors !== undefined;
  const format = readTextFormat(encoding, errors);
  if (processGroup !== "own" && processGroup !== "shared") {
    throw new TypeError(
      `Cannot start a program: "processGroup" must be "own" or "shared", got "${processGroup}"`,
    );
  }
  if (processGroup === "own") checkGroupPermission();
  if (typeof maxOutputBytes !== "number") {
    throw new TypeError(
      `Cannot start a program: "maxOutputBytes" must be a number, got ${typeof maxOutputBytes}`,
    );
  }
  if (Number.isNaN(maxOutputBytes) || maxOutputBytes < 0) {
    throw new RangeError(
      `Cannot start a program: "maxOutputBytes" must be 0 or more, got ${maxOutputBytes}`,
    );
  }
  return {
    stdin,
    stdout,
    stderr,
    text: isText ? format : undefined,
    inputEncoding: format.encoding,
    cwd: options.cwd,
    env: options.env,
    shell,
    executable: options.executable,
    user: readId("user", options.user),
    group: readId("group", options.group),
    ownsGroup: processGroup === "own",
    // Only a shell can join two streams for certain, and only one that is known to be of that kind.
    shellMerges: stderr === "stdout" && shell && options.executable === undefined &&
      Deno.build.os !== "windows",
    maxOutputBytes,
    pipeGraceMs: checkTimeout(options.pipeGraceMs ?? PIPE_GRACE_MS, "pipeGraceMs"),
    terminateGraceMs: checkTimeout(
      options.terminateGraceMs ?? TERMINATE_GRACE_MS,
      "terminateGraceMs",
    ),
  };
}

/**
 * Checks that there is no option that nobody knows.
 *
 * @throws {TypeError} When there is one.
 */
export function checkNames(options: object, names: Readonly<Record<string, true>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || Object.hasOwn(names, name)) continue;
    throw new TypeError(
      `Cannot start a program: there is no option "${name}"; there are ${
        Object.keys(names).join(", ")
      }`,
    );
  }
}

/** The group for a program whose tree may have to be ended: its own, where that is no loss. */
export function groupForEnding(): "own" | "shared" {
  return maySignalGroups() && !hasTerminal() ? "own" : "shared";
}

/** Whether this is a stream or a file to write to. */
export function isSink(value: unknown): value is WritableStream<Uint8Array> | ByteWriter {
  return value instanceof WritableStream || hasMethod(value, "write");
}

/** Whether this is a stream or a file to read from. */
export function isSource(
  value: unknown,
): value is ReadableStream<Uint8Array | string> | ByteReader {
  return value instanceof ReadableStream || hasMethod(value, "read");
}

function isInput(value: unknown): boolean {
  return isWord(value) || isSource(value);
}

function isOutput(value: unknown): boolean {
  return isWord(value) || isSink(value);
}

function isWord(value: unknown): boolean {
  return value === "inherit" || value === "pipe" || value === "devnull";
}

function hasMethod(value: unknown, name: string): boolean {
  return typeof value === "object" && value !== null &&
    typeof (value as Record<string, unknown>)[name] === "function";
}

function wrongStream(name: string, value: unknown): TypeError {
  const words = name === "stderr"
    ? '"inherit", "pipe", "devnull", "stdout"'
    : '"inherit", "pipe", "devnull"';
  const got = typeof value === "string" ? `"${value}"` : value === null ? "null" : typeof value;
  return new TypeError(
    `Cannot start a program: "${name}" must be ${words}, a stream or a file, got ${got}`,
  );
}

function checkGroupPermission(): void {
  if (Deno.build.os === "windows") {
    throw new Deno.errors.NotSupported(
      'Cannot start a program: "processGroup" cannot be "own" on Windows, which has no process groups',
    );
  }
  if (maySignalGroups()) return;
  throw new Deno.errors.NotCapable(
    "Cannot start a program in a process group of its own: ending the group needs --allow-run, " +
      "or --allow-run=kill for that alone",
  );
}

/** Checks the number of a user or a group. */
export function readId(
  name: string,
  id: number | undefined,
  os: string = Deno.build.os,
): number | undefined {
  if (id === undefined) return undefined;
  // The runtime ignores it there: the program would run with all that this one may do.
  if (os === "windows") {
    throw new Deno.errors.NotSupported(
      `Cannot start a program: "${name}" cannot be set on Windows, where users have no numbers`,
    );
  }
  if (typeof id !== "number") {
    throw new TypeError(
      `Cannot start a program: "${name}" must be the number of a ${name}, got ${typeof id}`,
    );
  }
  if (!Number.isInteger(id) || id < 0 || id > 0xffff_fffe) {
    throw new RangeError(
      `Cannot start a program: "${name}" must be a whole number from 0 to 4294967294, got ${id}`,
    );
  }
  return id;
}
