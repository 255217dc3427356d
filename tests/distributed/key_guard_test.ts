import { assertEquals } from "@std/assert";
import { KeyGuard } from "../../distributed/_key_guard.ts";
import { AuthenticationError, ConnectionLostError } from "../../ipc/mod.ts";
import { FakeTime } from "../support/fake_time.ts";
import { settle } from "../support/settle.ts";

const HERE = { hostname: "10.0.0.1", port: 1 };
const WRONG = new AuthenticationError("the keys differ");

/** How long one who comes from there has to wait now, in milliseconds; 0 when he has not. */
async function delayOf(guard: KeyGuard, time: FakeTime, from = HERE): Promise<number> {
  const since = performance.now();
  let end: number | undefined;
  const waiting = guard.delay(from)?.then(() => end = performance.now());
  if (waiting === undefined) return 0;
  while (end === undefined) await time.tick(50);
  return end - since;
}

Deno.test("KeyGuard lets four wrong keys pass, then waits longer with each, up to five seconds", async () => {
  using time = new FakeTime();
  const guard = new KeyGuard();
  const delays: number[] = [];
  for (let tries = 0; tries < 12; tries++) {
    delays.push(await delayOf(guard, time));
    guard.refused(WRONG, { ...HERE, port: tries });
  }
  assertEquals(delays, [0, 0, 0, 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  assertEquals(await delayOf(guard, time, { hostname: "10.0.0.2", port: 1 }), 0);
  // Whoever stays away for a minute is as good as new.
  await time.tick(60_001);
  assertEquals(await delayOf(guard, time), 0);
});

Deno.test("KeyGuard holds nothing against those whose connection broke off", () => {
  const guard = new KeyGuard();
  for (let tries = 0; tries < 10; tries++) guard.refused(new ConnectionLostError("gone"), HERE);
  assertEquals(guard.delay(HERE), undefined);
});

Deno.test("KeyGuard.close() lets go of all who wait, and leaves no timer", async () => {
  using time = new FakeTime();
  const guard = new KeyGuard();
  for (let tries = 0; tries < 6; tries++) guard.refused(WRONG, HERE);
  let over = 0;
  for (let n = 0; n < 3; n++) guard.delay(HERE)!.then(() => over++);
  await settle();
  assertEquals([over, time.timers], [0, 3]);
  guard.close();
  await settle();
  assertEquals([over, time.timers], [3, 0]);
});
