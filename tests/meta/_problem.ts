import { AssertionError } from "@std/assert";

/** One broken rule of the project. */
export interface Problem {
  /** The file, with the line where it helps, or the entry of `deno.json`. */
  where: string;
  /** What is wrong there, and what would be right. */
  message: string;
}

/** Fails with one line for each problem. */
export function assertNoProblems(problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  const lines = problems.map(({ where, message }) => `  ${where}: ${message}`);
  throw new AssertionError(`Found ${problems.length} problem(s)\n${lines.join("\n")}`);
}

/** The places of the problems, for tests of the checkers. */
export function places(problems: readonly Problem[]): string[] {
  return problems.map(({ where }) => where);
}
