/** How a failure sentence ends: with the caller's own message, or else with a full stop. */
export function suffix(msg: string | undefined): string {
  return msg ? `: ${msg}` : ".";
}
