import type { ChildSession } from "../ipc/_family.ts";

/** The key of an option of `Process` that is not for users, but for pools and the rooms above. */
export const INTERNALS: unique symbol = Symbol("internals");

/** Options of `Process` that are not for users. */
export interface ProcessInternals {
  [INTERNALS]?: {
    /** Modules that the child imports beside the target's. */
    companions: readonly string[];
    /** Whether this process may end although the child runs. */
    background: boolean;
    /** Told when the child has connected, before it is asked to run anything. */
    onConnected?: ((child: ChildSession) => void) | undefined;
  };
}

/** The key of an option of `Process` that says: this object is the process in which it is made. */
export const SELF: unique symbol = Symbol("self");

/** An option of `Process` that is for the child alone. */
export interface SelfInternals {
  [SELF]?: true;
}
