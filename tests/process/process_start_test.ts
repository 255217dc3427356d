import {
  assertEquals,
  assertGreater,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { fileURLToPath, pathToFileURL } from "node:url";
import { toText } from "@std/streams/to-text";
import { TimeoutError } from "../../coroutine/mod.ts";
import { ConnectionClosedError, EofError, pipe, Queue } from "../../ipc/mod.ts";
import {
  activeChildren,
  Process,
  ProcessDiedError,
  type ProcessOptions,
} from "../../process/mod.ts";
import { startGuarded } from "../../process/_reaper.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending } from "../support/settle.ts";
import { startProgram } from "../support/child_program.ts";

const MODULE = new URL("targets.ts", import.meta.url);
const LONG_MS = 60_000;
const PATIENCE_MS = 5_000;

function fixture(name: string): URL {
  return new URL(`fixtures/${name}`, import.meta.url);
}

function make(
  module: string | URL,
  target: string,
  options: Partial<ProcessOptions<(...args: unknown[]) => unknown>> = {},
): Process<(...args: unknown[]) => unknown> {
  return new Process({ module, target, stdout: "null", stderr: "null", ...options });
}

// What cannot be run

leakTest(
  "Process.start() tells what a module exports that does not export the target",
  async () => {
    await using child = make(MODULE, "cube");
    const { message } = await assertRejects(() => child.start(), TypeError);
    assertStringIncludes(message, 'Cannot run "cube": the module does not export a function');
    assertStringIncludes(message, "square, ");
    assertStrictEquals(
      (await assertRejects(() => child.result(), TypeError)).message,
      message,
    );
    await child.join();
    assertEquals(child.exitCode, 1);

    await using none = make(fixture("no_functions.ts"), "answer");
    await assertRejects(() => none.start(), TypeError, "It exports no function");
  },
);

leakTest(
  "Process.start() does not run a function that is not the module's own export",
  async () => {
    // Not everything that a name finds is an export.
    for (const name of ["toString", "constructor", "__proto__", "then"]) {
      await using child = make(MODULE, name);
      await assertRejects(() => child.start(), TypeError, `Cannot run "${name}"`);
    }
  },
);

leakTest("Process.start() rejects with what the module throws when it is imported", async () => {
  await using child = make(fixture("throws_at_import.ts"), "work", { stderr: "piped" });
  const starting = child.start();
  const printed = toText(child.stderr);
  const error = await assertRejects(() => starting, RangeError);
  assertEquals(error.message, "thrown at import");
  assertInstanceOf(error.cause, TypeError);
  assertMatch(error.stack!, /throws_at_import\.ts:\d+/);
  assertStringIncludes(await printed, "RangeError: thrown at import");
  await assertRejects(() => child.result(), RangeError, "thrown at import");
  await child.join();
  assertEquals(child.exitCode, 1);
});

leakTest("Process.start() rejects when there is no such module", async () => {
  const module = fixture("missing.ts");
  await using child = make(module, "work");
  const { message } = await assertRejects(() => child.start(), TypeError);
  assertStringIncludes(message, module.href);
  await child.join();
  assertEquals(child.exitCode, 1);
});

leakTest("Process.start() rejects when the module ends the process", async () => {
  await using child = make(fixture("exits_at_import.ts"), "work");
  const error = await assertRejects(() => child.start(), ProcessDiedError);
  assertEquals([error.pid, error.exitCode], [child.pid!, 5]);
  await assertRejects(() => child.result(), ProcessDiedError, "exit code 5");
});

leakTest("Process.start() rejects when there is no such program or folder", async () => {
  await using program = make(MODULE, "nothing", { executable: "/no/such/program" });
  await assertRejects(() => program.start(), Deno.errors.NotFound);
  assertEquals(program.pid, undefined);
  await using folder = make(MODULE, "nothing", { cwd: "/no/such/folder" });
  await assertRejects(() => folder.start(), Deno.errors.NotFound, "/no/such/folder");
  assertEquals(activeChildren(), []);
});

leakTest("Process.start() rejects when the program is not deno", async () => {
  await using child = make(MODULE, "nothing", { executable: "false" });
  const error = await assertRejects(() => child.start(), ProcessDiedError);
  assertEquals([error.exitCode, error.signal], [1, null]);
}, { ignore: Deno.build.os === "windows" });

leakTest("startGuarded() starts nothing when the child cannot be started", () => {
  // Also those that have just ended.
  const children = () =>
    [...Deno.readDirSync("/proc/self/task")].map(({ name }) =>
      Deno.readTextFileSync(`/proc/self/task/${name}/children`)
    ).join("");
  const before = children();
  const start = () => {
    throw new Error("there is no such program");
  };
  assertThrows(() => startGuarded(Deno.execPath(), start), Error, "no such program");
  assertEquals(children(), before);
}, { ignore: Deno.build.os !== "linux" });

// Arguments that cannot be carried

leakTest(
  "Process.start() names the argument that cannot be carried, and spawns nothing",
  async () => {
    const values: [unknown[], RegExp][] = [
      [[() => 1], /function.*0|0.*function/s],
      [[1, { a: [new Map(), Symbol("s")] }], /1.*a.*1/s],
      [[new WeakMap()], /0/],
      [[new Promise(() => {})], /0/],
    ];
    for (const [args, path] of values) {
      await using child = make(MODULE, "echo", { args });
      const { message } = await assertRejects(() => child.start(), TypeError);
      assertMatch(message, path);
      assertEquals(child.pid, undefined);
      assertEquals(child.isAlive(), false);
    }
    assertEquals(activeChildren(), []);
  },
);

leakTest("Process.start() refuses a queue that is closed, and spawns nothing", async () => {
  const queue = new Queue<number>();
  await queue.close();
  await using child = make(MODULE, "echo", { args: [queue] });
  await assertRejects(() => child.start(), ConnectionClosedError, "the queue is closed");
  assertEquals(child.pid, undefined);
});

// Limits

leakTest(
  "Process.start() kills a child whose module is never imported, after timeoutMs",
  async () => {
    await using child = make(fixture("never_imported.ts"), "work");
    const { message } = await assertRejects(() => child.start({ timeoutMs: 500 }), TimeoutError);
    assertEquals(message, `${child.name} did not start within 500 ms`);
    assertEquals([child.isAlive(), child.exitCode], [false, -9]);
    await assertRejects(() => child.result(), ProcessDiedError, "SIGKILL");
  },
);

leakTest("Process.start() kills a child that computes for ever while it is imported", async () => {
  await using child = make(fixture("spins_at_import.ts"), "work");
  await assertRejects(() => child.start({ timeoutMs: 500 }), TimeoutError);
  assertEquals([child.isAlive(), child.exitCode], [false, -9]);
});

leakTest("Process.start() kills the child when its signal aborts", async () => {
  await using child = make(fixture("never_imported.ts"), "work");
  const controller = new AbortController();
  const starting = child.start({ signal: controller.signal, timeoutMs: LONG_MS });
  await assertPending(starting, "start()");
  assertGreater(child.pid, 0);
  const reason = new Error("enough");
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => starting), reason);
  assertEquals([child.isAlive(), child.exitCode], [false, -9]);
});

leakTest("Process.start() spawns nothing with an aborted signal or a wrong limit", async () => {
  await using child = make(MODULE, "square", { args: [5] });
  const reason = new Error("before");
  const signal = AbortSignal.abort(reason);
  assertStrictEquals(await assertRejects(() => child.start({ signal })), reason);
  await assertRejects(() => child.start({ timeoutMs: -1 }), RangeError);
  assertEquals(child.pid, undefined);
  // It was not started, so it still can be.
  const controller = new AbortController();
  await child.start({ signal: controller.signal, timeoutMs: LONG_MS });
  controller.abort();
  assertEquals(await child.result(), 25);
});

// Where the code comes from

leakTest("Process finds the configuration of the module from every working directory", async () => {
  const cwd = await Deno.makeTempDir();
  try {
    await using child = make(fixture("mapped/uses_answer.ts"), "getAnswer", { cwd });
    await child.start();
    assertEquals(await child.result(), 42);
    const other = fixture("mapped/other.json");
    for (const config of [other, other.href, fileURLToPath(other)]) {
      await using other = make(fixture("mapped/uses_answer.ts"), "getAnswer", { cwd, config });
      await other.start();
      assertEquals(await other.result(), 43);
    }
  } finally {
    await Deno.remove(cwd);
  }
});

leakTest("Process runs a module that has no configuration anywhere above it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/twice.js`, "export const twice = (n) => 2 * n;");
    await using child = make(pathToFileURL(`${folder}/twice.js`), "twice", { args: [21] });
    await child.start();
    assertEquals(await child.result(), 42);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

leakTest("Process runs a module of a data: URL", async () => {
  const module = "data:text/javascript,export const twice = (n) => 2 * n;";
  await using child = make(module, "twice", { args: [21] });
  await child.start();
  assertEquals(await child.result(), 42);
});

leakTest(
  "Process runs the program that it is told [cpython: _TestProcess.test_set_executable]",
  async () => {
    for (const executable of [Deno.execPath(), new URL(`file://${Deno.execPath()}`)]) {
      await using child = make(MODULE, "square", { args: [3], executable });
      await child.start();
      assertEquals(await child.result(), 9);
    }
  },
  { ignore: Deno.build.os === "windows" },
);

// The program goes on while it waits

const WAITS: [what: string, line: string][] = [
  ["start()", ""],
  ["result()", "await child.result();"],
  ["join()", "await child.join();"],
  ["disposal", "await child[Symbol.asyncDispose]();"],
];
for (const daemon of [false, true]) {
  leakTest(
    `Process keeps a program alive that awaits it in a function, with daemon: ${daemon}`,
    async () => {
      await Promise.all(WAITS.map(async ([what, line]) => {
        const code = `
          import { Process } from "@manyhands/concurrency/process";
          async function main() {
            const child = new Process({
              module: ${
          JSON.stringify(MODULE)
        }, target: "squareLater", args: [3], daemon: ${daemon},
            });
            await child.start();
            ${line}
            console.log("READY");
          }
          // Not awaited: at the top level of a module the runtime waits in any case.
          main();
        `;
        const flags = ["--allow-run", "--allow-net", "--allow-read"];
        await using program = await startProgram({ code }, { flags });
        assertEquals((await program.status).code, 0, what);
      }));
    },
  );
}

leakTest(
  "Process.start() takes back what it has passed when it cannot spawn the child",
  async () => {
    const [here, there] = pipe<string>();
    await using _here = here;
    await using child = make(MODULE, "echo", { args: [there], executable: "/no/such/program" });
    await assertRejects(() => child.start(), Deno.errors.NotFound);
    await there.close();
    // The end counts as one of a child that has died, and is not waited for.
    await assertRejects(() => here.recv({ timeoutMs: PATIENCE_MS }), EofError);
  },
);

leakTest(
  "Process.start() takes back what it has passed beside what cannot be carried",
  async () => {
    const [here, there] = pipe<string>();
    await using _here = here;
    await using child = make(MODULE, "echo", { args: [there, () => {}] });
    await assertRejects(() => child.start(), TypeError);
    await there.close();
    await assertRejects(() => here.recv({ timeoutMs: PATIENCE_MS }), EofError);
  },
);
