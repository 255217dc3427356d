import { parseArgs } from "@std/cli/parse-args";

/** An option of a command. */
export interface OptionSpec {
  readonly name: string;
  /** What stands for its value in the help; without it the option is a flag. */
  readonly value?: string | undefined;
  /** Whether it may be given several times. */
  readonly many?: boolean | undefined;
  readonly help: string;
}

/** What is wrong with how the program was called. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

/** Arguments that would show the key to whoever lists processes. */
const SECRETS = ["authkey", "key", "password", "token", "nkey-seed"];

/** The arguments of a command, understood. */
export class Arguments {
  /** What stands beside the options. */
  readonly words: readonly string[];
  readonly #values: Readonly<Record<string, unknown>>;

  /**
   * Reads arguments.
   *
   * @throws {UsageError} When one is not known, or misses its value.
   */
  constructor(args: readonly string[], specs: readonly OptionSpec[]) {
    const unknown: string[] = [];
    const withValue = specs.filter(({ value }) => value !== undefined);
    const { _: words, ...values } = parseArgs([...args], {
      boolean: specs.filter(({ value }) => value === undefined).map(({ name }) => name),
      string: [...withValue.map(({ name }) => name), "_"],
      collect: specs.map(({ name }) => name),
      unknown: (arg, key) => {
        if (key === undefined) return true;
        unknown.push(arg);
        return false;
      },
    }) as Record<string, unknown> & { _: unknown[] };
    for (const arg of unknown) {
      const name = arg.replace(/^-+/, "").replace(/=.*/, "");
      if (SECRETS.includes(name)) {
        throw new UsageError(
          `Option --${name} is refused: everybody on this machine can read the arguments of a program. ` +
            "Put the key into a file (--authkey-file FILE) or into the variable MANYHANDS_AUTHKEY",
        );
      }
      if (/^-\.?\d/.test(arg)) {
        throw new UsageError(
          `"${arg}" is taken for an option: a number below 0 is written as --option=${arg}, or behind "--"`,
        );
      }
      throw new UsageError(`Unknown option ${arg.replace(/=.*/, "")}; --help lists the options`);
    }
    for (const { name, value, many } of specs) {
      const given = values[name] as unknown[];
      if (given.length > 1 && many !== true && value !== undefined) {
        throw new UsageError(`Option --${name} is given ${given.length} times`);
      }
      if (value !== undefined && given.includes("")) {
        throw new UsageError(`Option --${name} needs a value: --${name}=${value}`);
      }
    }
    this.words = words.map(String);
    this.#values = values;
  }

  /** Whether a flag is given. */
  has(name: string): boolean {
    return this.all(name).some((value) => (value as unknown) !== false);
  }

  /** All values of an option. */
  all(name: string): readonly string[] {
    return this.#values[name] as string[];
  }

  /** The value of an option. */
  text(name: string): string | undefined {
    return this.all(name).at(-1);
  }

  /**
   * The value of an option that is one of several words.
   *
   * @throws {UsageError} When it is another one.
   */
  choice<T extends string>(name: string, choices: readonly T[], otherwise: T): T {
    const given = this.text(name);
    if (given === undefined) return otherwise;
    const found = choices.find((choice) => choice === given);
    if (found !== undefined) return found;
    throw new UsageError(`Option --${name} is "${given}", must be ${choices.join(", ")}`);
  }

  /**
   * The value of an option that is an integer.
   *
   * @throws {UsageError} When it is none, or outside of its range.
   */
  count(name: string, range: { least: number; most?: number | undefined }): number | undefined {
    const given = this.text(name);
    if (given === undefined) return undefined;
    const { least, most = Number.MAX_SAFE_INTEGER } = range;
    const count = /^-?\d+$/.test(given) ? Number(given) : NaN;
    if (count >= least && count <= most) return count;
    const limits = range.most === undefined ? `${least} or more` : `from ${least} to ${most}`;
    throw new UsageError(`Option --${name} is "${given}", must be an integer, ${limits}`);
  }

  /**
   * The value of an option that is a number.
   *
   * @throws {UsageError} When it is none.
   */
  number(name: string): number | undefined {
    const given = this.text(name);
    if (given === undefined) return undefined;
    const number = Number(given);
    if (Number.isFinite(number) && given.trim() !== "") return number;
    throw new UsageError(`Option --${name} is "${given}", must be a number`);
  }
}
