import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import {
  type AsyncResult,
  CancelledError,
  InvalidStateError,
  PoolClosedError,
  spawn,
  TimeoutError,
} from "../../coroutine/mod.ts";
import {
  type ManagedPoolFunction,
  Manager,
  PoolProxy,
  PyGlobal,
  PyKeywords,
  PythonError,
  type SyncManager,
} from "../../distributed/mod.ts";
import { RemoteError } from "../../ipc/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { runPython } from "../support/python.ts";
import { noPython, openPython } from "./python_sync_servers.ts";
import { assertPending } from "../support/settle.ts";

/** Pools of managers, across the languages. */

if (noPython) console.warn("python_pool_test: there is no python3, so nothing is tested with it");

const MODULE = import.meta.resolve("./python_pool_targets.ts");
const KEY = "a key";
const LIMIT = { timeoutMs: 20_000 };
const reason = new Error("enough");

/** A manager of this package, in a process of its own: that has the workers. */
async function openHere(): Promise<SyncManager> {
  return await Manager({
    address: "127.0.0.1:0",
    authkey: KEY,
    module: MODULE,
    permissions: { run: ["deno"], net: ["127.0.0.1"] },
  });
}

function portOf(manager: SyncManager): string {
  return String((manager.address as { port: number }).port);
}

// A Python program and a pool of this package

leakTest(
  "SyncManager and Python's own show a Python program the same pool, whose functions it names",
  async () => {
    const script = await Deno.readTextFile(
      new URL("fixtures/python_pool_script.py", import.meta.url),
    );
    await using python = await openPython();
    const expected = await runPython(script, { args: [portOf(await python.connect()), KEY] });
    assertEquals([expected.code, expected.stderr], [0, ""]);
    await using manager = await openHere();
    const seen = await runPython(script, { args: [portOf(manager), KEY, "names"] });
    assertEquals([seen.stdout.split("\n"), seen.stderr], [expected.stdout.split("\n"), ""]);
  },
  { ignore: noPython },
);

leakTest(
  "A pool of SyncManager calls nothing that a Python program sends as a function",
  async () => {
    const script = `
import math, sys, threading
from multiprocessing.managers import SyncManager

manager = SyncManager(("127.0.0.1", int(sys.argv[1])), sys.argv[2].encode())
manager.connect()
pool = manager.Pool(1)

def attempt(function, *args, **kwds):
    try:
        print(function(*args, **kwds))
    except Exception as error:
        text = [line for line in str(error).split("\\n") if line.strip("- ")][-1]
        print(type(error).__name__, text)

def own():
    pass

# Whoever sends what is not data is disconnected: each has a connection of its own.
for args in (own,), (math.sqrt, (4,)):
    thread = threading.Thread(target=attempt, args=(pool.apply, *args))
    thread.start()
    thread.join()
attempt(pool.apply, len, ("abc",))
attempt(pool.apply, "toString")
attempt(pool.apply_async, "add", (1, 2), {}, len)
attempt(pool.apply, "add", (1, 2))
attempt(pool.map, "nothing", [1])
attempt(manager.Pool, 1, len)
with manager.Pool(1, "add", (1, 2)) as begun:
    attempt(begun.apply, "add", (1, 2))
pool.terminate()
`;
    await using manager = await openHere();
    const seen = await runPython(script, { args: [portOf(manager), KEY] });
    assertEquals(seen.stderr, "");
    const lines = seen.stdout.trimEnd().split("\n");
    const expected: (string | RegExp)[] = [
      /^RemoteError UnpicklingError: .*"__main__\.own"/,
      /^RemoteError UnpicklingError: .*"math\.sqrt"/,
      /^TypeError Cannot call a function of the pool: it takes the name/,
      /toString/,
      "TypeError a callback cannot be sent to the manager",
      "3",
      /nothing/,
      /^RemoteError TypeError: Cannot call a function of the pool: it takes the name/,
      "3",
    ];
    assertEquals(lines.length, expected.length, seen.stdout);
    for (const [i, line] of expected.entries()) {
      assert(typeof line === "string" ? line === lines[i] : line.test(lines[i]!), lines[i]);
    }
  },
  { ignore: noPython },
);

// A pool of either language, used from here

type Name = "sqrt" | "add" | "sleep";

/** The function of a name, of whatever arguments. */
// deno-lint-ignore no-explicit-any -- each has its own
type Named = (name: Name) => ManagedPoolFunction<any[], any>;

async function usePool(pool: PoolProxy, named: Named): Promise<unknown[]> {
  const [sqrt, add] = [named("sqrt"), named("add")];
  const results: unknown[] = [
    pool.constructor === PoolProxy,
    await pool.apply(sqrt, [16]),
    await pool.apply(add, ["a", "b"]),
    await pool.map(sqrt, [1, 4, 9]),
    await pool.map(sqrt, [], { chunkSize: 2 }),
    await pool.starmap(add, [[1, 2], [3, 4]], { chunkSize: 1 }),
    await Array.fromAsync(pool.imap(sqrt, [1, 4, 9])),
    await Array.fromAsync(pool.imap(sqrt, Array(20).keys(), { chunkSize: 3 })),
    (await Array.fromAsync(pool.imapUnordered(sqrt, [1, 4, 9]))).toSorted(),
  ];
  for await (const n of pool.imap(sqrt, [25, 36])) {
    results.push(n);
    break;
  }
  const seen: unknown[] = [];
  await assertRejects(async () => {
    for await (const n of pool.imap(sqrt, [1, -1, 4])) seen.push(n);
  }, "nonnegative");
  results.push(seen);
  await assertRejects(() => pool.map(sqrt, [1, -1]), "nonnegative");

  const result = pool.applyAsync(sqrt, [9]);
  assertEquals(result.ready(), false);
  assertThrows(() => result.successful(), InvalidStateError);
  results.push(await result.wait(LIMIT), result.ready(), result.successful(), result.cancelled());
  results.push(await result, await result.get(), String(result));
  results.push(await pool.mapAsync(sqrt, [1, 4]), await pool.starmapAsync(add, [[1, 2]]));
  const failing = pool.applyAsync(sqrt, [-1]);
  results.push(await failing.wait(LIMIT), failing.ready(), failing.successful());
  await assertRejects(() => failing.get(), "nonnegative");

  await assertRejects(() => pool.join(), InvalidStateError);
  await pool.close();
  await assertRejects(() => pool.apply(sqrt, [1]), PoolClosedError);
  await pool.join(LIMIT);
  return results;
}

const USED: readonly unknown[] = [
  true,
  4,
  "ab",
  [1, 2, 3],
  [],
  [3, 7],
  [1, 2, 3],
  [0, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4],
  [1, 2, 3],
  5,
  [1],
  ...[true, true, true, false, 3, 3, "AsyncResult { succeeded }"],
  [1, 2],
  [3],
  ...[true, true, false],
];

leakTest("PoolProxy does all that a pool does", async () => {
  await using manager = await openHere();
  assertEquals(await usePool(await manager.pool(2), (name) => name), USED);
});

leakTest("PoolProxy does all that a pool does in a manager in Python", async () => {
  await using python = await openPython();
  const client = await python.connect();
  const names = { sqrt: "math.isqrt", add: "operator.add", sleep: "time.sleep" } as const;
  assertEquals(await usePool(await client.pool(2), (name) => names[name]), USED);
}, { ignore: noPython });

leakTest("PoolProxy: what waits for a pool can be given up in either language", async () => {
  await using here = await openHere();
  await using python = await openPython();
  for (
    const [client, sleep] of [[here, "sleep"], [await python.connect(), "time.sleep"]] as const
  ) {
    await using pool = await client.pool(4);
    await assertRejects(() => pool.apply(sleep, [60], { timeoutMs: 50 }), TimeoutError);
    const controller = new AbortController();
    const given: AsyncResult<unknown> = pool.applyAsync(sleep, [60], controller);
    const waiting = pool.apply(sleep, [60], controller);
    await assertPending(waiting);
    assertEquals(await given.wait({ timeoutMs: 10 }), false);
    await assertRejects(() => given.get({ timeoutMs: 10 }), TimeoutError);
    controller.abort(reason);
    assertEquals(await assertRejects(() => waiting), reason);
    assertEquals(await assertRejects(() => given.get()), reason);
    assertEquals([given.cancelled(), given.cancel()], [true, false]);
    const early = pool.applyAsync(sleep, [60], { signal: AbortSignal.abort(reason) });
    assertEquals(await assertRejects(() => early.get()), reason);
    assertEquals(early.cancelled(), true);
    const cancelled = pool.applyAsync(sleep, [60]);
    assertEquals([cancelled.cancel(reason), cancelled.cancel(reason)], [true, false]);
    const error = await assertRejects(() => cancelled.get(), CancelledError);
    assertEquals(error.cause, reason);
    // One who awaits it and is cancelled takes it along, one who only waits does not.
    const kept = pool.applyAsync(sleep, [0]);
    const both = [spawn(() => kept.wait()), spawn(async () => await pool.applyAsync(sleep, [60]))];
    for (const task of both) task.cancel();
    for (const task of both) await assertRejects(async () => await task, CancelledError);
    assertEquals(await kept, null);
    await pool.terminate();
  }
}, { ignore: noPython });

leakTest("PoolProxy calls functions of Python's by their names", async () => {
  await using python = await openPython();
  const client = await python.connect();
  await using pool = await client.pool(2);
  assertEquals(await pool.apply("math.sqrt", [2]), Math.SQRT2);
  assertEquals(await pool.map("math.sqrt", [1, 4, 2.25]), [1, 2, 1.5]);
  assertEquals(await pool.apply("__main__.twice", [21]), 42);
  const int = new PyGlobal("builtins", "int");
  assertEquals(await pool.apply(int, ["ff", new PyKeywords({ base: 16 })]), 255);
  const parts = new PyGlobal("pathlib", "PurePosixPath.joinpath");
  assertEquals(String(await pool.apply(int, ["17"])), "17");
  const path = await pool.apply("pathlib.PurePosixPath", ["a"]);
  assertEquals(String((await pool.apply(parts, [path, "b"]) as { args: string[] }).args), "a,b");

  // What is wrong with it.
  const error = await assertRejects(() => pool.apply("math.sqrt", [-1]), PythonError);
  assertEquals([error.name, error.message], ["ValueError", "math domain error"]);
  await assertRejects(() => pool.apply("math.nothing", []), RemoteError, "nothing");
  await assertRejects(() => pool.apply("no_such_module.f", []), RemoteError, "no_such_module");
  await assertRejects(() => pool.apply("sqrt", [1]), TypeError, '"math.sqrt" or a PyGlobal');
  await assertRejects(() => pool.apply(function f() {}, []), TypeError, 'Cannot call "f"');
  await assertRejects(() => pool.apply(() => 1, []), TypeError, "without a name");
  await assertRejects(() => pool.apply("os.getpid", [() => 1]), TypeError);
  await assertRejects(() => pool.statistics(), TypeError, "does not tell");
  await assertRejects(
    async () => await Array.fromAsync(pool.imap("time.sleep", [60], { timeoutMs: 20 })),
    TimeoutError,
  );

  // It is passed on inside of the objects of its manager.
  const store = await client.dict<string, unknown>({ pool });
  const again = await store.get("pool");
  assertInstanceOf(again, PoolProxy);
  assertEquals(await again.apply("math.sqrt", [4]), 2);
}, { ignore: noPython });
