// deno run --allow-read=. examples/thread_pool.ts

// Pictures for two threads: small ones, one that never ends, and one that is moved instead of copied.

import { currentThread, move, ThreadPool } from "@manyhands/concurrency/thread";

type Picture = Uint8Array<ArrayBuffer>;

export function invert(picture: Picture): Picture {
  for (let at = 0; at < picture.length; at++) picture[at] = 255 - picture[at]!;
  return move(picture);
}

export function brightness(picture: Picture): number {
  return picture.reduce((sum, value) => sum + value, 0) / picture.length;
}

export function search(): never {
  while (true);
}

export function whoAmI(): string {
  return currentThread().name;
}

if (import.meta.main) {
  await using pool = new ThreadPool(2, { module: import.meta.url, name: "studio" });
  console.log(`A thread is called ${(await pool.apply(whoAmI)).replace(/\d+$/, "N")}.`);

  const pictures = [10, 20, 30].map((value) => new Uint8Array(1000).fill(value));
  console.log("Brightness:", await pool.map(brightness, pictures));

  const searching = pool.apply(search, [], { timeoutMs: 300 }).catch(String);
  const large = new Uint8Array(8_000_000).fill(55);
  const inverted = await pool.apply(invert, [move(large)]);
  console.log(`Moved ${inverted.length} bytes, ${large.length} are left here.`);
  console.log("Inverted:", await pool.apply(brightness, [inverted.subarray(0, 1000)]));
  console.log(await searching);
  console.log("And the pool goes on:", await pool.apply(brightness, [pictures[0]!]));
}
