import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { toText } from "@std/streams/to-text";
import { currentTask, spawn } from "../../coroutine/mod.ts";
import { Queue } from "../../ipc/mod.ts";
import {
  activeChildren,
  exit,
  Process,
  ProcessDiedError,
  type ProcessOptions,
  SystemExitError,
  type TargetFunction,
} from "../../process/mod.ts";
import { startProgram } from "../support/child_program.ts";
import { leakTest } from "../support/leaks.ts";
import * as targets from "./end_targets.ts";
import * as common from "./targets.ts";

const MODULE = new URL("end_targets.ts", import.meta.url);
const COMMON = new URL("targets.ts", import.meta.url);

function make<F extends TargetFunction>(
  target: F,
  args: Parameters<F>,
  options: Partial<ProcessOptions<F>> = {},
): Process<F> {
  return new Process<F>({
    module: MODULE,
    target,
    args,
    stdout: "null",
    stderr: "null",
    ...options,
  });
}

// exit()

const VALUES: [value: unknown, exitCode: number, printed: string][] = [
  [undefined, 0, ""],
  [null, 0, ""],
  [true, 1, ""],
  [false, 0, ""],
  [0, 0, ""],
  [42, 42, ""],
  [2 ** 40 + 3, 3, ""],
  ["no such file", 1, "no such file\n"],
  [1.5, 1, "1.5\n"],
  [[1, 2, 3], 1, "1,2,3\n"],
];

for (const target of [targets.exitWithValue, targets.throwExit]) {
  leakTest(
    `exit() follows the rules of sys.exit: ${target.name} [cpython: _TestSubclassingProcess.test_sys_exit]`,
    async () => {
      await Promise.all(VALUES.map(async ([value, exitCode, printed]) => {
        await using child = make(target, [value], { stderr: "piped" });
        await child.start();
        const text = toText(child.stderr);
        const error = await assertRejects(() => child.result(), ProcessDiedError);
        assertEquals([error.exitCode, error.signal], [exitCode, null], String(value));
        await child.join();
        assertEquals([child.exitCode, await text], [exitCode, printed], String(value));
      }));
    },
  );
}

leakTest("exit() prints an object as it wants to be printed", async () => {
  await using child = make(targets.exitWithObject, [], { stderr: "piped" });
  await child.start();
  assertEquals(await toText(child.stderr), "an object of its own\n");
  await child.join();
  assertEquals(child.exitCode, 1);
});

leakTest("exit() lets finally blocks have their turn, and can be caught", async () => {
  await using words = new Queue<string>();
  await using leaves = make(targets.exitThroughFinally, [words]);
  await using stays = make(targets.catchExit, []);
  await Promise.all([leaves.start(), stays.start()]);
  assertEquals(await words.get(), "finally");
  await leaves.join();
  assertEquals(leaves.exitCode, 6);
  assertEquals(await stays.result(), "SystemExitError");
  await stays.join();
  assertEquals(stays.exitCode, 0);
});

leakTest("exit() while the module is imported ends the child", async () => {
  const code = `import { exit } from ${JSON.stringify(import.meta.resolve("../../process/mod.ts"))};
    exit("not today");
    export function never() {}`;
  const module = `data:text/javascript,${encodeURIComponent(code)}`;
  await using child = new Process({ module, target: "never", stderr: "piped" });
  const starting = assertRejects(() => child.start(), ProcessDiedError, "exit code 1");
  const printed = toText(child.stderr);
  await starting;
  assertEquals(await printed, "not today\n");
});

leakTest("exit() in the main process ends it by the same rules", async () => {
  for (const [value, exitCode, printed] of VALUES) {
    const code = `
      import { exit } from "@manyhands/concurrency/process";
      console.log("READY");
      exit(${JSON.stringify(value)});
    `;
    await using program = await startProgram({ code });
    assertEquals((await program.status).code, exitCode, String(value));
    await Array.fromAsync(program.stdout);
    assertEquals(program.stderr, printed);
  }
});

Deno.test("new SystemExitError() tells the value and what it means", () => {
  for (const [value, exitCode] of VALUES) {
    const error = new SystemExitError(value);
    assertEquals([error.name, error.value, error.exitCode], ["SystemExitError", value, exitCode]);
  }
  assertEquals(new SystemExitError("the reason").message, "the reason");
  assertEquals(typeof exit, "function");
});

// What cannot be carried

leakTest("Process.result() rejects when the target throws what cannot be carried", async () => {
  const kinds: targets.Unsendable[] = ["function", "symbol", "field", "cause", "getter"];
  const errors = await Promise.all(kinds.map(async (kind) => {
    await using child = make(targets.throwUnsendable, [kind]);
    await child.start();
    const error = await child.result().then(() => "resolved", (error) => error);
    await child.join();
    assertEquals(child.exitCode, 1, kind);
    return error;
  }));
  const [func, symbol, field, cause, getter] = errors;
  // What is no error arrives as its text.
  assertEquals([typeof func, symbol], ["string", "Symbol(thrown)"]);
  for (const error of [field, cause, getter]) assertInstanceOf(error, RangeError);
  assertEquals([field.name, field.message], ["RangeError", "with a field"]);
  assertEquals([cause.name, cause.message], ["RangeError", "with a cause"]);
  assertEquals([getter.name, getter.message], ["RangeError", "with a getter"]);
});

// Deaths

leakTest("Process.result() is whole or rejects when the child dies with its result", async () => {
  const bytes = 16 * 1024 * 1024;
  const outcomes = await Promise.all([0, 1, 3, 6, 10, 15, 25].map(async (afterMs) => {
    await using child = make(targets.dieWithResult, [bytes, afterMs]);
    await child.start();
    try {
      const result = await child.result();
      assertEquals([result.length, result.at(-1)], [bytes, 7]);
      return "whole";
    } catch (error) {
      assertInstanceOf(error, ProcessDiedError);
      assertEquals([error.signal, error.pid], ["SIGKILL", child.pid!]);
      return "died";
    }
  }));
  assert(outcomes.includes("died"), outcomes.join());
  assertEquals(activeChildren(), []);
});

leakTest("Process.start() settles whenever its signal aborts", async () => {
  for (let afterMs = 0; afterMs <= 60; afterMs += 4) {
    await using child = make(common.square, [2], { module: COMMON });
    const controller = new AbortController();
    const reason = new Error(`after ${afterMs} ms`);
    const timer = setTimeout(() => controller.abort(reason), afterMs);
    try {
      await child.start({ signal: controller.signal });
      assertEquals(await child.result(), 4);
    } catch (error) {
      assertStrictEquals(error, reason);
      assertEquals([child.isAlive(), child.exitCode], [false, -9]);
      assertInstanceOf(await child.result().catch((error) => error), ProcessDiedError);
    }
    clearTimeout(timer);
  }
  assertEquals(activeChildren(), []);
});

leakTest("Process.start() with timeoutMs: 0 leaves no child", async () => {
  await using child = make(common.square, [2], { module: COMMON });
  await assertRejects(() => child.start({ timeoutMs: 0 }), Error, "did not start within 0 ms");
  assertEquals([child.isAlive(), child.exitCode], [false, -9]);
});

leakTest(
  "Process: fifty start at once, and return [cpython: _TestProcess.test_many_processes]",
  async () => {
    const children = Array.from(
      { length: 50 },
      (_, i) => make(common.square, [i], { module: COMMON }),
    );
    await Promise.all(children.map((child) => child.start()));
    const results = await Promise.all(children.map((child) => child.result()));
    assertEquals(results, children.map((_, i) => i * i));
    await Promise.all(children.map((child) => child.join()));
    assert(children.every(({ exitCode }) => exitCode === 0));
    assertEquals(activeChildren(), []);
  },
);

// Limits

leakTest(
  "Process.memoryLimitMb ends a child whose heap is full, and result() says so",
  async () => {
    await using child = make(targets.fillHeap, [], { memoryLimitMb: 32 });
    await child.start();
    const error = await assertRejects(() => child.result(), ProcessDiedError);
    assertStringIncludes(error.message, `before "fillHeap" had returned`);
    assertStringIncludes(error.message, "out of memory (heap, whose limit was 32 MB)");
    assert(error.exitCode < 0, error.message);
  },
  { ignore: Deno.build.os === "windows" },
);

leakTest("Process.memoryLimitMb does not count buffers", async () => {
  await using child = make(targets.fillBuffers, [64], { memoryLimitMb: 32 });
  await child.start();
  assertEquals(await child.result(), 64);
});

/** The niceness of the thread that runs a process's code. */
function readNiceness(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // The name, in brackets, may hold blanks; niceness is the 17th field after it.
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]);
}

leakTest("Process.niceness is how far the child stands back", async () => {
  const options = { module: COMMON };
  await using nice = make(common.waitForever, [], { ...options, niceness: 7 });
  await using plain = make(common.waitForever, [], options);
  await Promise.all([nice.start(), plain.start()]);
  assertEquals(readNiceness(nice.pid!), 7);
  assertEquals(readNiceness(plain.pid!), readNiceness(Deno.pid));
}, { ignore: Deno.build.os !== "linux" });

leakTest("Process.niceness names the flag that it needs, and spawns nothing", async () => {
  const code = `
    import { activeChildren, Process } from "@manyhands/concurrency/process";
    console.log("READY");
    const child = new Process({
      module: ${JSON.stringify(COMMON)}, target: "square", args: [7], niceness: 5,
    });
    try {
      await child.start();
      console.log(await child.result());
    } catch (error) {
      console.log(error.name + ": " + error.message, activeChildren().length);
    }
  `;
  const run = async (flags: string[]) => {
    await using program = await startProgram({ code }, { flags });
    return await program.nextLine();
  };
  const flags = ["--allow-run=deno", "--allow-net=127.0.0.1"];
  assertEquals(
    await run(flags),
    "NotCapable: Cannot start a process with a niceness: run again with --allow-sys=setPriority 0",
  );
  assertEquals(await run([...flags, "--allow-sys=setPriority"]), "49");
});

leakTest(
  "Process.niceness is refused, and nothing runs, where the system does not allow it",
  async () => {
    const fixture = new URL("fixtures/less_nice.ts", import.meta.url);
    const command = [Deno.execPath(), "run", "--no-prompt", "--allow-all", fixture.pathname];
    // Root may, unless it gives up the right to.
    if (Deno.uid() === 0) command.unshift("setpriv", "--bounding-set=-sys_nice");
    const [program = "", ...args] = command;
    await using running = await startProgram({ command: program }, { args });
    const line =
      "PermissionDenied: Cannot start a process with niceness -5: the system does not allow " +
      "it; it takes the rights of an administrator to be less nice than this process is undefined 0";
    assertEquals(await Array.fromAsync(running.stdout), [line, line]);
    assertEquals([(await running.status).code, running.stderr], [0, ""]);
  },
  { ignore: Deno.build.os !== "linux" },
);

Deno.test("new Process() refuses limits that are none", () => {
  const make = (options: object) => () =>
    new Process({ module: MODULE, target: "fillHeap", ...options });
  assertThrows(make({ memoryLimitMb: 0 }), RangeError, '"memoryLimitMb" must be a whole number');
  assertThrows(make({ memoryLimitMb: 1.5 }), RangeError, "got 1.5");
  assertThrows(make({ memoryLimitMb: Infinity }), RangeError, "got Infinity");
  assertThrows(make({ memoryLimitMb: "64" }), TypeError, "got string");
  assertThrows(make({ niceness: 20 }), RangeError, '"niceness" must be a whole number from -20');
  assertThrows(make({ niceness: -21 }), RangeError, "got -21");
  assertThrows(make({ niceness: 0.5 }), RangeError, "got 0.5");
  assertThrows(make({ niceness: null }), TypeError, "got object");
});

// Standard streams

leakTest(
  "Process: a child that closes its outputs ends with 0 [cpython: _TestProcess.test_error_on_stdio_flush_2]",
  async () => {
    for (const stdio of ["null", "piped"] as const) {
      const options = { stdout: stdio, stderr: stdio };
      await using closes = make(targets.closeOutputs, [], options);
      await using fails = make(targets.failWithoutOutputs, [], options);
      await using input = make(targets.closeInput, [], options);
      await Promise.all([closes.start(), fails.start(), input.start()]);
      assertEquals(await closes.result(), "returned");
      assertEquals(await input.result(), "returned");
      await assertRejects(() => fails.result(), RangeError, "nobody reads this");
      await Promise.all([closes.join(), fails.join(), input.join()]);
      assertEquals([closes.exitCode, fails.exitCode, input.exitCode], [0, 1, 0]);
      if (stdio === "null") continue;
      for (const child of [closes, fails, input]) {
        await child.stdout.cancel();
        await child.stderr.cancel();
      }
    }
  },
);

leakTest(
  "Process starts when this process has closed its outputs [cpython: _TestProcess.test_error_on_stdio_flush_1]",
  async () => {
    const code = `
      import { Process } from "@manyhands/concurrency/process";
      console.log("READY");
      Deno.stdout.close();
      Deno.stderr.close();
      const module = ${JSON.stringify(COMMON)};
      const child = new Process({ module, target: "square", args: [7] });
      await child.start();
      const result = await child.result();
      await child.join();
      Deno.exit(result === 49 ? 20 + child.exitCode : 1);
    `;
    const flags = ["--allow-run", "--allow-net"];
    await using program = await startProgram({ code }, { flags });
    assertEquals((await program.status).code, 20);
  },
);

leakTest(
  "Process: what a child does when it is unloaded is done, however it ends [cpython: _TestAtExit.test_atexit]",
  async () => {
    for (const how of ["return", "exit", "throw"] as const) {
      await using child = make(targets.printAtUnload, [how], { stdout: "piped" });
      await child.start();
      assertEquals(await toText(child.stdout), "unloaded\n", how);
      await child.join();
      assertEquals(child.exitCode, { return: 0, exit: 3, throw: 1 }[how]);
    }
  },
);

// Parents

leakTest(
  "parentProcess() is the process that started this one [cpython: _TestProcess.test_parent_process_attributes]",
  async () => {
    await using child = make(targets.reportParents, [1], { permissions: "inherit" });
    await child.start();
    const [own, grandchild] = await child.result();
    assertEquals(own!.ownPid, child.pid);
    assertEquals(own!.parent, { name: "MainProcess", pid: Deno.pid });
    assertEquals(grandchild!.parent, { name: child.name, pid: child.pid! });
    assertMatch(child.name, /^Process-\d+$/);
  },
);

leakTest(
  "Process[Symbol.asyncDispose]() ends the child also in a task that was cancelled",
  async () => {
    let child: Process<typeof common.waitForever> | undefined;
    const task = spawn(async () => {
      await using process = child = new Process({
        module: COMMON,
        target: common.waitForever,
        args: [],
        stdout: "null",
        stderr: "null",
      });
      await process.start();
      // The next wait is to hear of it, which must not be that of the disposal.
      currentTask()!.cancel();
    });
    await task.catch(() => {});
    assertEquals(child!.isAlive(), false);
    assertEquals(child!.exitCode, -15);
  },
);

leakTest("Process.toString() tells name, process id, state and daemon", async () => {
  await using child = new Process({
    module: COMMON,
    target: common.exitWith,
    args: [3],
    name: "worker",
    daemon: true,
    stderr: "null",
  });
  assertEquals(`${child}`, "Process { worker, initial, daemon }");
  await child.start();
  const pid = child.pid!;
  await child.join();
  assertEquals(
    Deno.inspect(child),
    `Process { worker, pid: ${pid}, stopped, exitCode: 3, daemon }`,
  );
  await using other = make(common.waitForever, [], { module: COMMON, name: "other" });
  await other.start();
  assertEquals(`${other}`, `Process { other, pid: ${other.pid}, started }`);
});
