/** A small change of the code that makes it wrong, which tests have to notice. */
export interface Mutant {
  /** What goes wrong, in few words. */
  readonly name: string;
  /** The file that is changed, from the project's folder. */
  readonly file: string;
  /** The text that is replaced. It occurs once in the file. */
  readonly before: string;
  /** What is there instead. */
  readonly after: string;
  /** The test files that have to notice, from the project's folder. */
  readonly tests: readonly string[];
}

/** One line of a list: what goes wrong, the text, and what is there instead. */
export type MutantRow = readonly [name: string, before: string, after: string];

/** What {@linkcode mutate} answers. */
export interface Mutated {
  /** The text with the change. */
  readonly text: string;
  /** The line that is changed, from 1. */
  readonly line: number;
}

/** Thrown for a mutant whose text is not to be found: the code has changed since it was written. */
export class StaleMutantError extends Error {
  constructor(mutant: Mutant, occurrences: number) {
    const found = occurrences === 0 ? "does not occur" : `occurs ${occurrences} times`;
    super(
      `Cannot make the mutant "${mutant.name}" of ${mutant.file}: its text ${found}, must occur once\n` +
        mutant.before.replaceAll(/^/gm, "  | "),
    );
    this.name = "StaleMutantError";
  }
}

/** The mutants of a file that have the same tests. Tests are named from the folder `tests`. */
export function mutantsOf(
  file: string,
  tests: readonly string[],
  rows: readonly MutantRow[],
): Mutant[] {
  const paths = tests.map((test) => `tests/${test}_test.ts`);
  return rows.map(([name, before, after]) => ({ name, file, before, after, tests: paths }));
}

/**
 * Changes a text as the mutant says.
 *
 * @param text The text of the mutant's file.
 * @throws {StaleMutantError} When what is to be replaced does not occur exactly once.
 */
export function mutate(text: string, mutant: Mutant): Mutated {
  const pieces = text.split(mutant.before);
  const [head, tail] = pieces;
  if (head === undefined || tail === undefined || pieces.length !== 2) {
    throw new StaleMutantError(mutant, pieces.length - 1);
  }
  return { text: head + mutant.after + tail, line: head.split("\n").length };
}
