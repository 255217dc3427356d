import { assertEquals } from "@std/assert";
import { leakTest } from "../support/leaks.ts";
import { runExample } from "../support/run_example.ts";

leakTest("examples/queue.ts puts three, gets three, and ends the reader", async () => {
  const { code, stdout, stderr } = await runExample("queue");
  assertEquals(stderr, "");
  assertEquals(code, 0);
  const lines = stdout.split("\n");
  const only = (start: string) => lines.filter((line) => line.startsWith(start));
  assertEquals(only("Put "), ["A", "B", "C"].map((letter) => `Put ${letter} to queue...`));
  assertEquals(only("Get "), ["A", "B", "C"].map((letter) => `Get ${letter} from queue.`));
  assertEquals(only("Process to ").length, 2);
  assertEquals(lines.at(-2), "The reader was terminated: exit code -15");
});
