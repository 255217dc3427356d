// deno run examples/gevent_like.ts

// gevent's first lines, word for word: functions run as tasks beside each other on one event loop, and take
// turns whenever one of them waits. What gevent's greenlets do by a switch, `await` does here.

import {
  joinAll,
  Pool,
  sleep,
  spawn,
  timeout,
  TimeoutError,
} from "@manyhands/concurrency/coroutine";

const ADDRESSES: Record<string, string> = {
  "deno.com": "34.120.54.55",
  "jsr.io": "34.117.78.127",
  "python.org": "151.101.0.223",
};

// Stands for what waits for the network.
async function lookUp(name: string): Promise<string | undefined> {
  await sleep(1);
  return ADDRESSES[name];
}

// spawn and joinall
const jobs = Object.keys(ADDRESSES).map((name) => spawn(() => lookUp(name)));
await joinAll(jobs, { timeoutMs: 2000 });
console.log("joinAll:", jobs.map((job) => job.result()).join(" "));

// Two that take turns
async function count(name: string): Promise<void> {
  for (const n of [1, 2, 3]) {
    console.log(`${name} ${n}`);
    await sleep(0);
  }
}
await joinAll([spawn(() => count("foo")), spawn(() => count("bar"))]);

// A Pool: two at a time, however many there are
let running = 0;
let most = 0;
async function square(n: number): Promise<number> {
  most = Math.max(most, ++running);
  await sleep(1);
  running--;
  return n * n;
}
await using pool = new Pool(2);
console.log("pool.apply:", await pool.apply(square, [3]));
console.log("pool.map:", (await pool.map(square, [1, 2, 3, 4, 5])).join(" "));
const squares: number[] = [];
for await (const n of pool.imap(square, [6, 7, 8])) squares.push(n);
console.log("pool.imap:", squares.join(" "));
console.log("most at a time:", most);

// A Timeout
try {
  await timeout(10, () => sleep(10_000));
} catch (error) {
  if (!(error instanceof TimeoutError)) throw error;
  console.log("timeout: it took too long");
}
