/** Names of boolean options, or whether all options are boolean. */
export type BooleanType = boolean | string | undefined;
/** Names of string options. */
export type StringType = string | undefined;
/** Names of options whose values are collected. */
export type Collectable = string | undefined;
/** Names of options that `--no-` may negate. */
export type Negatable = string | undefined;

/** The other names of options. */
export type Aliases<TArgNames = string, TAliasNames extends string = string> = Partial<
  Record<Extract<TArgNames, string>, TAliasNames | ReadonlyArray<TAliasNames>>
>;

type Dictionary = Record<string, unknown>;

/** Turns intersections, at every level, into plain object types. */
export type Flat<T> = T extends Dictionary
  ? T extends infer Fields ? { [Key in keyof Fields]: Flat<Fields[Key]> }
  : never
  : T;

/** One value of a result: where it is (its names joined by dots), what it is, if it is always. */
interface Leaf<Path extends string, Value, Always extends boolean> {
  path: Path;
  value: Value;
  always: Always;
}

type AnyLeaf = Leaf<string, unknown, boolean>;

type Head<Path> = Path extends `${infer First}.${string}` ? First : Path;

type HeadsOf<Leaves extends AnyLeaf, Always extends boolean> = Head<
  Extract<Leaves, { always: Always }>["path"]
>;

/** The object type that holds the given leaves. A level is optional if all in it is. */
type Tree<Leaves extends AnyLeaf> =
  & { [Key in HeadsOf<Leaves, true>]: Branch<Key, Leaves> }
  & { [Key in HeadsOf<Leaves, false>]?: Branch<Key, Leaves> };

type Branch<Key extends string, Leaves extends AnyLeaf> = [Below<Key, Leaves>] extends [never]
  ? Here<Key, Leaves>
  : Here<Key, Leaves> & Tree<Below<Key, Leaves>>;

/** What the leaves whose whole path is `Key` have in common. */
type Here<Key extends string, Leaves extends AnyLeaf> =
  (Leaves extends Leaf<infer Path, infer Value, boolean>
    ? [Path, Key] extends [Key, Path] ? (box: [Value]) => void : never
    : never) extends (box: infer Box) => void ? (Box extends [unknown] ? Box[0] : unknown) : never;

type Below<Key extends string, Leaves extends AnyLeaf> = Leaves extends
  Leaf<`${Key}.${infer Rest}`, infer Value, infer Always> ? Leaf<Rest, Value, Always> : never;

type OrNegated<Name, Value, N> = N extends Name ? Value | false : Value;

type StringLeaves<S, C, N> = S extends string
  ? S extends C ? Leaf<S, OrNegated<S, string[], N>, true>
  : Leaf<S, OrNegated<S, string, N>, false>
  : never;

type BooleanLeaves<B, C> = B extends string ? Leaf<B, B extends C ? boolean[] : boolean, true>
  : never;

type OtherLeaves<C, N> = C extends string
  ? Leaf<C, C extends N ? unknown[] | false : unknown[], true>
  : never;

type DefaultLeaves<D> = { [Key in keyof D & string]: Leaf<Key, D[Key], true> }[keyof D & string];

/** The values of the options, with their defaults; an undeclared one's type is not known. */
type WithDefaults<T, D> = D extends undefined ? T : Merged<T, Tree<DefaultLeaves<D>>>;

type Merged<T, D> =
  & Omit<T, keyof D>
  & {
    [Key in keyof D]: Key extends keyof T ? MergedValue<NonNullable<T[Key]>, D[Key]> : unknown;
  };

type MergedValue<T, D> = [T, D] extends [Dictionary, Dictionary] ? Merged<T, D> : T | D;

type WithAliases<T, A> = { [Key in keyof T as Key | AliasesOf<Key, A>]: T[Key] };

type AliasesOf<Key, A> = Key extends keyof A ? string extends A[Key] ? never
  : A[Key] extends string ? A[Key]
  : A[Key] extends string[] ? A[Key][number]
  : never
  : never;

/** Whether no option is declared by its type, so that all types are left to guess. */
type Untyped<B, S, C> = [undefined, undefined, undefined] extends
  [false extends B ? undefined : B, S, C] ? true : false;

/**
 * The options a call with these declarations gives. As in the original, an empty list of collected
 * options leaves no type at all.
 */
export type Values<
  B extends BooleanType,
  S extends StringType,
  C extends Collectable,
  N extends Negatable,
  D extends Dictionary | undefined,
  A extends Aliases | undefined,
> = Untyped<B, S, C> extends true
  // deno-lint-ignore no-explicit-any
  ? Record<string, any>
  : [C] extends [never] ? never
  :
    & Dictionary
    & WithAliases<
      WithDefaults<
        Tree<StringLeaves<S, C, N> | BooleanLeaves<B, C> | OtherLeaves<Exclude<C, B | S>, N>>,
        D
      >,
      A
    >;

/**
 * What defaults may be given: any, but the declared names are suggested, dotted and nested. As in
 * the original, an empty list of boolean or string options allows none.
 */
export type Defaults<B extends BooleanType, S extends StringType> = [B] extends [never] ? never
  : [S] extends [never] ? never
  : Flat<
    & Dictionary
    & Tree<SuggestedLeaves<Extract<B | S, string>>>
    & Partial<Record<Extract<B | S, string>, unknown>>
  >;

type SuggestedLeaves<Name> = Name extends string ? Leaf<Name, unknown, false> : never;

/** The part of a result that holds what follows `--`. */
export type DoubleDash<Wanted extends boolean | undefined> = boolean extends Wanted
  ? { "--"?: string[] }
  : true extends Wanted ? { "--": string[] }
  : Record<never, never>;
