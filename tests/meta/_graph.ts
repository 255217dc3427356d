import type { Problem } from "./_problem.ts";
import { PROJECT_ROOT, ROOMS, runDeno } from "./_project.ts";

/** One import of one file of the project by another. */
export interface ImportEdge {
  /** The importing file, from the project's folder. */
  from: string;
  /** The line of the import, from 1. */
  line: number;
  /** The specifier as written. */
  specifier: string;
  /** The imported file, from the project's folder. */
  to: string;
  /** An `import()` in the midst of code. */
  isDynamic: boolean;
}

interface InfoModule {
  specifier: string;
  dependencies?: {
    specifier: string;
    code?: InfoTarget;
    type?: InfoTarget;
    isDynamic?: boolean;
  }[];
}

interface InfoTarget {
  specifier?: string;
  span: { start: { line: number } };
}

// What each topic may import besides itself. The top may import them all.
const BELOW: Readonly<Record<string, readonly string[]>> = {
  coroutine: [],
  ipc: ["coroutine"],
  thread: ["ipc", "coroutine"],
  process: ["ipc", "coroutine"],
  distributed: ["process", "thread", "ipc", "coroutine"],
};

/** Reads the imports of the files, and of whatever they import, that stay inside of the folder. */
export async function readImports(
  files: readonly string[],
  root: URL = PROJECT_ROOT,
): Promise<ImportEdge[]> {
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const lines = files.filter((file) => /\.[cm]?[jt]sx?$/.test(file))
      .map((file) => `import ${JSON.stringify(new URL(file, root).href)};\n`);
    await Deno.writeTextFile(entry, lines.join(""));
    const config = root === PROJECT_ROOT ? ["--config", "deno.json"] : ["--no-config"];
    const info = await runDeno(["info", "--json", "--no-lock", ...config, entry], root);
    return toEdges(JSON.parse(info).modules, root.href);
  } finally {
    await Deno.remove(entry);
  }
}

function toEdges(modules: readonly InfoModule[], root: string): ImportEdge[] {
  const edges: ImportEdge[] = [];
  for (const { specifier: from, dependencies = [] } of modules) {
    if (!from.startsWith(root)) continue;
    for (const { specifier, code, type, isDynamic = false } of dependencies) {
      const target = code?.specifier === undefined ? type : code;
      if (target?.specifier === undefined || !target.specifier.startsWith(root)) continue;
      edges.push({
        from: from.slice(root.length),
        line: target.span.start.line + 1,
        specifier,
        to: target.specifier.slice(root.length),
        isDynamic,
      });
    }
  }
  return edges;
}

/** Finds imports that point up, sideways or out of the topics. */
export function findUpwardImports(edges: readonly ImportEdge[]): Problem[] {
  const problems: Problem[] = [];
  for (const { from, to, line, specifier } of edges) {
    const room = roomOf(from);
    if (room === undefined) continue;
    // A bare name such as "@std/async" is another package, wherever its stand-in lies.
    if (!/^(\.|\/|file:)/.test(specifier) && roomOf(to) === undefined) continue;
    const target = roomOf(to);
    const allowed = room === "mod.ts" ? ROOMS : [room, ...BELOW[room] ?? []];
    if (target !== undefined && allowed.includes(target)) continue;
    problems.push({
      where: `${from}:${line}`,
      message: `imports ${to}, but may import only from: ${allowed.join(", ")}`,
    });
  }
  return problems;
}

/** The topic of a file, `mod.ts` for the top, nothing for tests and the like. */
function roomOf(path: string): string | undefined {
  if (path === "mod.ts") return path;
  const folder = path.slice(0, Math.max(0, path.indexOf("/")));
  return ROOMS.includes(folder) ? folder : undefined;
}

/** Finds circles of static imports, also of types alone; each circle is told once. */
export function findImportCycles(edges: readonly ImportEdge[]): Problem[] {
  const next = new Map<string, ImportEdge[]>();
  for (const edge of edges) {
    if (!edge.isDynamic) next.set(edge.from, [...next.get(edge.from) ?? [], edge]);
  }
  const problems: Problem[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    path.push(file);
    for (const { to, line } of next.get(file) ?? []) {
      const start = path.indexOf(to);
      if (start >= 0) {
        problems.push({
          where: `${file}:${line}`,
          message: `closes a circle of imports: ${[...path.slice(start), to].join(" -> ")}`,
        });
      } else if (!done.has(to)) {
        visit(to);
      }
    }
    path.pop();
    done.add(file);
  };
  for (const file of [...next.keys()].sort()) if (!done.has(file)) visit(file);
  return problems;
}
