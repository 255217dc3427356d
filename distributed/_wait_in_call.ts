import type { WaitOptions } from "../coroutine/wait_options.ts";

/** The options of a wait. */
const FIELDS = new Set(["signal", "timeoutMs", "owner"]);

/** What a call says about how long it may take. */
export interface WaitInCall {
  readonly wait: WaitOptions;
  /** Whether that is sure. What has no more than a `timeoutMs` may as well be data, which is to arrive as it is. */
  readonly isSure: boolean;
}

const NONE: WaitInCall = { wait: {}, isSure: true };

/**
 * Looks into the arguments of a call for the options of a wait.
 *
 * The methods that wait, of queues, locks, events and results, are known by their names and by what else the object
 * has. Of another method nobody knows what its last argument is, unless there is a signal in it, which no data has.
 *
 * @param methods All methods of the object.
 */
export function waitInCall(
  methods: readonly string[],
  method: string,
  args: readonly unknown[],
): WaitInCall {
  const last = args.at(-1);
  if (typeof last !== "object" || last === null) return NONE;
  const { signal, timeoutMs } = last as { signal?: unknown; timeoutMs?: unknown };
  const limit = typeof timeoutMs === "number" ? timeoutMs : undefined;
  // Whatever else is there: every call has its signal taken out of its last argument.
  if (signal instanceof AbortSignal) return { wait: { signal, timeoutMs: limit }, isSure: true };
  if (limit === undefined || !isOptions(last)) return NONE;
  const position = positionOf(method, new Set(methods));
  if (position === undefined) {
    return limit >= 0 ? { wait: { timeoutMs: limit }, isSure: false } : NONE;
  }
  return position === args.length - 1 ? { wait: { timeoutMs: limit }, isSure: true } : NONE;
}

/** Which argument of a method that waits has the options; `undefined` when it is not known to wait. */
function positionOf(method: string, methods: ReadonlySet<string>): number | undefined {
  const has = (...names: string[]) => names.some((name) => methods.has(name));
  const isQueue = has("put") && has("get");
  switch (method) {
    case "put":
      return isQueue ? 1 : undefined;
    case "get":
      return isQueue || has("ready") ? 0 : undefined;
    case "join":
      return isQueue ? 0 : undefined;
    case "acquire":
      return has("release") ? 0 : undefined;
    case "wait":
      return has("abort", "ready", "notify", "isSet", "is_set") ? 0 : undefined;
    default:
      return undefined;
  }
}

function isOptions(value: object): boolean {
  return Object.getPrototypeOf(value) === Object.prototype &&
    Object.keys(value).every((key) => FIELDS.has(key));
}
