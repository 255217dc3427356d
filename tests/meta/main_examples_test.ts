import { assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { leakTest } from "../support/leaks.ts";
import { withDenoOnPath } from "../support/deno_on_path.ts";

// The tests of documentation import an example; one that stands under `if (import.meta.main)` does
// nothing then. Here each of them is run as a program, with the permissions that the README states.

const ROOT = new URL("../../", import.meta.url);
// Threads read the modules that they load.
const FLAGS = ["--allow-run=deno", "--allow-net=127.0.0.1", "--allow-read"];

/** An example that is a program of its own. */
interface MainExample {
  places: string[];
  code: string;
  /** What its comments say that it prints. */
  prints: string[];
}

/** Finds the code blocks with `import.meta.main`, in Markdown and in comments. */
export function findMainExamples(file: string, text: string): MainExample[] {
  const plain = text.replaceAll(/^ *\* ?/gm, "");
  return [...plain.matchAll(/^```ts\n(.*?)^```$/gms)]
    .map((match) => match[1]!)
    .filter((code) => code.includes("import.meta.main"))
    .map((code) => ({
      places: [file],
      code: code.replaceAll("jsr:@manyhands/", "@manyhands/"),
      prints: [...code.matchAll(/console\.log\(.*\); \/\/ ([^,\n]+)/g)].map((match) => match[1]!),
    }));
}

async function findAll(): Promise<MainExample[]> {
  const byCode = new Map<string, MainExample>();
  const folders = [".", "docs", "coroutine", "ipc", "thread", "process", "distributed"];
  for (const folder of folders) {
    let entries: AsyncIterable<Deno.DirEntry>;
    try {
      await Deno.stat(new URL(folder, ROOT));
      entries = Deno.readDir(new URL(folder, ROOT));
    } catch {
      continue;
    }
    for await (const { name } of entries) {
      if (!/\.(ts|md)$/.test(name)) continue;
      // Those of this document run in from_python_test.ts, each with its own permissions.
      if (name === "from-python.md") continue;
      const file = `${folder}/${name}`;
      for (const example of findMainExamples(file, await Deno.readTextFile(new URL(file, ROOT)))) {
        const known = byCode.get(example.code);
        if (known === undefined) byCode.set(example.code, example);
        else known.places.push(file);
      }
    }
  }
  return [...byCode.values()];
}

async function run(example: MainExample): Promise<void> {
  // Within the project, so that the example and its children find the import map as users' files do.
  const file = await Deno.makeTempFile({
    dir: fileURLToPath(new URL("tests", ROOT)),
    prefix: "tmp_example_",
    suffix: ".ts",
  });
  try {
    await Deno.writeTextFile(file, example.code);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", ...FLAGS, file],
      env: withDenoOnPath(),
    }).output();
    const shown = `${example.places.join(", ")}:\n${new TextDecoder().decode(stderr)}`;
    assertEquals(code, 0, shown);
    for (const line of example.prints) {
      assertStringIncludes(new TextDecoder().decode(stdout), line, shown);
    }
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("findMainExamples() finds programs and what they say that they print", () => {
  const text = " * ```ts\n * if (import.meta.main) console.log(7 * 7); // 49, typed\n * ```\n";
  assertEquals(findMainExamples("a.ts", text), [{
    places: ["a.ts"],
    code: "if (import.meta.main) console.log(7 * 7); // 49, typed\n",
    prints: ["49"],
  }]);
  assertEquals(findMainExamples("a.ts", " * ```ts\n * console.log(1);\n * ```\n"), []);
});

leakTest("every example with import.meta.main in documents and comments runs", async () => {
  const examples = await findAll();
  assertGreater(examples.length, 3);
  for (const example of examples) await run(example);
});
