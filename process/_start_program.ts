import { mayRun } from "./_may_run.ts";
import { fromFileUrl } from "./_permission_flags.ts";
import type { CommandLine } from "./subprocess_options.ts";

/** What {@linkcode startProgram} needs: what the user gave, checked, and what the runtime is to do. */
export interface StartOptions {
  readonly shell: boolean;
  readonly executable: string | URL | undefined;
  readonly cwd: string | URL | undefined;
  readonly env: Readonly<Record<string, string>> | undefined;
  readonly user: number | undefined;
  readonly group: number | undefined;
  readonly ownsGroup: boolean;
  readonly stdin: "inherit" | "piped" | "null";
  readonly stdout: "inherit" | "piped" | "null";
  readonly stderr: "inherit" | "piped" | "null";
  /** Whether the shell is to send standard error to where standard output goes. */
  readonly shellMerges: boolean;
}

/** A program and its arguments, as the runtime takes them. */
interface Words {
  readonly program: string | URL;
  readonly args: string[];
}

/**
 * Starts a program.
 *
 * @throws {Deno.errors.NotFound} When there is no such program or directory.
 * @throws {Deno.errors.PermissionDenied} When the program cannot be executed.
 * @throws {Deno.errors.NotCapable} When this process may not run it.
 */
export function startProgram(command: CommandLine, options: StartOptions): Deno.ChildProcess {
  const { program, args } = options.shell
    ? shellWords(command, options)
    : plainWords(command, options.executable);
  const { cwd, env, user, group } = options;
  try {
    return new Deno.Command(program, {
      args,
      stdin: options.stdin,
      stdout: options.stdout,
      stderr: options.stderr,
      ...(cwd === undefined ? {} : { cwd }),
      ...(env === undefined ? {} : { env: { ...env }, clearEnv: true }),
      ...(user === undefined ? {} : { uid: user }),
      ...(group === undefined ? {} : { gid: group }),
      ...(options.ownsGroup ? { detached: true } : {}),
      ...(options.shell && Deno.build.os === "windows" ? { windowsRawArguments: true } : {}),
    }).spawn();
  } catch (error) {
    throw explain(error, program, options);
  }
}

/**
 * Checks a command.
 *
 * @throws {TypeError} When it is none.
 */
export function checkCommand(command: CommandLine, options: { shell: boolean }): void {
  const words: readonly unknown[] = Array.isArray(command) ? command : [command];
  if (words.length === 0) throw new TypeError("Cannot start a program: the command is empty");
  words.forEach((word, i) => {
    if (word instanceof URL && !(i === 0 && options.shell)) return;
    const name = i === 0 ? "the program" : `argument ${i}`;
    if (typeof word !== "string") {
      const accepted = options.shell && i === 0 ? "a string" : "a string or a URL";
      const got = word instanceof URL ? "a URL" : word === null ? "null" : typeof word;
      throw new TypeError(`Cannot start a program: ${name} must be ${accepted}, got ${got}`);
    }
    if (i === 0 && word === "") throw new TypeError(`Cannot start a program: its name is empty`);
    checkText(word, name);
  });
}

/**
 * Checks environment variables.
 *
 * @throws {TypeError} When a program could not be given one of them.
 */
export function checkEnv(env: Readonly<Record<string, string>> | undefined): void {
  for (const [name, value] of Object.entries(env ?? {})) {
    const shown = JSON.stringify(name);
    if (typeof value !== "string") {
      throw new TypeError(
        `Cannot start a program: the variable ${shown} of "env" must be a string, got ${typeof value}`,
      );
    }
    if (name === "" || name.includes("=")) {
      throw new TypeError(
        `Cannot start a program: ${shown} of "env" cannot be the name of a variable`,
      );
    }
    checkText(name, `the name ${shown} of "env"`);
    checkText(value, `the variable ${shown} of "env"`);
  }
}

function checkText(text: string, name: string): void {
  if (text.includes("\0")) {
    throw new TypeError(`Cannot start a program: ${name} has a null character`);
  }
}

function plainWords(command: CommandLine, executable: string | URL | undefined): Words {
  const [first = "", ...rest] = Array.isArray(command)
    ? command as readonly (string | URL)[]
    : [command as string | URL];
  return { program: executable ?? first, args: rest.map(toArgument) };
}

function shellWords(command: CommandLine, options: StartOptions): Words {
  const [script = "", ...rest] = Array.isArray(command)
    ? command as readonly (string | URL)[]
    : [command as string];
  const words = rest.map(toArgument);
  if (Deno.build.os === "windows") {
    const line = [`${script}`, ...words].join(" ");
    return { program: options.executable ?? "cmd.exe", args: ["/d", "/s", "/c", `"${line}"`] };
  }
  const program = options.executable ?? (mayRun("/bin/sh") || !mayRun("sh") ? "/bin/sh" : "sh");
  return {
    program,
    args: ["-c", options.shellMerges ? `exec 2>&1\n${script}` : `${script}`, ...words],
  };
}

/** What the runtime says, with what to do about it. */
function explain(error: unknown, program: string | URL, options: StartOptions): unknown {
  const name = `"${program}"`;
  const message = error instanceof Error ? error.message : "";
  const cause = { cause: error };
  if (error instanceof Deno.errors.NotCapable) {
    const variable = /\b((?:LD|DYLD)_\w*)\b/.exec(message)?.[1];
    return new Deno.errors.NotCapable(
      variable === undefined
        ? `Cannot start ${name}: run again with --allow-run=${program}`
        : `Cannot start ${name}: its environment has ${variable}, which needs --allow-run for all ` +
          'programs; pass an "env" without it',
      cause,
    );
  }
  if (error instanceof Deno.errors.NotFound || /cwd is not a directory/.test(message)) {
    if (options.cwd !== undefined && /\bcwd\b/.test(message)) {
      return new Deno.errors.NotFound(
        `Cannot start ${name}: there is no directory "${options.cwd}" to run it in`,
        cause,
      );
    }
    const isPath = program instanceof URL || /[/\\]/.test(program);
    const where = !isPath
      ? `on the PATH${options.env?.PATH === undefined ? "" : ' of "env"'}`
      : options.cwd === undefined || program instanceof URL || /^([/\\]|\w:)/.test(program)
      ? ""
      : `in the directory "${options.cwd}"`;
    return new Deno.errors.NotFound(
      `Cannot start ${name}: there is no such program${where === "" ? "" : ` ${where}`}`,
      cause,
    );
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return new Deno.errors.PermissionDenied(
      `Cannot start ${name}: the system does not let it be executed`,
      cause,
    );
  }
  return error;
}

function toArgument(word: string | URL): string {
  if (!(word instanceof URL)) return word;
  return word.protocol === "file:" ? fromFileUrl(word) : word.href;
}
