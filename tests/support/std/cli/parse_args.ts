import type {
  Aliases,
  BooleanType,
  Collectable,
  Defaults,
  DoubleDash,
  Flat,
  Negatable,
  StringType,
  Values,
} from "./_parse_args_types.ts";
import { ArgumentParser, type UntypedOptions } from "./_argument_parser.ts";

/** The result of {@linkcode parseArgs}. */
export type Args<
  // deno-lint-ignore no-explicit-any
  TArgs extends Record<string, unknown> = Record<string, any>,
  TDoubleDash extends boolean | undefined = undefined,
> = Flat<
  & TArgs
  & {
    /** The arguments that belong to no option. */
    _: Array<string | number>;
  }
  & DoubleDash<TDoubleDash>
>;

/** Options of {@linkcode parseArgs}. */
export interface ParseOptions<
  TBooleans extends BooleanType = BooleanType,
  TStrings extends StringType = StringType,
  TCollectable extends Collectable = Collectable,
  TNegatable extends Negatable = Negatable,
  TDefault extends Record<string, unknown> | undefined =
    | Record<string, unknown>
    | undefined,
  TAliases extends Aliases | undefined = Aliases | undefined,
  TDoubleDash extends boolean | undefined = boolean | undefined,
> {
  /** Whether what follows `--` gets a place of its own in the result, instead of one in `_`. */
  "--"?: TDoubleDash;

  /** For a name, the other names of the same option. */
  alias?: TAliases;

  /** The names of options that take no value; `true` makes every `--name` one. */
  boolean?: TBooleans | ReadonlyArray<Extract<TBooleans, string>>;

  /** The values of options that are not given. */
  default?: TDefault & Defaults<TBooleans, TStrings>;

  /** Whether all that follows the first argument without an option is left as it is. */
  stopEarly?: boolean;

  /** The names of options whose values stay strings, even if they look like numbers. */
  string?: TStrings | ReadonlyArray<Extract<TStrings, string>>;

  /** The names of options that may be repeated, with all their values in an array. */
  collect?: TCollectable | ReadonlyArray<Extract<TCollectable, string>>;

  /** The names of options that a leading `no-` sets to `false`. */
  negatable?: TNegatable | ReadonlyArray<Extract<TNegatable, string>>;

  /** Called with what is not declared here; where it returns `false`, that is left out. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** Parses command line arguments into an object with a property for each option. */
export function parseArgs<
  TArgs extends Values<
    TBooleans,
    TStrings,
    TCollectable,
    TNegatable,
    TDefaults,
    TAliases
  >,
  TDoubleDash extends boolean | undefined = undefined,
  TBooleans extends BooleanType = undefined,
  TStrings extends StringType = undefined,
  TCollectable extends Collectable = undefined,
  TNegatable extends Negatable = undefined,
  TDefaults extends Record<string, unknown> | undefined = undefined,
  TAliases extends Aliases<TAliasArgNames, TAliasNames> | undefined = undefined,
  TAliasArgNames extends string = string,
  TAliasNames extends string = string,
>(
  args: readonly string[],
  options?: ParseOptions<
    TBooleans,
    TStrings,
    TCollectable,
    TNegatable,
    TDefaults,
    TAliases,
    TDoubleDash
  >,
): Args<TArgs, TDoubleDash> {
  const parser = new ArgumentParser((options ?? {}) as UntypedOptions);
  return parser.parse(args) as Args<TArgs, TDoubleDash>;
}
