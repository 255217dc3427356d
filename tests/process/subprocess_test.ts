import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { spawn } from "../../coroutine/task.ts";
import { CancelledError } from "../../coroutine/errors.ts";
import {
  call,
  CalledProcessError,
  checkCall,
  checkOutput,
  CompletedProcess,
  getOutput,
  getStatusOutput,
  OutputLimitError,
  run,
  SubprocessError,
  TimeoutExpiredError,
} from "../../process/mod.ts";
import * as process from "../../process/mod.ts";
import { createGates } from "../support/gate.ts";
import {
  assertGone,
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

// run

unixTest(
  "run() answers the exit code, and checkReturnCode() rejects it [cpython: RunFuncTestCase.test_returncode]",
  async () => {
    const completed = await run(sh("exit 47"));
    assertInstanceOf(completed, CompletedProcess);
    assertEquals(completed.returnCode, 47);
    assertEquals(completed.args, sh("exit 47"));
    assertEquals([completed.stdout, completed.stderr], [undefined, undefined]);
    assertThrows(() => completed.checkReturnCode(), CalledProcessError);
    (await run("true")).checkReturnCode();
  },
);

unixTest(
  "run() with check rejects for another exit code than 0 [cpython: RunFuncTestCase.test_check, RunFuncTestCase.test_check_zero]",
  async () => {
    const error = await assertRejects(
      () => run(sh("exit 47"), { check: true }),
      CalledProcessError,
    );
    assertEquals(error.returnCode, 47);
    assertEquals((await run(sh("exit 0"), { check: true })).returnCode, 0);
  },
);

unixTest(
  "run() ends the program when the time is over [cpython: RunFuncTestCase.test_timeout]",
  async () => {
    await assertRejects(() => run(FOREVER, { timeoutMs: 1 }), TimeoutExpiredError);
    await assertRejects(() => run(FOREVER, { timeoutMs: 0 }), TimeoutExpiredError);
  },
);

unixTest(
  "run() captures what is piped [cpython: RunFuncTestCase.test_capture_stdout, RunFuncTestCase.test_capture_stderr, RunFuncTestCase.test_capture_output]",
  async () => {
    const script = sh("printf out; printf err >&2");
    const out = await run(script, { stdout: "pipe", stderr: "devnull" });
    const first: Uint8Array = out.stdout;
    assertEquals([first, out.stderr], [bytes("out"), undefined]);
    const err = await run(script, { stdout: "devnull", stderr: "pipe", text: true });
    const second: string = err.stderr;
    assertEquals([err.stdout, second], [undefined, "err"]);
    const both = await run(script, { captureOutput: true, text: true });
    const [third, fourth]: [string, string] = [both.stdout, both.stderr];
    assertEquals([third, fourth], ["out", "err"]);
  },
);

unixTest(
  "run() gives the program its environment [cpython: RunFuncTestCase.test_run_kwargs]",
  async () => {
    const completed = await run(sh('test "$FRUIT" = banana'), { env: { FRUIT: "banana" } });
    assertEquals(completed.returnCode, 0);
  },
);

unixTest(
  "run() takes a program and arguments as URLs [cpython: RunFuncTestCase.test_run_with_pathlike_path, RunFuncTestCase.test_run_with_pathlike_path_and_arguments]",
  async () => {
    await using folder = await makeFolder();
    const program = new URL(`file://${folder.path}/a%20program`);
    await writeProgram(program.pathname.replace("%20", " "), 'printf %s "$1"; exit 57');
    const alone = await run(program, { stdout: "devnull" });
    assertEquals(alone.returnCode, 57);
    const { stdout } = await run([program, new URL("file:///a%20path")], { captureOutput: true });
    assertEquals(text(stdout), "/a path");
    const { message } = await assertRejects(() => run(program, { shell: true }), TypeError);
    assertStringIncludes(message, "the program must be a string, got a URL");
  },
);

unixTest(
  "run() refuses captureOutput together with stdout or stderr [cpython: RunFuncTestCase.test_stdout_with_capture_output_arg, RunFuncTestCase.test_stderr_with_capture_output_arg]",
  async () => {
    for (const name of ["stdout", "stderr"] as const) {
      const { message } = await assertRejects(
        () => run("true", { captureOutput: true, [name]: "devnull" }),
        TypeError,
      );
      assertStringIncludes(message, `"${name}" does not go with "captureOutput"`);
    }
  },
);

unixTest(
  'run() refuses "stdout" for standard output [cpython: RunFuncTestCase.test_stdout_stdout]',
  async () => {
    const { message } = await assertRejects(
      () => run("true", { stdout: "stdout" as "pipe" }),
      TypeError,
    );
    assertStringIncludes(message, '"stdout" is for "stderr" only');
  },
);

unixTest(
  "run() refuses what it does not know, and starts nothing [cpython: ProcessTestCase.test_invalid_args]",
  async () => {
    await using folder = await makeFolder();
    const file = `${folder.path}/started`;
    const refusal = async (
      options: object,
      kind: typeof TypeError | typeof RangeError = TypeError,
    ) => (await assertRejects(() => run(["touch", file], options), kind)).message;
    assertStringIncludes(await refusal({ timeout: 1 }), 'there is no option "timeout"');
    assertStringIncludes(await refusal({ toString: 1 }), 'there is no option "toString"');
    assertStringIncludes(await refusal({ stdin: "piped" }), '"stdin" must be "inherit", "pipe"');
    assertStringIncludes(await refusal({ stdout: 1 }), "got number");
    assertStringIncludes(await refusal({ stderr: null }), "got null");
    assertStringIncludes(await refusal({ encoding: "morse" }, RangeError), 'no encoding "morse"');
    assertStringIncludes(await refusal({ errors: "xml" }, RangeError), 'got "xml"');
    assertStringIncludes(
      await refusal({ encoding: "latin1", errors: "ignore" }, RangeError),
      "for utf-8 only",
    );
    assertStringIncludes(await refusal({ timeoutMs: -1 }, RangeError), "must be 0 or more");
    assertStringIncludes(await refusal({ maxOutputBytes: -1 }, RangeError), "must be 0 or more");
    assertStringIncludes(await refusal({ maxOutputBytes: "1" }), "must be a number");
    assertStringIncludes(await refusal({ processGroup: "mine" }), 'must be "own" or "shared"');
    assertStringIncludes(await refusal({ user: "nobody" }), '"user" must be the number');
    assertStringIncludes(await refusal({ env: { A: 1 } }), '"A" of "env" must be a string');
    assertEquals([...Deno.readDirSync(folder.path)], []);
    await assertRejects(() => run([]), TypeError, "the command is empty");
    await assertRejects(() => run(""), TypeError, "its name is empty");
    await assertRejects(() => run(["echo", 1 as unknown as string]), TypeError, "argument 1");
    await assertRejects(() => call("true", { input: "x" } as object), TypeError, '"input"');
  },
);

unixTest(
  "run() refuses null characters, and names that no variable has [cpython: ProcessTestCase.test_invalid_cmd, ProcessTestCase.test_invalid_env]",
  async () => {
    await assertRejects(() => run("ec\0ho"), TypeError, "the program has a null character");
    await assertRejects(() => run(["echo", "a\0b"]), TypeError, "argument 1 has a null character");
    const envs: Record<string, string>[] = [{ "A\0B": "cabbage" }, { A: "orange\0lemon" }];
    for (const env of envs) {
      await assertRejects(() => run("env", { env }), TypeError, "null character");
    }
    await assertRejects(
      () => run("env", { env: { "FRUIT=ORANGE": "lemon" } }),
      TypeError,
      "the name",
    );
    await assertRejects(() => run("env", { env: { "": "lemon" } }), TypeError, "the name");
    const { stdout } = await run(sh('printf %s "$FRUIT"'), {
      env: { FRUIT: "orange=lemon" },
      captureOutput: true,
    });
    assertEquals(text(stdout), "orange=lemon");
  },
);

// Environment, directory, program

unixTest(
  "run() replaces the environment [cpython: ProcessTestCase.test_env, ProcessTestCase.test_empty_env, ProcessTestCase.test_one_environment_variable]",
  async () => {
    const env = Deno.build.os === "darwin" ? "/usr/bin/env" : "env";
    assertEquals(text(await checkOutput(env, { env: { FRUIT: "orange" } })), "FRUIT=orange\n");
    assertEquals(text(await checkOutput(env, { env: {} })), "");
    const all = await checkOutput(env, { env: { ...Deno.env.toObject(), FRUIT: "x" }, text: true });
    assert(all.split("\n").includes("FRUIT=x") && all.includes("PATH="));
    assertStringIncludes(await checkOutput(env, { text: true }), "PATH=");
  },
);

unixTest(
  "run() looks for the program on the PATH of env [cpython: POSIXProcessTestCase.test_bytes_program]",
  async () => {
    await using folder = await makeFolder();
    await writeProgram(`${folder.path}/only-here`, "exit 3");
    assertEquals(await call("only-here", { env: { PATH: folder.path } }), 3);
    const error = await assertRejects(
      () => call("sleep", { env: { PATH: folder.path } }),
      Deno.errors.NotFound,
    );
    assertEquals(
      error.message,
      'Cannot start "sleep": there is no such program on the PATH of "env"',
    );
  },
);

unixTest(
  "run() runs the program in cwd [cpython: ProcessTestCase.test_cwd, ProcessTestCase.test_cwd_with_pathlike]",
  async () => {
    await using folder = await makeFolder();
    const options = { text: true } as const;
    assertEquals(await checkOutput("pwd", { ...options, cwd: folder.path }), `${folder.path}\n`);
    const url = new URL(`file://${folder.path}/`);
    assertEquals(await checkOutput("pwd", { ...options, cwd: url }), `${folder.path}\n`);
  },
);

unixTest(
  "run() counts a relative path from cwd, and an absolute one from nowhere [cpython: ProcessTestCase.test_cwd_with_relative_arg, ProcessTestCase.test_cwd_with_absolute_arg, ProcessTestCase.test_cwd_with_relative_executable]",
  async () => {
    await using folder = await makeFolder();
    const cwd = folder.path;
    await writeProgram(`${cwd}/program`, "exit 7");
    assertEquals(await call("./program", { cwd }), 7);
    assertEquals(await call("ignored", { cwd, executable: "./program" }), 7);
    assertEquals(await call(`${cwd}/program`, { cwd: "/" }), 7);
    const error = await assertRejects(() => call("./program", { cwd: "/" }), Deno.errors.NotFound);
    assertEquals(
      error.message,
      'Cannot start "./program": there is no such program in the directory "/"',
    );
  },
);

unixTest(
  "run() runs the executable in place of the program [cpython: ProcessTestCase.test_executable, ProcessTestCase.test_pathlike_executable, ProcessTestCase.test_executable_with_cwd, ProcessTestCase.test_executable_without_cwd]",
  async () => {
    const args = ["no-such-program", "-c", "exit 47"];
    assertEquals(await call(args, { executable: "/bin/sh" }), 47);
    assertEquals(await call(args, { executable: new URL("file:///bin/sh") }), 47);
    assertEquals(await call(args, { executable: "/bin/sh", cwd: "/" }), 47);
  },
);

unixTest(
  "run() rejects when there is no such executable [cpython: ProcessTestCase.test_executable_takes_precedence, POSIXProcessTestCase.test_exception_bad_executable]",
  async () => {
    const error = await assertRejects(
      () => call("true", { executable: "/no/such/program" }),
      Deno.errors.NotFound,
    );
    assertEquals(error.message, 'Cannot start "/no/such/program": there is no such program');
  },
);

unixTest(
  "run() names the program that there is not [cpython: ProcessTestCase.test_file_not_found_includes_filename, POSIXProcessTestCase.test_exception_bad_args_0]",
  async () => {
    const error = await assertRejects(() => run("no-such-program"), Deno.errors.NotFound);
    assertEquals(
      error.message,
      'Cannot start "no-such-program": there is no such program on the PATH',
    );
    assertInstanceOf(error.cause, Deno.errors.NotFound);
    await assertRejects(() => run("/no/such"), Deno.errors.NotFound, '"/no/such"');
  },
);

unixTest(
  "run() names the directory that there is not [cpython: ProcessTestCase.test_file_not_found_with_bad_cwd, POSIXProcessTestCase.test_exception_cwd]",
  async () => {
    const message = 'Cannot start "/usr/bin/env": there is no directory "/no/such" to run it in';
    const cwd = "/no/such";
    const error = await assertRejects(() => run("/usr/bin/env", { cwd }), Deno.errors.NotFound);
    assertEquals(error.message, message);
    await assertRejects(() => run("env", { cwd: "/etc/passwd" }), Deno.errors.NotFound, "passwd");
  },
);

unixTest("run() tells of a file that is no program", async () => {
  await using folder = await makeFolder();
  await Deno.writeTextFile(`${folder.path}/text`, "no program");
  const error = await assertRejects(
    () => run(`${folder.path}/text`),
    Deno.errors.PermissionDenied,
  );
  assertStringIncludes(error.message, "the system does not let it be executed");
});

unixTest(
  "run() runs as another user and group [cpython: POSIXProcessTestCase.test_user, POSIXProcessTestCase.test_group]",
  async () => {
    for (const id of [-1, 2 ** 64, 1.5]) {
      await assertRejects(() => run("id", { user: id }), RangeError, '"user"');
      await assertRejects(() => run("id", { group: id }), RangeError, '"group"');
    }
    const [user, group] = Deno.uid() === 0 ? [65_534, 65_533] : [Deno.uid()!, Deno.gid()!];
    const ids = await checkOutput(sh("id -u; id -g"), { user, group, text: true });
    assertEquals(ids, `${user}\n${group}\n`);
  },
);

// A shell

unixTest(
  "run() with shell expands variables [cpython: POSIXProcessTestCase.test_shell_sequence, POSIXProcessTestCase.test_shell_string]",
  async () => {
    const options = { shell: true, env: { FRUIT: "apple" }, text: true } as const;
    assertEquals(await checkOutput("echo $FRUIT", options), "apple\n");
    assertEquals(await checkOutput(["echo $FRUIT"], options), "apple\n");
    assertEquals(await checkOutput(["echo $0 $1", "zero", "a  b"], options), "zero a b\n");
  },
);

unixTest(
  "run() with shell and executable runs that shell [cpython: ProcessTestCase.test_executable_replaces_shell, ProcessTestCase.test_pathlike_executable_replaces_shell, POSIXProcessTestCase.test_specific_shell]",
  async () => {
    const options = { shell: true, text: true } as const;
    assertEquals(
      await checkOutput("echo $0", { ...options, executable: "/bin/bash" }),
      "/bin/bash\n",
    );
    const executable = new URL("file:///bin/sh");
    assertEquals(await checkOutput("echo $0", { ...options, executable }), "/bin/sh\n");
  },
  { ignore: Deno.build.os !== "linux" },
);

unixTest(
  "run() keeps an argument with blanks whole, and a shell sees a quoted one so [cpython: CommandsWithSpaces.test_noshell_sequence_with_spaces, CommandsWithSpaces.test_shell_string_with_spaces]",
  async () => {
    await using folder = await makeFolder();
    const program = `${folder.path}/te st.sh`;
    await writeProgram(program, 'printf "%s " "$#" "$@"');
    assertEquals(text(await checkOutput([program, "ab cd"])), "1 ab cd ");
    assertEquals(text(await checkOutput(`"${program}" "ab cd"`, { shell: true })), "1 ab cd ");
  },
);

unixTest(
  "run(): a list without a shell is never a command",
  async () => {
    const evil = "; touch /tmp/evil $(echo x) `echo y` | cat";
    assertEquals(text(await checkOutput(["printf", "%s", evil])), evil);
  },
);

unixTest(
  "run() with shell keeps the order of both outputs in one pipe [cpython: ProcessTestCase.test_stdout_stderr_pipe]",
  async () => {
    const script = "printf a; printf b >&2; printf c; printf d >&2; sh -c 'printf e >&2; printf f'";
    for (let i = 0; i < 10; i++) {
      const options = { shell: true, stderr: "stdout", text: true } as const;
      assertEquals(await checkOutput(script, options), "abcdef");
    }
  },
);

unixTest(
  "getOutput() and getStatusOutput() strip the last line end [cpython: MiscTests.test_getoutput]",
  async () => {
    assertEquals(await getOutput("echo xyzzy"), "xyzzy");
    assertEquals(await getStatusOutput("echo xyzzy; echo"), [0, "xyzzy\n"]);
    await using folder = await makeFolder();
    const [code, output] = await getStatusOutput(`cat ${folder.path}/xyzzy`);
    assert(code !== 0);
    assertStringIncludes(output, "xyzzy");
    await assertRejects(() => getOutput("sleep 1000", { timeoutMs: 1 }), TimeoutExpiredError);
    await assertRejects(() => getOutput("x", { shell: false } as object), TypeError, '"shell"');
  },
);

Deno.test("process has all that Python's module has [cpython: MiscTests.test__all__]", () => {
  const python = "Popen call check_call getstatusoutput getoutput check_output run " +
    "CalledProcessError CompletedProcess SubprocessError TimeoutExpired";
  const ours: Record<string, string> = {
    check_call: "checkCall",
    check_output: "checkOutput",
    getstatusoutput: "getStatusOutput",
    getoutput: "getOutput",
    TimeoutExpired: "TimeoutExpiredError",
  };
  for (const name of python.split(" ")) {
    assertEquals(typeof Reflect.get(process, ours[name] ?? name), "function", name);
  }
});

// Errors

unixTest(
  "run() answers the signal that ended the program [cpython: POSIXProcessTestCase.test_run_abort]",
  async () => {
    const { returnCode, signal } = await run(sh("kill -ABRT $$"));
    assertEquals([returnCode, signal], [-6, "SIGABRT"]);
  },
);

unixTest("run() answers a signal that has no name", async () => {
  const { returnCode, signal } = await run(["bash", "-c", "kill -40 $$"]);
  assertEquals([returnCode, signal], [-40, undefined]);
  // The runtime fails to tell the status, and keeps its entry of the child.
}, { ignore: Deno.build.os !== "linux", sanitizeResources: false });

Deno.test(
  "CalledProcessError names the signal [cpython: POSIXProcessTestCase.test_CalledProcessError_str_signal]",
  () => {
    const error = new CalledProcessError(-6, ["fake", "cmd"], { signal: "SIGABRT" });
    assertEquals(error.message, "fake cmd failed: ended by SIGABRT (6)");
    assertEquals(error.name, "CalledProcessError");
  },
);

Deno.test(
  "CalledProcessError says when a signal is unknown [cpython: POSIXProcessTestCase.test_CalledProcessError_str_unknown_signal]",
  () => {
    const { message } = new CalledProcessError(-9876543, "fake cmd");
    assertEquals(message, "`fake cmd` failed: ended by the unknown signal (9876543)");
  },
);

Deno.test(
  "CalledProcessError has the exit code and the last words [cpython: POSIXProcessTestCase.test_CalledProcessError_str_non_zero]",
  () => {
    const args = ["fake", "an argument"];
    assertEquals(
      new CalledProcessError(2, args).message,
      'fake "an argument" failed: exit code 2',
    );
    const stderr = "usage: fake\nfake: no such thing\n";
    assertEquals(
      new CalledProcessError(2, args, { stderr }).message,
      'fake "an argument" failed: exit code 2; it said: fake: no such thing',
    );
    assertStringIncludes(
      new CalledProcessError(2, args, { stderr: bytes(stderr) }).message,
      "it said: fake: no such thing",
    );
    const long = new CalledProcessError(2, ["x".repeat(5_000)], { stderr: "y".repeat(5_000) });
    assert(long.message.length < 600);
  },
);

Deno.test("CompletedProcess shows the command and what was captured", () => {
  const completed = new CompletedProcess(["ls", "a b"], {
    returnCode: 2,
    stdout: "x",
    stderr: undefined,
  });
  const shown = Deno.inspect(completed);
  assertEquals(shown, 'CompletedProcess { ls "a b", returnCode: 2, stdout: "x" }');
});

// The end by a signal, a cancellation, a limit

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

unixTest(
  "run(): what is started from the inherited output comes through [cpython: ProcessTestCase.test_issue8780]",
  async () => {
    const code = `
      import { run } from ${JSON.stringify(import.meta.resolve("../../process/mod.ts"))};
      await run(["echo", "Hello World!"]);
    `;
    const output = await checkOutput([
      Deno.execPath(),
      "run",
      "--no-prompt",
      "--allow-run=echo",
      "-",
    ], {
      input: code,
      text: true,
    });
    assertEquals(output, "Hello World!\n");
  },
);

unixTest(
  "run() that fails to start leaves nothing open, however often [cpython: ProcessTestCase.test_leaking_fds_on_error]",
  async () => {
    for (let i = 0; i < 1024; i++) {
      await assertRejects(
        () => run("/no/such/program", { input: "x", captureOutput: true }),
        Deno.errors.NotFound,
      );
    }
  },
);

unixTest(
  "run(): many programs leave no descriptor open [cpython: ProcessTestCase.test_no_leaking]",
  async () => {
    const count = () => [...Deno.readDirSync("/proc/self/fd")].length;
    await run("cat", { input: "x", captureOutput: true });
    const before = count();
    for (let i = 0; i < 100; i++) {
      const { stdout } = await run("cat", { input: `${i}`, captureOutput: true, text: true });
      assertEquals(stdout, `${i}`);
    }
    assert(count() <= before + 5, `${before} descriptors became ${count()}`);
  },
  { ignore: Deno.build.os !== "linux" },
);

unixTest("run() refuses an input that is neither text nor bytes", async () => {
  for (const input of [42, [1, 2], new ArrayBuffer(1)]) {
    const options = { input: input as unknown as string };
    await assertRejects(() => run("cat", options), TypeError, "must be a string or a Uint8Array");
  }
});
