/**
 * Where something listens.
 *
 * @module
 */

/** A TCP address. */
export interface Address {
  /** A host name or an IP address. `"0.0.0.0"` means every interface of this machine. */
  readonly hostname: string;
  /** A port from 0 to 65535. `0` lets the system choose a free one. */
  readonly port: number;
}

/**
 * An address in any of the forms in which users write it: `"127.0.0.1:5000"`, `"[::1]:5000"`,
 * Python's `["127.0.0.1", 5000]`, or an {@linkcode Address}.
 */
export type AddressLike = string | readonly [hostname: string, port: number] | Address;

/**
 * Reads an address. An empty host name means every interface, as in Python.
 *
 * @example The three forms
 * ```ts
 * import { parseAddress } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * const address = { hostname: "127.0.0.1", port: 5000 };
 * assertEquals(parseAddress("127.0.0.1:5000"), address);
 * assertEquals(parseAddress(["127.0.0.1", 5000]), address);
 * assertEquals(parseAddress(address), address);
 * ```
 *
 * @param address The address as the user wrote it.
 * @returns Host name and port.
 * @throws {TypeError} When it is in none of the three forms, or has no port.
 * @throws {RangeError} When the port is not from 0 to 65535.
 */
export function parseAddress(address: AddressLike): Address {
  let hostname: unknown;
  let port: unknown;
  if (typeof address === "string") {
    const match = /^(?:\[([^\[\]]*)\]|([^:\s]*)):(\d+)$/.exec(address);
    if (match === null) throw unreadable(JSON.stringify(address));
    hostname = match[1] ?? match[2];
    port = Number(match[3]);
  } else if (Array.isArray(address)) {
    if (address.length !== 2) throw unreadable(`an array of ${address.length} elements`);
    [hostname, port] = address;
  } else if (typeof address === "object" && address !== null) {
    ({ hostname, port } = address as Address);
  } else {
    throw unreadable(String(address));
  }
  if (typeof hostname !== "string" || typeof port !== "number") {
    throw unreadable(`host name ${String(hostname)} and port ${String(port)}`);
  }
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new RangeError(`Cannot use address: port must be from 0 to 65535, got ${port}`);
  }
  return { hostname: hostname === "" ? "0.0.0.0" : hostname, port };
}

/**
 * Writes an address as text, as {@linkcode parseAddress} reads it.
 *
 * @example An IPv6 address is put in brackets
 * ```ts
 * import { formatAddress } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatAddress({ hostname: "::1", port: 5000 }), "[::1]:5000");
 * ```
 *
 * @param address The address.
 * @returns Host name and port, with a colon between them.
 */
export function formatAddress(address: Address): string {
  const { hostname, port } = address;
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

function unreadable(got: string): TypeError {
  return new TypeError(
    `Cannot read address: expected "HOST:PORT", ["HOST", PORT] or { hostname, port }, got ${got}`,
  );
}
