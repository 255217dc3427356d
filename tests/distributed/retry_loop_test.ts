import { assertEquals, assertRejects } from "@std/assert";
import { DEFAULT_RETRY, RetriesExhausted, retry } from "../../distributed/_retry.ts";
import { ConnectionLostError } from "../../ipc/mod.ts";
import { FakeTime } from "../support/fake_time.ts";

const { signal } = new AbortController();
const EVEN = { ...DEFAULT_RETRY, jitter: 0 };

/** Fails so often, and notes when it was tried. */
function failing(times: number, tries: number[]): () => Promise<string> {
  return () => {
    tries.push(performance.now());
    return tries.length > times
      ? Promise.resolve("there")
      : Promise.reject(new ConnectionLostError("gone"));
  };
}

function pausesBetween(tries: readonly number[]): number[] {
  return tries.slice(1).map((time, n) => time - tries[n]!);
}

Deno.test("retry() waits longer each time, up to maxTimeoutMs", async () => {
  using time = new FakeTime();
  const tries: number[] = [];
  const settings = { ...EVEN, minTimeoutMs: 50, multiplier: 2, maxTimeoutMs: 300 };
  const trying = retry(failing(6, tries), settings, { signal });
  await time.tick(2_000);
  assertEquals(await trying, "there");
  assertEquals(pausesBetween(tries), [50, 100, 200, 300, 300, 300]);
});

Deno.test("retry() begins anew with short pauses when it had succeeded meanwhile", async () => {
  using time = new FakeTime();
  const tries: number[] = [];
  const attempt = (succeeded: () => void): Promise<string> => {
    tries.push(performance.now());
    if (tries.length === 3) succeeded();
    return tries.length > 4
      ? Promise.resolve("there")
      : Promise.reject(new ConnectionLostError("gone"));
  };
  const trying = retry(attempt, EVEN, { signal });
  await time.tick(2_000);
  assertEquals(await trying, "there");
  assertEquals(pausesBetween(tries), [50, 100, 50, 100]);
});

Deno.test("retry() begins no pause that ends after its time, and makes maxAttempts tries", async () => {
  using time = new FakeTime();
  for (
    const [settings, withinMs, count] of [
      // Tries at 0, 50 and 150 ms; the next would be at 350.
      [EVEN, 349, 3],
      [EVEN, 350, 4],
      [{ ...EVEN, maxAttempts: 2 }, Infinity, 2],
      [{ ...EVEN, maxAttempts: 1 }, Infinity, 1],
    ] as const
  ) {
    const tries: number[] = [];
    const trying = retry(failing(9, tries), settings, { signal, withinMs });
    const exhausted = assertRejects(() => trying, RetriesExhausted, `after ${count} tries`);
    await time.tick(10_000);
    assertEquals((await exhausted).attempts, count);
    assertEquals([tries.length, time.timers], [count, 0]);
  }
});
