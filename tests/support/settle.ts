import { AssertionError } from "@std/assert";

const TURNS = 4;
// Taken before a test can put mock timers in their place.
const { setTimeout } = globalThis;

/**
 * Lets everything happen that can happen without the outside world: all microtasks, and a few turns
 * of the event loop for what hops through timers and ports. It does not wait for other processes,
 * threads or sockets.
 */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) {
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
  }
}

/** Fails unless the promise is still pending after {@linkcode settle}. */
export async function assertPending(promise: Promise<unknown>, what = "promise"): Promise<void> {
  let state: "pending" | "fulfilled" | "rejected" = "pending";
  promise.then(() => state = "fulfilled", () => state = "rejected");
  await settle();
  if (state !== "pending") {
    throw new AssertionError(`Expected ${what} to be pending: it is ${state}`);
  }
}
