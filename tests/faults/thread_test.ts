import {
  assert,
  assertEquals,
  assertGreater,
  assertInstanceOf,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { TimeoutError } from "../../coroutine/mod.ts";
import {
  excepthook,
  Lock,
  setExcepthook,
  type TargetFunction,
  Thread,
  ThreadDiedError,
  type ThreadOptions,
} from "../../thread/mod.ts";
import { createRandom } from "../coroutine/_random.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import type { Holdings } from "./fixtures/thread_runs.ts";
import * as targets from "./thread_targets.ts";

const MODULE = new URL("thread_targets.ts", import.meta.url);
const GUARD_MS = 60_000;
const LINUX = { ignore: Deno.build.os !== "linux" };

/** The long form: `THREAD_SEEDS=20`. */
const SEEDS = Number(Deno.env.get("THREAD_SEEDS") ?? 3);
const THREADS_PER_SEED = 24;
/** The most turns of the event loop that a thread is left alone: some are told to end while they begin. */
const MOST_TURNS = 300;

/** The long form: `THREAD_RUNS=1000`. */
const RUNS = Number(Deno.env.get("THREAD_RUNS") ?? 300);
/** So many bare Workers tell what one of them costs. */
const BARE_RUNS = Math.ceil(RUNS / 2);
const KILLABLE_RUNS = Math.ceil(RUNS / 4);

function makeThread<F extends TargetFunction>(
  target: F,
  args: Parameters<F>,
  options: Partial<ThreadOptions<F>> = {},
): Thread<F> {
  return new Thread<F>({ module: MODULE, target, args, ...options });
}

function makeWords(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(8));
}

/** Waits until a thread has set the first word. */
async function running(words: Int32Array<SharedArrayBuffer>): Promise<void> {
  const { async, value } = Atomics.waitAsync(words, 0, 0);
  if (async) await guard(value, () => "the thread to run", GUARD_MS);
}

/** Has nothing printed for the time of a test, and counts what would have been. */
function collectErrors(): { errors: unknown[] } & Disposable {
  const errors: unknown[] = [];
  setExcepthook((error) => errors.push(error));
  return { errors, [Symbol.dispose]: () => void setExcepthook(excepthook) };
}

/** The threads of Workers that the system has, by its ids. */
function listTasks(): string[] {
  return [...Deno.readDirSync("/proc/self/task")].map(({ name }) => name).filter((id) => {
    try {
      return /^worker-/.test(Deno.readTextFileSync(`/proc/self/task/${id}/comm`));
    } catch {
      return false;
    }
  });
}

// What goes wrong by itself

/** A function that goes wrong, and what becomes of its thread. */
interface Fault {
  readonly target: TargetFunction;
  // deno-lint-ignore no-explicit-any -- any class of errors
  readonly error: abstract new (...args: any[]) => Error;
  readonly text: string;
  /** Whether the hook is told: not of a thread that has just gone. */
  readonly isTold: boolean;
}

const FAULTS: readonly Fault[] = [
  { target: targets.throwError, error: RangeError, text: "thrown", isTold: true },
  { target: targets.rejectLater, error: RangeError, text: "rejected", isTold: true },
  { target: targets.throwAside, error: RangeError, text: "aside", isTold: true },
  { target: targets.throwUnreadable, error: Error, text: "cannot be read", isTold: true },
  { target: targets.returnUncloneable, error: TypeError, text: "cannot be cloned", isTold: true },
  { target: targets.returnTrap, error: RangeError, text: "a getter", isTold: true },
  { target: targets.overflow, error: RangeError, text: "call stack", isTold: true },
  { target: targets.closeSelf, error: ThreadDiedError, text: "closed from within", isTold: false },
  { target: targets.exitRuntime, error: ThreadDiedError, text: "from within", isTold: false },
];

for (const killable of [false, true]) {
  const kind = killable ? "killable thread" : "thread";

  leakTest(`A ${kind} in which something goes wrong ends, and says what`, async () => {
    for (const { target, error, text, isTold } of FAULTS) {
      using hook = collectErrors();
      await using thread = makeThread(target, [], { killable });
      await thread.start();
      const what = () => `the result of ${thread.name}`;
      const result = guard(thread.result(), what, GUARD_MS);
      const thrown = await assertRejects(() => result, error);
      assertStringIncludes(thrown.message, text, target.name);
      assertEquals(await thread.join({ timeoutMs: GUARD_MS }), true, target.name);
      assertEquals(thread.exception, thrown);
      assertEquals(hook.errors, isTold ? [thrown] : [], target.name);
    }
  });

  leakTest(`A ${kind} that closes itself and throws has ended, whichever came first`, async () => {
    using _ = collectErrors();
    await using thread = makeThread(targets.closeSelfAndThrow, [], { killable });
    await thread.start();
    const thrown = await assertRejects(() => guard(thread.result(), () => "a result", GUARD_MS));
    assert(thrown instanceof ThreadDiedError || thrown instanceof RangeError);
    assertEquals(await thread.join({ timeoutMs: GUARD_MS }), true);
  });

  leakTest(`A ${kind} that breaks its globals can still say what it returned`, async () => {
    await using thread = makeThread(targets.breakGlobals, [], { killable });
    await thread.start();
    assertEquals(await guard(thread.result(), () => "a result", GUARD_MS), "returned");
    assertEquals(await thread.join({ timeoutMs: GUARD_MS }), true);
  });

  leakTest(`A ${kind} whose module throws, closes or waits has not started`, async () => {
    const make = (file: string) =>
      new Thread({
        module: new URL(`fixtures/${file}`, import.meta.url),
        ...{ target: "never", killable },
      });
    await using throws = make("throws_at_import.ts");
    await assertRejects(() => throws.start({ timeoutMs: GUARD_MS }), RangeError, "at import");
    assertEquals(await throws.join({ timeoutMs: GUARD_MS }), true);
    await using closes = make("closes_at_import.ts");
    await assertRejects(() => closes.start({ timeoutMs: GUARD_MS }), ThreadDiedError);
    assertEquals(await closes.join({ timeoutMs: GUARD_MS }), true);
    await using waits = make("waits_at_import.ts");
    await assertRejects(() => waits.start({ timeoutMs: 200 }), TimeoutError, "did not start");
    assertEquals(await waits.join({ timeoutMs: GUARD_MS }), true);
    await assertRejects(() => waits.result(), ThreadDiedError, "it was terminated");
  });
}

leakTest("A killable thread whose module never comes to its end is stopped", async () => {
  await using thread = new Thread({
    module: new URL("fixtures/spins_at_import.ts", import.meta.url),
    ...{ target: "never", killable: true },
  });
  await assertRejects(() => thread.start({ timeoutMs: 300 }), TimeoutError, "did not start");
  assertEquals(await thread.join({ timeoutMs: GUARD_MS }), true);
});

// What has to be stopped

leakTest(
  "Thread.terminate() of a killable thread takes its thread of the system away, whatever it does",
  async () => {
    for (const target of [targets.spin, targets.park, targets.resist, targets.takeMemory]) {
      const before = new Set(listTasks());
      const words = makeWords();
      await using thread = makeThread(target as TargetFunction, [words], { killable: true });
      await thread.start();
      await running(words);
      const [task, ...rest] = listTasks().filter((id) => !before.has(id));
      assert(task !== undefined, `${target.name} runs in a thread of the system`);
      assertEquals(rest, []);
      await thread.terminate({ graceMs: GUARD_MS });
      // It is off the list of the system a moment later.
      const end = performance.now() + GUARD_MS;
      while (listTasks().includes(task) && performance.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      assert(!listTasks().includes(task), `the thread of ${target.name} is gone`);
      await assertRejects(() => thread.result(), ThreadDiedError, "it was terminated");
    }
  },
  LINUX,
);

leakTest(
  "Thread.terminate() at any moment ends the thread, and leaves its lock usable",
  async () => {
    // What the runtime checks and compiles at the first start is not done when that start is cut short.
    for (const killable of [false, true]) {
      await using thread = makeThread(targets.returnText, [], { killable });
      await thread.start();
    }
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = createRandom(seed);
      for (const killable of [false, true]) {
        const lock = new Lock();
        const words = makeWords();
        for (let i = 0; i < THREADS_PER_SEED / 2; i++) {
          const thread = makeThread(targets.countUnderLock, [lock, words], { killable });
          const starting = thread.start().then(() => "started", (error) => error);
          const turns = Math.floor(random() * MOST_TURNS);
          for (let turn = 0; turn < turns; turn++) await nextTurn();
          await thread.terminate({ graceMs: GUARD_MS });
          const started = await starting;
          if (started !== "started") assertInstanceOf(started, ThreadDiedError);
          assertEquals([thread.isAlive(), await thread.join()], [false, true]);
          await assertRejects(() => thread.result(), ThreadDiedError, "it was terminated");
          // Whether or not it was ended while it held the lock.
          assert(await lock.acquire({ timeoutMs: GUARD_MS }), `seed ${seed}, thread ${i}`);
          if (lock.ownerDied) lock.markConsistent();
          else assertEquals(words[0], words[0] === 0 ? 0 : words[1]! + 1);
          words[1] = words[0]! - 1;
          lock.release();
        }
      }
    }
  },
);

leakTest("A lock whose holder is terminated goes to the next, who learns of it", async () => {
  const lock = new Lock();
  const words = makeWords();
  await using thread = makeThread(targets.spinUnderLock, [lock, words], { killable: true });
  await thread.start();
  await running(words);
  assertEquals([lock.locked(), lock.tryAcquire()], [true, false]);
  const acquiring = lock.acquire({ timeoutMs: GUARD_MS });
  await thread.terminate({ graceMs: GUARD_MS });
  assertEquals(await acquiring, true);
  assertEquals(lock.ownerDied, true);
  lock.markConsistent();
  lock.release();
});

/** One turn of the event loop, shorter than that of a timer. */
function nextTurn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    resolve();
  };
  port2.postMessage(0);
  return promise;
}

// What one after another leaves

/** Runs `fixtures/thread_runs.ts`. */
async function runMany(
  kind: string,
  count: number,
): Promise<{ before: Holdings; after: Holdings }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-all",
      "--v8-flags=--expose-gc",
      String(new URL("fixtures/thread_runs.ts", import.meta.url)),
      ...[kind, String(count)],
    ],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  assertEquals(code, 0, decoder.decode(stderr));
  return JSON.parse(decoder.decode(stdout));
}

/** Compares what is left of threads of ours with what the runtime leaves of its own Workers. */
async function compareLeaks(
  ours: string,
  bare: string,
  options: { count: number; bareCount: number; mostHeap: number },
): Promise<void> {
  const { count, bareCount, mostHeap } = options;
  const [mine, theirs] = await Promise.all([runMany(ours, count), runMany(bare, bareCount)]);
  assertLess(mine.after.tasks - mine.before.tasks, 4);
  assertLess(mine.after.descriptors - mine.before.descriptors, 4);
  const grown = (what: "memory" | "heap") =>
    (mine.after[what] - mine.before[what]) / count -
    (theirs.after[what] - theirs.before[what]) / bareCount;
  // In KiB for each. An isolate that stays has 8,000, a `Thread` that is remembered somewhere two or more.
  assertLess(grown("heap"), mostHeap);
  // The system gives and takes some MiB of memory as it likes, however many there were.
  assertLess(grown("memory"), 40 + 16 * 1024 / count);
}

leakTest("Many threads, one after another, leave no more than bare Workers do", async () => {
  // Some hundred KiB come and go, however many there were.
  const mostHeap = 1 + 200 / RUNS;
  await compareLeaks("thread", "worker", { count: RUNS, bareCount: BARE_RUNS, mostHeap });
}, LINUX);

leakTest("Killable threads, one after another, leave no more than bare Workers do", async () => {
  await compareLeaks("killable", "nodeWorker", {
    count: KILLABLE_RUNS,
    bareCount: KILLABLE_RUNS,
    mostHeap: 4,
  });
}, LINUX);

// What nobody can help

leakTest("A thread that takes all memory ends the program, as every Worker does", async () => {
  const program = `
    import { Thread } from ${JSON.stringify(import.meta.resolve("../../thread/mod.ts"))};
    const module = ${JSON.stringify(MODULE.href)};
    const thread = new Thread({ module, target: "takeAllMemory" });
    await thread.start();
    await thread.join();
    console.log("goes on");
  `;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--v8-flags=--max-old-space-size=48", program],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  assertGreater(code, 127);
  assertEquals(decoder.decode(stdout), "");
  assertStringIncludes(decoder.decode(stderr), "out of memory");
}, LINUX);
