import type { FamilyChild } from "./_family_child.ts";

/** In a process that was forked: what it tells its parent, and learns from it. */
export interface ForkParent {
  /** `fork()` was called: what the states are made of is known here now. */
  called(): void;
  /** The call was come to at which this process began. */
  reached(): void;
  /** The states that the parent's calls have, when it has sent them. */
  readonly states: Promise<readonly unknown[]>;
  /** The parent knows that the call was come to. */
  readonly released: Promise<void>;
}

/** What this process knows of its calls of `fork()`. */
export interface Forks {
  /** How many calls there were, replays among them. */
  calls: number;
  /** What the first calls answer in a process that was forked: the last of these is 0. */
  replay: readonly (number | string)[];
  /** What the calls have answered; a text is that of an error. */
  readonly answers: (number | string)[];
  /** The states that this process got at its replayed calls: its children come to them as well. */
  readonly states: unknown[];
  parent: ForkParent | undefined;
  /** Those that nobody has waited for. */
  readonly children: Map<number, FamilyChild>;
  /** Resolves when a child has ended, and is then another one. */
  ended: PromiseWithResolvers<void>;
}

/** The forks of this process. */
export const forks: Forks = {
  calls: 0,
  replay: [],
  answers: [],
  states: [],
  parent: undefined,
  children: new Map(),
  ended: Promise.withResolvers(),
};
