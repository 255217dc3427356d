/**
 * The lists of this folder: tables with one line for each entry and a tab between its fields. Lines that begin
 * with `#` are comments; the first other line names the fields.
 *
 * @module
 */

import type { Problem } from "../meta/_problem.ts";

/** One test of CPython's test suite. */
export interface Behaviour {
  /**
   * `Class.test_name`, as in the titles of our tests; `module.Class.test_name` where two of CPython's
   * files have a class of that name; `coroutine_tests.…` for examples in a docstring, which have no name.
   */
  readonly name: string;
  /** CPython's file, below `Lib/test/`. */
  readonly file: string;
  /** What it is about: a name of {@linkcode Primitive}. */
  readonly primitive: string;
  /** Whether it makes sense in JavaScript: as it is, in another form, or not at all. */
  readonly mark: "as-is" | "adapted" | "no";
  /** Why it makes no sense; empty otherwise. */
  readonly reason: string;
}

/** A thing of Python's that CPython tests. */
export interface Primitive {
  /** Python's word. */
  readonly name: string;
  /** The topics of ours that have it. */
  readonly rooms: readonly string[];
  /** Whether every behaviour that makes sense must be covered, or have a reason why it is not. */
  readonly isFinished: boolean;
}

/** All lists. */
export interface Lists {
  /** From `behaviours.tsv`. */
  readonly behaviours: readonly Behaviour[];
  /** From `primitives.tsv`, in the order of the report. */
  readonly primitives: readonly Primitive[];
  /** From `not_covered.tsv`: names of behaviours, and why we do not have them. */
  readonly notCovered: ReadonlyMap<string, string>;
  /** Entries that contradict each other. */
  readonly problems: readonly Problem[];
}

/** The texts of the three files. */
export interface ListTexts {
  /** The text of `behaviours.tsv`. */
  readonly behaviours: string;
  /** The text of `primitives.tsv`. */
  readonly primitives: string;
  /** The text of `not_covered.tsv`. */
  readonly notCovered: string;
}

/** Reads the three files of this folder. */
export async function readListTexts(): Promise<ListTexts> {
  const read = (name: string) => Deno.readTextFile(new URL(name, import.meta.url));
  return {
    behaviours: await read("behaviours.tsv"),
    primitives: await read("primitives.tsv"),
    notCovered: await read("not_covered.tsv"),
  };
}

/**
 * Understands the lists.
 *
 * @param texts The texts of the files.
 * @returns The lists, and what is wrong with them.
 */
export function parseLists(texts: ListTexts): Lists {
  const problems: Problem[] = [];
  const table = (file: string, text: string, fields: readonly string[]) =>
    parseTable(`tests/conformance/${file}`, text, fields, problems);

  const primitives = table("primitives.tsv", texts.primitives, ["primitive", "rooms", "state"])
    .map(({ where, fields: [name = "", rooms = "", state = ""] }): Primitive => {
      if (!["finished", "unfinished"].includes(state)) {
        problems.push({ where, message: `the state "${state}" must be finished or unfinished` });
      }
      return { name, rooms: rooms.split(", "), isFinished: state === "finished" };
    });

  const known = new Set(primitives.map(({ name }) => name));
  const behaviours: Behaviour[] = [];
  const columns = ["name", "file", "primitive", "mark", "reason"];
  for (const { where, fields } of table("behaviours.tsv", texts.behaviours, columns)) {
    const [name = "", file = "", primitive = "", mark = "", reason = ""] = fields;
    if (!known.has(primitive)) {
      problems.push({ where, message: `"${primitive}" is not in primitives.tsv` });
    }
    if (mark !== "as-is" && mark !== "adapted" && mark !== "no") {
      problems.push({ where, message: `the mark "${mark}" must be as-is, adapted or no` });
    } else {
      if ((mark === "no") !== (reason !== "")) {
        problems.push({ where, message: 'the mark "no" has a reason, and no other mark has one' });
      }
      behaviours.push({ name, file, primitive, mark, reason });
    }
  }

  const meaningful = new Map(behaviours.map(({ name, mark }) => [name, mark !== "no"]));
  const notCovered = new Map<string, string>();
  for (const { where, fields } of table("not_covered.tsv", texts.notCovered, ["name", "reason"])) {
    const [name = "", reason = ""] = fields;
    if (reason === "") problems.push({ where, message: `"${name}" has no reason` });
    if (!meaningful.has(name)) {
      problems.push({ where, message: `"${name}" is not in behaviours.tsv` });
    } else if (!meaningful.get(name)) {
      problems.push({ where, message: `"${name}" makes no sense in JavaScript as it is` });
    } else notCovered.set(name, reason);
  }
  return { behaviours, primitives, notCovered, problems };
}

interface TableRow {
  readonly where: string;
  readonly fields: readonly string[];
}

/** Reads one table, whose first field is its key. */
function parseTable(
  path: string,
  text: string,
  columns: readonly string[],
  problems: Problem[],
): TableRow[] {
  const lines = text.split("\n").map((line, i) => ({ line, where: `${path}:${i + 1}` }))
    .filter(({ line }) => line !== "" && !line.startsWith("#"));
  const [head, ...rest] = lines;
  if (head?.line !== columns.join("\t")) {
    const where = head?.where ?? `${path}:1`;
    problems.push({ where, message: `must begin with the fields ${columns.join(", ")}` });
  }
  const keys = new Set<string>();
  return rest.map(({ line, where }) => {
    const fields = line.split("\t");
    const [key = ""] = fields;
    if (fields.length > columns.length || fields.some((field) => field !== field.trim())) {
      problems.push({ where, message: `must be ${columns.length} fields with a tab between them` });
    }
    if (keys.has(key)) problems.push({ where, message: `"${key}" is there twice` });
    keys.add(key);
    return { where, fields };
  });
}
