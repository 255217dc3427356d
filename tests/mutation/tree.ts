import { fileURLToPath } from "node:url";

/** Folders that tests do not need. Hidden ones are left out as well. */
const LEFT_OUT: ReadonlySet<string> = new Set(["node_modules", "coverage"]);

/** What became of a run of tests. */
export interface TestRun {
  /** Whether they passed. `"hung"`: they had not ended when the time was over. */
  readonly kind: "passed" | "failed" | "hung";
  /** How long it took, in milliseconds. */
  readonly ms: number;
  /** The first test that failed, or the first lines of why none could run. */
  readonly told: string;
}

/** A copy of the project in a temporary folder, in which tests are run; it is removed at the end. */
export class Tree implements AsyncDisposable {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes a copy. */
  static async copy(root: URL): Promise<Tree> {
    const folder = await Deno.makeTempDir({ prefix: "mutation_" });
    try {
      // Some tests run programs as another user.
      if (Deno.build.os !== "windows") await Deno.chmod(folder, 0o755);
      // Some tests run programs as another user.
      if (Deno.build.os !== "windows") await Deno.chmod(folder, 0o755);
      await copyFolder(fileURLToPath(root), `${folder}/tree`);
      await Deno.mkdir(`${folder}/tmp`);
    } catch (error) {
      await Deno.remove(folder, { recursive: true });
      throw error;
    }
    return new Tree(folder);
  }

  /** Writes a file of the copy. */
  async write(path: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.#folder}/tree/${path}`, text);
  }

  /** Runs test files in the copy, to the first failure, or until the time is over. */
  async test(files: readonly string[], limitMs: number): Promise<TestRun> {
    const since = performance.now();
    // By name, as `--allow-run=deno` allows.
    const child = new Deno.Command("deno", {
      args: ["test", "-A", "--no-check", "--fail-fast", ...files],
      cwd: `${this.#folder}/tree`,
      env: { NO_COLOR: "1", TMPDIR: `${this.#folder}/tmp` },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      // A group of its own, so that what a mutant leaves behind is found.
      detached: true,
    }).spawn();
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      if (Deno.build.os === "windows") child.kill();
      else void endGroup(child);
    }, limitMs);
    const [{ success }, output, errors] = await Promise.all([
      // Children that are left hold the pipes open.
      child.status.finally(() => endGroup(child)),
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    clearTimeout(timer);
    const ms = performance.now() - since;
    if (isLate) return { kind: "hung", ms, told: `not over after ${Math.round(ms / 1000)} s` };
    if (success) return { kind: "passed", ms, told: "" };
    return { kind: "failed", ms, told: readFailure(output, errors) };
  }

  /** Removes the copy. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** The first test that failed, of what `deno test` wrote; otherwise why there is none. */
export function readFailure(output: string, errors: string): string {
  // Below " FAILURES " each failed test is named with its place.
  const named = /^ FAILURES \s+^(.+) => (\S+):\d+:\d+$/m.exec(output);
  if (named !== null) return named[1]!;
  const lines = (errors + output).split("\n").filter((line) => line.trim() !== "");
  const first = lines.findIndex((line) => /\berror\b|Error\b/i.test(line));
  return lines.slice(Math.max(0, first), Math.max(0, first) + 2).join(" ").trim();
}

/** Ends a program, and whatever else runs in its group. */
async function endGroup(child: Deno.ChildProcess): Promise<void> {
  if (Deno.build.os === "windows") return;
  await new Deno.Command("kill", {
    args: ["-s", "KILL", "--", `-${child.pid}`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory, isFile } of Deno.readDir(from)) {
    if (name.startsWith(".") || LEFT_OUT.has(name)) continue;
    if (isDirectory) await copyFolder(`${from}/${name}`, `${to}/${name}`);
    else if (isFile) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}
