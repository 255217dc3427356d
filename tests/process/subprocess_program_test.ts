import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  call,
  checkOutput,
  getOutput,
  getStatusOutput,
  run,
  TimeoutExpiredError,
} from "../../process/mod.ts";
import { makeFolder, sh, text, unixTest, writeProgram } from "./_programs.ts";

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
