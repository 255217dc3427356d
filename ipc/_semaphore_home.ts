import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { Delivery } from "../coroutine/_lending.ts";
import { InvalidStateError } from "../coroutine/errors.ts";
import { Semaphore } from "../coroutine/semaphore.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { Home, type HomeCall, type HomeMethod, type HomeSeat } from "./_home.ts";
import { ACQUIRED, OWNER_DIED } from "./_lock_home.ts";
import { ConnectionLostError } from "./errors.ts";

/** The home of a semaphore, with a bound or without. */
export class SemaphoreHome extends Home {
  readonly semaphore: Semaphore;
  /** The most places that there may be. */
  readonly #bound: number;
  /** Whether one died with a place, and nobody has said that all is in order. */
  ownerDied = false;
  /** Through whom how many places were acquired and not released, those first who have held longest. */
  readonly #holds = new Map<SemaphoreSeat, number>();

  constructor(value: number, bound: number) {
    super("the semaphore");
    this.semaphore = new Semaphore(value);
    this.#bound = bound;
  }

  override seat(): SemaphoreSeat {
    return new SemaphoreSeat(this);
  }

  acquire(seat: SemaphoreSeat, call: HomeCall, wait?: WaitOptions): unknown {
    this.checkOpen();
    const timeoutMs = checkTimeout(wait?.timeoutMs);
    if (this.semaphore.tryAcquire()) return this.#grant(seat);
    if (timeoutMs === 0) return 0;
    const { signal } = call;
    return this.semaphore.acquire({ timeoutMs: wait?.timeoutMs, signal })
      .then((isAcquired) => isAcquired ? this.#grant(seat) : 0);
  }

  /**
   * Counts against the holds of the one who releases, then against those of others: the place of one who dies
   * after somebody else has released it must not come back twice.
   */
  release(seat: SemaphoreSeat, n: number): void {
    this.checkOpen();
    const { value } = this.semaphore;
    if (Number.isSafeInteger(n) && n > this.#bound - value) {
      throw new RangeError(
        `Cannot release ${n} of the semaphore: ${value} of ${this.#bound} places are free`,
      );
    }
    this.semaphore.release(n);
    let left = n;
    for (const holder of [seat, ...this.#holds.keys()]) {
      if (left === 0) break;
      left -= this.#letGo(holder, left);
    }
  }

  markConsistent(seat: SemaphoreSeat): void {
    this.checkOpen();
    if (!this.#holds.has(seat)) {
      throw new InvalidStateError(
        "Cannot mark as consistent: no place of the semaphore is held here, acquire one first",
      );
    }
    this.ownerDied = false;
  }

  statistics(): unknown {
    const { ownerDied } = this;
    return { ...this.semaphore.statistics(), ownerDied };
  }

  /** Takes back what was acquired through a seat, which is gone. */
  leave(seat: SemaphoreSeat): void {
    const held = this.#holds.get(seat) ?? 0;
    if (held > 0) this.#takeBack(seat, held, true);
  }

  protected override wakeAll(): void {
    const { waiting } = this.semaphore.statistics();
    if (waiting > 0) this.semaphore.release(waiting);
  }

  #grant(seat: SemaphoreSeat): Delivery<number> {
    this.checkOpen();
    if (seat.hasLeft) {
      this.semaphore.release();
      throw new ConnectionLostError("Cannot acquire the semaphore: its borrower is gone");
    }
    this.#holds.set(seat, (this.#holds.get(seat) ?? 0) + 1);
    const answer = this.ownerDied ? ACQUIRED | OWNER_DIED : ACQUIRED;
    return new Delivery(answer, () => {}, () => {
      // As with a lock: see there.
      if (seat.hasLeft) this.#takeBack(seat, 1, false);
      else queueMicrotask(() => this.#takeBack(seat, 1, false));
    });
  }

  /** Takes places back, as far as they are still held. */
  #takeBack(seat: SemaphoreSeat, n: number, isDead: boolean): void {
    const held = this.#letGo(seat, n);
    const free = Math.min(held, this.#bound - this.semaphore.value);
    if (held > 0 && isDead) this.ownerDied = true;
    if (free > 0) this.semaphore.release(free);
  }

  /** Forgets so many holds, and says how many there were. */
  #letGo(seat: SemaphoreSeat, n: number): number {
    const held = this.#holds.get(seat) ?? 0;
    const gone = Math.min(held, n);
    if (held > gone) this.#holds.set(seat, held - gone);
    else this.#holds.delete(seat);
    return gone;
  }
}

/** What one user has of a semaphore. */
export class SemaphoreSeat implements HomeSeat {
  readonly methods: Readonly<Record<string, HomeMethod>>;
  readonly #home: SemaphoreHome;
  #hasLeft = false;

  constructor(home: SemaphoreHome) {
    this.#home = home;
    this.methods = {
      acquire: (call, wait?: WaitOptions) => home.acquire(this, call, wait),
      release: (_call, n: number = 1) => home.release(this, n),
      markConsistent: () => home.markConsistent(this),
      statistics: () => home.statistics(),
    };
  }

  /** Whether its user is gone. */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  leave(): void {
    this.#hasLeft = true;
    this.#home.leave(this);
  }
}
