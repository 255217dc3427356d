/** Which function a process or a thread is to run, checked. */

/** What is created to run it, as errors say. */
export type Created = "process" | "thread";

/** The URL of the module. */
export function readModule(what: Created, module: string | URL): string {
  const text = String(module);
  if (!URL.canParse(text)) {
    throw new TypeError(
      `Cannot create a ${what}: "module" must be an absolute URL such as import.meta.url, got ${
        JSON.stringify(text)
      }`,
    );
  }
  return text;
}

/** The name of the target. */
export function readTarget(what: Created, target: unknown): string {
  const name = typeof target === "function" ? target.name : target;
  if (typeof name !== "string") {
    throw new TypeError(
      `Cannot create a ${what}: "target" must be a function or its name, or a subclass must have its own ` +
        `run() as a method, got ${typeof target}`,
    );
  }
  if (name === "") {
    throw new TypeError(
      `Cannot create a ${what}: the target has no name by which the ${what} could find it; ` +
        "export a named function",
    );
  }
  return name;
}

/** The name of a class that has its own `run()`. */
export function readSubclass(what: Created, { name }: { readonly name: string }): string {
  if (name === "") {
    throw new TypeError(
      `Cannot create a ${what}: the class has no name by which the ${what} could find it; ` +
        "export a named class",
    );
  }
  return name;
}
