import { guard } from "../support/guard.ts";

const POLL_MS = 5;

/** Waits until something is so, and looks every few milliseconds: nobody tells it. */
export async function until(
  isIt: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs?: number,
): Promise<void> {
  let isOver = false;
  const poll = async (): Promise<void> => {
    while (!isOver && !await isIt()) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  };
  try {
    await guard(poll(), () => what, timeoutMs);
  } finally {
    isOver = true;
  }
}
