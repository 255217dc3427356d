import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { InvalidStateError } from "../../coroutine/errors.ts";
import {
  OutputLimitError,
  Popen,
  type PopenOptions,
  TimeoutExpiredError,
} from "../../process/mod.ts";
import { assertPending } from "../support/settle.ts";
import {
  bytes,
  makeFolder,
  MEGABYTE,
  printBytes,
  readAll,
  sh,
  text,
  unixTest,
} from "./_programs.ts";

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

unixTest(
  "Popen.communicate() goes on when the standard input was closed or aborted before",
  async () => {
    for (const end of ["close", "abort"] as const) {
      await using popen = new Popen("cat", { stdin: "pipe", stdout: "pipe", text: true });
      const writer = popen.stdin.getWriter();
      await writer.write("before");
      await writer[end]();
      writer.releaseLock();
      await assertRejects(
        () => popen.communicate({ input: "after" }),
        InvalidStateError,
        "Cannot send input to cat: its standard input was closed",
      );
      assertEquals(await popen.communicate(), ["before", undefined], end);
      assertEquals(popen.returnCode, 0);
    }
  },
);

unixTest("Popen.communicate() ends the input when a write before it has failed", async () => {
  await using popen = new Popen("cat", { stdin: "pipe", stdout: "pipe", encoding: "latin1" });
  const writer = popen.stdin.getWriter();
  await assertRejects(() => writer.write("\u65e5"), TypeError, "Cannot encode the input");
  writer.releaseLock();
  await assertRejects(() => popen.communicate(), TypeError);
  assertEquals(popen.returnCode, 0);
});

unixTest("Popen.communicate() refuses text that the encoding does not have", async () => {
  await using popen = new Popen("cat", { stdin: "pipe", stdout: "pipe", encoding: "latin1" });
  await assertRejects(
    () => popen.communicate({ input: "\u65e5" }),
    TypeError,
    "Cannot encode the input: windows-1252 has no",
  );
  // It was not given, so another one can be.
  assertEquals(await popen.communicate({ input: "\xe9t\xe9" }), ["\xe9t\xe9", undefined]);
});

unixTest("Popen.communicate() has nothing of an output that was cancelled before", async () => {
  await using popen = new Popen(sh("printf more >&2"), {
    stdout: "pipe",
    stderr: "pipe",
    text: true,
  });
  await popen.stdout.cancel();
  assertEquals(await popen.communicate(), ["", "more"]);
});

unixTest("Popen.communicate() refuses an input that is none", async () => {
  await using popen = new Popen("cat", { stdin: "pipe" });
  for (const [input, got] of [[null, "null"], [5, "number"]] as const) {
    await assertRejects(
      () => popen.communicate({ input: input as unknown as string }),
      TypeError,
      `Cannot send input to cat: it must be a string or a Uint8Array, got ${got}`,
    );
  }
});

unixTest("Popen.communicate(): output so far is decoded as errors says", async () => {
  for (const [errors, expected] of [["ignore", "ab"], ["replace", "a\ufffdb"]] as const) {
    await using popen = new Popen(sh("printf 'a\\377b'; exec sleep 1000"), {
      stdout: "pipe",
      errors,
    });
    const waiting = () => popen.communicate({ timeoutMs: 1 });
    let error: unknown;
    do error = await waiting().catch((error) => error); while (
      error instanceof TimeoutExpiredError && error.stdout === ""
    );
    assertInstanceOf(error, TimeoutExpiredError);
    assertEquals(error.stdout, expected);
  }
});
