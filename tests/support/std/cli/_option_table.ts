/** One name, several, or none. */
export type Names = string | readonly string[] | boolean | null | undefined;

/** The declarations of options that {@linkcode OptionTable} keeps. */
export interface Declarations {
  alias?: Readonly<Record<string, string | readonly string[] | undefined>> | null;
  boolean?: Names;
  string?: Names;
  collect?: Names;
  negatable?: Names;
}

/** What is declared of each option, under each of its names. */
export class OptionTable {
  readonly booleans: ReadonlySet<string>;
  readonly strings: ReadonlySet<string>;
  readonly collected: ReadonlySet<string>;
  readonly negatable: ReadonlySet<string>;
  /** Whether every option with two dashes is boolean. */
  readonly allBoolean: boolean;
  readonly #aliases = new Map<string, ReadonlySet<string>>();

  constructor({ alias, boolean, string, collect, negatable }: Declarations) {
    for (const [name, value] of Object.entries(alias ?? {})) this.#addAliases(name, value);
    this.allBoolean = boolean === true;
    this.booleans = this.#withAliases(boolean);
    this.strings = this.#withAliases(string);
    this.collected = this.#withAliases(collect);
    this.negatable = this.#withAliases(negatable);
  }

  /** The other names of an option. */
  aliasesOf(name: string): Iterable<string> {
    return this.#aliases.get(name) ?? [];
  }

  /** Whether an option is boolean, under this name or another. */
  takesNoValue(name: string): boolean {
    return [name, ...this.aliasesOf(name)].some((each) => this.booleans.has(each));
  }

  /** Whether anything at all is declared of an option. */
  knows(name: string): boolean {
    return this.booleans.has(name) || this.strings.has(name) || this.collected.has(name) ||
      this.#aliases.has(name);
  }

  #addAliases(name: string, value: string | readonly string[] | undefined): void {
    if (value === undefined) throw new TypeError("Alias value must be defined");
    const others = typeof value === "string" ? [value] : value;
    this.#aliases.set(name, new Set(others));
    for (const alias of others) {
      this.#aliases.set(alias, new Set([name, ...others.filter((other) => other !== alias)]));
    }
  }

  #withAliases(names: Names): Set<string> {
    const declared = typeof names === "string" ? [names] : Array.isArray(names) ? names : [];
    const known = declared.filter((name) => name);
    return new Set(known.flatMap((name) => [name, ...this.aliasesOf(name)]));
  }
}
