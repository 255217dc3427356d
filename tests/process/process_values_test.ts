import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { toText } from "@std/streams/to-text";
import { ConnectionClosedError, Queue } from "../../ipc/mod.ts";
import { Process, type ProcessOptions, type TargetFunction } from "../../process/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { kindOf, Trap } from "./serializer_targets.ts";
import * as targets from "./targets.ts";

const MODULE = new URL("targets.ts", import.meta.url);
const LARGE_BYTES = 5 * 1024 * 1024;

async function run<F extends TargetFunction>(
  target: F,
  args: Parameters<F>,
  options: Partial<ProcessOptions<F>> = {},
): Promise<Awaited<ReturnType<F>>> {
  await using child = new Process<F>({ module: MODULE, target, args, ...options });
  await child.start();
  return await child.result();
}

// Arguments and results

leakTest(
  "Process carries arguments and results of every kind [cpython: _TestProcess.test_args_argument]",
  async () => {
    const circle: Record<string, unknown> = { name: "circle" };
    circle.self = circle;
    const values = [
      ...[1, -0, NaN, Infinity, "text", "", true, null, undefined, 2n ** 70n],
      ...[[1, [2, [3]]], { a: { b: "c" } }, new Date(0), /a+/gi],
      new Map<unknown, unknown>([["a", 1], [{ b: 2 }, new Set([3])]]),
      ...[new Uint8Array([1, 2, 3]), new Float64Array([1.5]), new Uint8Array([4, 5]).buffer],
      [undefined, , 3],
      circle,
    ];
    const back = await run(targets.echo, values);
    assertEquals(back.slice(0, -1), values.slice(0, -1));
    assert(Object.is(back[1], -0));
    const last = back.at(-1) as typeof circle;
    assert(last.self === last && last.name === "circle");
  },
);

leakTest("Process carries no argument, one argument, and one that is an array", async () => {
  assertEquals(await run(targets.echo, []), []);
  assertEquals(await run(targets.echo, [undefined]), [undefined]);
  assertEquals(await run(targets.echo, [new Uint8Array([7])]), [new Uint8Array([7])]);
  assertEquals(await run(targets.echo, [[1, 2]]), [[1, 2]]);
});

leakTest("Process carries large arguments and results", async () => {
  const bytes = new Uint8Array(LARGE_BYTES).map((_, i) => i * 7 + (i >> 8));
  const text = "ä".repeat(LARGE_BYTES / 2);
  const [sameBytes, sameText] = await run(targets.echo, [bytes, text]);
  assertInstanceOf(sameBytes, Uint8Array);
  // Comparing them by assertEquals() takes long.
  assert(sameBytes.length === bytes.length && bytes.every((byte, i) => sameBytes[i] === byte));
  assert(sameText === text);
});

leakTest("Process copies its arguments when it starts", async () => {
  const list = [1];
  await using child = new Process({ module: MODULE, target: targets.echo, args: [list] });
  list.push(2);
  const starting = child.start();
  await starting;
  list.push(3);
  assertEquals(await child.result(), [[1, 2]]);
});

// Queues

leakTest("Process: a queue that is passed as an argument is the same one", async () => {
  await using queue = new Queue<number>();
  await run(targets.putAll, [queue, [1, 2, 3]]);
  assertEquals([await queue.get(), await queue.get(), await queue.get()], [1, 2, 3]);
  assert(await queue.empty());
});

leakTest("Process: a queue can be passed within other data, and back", async () => {
  await using queue = new Queue<number>();
  const [{ inner, again }] = await run(targets.echo, [{ inner: [queue], again: queue }]) as [
    { inner: [Queue<number>]; again: Queue<number> },
  ];
  assertInstanceOf(inner[0], Queue);
  await queue.put(5);
  assertEquals(await inner[0].get(), 5);
  await inner[0].close();
  await assertRejects(() => inner[0].get(), ConnectionClosedError);
  await again.close();
  // Only their shares were given up.
  await queue.put(6);
  assertEquals(await queue.get(), 6);
});

leakTest("Process: a child passes a queue on to its own child", async () => {
  await using queue = new Queue<number>();
  await run(targets.passOn, [queue, [8, 9]], { permissions: "inherit" });
  assertEquals([await queue.get(), await queue.get()], [8, 9]);
});

// Environment

leakTest(
  "Process.env: the child has the variables that are given, and none of this process",
  async () => {
    const permissions = { env: true };
    Deno.env.set("PROCESS_VALUES_TEST", "of the parent");
    try {
      const given = { ONLY: "this one", EMPTY: "" };
      const env = await run(targets.readEnvironment, [], { env: given, permissions });
      // The runtime itself sets some.
      const own = Object.keys(env).filter((name) => name !== "PATH" && !name.startsWith("DENO_"));
      assertEquals(own.sort(), ["EMPTY", "ONLY"]);
      assertEquals([env.ONLY, env.EMPTY], ["this one", ""]);
      const none = await run(targets.readEnvironment, [], { env: {}, permissions });
      assertEquals(none.PROCESS_VALUES_TEST, undefined);
      const inherited = await run(targets.readEnvironment, [], { permissions });
      assertEquals(inherited.PROCESS_VALUES_TEST, "of the parent");
    } finally {
      Deno.env.delete("PROCESS_VALUES_TEST");
    }
  },
);

leakTest("Process.cwd: the child runs in the folder that is given", async () => {
  const permissions = { read: true };
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    assertEquals(await run(targets.readCwd, [], { cwd: folder, permissions }), folder);
    const url = new URL(`file://${folder}/`);
    assertEquals(await run(targets.readCwd, [], { cwd: url, permissions }), folder);
    assertEquals(await run(targets.readCwd, [], { permissions }), Deno.cwd());
  } finally {
    await Deno.remove(folder);
  }
}, { ignore: Deno.build.os === "windows" });

// Output

leakTest("Process.stdout and Process.stderr are what the child prints, when piped", async () => {
  await using child = new Process({
    module: MODULE,
    target: targets.print,
    args: ["to stdout", "to stderr"],
    stdout: "piped",
    stderr: "piped",
  });
  await child.start();
  const [out, err] = await Promise.all([
    toText(child.stdout),
    toText(child.stderr),
  ]);
  assertEquals([out, err], ["to stdout\n", "to stderr\n"]);
  await child.join();
  assertEquals(child.exitCode, 0);
});

leakTest("Process.stdout and Process.stderr are not there without a pipe", async () => {
  await using child = new Process({
    module: MODULE,
    target: targets.print,
    args: ["nobody", "reads this"],
    stdout: "null",
    stderr: "null",
  });
  await child.start();
  assertThrows(() => child.stdout, TypeError, 'the option "stdout" is not "piped"');
  assertThrows(() => child.stderr, TypeError, 'the option "stderr" is not "piped"');
  await child.join();
  assertEquals(child.exitCode, 0);
});

leakTest("Process.stdout: pipes that nobody reads do not hold up the child's end", async () => {
  await using child = new Process({
    module: MODULE,
    target: targets.print,
    args: ["few words", "no more"],
    stdout: "piped",
    stderr: "piped",
  });
  await child.start();
  await child.join();
  assertEquals(child.exitCode, 0);
  assertStringIncludes(await toText(child.stdout), "few words");
  await child.stderr.cancel();
});

leakTest("Process ends with exit code 1 when its arguments cannot be read there", async () => {
  await using child = new Process({
    module: import.meta.resolve("./serializer_targets.ts"),
    target: kindOf,
    args: [new Trap("throw")],
  });
  await child.start();
  await assertRejects(() => child.result(), RangeError, "not to be read here");
  assertEquals(await child.join({ timeoutMs: 30_000 }), true);
  assertEquals(child.exitCode, 1);
});
