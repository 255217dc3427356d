import type { Revival } from "../ipc/_run_by_name.ts";
import type { Granted } from "./_granted.ts";

/** What this process knows of itself and of its parent, told by the parent when it is a child. */
export interface ProcessState {
  name: string;
  daemon: boolean;
  /** The numbers in the names of this process and its ancestors, as in `Process-1:2`. */
  identity: readonly number[];
  parent: { readonly name: string; readonly pid: number } | undefined;
  /** Whether the user's module is being imported into this child now. */
  importing: boolean;
  /** What its parent granted to this process, when it is a child. */
  granted: Granted | undefined;
  /** Whether an error that ends the process is waited for: a target runs, and is unwound. */
  unwinds: boolean;
}

/** The state of this process. */
export const state: ProcessState = {
  name: "MainProcess",
  daemon: false,
  identity: [],
  parent: undefined,
  importing: false,
  granted: undefined,
  unwinds: false,
};

/**
 * The errors that mean the end of the process, and its exit code. A child knows them by this, without
 * loading their class.
 */
export const exits = new WeakMap<object, { readonly code: number; readonly text: string }>();

let children = 0;

/** The number and the name of the next child, unless the user names it. */
export function nextIdentity(): { identity: readonly number[]; name: string } {
  const identity = [...state.identity, ++children];
  return { identity, name: `Process-${identity.join(":")}` };
}

/** Filled by the module of `Process`. */
export const revival: Revival = {};
