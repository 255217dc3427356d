import type os from "node:os";

/**
 * How nice a child is to other processes. It is set from outside, for the thread that runs the child's code,
 * when that has hardly begun; the threads that it starts afterwards inherit it. The program `nice` would
 * need the permission to run it, and with it anything.
 */

const LEAST = -20;
const MOST = 19;

/** Checks the option. */
export function checkNiceness(niceness: unknown): number | undefined {
  if (niceness === undefined) return undefined;
  if (typeof niceness !== "number") {
    throw new TypeError(
      `Cannot create a process: "niceness" must be a number, got ${typeof niceness}`,
    );
  }
  if (!Number.isInteger(niceness) || niceness < LEAST || niceness > MOST) {
    throw new RangeError(
      `Cannot create a process: "niceness" must be a whole number from ${LEAST} to ${MOST}, got ${niceness}`,
    );
  }
  return niceness;
}

/** Asks for the permission, and loads what it takes, before anything has started. */
export function allowNiceness(): void {
  const status = Deno.permissions.requestSync({ name: "sys", kind: "setPriority" });
  if (status.state !== "granted") {
    throw new Deno.errors.NotCapable(
      "Cannot start a process with a niceness: run again with --allow-sys=setPriority",
    );
  }
  // That takes longer than the child needs to start its first threads.
  priorities();
}

/**
 * Sets the niceness of a child that has just been spawned, and kills it when that is not possible.
 *
 * @throws {Deno.errors.PermissionDenied} When the system does not allow it.
 */
export function setNiceness(child: Deno.ChildProcess, niceness: number): void {
  try {
    priorities().setPriority(child.pid, niceness);
  } catch (error) {
    abandon(child);
    throw new Deno.errors.PermissionDenied(
      `Cannot start a process with niceness ${niceness}: the system does not allow it; ` +
        "it takes the rights of an administrator to be less nice than this process is",
      { cause: error },
    );
  }
}

function abandon(child: Deno.ChildProcess): void {
  child.kill("SIGKILL");
  child.stdin.abort().catch(() => {});
  for (const name of ["stdout", "stderr"] as const) {
    try {
      child[name].cancel().catch(() => {});
    } catch {
      // It is not piped.
    }
  }
}

/** Loaded when it is first needed: most programs leave the niceness alone. */
function priorities(): typeof os {
  return (globalThis as unknown as {
    process: { getBuiltinModule(name: "node:os"): typeof os };
  }).process.getBuiltinModule("node:os");
}
