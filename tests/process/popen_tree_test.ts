import { assert, assertEquals, assertThrows } from "@std/assert";
import { Popen, type PopenOptions, run } from "../../process/mod.ts";
import { isRunning } from "../faults/alive.ts";
import { assertGone, sh, text, unixTest } from "./_programs.ts";

/** Starts a tree of three: a shell, a shell within, and a program that goes on for ever. */
const TREE = sh("sh -c 'sleep 1000 & echo $$ $!; wait' & echo $$; wait");

async function readPids<O extends PopenOptions>(popen: Popen<O>, count: number): Promise<number[]> {
  const pids: number[] = [];
  for await (const line of popen.lines()) {
    pids.push(...line.split(" ").map(Number));
    if (pids.length >= count) break;
  }
  return pids;
}

// What a program leaves behind

unixTest("Popen.communicate() does not wait for what the program has left behind", async () => {
  const script = sh("sleep 1000 & echo $!; printf partly >&2");
  await using popen = new Popen(script, {
    stdout: "pipe",
    stderr: "pipe",
    text: true,
    pipeGraceMs: 20,
    processGroup: "own",
  });
  const [stdout, stderr] = await popen.communicate();
  assertEquals([popen.returnCode, popen.isCut, stderr], [0, true, "partly"]);
  assert(await isRunning(Number(stdout)), "what was left behind goes on");
  await popen.terminateTree();
  await assertGone(Number(stdout));
});

unixTest("Popen.communicate(): a program that ends with its pipes is not cut", async () => {
  await using popen = new Popen(sh("echo x"), { stdout: "pipe", pipeGraceMs: 0 });
  assertEquals(text((await popen.communicate())[0]), "x\n");
  assertEquals(popen.isCut, false);
});

unixTest(
  "Popen.communicate() does not wait for one that prints for ever after the end",
  async () => {
    const script = sh("while :; do echo x; sleep 0.005; done & exit 7");
    await using popen = new Popen(script, { stdout: "pipe", pipeGraceMs: 50, processGroup: "own" });
    await popen.communicate();
    assertEquals([popen.returnCode, popen.isCut], [7, true]);
    await popen.terminateTree();
  },
);

unixTest("Popen.communicate() does not wait for input that nobody reads any more", async () => {
  // The one left behind holds both ends that matter, and reads nothing.
  const script = sh("exec 3<&0; sleep 1000 <&3 & echo $!");
  await using popen = new Popen(script, {
    stdin: "pipe",
    stdout: "pipe",
    text: true,
    pipeGraceMs: 20,
    processGroup: "own",
  });
  const [stdout] = await popen.communicate({ input: "x".repeat(1_000_000) });
  assertEquals(popen.returnCode, 0);
  await popen.terminateTree();
  await assertGone(Number(stdout));
});

unixTest("Popen.lines() ends when only something left behind holds the pipe", async () => {
  const script = sh("sleep 1000 & echo $!; echo last");
  await using popen = new Popen(script, {
    stdout: "pipe",
    pipeGraceMs: 20,
    processGroup: "own",
  });
  const [pid, ...rest] = await Array.fromAsync(popen.lines());
  assertEquals([rest, popen.isCut], [["last"], true]);
  await popen.terminateTree();
  await assertGone(Number(pid));
});

unixTest("Popen.wait() ends when only something left behind holds the pipe", async () => {
  const chunks: string[] = [];
  const stdout = new WritableStream<Uint8Array>({
    write: (chunk) => void chunks.push(text(chunk)),
  });
  const script = sh("sleep 1000 & echo $!");
  await using popen = new Popen(script, { stdout, pipeGraceMs: 20, processGroup: "own" });
  assertEquals(await popen.wait(), 0);
  await popen.terminateTree();
  await assertGone(Number(chunks.join("")));
});

unixTest("run() tells when output was cut", async () => {
  const script = sh("sleep 1000 & echo $!");
  const completed = await run(script, { captureOutput: true, text: true, pipeGraceMs: 10 });
  assertEquals([completed.returnCode, completed.isCut], [0, true]);
  Deno.kill(Number(completed.stdout), "SIGKILL");
  assertEquals((await run("true", { captureOutput: true })).isCut, false);
});

// Trees

for (const processGroup of ["own", "shared"] as const) {
  unixTest(
    `Popen.terminateTree() ends the tree of a program in a group that is "${processGroup}"`,
    async () => {
      await using popen = new Popen(TREE, { stdout: "pipe", processGroup });
      const pids = await readPids(popen, 3);
      await popen.terminateTree();
      assertEquals(popen.returnCode, -15);
      await assertGone(...pids);
    },
  );

  unixTest(
    `Popen.terminateTree() kills what ignores SIGTERM in a group that is "${processGroup}"`,
    async () => {
      const script = sh("(trap '' TERM; echo $$; while :; do sleep 0.01; done) & echo READY; wait");
      await using popen = new Popen(script, { stdout: "pipe", processGroup });
      const lines = popen.lines();
      await lines.next();
      await lines.next();
      await popen.terminateTree({ graceMs: 20 });
      assertEquals(popen.signal === "SIGTERM" || popen.signal === "SIGKILL", true);
      // The end of the pipe says that nobody is left.
      assertEquals(await lines.next(), { done: true, value: undefined });
      assertEquals(popen.isCut, false);
    },
  );

  unixTest(
    `Popen.terminateTree() asks all of a group that is "${processGroup}" to end`,
    async () => {
      const inner = "trap 'echo bye; exit' TERM; echo READY; while :; do sleep 0.01; done";
      const script = sh('sh -c "$1" & wait; wait', inner);
      await using popen = new Popen(script, { stdout: "pipe", processGroup });
      const lines = popen.lines();
      await lines.next();
      const ending = popen.terminateTree({ graceMs: 60_000 });
      assertEquals((await lines.next()).value, "bye");
      await ending;
      assertEquals(popen.signal, "SIGTERM");
    },
  );

  unixTest(
    `Popen.terminateTree() with graceMs 0 kills at once in a group that is "${processGroup}"`,
    async () => {
      await using popen = new Popen(TREE, { stdout: "pipe", processGroup });
      const pids = await readPids(popen, 3);
      await popen.terminateTree({ graceMs: 0 });
      assertEquals(popen.returnCode, -9);
      await assertGone(...pids);
    },
  );

  unixTest(
    `Popen: disposal ends the tree of a program in a group that is "${processGroup}"`,
    async () => {
      let pids: number[];
      {
        await using popen = new Popen(TREE, { stdout: "pipe", processGroup });
        pids = await readPids(popen, 3);
      }
      await assertGone(...pids);
    },
  );
}

unixTest(
  "Popen: a program in a group of its own leads it, and one in a shared group does not",
  async () => {
    const script = sh("ps -o pgid= -p $$");
    for (const processGroup of ["own", "shared"] as const) {
      await using popen = new Popen(script, { stdout: "pipe", text: true, processGroup });
      const [group] = await popen.communicate();
      assertEquals(Number(group) === popen.pid, processGroup === "own");
    }
  },
);

unixTest("Popen.terminate() and Popen.kill() end the program alone, as in Python", async () => {
  await using popen = new Popen(sh("sleep 1000 & echo $!; wait"), {
    stdout: "pipe",
    processGroup: "own",
    pipeGraceMs: 20,
  });
  const [pid = 0] = await readPids(popen, 1);
  popen.kill();
  assertEquals(await popen.wait(), -9);
  assert(await isRunning(pid));
  await popen.terminateTree();
  await assertGone(pid);
});

unixTest("Popen.terminateTree() refuses a grace that is no time", async () => {
  await using popen = new Popen("true");
  await popen.wait();
  let error: unknown;
  await popen.terminateTree({ graceMs: -1 }).catch((reason) => error = reason);
  assert(error instanceof RangeError);
  assertThrows(() => new Popen("true", { terminateGraceMs: -1 }), RangeError);
  assertThrows(() => new Popen("true", { pipeGraceMs: NaN }), RangeError);
});

unixTest("Popen: many trees are ended at the same time", async () => {
  const popens = Array.from(
    { length: 10 },
    () => new Popen(TREE, { stdout: "pipe", processGroup: "own" }),
  );
  const pids = (await Promise.all(popens.map((popen) => readPids(popen, 3)))).flat();
  await Promise.all(popens.map((popen) => popen[Symbol.asyncDispose]()));
  await assertGone(...pids);
  assertEquals([...new Set(popens.map(({ signal }) => signal))], ["SIGTERM"]);
});
