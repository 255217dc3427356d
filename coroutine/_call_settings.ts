import type { BatchSettings } from "./_batch.ts";
import { checkTimeout } from "./_check_timeout.ts";
import type { ImapOptions } from "./pool_call_options.ts";

/** The core, as far as calls begin with its options. */
export interface CallDefaults {
  readonly options: {
    readonly timeoutMs?: number | undefined;
    readonly retries?: number | undefined;
    checkTarget?(target: unknown): void;
    bindTarget?(target: unknown): unknown;
  };
}

/** The options of a call, checked, with the pool's own where the call has none. */
export function callSettings(
  core: CallDefaults,
  action: string,
  target: unknown,
  spread: { spread: boolean },
  options: ImapOptions,
): BatchSettings {
  const { timeoutMs = core.options.timeoutMs, retries = core.options.retries ?? 0 } = options;
  const { priority = 0, chunkSize, onProgress } = options;
  if (core.options.checkTarget !== undefined) core.options.checkTarget(target);
  else checkFunction(action, "the task", target);
  if (typeof priority !== "number" || Number.isNaN(priority)) {
    throw new TypeError(`Cannot ${action}: "priority" must be a number, got ${String(priority)}`);
  }
  if (retries !== 0 && retries !== Infinity) checkCount(action, "retries", retries, 0);
  if (chunkSize !== undefined) checkCount(action, "chunkSize", chunkSize, 1);
  if (onProgress !== undefined) checkFunction(action, '"onProgress"', onProgress);
  if (timeoutMs === 0) {
    throw new RangeError(`Cannot ${action}: "timeoutMs" must be more than 0, got 0`);
  }
  const { bindTarget } = core.options;
  return {
    target: bindTarget === undefined ? target : bindTarget(target),
    spread: spread.spread,
    priority,
    retries,
    timeoutMs: timeoutMs === undefined ? Infinity : checkTimeout(timeoutMs),
    chunkSize,
    onProgress,
  };
}

/** Checks that something is a function. */
export function checkFunction(action: string, what: string, value: unknown): void {
  if (typeof value === "function") return;
  throw new TypeError(`Cannot ${action}: ${what} must be a function, got ${typeof value}`);
}

/** Checks a whole number. */
export function checkCount(action: string, name: string, value: unknown, least: number): void {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot ${action}: "${name}" must be a number, got ${typeof value}`);
  }
  if (Number.isInteger(value) && value >= least) return;
  throw new RangeError(
    `Cannot ${action}: "${name}" must be a whole number of ${least} or more, got ${value}`,
  );
}
