/**
 * What a child process may do.
 *
 * @module
 */

/**
 * What a child process may do.
 *
 * - `"none"`: nothing but to talk to its parent. Loading its code needs no permission.
 * - `"inherit"`: what the parent holds, as far as the runtime tells it. It answers questions, and does not
 *   list. So a child gets every kind that the parent holds as a whole, every kind of `sys`, what having
 *   children of its own takes (`run: ["deno"]` and `net: ["127.0.0.1"]`) and the working directory, each
 *   if the parent holds it; and when the parent is itself a child, the entries that it was granted. Other
 *   paths, hosts, variables and programs are not passed on: name them in an object. A kind that the parent
 *   holds with an exception (`--deny-read=secret`) is not passed on as a whole, since the exception cannot
 *   be asked for; that a port of `127.0.0.1` is denied is not seen.
 * - an object: kind by kind, as in the `permissions` of `Deno.test`. Paths that are relative are so to the
 *   child's working directory.
 */
export type Permissions = "none" | "inherit" | PermissionSet;

/** A list of paths, hosts, variables or programs; `true` for all of them; `false` for none. */
export type PermissionScope = boolean | "inherit" | readonly (string | URL)[];

/** The permissions of a child process, kind by kind. What is left out is not granted. */
export interface PermissionSet {
  /** Reading files. */
  read?: PermissionScope | undefined;
  /** Writing files. */
  write?: PermissionScope | undefined;
  /** The network. The channel to the parent is granted in any case. */
  net?: PermissionScope | undefined;
  /** Environment variables. */
  env?: PermissionScope | undefined;
  /** Running programs. A child with this can grant its own children anything. */
  run?: PermissionScope | undefined;
  /** Information about the system. */
  sys?: PermissionScope | undefined;
  /** Native libraries. A child with this can do anything. */
  ffi?: PermissionScope | undefined;
  /** Loading code from the web at run time. */
  import?: PermissionScope | undefined;
}
