/**
 * Counts which of CPython's tests have a counterpart here.
 *
 * @module
 */

import type { Problem } from "../meta/_problem.ts";
import { listFiles, PROJECT_ROOT } from "../meta/_project.ts";
import type { Lists, Primitive } from "./lists.ts";
import { type Citation, findCitations } from "./titles.ts";

/** How far one primitive is. */
export interface Row {
  /** Which one. */
  readonly primitive: Primitive;
  /** How many of CPython's tests of it make sense in JavaScript. */
  readonly meaningful: number;
  /** How many of those a title of ours names. */
  readonly covered: number;
  /** How many of those `not_covered.tsv` explains. */
  readonly explained: number;
  /** The names of the others. */
  readonly open: readonly string[];
}

/** How far all of them are. */
export interface Assessment {
  /** One for each primitive. */
  readonly rows: readonly Row[];
  /** What is wrong in the lists and titles. */
  readonly problems: readonly Problem[];
}

/** The titles of all tests below `tests/`, and what is wrong with them. */
export async function readCitations(): Promise<{ citations: Citation[]; problems: Problem[] }> {
  const citations: Citation[] = [];
  const problems: Problem[] = [];
  for (const path of await listFiles("tests")) {
    if (!path.endsWith(".ts")) continue;
    const found = findCitations(path, await Deno.readTextFile(new URL(path, PROJECT_ROOT)));
    citations.push(...found.citations);
    problems.push(...found.problems);
  }
  return { citations, problems };
}

/**
 * Compares the lists with the titles.
 *
 * @param lists The lists.
 * @param citations The names in the titles.
 * @returns The rows in the order of the lists, and the problems of both.
 */
export function assess(lists: Lists, citations: readonly Citation[]): Assessment {
  const { behaviours, primitives, notCovered } = lists;
  const problems = [...lists.problems];
  const byName = new Map(behaviours.map((behaviour) => [behaviour.name, behaviour]));
  const covered = new Set<string>();
  for (const { name, where } of citations) {
    const behaviour = byName.get(name);
    if (behaviour === undefined) {
      const others = behaviours.filter((other) => other.name.endsWith(`.${name}`));
      const hint = others.length > 0 ? `; say ${others.map((o) => o.name).join(" or ")}` : "";
      problems.push({ where, message: `"${name}" is not in behaviours.tsv${hint}` });
    } else if (behaviour.mark === "no") {
      const message = `"${name}" makes no sense in JavaScript (${behaviour.reason})`;
      problems.push({ where, message });
    } else if (notCovered.has(name)) {
      const message = `"${name}" is covered here, and not_covered.tsv says why it is not`;
      problems.push({ where, message });
    } else {
      covered.add(name);
    }
  }
  const rows = primitives.map((primitive): Row => {
    const names = behaviours
      .filter((behaviour) => behaviour.primitive === primitive.name && behaviour.mark !== "no")
      .map(({ name }) => name);
    return {
      primitive,
      meaningful: names.length,
      covered: names.filter((name) => covered.has(name)).length,
      explained: names.filter((name) => notCovered.has(name)).length,
      open: names.filter((name) => !covered.has(name) && !notCovered.has(name)),
    };
  });
  return { rows, problems };
}

/**
 * Finds what is open of primitives that are said to be finished.
 *
 * @param rows The rows.
 * @returns One problem for each name.
 */
export function findUnfinished(rows: readonly Row[]): Problem[] {
  return rows.filter(({ primitive }) => primitive.isFinished).flatMap(({ primitive, open }) =>
    open.map((name) => ({
      where: name,
      message: `has no test and no line in not_covered.tsv, but "${primitive.name}" is finished`,
    }))
  );
}
