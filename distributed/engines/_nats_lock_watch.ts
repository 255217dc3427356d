import type { NatsBucket } from "./_nats_bucket.ts";
import { type BucketChange, watchBucket } from "./_nats_watch.ts";

/**
 * Servers before 2.11 do not tell when the time of a key is over, and an account may not be allowed to watch: then the
 * lock is looked at so often in its time.
 */
const LOOKS_PER_TTL = 20;

/** Tells when it is worth to look at a held lock again: it was released, or its holder has not renewed it. */
export class LockWatch implements Disposable {
  readonly #ttlMs: number;
  readonly #stop = new AbortController();
  /** When its holder has given a sign of life; nothing is known before the first one. */
  #seenAt: number | undefined;
  #isFree = false;
  #wake: (() => void) | undefined;

  /** Begins to watch. */
  constructor(bucket: NatsBucket, key: string, ttlMs: number) {
    this.#ttlMs = ttlMs;
    const changed = ({ isGone }: BucketChange) => {
      this.#seenAt = performance.now();
      this.#isFree = isGone;
      if (isGone) this.#wake?.();
    };
    // Where it cannot be watched it is looked at.
    watchBucket(bucket, key, { changed }, this.#stop).catch(() => {});
  }

  /** Waits until there is a reason to look, at the longest until a moment, or until it is stopped. */
  async next(end: number, stopped: AbortSignal): Promise<void> {
    if (stopped.aborted) return;
    if (this.#isFree) {
      // Somebody else may have been faster: only the next release is a reason again.
      this.#isFree = false;
      return;
    }
    const now = performance.now();
    const lookMs = this.#ttlMs / LOOKS_PER_TTL;
    const overMs = this.#seenAt === undefined ? 0 : this.#seenAt + this.#ttlMs - now;
    const waitMs = Math.max(0, Math.min(Math.max(lookMs, overMs), end - now));
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, waitMs);
    this.#wake = resolve;
    const stop = () => resolve();
    stopped.addEventListener("abort", stop, { once: true });
    try {
      await promise;
      this.#isFree = false;
    } finally {
      this.#wake = undefined;
      stopped.removeEventListener("abort", stop);
      clearTimeout(timer);
    }
  }

  /** Ends the watch. */
  [Symbol.dispose](): void {
    this.#stop.abort();
  }
}
