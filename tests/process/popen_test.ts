import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { type CommandLine, Popen, TimeoutExpiredError } from "../../process/mod.ts";
import { assertPending } from "../support/settle.ts";
import { assertGone, FOREVER, MEGABYTE, readAll, sh, text, unixTest } from "./_programs.ts";

// The end

unixTest(
  "Popen.poll() answers nothing while the program runs [cpython: ProcessTestCase.test_poll]",
  async () => {
    await using popen = new Popen("cat", { stdin: "pipe" });
    assertEquals(popen.poll(), undefined);
    await popen.stdin.close();
    await popen.wait();
    assertEquals([popen.poll(), popen.returnCode, popen.signal], [0, 0, undefined]);
  },
);

unixTest(
  "Popen.wait() answers the same again [cpython: ProcessTestCase.test_wait]",
  async () => {
    await using popen = new Popen(sh("exit 3"));
    assertEquals([await popen.wait(), await popen.wait()], [3, 3]);
    assertEquals(await popen.wait({ timeoutMs: 0 }), 3);
  },
);

unixTest(
  "Popen.wait() rejects when the time is over, and the program goes on [cpython: ProcessTestCase.test_wait_timeout]",
  async () => {
    await using popen = new Popen("cat", { stdin: "pipe" });
    const error = await assertRejects(() => popen.wait({ timeoutMs: 1 }), TimeoutExpiredError);
    assertEquals(error.message, "cat did not end within 1 ms");
    await assertRejects(() => popen.wait({ timeoutMs: -1 }), RangeError);
    await popen.stdin.close();
    assertEquals(await popen.wait({ timeoutMs: 60_000 }), 0);
  },
);

unixTest("Popen.wait() that is aborted leaves the program", async () => {
  await using popen = new Popen(FOREVER);
  const reason = new Error("no patience");
  const controller = new AbortController();
  const waiting = popen.wait({ signal: controller.signal });
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => waiting), reason);
  assertStrictEquals(await assertRejects(() => popen.wait({ signal: controller.signal })), reason);
  assertEquals(popen.poll(), undefined);
});

unixTest(
  "Popen.wait(): all who wait get the exit code [cpython: ProcessTestCase.test_threadsafe_wait]",
  async () => {
    await using popen = new Popen(FOREVER);
    const waiting = Array.from({ length: 10 }, () => popen.wait());
    popen.kill();
    assertEquals(await Promise.all(waiting), Array.from({ length: 10 }, () => -9));
  },
);

unixTest(
  "Popen.sendSignal() interrupts the program [cpython: POSIXProcessTestCase.test_send_signal]",
  async () => {
    await using popen = new Popen(FOREVER);
    popen.sendSignal("SIGINT");
    assertEquals([await popen.wait(), popen.signal], [-2, "SIGINT"]);
    await using trapping = new Popen(
      sh("trap 'exit 5' INT; echo READY; while :; do sleep 0.01; done"),
      {
        stdout: "pipe",
      },
    );
    for await (const _ of trapping.lines()) break;
    trapping.sendSignal("SIGINT");
    assertEquals(await trapping.wait(), 5);
  },
);

unixTest(
  "Popen.kill() and Popen.terminate() end the program [cpython: POSIXProcessTestCase.test_kill, POSIXProcessTestCase.test_terminate]",
  async () => {
    await using killed = new Popen(FOREVER);
    killed.kill();
    assertEquals([await killed.wait(), killed.signal], [-9, "SIGKILL"]);
    await using terminated = new Popen(FOREVER);
    terminated.terminate();
    assertEquals([await terminated.wait(), terminated.signal], [-15, "SIGTERM"]);
  },
);

unixTest(
  "Popen.sendSignal() leaves a program that has ended alone [cpython: POSIXProcessTestCase.test_send_signal_dead, POSIXProcessTestCase.test_kill_dead, POSIXProcessTestCase.test_terminate_dead, POSIXProcessTestCase.test_send_signal_race]",
  async () => {
    await using popen = new Popen("true");
    await popen.wait();
    popen.sendSignal("SIGINT");
    popen.kill();
    popen.terminate();
    await popen.terminateTree();
    assertEquals(popen.returnCode, 0);
  },
);

unixTest(
  "Popen.sendSignal() to a program that has just gone does nothing [cpython: POSIXProcessTestCase.test_send_signal_race2]",
  async () => {
    await using popen = new Popen("cat", { stdin: "pipe", stdout: "pipe" });
    await popen.stdin.close();
    // Its output ends with it, before this process is told of its end.
    await readAll(popen.stdout);
    for (let i = 0; popen.poll() === undefined && i < 100; i++) {
      popen.kill();
      await Promise.resolve();
    }
    await popen.wait();
  },
);

unixTest(
  "Popen shows its command and its state [cpython: ProcessTestCase.test_repr]",
  async () => {
    const commands: [CommandLine, string][] = [
      [["sh", "-c", "exit 3"], 'sh -c "exit 3"'],
      [["sh", "-c", "exit 3", "x".repeat(1_000)], `sh -c "exit 3" ${"x".repeat(185)}…`],
    ];
    for (const [command, shown] of commands) {
      await using popen = new Popen(command);
      assertEquals(popen.args, command);
      assertEquals(Deno.inspect(popen), `Popen { ${shown}, pid ${popen.pid}, runs }`);
      await popen.wait();
      const end = `Popen { ${shown}, pid ${popen.pid}, ended with exit code 3 }`;
      assertEquals(Deno.inspect(popen), end);
    }
    await using killed = new Popen(FOREVER);
    killed.kill();
    await killed.wait();
    assertStringIncludes(Deno.inspect(killed), "ended by SIGKILL");
  },
);

// Disposal

unixTest(
  "Popen: within `await using` its streams are read, and closed after it [cpython: ContextManagerTests.test_pipe]",
  async () => {
    let popen;
    {
      await using inner = popen = new Popen(sh("printf stdout; printf stderr >&2"), {
        stdout: "pipe",
        stderr: "pipe",
      });
      assertEquals(await readAll(inner.stdout), "stdout");
      assertEquals(await readAll(inner.stderr), "stderr");
    }
    const { done } = await new Popen("true", { stdout: "pipe" }).stdout.getReader().read();
    assertEquals(done, true);
    assertEquals(popen.stdout.locked, true);
    assertEquals(popen.returnCode, 0);
  },
);

unixTest(
  "Popen: after `await using` the exit code is there [cpython: ContextManagerTests.test_returncode, ContextManagerTests.test_communicate_stdin]",
  async () => {
    let popen;
    {
      await using inner = popen = new Popen(sh('test "$(cat)" = context && exit 100'), {
        stdin: "pipe",
      });
      await inner.communicate({ input: "context" });
    }
    assertEquals(popen.returnCode, 100);
  },
);

unixTest(
  "Popen: `await using` throws when the program cannot be started [cpython: ContextManagerTests.test_invalid_args]",
  async () => {
    await assertRejects(async () => {
      await using _popen = new Popen("/no/such/program", { stdout: "pipe" });
    }, Deno.errors.NotFound);
  },
);

unixTest(
  "Popen: disposal with a broken pipe waits for the end all the same [cpython: ContextManagerTests.test_broken_pipe_cleanup]",
  async () => {
    const popen = new Popen("true", { stdin: "pipe" });
    await popen.wait();
    const writer = popen.stdin.getWriter();
    await assertRejects(() => writer.write("x".repeat(MEGABYTE)), Deno.errors.BrokenPipe);
    await popen[Symbol.asyncDispose]();
    assertEquals(popen.returnCode, 0);
  },
);

unixTest("Popen: disposal ends a program that runs, and again is nothing", async () => {
  const popen = new Popen(sh("sleep 1000 & echo $$ $!; wait"), {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  const { value } = await popen.stdout.getReader().read();
  await Promise.all([popen[Symbol.asyncDispose](), popen[Symbol.asyncDispose]()]);
  await popen[Symbol.asyncDispose]();
  assertEquals([popen.returnCode, popen.signal], [-15, "SIGTERM"]);
  await assertGone(...text(value!).split(" ").map(Number));
});

unixTest("Popen: disposal kills a program that ignores SIGTERM after its grace", async () => {
  const script = sh("trap '' TERM; echo READY; while :; do sleep 0.01; done");
  const popen = new Popen(script, { stdout: "pipe", terminateGraceMs: 20 });
  await popen.stdout.getReader().read();
  await popen[Symbol.asyncDispose]();
  assertEquals(popen.returnCode, -9);
});

unixTest("Popen: disposal while communicate() waits lets it end", async () => {
  const popen = new Popen(sh("printf partly; exec sleep 1000"), { stdout: "pipe", text: true });
  const output = popen.communicate();
  await assertPending(output, "communicate()");
  await popen[Symbol.asyncDispose]();
  const [stdout] = await output;
  assert("partly".startsWith(stdout));
  assertEquals(popen.returnCode, -15);
});
