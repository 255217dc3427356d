import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { Delivery } from "../coroutine/_lending.ts";
import { InvalidStateError } from "../coroutine/errors.ts";
import { RLock, type RLockStatistics } from "../coroutine/rlock.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { Home, type HomeCall, type HomeMethod, type HomeSeat } from "./_home.ts";
import { pidOf } from "./_owner_key.ts";
import { ConnectionClosedError, ConnectionLostError } from "./errors.ts";

/** Bits of the answer to one who wanted to acquire something: he has it; one has died with it. */
export const ACQUIRED = 1;
export const OWNER_DIED = 2;

/** One who owns a lock, or waits for it. A lock that is not reentrant has a new one for each `acquire`. */
class Owner {
  /** For each time that it has acquired the lock, through whom. */
  holds: LockSeat[] = [];
  /** Times that it has acquired the lock, or waits to. */
  uses = 0;

  constructor(readonly key: string | undefined) {}
}

/**
 * The home of a lock, whether its owner can acquire it again or not.
 *
 * It is a reentrant lock of one event loop in both cases: that one knows at every moment who owns it, also while
 * the answer that says so is on its way to another process.
 */
export class LockHome extends Home {
  readonly lock = new RLock();
  readonly isReentrant: boolean;
  /** Whether one died with the lock, and nobody has said that all is in order. */
  ownerDied = false;
  /** Owners of a reentrant lock, by the name of process and task. */
  readonly #owners = new Map<string, Owner>();
  /** In place of an owner, for one who holds nothing. */
  readonly stranger = new Owner(undefined);
  /** Who got the lock last. */
  #latest: Owner | undefined;

  /** @param options Whether the one who holds it can acquire it again. */
  constructor(options: { isReentrant: boolean }) {
    super("the lock");
    this.isReentrant = options.isReentrant;
  }

  override seat(): LockSeat {
    return new LockSeat(this);
  }

  acquire(
    seat: LockSeat,
    call: HomeCall,
    key: string | null | undefined,
    wait?: WaitOptions,
  ): unknown {
    this.checkOpen();
    const timeoutMs = checkTimeout(wait?.timeoutMs);
    const owner = this.#enter(key);
    if (this.lock.tryAcquire({ owner })) return this.#grant(owner, seat);
    if (timeoutMs === 0) {
      this.#exit(owner);
      return 0;
    }
    // A signal costs something to make: only a call that really waits asks for it.
    const { signal } = call;
    return this.lock.acquire({ owner, timeoutMs: wait?.timeoutMs, signal }).then(
      (isAcquired) => {
        if (isAcquired) return this.#grant(owner, seat);
        this.#exit(owner);
        return 0;
      },
      (error) => {
        this.#exit(owner);
        throw error;
      },
    );
  }

  release(seat: LockSeat, key?: string | null): void {
    this.checkOpen();
    const owner = this.ownerOf(key) ?? this.stranger;
    this.lock.release({ owner });
    // Anybody may release a lock that is not reentrant: then it is another's hold.
    const at = owner.holds.lastIndexOf(seat);
    owner.holds.splice(at === -1 ? owner.holds.length - 1 : at, 1);
    this.#exit(owner);
  }

  /** Who owns the lock, or could own it, for one who calls. */
  ownerOf(key?: string | null): Owner | undefined {
    return this.isReentrant ? this.#owners.get(key!) : this.#owner();
  }

  depth(key?: string | null): number {
    const owner = this.ownerOf(key);
    return owner === undefined ? 0 : this.lock.recursionCount({ owner });
  }

  markConsistent(key?: string | null): void {
    this.checkOpen();
    if (this.depth(key) === 0) {
      throw new InvalidStateError(
        "Cannot mark as consistent: the lock is not held, acquire it first",
      );
    }
    this.ownerDied = false;
  }

  /** The figures as the lock itself has them. */
  figures(): RLockStatistics {
    return this.lock.statistics();
  }

  /** The figures as they are told. */
  statistics(): unknown {
    const { locked, count, waiting } = this.lock.statistics();
    const { ownerDied } = this;
    if (!this.isReentrant) return { locked, waiting, ownerDied };
    const key = this.#owner()?.key;
    return { locked, pid: key === undefined ? null : pidOf(key), count, waiting, ownerDied };
  }

  /**
   * Hands the lock to one who has it again after a wait, or takes it back when he is gone.
   *
   * @param owner Who owns it.
   * @param seat Through whom.
   * @param depth How often.
   * @param answer What he is told, in bits.
   * @param condition Whether it is closed, and what to do when the answer is lost, while the lock is still held.
   */
  grantAgain(
    owner: Owner,
    seat: LockSeat,
    depth: number,
    answer: number,
    condition: { isClosed: boolean; lost: () => void },
  ): Delivery<number> {
    owner.holds = Array.from({ length: depth }, () => seat);
    const giveBack = (isDead: boolean) => this.#takeFrom(owner, seat, isDead);
    const lost = () => {
      if (this.lock.recursionCount({ owner }) > 0) condition.lost();
    };
    if (seat.hasLeft || this.isClosed || condition.isClosed) {
      lost();
      giveBack(false);
      this.checkOpen();
      if (condition.isClosed) {
        throw new ConnectionClosedError("Cannot use the condition: its owner has closed it");
      }
      throw new ConnectionLostError("Cannot take the lock again: its borrower is gone");
    }
    return this.#deliver(answer, seat, giveBack, lost);
  }

  /** Takes back what was acquired through a seat, which is gone. */
  leave(seat: LockSeat): void {
    const owner = this.#owner();
    if (owner !== undefined) this.#takeFrom(owner, seat, true);
  }

  protected override wakeAll(): void {
    const owner = this.#owner();
    if (owner === undefined) return;
    for (let left = this.lock.recursionCount({ owner }); left > 0; left--) {
      this.lock.release({ owner });
    }
  }

  #enter(key: string | null | undefined): Owner {
    let owner = this.isReentrant ? this.#owners.get(key!) : undefined;
    if (owner === undefined) {
      owner = new Owner(key ?? undefined);
      if (this.isReentrant) this.#owners.set(key!, owner);
    }
    owner.uses++;
    return owner;
  }

  #exit(owner: Owner, times = 1): void {
    owner.uses -= times;
    if (owner.uses === 0 && owner.key !== undefined && this.#owners.get(owner.key) === owner) {
      this.#owners.delete(owner.key);
    }
  }

  /** Who owns the lock at this moment. */
  #owner(): Owner | undefined {
    const latest = this.#latest;
    // Mostly it is the one who got it last; the figures of a lock are counted among all who wait.
    if (latest !== undefined && this.lock.recursionCount({ owner: latest }) > 0) return latest;
    if (!this.lock.locked()) return undefined;
    return this.#latest = this.lock.statistics().owner as Owner | undefined;
  }

  #grant(owner: Owner, seat: LockSeat): Delivery<number> {
    const isOwner = this.lock.recursionCount({ owner }) > 0;
    if (isOwner) this.#latest = owner;
    owner.holds.push(seat);
    if (seat.hasLeft || this.isClosed) {
      this.#takeOne(owner, seat, false);
      this.checkOpen();
      throw new ConnectionLostError("Cannot acquire the lock: its borrower is gone");
    }
    return this.#deliver(ACQUIRED, seat, (isDead) => this.#takeOne(owner, seat, isDead));
  }

  #deliver(
    answer: number,
    seat: LockSeat,
    giveBack: (isDead: boolean) => void,
    lost?: () => void,
  ): Delivery<number> {
    const told = this.ownerDied ? answer | OWNER_DIED : answer;
    return new Delivery(told, () => {}, () => {
      lost?.();
      // One that was never sent has done no harm. Of one that was sent nobody knows whether it arrived: when
      // its borrower is dead, he leaves his seat in this very turn.
      if (seat.hasLeft) giveBack(false);
      else queueMicrotask(() => giveBack(seat.hasLeft));
    });
  }

  /** Takes one hold back, if it is still there. */
  #takeOne(owner: Owner, seat: LockSeat, isDead: boolean): void {
    const at = owner.holds.lastIndexOf(seat);
    if (at === -1) return;
    owner.holds.splice(at, 1);
    this.#exit(owner);
    if (this.lock.recursionCount({ owner }) === 0) return;
    if (isDead) this.ownerDied = true;
    this.lock.release({ owner });
  }

  /** Takes all holds through a seat back. */
  #takeFrom(owner: Owner, seat: LockSeat, isDead: boolean): void {
    while (owner.holds.includes(seat)) this.#takeOne(owner, seat, isDead);
  }
}

/** What one user has of a lock. */
export class LockSeat implements HomeSeat {
  readonly methods: Readonly<Record<string, HomeMethod>>;
  readonly #home: LockHome;
  #hasLeft = false;

  constructor(home: LockHome) {
    this.#home = home;
    this.methods = {
      acquire: (call, key?: string | null, wait?: WaitOptions) =>
        home.acquire(this, call, key, wait),
      release: (_call, key?: string | null) => home.release(this, key),
      locked: () => home.lock.locked(),
      depth: (_call, key?: string | null) => home.depth(key),
      markConsistent: (_call, key?: string | null) => home.markConsistent(key),
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

export type { Owner };
