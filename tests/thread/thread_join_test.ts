import { assertEquals, assertLess } from "@std/assert";
import { startProgram } from "../support/child_program.ts";
import { leakTest } from "../support/leaks.ts";

leakTest("Thread.join() and Timer.join() leave nothing with what is polled", async () => {
  const code = `
    import { Thread, Timer } from "@manyhands/concurrency/thread";
    const thread = new Thread({
      module: "data:text/javascript,export const wait = () => new Promise(() => setTimeout(() => {}, 1e9));",
      target: "wait",
    });
    const timer = new Timer(1e9, () => {});
    await thread.start();
    timer.start();
    const used = () => (gc(), Deno.memoryUsage().heapUsed);
    const grown = {};
    for (const [name, object] of Object.entries({ thread, timer })) {
      const poll = async (rounds) => {
        for (let round = 0; round < rounds; round++) {
          await Promise.all(Array.from({ length: 2_000 }, () => object.join({ timeoutMs: 0 })));
        }
      };
      await poll(1);
      const before = used();
      await poll(10);
      grown[name] = Math.round((used() - before) / 1024);
    }
    console.log("READY");
    console.log(JSON.stringify(grown));
    timer.cancel();
    await thread.terminate();`;
  const flags = ["--no-check", "--allow-read", "--v8-flags=--expose-gc"];
  await using program = await startProgram({ code }, { flags });
  const grownKib = JSON.parse(await program.nextLine()) as Record<string, number>;
  assertEquals((await program.status).code, 0, program.stderr);
  // Of 20 000 waits, each of which would leave a few hundred bytes.
  for (const [name, kib] of Object.entries(grownKib)) assertLess(kib, 1_024, name);
});
