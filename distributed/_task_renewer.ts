import { LONGEST_TIMER_MS } from "../coroutine/_check_timeout.ts";

/** A lease that is to be kept. */
export interface Renewable {
  readonly leaseMs: number;
  /** When it was last known to be held. */
  knownMs: number;
  /** When it was last asked for. */
  askedMs: number;
  /** Has it begin anew. */
  renew(): void;
  /** Nothing was heard for as long as the lease is: others have the task. */
  expired(): void;
}

/** A lease is renewed so many times before it would end. */
const TIMES = 3;

/** Keeps all leases of a queue that are held here, with one timer. */
export class TaskRenewer {
  readonly #leases = new Set<Renewable>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dueMs = Infinity;

  add(lease: Renewable): void {
    this.#leases.add(lease);
    this.#wakeAt(lease.askedMs + lease.leaseMs / TIMES);
  }

  remove(lease: Renewable): void {
    if (!this.#leases.delete(lease) || this.#leases.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#dueMs = Infinity;
  }

  #wakeAt(dueMs: number): void {
    if (dueMs >= this.#dueMs) return;
    clearTimeout(this.#timer);
    this.#dueMs = dueMs;
    const waitMs = Math.max(1, Math.ceil(dueMs - performance.now()));
    this.#timer = setTimeout(this.#onTimer, Math.min(LONGEST_TIMER_MS, waitMs));
  }

  readonly #onTimer = (): void => {
    this.#dueMs = Infinity;
    const now = performance.now();
    let nextMs = Infinity;
    for (const lease of [...this.#leases]) {
      const { leaseMs } = lease;
      if (now - lease.knownMs >= leaseMs) {
        this.#leases.delete(lease);
        lease.expired();
        continue;
      }
      if (now - lease.askedMs >= leaseMs / TIMES) {
        lease.askedMs = now;
        lease.renew();
      }
      nextMs = Math.min(nextMs, lease.askedMs + leaseMs / TIMES, lease.knownMs + leaseMs);
    }
    if (this.#leases.size > 0) this.#wakeAt(nextMs);
  };
}
