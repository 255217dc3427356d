import { parseCommand } from "../support/run_example.ts";
import type { Problem } from "./_problem.ts";

/**
 * Finds examples whose first line is not their command, and those that no test mentions. Takes the
 * texts of `examples/*.ts` and of the tests by their paths; a file that begins with `_` is no
 * example.
 */
export function findExampleProblems(
  examples: ReadonlyMap<string, string>,
  tests: ReadonlyMap<string, string>,
): Problem[] {
  const problems: Problem[] = [];
  for (const [path, text] of examples) {
    const name = /^examples\/([^/_][^/]*)\.ts$/.exec(path)?.[1];
    if (name === undefined) continue;
    const command = parseCommand(text);
    if (command === undefined) {
      const message = `must begin with its command: // deno run <permissions> ${path}`;
      problems.push({ where: `${path}:1`, message });
    } else {
      if (command.file !== path) {
        problems.push({ where: `${path}:1`, message: `states the file ${command.file}` });
      }
      if (command.flags.some((flag) => /^(-A|--allow-all|--no-prompt|-P)\b/.test(flag))) {
        problems.push({ where: `${path}:1`, message: "must state the permissions one by one" });
      }
    }
    const mention = new RegExp(`["'\`/]${name}(\\.ts)?["'\`]`);
    if (![...tests.values()].some((test) => mention.test(test))) {
      problems.push({ where: path, message: "is mentioned by no test in tests/examples/" });
    }
  }
  return problems;
}
