import type { PermissionSet } from "./permissions.ts";

/** What a child is granted, with both words resolved: all of a kind, or these entries of it. */
export type Granted = {
  readonly [Kind in keyof PermissionSet]?: true | readonly string[] | undefined;
};
