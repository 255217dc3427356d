/** What the runtime adds to the number of the signal that ended a process, as shells do. */
const UNIX_SHIFT = 128;

/** The exit code as Python has it: `-n` when signal number n ended the process. */
export function exitCodeOf(status: Deno.CommandStatus): number {
  return status.signal === null ? status.code : -(status.code - UNIX_SHIFT);
}
