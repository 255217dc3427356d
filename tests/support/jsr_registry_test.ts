import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { pathToFileURL } from "node:url";
import { Consumer } from "../publish/_consumer.ts";
import {
  type JsrPackage,
  packFolder,
  packProject,
  rewriteSpecifiers,
  startRegistry,
} from "./jsr_registry.ts";

const IMPORTS = { "@std/async": "jsr:@std/async@^1", "left": "npm:left@2" };

function makePackage(name: string, version: string, texts: Record<string, string>): JsrPackage {
  const encoder = new TextEncoder();
  const files = Object.entries(texts).map(([path, text]) => [path, encoder.encode(text)] as const);
  return { name, version, exports: { ".": "./mod.ts" }, files: new Map(files) };
}

Deno.test("rewriteSpecifiers() writes out bare specifiers of every kind of import", () => {
  const text = `
import "@std/async";
import { delay } from "@std/async/delay";
import type { Left } from 'left';
export * from "@std/async";
const a = await import("left/right");
type B = import("@std/async").B;
`;
  assertEquals(
    rewriteSpecifiers(text, IMPORTS),
    `
import "jsr:@std/async@^1";
import { delay } from "jsr:@std/async@^1/delay";
import type { Left } from 'npm:left@2';
export * from "jsr:@std/async@^1";
const a = await import("npm:left@2/right");
type B = import("jsr:@std/async@^1").B;
`,
  );
});

Deno.test("rewriteSpecifiers() leaves other specifiers and other strings alone", () => {
  const text = `
import "./left.ts";
import "node:fs";
import "jsr:@std/async@^1";
import "leftover";
const left = "@std/async";
`;
  assertEquals(rewriteSpecifiers(text, IMPORTS), text);
});

Deno.test("packFolder() takes what publish.include names, without what publish.exclude names", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/room/inner`, { recursive: true });
    const texts = {
      "deno.json": JSON.stringify({
        name: "@a/b",
        version: "0.1.0",
        exports: "./mod.ts",
        imports: IMPORTS,
        publish: { include: ["mod.ts", "room/**/*.ts", "*.md"], exclude: ["**/*_test.ts"] },
      }),
      "mod.ts": 'export * from "left";',
      "README.md": "a",
      "other.ts": "",
      "room/a.ts": "",
      "room/a_test.ts": "",
      "room/a.csv": "",
      "room/inner/b.ts": "",
    };
    for (const [path, text] of Object.entries(texts)) {
      await Deno.writeTextFile(`${folder}/${path}`, text);
    }
    const { files, exports } = await packFolder(pathToFileURL(`${folder}/`));
    assertEquals([...files.keys()], ["/README.md", "/mod.ts", "/room/a.ts", "/room/inner/b.ts"]);
    assertEquals(new TextDecoder().decode(files.get("/mod.ts")), 'export * from "npm:left@2";');
    assertEquals(exports, { ".": "./mod.ts" });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("packProject() has the project first, then the stand-ins", async () => {
  const packages = await packProject();
  assertEquals(packages[0]?.name, "@manyhands/concurrency");
  assertEquals(
    packages.slice(1).map(({ name }) => name).sort(),
    ["@std/assert", "@std/async", "@std/cli", "@std/streams"],
  );
  for (const { name, exports, files } of packages.slice(1)) {
    for (const file of Object.values(exports)) {
      assert(files.has(file.replace(/^\./, "")), `${name} has no ${file}`);
    }
  }
});

Deno.test("startRegistry() serves packages that import each other to a program without permissions", async () => {
  await using registry = await startRegistry([
    makePackage("@a/upper", "0.1.5", {
      "/mod.ts": 'import { lower } from "jsr:@b/lower@^2"; export const upper = lower + 1;',
    }),
    makePackage("@b/lower", "2.0.0", { "/mod.ts": "export const lower: number = 41;" }),
  ]);
  await using consumer = await Consumer.create(registry, {
    "main.ts": 'import { upper } from "jsr:@a/upper@^0.1"; console.log(upper);',
  });
  const { code, stdout, stderr } = await consumer.deno("run", "--no-prompt", "main.ts");
  assertEquals([code, stdout, stderr.includes("error")], [0, "42\n", false], stderr);
  assert(registry.requests.includes("/@b/lower/2.0.0/mod.ts"));
});

Deno.test("startRegistry() answers 404 for what it does not have, and serves added texts", async () => {
  await using registry = await startRegistry([]);
  const missing = await fetch(`${registry.url}@a/b/meta.json`);
  await missing.body?.cancel();
  assertEquals(missing.status, 404);
  const url = registry.addText("consumer/main.ts", "console.log(1);");
  const response = await fetch(url);
  assertStringIncludes(response.headers.get("content-type") ?? "", "typescript");
  assertEquals(await response.text(), "console.log(1);");
});
