import { assertEquals } from "@std/assert";
import { type ListTexts, parseLists } from "./lists.ts";

const GOOD: ListTexts = {
  behaviours: "# why\nname\tfile\tprimitive\tmark\treason\n" +
    "A.test_b\ttest_a.py\tLock\tas-is\nA.test_c\ttest_a.py\tLock\tadapted\n" +
    "A.test_d\ttest_a.py\tLock\tno\tGC\n",
  primitives:
    "primitive\trooms\tstate\nLock\tcoroutine, thread\tfinished\nTimer\tthread\tunfinished\n",
  notCovered: "name\treason\nA.test_c\tis for owls\n",
};

function problems(changes: Partial<ListTexts>): string[] {
  return parseLists({ ...GOOD, ...changes }).problems.map(({ where, message }) =>
    `${where.replace("tests/conformance/", "")}: ${message}`
  );
}

Deno.test("parseLists() understands the three tables", () => {
  assertEquals(parseLists(GOOD), {
    behaviours: [
      { name: "A.test_b", file: "test_a.py", primitive: "Lock", mark: "as-is", reason: "" },
      { name: "A.test_c", file: "test_a.py", primitive: "Lock", mark: "adapted", reason: "" },
      { name: "A.test_d", file: "test_a.py", primitive: "Lock", mark: "no", reason: "GC" },
    ],
    primitives: [
      { name: "Lock", rooms: ["coroutine", "thread"], isFinished: true },
      { name: "Timer", rooms: ["thread"], isFinished: false },
    ],
    notCovered: new Map([["A.test_c", "is for owls"]]),
    problems: [],
  });
});

Deno.test("parseLists() tells names that are there twice", () => {
  const behaviours = `${GOOD.behaviours}A.test_b\ttest_a.py\tLock\tas-is\n`;
  assertEquals(problems({ behaviours }), ['behaviours.tsv:6: "A.test_b" is there twice']);
  const notCovered = `${GOOD.notCovered}A.test_c\tis for cats\n`;
  assertEquals(problems({ notCovered }), ['not_covered.tsv:3: "A.test_c" is there twice']);
});

Deno.test("parseLists() tells a reason for what is not in the list, or needs none", () => {
  const notCovered = "name\treason\nA.test_x\tno\nA.test_d\tno\nA.test_b\n";
  assertEquals(problems({ notCovered }), [
    'not_covered.tsv:2: "A.test_x" is not in behaviours.tsv',
    'not_covered.tsv:3: "A.test_d" makes no sense in JavaScript as it is',
    'not_covered.tsv:4: "A.test_b" has no reason',
  ]);
});

Deno.test("parseLists() tells marks, reasons, primitives and states that are not known", () => {
  const behaviours = "name\tfile\tprimitive\tmark\treason\nA.test_c\ta.py\tLock\tmaybe\n";
  assertEquals(problems({ behaviours, notCovered: "name\treason\n" }), [
    'behaviours.tsv:2: the mark "maybe" must be as-is, adapted or no',
  ]);
  const why = 'the mark "no" has a reason, and no other mark has one';
  assertEquals(
    problems({
      behaviours: GOOD.behaviours + "A.x\ta.py\tLock\tno\nA.y\ta.py\tLoc\tas-is\tGC\n",
    }),
    [
      `behaviours.tsv:6: ${why}`,
      'behaviours.tsv:7: "Loc" is not in primitives.tsv',
      `behaviours.tsv:7: ${why}`,
    ],
  );
  assertEquals(problems({ primitives: "primitive\trooms\tstate\nLock\tthread\tdone\n" }), [
    'primitives.tsv:2: the state "done" must be finished or unfinished',
  ]);
});

Deno.test("parseLists() tells tables that are no tables", () => {
  assertEquals(problems({ notCovered: "" }), [
    "not_covered.tsv:1: must begin with the fields name, reason",
  ]);
  assertEquals(problems({ notCovered: "name\treason\nA.test_c\t why\nA.test_b\twhy\tnot\n" }), [
    "not_covered.tsv:2: must be 2 fields with a tab between them",
    "not_covered.tsv:3: must be 2 fields with a tab between them",
  ]);
});
