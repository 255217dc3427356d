import { UsageError } from "./_cli_arguments.ts";

/**
 * Reads a file that an option names.
 *
 * @throws {UsageError} When it is not there.
 */
export async function readFile(option: string, file: string): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new UsageError(`There is no file "${file}", which --${option} names`);
  }
}
