/** A request to cancel. */
interface Request {
  readonly reason: unknown;
}

/** What a scope keeps once something was cancelled in it or around it: few scopes ever need it. */
interface Requests {
  /** The first one, with which the signal aborts. */
  cancelled: Request | undefined;
  /** The one that the next wait fails with. */
  owed: Request | undefined;
  /** The last request to this very scope. */
  last: Request | undefined;
  /** The last one to a scope around this one, since this one began. */
  outside: Request | undefined;
  /** Whether a wait in this scope failed with that. */
  hasHeard: boolean;
  /** Whether the work was told of a cancellation, and has not begun another wait since. */
  isTold: boolean;
  /** Whether the signal has just told it. */
  isSignalled: boolean;
  isDelivering: boolean;
}

/**
 * A stretch of work that can be cancelled as one: a task, or a part of a task under a time limit.
 *
 * Cancelling follows asyncio: every wait that goes on in the scope fails with the reason, once; when
 * nothing waits, the next wait fails instead. What is awaited after that (cleaning up, in `finally`)
 * works as usual. Beside it the scope's signal aborts, and stays so, for all those who were given it.
 * Work that has asked for the signal is told by the signal, and the next wait is spared: it may already
 * be a part of the cleaning up, after a `fetch` that the signal ended.
 */
export class Scope {
  /** The scope around this one. What cancels that one cancels this one. */
  readonly parent: Scope | undefined;
  /** The task that the scope is a part of, if there is one. */
  readonly owner: object | undefined;
  #waits: Set<(reason: unknown) => void> | undefined;
  #inner: Set<Scope> | undefined;
  #controller: AbortController | undefined;
  /** Whether the work has the signal, and is told by it. */
  #isAsked = false;
  #requests: Requests | undefined;

  /**
   * @param owner The task that the scope is a part of, if there is one.
   * @param parent The scope around this one. A scope that has one is left with {@linkcode leave}.
   */
  constructor(owner: object | undefined, parent?: Scope) {
    this.owner = owner;
    this.parent = parent;
    if (parent === undefined) return;
    (parent.#inner ??= new Set()).add(this);
    for (let outer: Scope | undefined = parent; outer !== undefined; outer = outer.parent) {
      const owed = outer.#requests?.owed;
      if (owed !== undefined) this.#noted.cancelled ??= owed;
    }
  }

  /** For the work itself: it aborts when the scope is cancelled, and the work answers to it. */
  get signal(): AbortSignal {
    if (!this.#isAsked) {
      this.#isAsked = true;
      if (this.#requests !== undefined) this.#requests.owed = undefined;
    }
    return this.watched;
  }

  /** The same signal for those who look on: the work is not told by it. Made when it is first asked for. */
  get watched(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      const cancelled = this.#requests?.cancelled;
      if (cancelled !== undefined) this.#controller.abort(cancelled.reason);
    }
    return this.#controller.signal;
  }

  /** The cancellation that the next wait will fail with. */
  get owed(): Request | undefined {
    return this.#requests?.owed;
  }

  /** The last cancellation of a scope around this one, since this one began. */
  get outside(): Request | undefined {
    return this.#requests?.outside;
  }

  /** The same, unless a wait in this scope failed with it: its work knows of it from a signal at most. */
  get unheard(): Request | undefined {
    return this.#requests?.hasHeard === true ? undefined : this.#requests?.outside;
  }

  /** Fails what waits in the scope, or what waits in it next. */
  cancel(reason: unknown): void {
    const requests = this.#noted;
    this.#mark(requests.last = { reason });
    const { isTold, hasHeard } = requests;
    const isDelivered = this.#deliver(reason);
    // That is about what comes from around this scope.
    requests.hasHeard = hasHeard;
    // Two requests that come before the work can look are one, as those of asyncio.
    if (!isDelivered && !isTold) this.owe(reason);
  }

  /** Fails what waits next in the scope: for one who took a cancellation that is not meant for him alone. */
  owe(reason: unknown): void {
    this.#noted.owed = { reason };
  }

  /** Takes back what {@linkcode cancel} left behind: the scope is as if it had not been cancelled. */
  reset(): void {
    const requests = this.#requests;
    if (requests === undefined) return;
    const { last } = requests;
    if (last !== undefined) this.#inner?.forEach((inner) => inner.#forget(last.reason));
    requests.cancelled = undefined;
    requests.owed = undefined;
    requests.isTold = false;
    this.#isAsked = false;
    this.#controller = undefined;
  }

  /**
   * Joins those who fail when the scope is cancelled.
   *
   * @param fail Is called with the reason, for each request until the wait has left.
   * @returns Leaves again; more than once does no harm.
   * @throws The reason of a cancellation that nobody has had yet.
   */
  enter(fail: (reason: unknown) => void): () => void {
    // deno-lint-ignore no-this-alias -- climbs from here to the outermost scope
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.parent) {
      const requests = scope.#requests;
      if (requests === undefined) continue;
      requests.isTold = false;
      const { owed } = requests;
      if (owed !== undefined) {
        requests.owed = undefined;
        this.#hear(owed, scope);
        throw owed.reason;
      }
    }
    const waits = this.#waits ??= new Set();
    waits.add(fail);
    return () => waits.delete(fail);
  }

  /** Throws the reason of a cancellation that nobody has had yet. */
  check(): void {
    this.enter(() => {})();
  }

  /** The scope's work has ended. */
  leave(): void {
    if (this.parent !== undefined) this.parent.#inner?.delete(this);
  }

  get #noted(): Requests {
    return this.#requests ??= {
      cancelled: undefined,
      owed: undefined,
      last: undefined,
      outside: undefined,
      hasHeard: false,
      isTold: false,
      isSignalled: false,
      isDelivering: false,
    };
  }

  #mark(cancelled: Request): void {
    const requests = this.#noted;
    if (requests.cancelled === undefined) {
      requests.cancelled = cancelled;
      if (this.#controller !== undefined) {
        requests.isSignalled = this.#isAsked;
        this.#controller.abort(cancelled.reason);
      }
    }
    for (const inner of this.#inner ?? []) {
      inner.#noted.outside = cancelled;
      inner.#noted.hasHeard = false;
      inner.#mark(cancelled);
    }
  }

  /** Notes in the scopes from here up to another that a wait failed with a cancellation of that one. */
  #hear(cancelled: Request, source: Scope): void {
    // deno-lint-ignore no-this-alias -- climbs from here
    for (let scope: Scope | undefined = this; scope !== source; scope = scope?.parent) {
      if (scope === undefined) return;
      scope.#noted.outside = cancelled;
      scope.#noted.hasHeard = true;
    }
  }

  #forget(reason: unknown): void {
    const requests = this.#requests;
    if (requests?.outside?.reason === reason) requests!.outside = undefined;
    for (const inner of this.#inner ?? []) inner.#forget(reason);
  }

  #deliver(reason: unknown): boolean {
    const requests = this.#noted;
    // Two tasks that await each other would tell each other for ever.
    if (requests.isDelivering) return true;
    requests.isDelivering = true;
    // A signal aborts once: work that has it is told of a second request as all others are.
    let delivered = requests.isSignalled;
    requests.isSignalled = false;
    for (const fail of [...this.#waits ?? []]) {
      // One of them may have ended another. What waits for the end of others stays, and hears the next
      // request too.
      if (this.#waits?.has(fail) !== true) continue;
      delivered = true;
      requests.hasHeard = true;
      fail(reason);
    }
    requests.isDelivering = false;
    for (const inner of [...this.#inner ?? []]) {
      if (inner.#deliver(reason)) delivered = true;
      if (inner.#requests?.hasHeard === true) requests.hasHeard = true;
    }
    if (delivered) requests.isTold = true;
    return delivered;
  }
}

/** The error of what takes signals and does not pass their reasons on. */
export function isAbortError(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
