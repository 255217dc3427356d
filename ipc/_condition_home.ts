import { Condition } from "../coroutine/condition.ts";
import { Home, type HomeCall, type HomeMethod, type HomeSeat } from "./_home.ts";
import { ACQUIRED, type LockHome, type LockSeat } from "./_lock_home.ts";
import { PatientWaits, readTimeout } from "./_patient_call.ts";

/** Bits of the answer to one who has waited, beside those of one who acquires: he was notified; cancelled. */
export const NOTIFIED = 4;
export const CANCELLED = 8;

/** The home of a condition, which is that of its lock as well. */
export class ConditionHome extends Home {
  readonly lock: LockHome;
  readonly condition: Condition;

  constructor(lock: LockHome) {
    super("the condition");
    this.lock = lock;
    this.condition = new Condition(lock.lock);
  }

  override seat(): HomeSeat {
    return new ConditionSeat(this);
  }

  /** Waits for a borrower. In the end the lock is his again, however the wait has ended. */
  async wait(
    seat: LockSeat,
    signal: AbortSignal | undefined,
    options: { key: string; wait: { timeoutMs?: number | null } | undefined; isHere: boolean },
  ): Promise<unknown> {
    this.checkOpen();
    const { key, wait, isHere } = options;
    const owner = this.lock.ownerOf(key) ?? this.lock.stranger;
    const depth = this.lock.lock.recursionCount({ owner });
    // Without the lock it throws.
    if (depth === 0) return await this.condition.wait({ owner, timeoutMs: 0 });
    const { holds } = owner;
    // Nothing is held through a seat while it waits, so that nothing is given back when it is left.
    owner.holds = [];
    let isNotified = false;
    let failed: { error: unknown } | undefined;
    try {
      isNotified = await this.condition.wait({ owner, ...readTimeout(wait), signal });
    } catch (error) {
      failed = { error };
    }
    if (failed !== undefined && !this.isClosed && (isHere || signal?.aborted !== true)) {
      owner.holds = holds;
      throw failed.error;
    }
    const answer = (isNotified ? NOTIFIED : 0) | (failed === undefined ? 0 : CANCELLED);
    return this.lock.grantAgain(owner, seat, depth, ACQUIRED | answer, {
      isClosed: this.isClosed,
      // The one who was notified has never learned of it.
      lost: () => isNotified && this.condition.notify(1, { owner }),
    });
  }

  notify(key: string, n: number): void {
    this.checkOpen();
    this.condition.notify(n, { owner: this.lock.ownerOf(key) ?? this.lock.stranger });
  }

  notifyAll(key: string): void {
    this.checkOpen();
    this.condition.notifyAll({ owner: this.lock.ownerOf(key) ?? this.lock.stranger });
  }

  /** Fails when the caller does not hold the lock. */
  check(key: string): void {
    this.notify(key, 0);
  }

  protected override wakeAll(): void {
    const owner = {};
    const { signal } = new AbortController();
    void this.lock.lock.acquire({ owner, signal }).then(() => {
      this.condition.notifyAll({ owner });
      this.lock.lock.release({ owner });
    });
  }
}

/** What one user has of a condition, and of its lock through it. */
class ConditionSeat implements HomeSeat {
  readonly methods: Readonly<Record<string, HomeMethod>>;
  readonly #lock: LockSeat;
  readonly #waits = new PatientWaits();

  constructor(home: ConditionHome) {
    const lock = this.#lock = home.lock.seat();
    const waits = this.#waits;
    this.methods = {
      ...lock.methods,
      wait: (call: HomeCall, id: number, key: string, wait?: { timeoutMs?: number | null }) =>
        waits.run(
          call,
          id,
          (signal) => home.wait(lock, signal, { key, wait, isHere: id === 0 }),
        ),
      cancelWait: (_call, id: number) => waits.cancel(id),
      notify: (_call, key: string, n: number) => home.notify(key, n),
      notifyAll: (_call, key: string) => home.notifyAll(key),
      check: (_call, key: string) => home.check(key),
      statistics: () => home.condition.statistics(),
    };
  }

  leave(): void {
    this.#lock.leave();
  }
}
