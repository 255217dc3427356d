import { Lock, type NumberKind, type SharedArray, type Value } from "../../ipc/mod.ts";

/** What the tests of values run in processes of their own. */

/** Classes that the targets have for types only, which would not be loaded otherwise. */
export const loaded = [Lock];

export async function double(values: Value<NumberKind>[]): Promise<void> {
  for (const value of values) await value.add(await value.get());
}

export async function addMany(
  sum: Value<"int32">,
  updated: Value<"float64">,
  locked: Value<"bigInt64">,
  times: number,
): Promise<void> {
  for (let i = 0; i < times; i++) {
    await sum.add(1);
    await updated.update((n) => n + 0.5);
    await using _ = await locked.getLock().hold();
    await locked.set(await locked.get() + 1n);
  }
}

export async function compareMany(value: Value<"float64">): Promise<number[]> {
  return [
    await value.compareExchange(-0, 8),
    await value.compareExchange(5, 6),
    await value.compareExchange(8, 9),
    await value.get(),
  ];
}

export function echoObjects(objects: object[]): object[] {
  return objects;
}

export async function useArray(array: SharedArray<"float64">): Promise<unknown> {
  const answer = {
    length: array.length,
    kind: array.kind,
    first: await array.get(0),
    last: await array.get(-1),
    part: await array.slice(1),
    text: String(array),
  };
  await array.set(0, 10);
  await array.add(1, 0.5);
  await array.update(2, (n) => n * n);
  return answer;
}
