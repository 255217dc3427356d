import { assert } from "@std/assert";
import { assertEnd } from "../faults/alive.ts";
import type { LeakOptions } from "../support/leaks.ts";
import { leakTest } from "../support/leaks.ts";

export const MEGABYTE = 1_048_576;

/** A test with programs that every Unix has. */
export function unixTest(
  name: string,
  fn: (context: Deno.TestContext) => void | Promise<void>,
  options: LeakOptions & Omit<Deno.TestDefinition, "name" | "fn"> = {},
): void {
  leakTest(name, fn, { ignore: Deno.build.os === "windows", ...options });
}

/** The command that runs a script in a shell: the script's arguments are `$1`, `$2`, … */
export function sh(script: string, ...args: string[]): string[] {
  return ["sh", "-c", script, "sh", ...args];
}

/** A program that goes on until it is ended. */
export const FOREVER = ["sleep", "1000"];

/** Prints the same byte so many times. */
export function printBytes(count: number, byte = "x"): string {
  return `head -c ${count} /dev/zero | tr '\\0' '${byte}'`;
}

/** Decodes UTF-8. */
export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Encodes UTF-8. */
export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Reads the whole of a stream. */
export async function readAll(stream: ReadableStream<Uint8Array>): Promise<string> {
  return await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).text();
}

/** Fails unless all processes have ended soon: after SIGKILL a process is gone within a moment. */
export async function assertGone(...pids: number[]): Promise<void> {
  for (const pid of pids) assert(Number.isInteger(pid) && pid > 1, `${pid} is no process id`);
  await assertEnd(pids);
}

/** A folder for a test's files, removed at its end. */
export async function makeFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.realPath(await Deno.makeTempDir({ prefix: "subprocess_" }));
  return {
    path,
    async [Symbol.asyncDispose]() {
      await Deno.remove(path, { recursive: true });
    },
  };
}

/** Writes a program that a shell runs. */
export async function writeProgram(path: string, script: string): Promise<void> {
  await Deno.writeTextFile(path, `#!/bin/sh\n${script}\n`);
  await Deno.chmod(path, 0o755);
}
