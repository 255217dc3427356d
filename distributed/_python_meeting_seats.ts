import { BrokenBarrierError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { LEFT } from "../ipc/_barrier_home.ts";
import { type PythonCaller, type PythonSeat, untold } from "./_python_seat.ts";

/** Events and barriers of a manager in Python, with the methods of the homes of this package. */

/** In place of no limit, where the barrier has one of its own: more than eleven days, less than Python refuses. */
const LONGEST_SECONDS = 1_000_000;

/** An event. */
export function eventSeat(): PythonSeat {
  return {
    methods: {
      isSet: ({ call }) => call("is_set"),
      set: async ({ call }) => void await call("set"),
      clear: async ({ call }) => void await call("clear"),
      wait: ({ call }, wait: WaitOptions = {}) => call("wait", [wait]),
      statistics: untold("the figures of the event"),
    },
  };
}

interface Wait {
  readonly ended: Promise<void>;
  isCancelled: boolean;
  isOver: boolean;
}

/** A barrier of so many. */
export function barrierSeat(parties: number): PythonSeat {
  const waits = new Map<number, Wait>();
  return {
    methods: {
      wait: async ({ call }, id: number, { timeoutMs }: { timeoutMs?: number | null }) => {
        const { promise: ended, resolve } = Promise.withResolvers<void>();
        const wait: Wait = { ended, isCancelled: false, isOver: false };
        waits.set(id, wait);
        try {
          return await call("wait", [secondsOf(timeoutMs)]);
        } catch (error) {
          if (wait.isCancelled && error instanceof BrokenBarrierError) return LEFT;
          throw error;
        } finally {
          wait.isOver = true;
          waits.delete(id);
          resolve();
        }
      },
      cancelWait: ({ call }, id: number) => endWait(call, waits.get(id)),
      reset: async ({ call }) => void await call("reset"),
      abort: async ({ call }) => void await call("abort"),
      statistics: async ({ call }) => {
        const waiting = await call("__getattribute__", ["n_waiting"]);
        const broken = await call("__getattribute__", ["broken"]);
        return { parties, waiting, broken };
      },
    },
    leave: async (call) => {
      const ends = [...waits.values()].map(async (wait) => {
        await endWait(call, wait);
        await wait.ended;
      });
      await Promise.all(ends);
    },
  };
}

/** Has a wait end. Nobody can leave a barrier of Python's: it breaks, as it does when a time limit is over. */
async function endWait(call: PythonCaller, wait: Wait | undefined): Promise<void> {
  if (wait === undefined || wait.isCancelled) return;
  wait.isCancelled = true;
  while (!wait.isOver) {
    // Nobody waits there: all have come, and there is nothing to break; or this one has not come yet, since calls
    // go over several connections.
    if (await call("__getattribute__", ["n_waiting"]) === 0) continue;
    await call("abort");
    return;
  }
}

function secondsOf(timeoutMs: number | null | undefined): number | null {
  if (timeoutMs === undefined) return null;
  return timeoutMs === null ? LONGEST_SECONDS : Math.min(timeoutMs / 1000, LONGEST_SECONDS);
}
