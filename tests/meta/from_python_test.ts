import { assert, assertEquals, assertGreater } from "@std/assert";
import { fileURLToPath } from "node:url";
import { withDenoOnPath } from "../support/deno_on_path.ts";
import { leakTest } from "../support/leaks.ts";
import { pythonAvailable, runPython } from "../support/python.ts";
import { readDocumentation } from "./_docs.ts";

// docs/from-python.md: both blocks of each pair run, ours with exactly the permissions that stand below it, and
// print the same; its table has every name.

const ROOT = new URL("../../", import.meta.url);
const DOCUMENT = await Deno.readTextFile(new URL("docs/from-python.md", ROOT));
const ROOMS = ["coroutine", "ipc", "thread", "process", "distributed"];

/** An example in both languages. */
interface Pair {
  title: string;
  python: string;
  typescript: string;
  /** What stands below it. */
  flags: string[];
}

/** Finds the sections that have an example in Python. */
function findPairs(text: string): Pair[] {
  return text.split(/^### /m).slice(1).map((section) => {
    const [title = ""] = section.split("\n", 1);
    const block = (language: string) =>
      new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "ms").exec(section)?.[1] ?? "";
    const [, needs] = /^Needs (nothing|`([^`]+)`)\.$/m.exec(section) ?? [];
    assert(needs !== undefined, `"${title}" does not say what it needs`);
    const flags = needs === "nothing" ? [] : needs.replaceAll("`", "").split(" ");
    return { title, python: block("py"), typescript: block("ts"), flags };
  });
}

const PAIRS = findPairs(DOCUMENT);

Deno.test("docs/from-python.md has pairs of examples", () => {
  assertGreater(PAIRS.length, 25);
  for (const { title, python, typescript } of PAIRS) {
    assert(python !== "" && typescript !== "", `"${title}" has no pair of blocks`);
  }
});

const hasPython = await pythonAvailable() &&
  (await runPython("import sys; print(sys.version_info >= (3, 11))")).stdout.trim() === "True";
if (!hasPython) {
  const why = "skipped: there is no Python 3.11 or newer; only our side is run";
  Deno.test({ name: `docs/from-python.md: Python's side (${why})`, ignore: true, fn() {} });
}

/** What our side prints. */
async function runTypeScript({ title, typescript, flags }: Pair): Promise<string> {
  // Within the project, so that the example and its children find the import map as users' files do.
  const file = await Deno.makeTempFile({
    dir: fileURLToPath(new URL("tests", ROOT)),
    prefix: "tmp_example_",
    suffix: ".ts",
  });
  try {
    await Deno.writeTextFile(file, typescript);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", ...flags, file],
      env: withDenoOnPath({ NO_COLOR: "1" }),
      stdin: "null",
    }).output();
    assertEquals(code, 0, `"${title}" here: ${new TextDecoder().decode(stderr)}`);
    return new TextDecoder().decode(stdout);
  } finally {
    await Deno.remove(file);
  }
}

/** Runs a file as the main program, or only reads it when a package is missing that it imports. */
const RUN_FILE = `
import importlib.util, runpy, sys
file, *packages = sys.argv[1:]
if all(importlib.util.find_spec(package) for package in packages):
    runpy.run_path(file, run_name="__main__")
else:
    compile(open(file).read(), file, "exec")
    print("not installed")
`;

/** What Python's side prints; \`undefined\` where a package is missing. */
async function runPythonSide({ title, python }: Pair): Promise<string | undefined> {
  // A file, for children that import the main module.
  const file = await Deno.makeTempFile({ prefix: "from_python_", suffix: ".py" });
  try {
    await Deno.writeTextFile(file, python);
    const packages = ["gevent", "twisted"].filter((name) => python.includes(`${name}`));
    const { code, stdout, stderr } = await runPython(RUN_FILE, {
      args: [file, ...packages],
      env: { PYTHONUNBUFFERED: "1" },
    });
    assertEquals(code, 0, `"${title}" in Python: ${stderr}`);
    return stdout.trim() === "not installed" ? undefined : stdout;
  } finally {
    await Deno.remove(file);
  }
}

for (const pair of PAIRS) {
  // These name programs of Unix, or what Windows does not have.
  const needsUnix = /\bfork\b|SharedMemory|subprocess/.test(pair.python);
  leakTest(`docs/from-python.md: both sides of "${pair.title}" print the same`, async () => {
    const here = await runTypeScript(pair);
    assert(here.trim() !== "", `"${pair.title}" prints nothing`);
    const there = hasPython ? await runPythonSide(pair) : undefined;
    if (there !== undefined) assertEquals(here, there.replaceAll("\r\n", "\n"));
  }, { ignore: Deno.build.os === "windows" && needsUnix });
}

Deno.test("docs/from-python.md: each permission is needed", async () => {
  // Of a few: each costs a run for each flag.
  for (const title of ["A process", "Shared memory", "A thread", "Calls of another program"]) {
    const pair = PAIRS.find((each) => each.title === title)!;
    for (const left of pair.flags) {
      const flags = pair.flags.filter((flag) => flag !== left);
      const failed = await runTypeScript({ ...pair, flags }).then(() => false, () => true);
      assert(failed, `"${title}" runs without ${left}`);
    }
  }
});

// ---- The table of names ----

/** The names in the last column but one of the table, by room. */
function readNames(text: string): Map<string, Set<string>> {
  const names = new Map(ROOMS.map((room) => [room, new Set<string>()]));
  const [, table = ""] = text.split("\n## Names\n");
  for (const line of table.split("\n").filter((line) => line.startsWith("|")).slice(2)) {
    const [, , ours = "", rooms = ""] = line.split("|").map((cell) => cell.trim());
    for (const room of rooms.matchAll(/`([a-z]+)`/g)) {
      const listed = names.get(room[1]!);
      assert(listed !== undefined, `no room is called ${room[1]}`);
      for (const [, name] of ours.matchAll(/`([A-Za-z]+)/g)) listed.add(name!);
    }
  }
  return names;
}

Deno.test("docs/from-python.md: the table of names has every class and function, and no other", async () => {
  const listed = readNames(DOCUMENT);
  for (const room of ROOMS) {
    const { nodes } = await readDocumentation([`${room}/mod.ts`]);
    const exported = new Set(
      Object.values(nodes).flatMap(({ symbols = [] }) => symbols)
        .filter(({ declarations }) =>
          declarations.some(({ kind }) =>
            kind === "class" || kind === "function" || kind === "variable"
          )
        )
        .map(({ name }) => name),
    );
    assertEquals([...exported.difference(listed.get(room)!)], [], `${room}: not in the table`);
    assertEquals([...listed.get(room)!.difference(exported)], [], `${room}: not exported`);
  }
});
