import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { InvalidStateError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { CANCELLED, NOTIFIED } from "../ipc/_condition_home.ts";
import { ACQUIRED } from "../ipc/_lock_home.ts";
import {
  ifHeld,
  lacks,
  mapping,
  type PythonCaller,
  type PythonMethod,
  type PythonOwner,
  type PythonSeat,
  type PythonTurn,
  untold,
} from "./_python_seat.ts";

/**
 * Locks, semaphores and conditions of a manager in Python, with the methods of the homes of this package. Python's
 * server does not notice that a holder is gone: what was acquired here is given back when the handle is closed.
 */

const markConsistent = lacks("mark as consistent", "it does not notice that a holder has died");

/** A lock that anybody may release. */
export function lockSeat(): PythonSeat {
  const holds = new Holds();
  return {
    methods: {
      acquire: (turn, _key: null, wait: WaitOptions = {}) => holds.acquire(turn, wait),
      release: ({ call }) =>
        holds.release(1, ifHeld(call("release"), "Cannot release the lock: nobody holds it")),
      locked,
      markConsistent,
      statistics: untold("the figures of the lock"),
    },
    leave: (call) => holds.leave(call),
  };
}

/** A semaphore, with a bound or without. */
export function semaphoreSeat(): PythonSeat {
  const holds = new Holds();
  return {
    methods: {
      acquire: (turn, wait: WaitOptions = {}) => holds.acquire(turn, wait),
      release: ({ call }, n: number = 1) => {
        checkCount(n, "release the semaphore", 1);
        const released = mapping(call("release", n === 1 ? [] : [n]), "ValueError", (cause) => {
          throw new RangeError(
            `Cannot release ${n} of the semaphore: fewer of its places are held`,
            { cause },
          );
        });
        return holds.release(n, released);
      },
      markConsistent,
      statistics: untold("the figures of the semaphore"),
    },
    leave: (call) => holds.leave(call),
  };
}

/** What was acquired through a handle and belongs to nobody. */
class Holds {
  #count = 0;

  async acquire({ call }: PythonTurn, wait: WaitOptions): Promise<number> {
    if (await call("acquire", [wait]) !== true) return 0;
    this.#count++;
    return ACQUIRED;
  }

  async release(n: number, released: Promise<unknown>): Promise<void> {
    await released;
    this.#count = Math.max(0, this.#count - n);
  }

  async leave(call: PythonCaller): Promise<void> {
    for (; this.#count > 0; this.#count--) await call("release");
  }
}

/** One who holds a lock that only its owner may release. */
class Owner implements PythonOwner {
  readonly holders: unknown[] = [];
  readonly key: string | undefined;
  depth = 1;

  constructor(key?: string) {
    this.key = key;
  }
}

/** Who of this process holds a lock of Python's, through whichever handle. */
export class PythonLockState {
  owner: Owner | undefined;
  /** The calls of those who want it for the first time, by who they are. */
  readonly acquiring = new Map<string, Promise<boolean>>();
}

/** A lock that its owner can acquire again. Python is asked for it once: it would take each connection for another. */
export function rlockSeat(state: PythonLockState): PythonSeat {
  const mine = new Set<Owner>();
  return {
    methods: {
      acquire: (turn, key: string, wait?: WaitOptions) =>
        acquireAgain(turn, state, mine, key, wait),
      release: async ({ call }, key: string) => {
        const { owner } = state;
        if (owner?.key !== key) throw new InvalidStateError(notHeld(owner));
        await releaseOwned(call, state, owner, notHeld());
      },
      depth: (_turn, key: string) => state.owner?.key === key ? state.owner.depth : 0,
      locked,
      markConsistent,
      statistics: untold("the figures of the lock"),
    },
    leave: (call) => leaveOwned(call, state, mine),
  };
}

async function acquireAgain(
  turn: PythonTurn,
  state: PythonLockState,
  mine: Set<Owner>,
  key: string,
  wait: WaitOptions = {},
): Promise<number> {
  const end = performance.now() + checkTimeout(wait.timeoutMs);
  const left = () => Math.max(0, end - performance.now());
  for (;;) {
    if (state.owner?.key === key) {
      state.owner.depth++;
      return ACQUIRED;
    }
    // Another call for the same owner: when that one has it, so has this one.
    const other = state.acquiring.get(key);
    if (other === undefined) break;
    const { signal } = turn;
    if (!await waitWithin(other, { signal, timeoutMs: left() }, () => false)) return 0;
  }
  const acquired = acquireOwned(turn, state, mine, key, left());
  state.acquiring.set(key, acquired.then(() => true, () => true));
  try {
    return await acquired;
  } finally {
    state.acquiring.delete(key);
  }
}

async function acquireOwned(
  { call }: PythonTurn,
  state: PythonLockState,
  mine: Set<Owner>,
  key: string | undefined,
  timeoutMs: number,
): Promise<number> {
  const owner = new Owner(key);
  const wait = timeoutMs === Infinity ? {} : { timeoutMs };
  if (await call("acquire", [wait], owner) !== true) return 0;
  state.owner = owner;
  mine.add(owner);
  return ACQUIRED;
}

async function releaseOwned(
  call: PythonCaller,
  state: PythonLockState,
  owner: Owner,
  text: string,
): Promise<void> {
  if (--owner.depth > 0) return;
  // Before Python does it: the next one may have it before its answer is here.
  if (state.owner === owner) state.owner = undefined;
  await ifHeld(call("release", [], owner), text);
}

async function leaveOwned(
  call: PythonCaller,
  state: PythonLockState,
  mine: ReadonlySet<Owner>,
): Promise<void> {
  const { owner } = state;
  if (owner === undefined || !mine.has(owner)) return;
  owner.depth = 1;
  await releaseOwned(call, state, owner, notHeld());
}

/** A wait for a condition that has not ended. */
interface Wait {
  readonly ended: Promise<void>;
  isCancelled: boolean;
  /** Whether it was woken for no other reason than to end. */
  isWoken: boolean;
}

/** A condition: it has the lock that Python has made for it, or one that anybody may release. */
export function conditionSeat(state: PythonLockState): PythonSeat {
  const mine = new Set<Owner>();
  const waits = new Map<number, Wait>();
  const notify = async (call: PythonCaller, name: string, args: unknown[]) => {
    await ifHeld(
      call(name, args, state.owner),
      "Cannot notify the condition: its lock is not held, acquire it first",
    );
  };
  return {
    methods: {
      acquire: (turn, _key: string, wait: WaitOptions = {}) =>
        acquireOwned(turn, state, mine, undefined, checkTimeout(wait.timeoutMs)),
      release: async ({ call }) => {
        const { owner } = state;
        if (owner === undefined) await ifHeld(call("release"), notHeld());
        else await releaseOwned(call, state, owner, notHeld());
      },
      locked,
      markConsistent,
      wait: (turn, id: number, _key: string, wait: { timeoutMs?: number | undefined }) =>
        waitFor(turn, state, waits, id, wait.timeoutMs),
      cancelWait: ({ call }, id: number) => endWait(call, waits.get(id)),
      notify: ({ call }, _key: string, n: number) => {
        checkCount(n, "notify", 0);
        return notify(call, "notify", [n]);
      },
      notifyAll: ({ call }) => notify(call, "notify_all", []),
      check: ({ call }) => notify(call, "notify", [0]),
      statistics: untold("the figures of the condition"),
    },
    leave: async (call) => {
      // A holder who waits must get it again, to give it back.
      await leaveOwned(call, state, mine);
      const ends = [...waits.values()].map(async (wait) => {
        await endWait(call, wait);
        await wait.ended;
        await leaveOwned(call, state, mine);
      });
      await Promise.all(ends);
    },
  };
}

/**
 * Waits to be notified, and has the lock again at the end. It is one wait in Python, and not short ones one after
 * the other: `notify` can choose a wait whose time is over while that one stands in line for the lock, and then
 * nobody would learn of it.
 */
async function waitFor(
  { call }: PythonTurn,
  state: PythonLockState,
  waits: Map<number, Wait>,
  id: number,
  timeoutMs: number | undefined,
): Promise<number> {
  const { owner } = state;
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const wait: Wait = { ended, isCancelled: false, isWoken: false };
  waits.set(id, wait);
  // Python takes `None` for a wait without end.
  const seconds = timeoutMs === undefined ? null : timeoutMs / 1000;
  state.owner = undefined;
  try {
    const value = await ifHeld(
      call("wait", [seconds], owner),
      "Cannot wait for the condition: its lock is not held, acquire it first",
    );
    if (owner !== undefined) state.owner = owner;
    const isNotified = value === true && !wait.isWoken;
    return ACQUIRED | (isNotified ? NOTIFIED : 0) | (wait.isCancelled ? CANCELLED : 0);
  } finally {
    waits.delete(id);
    resolve();
  }
}

/** Has a wait end. Python has no step for it but to wake everybody, which is allowed to happen for no reason. */
async function endWait(call: PythonCaller, wait: Wait | undefined): Promise<void> {
  if (wait === undefined || wait.isCancelled) return;
  wait.isCancelled = true;
  let isOver = false;
  void wait.ended.then(() => isOver = true);
  const owner = new Owner();
  if (await call("acquire", [{}], owner) !== true) return;
  if (!isOver) {
    wait.isWoken = true;
    await call("notify_all", [], owner);
  }
  await call("release", [], owner);
}

/** Whether it is locked, which Python's proxies of locks tell in their description alone. */
const locked: PythonMethod = async ({ call }) => {
  const text = String(await call("__repr__"));
  const state = /<(un)?locked /.exec(text);
  if (state !== null) return state[1] === undefined;
  throw new TypeError(`Cannot tell whether the lock is held: Python describes it as ${text}`);
};

function notHeld(owner?: Owner): string {
  return owner === undefined
    ? "Cannot release the lock: it is not held here, acquire it first"
    : "Cannot release the lock: another task holds it, and only the owner can release it";
}

function checkCount(n: number, action: string, least: number): void {
  if (!Number.isSafeInteger(n)) {
    throw new TypeError(`Cannot ${action}: "n" must be a whole number, got ${String(n)}`);
  }
  if (n < least) throw new RangeError(`Cannot ${action}: "n" must be ${least} or more, got ${n}`);
}
