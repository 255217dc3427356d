import { settle } from "./settle.ts";

interface Timer {
  readonly id: number;
  readonly dueMs: number;
  readonly run: () => void;
}

/**
 * Time that passes only when it is told to: `setTimeout`, `clearTimeout` and `performance.now()`, until it
 * is disposed of. Delays beyond 32 bits fire at once, as those of the platform do.
 */
export class FakeTime implements Disposable {
  readonly #real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    now: performance.now,
  };
  readonly #timers = new Map<number, Timer>();
  #nowMs = 1000;
  #lastId = 0;

  constructor() {
    const set = (run: (...args: unknown[]) => void, delayMs = 0, ...args: unknown[]): number => {
      const id = ++this.#lastId;
      const waitMs = delayMs > 2 ** 31 - 1 ? 1 : Math.max(0, delayMs);
      this.#timers.set(id, { id, dueMs: this.#nowMs + waitMs, run: () => run(...args) });
      return id;
    };
    const clear = (id?: number): void => void this.#timers.delete(id ?? 0);
    Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
    performance.now = () => this.#nowMs;
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Lets time pass, with all that is due in it, in order; between two timers all other code has its turn. */
  async tick(forMs: number): Promise<void> {
    await settle();
    const endMs = this.#nowMs + forMs;
    for (let timer = this.#next(endMs); timer !== undefined; timer = this.#next(endMs)) {
      this.#timers.delete(timer.id);
      this.#nowMs = timer.dueMs;
      timer.run();
      await settle();
    }
    this.#nowMs = endMs;
  }

  /** Lets time pass with no timer firing, as it does while code computes. */
  skip(forMs: number): void {
    this.#nowMs += forMs;
  }

  /** Fires all that is due, in order, with no turn for other code between two timers. */
  fireDue(): void {
    for (let timer = this.#next(this.#nowMs); timer; timer = this.#next(this.#nowMs)) {
      this.#timers.delete(timer.id);
      timer.run();
    }
  }

  /** The time of the platform is back. */
  [Symbol.dispose](): void {
    const { now, ...functions } = this.#real;
    Object.assign(globalThis, functions);
    performance.now = now;
  }

  #next(untilMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers.values()) {
      if (timer.dueMs <= untilMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
    }
    return next === undefined ? undefined : { ...next, dueMs: Math.max(next.dueMs, this.#nowMs) };
  }
}
