import { assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import {
  call,
  CalledProcessError,
  checkCall,
  checkOutput,
  run,
  SubprocessError,
  TimeoutExpiredError,
} from "../../process/mod.ts";
import {
  bytes,
  FOREVER,
  makeFolder,
  printBytes,
  sh,
  text,
  unixTest,
  writeProgram,
} from "./_programs.ts";

// call and checkCall

unixTest(
  "call() answers the exit code [cpython: ProcessTestCase.test_call_seq, POSIXProcessTestCase.test_call_string, POSIXProcessTestCase.test_args_string]",
  async () => {
    assertEquals(await call(sh("exit 47")), 47);
    await using folder = await makeFolder();
    await writeProgram(`${folder.path}/program`, "exit 47");
    assertEquals(await call(`${folder.path}/program`), 47);
  },
);

unixTest(
  "call() ends the program when the time is over [cpython: ProcessTestCase.test_call_timeout]",
  async () => {
    const error = await assertRejects(() => call(FOREVER, { timeoutMs: 20 }), TimeoutExpiredError);
    assertEquals(error.message, "sleep 1000 did not end within 20 ms");
    assertEquals(error.timeoutMs, 20);
    assertEquals(error.args, FOREVER);
  },
);

unixTest("call() reads a pipe that nobody asked for, so that it cannot be full", async () => {
  assertEquals(await call(sh(printBytes(1_000_000)), { stdout: "pipe", stderr: "pipe" }), 0);
});

unixTest(
  "call() gives the program its environment [cpython: ProcessTestCase.test_call_kwargs]",
  async () => {
    assertEquals(await call(sh('test "$FRUIT" = banana'), { env: { FRUIT: "banana" } }), 0);
    assertEquals(await call(sh('test "$FRUIT" = banana'), { env: { FRUIT: "apple" } }), 1);
  },
);

unixTest(
  "checkCall() answers 0 [cpython: ProcessTestCase.test_check_call_zero]",
  async () => {
    const code: 0 = await checkCall(sh("exit 0"));
    assertEquals(code, 0);
  },
);

unixTest(
  "checkCall() rejects for another exit code [cpython: ProcessTestCase.test_check_call_nonzero]",
  async () => {
    const error = await assertRejects(() => checkCall(sh("exit 47")), CalledProcessError);
    assertEquals(error.returnCode, 47);
    assertEquals(error.args, sh("exit 47"));
    assertInstanceOf(error, SubprocessError);
  },
);

// checkOutput

unixTest(
  "checkOutput() answers the output as bytes [cpython: ProcessTestCase.test_check_output]",
  async () => {
    const output: Uint8Array = await checkOutput(["printf", "BDFL"]);
    assertEquals(output, bytes("BDFL"));
  },
);

unixTest(
  "checkOutput() rejects for another exit code, with the output [cpython: ProcessTestCase.test_check_output_nonzero]",
  async () => {
    const error = await assertRejects(
      () => checkOutput(sh("echo partly; exit 5"), { text: true }),
      CalledProcessError,
    );
    assertEquals([error.returnCode, error.stdout, error.stderr], [5, "partly\n", undefined]);
  },
);

unixTest(
  "checkOutput() has standard error too when it goes to stdout [cpython: ProcessTestCase.test_check_output_stderr]",
  async () => {
    assertEquals(text(await checkOutput(sh("printf BDFL >&2"), { stderr: "stdout" })), "BDFL");
  },
);

unixTest(
  "checkOutput() takes its input from a file [cpython: ProcessTestCase.test_check_output_stdin_arg, RunFuncTestCase.test_check_output_stdin_arg]",
  async () => {
    await using folder = await makeFolder();
    await Deno.writeTextFile(`${folder.path}/pear`, "pear");
    using stdin = await Deno.open(`${folder.path}/pear`);
    assertEquals(await checkOutput(["tr", "a-z", "A-Z"], { stdin, text: true }), "PEAR");
  },
);

unixTest(
  "checkOutput() gives the program its input [cpython: ProcessTestCase.test_check_output_input_arg, RunFuncTestCase.test_check_output_input_arg]",
  async () => {
    const output: string = await checkOutput(["tr", "a-z", "A-Z"], { input: "pear", text: true });
    assertEquals(output, "PEAR");
    assertEquals(await checkOutput("cat", { input: bytes("pear") }), bytes("pear"));
  },
);

unixTest(
  "checkOutput() with the input null reads nothing, not the terminal [cpython: ProcessTestCase.test_check_output_input_none, ProcessTestCase.test_check_output_input_none_text, ProcessTestCase.test_check_output_input_none_universal_newlines, ProcessTestCase.test_check_output_input_none_encoding_errors]",
  async () => {
    assertEquals(await checkOutput("cat", { input: null }), new Uint8Array());
    assertEquals(await checkOutput("cat", { input: null, text: true }), "");
    assertEquals(
      await checkOutput("cat", { input: null, encoding: "utf-8", errors: "ignore" }),
      "",
    );
    assertEquals(await checkOutput("cat", { input: "" }), new Uint8Array());
  },
);

unixTest(
  "checkOutput() refuses stdout and check [cpython: ProcessTestCase.test_check_output_stdout_arg]",
  async () => {
    const refusal = async (options: object) =>
      (await assertRejects(() => checkOutput("true", options), TypeError)).message;
    assertStringIncludes(await refusal({ stdout: "inherit" }), '"stdout"');
    assertStringIncludes(await refusal({ check: true }), '"check"');
  },
);

unixTest(
  "run() refuses stdin together with input [cpython: ProcessTestCase.test_check_output_stdin_with_input_arg, RunFuncTestCase.test_check_output_stdin_with_input_arg]",
  async () => {
    const options = { stdin: "devnull", input: "pear" } as const;
    for (const start of [() => run("cat", options), () => checkOutput("cat", options)]) {
      const { message } = await assertRejects<TypeError>(start, TypeError);
      assertEquals(message, 'Cannot run a program: "stdin" does not go with "input"');
    }
  },
);

unixTest(
  "checkOutput() rejects with the output so far when the time is over [cpython: ProcessTestCase.test_check_output_timeout, RunFuncTestCase.test_check_output_timeout]",
  async () => {
    const script = sh("printf BDFL; exec sleep 1000");
    const error = await assertRejects(
      () => checkOutput(script, { timeoutMs: 1_000 }),
      TimeoutExpiredError,
    );
    assertEquals(error.stdout, bytes("BDFL"));
    const failed = await assertRejects(
      () => run(script, { timeoutMs: 1_000, captureOutput: true, text: true }),
      TimeoutExpiredError,
    );
    assertEquals([failed.stdout, failed.stderr], ["BDFL", ""]);
  },
);
