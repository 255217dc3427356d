import { assertEquals, assertLess } from "@std/assert";
import { startProgram } from "../support/child_program.ts";
import { leakTest } from "../support/leaks.ts";

leakTest("Process.join() and result() leave nothing with a process that is polled", async () => {
  const module = JSON.stringify(import.meta.resolve("./targets.ts"));
  const code = `
    import { Process } from "@manyhands/concurrency/process";
    import { waitForever } from ${module};
    await using child = new Process({ module: ${module}, target: waitForever });
    await child.start();
    const used = () => (gc(), Deno.memoryUsage().heapUsed);
    const grown = {};
    for (const name of ["join", "result"]) {
      const poll = async (rounds) => {
        for (let round = 0; round < rounds; round++) {
          const waits = Array.from({ length: 2_000 }, () => child[name]({ timeoutMs: 0 }));
          await Promise.allSettled(waits);
        }
      };
      await poll(1);
      const before = used();
      await poll(10);
      grown[name] = Math.round((used() - before) / 1024);
    }
    console.log("READY");
    console.log(JSON.stringify(grown));
    child.kill();
    await child.join();`;
  const flags = [
    "--no-check",
    "--allow-run=deno",
    "--allow-net=127.0.0.1",
    "--v8-flags=--expose-gc",
  ];
  await using program = await startProgram({ code }, { flags });
  const grownKib = JSON.parse(await program.nextLine()) as Record<string, number>;
  assertEquals((await program.status).code, 0, program.stderr);
  // Of 20 000 waits, each of which would leave a few hundred bytes.
  for (const [name, kib] of Object.entries(grownKib)) assertLess(kib, 1_024, name);
});
