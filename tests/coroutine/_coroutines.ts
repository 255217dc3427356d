import { coroutine } from "../../coroutine/mod.ts";

export const FAILURE = new Error("failure");

/** Answers what it is sent. */
export const echo = coroutine(function* () {
  let heard: unknown;
  for (;;) {
    const value: unknown = yield heard;
    heard = value;
  }
});

/** Yields the numbers from one down to 1. */
export const countdown = coroutine(function* (from: number) {
  for (let n = from; n > 0; n--) yield n;
  return "lift-off";
});

/** What a function throws, whatever it is. */
export function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("Nothing was thrown");
}
