import { createRandom } from "../coroutine/_random.ts";

/** Chooses so many of a list: the same ones for the same seed, in the order of the list. */
export function chooseSample<T>(list: readonly T[], count: number, seed: number): T[] {
  const random = createRandom(seed);
  const places = list.map((_, place) => place);
  // Fisher and Yates.
  for (let left = places.length; left > 1; left--) {
    const other = Math.floor(random() * left);
    [places[left - 1], places[other]] = [places[other]!, places[left - 1]!];
  }
  return places.slice(0, count).sort((a, b) => a - b).map((place) => list[place]!);
}
