import { assertEquals } from "@std/assert";
import { readConfig, runDeno } from "./_project.ts";

/** The entry point that brings the client of NATS. */
const WITH_NATS = "./distributed/nats";

/** What `deno info` tells of a module. */
interface Module {
  specifier: string;
  dependencies?: { isDynamic?: boolean; code?: { specifier?: string } }[];
}

/** The packages that an entry point loads at once: what is imported when it is needed does not count. */
async function dependenciesOf(entry: string): Promise<string[]> {
  const text = await runDeno(["info", "--json", "--no-lock", entry]);
  const { roots, modules } = JSON.parse(text) as { roots: string[]; modules: Module[] };
  const known = new Map(modules.map((module) => [module.specifier, module]));
  const found = new Set(roots);
  // Grows while it is gone through.
  for (const specifier of found) {
    for (const { isDynamic, code } of known.get(specifier)?.dependencies ?? []) {
      if (isDynamic !== true && code?.specifier !== undefined) found.add(code.specifier);
    }
  }
  return [...found].filter((specifier) => !/^(file|node):/.test(specifier));
}

Deno.test("only the entry points of NATS bring a dependency", async () => {
  const { exports } = await readConfig();
  for (const [name, entry] of Object.entries(exports)) {
    if (name.startsWith(WITH_NATS)) continue;
    // The rooms import the rest.
    if (!/(^|\/)(mod|cli)\.ts$/.test(entry)) continue;
    assertEquals(await dependenciesOf(entry), [], name);
  }
});

Deno.test("the entry point of NATS brings its client, in exact versions", async () => {
  const found = (await dependenciesOf("distributed/engines/nats.ts"))
    .map((specifier) => specifier.replace(/^npm:\/?/, "").replace(/(@[^/]+)\/internal$/, "$1"));
  assertEquals([...new Set(found)].sort(), [
    "@nats-io/jetstream@3.4.0",
    "@nats-io/kv@3.4.0",
    "@nats-io/nats-core@3.4.0",
  ]);
});
