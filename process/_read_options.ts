/** What a user gave for a process, checked. */

/** The URL of the module. */
export function readModule(module: string | URL): string {
  const text = String(module);
  if (!URL.canParse(text)) {
    throw new TypeError(
      `Cannot create a process: "module" must be an absolute URL such as import.meta.url, got ${
        JSON.stringify(text)
      }`,
    );
  }
  return text;
}

/** The name of the target. */
export function readTarget(target: unknown): string {
  const name = typeof target === "function" ? target.name : target;
  if (typeof name !== "string") {
    throw new TypeError(
      'Cannot create a process: "target" must be a function or its name, or a subclass must have its own ' +
        `run() as a method, got ${typeof target}`,
    );
  }
  if (name === "") {
    throw new TypeError(
      "Cannot create a process: the target has no name by which the child could find it; " +
        "export a named function",
    );
  }
  return name;
}

/** The name of a class that has its own `run()`. */
export function readSubclass({ name }: { readonly name: string }): string {
  if (name === "") {
    throw new TypeError(
      "Cannot create a process: the class has no name by which the child could find it; " +
        "export a named class",
    );
  }
  return name;
}

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
