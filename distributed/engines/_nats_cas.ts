import { sleep } from "../../coroutine/sleep.ts";
import type { NatsBucket } from "./_nats_bucket.ts";

const LONGEST_PAUSE_MS = 50;

/** What a change answers that changes nothing. */
export const UNCHANGED = Symbol("unchanged");

/**
 * Changes what a key has by compare-and-swap: reads, asks for the new value, and writes it if nobody has changed the
 * key meanwhile; otherwise once more.
 *
 * @param change Makes the new value of the old one; nothing stands for a key that is not there.
 * @returns The new revision, or the old one when nothing is to be changed.
 */
export async function swap(
  bucket: NatsBucket,
  key: string,
  change: (
    data: Uint8Array | undefined,
  ) =>
    | Promise<Uint8Array | undefined | typeof UNCHANGED>
    | Uint8Array
    | undefined
    | typeof UNCHANGED,
): Promise<number> {
  for (let tries = 0;; tries++) {
    const { data, revision } = await bucket.read(key);
    const next = await change(data);
    if (next === UNCHANGED || (next === undefined && data === undefined)) return revision;
    const written = await bucket.write(key, next, { expected: revision });
    if (written !== undefined) return written;
    // Of many who change the same key one succeeds in each round: they come back at different times.
    const pauseMs = Math.min(2 ** tries, LONGEST_PAUSE_MS) * Math.random();
    if (tries > 0) await sleep(pauseMs);
  }
}
