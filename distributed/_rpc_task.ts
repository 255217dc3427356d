import { currentScope } from "../coroutine/_current_scope.ts";
import { type Frame, runInFrame, type Values } from "../coroutine/_frame.ts";
import type { Scope } from "../coroutine/_scope.ts";
import { taskInternals } from "../coroutine/_task_internals.ts";
import { Task } from "../coroutine/task.ts";

interface MadeTask {
  readonly task: Task<unknown>;
  readonly scope: Scope;
  end(): void;
}

/**
 * The frame of a call, with a task that is made when the function, or what it calls, asks for it: a task costs several
 * times what an instant function costs.
 */
export class CallTask implements Frame {
  readonly #name: string;
  #values: Values | undefined;
  #made: MadeTask | undefined;
  #hasEnded = false;

  constructor(name: string) {
    this.#name = name;
  }

  get scope(): Scope {
    return this.#make().scope;
  }

  get values(): Values {
    return this.#values ??= { map: new Map() };
  }

  /** Begins the call. */
  run<R>(begin: () => R): R {
    return runInFrame(this, begin);
  }

  /** Cancels the call, once it waits for something. */
  cancel(reason: unknown): void {
    this.#make().task.cancel(reason);
  }

  /** The call has ended. */
  end(): void {
    this.#hasEnded = true;
    this.#made?.end();
  }

  #make(): MadeTask {
    if (this.#made !== undefined) return this.#made;
    const { promise, resolve } = Promise.withResolvers<void>();
    let scope: Scope | undefined;
    const task = new Task(() => {
      scope = currentScope();
      return promise;
    }, { name: this.#name });
    taskInternals.observe(task, () => {});
    taskInternals.startNow(task);
    // What was left running behind by a function that has ended: nobody waits for it.
    if (this.#hasEnded) resolve();
    return this.#made = { task, scope: scope!, end: resolve };
  }
}
