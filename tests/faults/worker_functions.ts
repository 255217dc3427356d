import { taskAttempt } from "../../distributed/serve_tasks.ts";

/** What workers of the pools of this folder run. */

export function double(n: number): number {
  return 2 * n;
}

/** Some of the numbers take a little while, waiting or computing. */
export async function doubleSomehow(n: number): Promise<number> {
  if (n % 17 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  if (n % 5 === 0) { for (let x = 0; x < 20_000; x++); }
  return 2 * n;
}

export function die(): void {
  Deno.kill(Deno.pid, "SIGKILL");
}

/** Kills its worker unless it is at this attempt. */
export function dieUntil(attempt: number): number {
  if (taskAttempt() < attempt) Deno.kill(Deno.pid, "SIGKILL");
  return taskAttempt();
}

export function dieOfSeven(n: number): number {
  if (n === 7) Deno.kill(Deno.pid, "SIGKILL");
  return n;
}
