import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { QueueShutDownError } from "../../coroutine/mod.ts";
import { Queue } from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { excepthook, Lock, setExcepthook, Thread, ThreadDiedError } from "../../thread/mod.ts";
import { until } from "../faults/alive.ts";
import { leakTest } from "../support/leaks.ts";
import * as targets from "./fixtures/ipc_targets.ts";
import { useBoth } from "./fixtures/types_only.ts";

const MODULE = new URL("fixtures/ipc_targets.ts", import.meta.url);
const GUARD_MS = 20_000;

for (const killable of [false, true]) {
  const kind = killable ? "killable Thread" : "Thread";

  leakTest(`ipc.Queue works from a ${kind} that it was given to`, async () => {
    await using questions = new Queue<string>();
    await using answers = new Queue<string>(1);
    await using thread = new Thread({
      ...{ module: MODULE, target: targets.upcase, args: [questions, answers], killable },
    });
    await thread.start();
    for (const word of ["one", "two", ""]) await questions.put(word);
    assertEquals([await answers.get(), await answers.get()], ["ONE", "TWO"]);
    await thread.result();
    await thread.join();
  });

  leakTest(`ipc.Queue: the get() of a ${kind} that was ended has taken nothing`, async () => {
    await using queue = new Queue<unknown>();
    await using taken = new Queue<unknown>();
    await using thread = new Thread({
      ...{ module: MODULE, target: targets.takeForEver, args: [queue, taken], killable },
    });
    await thread.start();
    assertEquals(await taken.get(), "running");
    await queue.put("first");
    assertEquals(await taken.get(), "first");
    const getting = async () => (await queue.statistics()).getting;
    await until(async () => await getting() === 1, "the thread waits", GUARD_MS);
    await thread.terminate();
    await assertRejects(() => thread.result(), ThreadDiedError);
    await until(async () => await getting() === 0, "the thread's wait is over", GUARD_MS);
    await queue.put("left");
    assertEquals(await queue.get({ timeoutMs: GUARD_MS }), "left");
  });
}

leakTest("ipc.Queue comes back from a Thread as one that stands for the same", async () => {
  await using queue = new Queue<unknown>();
  await using thread = new Thread({ module: MODULE, target: targets.giveBack, args: [queue] });
  await thread.start();
  const { queue: same } = await thread.result();
  await same.put([1, new Map([[2, 3]])]);
  assertEquals(await queue.get(), [1, new Map([[2, 3]])]);
  await same.close();
  // It only gave up its share.
  await queue.put("more");
  assertEquals(await queue.get(), "more");
});

leakTest("ipc.Queue goes on from a Thread to threads and processes of its own", async () => {
  await using queue = new Queue<string>();
  await using passing = new Thread({ module: MODULE, target: targets.passOn, args: [queue] });
  await passing.start();
  assertEquals(await queue.get(), "Thread-1 (putName)");
  await passing.result();
  await using outer = new Thread({ module: MODULE, target: targets.passToProcess, args: [queue] });
  await outer.start();
  assert(/^process \d+$/.test(await queue.get()));
  await outer.result();
  await Promise.all([passing.join(), outer.join()]);
});

leakTest("ipc.Queue of a process works from a Thread of its child", async () => {
  await using queue = new Queue<string>();
  await using process = new Process({
    ...{ module: MODULE, target: targets.useFromThread, args: [queue], permissions: "inherit" },
  });
  await process.start();
  assertEquals(await queue.get(), "Thread-1 (putName)");
  await process.result();
  await process.join();
});

leakTest("ipc.Queue crosses as a field of a subclass of Thread", async () => {
  await using questions = new Queue<string>();
  await using answers = new Queue<string>();
  await using thread = new targets.Answering(questions, answers);
  await thread.start();
  await questions.put("field");
  assertEquals(await answers.get(), "FIELD");
  await questions.put("");
  await thread.result();
});

leakTest("Thread loads the classes of what it is given, when its module does not", async () => {
  const lock = new Lock();
  await using queue = new Queue<unknown>();
  await using thread = new Thread({
    module: new URL("fixtures/types_only.ts", import.meta.url),
    ...{ target: useBoth, args: [queue, lock] },
  });
  await thread.start();
  assertEquals(await queue.get(), true);
  await thread.result();
});

leakTest("ipc.Queue that is closed tells the threads that wait in it", async () => {
  setExcepthook(() => {});
  using _ = { [Symbol.dispose]: () => void setExcepthook(excepthook) };
  const queue = new Queue<unknown>();
  await using answers = new Queue<unknown>();
  await using thread = new Thread({
    ...{ module: MODULE, target: targets.takeForEver, args: [queue, answers] },
  });
  await thread.start();
  assertEquals(await answers.get(), "running");
  await until(
    async () => (await queue.statistics()).getting === 1,
    "the thread waits",
    GUARD_MS,
  );
  await queue.close();
  const error = await assertRejects(() => thread.result(), QueueShutDownError);
  assertStringIncludes(error.name, "QueueShutDownError");
  await assertRejects(
    () => new Thread({ module: MODULE, target: targets.giveBack, args: [queue] }).start(),
    Error,
    "the queue is closed",
  );
});
