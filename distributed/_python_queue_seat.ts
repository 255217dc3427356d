import type { WaitOptions } from "../coroutine/wait_options.ts";
import { mapping, type PythonCaller, type PythonSeat, untold } from "./_python_seat.ts";

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
      put: async ({ call }, item: unknown, wait?: WaitOptions) => {
        if (wait === undefined) await inLine(() => call("put", [item]));
        else await call("put", [item, wait]);
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
