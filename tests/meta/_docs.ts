import type { Problem } from "./_problem.ts";
import { PROJECT_ROOT, runDeno } from "./_project.ts";

/** What `deno doc --json` answers, as far as the checks read it. */
export interface Documentation {
  nodes: Record<string, { module_doc?: JsDoc; symbols?: DocSymbol[] }>;
}

/** A public name with its declarations: several for overloads. */
export interface DocSymbol {
  name: string;
  declarations: readonly Declaration[];
}

interface Declaration {
  kind: string;
  location: Location;
  jsDoc?: JsDoc;
  def?: Definition;
}

interface Definition extends Partial<Signature> {
  elements?: DocSymbol[];
  constructors?: (Member & Signature)[];
  methods?: (Member & Partial<Signature>)[];
  properties?: Member[];
}

interface Member {
  name: string;
  kind?: string;
  location: Location;
  jsDoc?: JsDoc;
  accessibility?: string;
  isOverride?: boolean;
  optional?: boolean;
  /** The signature of a class's method; an interface's is in the member itself. */
  functionDef?: Signature;
}

interface Signature {
  params: Parameter[];
  returnType?: TypeNode;
  hasBody?: boolean;
}

interface Parameter {
  kind: string;
  name?: string;
  left?: Parameter;
  arg?: Parameter;
}

interface TypeNode {
  kind: string;
  repr?: string;
  value?: unknown;
}

interface Location {
  filename: string;
  line: number;
}

interface JsDoc {
  doc?: string;
  tags?: { kind: string; name?: string; doc?: string; value?: string }[];
}

/** Something with a name, a place and, perhaps, a description. */
interface Named {
  name: string;
  location: Location;
  jsDoc?: JsDoc;
}

/** Reads the documentation of the files. */
export async function readDocumentation(files: readonly string[]): Promise<Documentation> {
  return JSON.parse(await runDeno(["doc", "--json", ...files]));
}

/**
 * Finds public names without a description, callables whose `@param`, `@returns` or `@throws` are
 * missing, and functions and classes without an `@example` in TypeScript.
 *
 * `throwing` says which functions of a file throw, as {@linkcode findThrowingFunctions} tells it.
 */
export function findUndocumented(
  documentation: Documentation,
  throwing: ReadonlyMap<string, ReadonlySet<string>> = new Map(),
): Problem[] {
  const check = new DocCheck(throwing);
  for (const { symbols = [] } of Object.values(documentation.nodes)) {
    for (const symbol of symbols) check.symbol(symbol);
  }
  return check.problems();
}

/** Finds entry points called `mod.ts` that do not say what their module is. */
export function findUndescribedModules(documentation: Documentation): Problem[] {
  return Object.entries(documentation.nodes)
    .filter(([file, { module_doc }]) => /\/mod\.ts$/.test(file) && !hasDescription(module_doc))
    .map(([file]) => ({ where: shorten(file), message: "has no module comment (@module)" }));
}

/** Finds optional fields of `…Options` that do not tell their default by `@default {value}`. */
export function findMissingDefaults(documentation: Documentation): Problem[] {
  const problems = new Map<string, Problem>();
  const visit = ({ name, declarations }: DocSymbol): void => {
    for (const { kind, def } of declarations) {
      def?.elements?.forEach(visit);
      if (kind !== "interface" || !name.endsWith("Options")) continue;
      for (const field of def?.properties ?? []) {
        if (!field.optional || tells(field.jsDoc, "default")) continue;
        const where = placeOf(field.location);
        problems.set(where, { where, message: `${name}.${field.name} has no @default {value}` });
      }
    }
  };
  for (const { symbols = [] } of Object.values(documentation.nodes)) symbols.forEach(visit);
  return [...problems.values()];
}

/** One walk over the documentation; a name that several entry points export is told once. */
class DocCheck {
  readonly #throwing: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #problems = new Map<string, Problem>();

  constructor(throwing: ReadonlyMap<string, ReadonlySet<string>>) {
    this.#throwing = throwing;
  }

  problems(): Problem[] {
    return [...this.#problems.values()];
  }

  symbol({ name, declarations }: DocSymbol): void {
    const functions = declarations.filter(({ kind }) => kind === "function");
    const overloads = withoutImplementation(functions, ({ def }) => def?.hasBody);
    for (const declaration of overloads) {
      this.#callable({ name, ...declaration }, declaration.def);
    }
    this.#example({ name, declarations: overloads });
    this.#throws(name, overloads);
    for (const declaration of declarations) {
      const { kind, def, location, jsDoc } = declaration;
      // A reference stands for a name that another entry point tells in full.
      if (kind === "function" || kind === "reference" || isHidden(jsDoc)) continue;
      this.#described({ name, location, jsDoc });
      if (kind === "namespace") def?.elements?.forEach((element) => this.symbol(element));
      if (kind === "interface" || kind === "class") this.#members(name, def);
      if (kind === "class") this.#example({ name, declarations: [declaration] });
    }
  }

  #members(
    owner: string,
    { constructors = [], methods = [], properties = [] }: Definition = {},
  ): void {
    for (const property of properties.filter(isPublic)) {
      this.#described({ ...property, name: `${owner}.${property.name}` });
    }
    const made = withoutImplementation(constructors.filter(isPublic), ({ hasBody }) => hasBody);
    for (const constructor of made) {
      this.#parameters({ ...constructor, name: `${owner}.constructor` }, constructor);
    }
    this.#throws(`${owner}.constructor`, made);
    const byName = Map.groupBy(methods.filter(isPublic), ({ name, kind }) => `${kind} ${name}`);
    for (const group of byName.values()) {
      const overloads = withoutImplementation(group, ({ functionDef }) => functionDef?.hasBody);
      for (const method of overloads) this.#method(owner, method);
      this.#throws(`${owner}.${group[0]?.name}`, overloads);
    }
  }

  #method(owner: string, method: Member & Partial<Signature>): void {
    const named = { ...method, name: `${owner}.${method.name}` };
    const isSymbol = method.name.startsWith("[");
    if (isSymbol || method.kind === "getter" || method.kind === "setter") {
      // A pair of accessors is one property: `deno doc` shows the description of either.
      if (method.kind !== "setter") this.#described(named);
    } else {
      this.#callable(named, method.functionDef ?? method);
    }
  }

  #callable(named: Named, signature: Partial<Signature> = {}): void {
    if (isHidden(named.jsDoc)) return;
    this.#described(named);
    this.#parameters(named, signature);
    if (answers(signature.returnType) && !tells(named.jsDoc, "return")) {
      this.#tell(named, "has no @returns");
    }
  }

  #parameters(named: Named, { params = [] }: Partial<Signature>): void {
    if (isHidden(named.jsDoc)) return;
    const told = named.jsDoc?.tags?.filter(({ kind }) => kind === "param") ?? [];
    const wanted = params.map(nameOfParameter).filter((name) => name !== "this");
    for (const name of wanted) {
      if (name === undefined) continue;
      if (told.some((tag) => tag.name === name && tag.doc)) continue;
      this.#tell(named, `has no @param ${name}`);
    }
    // A destructured parameter has no name of its own: any will do.
    const unnamed = wanted.filter((name) => name === undefined).length;
    const spare = told.filter((tag) => !wanted.includes(tag.name)).length;
    if (spare < unnamed) this.#tell(named, "has no @param for its destructured parameter");
    if (spare > unnamed) this.#tell(named, "has a @param that is not a parameter");
  }

  #described(named: Named): void {
    if (!isHidden(named.jsDoc) && !hasDescription(named.jsDoc)) {
      this.#tell(named, "has no description");
    }
  }

  #example({ name, declarations: [first, ...others] }: DocSymbol): void {
    if (first === undefined || isHidden(first.jsDoc)) return;
    const examples = [first, ...others].flatMap(({ jsDoc }) => jsDoc?.tags ?? [])
      .filter(({ kind, doc }) => kind === "example" && /```(ts|typescript)\b/.test(doc ?? ""));
    if (examples.length === 0) this.#tell({ name, ...first }, "has no @example with a ts block");
  }

  #throws(name: string, overloads: readonly Omit<Named, "name">[]): void {
    const [first] = overloads;
    if (first === undefined || overloads.some(({ jsDoc }) => isHidden(jsDoc))) return;
    if (!this.#throwing.get(first.location.filename)?.has(name)) return;
    if (overloads.some(({ jsDoc }) => tells(jsDoc, "throws"))) return;
    this.#tell({ ...first, name }, "throws, and has no @throws");
  }

  #tell({ name, location }: Named, what: string): void {
    const problem = { where: placeOf(location), message: `${name} ${what}` };
    this.#problems.set(`${problem.where} ${problem.message}`, problem);
  }
}

/** The declarations that users see: not the body below a list of overloads. */
function withoutImplementation<T>(
  declarations: readonly T[],
  hasBody: (declaration: T) => boolean | undefined,
): readonly T[] {
  const overloads = declarations.filter((declaration) => !hasBody(declaration));
  return overloads.length > 0 ? overloads : declarations;
}

/** Says that a member is for users, and that it has no elder whose description it takes over. */
function isPublic({ accessibility, isOverride, jsDoc }: Omit<Member, "name">): boolean {
  if (accessibility === "private" || accessibility === "protected") return false;
  return !(isOverride && jsDoc === undefined);
}

/** Left out of the documentation, or taken over from an elder, by its own word. */
function isHidden(jsDoc: JsDoc | undefined): boolean {
  return /\{@inheritDoc\b/i.test(jsDoc?.doc ?? "") ||
    (jsDoc?.tags ?? []).some(({ kind, value = "" }) =>
      kind === "ignore" || kind === "internal" || /^@inheritDoc\b/i.test(value)
    );
}

function hasDescription(jsDoc: JsDoc | undefined): boolean {
  return (jsDoc?.doc ?? "").trim() !== "";
}

/** Says whether a tag is there, as a line of its own or inside of a line of the description. */
function tells(jsDoc: JsDoc | undefined, tag: string): boolean {
  if (jsDoc?.tags?.some(({ kind }) => kind === tag)) return true;
  return new RegExp(`@${tag}\\b`).test(jsDoc?.doc ?? "");
}

function nameOfParameter({ kind, name, left, arg }: Parameter): string | undefined {
  if (kind === "assign" && left !== undefined) return nameOfParameter(left);
  if (kind === "rest" && arg !== undefined) return nameOfParameter(arg);
  return kind === "identifier" ? name : undefined;
}

/** Says whether there is an answer to describe. */
function answers(type: TypeNode | undefined): boolean {
  if (type === undefined || type.kind === "typePredicate") return false;
  if (type.kind === "keyword") return !["void", "never", "undefined"].includes(type.repr ?? "");
  if (type.kind !== "typeRef" || type.repr !== "Promise") return true;
  const { typeParams = [] } = type.value as { typeParams?: TypeNode[] };
  return typeParams.some(answers);
}

function placeOf({ filename, line }: Location): string {
  return `${shorten(filename)}:${line}`;
}

function shorten(url: string): string {
  return url.startsWith(PROJECT_ROOT.href) ? url.slice(PROJECT_ROOT.href.length) : url;
}
