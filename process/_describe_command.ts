import type { CommandLine } from "./subprocess_options.ts";

/** How much of a command and of its standard error a message shows. */
const MOST_SHOWN = 200;

/** A command for messages: words that need no quotes have none. */
export function describeCommand(command: CommandLine): string {
  const text = Array.isArray(command)
    ? (command as readonly (string | URL)[]).map((word) => quote(`${word}`, '"')).join(" ")
    : quote(`${command}`, "`");
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text;
}

function quote(word: string, mark: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return mark === '"' ? JSON.stringify(word) : mark + word + mark;
}

/** How a program ended, for messages. */
export function describeEnd(
  returnCode: number,
  signal: string | undefined,
  stderr: string | Uint8Array | undefined,
): string {
  const end = returnCode >= 0
    ? `exit code ${returnCode}`
    : `ended by ${signal ?? "the unknown signal"} (${-returnCode})`;
  const words = lastWords(stderr);
  return words === "" ? end : `${end}; it said: ${words}`;
}

/** The last line of what a program wrote to its standard error, which is where it says why it failed. */
function lastWords(stderr: string | Uint8Array | undefined): string {
  if (stderr === undefined) return "";
  const end = typeof stderr === "string"
    ? stderr.slice(-4 * MOST_SHOWN)
    : new TextDecoder().decode(stderr.subarray(-4 * MOST_SHOWN));
  const line = end.trimEnd().split("\n").at(-1)?.trim() ?? "";
  return line.length > MOST_SHOWN ? `…${line.slice(-MOST_SHOWN)}` : line;
}
