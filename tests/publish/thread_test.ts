import { assert, assertEquals } from "@std/assert";
import { packProject, startRegistry } from "../support/jsr_registry.ts";
import { leakTest } from "../support/leaks.ts";
import { Consumer } from "./_consumer.ts";

const PACKAGE = "jsr:@manyhands/concurrency@^0.1";

/** Starts a thread of both kinds, which give an error and a lock there and back. */
const THREAD_USER = `
import { Lock, setExcepthook, Thread } from "${PACKAGE}/thread";

export function square(n: number, lock: Lock): number {
  using _ = lock.holdSync();
  return n * n;
}

export function fail(): never {
  throw new RangeError("far away");
}

if (import.meta.main) {
  setExcepthook(() => {});
  for (const killable of [false, true]) {
    await using thread = new Thread({
      ...{ module: import.meta.url, target: square, args: [7, new Lock()], killable },
    });
    await thread.start();
    console.log(await thread.result());
    await using failing = new Thread({ module: import.meta.url, target: fail, killable });
    await failing.start();
    console.log(await failing.result().catch((error) => String(error)));
  }
}
`;

/** As it is with bare specifiers of the user's own. */
const MAPPED_USER = THREAD_USER
  .replace(`"${PACKAGE}/thread"`, '"threads"')
  .replace("export function square", 'import { multiply } from "lib/multiply.ts";\n$&')
  .replace("return n * n", "return multiply(n, n)");

const MULTIPLY = "export const multiply = (a: number, b: number): number => a * b;";

const EXPECTED = "49\nRangeError: far away\n".repeat(2);

leakTest("thread.Thread from JSR runs a function of a local program", async () => {
  await using registry = await startRegistry(await packProject());
  await using consumer = await Consumer.create(registry, { "main.ts": THREAD_USER });
  const flags = ["--no-prompt", "--allow-read=."];
  const { code, stdout, stderr } = await consumer.deno("run", ...flags, "main.ts");
  assertEquals([code, stdout], [0, EXPECTED], stderr);
  assert(
    registry.requests.some((path) => /\/[\d.]+\/thread\/_killable_bootstrap\.ts$/.test(path)),
  );
});

leakTest("thread.Thread runs a function of a program that was loaded over HTTP", async () => {
  await using registry = await startRegistry(await packProject());
  await using consumer = await Consumer.create(registry);
  const url = registry.addText("consumer/main.ts", THREAD_USER);
  const flags = ["--no-prompt", `--allow-import=${registry.host}`];
  const { code, stdout, stderr } = await consumer.deno("run", ...flags, url);
  assertEquals([code, stdout], [0, EXPECTED], stderr);
});

leakTest("thread.Thread finds what an import map names", async () => {
  await using registry = await startRegistry(await packProject());
  const imports = { threads: `${PACKAGE}/thread`, "lib/": "./lib/" };
  await using consumer = await Consumer.create(registry, {
    "deno.json": JSON.stringify({ imports }),
    "main.ts": MAPPED_USER,
    "lib/multiply.ts": MULTIPLY,
  });
  const flags = ["--no-prompt", "--allow-read=."];
  const { code, stdout, stderr } = await consumer.deno("run", ...flags, "main.ts");
  assertEquals([code, stdout], [0, EXPECTED], stderr);
});

leakTest("thread.Thread works in a program of deno compile", async () => {
  await using registry = await startRegistry(await packProject());
  await using consumer = await Consumer.create(registry, { "main.ts": THREAD_USER });
  const compiled = await consumer.deno("compile", "--allow-read", "--output", "program", "main.ts");
  if (compiled.code !== 0 && /denort|dl\.deno\.land/.test(compiled.stderr)) {
    console.log("skipped: the runtime of compiled programs cannot be downloaded here");
    return;
  }
  assertEquals(compiled.code, 0, compiled.stderr);
  const { code, stdout, stderr } = await consumer.run("program");
  assertEquals([code, stdout], [0, EXPECTED], stderr);
});
