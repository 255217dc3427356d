import type { Granted } from "./_granted.ts";
import { state } from "./_state.ts";
import type { Permissions, PermissionScope, PermissionSet } from "./permissions.ts";

const KINDS = ["read", "write", "net", "env", "run", "sys", "ffi", "import"] as const;

type Kind = typeof KINDS[number];

/** Every kind of `--allow-sys`, the one list that is finite. A child with one that is unknown cannot start. */
const SYS_KINDS = [
  "cpus",
  "getegid",
  "getPriority",
  "gid",
  "homedir",
  "hostname",
  "loadavg",
  "networkInterfaces",
  "osRelease",
  "osUptime",
  "setPriority",
  "statfs",
  "systemMemoryInfo",
  "uid",
  "userInfo",
  "username",
];

/** Which field of a permission descriptor names one thing of a kind. */
const FIELDS: Readonly<Record<Kind, string>> = {
  read: "path",
  write: "path",
  net: "host",
  env: "variable",
  run: "command",
  sys: "kind",
  ffi: "path",
  import: "host",
};

/**
 * Checks what the user gave, and resolves its words.
 *
 * @param permissions What the user grants.
 */
export function resolvePermissions(permissions: Permissions): Granted {
  const set = readPermissions(permissions);
  const granted: { -readonly [K in Kind]?: true | readonly string[] } = {};
  for (const kind of KINDS) {
    const entries = resolveScope(kind, set[kind]);
    if (entries === true || entries.length > 0) granted[kind] = entries;
  }
  return granted;
}

/**
 * The flags of `deno run` for a child's permissions.
 *
 * @param granted What the child may do.
 * @param channel Host and port that the child needs to reach its parent.
 */
export function permissionFlags(granted: Granted, channel: string): string[] {
  const flags: string[] = [];
  for (const kind of KINDS) {
    const entries = kind === "net" ? addHost(granted.net ?? [], channel) : granted[kind];
    if (entries === undefined) continue;
    flags.push(entries === true ? `--allow-${kind}` : `--allow-${kind}=${entries.join(",")}`);
  }
  return flags;
}

/**
 * Adds an address to what a child may reach.
 *
 * @param permissions What the user grants.
 * @param host Host and port.
 */
export function withNet(permissions: Permissions, host: string): PermissionSet {
  const set = readPermissions(permissions);
  return { ...set, net: addHost(resolveScope("net", set.net), host) };
}

function addHost(net: true | readonly string[], host: string): true | readonly string[] {
  return net === true ? true : [...net, host];
}

function readPermissions(permissions: Permissions): PermissionSet {
  if (permissions === "none") return {};
  if (permissions === "inherit") {
    return Object.fromEntries(KINDS.map((kind) => [kind, "inherit" as const]));
  }
  if (typeof permissions !== "object" || permissions === null) {
    throw new TypeError(
      `Cannot grant permissions: expected "none", "inherit" or an object, got ${
        String(permissions)
      }`,
    );
  }
  for (const kind of Object.keys(permissions)) {
    if (!KINDS.includes(kind as Kind)) {
      throw new TypeError(
        `Cannot grant permissions: "${kind}" is not one of ${KINDS.join(", ")}`,
      );
    }
  }
  return permissions;
}

function resolveScope(kind: Kind, scope: PermissionScope | undefined): true | string[] {
  if (scope === undefined || scope === false) return [];
  if (scope === true) return true;
  if (scope === "inherit") return heldOf(kind);
  if (!Array.isArray(scope)) {
    throw new TypeError(
      `Cannot grant permissions: "${kind}" must be true, false, "inherit" or an array`,
    );
  }
  return scope.map((entry) => checkEntry(kind, entryOf(kind, entry)));
}

/**
 * What this process holds of a kind, as far as it can be asked for. The runtime answers questions about a
 * whole kind or about one thing; it does not list. So the things that are likely are tried: what this
 * process was granted when it is a child itself, and what it takes to have children.
 */
function heldOf(kind: Kind): true | string[] {
  if (isHeld({ name: kind })) return true;
  const known = state.granted?.[kind];
  const candidates = new Set([...(Array.isArray(known) ? known : []), ...likelyEntries(kind)]);
  return [...candidates].filter((entry) => isHeld({ name: kind, [FIELDS[kind]]: entry }));
}

function likelyEntries(kind: Kind): readonly string[] {
  switch (kind) {
    case "read":
    case "write": {
      const cwd = readCwd();
      return cwd === undefined || cwd.includes(",") ? [] : [cwd];
    }
    case "net":
      return ["127.0.0.1"];
    case "run":
      return ["deno"];
    case "sys":
      return SYS_KINDS;
    default:
      return [];
  }
}

function readCwd(): string | undefined {
  if (!isHeld({ name: "read", path: "." })) return undefined;
  try {
    return Deno.cwd();
  } catch {
    // The directory was removed.
    return undefined;
  }
}

/** Whether a permission is held without an exception: `--deny-read=secret` makes one of all reading. */
function isHeld(descriptor: Record<string, string>): boolean {
  try {
    const status = Deno.permissions.querySync(descriptor as unknown as Deno.PermissionDescriptor);
    return status.state === "granted" && !status.partial;
  } catch {
    // Another version of the runtime does not know this thing.
    return false;
  }
}

function checkEntry(kind: Kind, entry: string): string {
  // Not even doubled, as documented, does one reach the child in Deno 2.9.6; as it is, it would grant
  // what stands before it.
  if (entry.includes(",")) {
    throw new TypeError(
      `Cannot grant permissions: "${entry}" of "${kind}" has a comma, which separates entries`,
    );
  }
  return entry;
}

function entryOf(kind: Kind, entry: string | URL): string {
  if (typeof entry === "string" && entry !== "") return entry;
  if (entry instanceof URL) {
    return entry.protocol === "file:" ? fromFileUrl(entry) : entry.host;
  }
  throw new TypeError(
    `Cannot grant permissions: an entry of "${kind}" must be a string with something in it, or a URL`,
  );
}

/** The path of a `file:` URL, as this system writes paths. */
export function fromFileUrl(url: URL, os: string = Deno.build.os): string {
  const path = decodeURIComponent(url.pathname);
  if (os !== "windows") return path;
  const local = path.replace(/^\/+([A-Za-z]:)/, "$1").replaceAll("/", "\\");
  // A folder that another machine shares.
  return url.hostname === "" ? local : `\\\\${url.hostname}${local}`;
}
