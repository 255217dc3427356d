/**
 * Local stand-in for the argument parser of `@std/cli`, which this project uses, so that it can be
 * built and tested where that package cannot be downloaded. It is never published.
 *
 * @module
 */

export * from "./parse_args.ts";
