/**
 * The benchmarks' command line, apart from the list of scenarios.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { describeEnvironment } from "./environment.ts";
import {
  type Comparison,
  DEFAULT_ROUNDS,
  runScenario,
  type Scenario,
  selectScenarios,
  UnknownScenarioError,
} from "./harness.ts";
import { RATIO_CONVENTION, type Report, Table } from "./report.ts";

const USAGE = `Usage: deno task bench [SCENARIO...] [--json FILE] [--list] [--rounds N]

Runs each scenario, ours and its peers in turn, and prints one line for each peer.
Without SCENARIO all of them run; a group's name ("queue") runs all of the group.

  --json FILE   also writes the data, with all samples, to FILE
  --list        prints the scenarios and runs nothing
  --rounds N    timed rounds of each contestant, after one warm-up (default ${DEFAULT_ROUNDS})
  --help        prints this text

Each time is for one operation.
${RATIO_CONVENTION}.

Exit code: 0 when everything ran, also when a goal was not met or a peer is not installed;
1 when something failed; 2 when the command line is wrong.`;

/** Options for {@linkcode runCommandLine}. */
export interface CommandLineOptions {
  /** All scenarios. */
  readonly scenarios: readonly Scenario[];
  /** Where the table goes, line by line. @default {console.log} */
  readonly print?: ((line: string) => void) | undefined;
  /** Where complaints go. @default {console.error} */
  readonly complain?: ((line: string) => void) | undefined;
}

/** The command line, understood. */
interface Request {
  readonly action: "help" | "list" | "run";
  readonly names: readonly string[];
  readonly json: string | undefined;
  readonly rounds: number;
}

/** Thrown for a command line that makes no sense. */
class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

/**
 * Runs the benchmarks as the arguments say.
 *
 * @param args The arguments.
 * @param options The scenarios, and where the text goes.
 * @returns The exit code: 0 everything ran, 1 something failed, 2 the command line is wrong.
 */
export async function runCommandLine(
  args: readonly string[],
  options: CommandLineOptions,
): Promise<number> {
  const { scenarios, print = console.log, complain = console.error } = options;
  try {
    const request = understand(args);
    if (request.action === "help") {
      print(USAGE);
      return 0;
    }
    const selected = selectScenarios(scenarios, request.names);
    if (request.action === "list") {
      for (const scenario of selected) print(`${scenario.name}: ${scenario.description}`);
      return 0;
    }
    return await runAll(selected, request, print);
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof UnknownScenarioError)) throw error;
    complain(error.message);
    return 2;
  }
}

/** Runs the scenarios, prints a line as soon as it is known, and writes the JSON file. */
async function runAll(
  scenarios: readonly Scenario[],
  request: Request,
  print: (line: string) => void,
): Promise<number> {
  const date = new Date().toISOString();
  const { rounds, json } = request;
  const table = new Table(scenarios);
  const comparisons: Comparison[] = [];
  const versions: Record<string, string> = {};
  print(table.header());
  for (const scenario of scenarios) {
    const result = await runScenario(scenario, { rounds });
    for (const comparison of result.comparisons) print(table.row(comparison));
    comparisons.push(...result.comparisons);
    Object.assign(versions, result.versions);
  }
  print(RATIO_CONVENTION);
  if (json !== undefined) {
    const environment = await describeEnvironment(versions);
    const convention = RATIO_CONVENTION;
    const report: Report = { date, ...environment, convention, rounds, comparisons };
    await Deno.writeTextFile(json, `${JSON.stringify(report, null, 2)}\n`);
  }
  return comparisons.some((comparison) => comparison.verdict === "failed") ? 1 : 0;
}

/** Reads the arguments. Throws {@linkcode UsageError} for what it does not understand. */
function understand(args: readonly string[]): Request {
  const unknown: string[] = [];
  const parsed = parseArgs([...args], {
    boolean: ["help", "list"],
    string: ["json", "rounds", "_"],
    unknown: (arg, key) => {
      if (key === undefined) return true;
      unknown.push(arg);
      return false;
    },
  });
  if (unknown.length > 0) {
    throw new UsageError(`Unknown option ${unknown.join(", ")}; --help lists the options`);
  }
  if (parsed.json === "") throw new UsageError("Option --json needs a file name");
  const rounds = parsed.rounds === undefined ? DEFAULT_ROUNDS : Number(parsed.rounds || NaN);
  if (!Number.isSafeInteger(rounds) || rounds < 1) {
    throw new UsageError(`Option --rounds is "${parsed.rounds}", must be a positive integer`);
  }
  return {
    action: parsed.help ? "help" : parsed.list ? "list" : "run",
    names: parsed._.map(String),
    json: parsed.json,
    rounds,
  };
}
