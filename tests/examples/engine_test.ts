import { assertEquals, assertStringIncludes } from "@std/assert";
import { leakTest } from "../support/leaks.ts";
import { natsTest, startNatsServer } from "../support/nats_server.ts";
import { runExample } from "../support/run_example.ts";

const COUNTED = "many has 4 letters\nhands has 5 letters\nmake has 4 letters\n" +
  "light has 5 letters\nwork has 4 letters\n";

leakTest("examples/engine.ts counts letters with a manager", async () => {
  assertEquals(await runExample("engine"), { code: 0, stdout: COUNTED, stderr: "" });
});

natsTest("examples/engine.ts counts the same letters on NATS", async () => {
  await using server = await startNatsServer();
  const result = await runExample("engine", { args: ["--engine", server.url, "--workers", "3"] });
  assertEquals(result, { code: 0, stdout: COUNTED, stderr: "" });
  const streams = await server.monitor("jsz?streams=true");
  assertEquals(streams?.streams, 0);
});

leakTest("examples/engine.ts refuses what it does not know", async () => {
  const { code, stderr } = await runExample("engine", { args: ["--workers", "few"] });
  assertEquals(code, 2);
  assertStringIncludes(stderr, "--workers must be 1 or more");
});
