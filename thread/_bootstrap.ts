/** The main module of a thread that is a Web Worker. */

import type { Boot, Post } from "./_messages.ts";
import { runThread } from "./_run_thread.ts";

// Taken before the user's code can put something else in its place.
const post = (globalThis as unknown as { postMessage: Post }).postMessage;

addEventListener("message", (event) => {
  // What else is sent to this Worker is the user's.
  event.stopImmediatePropagation();
  void runThread((event as MessageEvent<Boot>).data, (...sent) => post(...sent));
}, { once: true });
