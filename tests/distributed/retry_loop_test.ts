import { assertEquals, assertRejects } from "@std/assert";
import { DEFAULT_RETRY, RetriesExhausted, retry } from "../../distributed/_retry.ts";
import { explain } from "../../ipc/_connect.ts";
import { AuthenticationError, ConnectionLostError } from "../../ipc/mod.ts";
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

Deno.test("retry() goes on after what passes, and ends with what does not", async () => {
  const settings = { ...DEFAULT_RETRY, minTimeoutMs: 0 };
  const { signal } = new AbortController();
  // Hosts that are not known, as Linux, macOS and Windows say it.
  for (
    const text of [
      "failed to lookup address information: Name or service not known",
      "failed to lookup address information: nodename nor servname provided, or not known",
      "No such host is known. (os error 11001)",
    ]
  ) {
    let tries = 0;
    const attempt = () => {
      if (++tries < 3) return Promise.reject(explain(new Error(text), "Cannot connect", "", ""));
      return Promise.resolve(tries);
    };
    assertEquals(await retry(attempt, settings, { signal }), 3, text);
  }
  for (const name of ["ConnectionRefused", "ConnectionReset", "HostUnreachable", "TimedOut"]) {
    let tries = 0;
    const attempt = () => {
      // As the network's errors are when they have been explained.
      if (++tries < 3) return Promise.reject(Object.assign(new Error(name), { name }));
      return Promise.resolve(tries);
    };
    assertEquals(await retry(attempt, settings, { signal }), 3, name);
  }
  for (const error of [new TypeError("no"), new AuthenticationError("no")]) {
    let tries = 0;
    const attempt = () => {
      tries++;
      return Promise.reject(error);
    };
    assertEquals(await retry(attempt, settings, { signal }).catch((reason) => reason), error);
    assertEquals(tries, 1);
  }
});
