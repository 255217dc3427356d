import { exitCodeOf } from "./_exit_code.ts";
import { ProcessDiedError } from "./errors.ts";

/** How V8 ends a process whose heap is full: by an instruction that traps, or by `abort()`. */
const FATAL_SIGNALS = new Set<string | null>(["SIGTRAP", "SIGABRT", "SIGILL"]);

/** The same, told by a shell or a script that ran the program: 128 and the number of the signal. */
const FATAL_CODES = new Set([132, 133, 134]);

/** What is said of a process that ended too early. */
export interface Death {
  readonly name: string;
  readonly pid: number;
  readonly status: Deno.CommandStatus;
  /** What it had not done: `"square" had returned`. */
  readonly before: string;
  readonly memoryLimitMb: number | undefined;
}

/** How a process ended, and why, if one can guess. */
export function describeEnd(
  { signal, exitCode }: { readonly signal: Deno.Signal | null; readonly exitCode: number },
  memoryLimitMb: number | undefined,
): { readonly how: string; readonly why: string } {
  const how = signal === null ? `ended with exit code ${exitCode}` : `was ended by ${signal}`;
  const isFatal = FATAL_SIGNALS.has(signal) || (signal === null && FATAL_CODES.has(exitCode));
  const limit = memoryLimitMb === undefined ? "" : `, whose limit was ${memoryLimitMb} MB`;
  // The runtime says it on standard error, and to its parent by this signal alone.
  const why = isFatal ? `, as the runtime does when it is out of memory (heap${limit})` : "";
  return { how, why };
}

/** The error for a process that ended too early. */
export function processDeath(death: Death): ProcessDiedError {
  const { name, pid, status, before, memoryLimitMb } = death;
  const { signal } = status;
  const exitCode = exitCodeOf(status);
  const { how, why } = describeEnd({ signal, exitCode }, memoryLimitMb);
  return new ProcessDiedError(`${name} (pid ${pid}) ${how} before ${before}${why}`, {
    pid,
    exitCode,
    signal,
  });
}
