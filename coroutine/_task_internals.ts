/** How a task has ended. */
export type Ending =
  | { readonly kind: "succeeded"; readonly value: unknown }
  | { readonly kind: "failed" | "cancelled"; readonly error: unknown };

/** What the function of a task returns that is ended with {@linkcode TaskInternals.end}. */
export const LATER: unique symbol = Symbol("later");

/** What this room does with tasks and users cannot. (Methods of `Task` would be part of what users see.) */
export interface TaskInternals {
  /**
   * Calls a function, synchronously, when the task has ended, or now if it has. Whoever observes a task
   * answers for its failure, unless he takes it back before.
   *
   * @returns Takes it back.
   */
  observe(task: object, observer: () => void): () => void;
  /** Starts a task that was just made within this call, and not in the next microtask. */
  startNow(task: object): void;
  /** Ends a task within this call; one that has ended stays as it is. */
  end(task: object, ending: Ending): void;
}

/** Set by `task.ts`. */
export const taskInternals = {} as TaskInternals;
