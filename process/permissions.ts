/**
 * What a child process may do.
 *
 * @module
 */

/**
 * What a child process may do.
 *
 * - `"none"`: nothing but to talk to its parent. Loading its code needs no permission.
 * - `"inherit"`: every kind of permission that the parent holds as a whole, asked of the runtime. What
 *   the parent holds for some paths or hosts only cannot be asked for, and is not passed on: name it.
 * - an object: kind by kind, as in the `permissions` of `Deno.test`.
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
