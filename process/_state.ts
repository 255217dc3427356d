/** What this process knows of itself and of its parent, told by the parent when it is a child. */
export interface ProcessState {
  name: string;
  daemon: boolean;
  /** The numbers in the names of this process and its ancestors, as in `Process-1:2`. */
  identity: readonly number[];
  parent: { readonly name: string; readonly pid: number } | undefined;
  /** Whether the user's module is being imported into this child now. */
  importing: boolean;
}

/** The state of this process. */
export const state: ProcessState = {
  name: "MainProcess",
  daemon: false,
  identity: [],
  parent: undefined,
  importing: false,
};

let children = 0;

/** The number and the name of the next child, unless the user names it. */
export function nextIdentity(): { identity: readonly number[]; name: string } {
  const identity = [...state.identity, ++children];
  return { identity, name: `Process-${identity.join(":")}` };
}
