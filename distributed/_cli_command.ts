import type { Arguments, OptionSpec } from "./_cli_arguments.ts";

/** With what the program ends. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  noConnection: 3,
  wrongKey: 4,
  timeout: 5,
} as const;

/** What the codes mean, for the help. */
export const EXIT_CODES = `Exit codes:
  0  everything went well
  1  something failed: a task, a module, a missing permission
  2  the command line makes no sense
  3  nobody answers at the address, or the connection was lost
  4  the key is wrong, or a certificate is not trusted
  5  the time given by --timeout is over`;

/** What the program has of the world around it. */
export interface CommandIo {
  /** Writes a line of results. */
  print(line: string): void;
  /** Writes a line to whoever watches. */
  complain(line: string): void;
  /** Reads everything that is fed to the program. */
  readInput(): Promise<string>;
  /** Waits for signals to end: a first one, in order; a second one, at once. */
  listen(): Stop;
  /** The terminal, when there is one. */
  readonly screen: Screen | undefined;
}

/** The wish of the user that the program ends. */
export interface Stop extends Disposable {
  /** Aborts with the first signal. */
  readonly inOrder: AbortSignal;
  /** Aborts with the second signal. */
  readonly atOnce: AbortSignal;
}

/** A terminal that is drawn on. */
export interface Screen {
  /** How many characters fit into a line, and how many lines there are. */
  size(): { columns: number; rows: number };
  /** Writes as is. */
  write(text: string): void;
  /** The keys that are pressed, one at a time, until the signal aborts. */
  keys(signal: AbortSignal): AsyncIterable<string>;
}

/** A command. */
export interface Command {
  readonly name: string;
  /** What follows the name. */
  readonly words: string;
  /** How many words at least and at most. */
  readonly wordCount: readonly [least: number, most: number];
  readonly summary: string;
  /** More about it, in lines of the help. */
  readonly description: string;
  readonly options: readonly OptionSpec[];
  readonly permissions: string;
  readonly examples: readonly string[];
  /** Does it, and answers the exit code. */
  run(args: Arguments, io: CommandIo): Promise<number>;
}
