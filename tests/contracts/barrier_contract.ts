import { assert, assertEquals, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import { BrokenBarrierError } from "../../coroutine/mod.ts";
import { settle } from "../support/settle.ts";
import {
  type Answer,
  ELSEWHERE,
  type Handles,
  LONG_MS,
  type Opened,
  SHORT_MS,
  untilWaiting,
  type Wait,
  withHandles,
} from "./_subject.ts";

/** A barrier as one owner sees it. */
export interface BarrierHandle {
  wait(options?: Wait): Promise<number>;
  reset(): Answer<void>;
  abort(): Answer<void>;
  statistics(): Answer<{ parties: number; waiting: number; broken: boolean }>;
  toString(): string;
}

/** What a barrier is made with, besides the number of its parties. */
export interface BarrierSettings {
  action?: (() => unknown) | undefined;
  timeoutMs?: number | undefined;
}

/** Makes barriers, with a handle for each party. */
export interface BarrierSubject {
  open(parties: number, settings?: BarrierSettings): Promise<Opened<BarrierHandle>>;
  /**
   * The object lives in another process than the test, so that its text cannot tell how it is, and no action can
   * be given to it.
   */
  readonly isElsewhere?: boolean | undefined;
}

const PARTIES = 5;
const REASON = new Error("enough");

/** What every barrier does. */
export function barrierContract(name: string, subject: BarrierSubject): void {
  function test(
    title: string,
    settings: BarrierSettings,
    run: (...handles: Handles<BarrierHandle>) => Promise<void>,
  ): void {
    Deno.test(title, () => withHandles(subject.open(PARTIES, settings), run));
  }

  const passAll = (barriers: readonly BarrierHandle[]): Promise<number[]> =>
    Promise.all(barriers.map((barrier) => barrier.wait()));

  const state = async (barrier: BarrierHandle): Promise<[waiting: number, broken: boolean]> => {
    const { waiting, broken } = await barrier.statistics();
    return [waiting, broken];
  };

  /** Lets all parties pass so many times, and checks that none is ever a round ahead of another. */
  async function passInStep(barriers: readonly BarrierHandle[], rounds: number): Promise<void> {
    const counts = barriers.map(() => 0);
    await Promise.all(barriers.map(async (barrier, party) => {
      for (let round = 1; round <= rounds; round++) {
        counts[party] = round;
        await barrier.wait();
        assert(counts.every((count) => count === round || count === round + 1), `${counts}`);
      }
    }));
    assertEquals(await state(barriers[0]!), [0, false]);
  }

  async function assertAllBroken(waits: readonly Promise<unknown>[]): Promise<void> {
    for (const result of await Promise.allSettled(waits)) {
      assert(result.status === "rejected", "a wait has passed");
      assert(result.reason instanceof BrokenBarrierError, `it was ${result.reason}`);
    }
  }

  Deno.test(`${name} refuses a number of parties that is none or below 1, and a bad time [cpython: BarrierTests.test_constructor]`, async () => {
    for (const parties of [0, -1]) {
      await assertRejects(async () => await subject.open(parties), RangeError, '"parties" must be');
    }
    for (const parties of [1.5, NaN, Infinity, "2", null]) {
      const open = async () => await subject.open(parties as number);
      await assertRejects(open, TypeError, '"parties" must be a whole number');
    }
    await assertRejects(async () => await subject.open(1, { timeoutMs: -1 }), RangeError);
  });

  test(
    `${name} lets all go on when the last one has come [cpython: BarrierTests.test_barrier, _TestBarrier.test_barrier]`,
    {},
    async (...barriers) => {
      let passed = 0;
      const early = barriers.slice(1).map(async (barrier) => {
        await barrier.wait();
        passed++;
      });
      await untilWaiting(barriers[0], PARTIES - 1);
      await settle();
      assertEquals(passed, 0);
      await barriers[0].wait();
      await Promise.all(early);
      assertEquals(await state(barriers[0]), [0, false]);
      await passInStep(barriers, 1);
    },
  );

  test(
    `${name} can be passed ten times [cpython: BarrierTests.test_barrier_10, _TestBarrier.test_barrier_10]`,
    {},
    async (...barriers) => {
      await passInStep(barriers, 10);
    },
  );

  test(
    `${name} keeps 1000 rounds in step [cpython: _TestBarrier.test_thousand]`,
    {},
    async (...barriers) => {
      await passInStep(barriers, 1000);
    },
  );

  test(
    `${name}.wait() gives each party an index of its own [cpython: BarrierTests.test_wait_return, _TestBarrier.test_wait_return]`,
    {},
    async (...barriers) => {
      for (let round = 0; round < 3; round++) {
        assertEquals((await passAll(barriers)).toSorted(), [0, 1, 2, 3, 4]);
      }
    },
  );

  if (subject.isElsewhere !== true) {
    Deno.test(`${name} calls its action once a round, before anybody goes on [cpython: BarrierTests.test_action, _TestBarrier.test_action]`, async () => {
      const log: string[] = [];
      await withHandles(
        subject.open(PARTIES, { action: () => log.push("action") }),
        async (...barriers) => {
          for (let round = 0; round < 2; round++) {
            log.length = 0;
            await Promise.all(barriers.map(async (barrier) => {
              await barrier.wait();
              log.push("passed");
            }));
            assertEquals(log, ["action", "passed", "passed", "passed", "passed", "passed"]);
          }
        },
      );
    });

    Deno.test(`${name} breaks when its action throws`, async () => {
      await withHandles(
        subject.open(2, {
          action: () => {
            throw REASON;
          },
        }),
        async (a, b) => {
          const early = assertRejects(() => a.wait(), BrokenBarrierError, "its action failed");
          await untilWaiting(b, 1);
          assertEquals((await assertRejects(() => b.wait(), Error)).message, "enough");
          await early;
          assertEquals(await state(a), [0, true]);
        },
      );
    });
  }

  test(
    `${name}.abort() breaks it for those who wait and those who come [cpython: BarrierTests.test_abort, _TestBarrier.test_abort]`,
    {},
    async (aborter, ...others) => {
      const waits = others.map((barrier) => barrier.wait());
      const broken = assertAllBroken(waits);
      await untilWaiting(aborter, PARTIES - 1);
      await aborter.abort();
      await broken;
      assertEquals(await state(aborter), [0, true]);
      await assertRejects(() => aborter.wait(), BrokenBarrierError, "it is broken");
    },
  );

  test(
    `${name}.reset() fails those who wait, and begins anew [cpython: BarrierTests.test_reset, _TestBarrier.test_reset]`,
    {},
    async (resetter, ...others) => {
      const broken = assertAllBroken(others.map((barrier) => barrier.wait()));
      await untilWaiting(resetter, PARTIES - 1);
      await resetter.reset();
      await broken;
      assertEquals(await state(resetter), [0, false]);
      assertEquals((await passAll([resetter, ...others])).toSorted(), [0, 1, 2, 3, 4]);
    },
  );

  test(
    `${name} can be used after abort() and reset() [cpython: BarrierTests.test_abort_and_reset, _TestBarrier.test_abort_and_reset]`,
    {},
    async (aborter, ...others) => {
      const broken = assertAllBroken(others.map((barrier) => barrier.wait()));
      await untilWaiting(aborter, PARTIES - 1);
      await aborter.abort();
      await broken;
      assertEquals(await state(aborter), [0, true]);
      await aborter.reset();
      assertEquals(await state(aborter), [0, false]);
      assertEquals((await passAll([aborter, ...others])).toSorted(), [0, 1, 2, 3, 4]);
    },
  );

  test(
    `${name}.wait() whose time is over breaks it for all [cpython: BarrierTests.test_timeout, _TestBarrier.test_timeout]`,
    {},
    async (late, ...others) => {
      const waits = others.map((barrier, i) =>
        barrier.wait({ timeoutMs: i === 2 ? SHORT_MS : LONG_MS })
      );
      await assertAllBroken(waits);
      assertEquals(await state(late), [0, true]);
      await assertRejects(() => late.wait(), BrokenBarrierError);
    },
  );

  test(
    `${name}.wait() with timeoutMs 0 breaks it, unless it is the last one`,
    {},
    async (last, ...others) => {
      const early = others.map((barrier) => barrier.wait());
      await untilWaiting(last, PARTIES - 1);
      assertStrictEquals(await last.wait({ timeoutMs: 0 }), PARTIES - 1);
      await Promise.all(early);
      await assertRejects(() => last.wait({ timeoutMs: 0 }), BrokenBarrierError, "only 1 of 5");
      assertEquals(await state(last), [0, true]);
    },
  );

  test(
    `${name} has a time limit for those who give none [cpython: BarrierTests.test_default_timeout, _TestBarrier.test_default_timeout]`,
    {
      timeoutMs: SHORT_MS,
    },
    async (late, ...others) => {
      await assertAllBroken(others.map((barrier) => barrier.wait()));
      assertEquals(await state(late), [0, true]);
    },
  );

  Deno.test(`${name} of one party never waits [cpython: BarrierTests.test_single_thread, _TestBarrier.test_single_thread]`, () =>
    withHandles(subject.open(1), async (barrier) => {
      for (let i = 0; i < 3; i++) assertStrictEquals(await barrier.wait(), 0);
    }));

  test(
    `${name}.toString() shows how many wait, or that it is broken [cpython: BarrierTests.test_repr]`,
    {},
    async (a, b, c) => {
      if (subject.isElsewhere === true) return assertMatch(a.toString(), ELSEWHERE);
      assertMatch(a.toString(), /\b0 of 5\b/);
      const waits = [a.wait(), b.wait()];
      await untilWaiting(c, 2);
      assertMatch(a.toString(), /\b2 of 5\b/);
      const broken = assertAllBroken(waits);
      await c.abort();
      await broken;
      assertMatch(a.toString(), /\bbroken\b/);
    },
  );

  test(
    `${name}.wait() that is cancelled leaves as if it had not come`,
    {},
    async (a, ...others) => {
      const controller = new AbortController();
      const cancelled = a.wait({ signal: controller.signal });
      await untilWaiting(a, 1);
      const early = others.slice(1).map((barrier) => barrier.wait());
      await untilWaiting(a, PARTIES - 1);
      controller.abort(REASON);
      assertEquals((await assertRejects(() => cancelled, Error)).message, "enough");
      await untilWaiting(a, PARTIES - 2);
      const last = [a.wait(), others[0]!.wait()];
      assertEquals((await Promise.all([...early, ...last])).toSorted(), [0, 1, 2, 3, 4]);
    },
  );

  test(`${name}.wait() looks at an aborted signal first`, {}, async (barrier) => {
    const signal = AbortSignal.abort(REASON);
    assertEquals((await assertRejects(() => barrier.wait({ signal }), Error)).message, "enough");
    assertEquals(await state(barrier), [0, false]);
  });
}
