/** A gate that opens once: what waits before it goes on, what comes later passes. */
export class Gate {
  #isOpen = false;
  readonly #opening = Promise.withResolvers<void>();

  /** Whether it has been opened. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Opens it; again is nothing. */
  open(): void {
    this.#isOpen = true;
    this.#opening.resolve();
  }

  /** Waits until it is open. */
  wait(): Promise<void> {
    return this.#opening.promise;
  }
}

/** Makes closed gates by name: `const { started, unblock } = createGates("started", "unblock")`. */
export function createGates<Name extends string>(...names: Name[]): Record<Name, Gate> {
  const entries = names.map((name) => [name, new Gate()] as const);
  return Object.fromEntries(entries) as Record<Name, Gate>;
}
