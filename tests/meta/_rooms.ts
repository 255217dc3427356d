import type { Problem } from "./_problem.ts";
import { ROOMS } from "./_project.ts";

// The only folder inside of a topic. Its files stand beside those of the topic, since an engine is one: what is
// called "nats_….ts" there belongs to the entry point "nats.ts", which is for it what a mod.ts is for a topic.
const INNER_FOLDER = "distributed/engines";

/** Programs: entry points from which nothing is imported. */
const PROGRAMS: readonly string[] = ["distributed/cli.ts"];

/** Finds folders inside of topics; the paths are those of files. */
export function findInnerFolders(files: readonly string[]): Problem[] {
  return files.filter((file) => isInRoom(file) && !isFolder(folderOf(file))).map((file) => ({
    where: file,
    message: `lies in a folder inside of a topic; only ${INNER_FOLDER} may be one`,
  }));
}

/**
 * Finds `mod.ts` files that are more than a module comment and `export *` lines, that miss a public
 * file, or whose lines are not in order. Takes the text of each file of the topics by its path.
 */
export function findModProblems(texts: ReadonlyMap<string, string>): Problem[] {
  const problems: Problem[] = [];
  const folders = new Set([...texts.keys()].filter(isInRoom).map(folderOf).filter(isFolder));
  const entries = [...folders].flatMap((folder) =>
    folder === INNER_FOLDER ? engineEntries(texts) : [`${folder}/mod.ts`]
  );
  for (const where of entries) {
    const folder = folderOf(where);
    const text = texts.get(where);
    if (text === undefined) {
      problems.push({ where, message: "is missing" });
      continue;
    }
    if (!/^\/\*\*/.test(text)) {
      problems.push({ where, message: "must begin with a module comment" });
    }
    const statements = statementsOf(text);
    const exported: string[] = [];
    for (const statement of statements) {
      const file = /^export \* from "\.\/([^/"]+\.ts)";$/.exec(statement)?.[1];
      if (file === undefined) {
        problems.push({ where, message: `must not contain ${JSON.stringify(statement)}` });
      } else if (file.startsWith("_")) {
        problems.push({ where, message: `must not export the private file ${file}` });
      } else if (PROGRAMS.includes(`${folder}/${file}`)) {
        problems.push({ where, message: `must not export the program ${file}` });
      } else {
        exported.push(file);
      }
    }
    problems.push(...findDisorder(where, exported));
    for (const path of texts.keys()) {
      if (folderOf(path) !== folder || !isPublic(path) || path === where) continue;
      if (folder === INNER_FOLDER && entryOfEngine(path) !== where) continue;
      if (PROGRAMS.includes(path)) continue;
      const file = path.slice(folder.length + 1);
      if (exported.includes(file)) continue;
      problems.push({ where, message: `must export ${JSON.stringify(`./${file}`)}` });
    }
  }
  return [...problems, ...findTopProblems(texts)];
}

/** The top must export every topic as a namespace of its name. */
function findTopProblems(texts: ReadonlyMap<string, string>): Problem[] {
  const where = "mod.ts";
  const text = texts.get(where);
  if (text === undefined) return [{ where, message: "is missing" }];
  const problems: Problem[] = [];
  if (!/^\/\*\*/.test(text)) problems.push({ where, message: "must begin with a module comment" });
  const statements = statementsOf(text);
  const wanted = ROOMS.filter((room) => texts.has(`${room}/mod.ts`))
    .map((room) => `export * as ${room} from "./${room}/mod.ts";`);
  for (const statement of wanted.filter((statement) => !statements.includes(statement))) {
    problems.push({ where, message: `must contain ${JSON.stringify(statement)}` });
  }
  for (const statement of statements.filter((statement) => !wanted.includes(statement))) {
    problems.push({ where, message: `must not contain ${JSON.stringify(statement)}` });
  }
  return problems;
}

/** Finds entry points that are missing, that lead nowhere or that have another name than their file. */
export function findExportProblems(
  files: readonly string[],
  exports: Readonly<Record<string, string>>,
): Problem[] {
  const problems: Problem[] = [];
  const targets = new Set(Object.values(exports));
  for (const [name, target] of Object.entries(exports)) {
    const where = `deno.json exports[${JSON.stringify(name)}]`;
    const file = target.replace(/^\.\//, "");
    if (!files.includes(file)) {
      problems.push({ where, message: `leads to ${target}, which does not exist` });
    } else if (!isPublic(file)) {
      problems.push({ where, message: `leads to ${target}, which is private` });
    }
    if (name !== entryNameOf(file)) {
      problems.push({ where, message: `must be called ${JSON.stringify(entryNameOf(file))}` });
    }
  }
  for (const file of files) {
    if (!isPublic(file) || targets.has(`./${file}`)) continue;
    const entry = `${JSON.stringify(entryNameOf(file))}: ${JSON.stringify(`./${file}`)}`;
    problems.push({ where: "deno.json exports", message: `must contain ${entry}` });
  }
  return problems;
}

/** The entry points that the files of the engines need. */
function engineEntries(texts: ReadonlyMap<string, string>): string[] {
  const files = [...texts.keys()].filter((path) =>
    folderOf(path) === INNER_FOLDER && isPublic(path)
  );
  return [...new Set(files.map(entryOfEngine))];
}

/** The file of an engine belongs to the one that is called as its first word. */
function entryOfEngine(path: string): string {
  const name = path.slice(INNER_FOLDER.length + 1).replace(/\.ts$/, "");
  return `${INNER_FOLDER}/${name.split("_", 1)[0]}.ts`;
}

/**
 * `process/cpu_count.ts` is `./process/cpu-count`, a `mod.ts` is its folder, and what is in the folder of the engines
 * stands beside the rest of the topic.
 */
function entryNameOf(file: string): string {
  const path = file.replace(`${INNER_FOLDER}/`, `${folderOf(INNER_FOLDER)}/`).replace(/\.ts$/, "")
    .replace(/(^|\/)mod$/, "").replaceAll("_", "-");
  return path === "" ? "." : `./${path}`;
}

function findDisorder(where: string, names: readonly string[]): Problem[] {
  const sorted = [...names].sort();
  const at = names.findIndex((name, index) => name !== sorted[index]);
  if (at < 0) return [];
  const message = `exports ${names[at]} where ${sorted[at]} comes in alphabetical order`;
  return [{ where, message }];
}

/** The text without comments, one statement a line. */
function statementsOf(text: string): string[] {
  return text.replace(/\/\*[^]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "").split(/(?<=;)\s*/)
    .map((statement) => statement.trim()).filter((statement) => statement !== "");
}

function isInRoom(path: string): boolean {
  return ROOMS.includes(path.split("/", 1)[0] ?? "") && path.includes("/");
}

function isFolder(folder: string): boolean {
  return ROOMS.includes(folder) || folder === INNER_FOLDER;
}

function isPublic(path: string): boolean {
  return path.endsWith(".ts") && !path.slice(path.lastIndexOf("/") + 1).startsWith("_");
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}
