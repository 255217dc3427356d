/**
 * What a listener says in place of its challenge to somebody whom it does not serve. Python's client shows it in
 * its error.
 */

const REFUSED = "#REFUSED#";

/** The frame's content. It must fit into a message of the handshake. */
export function writeRefusal(text: string): Uint8Array {
  return new TextEncoder().encode(REFUSED + text);
}

/** Why the other side refuses; `undefined` when it does not, or in words that are not fit to be shown. */
export function readRefusal(frame: Uint8Array): string | undefined {
  const text = new TextDecoder("latin1").decode(frame);
  const reason = text.startsWith(REFUSED) ? text.slice(REFUSED.length) : "";
  return /^[ -~]+$/.test(reason) ? reason : undefined;
}
