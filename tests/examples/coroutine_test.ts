import { assertEquals } from "@std/assert";
import { leakTest } from "../support/leaks.ts";
import { runExample } from "../support/run_example.ts";

leakTest(
  "examples/coroutine.ts produces and consumes five numbers in turn, then closes",
  async () => {
    const { code, stdout, stderr } = await runExample("coroutine");
    assertEquals(stderr, "");
    assertEquals(code, 0);
    const turns = [1, 2, 3, 4, 5].flatMap((n) => [
      `Producing ${n}`,
      `Consuming ${n}`,
      "Consumer return: 200 OK",
    ]);
    assertEquals(stdout.split("\n"), [...turns, "The consumer is closed", ""]);
  },
);
