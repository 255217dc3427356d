import type { Permissions, PermissionScope, PermissionSet } from "./permissions.ts";

const KINDS = ["read", "write", "net", "env", "run", "sys", "ffi", "import"] as const;

type Kind = typeof KINDS[number];

/**
 * The flags of `deno run` for a child's permissions.
 *
 * @param permissions What the user grants.
 * @param channel Host and port that the child needs to reach its parent.
 */
export function permissionFlags(permissions: Permissions, channel: string): string[] {
  const set = readPermissions(permissions);
  const flags: string[] = [];
  for (const kind of KINDS) {
    const flag = flagOf(kind, set[kind], kind === "net" ? [channel] : []);
    if (flag !== undefined) flags.push(flag);
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
  const { net } = set;
  if (net === true || (net === "inherit" && isHeld("net"))) return { ...set, net: true };
  return { ...set, net: Array.isArray(net) ? [...net, host] : [host] };
}

/** Checks what the user gave, and resolves the two words. */
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

function flagOf(
  kind: Kind,
  scope: PermissionScope | undefined,
  always: readonly string[],
): string | undefined {
  if (scope === true || (scope === "inherit" && isHeld(kind))) return `--allow-${kind}`;
  if (scope !== undefined && typeof scope !== "boolean" && scope !== "inherit") {
    if (!Array.isArray(scope)) {
      throw new TypeError(
        `Cannot grant permissions: "${kind}" must be true, false, "inherit" or an array`,
      );
    }
    always = [...always, ...scope.map((entry) => entryOf(kind, entry))];
  }
  if (always.length === 0) return undefined;
  for (const entry of always) {
    // Not even doubled, as documented, does one reach the child in Deno 2.9.6; as it is, it would grant
    // what stands before it.
    if (entry.includes(",")) {
      throw new TypeError(
        `Cannot grant permissions: "${entry}" of "${kind}" has a comma, which separates entries`,
      );
    }
  }
  return `--allow-${kind}=${always.join(",")}`;
}

function isHeld(kind: Kind): boolean {
  return Deno.permissions.querySync({ name: kind } as Deno.PermissionDescriptor).state ===
    "granted";
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
export function fromFileUrl(url: URL): string {
  const path = decodeURIComponent(url.pathname);
  if (Deno.build.os !== "windows") return path;
  return path.replace(/^\/+([A-Za-z]:)/, "$1").replaceAll("/", "\\");
}
