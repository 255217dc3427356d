import type { Queue } from "../../ipc/mod.ts";
import { exit, parentProcess, Process, SystemExitError } from "../../process/mod.ts";

/** What the tests of the ends of processes run in processes of their own. */

const SELF = import.meta.url;

export function exitWithValue(value: unknown): never {
  exit(value);
}

export function throwExit(value: unknown): never {
  throw new SystemExitError(value);
}

/** Leaves by an exit, through a `finally` block. */
export async function exitThroughFinally(words: Queue<string>): Promise<void> {
  try {
    exit(6);
  } finally {
    await words.put("finally");
  }
}

/** An exit that somebody catches is none. */
export function catchExit(): string {
  try {
    exit(7);
  } catch (error) {
    return (error as Error).name;
  }
}

/** Not a number that the runtime takes as one. */
export function exitWithObject(): never {
  exit({ toString: () => "an object of its own" });
}

export type Unsendable = "function" | "symbol" | "field" | "cause" | "getter";

/** Throws what cannot be carried. */
export function throwUnsendable(what: Unsendable): never {
  switch (what) {
    case "function":
      throw () => 1;
    case "symbol":
      throw Symbol("thrown");
    case "field":
      throw Object.assign(new RangeError("with a field"), { field: { inner: () => 1 } });
    case "cause":
      throw new RangeError("with a cause", { cause: new WeakMap() });
    case "getter":
      throw Object.defineProperty(new RangeError("with a getter"), "field", {
        enumerable: true,
        get() {
          throw new Error("not readable");
        },
      });
  }
}

/** Is killed at about the time when its result is on its way. */
export function dieWithResult(bytes: number, afterMs: number): Uint8Array {
  setTimeout(() => Deno.kill(Deno.pid, "SIGKILL"), afterMs);
  return new Uint8Array(bytes).fill(7);
}

export function fillHeap(): number {
  const kept: unknown[] = [];
  for (;;) kept.push(Array.from({ length: 1_000 }, (_, i) => ({ i })));
}

/** Takes memory that is no part of the heap. */
export function fillBuffers(megabytes: number): number {
  const kept = Array.from({ length: megabytes }, () => new Uint8Array(1024 * 1024).fill(1));
  return kept.length;
}

/** Closes its outputs before it returns. */
export function closeOutputs(): string {
  Deno.stdout.close();
  Deno.stderr.close();
  return "returned";
}

/** Closes its outputs, then fails: what is printed cannot be. */
export function failWithoutOutputs(): never {
  Deno.stdout.close();
  Deno.stderr.close();
  throw new RangeError("nobody reads this");
}

export function closeInput(): string {
  Deno.stdin.close();
  return "returned";
}

/** Prints when the process is unloaded. */
export function printAtUnload(how: "return" | "exit" | "throw"): void {
  addEventListener("unload", () => console.log("unloaded"));
  if (how === "exit") exit(3);
  if (how === "throw") throw new RangeError("thrown");
}

export interface ParentReport {
  ownPid: number;
  parent: { name: string; pid: number } | undefined;
}

/** What a grandchild knows of its parent, and what the child knows of its. */
export async function reportParents(depth: number): Promise<ParentReport[]> {
  const own = { ownPid: Deno.pid, parent: parentProcess() };
  if (depth === 0) return [own];
  await using child = new Process({
    module: SELF,
    target: reportParents,
    args: [depth - 1],
    permissions: "inherit",
  });
  await child.start();
  return [own, ...await child.result()];
}
