import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { sleep } from "../coroutine/sleep.ts";
import { HOST_NOT_FOUND } from "../ipc/_connect.ts";
import { AuthenticationError, ConnectionLostError, ProtocolError } from "../ipc/errors.ts";
import type { RetryOptions } from "./retry_options.ts";
import { EngineUnavailableError } from "./task_errors.ts";

/** Retry options that were checked, none missing. */
export type RetrySettings = { readonly [Name in keyof RetryOptions]-?: number };

/** What `retry: true` stands for. */
export const DEFAULT_RETRY: RetrySettings = {
  maxAttempts: Infinity,
  minTimeoutMs: 50,
  maxTimeoutMs: 2_000,
  multiplier: 2,
  jitter: 0.5,
};

/** Options for {@linkcode retry}. */
export interface RetryLoopOptions {
  /** Ends the pauses; a try that is under way has to look at it itself. */
  readonly signal: AbortSignal;
  /** How long to go on without success, in milliseconds. */
  readonly withinMs?: number | undefined;
}

/** No try is left, or no time. The cause is why the last one failed. */
export class RetriesExhausted extends Error {
  readonly attempts: number;

  constructor(attempts: number, options: ErrorOptions) {
    super(`Gave up after ${attempts} tries`, options);
    this.attempts = attempts;
  }
}

/**
 * Checks a `retry` option.
 *
 * @param action What is being done, for the text of the error: "create a manager".
 * @returns The settings, or nothing when there is to be one try only.
 */
export function checkRetry(
  action: string,
  retry: boolean | RetryOptions | undefined,
): RetrySettings | undefined {
  if (retry === undefined || retry === false) return undefined;
  if (retry !== true && (typeof retry !== "object" || retry === null)) {
    throw new TypeError(
      `Cannot ${action}: "retry" must be true or an object, got ${String(retry)}`,
    );
  }
  const settings: Record<string, number> = { ...DEFAULT_RETRY };
  for (const [name, value] of Object.entries(retry === true ? {} : retry)) {
    if (!Object.hasOwn(DEFAULT_RETRY, name)) {
      const known = Object.keys(DEFAULT_RETRY).join(", ");
      throw new TypeError(`Cannot ${action}: "retry" has no option "${name}", it has ${known}`);
    }
    if (value === undefined) continue;
    const [lowest, highest] = RANGES[name as keyof RetryOptions];
    if (typeof value !== "number" || !(value >= lowest && value <= highest)) {
      throw new RangeError(
        `Cannot ${action}: "retry.${name}" must be a number from ${lowest} to ${highest}, got ${
          String(value)
        }`,
      );
    }
    settings[name] = value;
  }
  return settings as RetrySettings;
}

const RANGES: Readonly<Record<keyof RetryOptions, readonly [number, number]>> = {
  maxAttempts: [1, Infinity],
  minTimeoutMs: [0, Infinity],
  maxTimeoutMs: [0, Infinity],
  multiplier: [1, Infinity],
  jitter: [0, 1],
};

/**
 * Tries until it succeeds, with pauses that grow.
 *
 * @param attempt Tries once. It may call `succeeded` when what fails later is to count as a new beginning.
 * @returns What the attempt answers.
 * @throws {RetriesExhausted} When there is no try left, or no time.
 * @throws What the attempt throws, when another one could not succeed; the signal's reason.
 */
export async function retry<T>(
  attempt: (succeeded: () => void) => Promise<T>,
  settings: RetrySettings,
  options: RetryLoopOptions,
): Promise<T> {
  const { maxAttempts, minTimeoutMs, maxTimeoutMs, multiplier, jitter } = settings;
  const { signal } = options;
  const withinMs = checkTimeout(options.withinMs, "withinMs");
  let failures = 0;
  let pauseMs = minTimeoutMs;
  /** When it began not to succeed; nothing while it does. */
  let since: number | undefined = performance.now();
  const succeeded = () => {
    failures = 0;
    pauseMs = minTimeoutMs;
    since = undefined;
  };
  for (;;) {
    signal.throwIfAborted();
    try {
      return await attempt(succeeded);
    } catch (error) {
      signal.throwIfAborted();
      if (!isUnreachable(error)) throw error;
      const now = performance.now();
      since ??= now;
      const actualMs = Math.min(pauseMs, maxTimeoutMs) * (1 - jitter * Math.random());
      if (++failures >= maxAttempts || now + actualMs - since > withinMs) {
        throw new RetriesExhausted(failures, { cause: error });
      }
      await sleep(actualMs, { signal });
      pauseMs = Math.min(pauseMs * multiplier, maxTimeoutMs);
    }
  }
}

/** What the network says of those who are not there now. The errors have been explained, which keeps their names. */
const UNREACHABLE = new Set([
  "ConnectionAborted",
  "ConnectionRefused",
  "ConnectionReset",
  // Hosts that are started later, or a resolver that is away for a moment.
  HOST_NOT_FOUND,
  "HostUnreachable",
  "NetworkDown",
  "NetworkUnreachable",
  "TimedOut",
  "TimeoutError",
]);

/** Whether another try may succeed. */
function isUnreachable(error: unknown): boolean {
  if (error instanceof AuthenticationError || error instanceof ProtocolError) return false;
  if (error instanceof EngineUnavailableError || error instanceof ConnectionLostError) return true;
  return error instanceof Error && UNREACHABLE.has(error.name);
}
