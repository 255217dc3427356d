import { joinFamily } from "../ipc/_family.ts";
import { findRun as findRunByName, type Run } from "../ipc/_run_by_name.ts";
import type { Session } from "../ipc/_session.ts";
import type { Boot } from "./_boot.ts";
import { exits, revival, state } from "./_state.ts";

/**
 * The child's side of `Process`. The main module of a child is a few generated lines that call
 * {@linkcode runChild}; everything that the child is told comes over its standard input and its channel.
 */

/** A module, imported when it is asked for. */
export type Importer = () => Promise<Record<string, unknown>>;

/** The channel to the parent. */
export let channel: Session | undefined;

/** The modules that came with the user's module: see the `companions` of a process. */
export let companions: readonly Record<string, unknown>[] = [];

/**
 * Runs a child from beginning to end, and exits.
 *
 * @param importers The module of the target, then its companions.
 */
export async function runChild(importers: readonly Importer[]): Promise<never> {
  const boot = readBoot();
  state.unwinds = true;
  void endWithParent();
  const found = findRun(importers, boot);
  const ended = Promise.withResolvers<number>();
  let hasBegun = false;
  found.catch((error) => {
    exitIfMeant(error);
    reportUncaught(error);
    ended.resolve(1);
  });
  const session = await joinFamily({
    key: Uint8Array.fromHex(boot.key),
    port: boot.port,
    ticket: boot.ticket,
  }, {
    prepare: () => found.then(() => undefined),
    run: async (_call, args: unknown[], fields: Record<string, unknown> = {}) => {
      hasBegun = true;
      const run = await found;
      try {
        const result = await run(args, fields);
        ended.resolve(0);
        return result;
      } catch (error) {
        exitIfMeant(error);
        reportUncaught(error);
        ended.resolve(1);
        throw error;
      }
    },
  });
  channel = session;
  // Arguments that cannot be read here: the parent has the error, and closes the channel.
  void session.closed.then(() => hasBegun || ended.resolve(1));
  const code = await ended.promise;
  // The result is with the parent when the parent closes the channel.
  await session.closed;
  Deno.exit(code === 0 ? Deno.exitCode : code);
}

/** Reads what the parent tells first, and takes it over. */
export function readBoot(): Boot {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4096);
  let text = "";
  while (!text.includes("\n")) {
    const count = Deno.stdin.readSync(buffer);
    // The parent is gone already.
    if (count === null) Deno.exit(1);
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  const boot: Boot = JSON.parse(text);
  state.name = boot.name;
  state.daemon = boot.daemon;
  state.identity = boot.identity;
  state.parent = boot.parent;
  state.granted = boot.granted;
  return boot;
}

async function findRun(importers: readonly Importer[], boot: Boot): Promise<Run> {
  state.importing = true;
  const [module, ...rest] = await Promise.all(importers.map((load) => load()));
  state.importing = false;
  companions = rest;
  return findRunByName(module!, boot, revival, "Process");
}

/**
 * Reads standard input until its end, which comes when the parent is gone, however it went; then ends
 * the process. A child whose event loop is busy is ended by the reaper. (A process may send itself a signal
 * without permission.)
 */
async function endWithParent(): Promise<void> {
  const buffer = new Uint8Array(1024);
  try {
    while (await Deno.stdin.read(buffer) !== null);
  } catch {
    // The target has closed its standard input: the reaper is still there.
    return;
  }
  Deno.kill(Deno.pid, "SIGKILL");
}

/** Ends the process by an error that means just that. The parent learns it from the exit code. */
function exitIfMeant(error: unknown): void {
  const meant = typeof error === "object" && error !== null ? exits.get(error) : undefined;
  if (meant === undefined) return;
  if (meant.text !== "") print(meant.text);
  Deno.exit(meant.code);
}

function reportUncaught(error: unknown): void {
  // As the runtime does for an error that nobody catches, and Python for one in a process.
  print(`Uncaught (in process ${state.name})`, error);
}

function print(...values: unknown[]): void {
  try {
    console.error(...values);
  } catch {
    // The target has closed standard error, or the error throws when it is looked at.
  }
}
