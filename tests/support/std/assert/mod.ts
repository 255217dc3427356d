/**
 * Local stand-in for the assertions of `@std/assert` that this project's tests use, so that the
 * tests run where that package cannot be downloaded. It is never published.
 *
 * @module
 */

export * from "./assert.ts";
export * from "./assertion_error.ts";
export * from "./equals.ts";
export * from "./greater.ts";
export * from "./instance_of.ts";
export * from "./less.ts";
export * from "./match.ts";
export * from "./not_equals.ts";
export * from "./rejects.ts";
export * from "./strict_equals.ts";
export * from "./string_includes.ts";
export * from "./throws.ts";
