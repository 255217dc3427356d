import { assert, assertEquals } from "@std/assert";
import type { Report } from "../faults/fixtures/network_cut.ts";
import { startProgram } from "../support/child_program.ts";
import { leakTest } from "../support/leaks.ts";
import { findNamespaces } from "../support/network_namespaces.ts";
import { hasNatsServer } from "../support/nats_server.ts";

const MASTER = new URL("fixtures/nats_cut_master.ts", import.meta.url).pathname;

/** The whole takes about 10 seconds: 3 for the cut, and up to 3 until the system sends again after it. */
const REPORT_MS = 40_000;

const flags = await hasNatsServer() ? await findNamespaces() : undefined;
const title = "NatsEngine: a network that is cut for 3 seconds loses nothing";

if (flags === undefined) {
  const why = "skipped: there is no nats-server, or network namespaces are not permitted here";
  Deno.test({ name: `${title} (${why})`, ignore: true, fn() {} });
} else {
  leakTest(title, async () => {
    await using master = await startProgram({ command: "unshare" }, {
      args: [...flags, Deno.execPath(), "run", "-A", "--no-check", MASTER],
    });
    const line = await master.nextLine({ timeoutMs: REPORT_MS, what: "the report" });
    const report = JSON.parse(line!) as Report;
    const { tasks, doneInCut, doneAtItsEnd, patient, hasty } = report;
    const squares = Array.from({ length: tasks }, (_, n) => n * n);

    // The cut was one, in the midst of the work.
    assertEquals(doneAtItsEnd, doneInCut);
    assert(doneInCut >= 100 && doneInCut < tasks - 50, `${doneInCut} of ${tasks} before the cut`);

    // Leases that are longer than the cut: nothing goes to others. One that was on its way when the network was cut
    // has come to nobody, and is handed out again; the worker asks for four at a time.
    assertEquals(patient.results.map(({ square }) => square), squares);
    assert(patient.results.every(({ by }) => by === "far"));
    assert(patient.results.filter(({ attempt }) => attempt > 1).length <= 4);
    const { done, failed, unfinished } = patient.statistics;
    assertEquals({ done, failed, unfinished }, { done: tasks, failed: 0, unfinished: 0 });

    // Leases that end in it: others have those tasks, and what comes late changes nothing.
    assertEquals(hasty.results.map(({ square }) => square), squares);
    assertEquals([hasty.statistics.done, hasty.statistics.unfinished], [tasks, 0]);
    assert(hasty.results.some(({ attempt }) => attempt > 1));
    for (const who of ["near", "far"]) {
      assert(hasty.results.some(({ by }) => by === who), `nothing was done ${who} by`);
    }
    assertEquals((await master.status).code, 0, master.stderr);
  });
}
