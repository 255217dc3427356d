import { assertEquals, assertStringIncludes } from "@std/assert";
import { ServedQueues } from "../distributed/cli_io.ts";
import { packProject, startRegistry } from "../support/jsr_registry.ts";
import { leakTest } from "../support/leaks.ts";
import { Consumer } from "./_consumer.ts";

const PROGRAM = "jsr:@manyhands/concurrency@^0.1/distributed/cli";
const JOBS = "export function square(n: number): number {\n  return n * n;\n}\n";

leakTest("the command line runs from JSR, with a worker whose module is a local file", async () => {
  await using served = await ServedQueues.start();
  const key = await Deno.readTextFile(served.keyFile);
  await using registry = await startRegistry(await packProject());
  await using consumer = await Consumer.create(registry, { "jobs.ts": JOBS, "key": key });
  const run = (...args: string[]) =>
    consumer.deno(
      "run",
      "--no-prompt",
      `--allow-net=127.0.0.1:${served.port}`,
      "--allow-read=key,jobs.ts",
      PROGRAM,
      ...args,
      "--port",
      String(served.port),
      "--authkey-file",
      "key",
    );
  const pinged = await run("ping", "--count", "1");
  assertEquals(pinged.code, 0, pinged.stderr);
  const worker = run("worker", "./jobs.ts");
  const put = await run("put", "square", "7", "--wait");
  assertEquals([put.code, put.stdout], [0, "49\n"], put.stderr);
  served.io.stop();
  assertEquals(await served.ended(), 0);
  const { code, stdout, stderr } = await worker;
  assertEquals(code, 0, stderr);
  assertStringIncludes(stdout, "with square");
});
