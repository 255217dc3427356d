/** The largest heap in megabytes. */
export function readMemoryLimit(limit: unknown): number | undefined {
  if (limit === undefined) return undefined;
  if (typeof limit !== "number") {
    throw new TypeError(
      `Cannot create a process: "memoryLimitMb" must be a number, got ${typeof limit}`,
    );
  }
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new RangeError(
      `Cannot create a process: "memoryLimitMb" must be a whole number of 1 or more, got ${limit}`,
    );
  }
  return limit;
}
