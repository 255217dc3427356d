import type { OptionSpec } from "./_cli_arguments.ts";
import { type Command, EXIT_CODES } from "./_cli_command.ts";

/** How the program is called. */
const PROGRAM = "manyhands";

const WIDTH = 100;

/** The help of the program. */
export function describeProgram(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name, words }) => `${name} ${words}`.length));
  const lines = commands.map(({ name, words, summary }) =>
    `  ${`${name} ${words}`.padEnd(width)}  ${summary}`
  );
  return `Task queues for workers on any number of machines.

Usage: ${PROGRAM} COMMAND [OPTIONS]

Commands:
${lines.join("\n")}

"${PROGRAM} COMMAND --help" tells the options of a command, the permissions that it needs, and examples.

The program is called as
  deno run PERMISSIONS jsr:@manyhands/concurrency/distributed/cli COMMAND
which is written as "${PROGRAM}" here.

The key, which everybody who takes part must have, is in the variable MANYHANDS_AUTHKEY, or in a file that
--authkey-file names. It is never an argument: everybody on a machine can read those.

${EXIT_CODES}`;
}

/** The help of a command. */
export function describeCommand(command: Command): string {
  const { name, words, description, options, examples, permissions } = command;
  const usage = [PROGRAM, name, words, "[OPTIONS]"].filter(Boolean).join(" ");
  return `Usage: ${usage}

${description}

Options:
${[...options, HELP].map(describeOption).join("\n")}

Permissions:
  ${permissions}

Examples:
${examples.map((example) => `  ${example.replaceAll("\n", "\n  ")}`).join("\n")}

${EXIT_CODES}`;
}

/** The option that every command has. */
export const HELP: OptionSpec = { name: "help", help: "print this text" };

const COLUMN = 24;

function describeOption({ name, value, help }: OptionSpec): string {
  const left = `  --${name}${value === undefined ? "" : ` ${value}`}`;
  const lines: string[] = [];
  let line = left.padEnd(COLUMN);
  if (left.length > COLUMN - 2) {
    lines.push(left);
    line = " ".repeat(COLUMN);
  }
  for (const word of help.split(" ")) {
    if (line.length + word.length > WIDTH) {
      lines.push(line.trimEnd());
      line = " ".repeat(COLUMN);
    }
    line += `${word} `;
  }
  return [...lines, line.trimEnd()].join("\n");
}
