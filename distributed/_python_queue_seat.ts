import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { QueueFullError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import {
  mapping,
  type PythonCaller,
  type PythonSeat,
  type PythonTurn,
  untold,
} from "./_python_seat.ts";

/** How long one that puts waits on the server for a place, before it is asked whether it is still to wait. */
const SLICE_MS = 250;

/** A queue of a manager in Python, with the methods of the queues of this package. */
export function queueSeat(): PythonSeat {
  let line: Promise<unknown> = Promise.resolve();
  // Python takes one item with each call, and calls that are made at once in any order.
  const inLine = <T>(run: () => Promise<T>): Promise<T> => {
    const done = line.then(run);
    line = done.catch(() => {});
    return done;
  };
  return {
    methods: {
      put: async (turn, item: unknown, wait?: WaitOptions) => {
        if (wait === undefined) await inLine(() => turn.call("put", [item]));
        else await put(turn, item, wait);
      },
      putMany: ({ call }, bytes: Uint8Array) => inLine(() => putMany(call, bytes)),
      putNowait: async ({ call }, item: unknown) => void await call("put_nowait", [item]),
      get: ({ call }, wait: WaitOptions = {}) => call("get", [wait]),
      getNowait: ({ call }) => call("get_nowait"),
      qsize: ({ call }) => call("qsize"),
      empty: ({ call }) => call("empty"),
      full: ({ call }) => call("full"),
      taskDone: async ({ call }) => {
        await mapping(call("task_done"), "ValueError", () => {
          throw new RangeError("Cannot mark a task as done: no item of this queue is unfinished");
        });
      },
      join: async ({ call }, wait: WaitOptions = {}) => void await call("join", [wait]),
      statistics: untold("the figures of the queue"),
    },
  };
}

/**
 * Puts an item, and takes nothing back: from a queue of Python's one can take the first item alone. One that is given
 * up waits for the answer that is on its way, and has put its item when that says so.
 */
async function put(
  { signal, callToEnd }: PythonTurn,
  item: unknown,
  wait: WaitOptions,
): Promise<void> {
  const end = performance.now() + checkTimeout(wait.timeoutMs);
  for (;;) {
    const left = Math.max(0, end - performance.now());
    const ms = Math.min(left, SLICE_MS);
    try {
      await callToEnd("put", ms === 0 ? [item, false] : [item, true, ms / 1000]);
      return;
    } catch (error) {
      if (!(error instanceof QueueFullError) || ms === left) throw error;
      signal.throwIfAborted();
    }
  }
}

/** Puts items one after the other, and says how many are in the queue. */
async function putMany(call: PythonCaller, bytes: Uint8Array): Promise<number> {
  const items: unknown[] = JSON.parse(new TextDecoder().decode(bytes));
  let count = 0;
  try {
    for (; count < items.length; count++) await call("put", [items[count]]);
  } catch {
    // Those that are left are put by themselves, and told why they cannot be.
  }
  return count;
}
