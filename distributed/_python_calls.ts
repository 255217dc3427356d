import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { QueueEmptyError, QueueFullError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { toNativeName, toPythonName } from "./_python_names.ts";
import { PyKeywords } from "./python_keywords.ts";

/** How our calls become those of Python: names, time limits, waits that can be given up. */

/** An object of a Python server. */
export interface PythonTarget {
  readonly id: string;
  readonly typeid: string;
  readonly exposed: ReadonlySet<string>;
}

/** A call as Python gets it. */
export interface PythonCall {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly kwds: Readonly<Record<string, unknown>>;
}

/** What is to be done for a call of ours. */
export interface Plan extends PythonCall {
  /** What the caller has said about the wait; its time limit is part of the call, or of the slices. */
  readonly wait: WaitOptions;
  /** A wait that is made of short ones, so that it can be given up. */
  readonly slices?: Slices | undefined;
  /** What takes the call back when its caller is gone before the answer. */
  undo?(result: unknown): PythonCall[];
  /** It cannot be taken back: one that is given up is done all the same when the answer that is on its way says so. */
  readonly stays?: boolean | undefined;
  /** It is a wait for a condition: others have to wake it, and it has the lock at its end. */
  readonly isNotified?: boolean | undefined;
}

/** A wait that is made of short ones. */
export interface Slices {
  /** The arguments for a wait of so many seconds; 0 does not wait. */
  args(seconds: number): readonly unknown[];
  /** Whether an answer, or an error, says that the time was over. */
  isOver(answer: { value: unknown } | { error: unknown }): boolean;
}

const NO_KEYWORDS: Readonly<Record<string, unknown>> = Object.freeze({});
const NO_WAIT: WaitOptions = Object.freeze({});

/** The names of the methods of a proxy: in our case, and as Python has them. */
export function namesOf(exposed: Iterable<string>): string[] {
  const names = new Set<string>();
  for (const name of exposed) names.add(toNativeName(name)).add(name);
  // The locks of this package have it, Python's have `acquire(False)`.
  if (names.has("acquire") && names.has("release")) names.add("tryAcquire");
  return [...names];
}

/** Makes the call of Python's out of one of ours. */
export function planCall(
  target: PythonTarget,
  method: string,
  given: readonly unknown[],
): Plan {
  const { exposed } = target;
  const name = exposed.has(method) ? method : toPythonName(method);
  let args = given;
  let kwds = NO_KEYWORDS;
  const last = given.at(-1);
  if (last instanceof PyKeywords) {
    return { name, args: given.slice(0, -1), kwds: last.values, wait: NO_WAIT };
  }
  if (method === "tryAcquire") return { name: "acquire", args: [false], kwds, wait: NO_WAIT };
  const kind = kindOf(name, exposed);
  if (kind === undefined) return { name, args, kwds, wait: NO_WAIT };
  let wait = NO_WAIT;
  const position = kind === "put" ? 1 : 0;
  if (args.length === position + 1 && isWaitOptions(last)) {
    wait = last as WaitOptions;
    args = args.slice(0, -1);
  }
  checkTimeout(wait.timeoutMs);
  const isOurForm = args.length === position;
  switch (kind) {
    case "shutdown":
      if (isPlain(last) && args.length === 1) {
        args = [];
        kwds = last;
      }
      return { name, args, kwds, wait: NO_WAIT };
    case "limited": {
      // Python's own limit: to give up in between would break a barrier.
      const { timeoutMs } = wait;
      if (timeoutMs !== undefined && isOurForm) args = [timeoutMs / 1000];
      return { name, args, kwds, wait: { signal: wait.signal } };
    }
    case "endless":
      return { name, args, kwds, wait };
    case "notified": {
      // Not in slices: `notify` can choose a wait whose time is over while that one stands in line for the lock, and
      // nobody would learn of it. Python takes `None` for a wait without end.
      const seconds = wait.timeoutMs === undefined ? null : wait.timeoutMs / 1000;
      const { signal } = wait;
      return { name, args: isOurForm ? [seconds] : args, kwds, wait: { signal }, isNotified: true };
    }
  }
  if (!isOurForm) return { name, args, kwds, wait: NO_WAIT };
  return { name, args, kwds, wait, ...SLICED[kind](args, exposed) };
}

type Sliced = "put" | "get" | "acquire" | "wait";

/** What is known of a method: by its name, and by what else the object has. */
function kindOf(
  name: string,
  exposed: ReadonlySet<string>,
): Sliced | "shutdown" | "limited" | "endless" | "notified" | undefined {
  const isQueue = exposed.has("put") && exposed.has("get");
  switch (name) {
    case "put":
    case "get":
      if (isQueue) return name;
      return name === "get" && exposed.has("ready") ? "limited" : undefined;
    case "join":
      return isQueue ? "endless" : undefined;
    case "shutdown":
      return isQueue ? "shutdown" : undefined;
    case "acquire":
      return exposed.has("release") ? "acquire" : undefined;
    case "wait":
      // Those of a barrier and of a result of a pool.
      if (exposed.has("abort") || exposed.has("ready")) return "limited";
      if (exposed.has("notify")) return "notified";
      return exposed.has("is_set") ? "wait" : undefined;
    default:
      return undefined;
  }
}

const SLICED: Readonly<
  Record<
    Sliced,
    (
      args: readonly unknown[],
      exposed: ReadonlySet<string>,
    ) => Pick<Plan, "slices" | "undo" | "stays">
  >
> = {
  put: ([item]) => ({
    slices: {
      args: (seconds) => seconds === 0 ? [item, false] : [item, true, seconds],
      isOver: (answer) => "error" in answer && answer.error instanceof QueueFullError,
    },
    // From a queue of Python's one can take the first item alone, and this is the last.
    stays: true,
  }),
  get: (_, exposed) => ({
    slices: {
      args: (seconds) => seconds === 0 ? [false] : [true, seconds],
      isOver: (answer) => "error" in answer && answer.error instanceof QueueEmptyError,
    },
    undo: (item) => [
      { name: "put", args: [item], kwds: NO_KEYWORDS },
      // It was put once, and must be done once.
      ...exposed.has("task_done") ? [{ name: "task_done", args: [], kwds: NO_KEYWORDS }] : [],
    ],
  }),
  acquire: () => ({
    slices: {
      args: (seconds) => seconds === 0 ? [false] : [true, seconds],
      isOver: (answer) => "value" in answer && answer.value === false,
    },
    undo: (granted) => granted === true ? [{ name: "release", args: [], kwds: NO_KEYWORDS }] : [],
  }),
  wait: () => ({
    slices: {
      args: (seconds) => [seconds],
      isOver: (answer) => "value" in answer && answer.value === false,
    },
  }),
};

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null &&
    Object.getPrototypeOf(value) === Object.prototype;
}

function isWaitOptions(value: unknown): boolean {
  return isPlain(value) &&
    Object.keys(value).every((key) => ["timeoutMs", "signal", "owner"].includes(key));
}
