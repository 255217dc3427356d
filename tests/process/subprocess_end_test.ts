import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { spawn } from "../../coroutine/task.ts";
import { CancelledError } from "../../coroutine/errors.ts";
import { OutputLimitError, run, TimeoutExpiredError } from "../../process/mod.ts";
import { createGates } from "../support/gate.ts";
import { assertGone, makeFolder, sh, text, unixTest } from "./_programs.ts";

unixTest("run() with an aborted signal starts nothing", async () => {
  await using folder = await makeFolder();
  const reason = new Error("no more");
  const signal = AbortSignal.abort(reason);
  const error = await assertRejects(() => run(["touch", `${folder.path}/x`], { signal }));
  assertStrictEquals(error, reason);
  assertEquals([...Deno.readDirSync(folder.path)], []);
});

unixTest("run() ends the whole tree when its signal aborts", async () => {
  const controller = new AbortController();
  const { started } = createGates("started");
  let printed = "";
  const stdout = new WritableStream<Uint8Array>({
    write(chunk) {
      printed += text(chunk);
      if (printed.endsWith("\n")) started.open();
    },
  });
  const running = run(sh("sleep 1000 & echo $$ $!; wait"), { stdout, signal: controller.signal });
  await started.wait();
  const reason = new Error("enough");
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => running), reason);
  await assertGone(...printed.split(" ").map(Number));
});

unixTest("run(): a signal that aborts after the end changes nothing", async () => {
  const controller = new AbortController();
  const { returnCode } = await run("true", { signal: controller.signal });
  controller.abort();
  assertEquals(returnCode, 0);
});

unixTest("run() ends the program when its task is cancelled", async () => {
  const { started } = createGates("started");
  const stdout = new WritableStream<Uint8Array>({ write: () => started.open() });
  const task = spawn(() => run(sh("echo go; exec sleep 1000"), { stdout }));
  await started.wait();
  task.cancel();
  await assertRejects(async () => await task, CancelledError);
});

unixTest("run() ends a program that prints too much, and has what fits", async () => {
  const error = await assertRejects(
    () => run("yes", { captureOutput: true, maxOutputBytes: 100_001, text: true }),
    OutputLimitError,
  );
  assertEquals(error.message, "yes printed more than 100001 bytes of output");
  assertEquals([error.limit, error.stdout?.length, error.stderr], [100_001, 100_001, ""]);
});

unixTest("run() counts both outputs against maxOutputBytes, which may be reached", async () => {
  const script = sh("printf 12345; printf 67890 >&2");
  const { stdout, stderr } = await run(script, { captureOutput: true, maxOutputBytes: 10 });
  assertEquals([text(stdout), text(stderr)], ["12345", "67890"]);
  await assertRejects(
    () => run(script, { captureOutput: true, maxOutputBytes: 9 }),
    OutputLimitError,
  );
});

unixTest("run(): a tree that ignores SIGTERM is killed after the grace", async () => {
  const error = await assertRejects(
    () =>
      run(sh("trap '' TERM; sleep 1000 & echo $$ $!; wait; wait"), {
        captureOutput: true,
        text: true,
        timeoutMs: 1_000,
        terminateGraceMs: 50,
      }),
    TimeoutExpiredError,
  );
  await assertGone(...`${error.stdout}`.split(" ").map(Number));
});

unixTest(
  "run() ends what a program that has ended left behind, too, when the time is over",
  async () => {
    const error = await assertRejects(
      () =>
        run(sh("sleep 1000 & echo $!"), {
          captureOutput: true,
          text: true,
          timeoutMs: 1_000,
          pipeGraceMs: 60_000,
          processGroup: "own",
        }),
      TimeoutExpiredError,
    );
    await assertGone(Number(error.stdout));
  },
);

unixTest(
  "run() with shell answers soon after a timeout, although a child keeps the pipe [cpython: RunFuncTestCase.test_run_with_shell_timeout_and_capture_output]",
  async () => {
    const begun = performance.now();
    await assertRejects(
      () => run("sleep 1000", { shell: true, timeoutMs: 100, captureOutput: true }),
      TimeoutExpiredError,
    );
    assert(performance.now() - begun < 10_000);
  },
);
