import { parseArgs } from "@std/cli/parse-args";
import { type Mutant, mutate, StaleMutantError } from "./mutant.ts";
import { chooseSample } from "./sample.ts";
import { type TestRun, Tree } from "./tree.ts";

const DEFAULT_COUNT = 20;
const SEEDS = 1_000_000;

/** What a mutant has in any case for its tests, besides a multiple of what they take without it. */
const GRACE_MS = 20_000;
const GRACE_FACTOR = 4;

const USAGE = `Usage: deno task mutate [FILE...] [--seed N] [--count N] [--all] [--list] [--jobs N]

Makes small changes of the code, one at a time and in a copy of the project, and runs the tests
that have to notice. A change that they do not notice has survived: a test is missing.

  FILE       only those of files whose path begins so, such as coroutine or ipc/_session
  --count N  a sample of so many (default ${DEFAULT_COUNT})
  --seed N   which sample; without it another one each time, and the seed is printed
  --all      all of them
  --list     prints them and runs nothing
  --jobs N   so many at a time, each in a copy of its own (default 1)
  --help     prints this text

A test that does not end in time has noticed: it has ${
  GRACE_MS / 1000
} s, and ${GRACE_FACTOR} times what it takes
without a change.

Exit code: 0 all were caught, 1 some survived, 2 nothing can be said: the command line is wrong, the
tests fail without a change, or the code is not what a mutant expects.`;

/** Options for {@linkcode runCommandLine}. */
export interface CommandLineOptions {
  /** All mutants. */
  readonly mutants: readonly Mutant[];
  /** The folder of the project. */
  readonly root: URL;
  /** Where the table goes, line by line. @default {console.log} */
  readonly print?: ((line: string) => void) | undefined;
  /** Where complaints go. @default {console.error} */
  readonly complain?: ((line: string) => void) | undefined;
  /** What a mutant has in any case, in milliseconds. @default {20_000} */
  readonly graceMs?: number | undefined;
}

/** A mutant that has its place. */
interface Change {
  readonly mutant: Mutant;
  /** The text of the file without it. */
  readonly original: string;
  /** The text of the file with it. */
  readonly text: string;
  readonly line: number;
}

/** Thrown for what the user has to look at first. */
class RefusalError extends Error {}

/** Runs mutants as the arguments say, and answers the exit code. */
export async function runCommandLine(
  args: readonly string[],
  options: CommandLineOptions,
): Promise<number> {
  const { print = console.log, complain = console.error } = options;
  try {
    const request = understand(args);
    if (request.help) {
      print(USAGE);
      return 0;
    }
    const chosen = choose(options.mutants, request);
    const changes = await prepare(chosen, options.root);
    if (request.list) {
      for (const { mutant, line } of changes) print(`${mutant.file}:${line}  ${mutant.name}`);
      return 0;
    }
    if (request.sample !== undefined) {
      print(`${changes.length} of ${options.mutants.length} mutants, --seed ${request.seed}`);
    }
    const run = new Run(changes, { ...options, print, jobs: request.jobs });
    return await run.all();
  } catch (error) {
    if (!(error instanceof RefusalError || error instanceof StaleMutantError)) throw error;
    complain(error.message);
    return 2;
  }
}

interface Request {
  readonly help: boolean;
  readonly list: boolean;
  readonly files: readonly string[];
  readonly seed: number;
  /** How many; `undefined` for all. */
  readonly sample: number | undefined;
  readonly jobs: number;
}

function understand(args: readonly string[]): Request {
  const unknown: string[] = [];
  const parsed = parseArgs([...args], {
    boolean: ["help", "list", "all"],
    string: ["seed", "count", "jobs", "_"],
    unknown: (arg, key) => {
      if (key === undefined) return true;
      unknown.push(arg);
      return false;
    },
  });
  if (unknown.length > 0) {
    throw new RefusalError(`Unknown option ${unknown.join(", ")}; --help lists the options`);
  }
  const number = (name: "seed" | "count" | "jobs", least: number, otherwise: number): number => {
    const text = parsed[name];
    const value = text === undefined ? otherwise : Number(text || NaN);
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw new RefusalError(
      `Option --${name} is "${text}", must be a whole number of ${least} or more`,
    );
  };
  const files = parsed._.map(String);
  const isAll = parsed.all || parsed.list || (files.length > 0 && parsed.count === undefined);
  return {
    help: parsed.help,
    list: parsed.list,
    files,
    seed: number("seed", 0, Math.floor(Math.random() * SEEDS)),
    sample: isAll ? undefined : number("count", 1, DEFAULT_COUNT),
    jobs: number("jobs", 1, 1),
  };
}

function choose(all: readonly Mutant[], { files, sample, seed }: Request): Mutant[] {
  const wanted = all.filter(({ file }) =>
    files.length === 0 || files.some((path) => file.startsWith(path))
  );
  if (wanted.length === 0) {
    throw new RefusalError(`There is no mutant of ${files.join(", ")}; --list shows all`);
  }
  return sample === undefined ? wanted : chooseSample(wanted, sample, seed);
}

/** Finds the place of each mutant; all of them are looked at before any test runs. */
async function prepare(mutants: readonly Mutant[], root: URL): Promise<Change[]> {
  const changes: Change[] = [];
  const stale: string[] = [];
  for (const mutant of mutants) {
    const original = await Deno.readTextFile(new URL(mutant.file, root));
    try {
      changes.push({ mutant, original, ...mutate(original, mutant) });
    } catch (error) {
      if (!(error instanceof StaleMutantError)) throw error;
      stale.push(error.message);
    }
  }
  if (stale.length > 0) throw new RefusalError(stale.join("\n"));
  return changes;
}

/** One run of the program. */
class Run {
  readonly #changes: readonly Change[];
  readonly #options: Required<Pick<CommandLineOptions, "root" | "print">>;
  readonly #graceMs: number;
  readonly #jobs: number;
  /** How long each test file takes without a change, in milliseconds. */
  readonly #usualMs = new Map<string, number>();
  readonly #survivors: Change[] = [];

  constructor(
    changes: readonly Change[],
    options: CommandLineOptions & { print: (line: string) => void; jobs: number },
  ) {
    this.#changes = changes;
    this.#options = options;
    this.#graceMs = options.graceMs ?? GRACE_MS;
    this.#jobs = options.jobs;
  }

  async all(): Promise<number> {
    const { print, root } = this.#options;
    await using stack = new AsyncDisposableStack();
    const trees = await Promise.all(
      Array.from({ length: this.#jobs }, async () => stack.use(await Tree.copy(root))),
    );
    const files = new Set(this.#changes.flatMap(({ mutant }) => mutant.tests));
    await share([...files], trees, (file, tree) => this.#measure(file, tree));
    print(`Without a change the ${files.size} test files pass`);
    await share(this.#changes, trees, (change, tree) => this.#try(change, tree));
    const caught = this.#changes.length - this.#survivors.length;
    print(`${caught} of ${this.#changes.length} were caught`);
    for (const { mutant, line } of this.#survivors) {
      print(`survived: ${mutant.file}:${line}  ${mutant.name}`);
    }
    return this.#survivors.length === 0 ? 0 : 1;
  }

  /** Tests that fail anyhow would catch everything. */
  async #measure(file: string, tree: Tree): Promise<void> {
    const limitMs = this.#graceMs * (1 + GRACE_FACTOR);
    let { kind, ms, told } = await tree.test([file], limitMs);
    if (kind !== "passed") {
      // A machine that does other things as well may have been too slow once.
      this.#options.print(`${file} did not pass without a change (${told}), and is tried again`);
      ({ kind, ms, told } = await tree.test([file], limitMs));
    }
    if (kind !== "passed") {
      throw new RefusalError(`${file} ${kind === "hung" ? "hangs" : "fails"} anyhow: ${told}`);
    }
    this.#usualMs.set(file, ms);
  }

  async #try(change: Change, tree: Tree): Promise<void> {
    const { mutant, text, original } = change;
    const usualMs = mutant.tests.reduce((sum, file) => sum + this.#usualMs.get(file)!, 0);
    await tree.write(mutant.file, text);
    const run = await tree.test(mutant.tests, this.#graceMs + GRACE_FACTOR * usualMs);
    await tree.write(mutant.file, original);
    if (run.kind === "failed" && /SyntaxError|could not be parsed/.test(run.told)) {
      throw new RefusalError(
        `The mutant "${mutant.name}" of ${mutant.file} is no code: ${run.told}`,
      );
    }
    if (run.kind === "passed") this.#survivors.push(change);
    this.#options.print(writeRow(change, run));
  }
}

function writeRow({ mutant, line }: Change, { kind, told, ms }: TestRun): string {
  const verdict = kind === "passed" ? "SURVIVED" : kind === "hung" ? "hung" : "caught";
  const seconds = `${(ms / 1000).toFixed(1)} s`.padStart(8);
  const by = kind === "passed" ? mutant.tests.join(" ") : told;
  return `${verdict.padEnd(8)} ${seconds}  ${mutant.file}:${line}  ${mutant.name}\n` +
    `${" ".repeat(20)}${kind === "failed" ? "by " : ""}${by}`;
}

/** Does something with each of a list; as many at a time as there are trees. */
async function share<T>(
  list: readonly T[],
  trees: readonly Tree[],
  act: (item: T, tree: Tree) => Promise<void>,
): Promise<void> {
  const rest = list.values();
  await Promise.all(trees.map(async (tree) => {
    for (const item of rest) await act(item, tree);
  }));
}
