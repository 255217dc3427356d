/** Times below this are noise of the clock. */
const SHORTEST_ITEM_MS = 0.000_05;

/** How long a chunk is meant to last, in milliseconds: long beside the handing over, short for a user. */
const LIMITS = { most: 4096, ms: 5 };

/**
 * How many items of one map a runner gets at a time.
 *
 * It begins with one, so that slow items are spread over all runners at once, and at most doubles from one
 * job to the next while the items turn out to be short. A size that the user has set holds until a chunk
 * turns out to last too long; from then on it is the most.
 */
export class Chunks {
  readonly #most: number;
  readonly #ms: number;
  #isFixed: boolean;
  #size: number;

  /**
   * @param fixed A size that the user has set.
   * @param limits How large a chunk may be otherwise, and how long it is meant to last.
   */
  constructor(fixed: number | undefined, limits = LIMITS) {
    this.#isFixed = fixed !== undefined;
    this.#most = fixed ?? limits.most;
    this.#ms = limits.ms;
    this.#size = fixed ?? 1;
  }

  /** How many items would be handed over now if there were plenty. */
  get size(): number {
    return this.#size;
  }

  /**
   * How many items to hand over.
   *
   * @param left How many wait.
   * @param runners How many runners there may be.
   */
  next(left: number, runners: number): number {
    if (this.#isFixed) return this.#size;
    if (this.#size === 1) return 1;
    // What is left must keep all of them busy until the end.
    const fair = Math.floor(left / (2 * runners));
    return Math.max(1, Math.min(this.#size, fair));
  }

  /** Learns from a job that has ended. */
  measure(items: number, ms: number): void {
    if (this.#isFixed || items < this.#size >> 1) return;
    const wanted = this.#ms / Math.max(ms / items, SHORTEST_ITEM_MS);
    this.#size = Math.max(1, Math.floor(Math.min(wanted, this.#size * 2, this.#most)));
  }

  /** A chunk was too big: its items turned out not to be short. */
  shrink(): void {
    this.#isFixed = false;
    this.#size = 1;
  }
}
