/**
 * The benchmarks' program: `deno task bench [SCENARIO…] [--json FILE] [--list] [--rounds N]`.
 *
 * @module
 */

import { runCommandLine } from "./command_line.ts";
import { scenarios } from "./scenarios.ts";

if (import.meta.main) {
  // Not `Deno.exitCode`: work that was given up on may still keep the event loop alive.
  Deno.exit(await runCommandLine(Deno.args, { scenarios }));
}
