import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  CalledProcessError,
  OutputLimitError,
  pipeline,
  Popen,
  TimeoutExpiredError,
} from "../../process/mod.ts";
import {
  assertGone,
  bytes,
  FOREVER,
  makeFolder,
  printBytes,
  sh,
  text,
  unixTest,
} from "./_programs.ts";

const CAPTURE = { captureOutput: true, text: true } as const;

unixTest("pipeline() joins programs, and has all exit codes", async () => {
  const { stdout, stderr, returnCodes, programs } = await pipeline(
    [["printf", "b\na\nb\n"], "sort", ["uniq", "-c"], sh("cat; echo done >&2; exit 3")],
    CAPTURE,
  );
  const output: string | undefined = stdout;
  assertEquals(output?.trim().split(/\s+/), ["1", "a", "2", "b"]);
  assertEquals(stderr, ["", "", "", "done\n"]);
  assertEquals(returnCodes, [0, 0, 0, 3]);
  assertEquals(programs.map(({ args }) => args).slice(1, 3), ["sort", ["uniq", "-c"]]);
});

unixTest("pipeline() of one program is the program", async () => {
  const { stdout, returnCodes } = await pipeline(["cat"], {
    input: bytes("x"),
    captureOutput: true,
  });
  assertEquals([stdout, returnCodes], [bytes("x"), [0]]);
  const nothing = await pipeline([["cat"]], { input: null, stdout: "pipe" });
  assertEquals([nothing.stdout, nothing.stderr], [new Uint8Array(), [undefined]]);
});

unixTest("pipeline(): megabytes pass through every program unchanged", async () => {
  const input = new Uint8Array(5_000_000).map((_, i) => i * 7 % 253);
  const commands = ["cat", sh(`${printBytes(1_000_000)} >&2; cat`), "cat"];
  const { stdout, stderr } = await pipeline(commands, { input, captureOutput: true });
  assertEquals(stdout, input);
  assertEquals(stderr.map((bytes) => bytes?.length), [0, 1_000_000, 0]);
});

unixTest(
  "pipeline(): a program whose reader has ended is told (SIGPIPE), which is no failure [cpython: POSIXProcessTestCase.test_pipe_cloexec_real_tools]",
  async () => {
    const { stdout, programs } = await pipeline(["yes", "cat", ["head", "-n", "1"]], {
      ...CAPTURE,
      check: true,
    });
    assertEquals(stdout, "y\n");
    assertEquals(programs.map(({ signal }) => signal), ["SIGPIPE", "SIGPIPE", undefined]);
  },
);

unixTest("pipeline() with check rejects for the last one that failed", async () => {
  const commands = [sh("echo first >&2; exit 1"), sh("echo second >&2; exit 2"), "cat"];
  const error = await assertRejects(
    () => pipeline(commands, { ...CAPTURE, check: true }),
    CalledProcessError,
  );
  assertEquals([error.returnCode, error.args, error.stderr], [2, commands[1]!, "second\n"]);
  const completed = await pipeline(commands, CAPTURE);
  assertEquals(completed.returnCodes, [1, 2, 0]);
});

unixTest("pipeline() goes at the pace of the slowest", async () => {
  // The one in the middle takes nothing: the first cannot print more than the pipes hold.
  await using folder = await makeFolder();
  const first = sh(`${printBytes(10_000_000)}; touch "$1/all"`, folder.path);
  await assertRejects(() => pipeline([first, FOREVER], { timeoutMs: 300 }), TimeoutExpiredError);
  assertEquals([...Deno.readDirSync(folder.path)], []);
});

unixTest(
  "pipeline() ends all programs when the time is over, and has the output so far",
  async () => {
    const commands = [sh("echo $$; exec sleep 1000"), sh("head -n 1; echo $$; exec sleep 1000")];
    const error = await assertRejects(
      () => pipeline(commands, { ...CAPTURE, timeoutMs: 1_000 }),
      TimeoutExpiredError,
    );
    assert(error.message.startsWith("`sh -c"));
    assert(error.message.includes(" | sh -c "));
    const pids = `${error.stdout}`.trim().split("\n").map(Number);
    assertEquals(pids.length, 2);
    await assertGone(...pids);
  },
);

unixTest("pipeline() ends all programs when its signal aborts", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  let printed = "";
  const stdout = new WritableStream<Uint8Array>({
    write(chunk) {
      printed += text(chunk);
      if (printed.trim().includes("\n")) controller.abort(reason);
    },
  });
  const commands = [sh("echo $$; exec sleep 1000"), sh("head -n 1; echo $$; exec sleep 1000")];
  const running = pipeline(commands, { stdout, signal: controller.signal });
  assertStrictEquals(await assertRejects(() => running), reason);
  await assertGone(...printed.trim().split("\n").map(Number));
  const again = () => pipeline(commands, { signal: controller.signal });
  assertStrictEquals(await assertRejects(again), reason);
});

unixTest("pipeline() ends those that were started when one cannot be", async () => {
  const error = await assertRejects(
    () => pipeline([FOREVER, "no-such-program", "cat"]),
    Deno.errors.NotFound,
  );
  assertEquals(error.message.includes("no-such-program"), true);
});

unixTest("pipeline() ends all programs when one prints too much", async () => {
  const error = await assertRejects(
    () => pipeline(["yes", "cat"], { captureOutput: true, maxOutputBytes: 100 }),
    OutputLimitError,
  );
  assertEquals((error.stdout as Uint8Array).length, 100);
});

unixTest("pipeline() decodes output, and encodes input", async () => {
  const { stdout } = await pipeline(["cat", "cat"], {
    input: "ä\r\n",
    encoding: "latin1",
    stdout: "pipe",
  });
  assertEquals(stdout, "ä\n");
  const bad = () => pipeline([["printf", "\\200"], "cat"], CAPTURE);
  await assertRejects(bad, TypeError, "it is not utf-8");
});

unixTest("pipeline() refuses what makes no sense", async () => {
  await assertRejects(() => pipeline([]), TypeError, "at least one command");
  await assertRejects(() => pipeline("ls | wc" as unknown as string[]), TypeError, "an array");
  await assertRejects(() => pipeline(["cat"], { shell: true } as object), TypeError, '"shell"');
  await assertRejects(
    () => pipeline(["cat"], { input: "", stdin: "pipe" }),
    TypeError,
    '"stdin" does not go with "input"',
  );
  await assertRejects(
    () => pipeline(["cat"], { captureOutput: true, stdout: "pipe" }),
    TypeError,
    '"captureOutput"',
  );
});

unixTest("Popen: programs are joined by hand, as in Python", async () => {
  await using first = new Popen(["printf", "b\na\n"], { stdout: "pipe" });
  await using second = new Popen("sort", { stdin: first.stdout, stdout: "pipe" });
  assertEquals(await Array.fromAsync(second.lines()), ["a", "b"]);
  assertEquals([await first.wait(), await second.wait()], [0, 0]);
});

unixTest(
  "pipeline() that is out of time has all that a program printed which has ended",
  async () => {
    const commands = [sh("sleep 1000"), sh("echo printed; echo beside >&2")];
    const error = await assertRejects(
      () => pipeline(commands, { captureOutput: true, text: true, timeoutMs: 300 }),
      TimeoutExpiredError,
    );
    assertEquals([error.stdout, error.stderr], ["printed\n", "beside\n"]);
  },
);
