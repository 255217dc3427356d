/**
 * Whether a request is for this machine under a name that it answers to. A web page can have its own name lead
 * to an address of the reader's network, and then read what is served there; it cannot do so under an IP address
 * or `localhost`.
 */
export function answersTo(host: string | null, names: readonly string[]): boolean {
  if (host === null) return false;
  const match = /^(\[[0-9a-f:.]+\]|[^:\s]+)(?::\d+)?$/i.exec(host);
  if (match === null) return false;
  const name = match[1]!.toLowerCase().replace(/\.$/, "");
  return name.startsWith("[") || isIpv4(name) || name === "localhost" ||
    names.some((each) => each.toLowerCase() === name);
}

function isIpv4(name: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(name);
}
