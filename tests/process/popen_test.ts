import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { InvalidStateError } from "../../coroutine/errors.ts";
import {
  type CommandLine,
  OutputLimitError,
  Popen,
  type PopenOptions,
  run,
  TimeoutExpiredError,
} from "../../process/mod.ts";
import { createGates } from "../support/gate.ts";
import { assertPending } from "../support/settle.ts";
import {
  assertGone,
  bytes,
  FOREVER,
  makeFolder,
  printBytes,
  readAll,
  sh,
  text,
  unixTest,
} from "./_programs.ts";

const MEGABYTE = 1_048_576;

// Standard streams

unixTest(
  "Popen.stdin is written to, and its end ends the input [cpython: ProcessTestCase.test_stdin_pipe]",
  async () => {
    await using popen = new Popen(sh('read line; exit "$line"'), { stdin: "pipe" });
    const stdin: WritableStream<Uint8Array | string> = popen.stdin;
    const writer = stdin.getWriter();
    await writer.write(bytes("4"));
    await writer.write("7");
    await writer.close();
    assertEquals(await popen.wait(), 47);
  },
);

unixTest(
  "Popen: stdin comes from a file or a stream [cpython: ProcessTestCase.test_stdin_fileobj]",
  async () => {
    await using folder = await makeFolder();
    await Deno.writeTextFile(`${folder.path}/pear`, "pear".repeat(100_000));
    using file = await Deno.open(`${folder.path}/pear`);
    await using first = new Popen(["wc", "-c"], { stdin: file, stdout: "pipe", text: true });
    assertEquals(first.stdin, undefined);
    assertEquals(Number((await first.communicate())[0]), 400_000);

    const stdin = ReadableStream.from(["pe", bytes("a"), "r"]);
    await using second = new Popen("cat", { stdin, stdout: "pipe", text: true });
    assertEquals(await second.communicate(), ["pear", undefined]);
    assertEquals(stdin.locked, true);
  },
);

unixTest(
  "Popen.stdout and Popen.stderr are read [cpython: ProcessTestCase.test_stdout_pipe, ProcessTestCase.test_stderr_pipe]",
  async () => {
    await using popen = new Popen(sh("printf orange; printf strawberry >&2"), {
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr]: ReadableStream<Uint8Array>[] = [popen.stdout, popen.stderr];
    assertEquals(await readAll(stdout!), "orange");
    assertEquals(await readAll(stderr!), "strawberry");
    assertEquals(await popen.wait(), 0);
  },
);

unixTest(
  "Popen: stdout and stderr go to files and streams, which stay open [cpython: ProcessTestCase.test_stdout_fileobj, ProcessTestCase.test_stderr_fileobj]",
  async () => {
    await using folder = await makeFolder();
    using stdout = await Deno.open(`${folder.path}/out`, { write: true, create: true });
    const chunks: string[] = [];
    const stderr = new WritableStream<Uint8Array>({
      write(chunk) {
        chunks.push(text(chunk));
      },
    });
    for (const fruit of ["orange", "kiwi"]) {
      await using popen = new Popen(sh(`printf ${fruit}; printf ${fruit} >&2`), { stdout, stderr });
      assertEquals([popen.stdout, popen.stderr], [undefined, undefined]);
      assertEquals(await popen.wait(), 0);
    }
    assertEquals(await Deno.readTextFile(`${folder.path}/out`), "orangekiwi");
    assertEquals(chunks.join(""), "orangekiwi");
    assertEquals(stderr.locked, false);
  },
);

unixTest("Popen: a stream as stdout may keep what it is given", async () => {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const stdout = new WritableStream<Uint8Array>({
    write: (chunk) => void chunks.push(chunk as Uint8Array<ArrayBuffer>),
  });
  await using popen = new Popen(["seq", "100000"], { stdout });
  await popen.wait();
  const expected = Array.from({ length: 100_000 }, (_, i) => `${i + 1}\n`).join("");
  assertEquals(await new Blob(chunks).text() === expected, true);
});

unixTest(
  "Popen: stdout and stderr go to one file [cpython: ProcessTestCase.test_stdout_stderr_file]",
  async () => {
    await using folder = await makeFolder();
    using stdout = await Deno.open(`${folder.path}/out`, { write: true, create: true });
    await using popen = new Popen(sh("echo apple; echo orange >&2"), { stdout, stderr: "stdout" });
    await popen.wait();
    const lines = (await Deno.readTextFile(`${folder.path}/out`)).trim().split("\n");
    assertEquals(lines.sort(), ["apple", "orange"]);
  },
);

unixTest("Popen: without a shell both outputs in one are complete, each in its order", async () => {
  const script = sh("for i in 1 2 3; do echo o$i; echo e$i >&2; done");
  await using popen = new Popen(script, { stdout: "pipe", stderr: "stdout", text: true });
  assertEquals(popen.stderr, undefined);
  const [stdout, stderr] = await popen.communicate();
  assertEquals(stderr, undefined);
  const lines = stdout.trim().split("\n");
  assertEquals(lines.filter((line) => line.startsWith("o")), ["o1", "o2", "o3"]);
  assertEquals(lines.filter((line) => line.startsWith("e")), ["e1", "e2", "e3"]);
});

unixTest(
  'Popen: stderr "stdout" with stdout inherited comes out there [cpython: ProcessTestCase.test_stderr_redirect_with_no_stdout_redirect]',
  async () => {
    const code = `
      import { Popen } from ${JSON.stringify(import.meta.resolve("../../process/mod.ts"))};
      await using popen = new Popen(["sh", "-c", "echo 42 >&2"], { stderr: "stdout" });
      Deno.exit(await popen.wait());
    `;
    const args = [Deno.execPath(), "run", "--no-prompt", "--allow-run=sh", "-"];
    await using popen = new Popen(args, {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
      text: true,
    });
    assertEquals(await popen.communicate({ input: code }), ["42\n", ""]);
    assertEquals(popen.returnCode, 0);
  },
);

unixTest(
  "Popen: what is not redirected is undefined [cpython: ProcessTestCase.test_stdin_none, ProcessTestCase.test_stdout_none, ProcessTestCase.test_stderr_none]",
  async () => {
    await using popen = new Popen("true");
    const streams: undefined[] = [popen.stdin, popen.stdout, popen.stderr];
    assertEquals(streams, [undefined, undefined, undefined]);
    assertEquals(await popen.wait(), 0);
  },
);

unixTest(
  "Popen: devnull takes everything, and has nothing [cpython: ProcessTestCase.test_stdout_devnull, ProcessTestCase.test_stderr_devnull, ProcessTestCase.test_stdin_devnull]",
  async () => {
    const options = { stdin: "devnull", stdout: "devnull", stderr: "devnull" } as const;
    await using popen = new Popen(
      sh(`${printBytes(10 * MEGABYTE)}; ${printBytes(10 * MEGABYTE)} >&2`),
      options,
    );
    assertEquals([popen.stdin, popen.stdout, popen.stderr], [undefined, undefined, undefined]);
    assertEquals(await popen.wait(), 0);
    await using reader = new Popen(sh("cat; echo end"), { stdin: "devnull", stdout: "pipe" });
    assertEquals(text((await reader.communicate())[0]), "end\n");
    await using merged = new Popen(sh("echo x >&2"), { stdout: "devnull", stderr: "stdout" });
    assertEquals(await merged.wait(), 0);
  },
);

unixTest("Popen refuses a stream that is locked, and starts nothing", async () => {
  await using folder = await makeFolder();
  const touch = ["touch", `${folder.path}/x`];
  const stdin = new ReadableStream<Uint8Array>();
  const stdout = new WritableStream<Uint8Array>();
  const reader = stdin.getReader();
  assertThrows(() => new Popen(touch, { stdin, stdout }), TypeError, '"stdin" is locked');
  assertEquals(stdout.locked, false);
  reader.releaseLock();
  stdout.getWriter();
  assertThrows(() => new Popen(touch, { stdin, stdout }), TypeError, '"stdout" is locked');
  assertEquals(stdin.locked, false);
  assertEquals([...Deno.readDirSync(folder.path)], []);
});

unixTest("Popen that cannot start gives its streams back", () => {
  const stdin = new ReadableStream<Uint8Array>();
  const stdout = new WritableStream<Uint8Array>();
  assertThrows(() => new Popen("/no/such/program", { stdin, stdout }), Deno.errors.NotFound);
  assertEquals([stdin.locked, stdout.locked], [false, false]);
});

unixTest("Popen: a stream that fails as stdin ends the input, and wait() rejects", async () => {
  const stdin = new ReadableStream<string>({
    start: (controller) => controller.enqueue("pear"),
    pull() {
      throw new Error("the source is broken");
    },
  });
  await using popen = new Popen("cat", { stdin, stdout: "devnull" });
  await assertRejects(() => popen.wait(), Error, "the source is broken");
  assertEquals(popen.returnCode, 0);
});

unixTest("Popen: a stream that fails as stdout ends the program, and wait() rejects", async () => {
  const stdout = new WritableStream<Uint8Array>({
    write() {
      throw new Error("the disk is full");
    },
  });
  await using popen = new Popen("yes", { stdout });
  await assertRejects(() => popen.wait(), Error, "the disk is full");
  assertEquals(popen.signal, "SIGPIPE");
});

unixTest("Popen: a program that does not read a stream to its end cancels it", async () => {
  let cancelled = 0;
  const stdin = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(100_000)),
    cancel() {
      cancelled++;
    },
  });
  await using popen = new Popen(["head", "-c", "10"], { stdin, stdout: "pipe" });
  assertEquals((await popen.communicate())[0].length, 10);
  assertEquals(cancelled, 1);
  await using waiting = new Popen("true", {
    stdin: new ReadableStream({ cancel: () => void cancelled++ }),
  });
  await waiting.wait();
  assertEquals(cancelled, 2);
});

unixTest(
  "Popen: a program that closes its input and goes on cancels a stream at once",
  async () => {
    const { cancelled } = createGates("cancelled");
    const stdin = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(100_000)),
      cancel: () => cancelled.open(),
    });
    await using popen = new Popen(sh("exec <&-; exec sleep 1000"), { stdin });
    await cancelled.wait();
    assertEquals(popen.poll(), undefined);
  },
);

unixTest("Popen.stdout reads nothing ahead: a program that prints faster waits", async () => {
  await using folder = await makeFolder();
  const script = sh(`${printBytes(MEGABYTE)}; touch "$1/all"`, folder.path);
  await using popen = new Popen(script, { stdout: "pipe" });
  const reader = popen.stdout.getReader();
  let size = (await reader.read()).value?.length ?? 0;
  // Time enough to print all of it, if anybody took it.
  await run(["sleep", "0.1"]);
  await assertPending(popen.wait(), "a program whose pipe is full");
  assertEquals([...Deno.readDirSync(folder.path)], []);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
  }
  assertEquals(size, MEGABYTE);
  assertEquals(await popen.wait(), 0);
});

unixTest("Popen.stdout that is cancelled tells the program (SIGPIPE)", async () => {
  await using popen = new Popen("yes", { stdout: "pipe" });
  const reader = popen.stdout.getReader();
  await reader.read();
  await reader.cancel();
  assertEquals(await popen.wait(), -13);
});

// communicate()

unixTest(
  "Popen.communicate() gives the input [cpython: ProcessTestCase.test_communicate_stdin]",
  async () => {
    await using popen = new Popen(sh('test "$(cat)" = pear'), { stdin: "pipe" });
    assertEquals(await popen.communicate({ input: bytes("pear") }), [undefined, undefined]);
    assertEquals(popen.returnCode, 0);
  },
);

unixTest(
  "Popen.communicate() answers what is piped [cpython: ProcessTestCase.test_communicate_stdout, ProcessTestCase.test_communicate_stderr, ProcessTestCase.test_communicate]",
  async () => {
    const script = sh("printf pineapple >&2; cat");
    await using out = new Popen(["printf", "pineapple"], { stdout: "pipe" });
    const [first, second]: [Uint8Array, undefined] = await out.communicate();
    assertEquals([first, second], [bytes("pineapple"), undefined]);
    await using err = new Popen(script, { stdin: "devnull", stderr: "pipe" });
    assertEquals(await err.communicate(), [undefined, bytes("pineapple")]);
    await using all = new Popen(script, { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
    const output = await all.communicate({ input: "banana" });
    assertEquals(output, [bytes("banana"), bytes("pineapple")]);
  },
);

unixTest(
  "Popen.communicate() without pipes waits for the end [cpython: ProcessTestCase.test_communicate_returns]",
  async () => {
    await using popen = new Popen(sh("exit 47"));
    assertEquals(await popen.communicate(), [undefined, undefined]);
    assertEquals(popen.returnCode, 47);
  },
);

unixTest(
  "Popen.communicate() after a timeout: again, and nothing is lost [cpython: ProcessTestCase.test_communicate_timeout]",
  async () => {
    const script = "printf 'first ' >&2; read line; read go; echo \"$line\"; printf second >&2";
    await using folder = await makeFolder();
    // The program waits for a file, so that the first call is over before it goes on.
    const wait = `until test -e "$1/go"; do sleep 0.01; done; `;
    await using popen = new Popen(sh(wait + script, folder.path), {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
      text: true,
    });
    const input = "banana\ngo\n";
    await assertRejects(() => popen.communicate({ input, timeoutMs: 1 }), TimeoutExpiredError);
    await assertRejects(() => popen.communicate({ timeoutMs: 0 }), TimeoutExpiredError);
    assertEquals(popen.poll(), undefined);
    await Deno.writeTextFile(`${folder.path}/go`, "");
    assertEquals(await popen.communicate(), ["banana\n", "first second"]);
    assertEquals(await popen.communicate(), ["banana\n", "first second"]);
    await assertRejects(
      () => popen.communicate({ input }),
      InvalidStateError,
      "communicate() was called before",
    );
  },
);

unixTest(
  "Popen.communicate() after a timeout amid large output has all of it [cpython: ProcessTestCase.test_communicate_timeout_large_output]",
  async () => {
    const script = sh(`for i in 1 2 3 4; do ${printBytes(64 * 1024)}; done`);
    await using popen = new Popen(script, { stdout: "pipe" });
    await assertRejects(() => popen.communicate({ timeoutMs: 0 }), TimeoutExpiredError);
    const [stdout] = await popen.communicate();
    assertEquals(stdout.length, 4 * 64 * 1024);
    assert(stdout.every((byte) => byte === 0x78));
  },
);

unixTest(
  "Popen.communicate() can be called again after the program has closed its output [cpython: POSIXProcessTestCase.test_communicate_repeated_call_after_stdout_close]",
  async () => {
    await using folder = await makeFolder();
    const script = sh('exec >&-; until test -e "$1/go"; do sleep 0.01; done', folder.path);
    await using popen = new Popen(script, { stdout: "pipe" });
    for (let i = 0; i < 3; i++) {
      await assertRejects(() => popen.communicate({ timeoutMs: 5 }), TimeoutExpiredError);
    }
    await Deno.writeTextFile(`${folder.path}/go`, "");
    assertEquals(await popen.communicate(), [new Uint8Array(), undefined]);
  },
);

unixTest(
  "Popen.communicate() that is aborted leaves the program, and can be called again",
  async () => {
    await using popen = new Popen("cat", { stdin: "pipe", stdout: "pipe", text: true });
    const reason = new Error("later");
    const aborted = AbortSignal.abort(reason);
    assertStrictEquals(await assertRejects(() => popen.communicate({ signal: aborted })), reason);
    const writer = popen.stdin.getWriter();
    await writer.write("pear");
    const controller = new AbortController();
    const waiting = popen.communicate({ signal: controller.signal });
    await assertPending(waiting, "a program whose input is open");
    controller.abort(reason);
    assertStrictEquals(await assertRejects(() => waiting), reason);
    assertEquals(popen.poll(), undefined);
    await writer.close();
    assertEquals(await popen.communicate(), ["pear", undefined]);
  },
);

unixTest(
  "Popen.communicate() closes all pipes [cpython: ProcessTestCase.test_communicate_pipe_fd_leak]",
  async () => {
    // The sanitizer of resources sees what is left open.
    for (let mask = 1; mask < 8; mask++) {
      const options: PopenOptions = {
        stdin: mask & 1 ? "pipe" : "devnull",
        stdout: mask & 2 ? "pipe" : "devnull",
        stderr: mask & 4 ? "pipe" : "devnull",
      };
      const popen = new Popen("cat", options);
      await popen.communicate();
      assertEquals(popen.returnCode, 0);
    }
  },
);

unixTest(
  "Popen.communicate() with more input and more output than pipes hold [cpython: ProcessTestCase.test_communicate_pipe_buf]",
  async () => {
    // A megabyte on stderr while nobody reads the input, then the input comes back.
    const script = sh(`${printBytes(MEGABYTE, "e")} >&2; cat`);
    await using popen = new Popen(script, { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
    const input = new Uint8Array(3 * MEGABYTE).map((_, i) => i % 251);
    const [stdout, stderr] = await popen.communicate({ input });
    assertEquals(stdout, input);
    assertEquals(stderr.length, MEGABYTE);
  },
);

unixTest(
  "Popen.communicate(): what was written before comes first [cpython: ProcessTestCase.test_writes_before_communicate]",
  async () => {
    await using popen = new Popen("cat", { stdin: "pipe", stdout: "pipe", text: true });
    const writer = popen.stdin.getWriter();
    // Nobody waits for it.
    writer.write("banana");
    writer.releaseLock();
    assertEquals((await popen.communicate({ input: "split" }))[0], "bananasplit");
  },
);

unixTest(
  "Popen.communicate(): a program that does not read its input is no error [cpython: ProcessTestCase.test_communicate_epipe, POSIXProcessTestCase.test_communicate_BrokenPipeError_stdin_write, POSIXProcessTestCase.test_communicate_BrokenPipeError_stdin_flush]",
  async () => {
    const options = { stdin: "pipe", stdout: "pipe", stderr: "pipe", text: true } as const;
    await using popen = new Popen(sh("exec <&-; echo done"), options);
    assertEquals(await popen.communicate({ input: "x".repeat(MEGABYTE) }), ["done\n", ""]);
    assertEquals(popen.returnCode, 0);
  },
);

unixTest(
  "Popen.communicate() with a program that has ended is no error [cpython: ProcessTestCase.test_communicate_epipe_only_stdin, POSIXProcessTestCase.test_communicate_BrokenPipeError_stdin_close, POSIXProcessTestCase.test_communicate_BrokenPipeError_stdin_close_with_timeout]",
  async () => {
    await using popen = new Popen("true", { stdin: "pipe" });
    await popen.wait();
    const input = "x".repeat(MEGABYTE);
    assertEquals(await popen.communicate({ input, timeoutMs: 10_000 }), [undefined, undefined]);
    await using closing = new Popen("true", { stdin: "pipe" });
    await closing.wait();
    assertEquals(await closing.communicate(), [undefined, undefined]);
  },
);

unixTest("Popen.communicate() leaves a stream that the caller reads to the caller", async () => {
  await using popen = new Popen(sh("printf out; printf err >&2"), {
    stdout: "pipe",
    stderr: "pipe",
  });
  const reading = readAll(popen.stdout);
  const [stdout, stderr] = await popen.communicate();
  assertEquals([stdout, text(stderr)], [undefined as unknown, "err"]);
  assertEquals(await reading, "out");
});

unixTest("Popen.communicate() has what the caller has not read before", async () => {
  const script = sh("printf 'h\\303'; read go; printf '\\251llo'");
  await using popen = new Popen(script, { stdin: "pipe", stdout: "pipe", text: true });
  const reader = popen.stdout.getReader();
  assertEquals((await reader.read()).value, "h");
  reader.releaseLock();
  assertEquals((await popen.communicate({ input: "go\n" }))[0], "éllo");
});

unixTest("Popen.communicate() refuses input that cannot be given", async () => {
  const refusal = async (popen: Popen<PopenOptions>) =>
    (await assertRejects(() => popen.communicate({ input: "x" }), InvalidStateError)).message;
  await using inherited = new Popen<PopenOptions>("true");
  assertEquals(await refusal(inherited), 'Cannot send input to true: its "stdin" is not "pipe"');
  await using locked = new Popen("cat", { stdin: "pipe" });
  const writer = locked.stdin.getWriter();
  assertStringIncludes(await refusal(locked as Popen<PopenOptions>), "is locked to a writer");
  await writer.close();
  writer.releaseLock();
  assertStringIncludes(await refusal(locked as Popen<PopenOptions>), "was closed");
  assertEquals(await locked.wait(), 0);
});

unixTest("Popen.communicate() ends the program at maxOutputBytes, once and for all", async () => {
  await using popen = new Popen("yes", { stdout: "pipe", maxOutputBytes: 1_000 });
  const error = await assertRejects(() => popen.communicate(), OutputLimitError);
  assertEquals((error.stdout as Uint8Array).length, 1_000);
  assertInstanceOf(await assertRejects(() => popen.communicate()), OutputLimitError);
  assert(popen.returnCode! < 0);
});

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
