/** The folder of the project, with a slash at its end. */
export const PROJECT_ROOT: URL = new URL("../../", import.meta.url);

/** The topics, from the ground up. */
export const ROOMS: readonly string[] = ["coroutine", "ipc", "thread", "process", "distributed"];

/** What the checks read from `deno.json`. */
export interface ProjectConfig {
  /** Name of the package. */
  name: string;
  /** Version of the package. */
  version: string;
  /** Entry points: name to file. */
  exports: Record<string, string>;
  /** Bare specifiers: name to target. */
  imports?: Record<string, string>;
  /** What `deno publish` packs. */
  publish?: { include?: string[]; exclude?: string[] };
}

/** Reads the project's `deno.json`. */
export async function readConfig(): Promise<ProjectConfig> {
  return JSON.parse(await Deno.readTextFile(new URL("deno.json", PROJECT_ROOT)));
}

/** Lists the files below a folder as `folder/name`, sorted; nothing when there is no such folder. */
export async function listFiles(folder: string, root: URL = PROJECT_ROOT): Promise<string[]> {
  const files: string[] = [];
  const walk = async (path: string): Promise<void> => {
    for await (const entry of Deno.readDir(new URL(`${path}/`, root))) {
      // Other tests make and remove temporary files meanwhile.
      if (/^(\.|tmp_|node_modules$)/.test(entry.name)) continue;
      const below = `${path}/${entry.name}`;
      if (entry.isDirectory) await walk(below);
      else if (entry.isFile) files.push(below);
    }
  };
  try {
    await walk(folder);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return files.sort();
}

/** The files of all topics, with `mod.ts` of the top. */
export async function listRoomFiles(): Promise<string[]> {
  const files: string[] = [];
  for await (const { name } of Deno.readDir(PROJECT_ROOT)) if (name === "mod.ts") files.push(name);
  for (const room of ROOMS) files.push(...await listFiles(room));
  return files;
}

/** Runs the `deno` that runs the tests, and answers what it wrote to standard output. */
export async function runDeno(args: string[], cwd: URL = PROJECT_ROOT): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`Cannot run deno ${args.join(" ")}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}
