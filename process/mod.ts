/**
 * Processes: other memory, other permissions, another processor.
 *
 * ## How to choose
 *
 * - Work that waits: no process needed, see `@manyhands/concurrency/coroutine`.
 * - Work that computes, code that must be stoppable for certain, or code that must not be trusted with
 *   this process's permissions: {@linkcode Process}. It starts in some tens of milliseconds.
 * - Work for more than one machine: `@manyhands/concurrency/distributed`.
 *
 * Every program that starts a process needs `--allow-run=deno --allow-net=127.0.0.1`; its children have
 * no permission unless it is granted.
 *
 * @example A function in a process of its own
 * ```ts
 * import { Process } from "@manyhands/concurrency/process";
 *
 * export function square(n: number): number {
 *   return n * n;
 * }
 *
 * if (import.meta.main) {
 *   await using child = new Process({ module: import.meta.url, target: square, args: [7] });
 *   await child.start();
 *   console.log(await child.result()); // 49
 * }
 * ```
 *
 * @module
 */

export * from "./cpu_count.ts";
export * from "./current_process.ts";
export * from "./errors.ts";
export * from "./permissions.ts";
export * from "./process.ts";
