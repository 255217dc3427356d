import { type Address, type AddressLike, formatAddress, parseAddress } from "./address.ts";

/** The two kinds of addresses, by the names that Python has for them. */
export type AddressFamily = "AF_INET" | "AF_UNIX";

/** Where a listener listens: over TCP, or at a path of a Unix socket. */
export type Place =
  | { readonly family: "AF_INET"; readonly address: Address }
  | { readonly family: "AF_UNIX"; readonly path: string };

const FAMILIES: readonly unknown[] = ["AF_INET", "AF_UNIX"];

/**
 * Reads where to listen or to connect. Text with a slash, or that begins with a zero character (a name that
 * is in no folder), is a path.
 *
 * @param action What is tried, for the texts of errors.
 */
export function readPlace(
  action: string,
  address: AddressLike,
  family: AddressFamily | undefined,
  os: string = Deno.build.os,
): Place {
  if (family !== undefined && !FAMILIES.includes(family)) {
    throw new RangeError(
      `${action}: "family" must be "AF_INET" or "AF_UNIX", got ${JSON.stringify(family)}`,
    );
  }
  if (typeof address === "string") {
    if (address.startsWith("\\\\")) {
      throw new RangeError(
        `${action} on ${JSON.stringify(address)}: there are no named pipes of Windows here; ` +
          "use a TCP address",
      );
    }
    const isPath = family === "AF_UNIX" ||
      (family === undefined && (address.includes("/") || address.startsWith("\0")));
    if (isPath) return readPath(action, address, os);
  } else if (family === "AF_UNIX") {
    throw new TypeError(`${action}: an address of the family "AF_UNIX" is a path, a string`);
  }
  return { family: "AF_INET", address: parseAddress(address) };
}

function readPath(action: string, path: string, os: string): Place {
  if (os === "windows") {
    throw new RangeError(`${action}: Windows has no Unix sockets here; use a TCP address`);
  }
  if (path === "" || path === "\0") throw new RangeError(`${action}: the path is empty`);
  if (path.startsWith("\0") && os !== "linux" && os !== "android") {
    throw new RangeError(`${action}: names without a file are for Linux only`);
  }
  return { family: "AF_UNIX", path };
}

/** A place as text. */
export function formatPlace(place: Place): string {
  return place.family === "AF_INET" ? formatAddress(place.address) : place.path.replace("\0", "@");
}

/** The permissions that a place needs, as flags. */
export function permissionFlags(place: Place, net: string): string {
  if (place.family === "AF_INET") return `--allow-net=${net}`;
  const { path } = place;
  if (path.startsWith("\0")) return "--allow-net";
  return `--allow-net=unix:${path} --allow-read=${path} --allow-write=${path}`;
}
