import { pathToFileURL } from "node:url";
import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { findImportCycles, findUpwardImports, type ImportEdge, readImports } from "./_graph.ts";
import { assertNoProblems, places } from "./_problem.ts";
import { listFiles, listRoomFiles, PROJECT_ROOT, readConfig, runDeno } from "./_project.ts";
import { findExportProblems, findInnerFolders, findModProblems } from "./_rooms.ts";

function edge(from: string, to: string, options: Partial<ImportEdge> = {}): ImportEdge {
  return { from, to, line: 1, specifier: `../${to}`, isDynamic: false, ...options };
}

const GOOD_TEXTS: ReadonlyMap<string, string> = new Map([
  ["mod.ts", '/** Top. */\nexport * as ipc from "./ipc/mod.ts";\n'],
  ["ipc/mod.ts", '/** A. */\nexport * from "./lock.ts";\nexport * from "./r_lock.ts";\n'],
  ["ipc/lock.ts", ""],
  ["ipc/r_lock.ts", ""],
  ["ipc/_frame.ts", ""],
]);

/** The good texts with some of them replaced or, for `undefined`, taken away. */
function textsWith(changes: Record<string, string | undefined>): Map<string, string> {
  const texts = new Map(GOOD_TEXTS);
  for (const [path, text] of Object.entries(changes)) {
    if (text === undefined) texts.delete(path);
    else texts.set(path, text);
  }
  return texts;
}

function messages(texts: ReadonlyMap<string, string>): string[] {
  return findModProblems(texts).map(({ message }) => message);
}

// ---- Imports ----

Deno.test("findUpwardImports() tells arrows that point up or sideways", () => {
  const bad = [
    ["coroutine/a.ts", "ipc/a.ts"],
    ["ipc/a.ts", "process/a.ts"],
    ["ipc/a.ts", "thread/a.ts"],
    ["process/a.ts", "thread/a.ts"],
    ["thread/a.ts", "process/a.ts"],
    ["process/a.ts", "distributed/a.ts"],
    ["ipc/a.ts", "mod.ts"],
    ["ipc/a.ts", "tests/support/a.ts"],
    ["ipc/a.ts", "examples/a.ts"],
    ["ipc/a.ts", "bench/a.ts"],
    ["mod.ts", "tests/a.ts"],
  ] as const;
  for (const [from, to] of bad) {
    assertEquals(places(findUpwardImports([edge(from, to)])), [`${from}:1`]);
    assertEquals(findUpwardImports([edge(from, to, { isDynamic: true })]).length, 1);
  }
});

Deno.test("findUpwardImports() accepts arrows that point down and other packages", () => {
  const good = [
    ["mod.ts", "distributed/mod.ts"],
    ["distributed/engines/a.ts", "distributed/_b.ts"],
    ["distributed/a.ts", "thread/a.ts"],
    ["distributed/a.ts", "process/a.ts"],
    ["process/a.ts", "ipc/a.ts"],
    ["thread/a.ts", "coroutine/a.ts"],
    ["ipc/a.ts", "ipc/_b.ts"],
    ["tests/a.ts", "ipc/_b.ts"],
  ] as const;
  assertEquals(findUpwardImports(good.map(([from, to]) => edge(from, to))), []);
  const std = edge("ipc/a.ts", "tests/support/std/async/mod.ts", { specifier: "@std/async" });
  assertEquals(findUpwardImports([std]), []);
  const byPath = { ...std, specifier: "../tests/support/std/async/mod.ts" };
  assertEquals(findUpwardImports([byPath]).length, 1);
});

Deno.test("findImportCycles() tells each circle once, with its way", () => {
  const problems = findImportCycles([
    edge("ipc/a.ts", "ipc/b.ts"),
    edge("ipc/b.ts", "ipc/c.ts"),
    edge("ipc/c.ts", "ipc/b.ts", { line: 3 }),
    edge("ipc/d.ts", "ipc/b.ts"),
  ]);
  assertEquals(problems, [{
    where: "ipc/c.ts:3",
    message: "closes a circle of imports: ipc/b.ts -> ipc/c.ts -> ipc/b.ts",
  }]);
});

Deno.test("findImportCycles() accepts a diamond and a dynamic import back", () => {
  assertEquals(
    findImportCycles([
      edge("ipc/a.ts", "ipc/b.ts"),
      edge("ipc/a.ts", "ipc/c.ts"),
      edge("ipc/b.ts", "ipc/d.ts"),
      edge("ipc/c.ts", "ipc/d.ts"),
      edge("ipc/d.ts", "ipc/a.ts", { isDynamic: true }),
    ]),
    [],
  );
});

Deno.test("readImports() finds imports of values, of types, exports from and import()", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const write = (name: string, text: string): Promise<void> =>
      Deno.writeTextFile(`${folder}/${name}`, text);
    await write("a.ts", 'import type { B } from "./b.ts";\nexport type A = B;\n');
    await write("b.ts", '/* import "./no.ts" */\nexport * from "./c.ts";\nexport type B = 1;\n');
    await write("c.ts", 'import { c } from "./c2.ts";\nawait import("./a.ts");\nconsole.log(c);\n');
    await write("c2.ts", 'import "node:fs";\nimport "./a.ts";\nexport const c = 1;\n');
    // A temporary folder may be reached through a link.
    const root = pathToFileURL(`${await Deno.realPath(folder)}/`);
    const edges = await readImports(["a.ts"], root);
    assertEquals(edges.map(({ from, to, line, isDynamic }) => [from, line, to, isDynamic]).sort(), [
      ["a.ts", 1, "b.ts", false],
      ["b.ts", 2, "c.ts", false],
      ["c.ts", 1, "c2.ts", false],
      ["c.ts", 2, "a.ts", true],
      ["c2.ts", 2, "a.ts", false],
    ]);
    assertEquals(findImportCycles(edges).length, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("runDeno() rejects with what deno wrote when it fails", async () => {
  const error = await assertRejects(() => runDeno(["info", "--no-such-flag"]), Error);
  assertStringIncludes(error.message, "--no-such-flag");
});

Deno.test("the imports of the project point down only", async () => {
  assertNoProblems(findUpwardImports(await readImports(await listRoomFiles())));
});

Deno.test("the imports of the project make no circle", async () => {
  const folders = await Promise.all(["tests", "examples", "bench"].map((name) => listFiles(name)));
  const files = [...await listRoomFiles(), ...folders.flat()];
  assertNoProblems(findImportCycles(await readImports(files)));
});

// ---- Folders and entry points ----

Deno.test("findInnerFolders() tells files in folders of a topic, except for the engines", () => {
  assertEquals(places(findInnerFolders(["ipc/inner/a.ts"])), ["ipc/inner/a.ts"]);
  assertEquals(
    places(findInnerFolders(["distributed/engines/deep/a.ts"])),
    ["distributed/engines/deep/a.ts"],
  );
  assertEquals(
    findInnerFolders(["distributed/engines/a.ts", "ipc/a.ts", "mod.ts", "tests/a/b/c.ts"]),
    [],
  );
});

Deno.test("findModProblems() accepts comments and lines in alphabetical order", () => {
  assertEquals(messages(GOOD_TEXTS), []);
});

Deno.test("findModProblems() tells what a topic's mod.ts misses or has too much", () => {
  const lines = 'export * from "./lock.ts";\nexport * from "./r_lock.ts";\n';
  const check = (text: string | undefined): string[] => messages(textsWith({ "ipc/mod.ts": text }));
  assertEquals(check(lines), ["must begin with a module comment"]);
  assertEquals(check('/** A. */\nexport * from "./lock.ts";\n'), ['must export "./r_lock.ts"']);
  assertEquals(
    check('/** A. */\nexport * from "./r_lock.ts";\nexport * from "./lock.ts";\n'),
    ["exports r_lock.ts where lock.ts comes in alphabetical order"],
  );
  assertEquals(
    check(`/** A. */\n${lines}export * from "./_frame.ts";\n`),
    ["must not export the private file _frame.ts"],
  );
  assertEquals(
    check(`/** A. */\n${lines}export const a = 1;\n`),
    ['must not contain "export const a = 1;"'],
  );
  assertEquals(check(undefined)[0], "is missing");
});

Deno.test("findModProblems() tells a topic that the top does not export as a namespace", () => {
  const line = 'export * as ipc from "./ipc/mod.ts";';
  const check = (text: string | undefined): string[] => messages(textsWith({ "mod.ts": text }));
  assertEquals(check("/** Top. */\n"), [`must contain ${JSON.stringify(line)}`]);
  assertEquals(check(line), ["must begin with a module comment"]);
  assertEquals(check(`/** Top. */\n${line}\nexport * from "./x.ts";`).length, 1);
  assertEquals(check(undefined), ["is missing"]);
});

Deno.test("findModProblems() wants one entry point for the files of each engine", () => {
  const check = (entry: string | undefined): string[] =>
    messages(
      textsWith({
        "mod.ts": '/** Top. */\nexport * as distributed from "./distributed/mod.ts";\n' +
          'export * as ipc from "./ipc/mod.ts";\n',
        "distributed/mod.ts": "/** A. */\n",
        "distributed/engines/nats.ts": entry,
        "distributed/engines/nats_lock.ts": "",
        "distributed/engines/_nats_key.ts": "",
      }),
    );
  assertEquals(check('/** A. */\nexport * from "./nats_lock.ts";\n'), []);
  assertEquals(check("/** A. */\n"), ['must export "./nats_lock.ts"']);
  assertEquals(check(undefined), ["is missing"]);
  assertEquals(check('export * from "./nats_lock.ts";\n'), ["must begin with a module comment"]);
});

Deno.test("findExportProblems() puts the files of engines beside those of the topic", () => {
  const files = ["distributed/engines/nats.ts", "distributed/engines/nats_lock.ts"];
  const good = {
    "./distributed/nats": "./distributed/engines/nats.ts",
    "./distributed/nats-lock": "./distributed/engines/nats_lock.ts",
  };
  assertEquals(findExportProblems(files, good), []);
  const { "./distributed/nats-lock": _taken, ...without } = good;
  assertEquals(findExportProblems(files, without).length, 1);
  const inner = { ...without, "./distributed/engines/nats-lock": good["./distributed/nats-lock"] };
  assertEquals(findExportProblems(files, inner).length, 1);
});

Deno.test("findExportProblems() tells entries that are missing, lead nowhere or are misnamed", () => {
  const files = ["mod.ts", "ipc/mod.ts", "ipc/r_lock.ts", "ipc/_frame.ts"];
  const good = { ".": "./mod.ts", "./ipc": "./ipc/mod.ts", "./ipc/r-lock": "./ipc/r_lock.ts" };
  assertEquals(findExportProblems(files, good), []);
  const { "./ipc/r-lock": _taken, ...without } = good;
  assertEquals(findExportProblems(files, without), [{
    where: "deno.json exports",
    message: 'must contain "./ipc/r-lock": "./ipc/r_lock.ts"',
  }]);
  assertEquals(
    places(findExportProblems(files, { ...without, "./ipc/r_lock": "./ipc/r_lock.ts" })),
    ['deno.json exports["./ipc/r_lock"]'],
  );
  assertEquals(
    places(findExportProblems(files, { ...good, "./ipc/gone": "./ipc/gone.ts" })),
    ['deno.json exports["./ipc/gone"]'],
  );
  assertEquals(findExportProblems(files, { ...good, "./ipc/-frame": "./ipc/_frame.ts" }).length, 1);
});

Deno.test("assertNoProblems() shows every problem", () => {
  assertNoProblems([]);
  const problems = [{ where: "a.ts", message: "is bad" }, { where: "b.ts", message: "is worse" }];
  const { message } = assertThrows(() => assertNoProblems(problems), Error);
  assertStringIncludes(message, "a.ts: is bad");
  assertStringIncludes(message, "b.ts: is worse");
});

Deno.test("the topics are flat folders", async () => {
  assertNoProblems(findInnerFolders(await listRoomFiles()));
});

Deno.test("every public file of a topic is exported by its mod.ts, in order", async () => {
  const files = await listRoomFiles();
  const texts = await Promise.all(files.map((file) => readIfThere(file)));
  const pairs = files.map((file, index) => [file, texts[index]] as const);
  assertNoProblems(
    findModProblems(
      new Map(pairs.filter((pair): pair is [string, string] => pair[1] !== undefined)),
    ),
  );
});

Deno.test("every public file is an entry point of the package, and every entry point exists", async () => {
  const { exports } = await readConfig();
  assertNoProblems(findExportProblems(await listRoomFiles(), exports));
});

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(new URL(path, PROJECT_ROOT));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
