/** One piece of a diff: a line, or a word of a line. */
export interface Change {
  /** Which side has the piece: both, only the actual one, or only the expected one. */
  type: "common" | "removed" | "added";
  /** The piece itself. */
  value: string;
  /** For a changed line of a text: its words, where they were compared. */
  details?: Change[];
}

/** One step through both lists: take an item of one of them, or the same item of both. */
interface Step {
  takes: "long" | "short" | "both";
  before: Step | undefined;
}

/** The farthest place reached on a diagonal, and the last step of the way there. */
interface Reach {
  short: number;
  step: Step | undefined;
}

/** The shortest list of changes that turns `actual` into `expected`. */
export function diff(actual: readonly string[], expected: readonly string[]): Change[] {
  const shared = sharedStart(actual, expected);
  const head = actual.slice(0, shared).map((value): Change => ({ type: "common", value }));
  const removed = actual.slice(shared);
  const added = expected.slice(shared);
  const changes = added.length > removed.length
    ? replay(added, removed, { long: "added", short: "removed" })
    : replay(removed, added, { long: "removed", short: "added" });
  return [...head, ...changes];
}

function sharedStart(a: readonly string[], b: readonly string[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

/** Follows the shortest way through both lists, noting what it takes. */
function replay(
  long: readonly string[],
  short: readonly string[],
  types: { long: Change["type"]; short: Change["type"] },
): Change[] {
  if (short.length === 0) return long.map((value) => ({ type: types.long, value }));
  const changes: Change[] = [];
  let fromLong = 0;
  let fromShort = 0;
  for (const takes of shortestWay(long, short)) {
    if (takes === "short") {
      changes.push({ type: types.short, value: short[fromShort++]! });
      continue;
    }
    changes.push({ type: takes === "both" ? "common" : types.long, value: long[fromLong++]! });
    if (takes === "both") fromShort++;
  }
  return changes;
}

/**
 * The "O(NP)" search of Wu, Manber and Myers. A diagonal is the number of items taken of the long
 * list less those of the short one; the way ends on the diagonal `goal`, and each round allows one
 * more detour off the straight band between the diagonals 0 and `goal`.
 */
function shortestWay(long: readonly string[], short: readonly string[]): Step["takes"][] {
  const goal = long.length - short.length;
  const reaches = new Map<number, Reach>();
  const extend = (diagonal: number) => {
    const reach = enter(reaches.get(diagonal - 1), reaches.get(diagonal + 1), {
      longIsUsedUp: diagonal === long.length,
    });
    while (reach.short < short.length && long[reach.short + diagonal] === short[reach.short]) {
      reach.short++;
      reach.step = { takes: "both", before: reach.step };
    }
    reaches.set(diagonal, reach);
    return reach;
  };
  for (let detours = 0;; detours++) {
    for (let diagonal = -detours; diagonal < goal; diagonal++) extend(diagonal);
    for (let diagonal = goal + detours; diagonal > goal; diagonal--) extend(diagonal);
    const reach = extend(goal);
    if (reach.short >= short.length) return unwind(reach.step);
  }
}

/** Steps onto a diagonal from the neighbour that gets farther along it. */
function enter(
  below: Reach | undefined,
  above: Reach | undefined,
  { longIsUsedUp }: { longIsUsedUp: boolean },
): Reach {
  if (below && (!above || longIsUsedUp || below.short > above.short + 1)) {
    return { short: below.short, step: { takes: "long", before: below.step } };
  }
  if (above) return { short: above.short + 1, step: { takes: "short", before: above.step } };
  return { short: 0, step: undefined };
}

function unwind(last: Step | undefined): Step["takes"][] {
  const way: Step["takes"][] = [];
  for (let step = last; step; step = step.before) way.push(step.takes);
  return way.reverse();
}
