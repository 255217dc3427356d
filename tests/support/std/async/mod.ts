/**
 * Local stand-in for the helpers of `@std/async` that this project uses, so that it can be built
 * and tested where that package cannot be downloaded. It is never published.
 *
 * @module
 */

export * from "./abortable.ts";
export * from "./deadline.ts";
export * from "./delay.ts";
export * from "./mux_async_iterator.ts";
