import {
  QueueEmptyError,
  QueueFullError,
  QueueShutDownError,
  TimeoutError,
} from "../coroutine/errors.ts";
import {
  AuthenticationError,
  ConnectionClosedError,
  ConnectionLostError,
  ProtocolError,
} from "../ipc/mod.ts";
import { HOST_NOT_FOUND } from "../ipc/_connect.ts";
import { UsageError } from "./_cli_arguments.ts";
import { EXIT } from "./_cli_command.ts";
import { EngineUnavailableError } from "./task_errors.ts";

/** A task has come to nothing: what the program was to do has failed, but not the program. */
export class TaskFailure extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TaskFailure";
  }
}

const { errors } = Deno;
const UNREACHABLE = [
  errors.ConnectionRefused,
  errors.ConnectionReset,
  errors.ConnectionAborted,
  errors.BrokenPipe,
  errors.TimedOut,
  errors.NotConnected,
  EngineUnavailableError,
  ConnectionLostError,
  ConnectionClosedError,
];

/** Says an error in a line, with the code that the program ends with. */
export function explainError(error: unknown): { code: number; line: string } {
  const { name, message } = error as Partial<Error>;
  const text = message === undefined ? String(error) : `${message}`;
  // A stack tells a user nothing: one line does.
  const line = text.split("\n")[0]!.trim();
  if (error instanceof UsageError) return { code: EXIT.usage, line };
  if (error instanceof AuthenticationError) {
    return {
      code: EXIT.wrongKey,
      line: /keys differ|digest/.test(line) ? `Wrong key: ${line}` : line,
    };
  }
  if (UNREACHABLE.some((kind) => error instanceof kind) || error instanceof ProtocolError) {
    return { code: EXIT.noConnection, line };
  }
  // Hosts that cannot be found or reached have no class of their own in every version.
  if (
    name === HOST_NOT_FOUND || /Unreachable$/.test(name ?? "") ||
    /failed to lookup address|dns error/i.test(line)
  ) {
    return { code: EXIT.noConnection, line };
  }
  if (
    error instanceof QueueEmptyError || error instanceof QueueFullError ||
    error instanceof TimeoutError
  ) {
    return { code: EXIT.timeout, line };
  }
  if (error instanceof TaskFailure || error instanceof QueueShutDownError) {
    return { code: EXIT.failed, line };
  }
  if (error instanceof errors.NotCapable) {
    return { code: EXIT.failed, line: `A permission is missing: ${line}` };
  }
  return { code: EXIT.failed, line: isPlain(name, line) ? line : `${name}: ${line}` };
}

/** Whether a message says enough without the name of the error. */
function isPlain(name: string | undefined, message: string): boolean {
  const known = ["Error", "TypeError", "RangeError", "ReferenceError", undefined];
  return known.includes(name) || /^(Cannot|There is) /.test(message);
}
