import { assertEquals } from "@std/assert";
import { assess, findUnfinished } from "./assessment.ts";
import type { Behaviour, Lists, Primitive } from "./lists.ts";

const LOCK: Primitive = { name: "Lock", rooms: ["coroutine"], isFinished: true };
const TIMER: Primitive = { name: "Timer", rooms: ["thread"], isFinished: false };

function behaviour(name: string, fields: Partial<Behaviour> = {}): Behaviour {
  return { name, file: "test_a.py", primitive: "Lock", mark: "as-is", reason: "", ...fields };
}

const LISTS: Lists = {
  behaviours: [
    behaviour("A.test_b"),
    behaviour("A.test_c", { mark: "adapted" }),
    behaviour("A.test_d", { mark: "no", reason: "GC" }),
    behaviour("A.test_e"),
    behaviour("a.Misc.test_f", { primitive: "Timer" }),
    behaviour("b.Misc.test_f", { primitive: "Timer" }),
  ],
  primitives: [LOCK, TIMER],
  notCovered: new Map([["A.test_c", "is for owls"]]),
  problems: [],
};

function problems(...names: string[]): string[] {
  const citations = names.map((name) => ({ name, where: "tests/a_test.ts:1" }));
  return assess(LISTS, citations).problems.map(({ message }) => message);
}

Deno.test("assess() counts what is covered, explained and open", () => {
  const citations = ["A.test_b", "A.test_b", "b.Misc.test_f"].map((name) => ({ name, where: "" }));
  assertEquals(assess(LISTS, citations), {
    rows: [
      { primitive: LOCK, meaningful: 3, covered: 1, explained: 1, open: ["A.test_e"] },
      { primitive: TIMER, meaningful: 2, covered: 1, explained: 0, open: ["a.Misc.test_f"] },
    ],
    problems: [],
  });
});

Deno.test("assess() tells a title that names what is not in the list", () => {
  assertEquals(problems("A.test_x"), ['"A.test_x" is not in behaviours.tsv']);
  assertEquals(problems("test_b"), ['"test_b" is not in behaviours.tsv; say A.test_b']);
  assertEquals(problems("Misc.test_f"), [
    '"Misc.test_f" is not in behaviours.tsv; say a.Misc.test_f or b.Misc.test_f',
  ]);
});

Deno.test("assess() tells a title that names what makes no sense in JavaScript", () => {
  assertEquals(problems("A.test_d"), ['"A.test_d" makes no sense in JavaScript (GC)']);
});

Deno.test("assess() tells what is both covered and explained", () => {
  assertEquals(problems("A.test_c"), [
    '"A.test_c" is covered here, and not_covered.tsv says why it is not',
  ]);
});

Deno.test("assess() passes the problems of the lists on", () => {
  const broken = { where: "a.tsv:1", message: "is broken" };
  assertEquals(assess({ ...LISTS, problems: [broken] }, []).problems, [broken]);
});

Deno.test("findUnfinished() tells what is open of finished primitives only", () => {
  const { rows } = assess(LISTS, [{ name: "A.test_b", where: "" }]);
  assertEquals(findUnfinished(rows), [{
    where: "A.test_e",
    message: 'has no test and no line in not_covered.tsv, but "Lock" is finished',
  }]);
});
