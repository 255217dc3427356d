import { assertEquals, assertLess, assertRejects } from "@std/assert";
import { countFollowers } from "../../coroutine/_follow.ts";
import { waitWithin } from "../../coroutine/_wait_within.ts";
import { CancelledError, spawn } from "../../coroutine/mod.ts";
import { settle } from "../support/settle.ts";

const late = () => "late";

// What is left of a wait

Deno.test("waitWithin() leaves nothing with the promise when its time is over, it is aborted or its task is cancelled", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  assertEquals(await waitWithin(promise, { timeoutMs: 1 }, late), "late");
  await assertRejects(
    () =>
      waitWithin(promise, { timeoutMs: 1 }, () => {
        throw new RangeError("late");
      }),
    RangeError,
    "late",
  );
  const stop = new AbortController();
  const aborted = waitWithin(promise, { signal: stop.signal }, late);
  const task = spawn(() => waitWithin(promise, {}, late));
  const staying = waitWithin(promise, { timeoutMs: 60_000 }, late);
  await settle();
  assertEquals(countFollowers(promise), 3);
  stop.abort(new Error("stopped"));
  task.cancel();
  await assertRejects(() => aborted, Error, "stopped");
  await assertRejects(() => task, CancelledError);
  assertEquals(countFollowers(promise), 1);
  resolve("there");
  assertEquals(await staying, "there");
  assertEquals(countFollowers(promise), 0);
});

Deno.test("A promise, a task, a group, a pool and its results keep nothing of thousands of waits that timed out", async () => {
  const room = (file: string) => JSON.stringify(import.meta.resolve(`../../coroutine/${file}`));
  const code = `
    import { Pool, spawn, TaskGroup } from ${room("mod.ts")};
    import { waitWithin } from ${room("_wait_within.ts")};
    const { promise: never } = Promise.withResolvers();
    const group = new TaskGroup();
    const pool = new Pool(1);
    const closed = new Pool(1);
    const results = [pool, closed].map((pool) => pool.applyAsync(() => never));
    closed.close();
    const task = spawn(() => never);
    group.spawn(() => never);
    const waits = {
      promise: (options) => waitWithin(never, options, () => {}),
      task: (options) => task.join(options),
      group: (options) => group.join(options),
      get: (options) => results[0].get(options),
      wait: (options) => results[0].wait(options),
      end: (options) => closed.join(options),
    };
    const grown = {};
    for (const [name, wait] of Object.entries(waits)) {
      const used = () => (gc(), Deno.memoryUsage().heapUsed);
      const poll = async (rounds) => {
        for (let round = 0; round < rounds; round++) {
          const all = Array.from({ length: 2_000 }, () => wait({ timeoutMs: 0 }));
          await Promise.allSettled(all);
        }
      };
      await poll(1);
      const before = used();
      await poll(10);
      grown[name] = Math.round((used() - before) / 1024);
    }
    console.log(JSON.stringify(grown));
    Deno.exit();`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--v8-flags=--expose-gc", code],
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  assertEquals(decoder.decode(stderr), "");
  const grownKib = JSON.parse(decoder.decode(stdout)) as Record<string, number>;
  // Of 20 000 waits, each of which would leave a few hundred bytes.
  for (const [name, kib] of Object.entries(grownKib)) assertLess(kib, 1_024, name);
});

// Who is told, and when

Deno.test("waitWithin() tells those who wait in the order in which they came, whoever left before", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const told: number[] = [];
  const stop = new AbortController();
  const waits = [0, 1, 2, 3].map(async (number) => {
    const signal = number % 2 === 0 ? undefined : stop.signal;
    await waitWithin(promise, { signal, timeoutMs: 60_000 }, late).catch(() => told.push(-number));
    told.push(number);
  });
  await settle();
  stop.abort();
  await settle();
  assertEquals(told, [-1, -3, 1, 3]);
  resolve("there");
  await Promise.all(waits);
  assertEquals(told, [-1, -3, 1, 3, 0, 2]);
});

Deno.test("waitWithin() takes a value that comes in the moment of the abort", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const stop = new AbortController();
  const wait = waitWithin(promise, { signal: stop.signal }, late);
  stop.abort();
  resolve("there");
  assertEquals(await wait, "there");
});

Deno.test("waitWithin() waits anew for a promise whose followers were told", async () => {
  const settled = Promise.resolve("there");
  for (let time = 0; time < 3; time++) {
    const waits = [1, 2].map(() => waitWithin(settled, { timeoutMs: 60_000 }, late));
    assertEquals(await Promise.all(waits), ["there", "there"]);
  }
  const failed = Promise.reject(new Error("failed"));
  for (let time = 0; time < 3; time++) {
    await assertRejects(
      () => waitWithin(failed, { timeoutMs: 60_000 }, late),
      Error,
      "failed",
    );
  }
});

Deno.test("A failure that comes when nobody waits any more is not reported", async () => {
  const { promise, reject } = Promise.withResolvers<string>();
  assertEquals(await waitWithin(promise, { timeoutMs: 0 }, late), "late");
  reject(new Error("nobody saw this"));
  await settle();
});
