import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { BrokenBarrierError } from "../../coroutine/mod.ts";
import {
  Barrier,
  BoundedSemaphore,
  Condition,
  ConnectionLostError,
  Event,
  Lock,
  Queue,
  RLock,
  Semaphore,
  Value,
} from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { startChildren } from "../ipc/_children.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { settle } from "../support/settle.ts";
import {
  type Acquirable,
  hammer,
  lendAndHold,
  type Lent,
  takeTokens,
  useSemaphore,
} from "./ipc_lock_targets.ts";

const MODULE = import.meta.resolve("./ipc_lock_targets.ts");
const SEEDS = [20_261, 20_262];

/** Waits until something is so. */
async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  const reach = async (): Promise<void> => {
    while (!await isSo()) await settle();
  };
  await guard(reach(), () => what);
}

/** Numbers below a limit that look random, and are the same each time. */
function makeRandom(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(state / 2 ** 32 * limit);
  };
}

interface Held extends Acquirable, AsyncDisposable {
  statistics(): Promise<{ waiting: number; ownerDied: boolean }>;
}

const MAKERS: [name: string, make: () => Held][] = [
  ["ipc.Lock", () => new Lock()],
  ["ipc.RLock", () => new RLock()],
  ["ipc.Semaphore", () => new Semaphore()],
  ["ipc.BoundedSemaphore", () => new BoundedSemaphore()],
];

// A dead holder

for (const [name, make] of MAKERS) {
  leakTest(`${name} is given to the next one when its holder is killed, and tells`, async () => {
    await using lock = make();
    const [holder, other] = await startChildren(2, lock);
    await using _holder = holder!;
    await using _other = other!;
    assertEquals(await holder!.call(0, "acquire", []), true);
    const waiting = other!.call(0, "acquire", []);
    await until(async () => (await lock.statistics()).waiting === 1, "the other child waits");
    holder!.process.kill();
    assertEquals(await waiting, true);
    assertEquals((await lock.statistics()).ownerDied, true);
    await other!.call(0, "release", []);
    // It stays so for everybody until somebody says that all is in order.
    for (let round = 0; round < 2; round++) {
      assertEquals([await lock.acquire(), lock.ownerDied], [true, true]);
      await lock.release();
    }
    await lock.acquire();
    await lock.markConsistent();
    assertEquals(lock.ownerDied, false);
    await lock.release();
    assertEquals([await lock.acquire(), lock.ownerDied], [true, false]);
    await lock.release();
  });

  leakTest(`${name} forgets one who is killed while it waits`, async () => {
    await using lock = make();
    const [child] = await startChildren(1, lock);
    await using _child = child!;
    await lock.acquire();
    void child!.call(0, "acquire", []);
    await until(async () => (await lock.statistics()).waiting === 1, "the child waits");
    child!.process.kill();
    await until(async () => (await lock.statistics()).waiting === 0, "the child is forgotten");
    await lock.release();
    assertEquals([await lock.acquire(), lock.ownerDied], [true, false]);
    await lock.release();
  });

  leakTest(`${name} comes back from one who is killed before it knew that it had it`, async () => {
    await using lock = make();
    const [child] = await startChildren(1, lock);
    await using _child = child!;
    await lock.acquire();
    void child!.call(0, "acquire", []);
    await until(async () => (await lock.statistics()).waiting === 1, "the child waits");
    // It reads nothing any more: the answer is on its way for ever.
    Deno.kill(child!.process.pid!, "SIGSTOP");
    await lock.release();
    assertEquals((await lock.statistics()).waiting, 0);
    const waiting = lock.acquire();
    await settle();
    assertEquals((await lock.statistics()).waiting, 1);
    child!.process.kill();
    // Nobody knows whether it had begun.
    assertEquals([await waiting, lock.ownerDied], [true, true]);
    await lock.release();
  });
}

leakTest(
  "ipc.RLock that was acquired several times is free when its holder is killed",
  async () => {
    await using lock = new RLock();
    const [holder] = await startChildren(1, lock);
    await using _holder = holder!;
    for (let i = 0; i < 3; i++) await holder!.call(0, "acquire", []);
    assertEquals((await lock.statistics()).pid, holder!.process.pid);
    holder!.process.kill();
    assertEquals([await lock.acquire(), await lock.recursionCount()], [true, 1]);
    await lock.release();
    assertEquals(await lock.locked(), false);
  },
);

leakTest("ipc.Semaphore gets back just the places that a killed process held", async () => {
  await using semaphore = new Semaphore(5);
  const [a, b] = await startChildren(2, semaphore);
  await using _a = a!;
  await using _b = b!;
  for (let i = 0; i < 3; i++) await a!.call(0, "acquire", []);
  await b!.call(0, "acquire", []);
  // One of them is released by another process: it must not come back twice.
  await semaphore.release();
  assertEquals(await semaphore.getValue(), 2);
  a!.process.kill();
  await until(async () => await semaphore.getValue() === 4, "the places to come back");
  await b!.call(0, "release", []);
  assertEquals(await semaphore.getValue(), 5);
});

// Conditions, events, barriers

leakTest(
  "ipc.Condition is given to the next one when its holder is killed, and tells",
  async () => {
    await using changed = new Condition();
    const [holder] = await startChildren(1, changed);
    await using _holder = holder!;
    await holder!.call(0, "acquire", []);
    holder!.process.kill();
    assertEquals([await changed.acquire(), changed.ownerDied], [true, true]);
    await changed.markConsistent();
    await changed.release();
    assertEquals([await changed.acquire(), changed.ownerDied], [true, false]);
    await changed.release();
  },
);

/** One child waits for the condition, then another one; both hold nothing. */
async function startWaiters(changed: Condition) {
  const children = await startChildren(2, changed);
  const waits: Promise<unknown>[] = [];
  for (const [i, child] of children.entries()) {
    await child.call(0, "acquire", []);
    waits.push(child.call(0, "wait", []));
    await until(async () => (await changed.statistics()).waiting === i + 1, "a child waits");
  }
  return { first: children[0]!, second: children[1]!, woken: waits[1]! };
}

leakTest("ipc.Condition.notify() passes one by that was killed while it waited", async () => {
  await using changed = new Condition();
  const { first, second, woken } = await startWaiters(changed);
  await using _first = first;
  await using _second = second;
  first.process.kill();
  await until(async () => (await changed.statistics()).waiting === 1, "the first is forgotten");
  await changed.acquire();
  assertEquals(changed.ownerDied, false);
  await changed.notify();
  await changed.release();
  assertEquals(await woken, true);
  await second.call(0, "release", []);
  assertEquals(await changed.locked(), false);
});

leakTest(
  "ipc.Condition gives the notification of one that is killed before it has the lock to the next",
  async () => {
    await using changed = new Condition();
    const { first, second, woken } = await startWaiters(changed);
    await using _first = first;
    await using _second = second;
    await changed.acquire();
    await changed.notify();
    first.process.kill();
    await first.process.join();
    await changed.release();
    assertEquals(await woken, true);
    await second.call(0, "release", []);
    assertEquals(await changed.locked(), false);
  },
);

leakTest(
  "ipc.Condition gives the notification of one that is killed before it knew of it to the next",
  async () => {
    await using changed = new Condition();
    const { first, second, woken } = await startWaiters(changed);
    await using _first = first;
    await using _second = second;
    await changed.acquire();
    Deno.kill(first.process.pid!, "SIGSTOP");
    await changed.notify();
    await changed.release();
    await until(async () => (await changed.statistics()).acquiring === 0, "the first has the lock");
    await settle();
    assertEquals(await changed.locked(), true);
    first.process.kill();
    assertEquals(await woken, true);
    await second.call(0, "release", []);
    assertEquals(await changed.locked(), false);
  },
);

leakTest("ipc.Event forgets one who is killed while it waits", async () => {
  await using event = new Event();
  const [child, other] = await startChildren(2, event);
  await using _child = child!;
  await using _other = other!;
  void child!.call(0, "wait", []);
  const woken = other!.call(0, "wait", []);
  await until(async () => (await event.statistics()).waiting === 2, "both wait");
  child!.process.kill();
  await until(async () => (await event.statistics()).waiting === 1, "the child is forgotten");
  await event.set();
  assertEquals(await woken, true);
});

leakTest(
  "ipc.Barrier breaks when a process is killed that waits there, and can be reset",
  async () => {
    await using barrier = new Barrier(4);
    const [child, other] = await startChildren(2, barrier);
    await using _child = child!;
    await using _other = other!;
    void child!.call(0, "wait", []);
    await until(async () => await barrier.nWaiting() === 1, "the child waits");
    const waiting = [barrier.wait(), other!.call(0, "wait", [])];
    const broken = waiting.map((wait) => assertRejects(() => wait, BrokenBarrierError));
    await until(async () => await barrier.nWaiting() === 3, "all three wait");
    child!.process.kill();
    for (const error of await Promise.all(broken)) {
      assertStringIncludes(error.message, "a process ended while it waited there");
    }
    assertEquals(await barrier.broken(), true);
    await barrier.reset();
    assertEquals(await barrier.broken(), false);
  },
);

// The process in which they live

leakTest(
  "ipc: whatever waits for a lock rejects when the process in which it lives is killed",
  async () => {
    await using queue = new Queue<Lent>();
    await using owner = new Process({
      module: MODULE,
      target: lendAndHold,
      args: [queue],
      permissions: { net: ["127.0.0.1"] },
    });
    const ended = assertRejects(() => owner.result());
    await owner.start();
    const lent = await queue.get();
    const { lock, rlock, semaphore, condition, event, barrier, value, array } = lent;
    assertEquals([await value.get(), await array.slice()], [7, [0, 0]]);
    const waits = [
      lock.acquire(),
      rlock.hold(),
      semaphore.acquire({ timeoutMs: 1e9 }),
      condition.acquire({ signal: new AbortController().signal }),
      event.wait(),
      barrier.wait(),
    ];
    const rejected = waits.map((wait) => assertRejects(() => wait, ConnectionLostError));
    for (const waited of [lock, rlock, semaphore, event, barrier]) {
      await until(async () => (await waited.statistics()).waiting === 1, "all wait");
    }
    owner.kill();
    await guard(Promise.all(rejected), () => "all waits to reject");
    await ended;
    await assertRejects(() => lock.release(), Error);
    await assertRejects(() => value.add(1), Error);
    for (const object of Object.values(lent)) await object[Symbol.asyncDispose]();
  },
);

// Random kills

async function killAtRandom(
  seed: number,
  start: () => Process,
  progress: () => Promise<number>,
): Promise<Process[]> {
  const random = makeRandom(seed);
  const children = [start(), start(), start()];
  await Promise.all(children.map((child) => child.start()));
  for (let kills = 0; kills < 6; kills++) {
    const goal = await progress() + 5 + random(60);
    await until(async () => await progress() >= goal, `progress to ${goal} after ${kills} kills`);
    const victim = random(children.length);
    // Also in the midst of a turn of our own loop.
    for (let steps = random(5); steps > 0; steps--) await Promise.resolve();
    children[victim]!.kill();
    await children[victim]!.join();
    children[victim] = start();
    await children[victim]!.start();
  }
  const goal = await progress() + 20;
  await until(async () => await progress() >= goal, "those who are left to go on");
  return children;
}

for (const seed of SEEDS) {
  for (const [name, make] of MAKERS) {
    leakTest(
      `${name} lets in one at a time while its holders are killed (seed ${seed})`,
      async () => {
        await using lock = make();
        await using inside = new Value("int32", 0, { lock: false });
        await using rounds = new Value("int32", 0, { lock: false });
        await using violations = new Value("int32", 0, { lock: false });
        await using stop = new Event();
        const args: Parameters<typeof hammer> = [lock, inside, rounds, violations, stop];
        const start = () => new Process({ module: MODULE, target: hammer, args }) as Process;
        const children = await killAtRandom(seed, start, () => rounds.get());
        await stop.set();
        for (const child of children) assertEquals([await child.join(), child.exitCode], [true, 0]);
        assertEquals(await violations.get(), 0);
        assertEquals((await lock.statistics()).waiting, 0);
        assert(await lock.acquire());
        await lock.release();
      },
    );
  }

  leakTest(`ipc.Semaphore keeps its places while processes are killed (seed ${seed})`, async () => {
    await using semaphore = new Semaphore(2);
    await using rounds = new Value("int32", 0, { lock: false });
    await using stop = new Event();
    const args: Parameters<typeof useSemaphore> = [semaphore, rounds, stop];
    const start = () => new Process({ module: MODULE, target: useSemaphore, args }) as Process;
    const children = await killAtRandom(seed, start, () => rounds.get());
    await stop.set();
    for (const child of children) assertEquals([await child.join(), child.exitCode], [true, 0]);
    await until(async () => await semaphore.getValue() === 2, "both places to be free");
    assertEquals((await semaphore.statistics()).waiting, 0);
  });

  leakTest(
    `ipc.Condition loses no wake-up while those who wait are killed (seed ${seed})`,
    async () => {
      await using changed = new Condition();
      await using tokens = new Value("int32", 0, { lock: false });
      await using taken = new Value("int32", 0, { lock: false });
      await using stop = new Event();
      const args: Parameters<typeof takeTokens> = [changed, tokens, taken, stop];
      const start = () => new Process({ module: MODULE, target: takeTokens, args }) as Process;
      const progress = async () => {
        await using _ = await changed.hold();
        await tokens.add(1);
        await changed.notify();
        return await taken.get();
      };
      const children = await killAtRandom(seed, start, progress);
      // Each token that is left has been announced: it is taken without another word.
      await until(async () => await tokens.get() === 0, "all tokens to be taken");
      await stop.set();
      {
        await using _ = await changed.hold();
        await changed.notifyAll();
      }
      for (const child of children) assertEquals([await child.join(), child.exitCode], [true, 0]);
      const { locked, waiting, acquiring } = await changed.statistics();
      assertEquals([locked, waiting, acquiring], [false, 0, 0]);
    },
  );
}
