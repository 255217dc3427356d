import { assertEquals, assertMatch } from "@std/assert";
import { leakTest } from "../support/leaks.ts";
import { runExample } from "../support/run_example.ts";

leakTest("examples/thread.ts runs the loop in its thread, and waits for it", async () => {
  const { code, stdout, stderr } = await runExample("thread");
  assertEquals([code, stderr], [0, ""]);
  assertEquals(
    stdout,
    "thread MainThread is running...\nthread LoopThread is running...\n" +
      [1, 2, 3, 4, 5].map((n) => `thread LoopThread >>> ${n}\n`).join("") +
      "thread LoopThread ended.\nthread MainThread ended.\n",
  );
});

leakTest("examples/thread_low_level.ts waits for each thread by its lock", async () => {
  const { code, stdout, stderr } = await runExample("thread_low_level");
  assertEquals([code, stderr], [0, ""]);
  assertMatch(
    stdout,
    /^Hello, Ann, from a thread\nThread \d+ is done\nHello, Bob, from a thread\nThread \d+ is done\n$/,
  );
});

leakTest("examples/thread_local.ts has another student in every thread", async () => {
  const { code, stdout, stderr } = await runExample("thread_local");
  assertEquals([code, stderr], [0, ""]);
  assertEquals(
    stdout,
    "Hello, Alice (in Thread-A)\nHello, Bob (in Thread-B)\nHello, nobody (in MainThread)\n",
  );
});

leakTest("examples/thread_lock.ts is right with the lock, and wrong without", async () => {
  const { code, stdout, stderr } = await runExample("thread_lock");
  assertEquals([code, stderr], [0, ""]);
  assertEquals(
    stdout,
    "With the lock: 0\n" +
      "Without it: the balance was changed by one thread in the midst of the other one's turn\n",
  );
});
