import { fromFileUrl } from "./_permission_flags.ts";

/** The names that the runtime looks for, in this order; the last one where there is none of the others. */
const NAMES = [["deno.json", "deno.jsonc"], ["package.json"]];

/** Prints the first of the files that it is given that is there. */
const PROBE = `
for (const path of Deno.args) {
  try {
    if (Deno.statSync(path).isFile) {
      console.log(path);
      break;
    }
  } catch {}
}
`;

const known = new Map<string, string | undefined>();

/**
 * The configuration file that belongs to a local module: the first one on the way up, else the first
 * `package.json`. A child needs to be told: its main module is no file, so it would look for none, and miss the
 * user's import map.
 *
 * Where this process may not read the files, a child that may read just them is asked, once for each
 * directory: that takes the time of one start.
 *
 * @param module The module.
 * @param program How to run `deno`.
 */
export function findConfig(module: string, program: string | URL): string | undefined {
  const url = new URL(module);
  if (url.protocol !== "file:") return undefined;
  const directory = new URL(".", url);
  if (!known.has(directory.href)) {
    known.set(directory.href, findFirst(candidatesFrom(directory), program));
  }
  return known.get(directory.href);
}

function findFirst(candidates: readonly string[], program: string | URL): string | undefined {
  for (const [i, path] of candidates.entries()) {
    if (!mayRead(path)) return probe(candidates.slice(i), program);
    if (isFile(path)) return path;
  }
  return undefined;
}

function candidatesFrom(directory: URL): string[] {
  const directories = [directory];
  for (let at = directory; at.href !== new URL("..", at).href;) {
    at = new URL("..", at);
    directories.push(at);
  }
  return NAMES.flatMap((names) =>
    directories.flatMap((at) => names.map((name) => fromFileUrl(new URL(name, at))))
  );
}

function mayRead(path: string): boolean {
  return Deno.permissions.querySync({ name: "read", path }).state === "granted";
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function probe(candidates: readonly string[], program: string | URL): string | undefined {
  // A comma separates entries of a flag, and cannot be part of one.
  const allowed = candidates.filter((path) => !path.includes(",")).join(",");
  try {
    const { success, stdout } = new Deno.Command(program, {
      args: [
        "run",
        "--quiet",
        "--no-prompt",
        `--allow-read=${allowed}`,
        `data:text/javascript,${encodeURIComponent(PROBE)}`,
        ...candidates,
      ],
      stdin: "null",
      stderr: "null",
    }).outputSync();
    const found = new TextDecoder().decode(stdout).trim();
    return success && found !== "" ? found : undefined;
  } catch {
    // It cannot be run: the start of the child itself will say why.
    return undefined;
  }
}
