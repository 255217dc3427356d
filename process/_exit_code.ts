/** What the runtime adds to the number of the signal that ended a process, as shells do. */
const UNIX_SHIFT = 128;

/** The numbers of the signals that end a process on Windows, where there are no others. */
const ENDING: Readonly<Record<string, number>> = { SIGKILL: 9, SIGTERM: 15 };

/** The exit code of a process that was ended from outside on Windows. */
const ENDED_ON_WINDOWS = 1;

/**
 * How a process ended. Windows does not tell that a signal has done it: there are none, and who sends one ends the
 * process with an exit code. Python tells it of its own processes all the same.
 *
 * @param asked The signal that this process has sent to it last.
 */
export function statusAsAsked(
  status: Deno.CommandStatus,
  asked: Deno.Signal | undefined,
  os: string = Deno.build.os,
): Deno.CommandStatus {
  const number = ENDING[asked ?? ""];
  if (os !== "windows" || number === undefined || status.code !== ENDED_ON_WINDOWS) return status;
  return { success: false, code: UNIX_SHIFT + number, signal: asked! };
}

/** The exit code as Python has it: `-n` when signal number n ended the process. */
export function exitCodeOf(status: Deno.CommandStatus): number {
  return status.signal === null ? status.code : -(status.code - UNIX_SHIFT);
}
