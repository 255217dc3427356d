type Inspect = (value: unknown, options: Record<string, unknown>) => string;

const INSPECT_OPTIONS = {
  compact: false,
  depth: Infinity,
  getters: true,
  iterableLimit: Infinity,
  sorted: true,
  strAbbreviateSize: Infinity,
  trailingComma: true,
};

/** A value as text, one property or element a line, with the keys sorted. */
export function format(value: unknown): string {
  const inspect = findInspect();
  return inspect ? inspect(value, INSPECT_OPTIONS) : formatPlainly(value);
}

function findInspect(): Inspect | undefined {
  // deno-lint-ignore no-explicit-any
  const scope = globalThis as any;
  const inspect = scope.Deno?.inspect ?? scope.process?.getBuiltinModule?.("node:util")?.inspect;
  return typeof inspect === "function" ? inspect : undefined;
}

/** For runtimes without an inspector. */
function formatPlainly(value: unknown): string {
  const attempts = [formatAsJson, String, (v: unknown) => Object.prototype.toString.call(v)];
  for (const attempt of attempts) {
    try {
      const text = attempt(value);
      if (typeof text === "string") return text;
    } catch {
      // The next attempt asks less of the value.
    }
  }
  return "[[Unable to format value]]";
}

function formatAsJson(value: unknown): string | undefined {
  if (value === undefined) return "undefined";
  if (typeof value === "bigint") return `${value}n`;
  if (value === null || Array.isArray(value)) return JSON.stringify(value, null, 2);
  if (["string", "number", "boolean"].includes(typeof value)) return JSON.stringify(value);
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return undefined;
  return JSON.stringify(value, null, 2);
}
