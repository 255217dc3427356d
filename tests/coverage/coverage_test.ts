import { assert, assertEquals, assertRejects } from "@std/assert";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type FileCoverage, readLcov } from "./lcov.ts";
import { readRaw, removeCutOff } from "./raw.ts";
import { findUnloaded, writeCoverage, writeRanges } from "./table.ts";

const LCOV = `SF:/home/me/project/ipc/queue.ts
FN:1,put
FNDA:0,put
FNF:1
FNH:0
BRDA:2,1,0,4
BRDA:2,1,1,0
BRF:2
BRH:1
DA:1,7
DA:2,0
DA:3,0
DA:5,0
DA:6,10
LH:2
LF:5
end_of_record
SF:/home/me/project/thread/lock.ts
DA:1,1
LH:1
LF:1
end_of_record
SF:/home/me/project/tests/ipc/queue_test.ts
DA:1,0
LH:0
LF:1
end_of_record
SF:/tmp/other.ts
DA:1,0
LH:0
LF:1
end_of_record
`;

Deno.test("readLcov() reads lines and branches of the project's files", () => {
  const files = readLcov(LCOV, "/home/me/project/");
  assertEquals(files.map(({ path }) => path), [
    "ipc/queue.ts",
    "thread/lock.ts",
    "tests/ipc/queue_test.ts",
  ]);
  assertEquals(files[0], {
    path: "ipc/queue.ts",
    lines: { found: 5, hit: 2 },
    branches: { found: 2, hit: 1 },
    missed: [2, 3, 5],
  });
  assertEquals(files[1]!.branches, { found: 0, hit: 0 });
});

Deno.test("writeCoverage() tells of each room, and of files below what is wanted", () => {
  const files = readLcov(LCOV, "/home/me/project/");
  assertEquals(writeCoverage(files, 90), [
    "room         files     lines  branches",
    "coroutine        0         -         -",
    "ipc              1    40.0 %    50.0 %",
    "thread           1   100.0 %         -",
    "process          0         -         -",
    "distributed      0         -         -",
    "all              2    50.0 %    50.0 %",
    "",
    "Below 90 % of their lines:",
    " 40.0 %  ipc/queue.ts, branches 50.0 %, not reached: 2-3, 5",
  ]);
  assertEquals(writeCoverage(files, 40).at(-1), "No file is below 40 % of its lines");
});

Deno.test("findUnloaded() tells files with code that are not in the report", () => {
  const texts = new Map([
    ["ipc/queue.ts", "export class Queue {}"],
    ["ipc/gone.ts", "/** A. */\nexport async function gone() {}"],
    ["ipc/types.ts", "export interface A {\n  const: 1;\n}"],
  ]);
  assertEquals(findUnloaded(texts, [{ path: "ipc/queue.ts" } as FileCoverage]), ["ipc/gone.ts"]);
});

Deno.test("writeRanges() puts neighbours together", () => {
  assertEquals(writeRanges([]), "");
  assertEquals(writeRanges([1, 2, 3, 7, 9, 10]), "1-3, 7, 9-10");
});

Deno.test("readRaw() reads what the runtime has counted, without what was cut off", async () => {
  const path = await Deno.makeTempDir();
  try {
    const folder = new URL(`${pathToFileURL(path)}/`);
    const program = new URL("program.ts", folder);
    await Deno.writeTextFile(program, "if (Deno.args.length > 0) {\n  console.log(1);\n}\n");
    const raw = new URL("raw/", folder);
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: ["run", program.href],
      env: { DENO_COVERAGE_DIR: fileURLToPath(raw) },
    }).output();
    assert(success);
    await Deno.writeTextFile(new URL("a.json", raw), '{"url":"fi');
    await Deno.writeTextFile(new URL("b.json", raw), "");
    await assertRejects(() => readRaw(raw), Error, "deno coverage has failed");
    assertEquals(await removeCutOff(raw), 2);
    assertEquals(await removeCutOff(raw), 0);
    const [file] = readLcov(await readRaw(raw), path);
    assertEquals(file?.missed[0], 2);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
});
