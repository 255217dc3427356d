import { assert, assertEquals } from "@std/assert";
import {
  type Documentation,
  findMissingDefaults,
  findUndescribedModules,
  findUndocumented,
  readDocumentation,
} from "./_docs.ts";
import { assertNoProblems } from "./_problem.ts";
import { listRoomFiles, PROJECT_ROOT, readConfig } from "./_project.ts";
import { findThrowingFunctions } from "./_throws.ts";

const EXAMPLE = " * @example It runs\n * ```ts\n * 1 + 1;\n * ```\n";

/** What the checks have to say about a source. */
async function problemsOf(source: string): Promise<string[]> {
  const { documentation, throwing } = await document(source);
  return findUndocumented(documentation, throwing).map(({ message }) => message);
}

async function document(
  source: string,
  name = "thing.ts",
): Promise<{ documentation: Documentation; throwing: Map<string, Set<string>> }> {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/${name}`;
    await Deno.writeTextFile(file, source);
    const documentation = await readDocumentation([file]);
    const [url = ""] = Object.keys(documentation.nodes);
    return { documentation, throwing: new Map([[url, findThrowingFunctions(name, source)]]) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("findUndocumented() accepts what is documented", async () => {
  const problems = await problemsOf(`
/** What it may be told. */
export interface RunOptions {
  /** How often. */
  count?: number;
  /**
   * Is called at the end.
   * @param result what came out
   * @returns whether to go on
   */
  onEnd(result: number): boolean;
}
/** A number or nothing. */
export type Answer = number | undefined;
/** The number of numbers. */
export const COUNT: number = 1;
/**
 * Runs.
${EXAMPLE} * @param name its name
 * @param options what to do
 * @param rest the others
 * @returns the number
 * @throws {RangeError} when there are none
 */
export function run(name: string, { count = 1 }: RunOptions, ...rest: number[]): number {
  if (count === 0) throw new RangeError(name);
  return rest.length;
}
/**
 * A thing.
${EXAMPLE} */
export class Thing implements Disposable {
  #private = 1;
  /** Its size. */
  size: number = 1;
  /** @param size how big it is */
  constructor(size: number) { this.size = size; }
  /** How big it is, in metres. */
  get metres(): number { return this.#private; }
  set metres(value: number) { this.#private = value; }
  /** Ends it. */
  async close(): Promise<void> { await 1; }
  /** Ends it at once. */
  [Symbol.dispose](): void { try { throw new Error("caught"); } catch { /* here */ } }
  protected inner(): number { return 1; }
}
/**
 * A thing of its own kind.
${EXAMPLE} */
export class Child extends Thing {
  override async close(): Promise<void> { await 2; }
}
`);
  assertEquals(problems, []);
});

Deno.test("findUndocumented() tells every kind of name without a description", async () => {
  const problems = await problemsOf(`
export interface A { field: number; method(): void }
export type B = number;
export const C: number = 1;
/**
${EXAMPLE} */
export function d(): void {}
/**
${EXAMPLE} */
export class E {
  field = 1;
  get accessor(): number { return 1; }
  method(): void {}
  static made(): void {}
  [Symbol.dispose](): void {}
}
export namespace F { export const g: number = 1; }
`);
  const names =
    "A A.field A.method B C d E E.field E.accessor E.method E.made E.[Symbol.dispose] F g";
  assertEquals(
    problems.sort(),
    names.split(" ").map((name) => `${name} has no description`).sort(),
  );
});

Deno.test("findUndocumented() tells missing, empty and needless @param", async () => {
  const problems = await problemsOf(`
/**
 * A.
${EXAMPLE} * @param b
 * @param c the c
 */
export function a(b: number, c = 1, ...d: number[]): void {}
/**
 * E.
${EXAMPLE} * @param f there is none
 */
export function e(): void {}
/**
 * G.
${EXAMPLE} */
export function g({ h }: { h: number }): void {}
/**
 * I.
${EXAMPLE} */
export class I {
  constructor(j: number) {}
  /** K. */
  k(l: number): void {}
}
/** M. */
export interface M {
  /** N. */
  n(o: number): void;
}
`);
  assertEquals(problems, [
    "a has no @param b",
    "a has no @param d",
    "e has a @param that is not a parameter",
    "g has no @param for its destructured parameter",
    "I.constructor has no @param j",
    "I.k has no @param l",
    "M.n has no @param o",
  ]);
});

Deno.test("findUndocumented() tells missing @returns, except when there is no answer", async () => {
  const problems = await problemsOf(`
/** Returns. */
export interface Returns {
  /** A. */
  a(): number;
  /** B. */
  b(): Promise<string | undefined>;
  /** C. */
  c(): Generator<number>;
  /** D. */
  d(): Promise<Promise<void>>;
  /** E. */
  e(): void;
  /** F. */
  f(): never;
  /** G. */
  g(value: unknown): asserts value;
}
`);
  assertEquals(problems, [
    "Returns.a has no @returns",
    "Returns.b has no @returns",
    "Returns.c has no @returns",
    "Returns.g has no @param value",
  ]);
});

Deno.test("findUndocumented() tells functions and classes without an example in TypeScript", async () => {
  const problems = await problemsOf(`
/** A. */
export function a(): void {}
/** B.
 * @example Not in TypeScript
 * \`\`\`sh
 * b
 * \`\`\`
 */
export class B {}
/** C. */
export const c = (): void => {};
`);
  assertEquals(problems.sort(), [
    "B has no @example with a ts block",
    "a has no @example with a ts block",
    "c has no @example with a ts block",
  ]);
});

Deno.test("findUndocumented() takes overloads one by one, and their example together", async () => {
  const problems = await problemsOf(`
/** A.
 * @param b the b
 * @returns it
${EXAMPLE} */
export function a(b: string): string;
export function a(b: number): number;
export function a(b: unknown): unknown { return b; }
`);
  assertEquals(problems, ["a has no description", "a has no @param b", "a has no @returns"]);
});

Deno.test("findUndocumented() leaves a name that is told by another entry point to that one", () => {
  const location = { filename: "file:///a/mod.ts", line: 1 };
  const told = (kind: string): Documentation => ({
    nodes: { "file:///a/mod.ts": { symbols: [{ name: "A", declarations: [{ kind, location }] }] } },
  });
  assertEquals(findUndocumented(told("reference")), []);
  assertEquals(findUndocumented(told("typeAlias")).length, 1);
});

Deno.test("findUndocumented() tells throws without @throws", async () => {
  const problems = await problemsOf(`
/** A.
${EXAMPLE} */
export function a(): void { throw new Error("a"); }
/** B.
${EXAMPLE} */
export class B {
  constructor() { if (Math.random() > 2) throw new TypeError("b"); }
  /** C. */
  c(): void { try { this.d(); } catch (error) { throw new Error("c", { cause: error }); } }
  /** D. */
  d(): void { [1].forEach(() => { throw new Error("d"); }); }
  /** @inheritDoc */
  e(): void { throw new Error("e"); }
}
`);
  assertEquals(problems, [
    "a throws, and has no @throws",
    "B.constructor throws, and has no @throws",
    "B.c throws, and has no @throws",
  ]);
});

Deno.test("findThrowingFunctions() names functions, constants, methods and constructors", () => {
  const source = `
function a(): void { throw new Error(); }
export const b = (): void => { throw new Error(); };
const c = function (): void { throw new Error(); };
export class D {
  constructor() { throw new Error(); }
  static e(): void { throw new Error(); }
  get f(): number { throw new Error(); }
  *g(): Generator<number> { while (true) { if (1) { throw new Error(); } } }
  #h(): void { throw new Error(); }
  [Symbol.dispose](): void { throw new Error(); }
  i(): void { try { throw new Error(); } catch { /* here */ } }
  j(): void { try { throw new Error(); } finally { a(); } }
}
function k(): () => void { return () => { throw new Error(); }; }
throw new Error();
`;
  assertEquals(
    [...findThrowingFunctions("a.ts", source)].sort(),
    ["D.constructor", "D.e", "D.f", "D.g", "D.j", "a", "b", "c"],
  );
});

Deno.test("findUndescribedModules() tells a mod.ts without a module comment", async () => {
  const source = "/** A. */\nexport const A: number = 1;\n";
  const { documentation } = await document(source, "mod.ts");
  assertEquals(findUndescribedModules(documentation).length, 1);
  const told = await document(`/**\n * Top.\n *\n * @module\n */\n\n${source}`, "mod.ts");
  assertEquals(findUndescribedModules(told.documentation), []);
});

Deno.test("findMissingDefaults() tells optional fields of options without @default", async () => {
  const { documentation } = await document(`
/** A. */
export interface AOptions {
  /** B. */
  b?: number;
  /** C. @default {1} */
  c?: number;
  /**
   * D.
   * @default {2}
   */
  d?: number;
  /** E. */
  e: number;
}
/** F. */
export interface F {
  /** G. */
  g?: number;
}
`);
  assertEquals(
    findMissingDefaults(documentation).map(({ message }) => message),
    ["AOptions.b has no @default {value}"],
  );
});

// ---- The project ----

/** The documentation of all entry points that exist. */
async function documentProject(): Promise<Documentation> {
  const files = await listRoomFiles();
  const { exports } = await readConfig();
  const entries = Object.values(exports).filter((file) => files.includes(file.slice("./".length)));
  assert(entries.length > 0, "Cannot document the project: no entry point exists");
  return await readDocumentation(entries);
}

Deno.test("every public name of the project is documented", async () => {
  const throwing = new Map<string, Set<string>>();
  for (const file of await listRoomFiles()) {
    if (!file.endsWith(".ts")) continue;
    const url = new URL(file, PROJECT_ROOT);
    throwing.set(url.href, findThrowingFunctions(file, await Deno.readTextFile(url)));
  }
  assertNoProblems(findUndocumented(await documentProject(), throwing));
});

Deno.test("every mod.ts of the project tells what its module is", async () => {
  assertNoProblems(findUndescribedModules(await documentProject()));
});

Deno.test("every optional field of the project's options tells its default", async () => {
  assertNoProblems(findMissingDefaults(await documentProject()));
});
