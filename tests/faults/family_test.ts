import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { startProgram } from "../support/child_program.ts";
import { leakTest } from "../support/leaks.ts";

leakTest(
  "Process: 100 starts and stops leave no descriptor, child or listener behind",
  async () => {
    // A program of its own: other tests open descriptors, too.
    const url = new URL("fixtures/starts.ts", import.meta.url);
    const options = { flags: ["--allow-all"], args: ["100", "4"], readyTimeoutMs: 60_000 };
    await using program = await startProgram(url, options);
    const { before, after, tcpMeanwhile, tcp, children } = JSON.parse(program.ready);
    // What is counted is really there while a child runs: a listener and a connection.
    assertGreater(tcpMeanwhile, 1);
    assertEquals({ tcp, children }, { tcp: 0, children: 0 });
    // The runtime itself opens a pair once, sooner or later. Each way to end is taken twenty times.
    assertLess(after - before, 10);
    // Nothing keeps it alive.
    assertEquals((await program.status).code, 0);
    assertEquals(program.stderr, "");
  },
  { ignore: Deno.build.os !== "linux" },
);
