import { assert, assertEquals } from "@std/assert";
import { startProgram } from "../support/child_program.ts";
import { leakTest } from "../support/leaks.ts";
import { findNamespaces } from "../support/network_namespaces.ts";
import type { Report } from "./fixtures/network_cut.ts";

const MASTER = new URL("fixtures/network_cut_master.ts", import.meta.url).pathname;

/** The whole takes about 7 seconds: 3 for the cut, and up to 3 until the system sends again after it. */
const REPORT_MS = 18_000;

const flags = await findNamespaces();
const title = "TaskQueue: a network that is cut for 3 seconds loses nothing";

if (flags === undefined) {
  const why = "skipped: network namespaces (unshare, ip, nsenter) are not permitted here";
  Deno.test({ name: `${title} (${why})`, ignore: true, fn() {} });
} else {
  leakTest(title, async () => {
    await using master = await startProgram({ command: "unshare" }, {
      args: [...flags, Deno.execPath(), "run", "-A", MASTER],
    });
    const line = await master.nextLine({ timeoutMs: REPORT_MS, what: "the report" });
    const report = JSON.parse(line!) as Report;
    const { tasks, doneInCut, doneAtItsEnd, patient, hasty } = report;
    const squares = Array.from({ length: tasks }, (_, n) => n * n);

    // The cut was one, in the midst of the work.
    assertEquals(doneAtItsEnd, doneInCut);
    assert(doneInCut >= 100 && doneInCut < tasks - 50, `${doneInCut} of ${tasks} before the cut`);

    // Leases that are longer than the cut: nothing is done twice.
    assertEquals(patient.results.map(({ square }) => square), squares);
    assert(patient.results.every(({ attempt, by }) => attempt === 1 && by === "far"));
    assertEquals(patient.statistics, {
      done: tasks,
      failed: 0,
      lost: 0,
      retried: 0,
      unfinished: 0,
    });

    // Leases that end in it: others have those tasks, and what comes late changes nothing.
    assertEquals(hasty.results.map(({ square }) => square), squares);
    const { lost, retried, ...rest } = hasty.statistics;
    assertEquals(rest, { done: tasks, failed: 0, unfinished: 0 });
    assert(lost > 0 && retried === lost, `${lost} leases were lost, ${retried} tasks retried`);
    assert(hasty.results.some(({ attempt }) => attempt > 1));
    for (const who of ["near", "far"]) {
      assert(hasty.results.some(({ by }) => by === who), `nothing was done ${who} by`);
    }
    assertEquals((await master.status).code, 0, master.stderr);
  });
}
