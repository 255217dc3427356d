import { joinFamily } from "../ipc/_family.ts";
import type { Boot } from "./_boot.ts";
import { state } from "./_state.ts";

/**
 * The child's side of `Process`. The main module of a child is a few generated lines that call
 * {@linkcode runChild}; everything that the child is told comes over its standard input and its channel.
 */

/** A module, imported when it is asked for. */
export type Importer = () => Promise<Record<string, unknown>>;

/** The modules that came with the user's module: see the `companions` of a process. */
export let companions: readonly Record<string, unknown>[] = [];

/**
 * Runs a child from beginning to end, and exits.
 *
 * @param importers The module of the target, then its companions.
 */
export async function runChild(importers: readonly Importer[]): Promise<never> {
  const boot = readBoot();
  state.name = boot.name;
  state.daemon = boot.daemon;
  state.identity = boot.identity;
  state.parent = boot.parent;
  void endWithParent();
  const target = findTarget(importers, boot.target);
  const ended = Promise.withResolvers<number>();
  target.catch((error) => {
    reportUncaught(error);
    ended.resolve(1);
  });
  const session = await joinFamily({
    key: Uint8Array.fromHex(boot.key),
    port: boot.port,
    ticket: boot.ticket,
  }, {
    prepare: () => target.then(() => undefined),
    run: async (_call, args: unknown[]) => {
      const run = await target;
      try {
        const result = await run(...args);
        ended.resolve(0);
        return result;
      } catch (error) {
        reportUncaught(error);
        ended.resolve(1);
        throw error;
      }
    },
  });
  const code = await ended.promise;
  // The result is with the parent when the parent closes the channel.
  await session.closed;
  Deno.exit(code === 0 ? Deno.exitCode : code);
}

type Target = (...args: unknown[]) => unknown;

async function findTarget(importers: readonly Importer[], name: string): Promise<Target> {
  state.importing = true;
  const [module, ...rest] = await Promise.all(importers.map((load) => load()));
  state.importing = false;
  companions = rest;
  const target = module![name];
  if (typeof target !== "function") {
    const functions = Object.keys(module!).filter((key) => typeof module![key] === "function");
    throw new TypeError(
      `Cannot run "${name}": the module does not export a function of that name. It exports ${
        functions.join(", ") || "no function"
      }`,
    );
  }
  return target as Target;
}

function readBoot(): Boot {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4096);
  let text = "";
  while (!text.includes("\n")) {
    const count = Deno.stdin.readSync(buffer);
    // The parent is gone already.
    if (count === null) Deno.exit(1);
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  return JSON.parse(text);
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

function reportUncaught(error: unknown): void {
  // As the runtime does for an error that nobody catches, and Python for one in a process.
  console.error(`Uncaught (in process ${state.name})`, error);
}
