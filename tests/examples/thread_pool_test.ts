import { assertEquals, assertMatch } from "@std/assert";
import { leakTest } from "../support/leaks.ts";
import { runExample } from "../support/run_example.ts";

leakTest("examples/thread_pool.ts goes on when a task never ends, and moves memory", async () => {
  const { code, stdout, stderr } = await runExample("thread_pool");
  assertEquals([code, stderr], [0, ""]);
  assertEquals(
    stdout,
    "A thread is called studio-worker-N.\n" +
      "Brightness: [ 10, 20, 30 ]\n" +
      "Moved 8000000 bytes, 0 are left here.\n" +
      "Inverted: 200\n" +
      "TimeoutError: Cannot finish the call: it ran longer than 300 ms\n" +
      "And the pool goes on: 10\n",
  );
});

leakTest("examples/cpu_or_io.ts measures where threads help", async () => {
  const { code, stdout, stderr } = await runExample("cpu_or_io");
  assertEquals([code, stderr], [0, ""]);
  // Whether two threads win depends on what else the machine does; that one waits for all at once does not.
  assertMatch(
    stdout,
    /^(?:(?:computing|waiting), (?:no|two) threads +\d+ ms\n){4}Computing: (?:two|no) threads won\. Waiting: no threads won\.\n$/,
  );
});
