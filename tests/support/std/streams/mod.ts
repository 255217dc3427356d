/**
 * Local stand-in for the helpers of `@std/streams` that this project uses, so that it can be built
 * and tested where that package cannot be downloaded. It is never published.
 *
 * @module
 */

export * from "./text_line_stream.ts";
export * from "./to_text.ts";
