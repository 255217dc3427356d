/**
 * Shows that the tests notice what goes wrong: `deno task mutate [FILE...] [--seed N] [--count N] [--all]`.
 *
 * @module
 */

import { runCommandLine } from "./command_line.ts";
import { mutants } from "./mutants.ts";

if (import.meta.main) {
  const root = new URL("../../", import.meta.url);
  Deno.exit(await runCommandLine(Deno.args, { mutants, root }));
}
