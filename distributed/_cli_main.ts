import { Arguments, UsageError } from "./_cli_arguments.ts";
import { type Command, type CommandIo, EXIT } from "./_cli_command.ts";
import { explainError } from "./_cli_errors.ts";
import { get } from "./_cli_get.ts";
import { describeCommand, describeProgram, HELP } from "./_cli_help.ts";
import { ping } from "./_cli_ping.ts";
import { put } from "./_cli_put.ts";
import { serve } from "./_cli_serve.ts";
import { stats } from "./_cli_stats.ts";
import { top } from "./_cli_top.ts";
import { worker } from "./_cli_worker.ts";

/** All commands. */
export const COMMANDS: readonly Command[] = [serve, worker, put, get, stats, top, ping];

/**
 * Does what the arguments say.
 *
 * @param args The arguments, the command first.
 * @param io The world around the program.
 * @returns The exit code.
 */
export async function runCommandLine(args: readonly string[], io: CommandIo): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) {
    io.complain(describeProgram(COMMANDS));
    return EXIT.usage;
  }
  if (name === "--help" || name === "-h" || name === "help") {
    const about = COMMANDS.find((command) => command.name === rest[0]);
    io.print(about === undefined ? describeProgram(COMMANDS) : describeCommand(about));
    return EXIT.ok;
  }
  const command = COMMANDS.find((command) => command.name === name);
  try {
    if (command === undefined) {
      const names = COMMANDS.map(({ name }) => name).join(", ");
      throw new UsageError(`There is no command "${name}"; there are ${names}. --help tells more`);
    }
    // What stands behind "--" is the user's.
    const end = rest.indexOf("--");
    if (rest.slice(0, end < 0 ? undefined : end).includes("-h")) {
      io.print(describeCommand(command));
      return EXIT.ok;
    }
    const parsed = new Arguments(rest, [...command.options, HELP]);
    if (parsed.has("help")) {
      io.print(describeCommand(command));
      return EXIT.ok;
    }
    checkWords(command, parsed.words);
    return await command.run(parsed, io);
  } catch (error) {
    const { code, line } = explainError(error);
    io.complain(line);
    return code;
  }
}

function checkWords(
  { name, words, wordCount: [least, most] }: Command,
  given: readonly string[],
): void {
  if (given.length >= least && given.length <= most) return;
  const unwanted = given.slice(most).map((word) => `"${word}"`).join(", ");
  throw new UsageError(
    given.length < least
      ? `Command ${name} needs ${words}; --help tells more`
      : `Command ${name} cannot use ${unwanted}; --help tells more`,
  );
}
