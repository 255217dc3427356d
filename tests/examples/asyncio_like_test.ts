import { assertEquals } from "@std/assert";
import { leakTest } from "../support/leaks.ts";
import { runExample } from "../support/run_example.ts";

leakTest("examples/asyncio_like.ts does what the words of asyncio do", async () => {
  const { code, stdout, stderr } = await runExample("asyncio_like");
  assertEquals(stderr, "");
  assertEquals(code, 0);
  assertEquals(stdout.split("\n"), [
    // The tasks take turns, as those of Python's documentation do.
    ...["Task A: 1 * 2", "Task B: 1 * 2", "Task C: 1 * 2"],
    ...["Task B: 2 * 3", "Task C: 2 * 3", "Task C: 6 * 4"],
    "gather: 2 6 24",
    "TaskGroup: 5",
    "TaskGroup: the other one is cancelled",
    "TaskGroup: RangeError: no such page",
    "timeout: it took too long",
    "Queue: 1 2 3 4 5",
    "Queue: it is shut down",
    "subprocess: 42",
    "",
  ]);
});
