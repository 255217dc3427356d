import { assert, assertEquals, assertMatch } from "@std/assert";
import { leakTest } from "../support/leaks.ts";
import { runExample } from "../support/run_example.ts";

leakTest(
  "examples/pool.ts starts the fifth task when one of four has ended, and takes none after close()",
  async () => {
    const { code, stdout, stderr } = await runExample("pool");
    assertEquals([stderr, code], ["", 0]);
    const lines = stdout.trim().split("\n");
    assertMatch(lines[0]!, /^Parent process \d+\.$/);
    assertEquals(lines.at(-1), "All subprocesses done.");
    assert(lines.includes("PoolClosedError: Cannot applyAsync: the pool is closed"), stdout);
    const events = lines.flatMap((line) => /^(Run task|Task) (\d)/.exec(line)?.[0] ?? []);
    assertEquals(events.length, 10, stdout);
    const firstEnd = events.findIndex((event) => event.startsWith("Task"));
    assertEquals(events.slice(0, firstEnd).sort(), [0, 1, 2, 3].map((n) => `Run task ${n}`));
    const pids = [...stdout.matchAll(/Run task \d \((\d+)\)/g)].map(([, pid]) => pid);
    assertEquals(new Set(pids).size, 4);
  },
);

leakTest("examples/pool_callback.ts calls back in the parent", async () => {
  const { code, stdout, stderr } = await runExample("pool_callback");
  assertEquals([stderr, code], ["", 0]);
  const received = [
    ...stdout.matchAll(/^hello task (\d), made in a child, received by the parent$/gm),
  ];
  assertEquals(received.map(([, n]) => Number(n)).sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assertMatch(stdout, /one after the other\nhello first\nhello second\n/);
  assertMatch(stdout, /nothing more comes\nthe last task was cancelled\n$/);
});
