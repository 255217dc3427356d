import type { WaitOptions } from "../coroutine/wait_options.ts";
import { Handle, type Home, waitArguments } from "./_home.ts";
import { ACQUIRED, OWNER_DIED } from "./_lock_home.ts";
import { holdAcquired } from "./_hold.ts";
import type { Permit } from "./permit.ts";

/** What a process has of something that can be acquired, and whether one died with it. */
export class AcquiringHandle<H extends Home> extends Handle<H> {
  /** What the answer to the last `acquire` of this process told. */
  ownerDied = false;

  /** How often it was acquired through this handle and not released, for whom. */
  readonly #holds = new Map<unknown, number>();

  /** @param leading Arguments that come before the options of the wait: for whom. */
  async acquire(options: WaitOptions, leading: readonly unknown[] = []): Promise<boolean> {
    const wait = waitArguments(options);
    const answer = await this.call<number>("acquire", ...leading, ...wait);
    if (!this.take(answer)) return false;
    this.#count(leading[0], 1);
    return true;
  }

  /**
   * Releases what was acquired once. When that was done through this handle, it cannot fail, and it does not wait
   * for an answer, which would cost as much as to acquire it.
   */
  async release(leading: readonly unknown[] = []): Promise<void> {
    const owner = leading[0];
    if (!this.#holds.has(owner)) return await this.callToEnd("release", ...leading);
    this.#count(owner, -1);
    await this.tell("release", ...leading);
  }

  /** Releases several at once, which may be more than were acquired through this handle. */
  async releaseMany(n: number): Promise<void> {
    await this.callToEnd("release", n);
    this.#count(undefined, -n);
  }

  #count(owner: unknown, change: number): void {
    const count = (this.#holds.get(owner) ?? 0) + change;
    if (count > 0) this.#holds.set(owner, count);
    else this.#holds.delete(owner);
  }

  /** Takes the bits of an answer. */
  take(answer: number): boolean {
    if ((answer & ACQUIRED) === 0) return false;
    this.ownerDied = (answer & OWNER_DIED) !== 0;
    return true;
  }

  /** Acquires for a block. */
  hold(
    options: WaitOptions,
    what: string,
    leading: readonly unknown[] = [],
  ): Promise<Permit> {
    const release = () => this.release(leading);
    return holdAcquired(this.acquire(options, leading), release, what, options.timeoutMs);
  }

  /** Says that what is protected is in order again. */
  async markConsistent(...leading: readonly unknown[]): Promise<void> {
    await this.callToEnd("markConsistent", ...leading);
    this.ownerDied = false;
  }
}
