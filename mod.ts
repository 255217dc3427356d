/**
 * What Python's `multiprocessing`, `threading`, `subprocess`, managers and coroutines give Python, for
 * Deno. Each topic is a namespace, as Python's modules are: `ipc.Queue` (between processes) and
 * `coroutine.Queue` (on one event loop) are different things.
 *
 * ## How to choose
 *
 * | the work | use |
 * | --- | --- |
 * | waits, on one event loop | `coroutine` |
 * | computes | `thread` |
 * | must be stoppable for certain, or must have few permissions; another program | `process` |
 * | two processes that talk | `ipc` |
 * | more than one machine | `distributed` |
 *
 * Importing a topic on its own (`@manyhands/concurrency/process`) loads only what it needs.
 *
 * @example Namespaces
 * ```ts
 * import { coroutine, process } from "@manyhands/concurrency";
 * import { assert } from "@std/assert";
 *
 * const queue = new coroutine.Queue<number>(process.cpuCount());
 * assert(queue.empty());
 * ```
 *
 * @module
 */

export * as coroutine from "./coroutine/mod.ts";
export * as distributed from "./distributed/mod.ts";
export * as ipc from "./ipc/mod.ts";
export * as process from "./process/mod.ts";
export * as thread from "./thread/mod.ts";
