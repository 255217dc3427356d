import { fileURLToPath } from "node:url";
import { PROJECT_ROOT } from "../meta/_project.ts";

/**
 * Removes the files of a folder of raw coverage that were cut off: tests kill processes, also while they write
 * them, and `deno coverage` reads none of the others then.
 *
 * @returns how many
 */
export async function removeCutOff(folder: URL): Promise<number> {
  let count = 0;
  for await (const { name } of Deno.readDir(folder)) {
    const file = new URL(name, folder);
    if (!name.endsWith(".json") || await isWhole(file)) continue;
    await Deno.remove(file);
    count++;
  }
  return count;
}

/** Has `deno coverage` read a folder of raw coverage, and answers its report in the format of lcov. */
export async function readRaw(folder: URL): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("deno", {
    args: ["coverage", "--lcov", fileURLToPath(folder)],
    cwd: PROJECT_ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  if (code !== 0) throw new Error(`deno coverage has failed: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

/** Whether its process was not killed while it wrote it. */
async function isWhole(file: URL): Promise<boolean> {
  try {
    JSON.parse(await Deno.readTextFile(file));
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
