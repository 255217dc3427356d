import { assertEquals } from "@std/assert";

// The stand-ins for the @std packages are there for exactly the functions that the project uses.

const ROOT = new URL("../../", import.meta.url);
const STAND_INS = "tests/support/std/";
const PACKAGES = ["assert", "async", "cli", "streams"];

/** The values that a module's text imports from a package, from its root or from a path of it. */
export function importedFrom(name: string, text: string): string[] {
  const statement = new RegExp(`^import \\{([^}]*)\\} from "@std/${name}(?:/[a-z-]+)?";`, "gm");
  return [...text.matchAll(statement)]
    .flatMap(([, names = ""]) => names.split(","))
    .map((specifier) => specifier.trim().replace(/ as .*/, ""))
    .filter((specifier) => specifier !== "" && !specifier.startsWith("type "));
}

async function* listSources(folder: URL): AsyncGenerator<URL> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (name.startsWith(".") || name === "node_modules") continue;
    if (isDirectory) yield* listSources(new URL(`${name}/`, folder));
    else if (name.endsWith(".ts")) yield new URL(name, folder);
  }
}

Deno.test("importedFrom() tells values, from the package and its paths", () => {
  const text =
    'import { a, type B, c as d } from "@std/async";\nimport { e } from "@std/async/e-f";\n' +
    'import { g } from "@std/cli";\n';
  assertEquals(importedFrom("async", text), ["a", "c", "e"]);
});

Deno.test("each stand-in has what the project uses of its package, and nothing else", async () => {
  const used = new Map(PACKAGES.map((name) => [name, new Set<string>()]));
  for await (const file of listSources(ROOT)) {
    if (file.pathname.includes(STAND_INS)) continue;
    const text = await Deno.readTextFile(file);
    for (const [name, names] of used) importedFrom(name, text).forEach((value) => names.add(value));
  }
  for (const [name, names] of used) {
    const { default: _, ...exported } = await import(
      new URL(`${STAND_INS}${name}/mod.ts`, ROOT).href
    );
    assertEquals(Object.keys(exported).sort(), [...names].sort(), `@std/${name}`);
  }
});
