/**
 * The program of `deno task conformance [--open [NAME]]`.
 *
 * @module
 */

import { assess, readCitations } from "./assessment.ts";
import { runCommandLine } from "./command_line.ts";
import { parseLists, readListTexts } from "./lists.ts";

if (import.meta.main) {
  const { citations, problems } = await readCitations();
  const { rows, problems: others } = assess(parseLists(await readListTexts()), citations);
  const assessment = { rows, problems: [...problems, ...others] };
  Deno.exitCode = runCommandLine(Deno.args, { assessment });
}
