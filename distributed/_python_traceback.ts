import { RemoteError } from "../ipc/errors.ts";

/** The error of a traceback that a Python server has sent in place of an answer. */
export function remoteTraceback(kind: "#TRACEBACK" | "#UNSERIALIZABLE", text: string): RemoteError {
  // The last line that is not part of the way there says what happened.
  const line = text.trimEnd().split("\n").findLast((line) => /^\S/.test(line)) ?? "";
  const message = kind === "#TRACEBACK" ? line : `Python cannot send the answer: ${line}`;
  return new RemoteError(message, {
    name: "RemoteError",
    cause: new RemoteError(text, { name: "RemoteTraceback" }),
  });
}
