// deno run --allow-run=deno --allow-net=127.0.0.1 examples/manager.ts

// Ten processes change one dictionary and one list, which live in the process of a manager.

import { Manager } from "@manyhands/concurrency/distributed";
import type { Lock, SharedDict, SharedList } from "@manyhands/concurrency/ipc";
import { Process } from "@manyhands/concurrency/process";

type Key = number | string;

export async function change(
  dict: SharedDict<Key, unknown>,
  list: SharedList<number>,
  lock: Lock,
): Promise<void> {
  // Three keys: a number, a text and a number that is not whole.
  await dict.update(new Map<Key, unknown>([[1, "1"], ["2", 2], [0.25, null]]));
  await list.push(1);
  // Two steps that belong together need a lock; one that is a method of the dictionary does not.
  await using _ = await lock.hold();
  const visits = await dict.get("visits") as number | undefined ?? 0;
  await dict.set("visits", visits + 1);
}

if (import.meta.main) {
  await using manager = await Manager();
  const dict = await manager.dict<Key, unknown>();
  const list = await manager.list<number>();
  const lock = await manager.lock();
  const children = Array.from(
    { length: 10 },
    () => new Process({ module: import.meta.url, target: change, args: [dict, list, lock] }),
  );
  await Promise.all(children.map((child) => child.start()));
  await Promise.all(children.map((child) => child.join()));
  console.log(await dict.copy());
  console.log(await list.toArray());
}
