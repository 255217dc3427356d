/** The key of an option of `Process` that is not for users, but for the rooms above. */
export const INTERNALS: unique symbol = Symbol("internals");

/** Options of `Process` that are not for users. */
export interface ProcessInternals {
  [INTERNALS]?: {
    /** Modules that the child imports beside the target's. */
    companions: readonly string[];
    /** Whether this process may end although the child runs. */
    background: boolean;
  };
}
