/**
 * The command line: task queues served, worked for, filled and watched without a program of one's own.
 *
 * ```sh
 * export MANYHANDS_AUTHKEY=secret MANYHANDS=jsr:@manyhands/concurrency/distributed/cli
 * deno run --allow-net --allow-env=MANYHANDS_AUTHKEY $MANYHANDS serve
 * deno run --allow-net --allow-env=MANYHANDS_AUTHKEY --allow-read=./jobs.ts $MANYHANDS worker ./jobs.ts
 * deno run --allow-net --allow-env=MANYHANDS_AUTHKEY $MANYHANDS put square 7 --wait
 * ```
 *
 * `--help` tells the commands, and `COMMAND --help` the options of one, the permissions that it needs, and
 * examples. The exit code is 0 when everything went well, 1 when something failed, 2 when the command line makes
 * no sense, 3 when nobody answers or the connection was lost, 4 when the key or a certificate is wrong, and 5 when the time was over.
 *
 * It is a program: there is nothing to import from it.
 *
 * @module
 */

import { createIo } from "./_cli_io.ts";
import { runCommandLine } from "./_cli_main.ts";

// Standard input may be open still: nothing more is waited for.
if (import.meta.main) Deno.exit(await runCommandLine(Deno.args, createIo()));
