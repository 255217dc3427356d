import { collectAtPath, hasPath, type Nested, setPath } from "./_nested.ts";
import { type Declarations, OptionTable } from "./_option_table.ts";

/** The options of `parseArgs`, without the types that follow from them. */
export interface UntypedOptions extends Declarations {
  "--"?: boolean;
  default?: Readonly<Record<string, unknown>>;
  stopEarly?: boolean;
  unknown?: ((arg: string, key?: string, value?: unknown) => unknown) | null;
}

interface LongFlag {
  name: string;
  negated: boolean;
  value: string | undefined;
}

/** Parses arguments, once. */
export class ArgumentParser {
  readonly #options: UntypedOptions;
  readonly #table: OptionTable;
  readonly #result: Nested & { _: (string | number)[] } = { _: [] };
  /** The arguments still to parse, the next one last. */
  #queue: string[] = [];

  constructor(options: UntypedOptions) {
    this.#options = options;
    this.#table = new OptionTable(options);
  }

  /** The result for the given arguments. */
  parse(args: readonly string[]): Nested {
    const dashes = args.indexOf("--");
    const parsed = dashes < 0 ? args : args.slice(0, dashes);
    const verbatim = dashes < 0 ? [] : args.slice(dashes + 1);
    this.#queue = parsed.toReversed();
    while (this.#queue.length > 0) this.#parseArgument(this.#queue.pop()!);
    this.#addDefaults();
    if (this.#options["--"]) this.#result["--"] = verbatim;
    else this.#result._.push(...verbatim);
    return this.#result;
  }

  #parseArgument(arg: string): void {
    if (arg.startsWith("--")) this.#parseLong(arg);
    else if (arg.startsWith("-") && arg.length > 1) this.#parseShort(arg);
    else this.#parsePositional(arg);
  }

  #parsePositional(arg: string): void {
    if (this.#options.unknown?.(arg) !== false) {
      this.#result._.push(this.#table.strings.has("_") ? arg : numberIfAny(arg));
    }
    if (!this.#options.stopEarly) return;
    while (this.#queue.length > 0) this.#result._.push(this.#queue.pop()!);
  }

  #parseLong(arg: string): void {
    const { name, negated, value } = readLongFlag(arg);
    if (value !== undefined) {
      this.#set(name, this.#table.booleans.has(name) ? value !== "false" : value, arg);
    } else if (negated && this.#table.negatable.has(name)) {
      this.#set(name, false, arg, { replace: true });
    } else {
      this.#setWithNext(
        negated ? `no-${name}` : name,
        arg,
        (next) => !this.#table.allBoolean && !next.startsWith("-"),
      );
    }
  }

  /** Parses one dash and letters, each an option; what cannot be one is the last one's value. */
  #parseShort(arg: string): void {
    for (let at = 1; at < arg.length - 1; at++) {
      const letter = arg[at]!;
      const rest = arg.slice(at + 1);
      const value = attachedValue(letter, rest);
      if (value !== undefined) return this.#set(letter, value, arg);
      this.#set(letter, rest === "-" ? rest : this.#valueOfNone(letter), arg);
    }
    const last = arg.at(-1)!;
    if (last !== "-") this.#setWithNext(last, arg, (next) => !/^--?[^-]/.test(next));
  }

  /** Sets an option to the next argument, if that can be its value, and else to none. */
  #setWithNext(name: string, arg: string, mayBeValue: (next: string) => boolean): void {
    const next = this.#queue.at(-1);
    if (next && mayBeValue(next) && !this.#table.takesNoValue(name)) {
      this.#queue.pop();
      this.#set(name, next, arg);
    } else if (next === "true" || next === "false") {
      this.#queue.pop();
      this.#set(name, next === "true", arg);
    } else {
      this.#set(name, this.#valueOfNone(name), arg);
    }
  }

  #valueOfNone(name: string): "" | true {
    return this.#table.strings.has(name) ? "" : true;
  }

  #set(name: string, given: string | boolean, arg: string, { replace = false } = {}): void {
    if (!this.#isDeclared(name, arg) && this.#options.unknown?.(arg, name, given) === false) return;
    const isText = typeof given !== "string" || this.#table.strings.has(name);
    const value = isText ? given : numberIfAny(given);
    const put = this.#table.collected.has(name) && !replace ? collectAtPath : setPath;
    put(this.#result, name, value);
    for (const alias of this.#table.aliasesOf(name)) put(this.#result, alias, value);
  }

  #isDeclared(name: string, arg: string): boolean {
    return this.#table.knows(name) || (this.#table.allBoolean && /^--[^=]+$/.test(arg));
  }

  #addDefaults(): void {
    const { booleans, strings, collected } = this.#table;
    for (const [name, value] of Object.entries(this.#options.default ?? {})) {
      if (hasPath(this.#result, name)) continue;
      setPath(this.#result, name, value);
      for (const alias of this.#table.aliasesOf(name)) setPath(this.#result, alias, value);
    }
    for (const name of [...booleans, ...strings]) {
      if (hasPath(this.#result, name)) continue;
      if (collected.has(name)) setPath(this.#result, name, []);
      else if (booleans.has(name)) setPath(this.#result, name, false);
    }
  }
}

/** Reads `--name`, `--no-name` and `--name=value`; a name has at least one character. */
function readLongFlag(arg: string): LongFlag {
  const negated = arg.startsWith("--no-") && arg.length > "--no-".length;
  const text = arg.slice(negated ? "--no-".length : "--".length);
  const equals = text.indexOf("=", 1);
  if (equals < 0) return { name: text, negated, value: undefined };
  return { name: text.slice(0, equals), negated, value: text.slice(equals + 1) };
}

/** The value that follows a letter in the same argument, if not another letter does. */
function attachedValue(letter: string, rest: string): string | undefined {
  if (rest === "-") return undefined;
  if (rest === "=") return "";
  if (/[A-Za-z]/.test(letter)) {
    const afterEquals = /=(.+)/.exec(rest)?.[1];
    if (afterEquals !== undefined) return afterEquals;
    if (/\d(?:\.\d*)?(?:e-?\d+)?$/.test(rest)) return rest;
  }
  return rest.length > 1 && /^\W/.test(rest) ? rest : undefined;
}

/** The number a text spells, or else the text. */
function numberIfAny(text: string): string | number {
  const number = Number(text);
  return /\S/.test(text) && Number.isFinite(number) ? number : text;
}
