/**
 * Finds the names of CPython's tests in the titles of ours.
 *
 * @module
 */

import type { Problem } from "../meta/_problem.ts";
import { readStrings } from "./string_literals.ts";

/** One name in the title of one test. */
export interface Citation {
  /** The name, as in `behaviours.tsv`. */
  readonly name: string;
  /** The file and the line. */
  readonly where: string;
}

/** What {@linkcode findCitations} found in one file. */
export interface Citations {
  /** The names, in the order of the file. */
  readonly citations: readonly Citation[];
  /** Titles that seem to name a test of CPython, but not in the agreed form. */
  readonly problems: readonly Problem[];
}

const NAME = String.raw`[\w-]+(?:\.[\w-]+)+`;
const GOOD_TITLE = new RegExp(String.raw`\S \[cpython: (${NAME}(?:, ${NAME})*)\]$`);
const SUSPICIOUS_TITLE = /\[[^[\]]*(?:cpython|\btest_)/i;
const BEFORE_TITLE = /(?:[tT]est(?:\.only)?\(|\bname:)$/;

/**
 * Finds the names in the titles of one file. A title is a string that ends with
 * `[cpython: Class.test_name]`; several names are divided by a comma and a blank. The test that it
 * belongs to must run: one that is ignored proves nothing.
 *
 * @param path The file, for the places.
 * @param source Its text.
 * @returns The names, and what is wrong with titles.
 */
export function findCitations(path: string, source: string): Citations {
  const citations: Citation[] = [];
  const problems: Problem[] = [];
  for (const { text, index, before } of readStrings(source)) {
    const names = GOOD_TITLE.exec(text)?.[1];
    if (names === undefined) {
      if (!SUSPICIOUS_TITLE.test(text) || !BEFORE_TITLE.test(before)) continue;
      const message = `"${text}" must end with " [cpython: Class.test_name]"`;
      problems.push({ where: locate(path, source, index), message });
    } else if (!/\.(?:ignore|skip)\($/.test(before)) {
      const where = locate(path, source, index);
      for (const name of names.split(", ")) citations.push({ name, where });
    }
  }
  return { citations, problems };
}

function locate(path: string, source: string, index: number): string {
  return `${path}:${source.slice(0, index).split("\n").length}`;
}
