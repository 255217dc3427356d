import { assertEquals, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import { TimeoutError } from "../../coroutine/mod.ts";
import { settle } from "../support/settle.ts";
import {
  type Answer,
  ELSEWHERE,
  type Handles,
  type Opened,
  SHORT_MS,
  untilWaiting,
  type Wait,
  withHandles,
} from "./_subject.ts";

/** A semaphore as one owner sees it. */
export interface SemaphoreHandle {
  acquire(options?: Wait): Promise<boolean>;
  release(n?: number): Answer<void>;
  locked(): Answer<boolean>;
  hold(options?: Wait): Promise<Disposable | AsyncDisposable>;
  statistics(): Answer<{ value: number; waiting: number }>;
  toString(): string;
}

/** Makes semaphores. */
export interface SemaphoreSubject {
  open(count: number, value?: number): Promise<Opened<SemaphoreHandle>>;
  /** The object lives in another process than the test, so that its text cannot tell how it is. */
  readonly isElsewhere?: boolean | undefined;
}

const REASON = new Error("enough");

/** What every semaphore does. */
export function baseSemaphoreContract(name: string, subject: SemaphoreSubject): void {
  function test(
    title: string,
    { count, value }: { count: number; value?: number },
    run: (...handles: Handles<SemaphoreHandle>) => Promise<void>,
  ): void {
    Deno.test(title, () => withHandles(subject.open(count, value), run));
  }

  const tryAcquire = (semaphore: SemaphoreHandle) => semaphore.acquire({ timeoutMs: 0 });

  Deno.test(`${name} refuses a value below 0, or that is no whole number [cpython: BaseSemaphoreTests.test_constructor]`, async () => {
    await assertRejects(async () => await subject.open(1, -1), RangeError, '"value" must be');
    for (const value of [1.5, NaN, Infinity, "1", null]) {
      const open = async () => await subject.open(1, value as number);
      await assertRejects(open, TypeError, '"value" must be a whole number');
    }
  });

  test(`${name} has one place by default [cpython: BaseSemaphoreTests.test_default_value]`, {
    count: 1,
  }, async (semaphore) => {
    assertEquals([await tryAcquire(semaphore), await tryAcquire(semaphore)], [true, false]);
    await semaphore.release();
  });

  test(
    `${name} can be acquired and released within its value [cpython: BaseSemaphoreTests.test_acquire]`,
    { count: 1, value: 2 },
    async (semaphore) => {
      for (let round = 0; round < 2; round++) {
        assertStrictEquals(await semaphore.acquire(), true);
        assertStrictEquals(await semaphore.acquire(), true);
        assertEquals(await semaphore.locked(), true);
        await semaphore.release();
        assertEquals(await semaphore.locked(), false);
        await semaphore.release();
      }
      assertEquals(await semaphore.statistics(), {
        ...await semaphore.statistics(),
        value: 2,
        waiting: 0,
      });
    },
  );

  test(
    `${name} can be dropped while it is held [cpython: BaseSemaphoreTests.test_acquire_destroy]`,
    { count: 1 },
    async (semaphore) => {
      assertStrictEquals(await semaphore.acquire(), true);
    },
  );

  test(
    `${name} lets in as many as it has places, in phases [cpython: BaseSemaphoreTests.test_acquire_contended]`,
    { count: 11, value: 7 },
    async (first, ...others) => {
      await first.acquire();
      let inside = 0;
      const answers: boolean[] = [];
      const passing = others.map(async (semaphore) => {
        answers.push(await semaphore.acquire());
        inside++;
      });
      await untilWaiting(first, 4);
      await settle();
      assertEquals(inside, 6);
      await first.release(3);
      await untilWaiting(first, 1);
      await settle();
      assertEquals(inside, 9);
      await first.release();
      await Promise.all(passing);
      assertEquals([inside, answers.every((answer) => answer === true)], [10, true]);
      assertEquals((await first.statistics()).value, 0);
      await first.release(7);
      assertEquals((await first.statistics()).value, 7);
    },
  );

  test(
    `${name}.release(n) frees n places at once [cpython: BaseSemaphoreTests.test_multirelease]`,
    { count: 6, value: 5 },
    async (holder, ...others) => {
      for (let i = 0; i < 5; i++) await holder.acquire();
      const waiting = others.map((semaphore) => semaphore.acquire());
      await untilWaiting(holder, 5);
      await holder.release(5);
      assertEquals(await Promise.all(waiting), [true, true, true, true, true]);
      await holder.release(5);
      assertEquals((await holder.statistics()).value, 5);
    },
  );

  test(
    `${name}.release() refuses a number that is none or below 1`,
    { count: 1, value: 3 },
    async (semaphore) => {
      await semaphore.acquire();
      for (const n of [0, -1]) {
        await assertRejects(async () => await semaphore.release(n), RangeError, '"n" must be');
      }
      for (const n of [1.5, NaN, "1", null]) {
        await assertRejects(
          async () => await semaphore.release(n as number),
          TypeError,
          '"n" must',
        );
      }
      assertEquals((await semaphore.statistics()).value, 2);
      await semaphore.release();
    },
  );

  test(
    `${name}.acquire() with timeoutMs 0 takes places until there is none [cpython: BaseSemaphoreTests.test_try_acquire]`,
    { count: 1, value: 2 },
    async (semaphore) => {
      const answers = [await tryAcquire(semaphore), await tryAcquire(semaphore)];
      assertEquals([...answers, await tryAcquire(semaphore)], [true, true, false]);
      await semaphore.release();
      assertStrictEquals(await tryAcquire(semaphore), true);
      await semaphore.release(2);
    },
  );

  test(
    `${name}.acquire() with timeoutMs 0 succeeds as often as there are places [cpython: BaseSemaphoreTests.test_try_acquire_contended]`,
    { count: 10, value: 4 },
    async (...semaphores) => {
      const answers = await Promise.all(
        semaphores.flatMap((semaphore) => [tryAcquire(semaphore), tryAcquire(semaphore)]),
      );
      assertEquals(answers.filter((answer) => answer).length, 4);
      await semaphores[0].release(4);
    },
  );

  test(
    `${name}.acquire() answers false when the time is over, and refuses bad times [cpython: BaseSemaphoreTests.test_acquire_timeout]`,
    { count: 2, value: 2 },
    async (a, b) => {
      await assertRejects(() => a.acquire({ timeoutMs: -1 }), RangeError, '"timeoutMs" must be');
      assertStrictEquals(await a.acquire(), true);
      assertStrictEquals(await a.acquire({ timeoutMs: SHORT_MS }), true);
      assertStrictEquals(await b.acquire({ timeoutMs: SHORT_MS }), false);
      await a.release();
      assertStrictEquals(await b.acquire({ timeoutMs: SHORT_MS }), true);
      await a.release(2);
    },
  );

  test(
    `${name} without a free place answers false, at once or in time [cpython: _TestSemaphore.test_timeout]`,
    { count: 1, value: 0 },
    async (semaphore) => {
      assertStrictEquals(await semaphore.acquire({ timeoutMs: 0 }), false);
      assertStrictEquals(await semaphore.acquire({ timeoutMs: SHORT_MS }), false);
      assertEquals((await semaphore.statistics()).waiting, 0);
    },
  );

  test(
    `${name}.hold() gives its place back, also after an error, and nests [cpython: BaseSemaphoreTests.test_with]`,
    { count: 1, value: 2 },
    async (semaphore) => {
      {
        await using _first = await semaphore.hold();
        {
          await using _second = await semaphore.hold();
          assertStrictEquals(await tryAcquire(semaphore), false);
        }
        assertEquals((await semaphore.statistics()).value, 1);
      }
      await assertRejects(async () => {
        await using _ = await semaphore.hold();
        throw REASON;
      });
      assertEquals((await semaphore.statistics()).value, 2);
    },
  );

  test(
    `${name}.hold() throws TimeoutError when the time is over`,
    { count: 1 },
    async (semaphore) => {
      await using _ = await semaphore.hold();
      for (const timeoutMs of [0, SHORT_MS]) {
        const hold = () => semaphore.hold({ timeoutMs });
        await assertRejects(hold, TimeoutError, "Cannot acquire the semaphore");
      }
    },
  );

  test(
    `${name} serves those who wait in the order in which they came`,
    { count: 4 },
    async (holder, ...others) => {
      await holder.acquire();
      const served: number[] = [];
      const waiting: Promise<unknown>[] = [];
      for (const [i, semaphore] of others.entries()) {
        waiting.push(semaphore.acquire().then(() => served.push(i)));
        await untilWaiting(holder, i + 1);
      }
      for (let i = 0; i < 3; i++) {
        await holder.release();
        assertStrictEquals(await tryAcquire(holder), false);
        await waiting[i];
      }
      assertEquals(served, [0, 1, 2]);
      await holder.release();
    },
  );

  test(
    `${name}.acquire() that is cancelled makes room for the next one`,
    { count: 3 },
    async (a, b, c) => {
      await a.acquire();
      const controller = new AbortController();
      const cancelled = b.acquire({ signal: controller.signal });
      await untilWaiting(a, 1);
      const next = c.acquire();
      await untilWaiting(a, 2);
      controller.abort(REASON);
      assertEquals((await assertRejects(() => cancelled, Error)).message, "enough");
      await untilWaiting(a, 1);
      await a.release();
      assertStrictEquals(await next, true);
      await c.release();
      assertEquals((await a.statistics()).value, 1);
    },
  );

  test(`${name}.acquire() looks at an aborted signal first`, { count: 1 }, async (semaphore) => {
    const signal = AbortSignal.abort(REASON);
    assertEquals(
      (await assertRejects(() => semaphore.acquire({ signal }), Error)).message,
      "enough",
    );
    assertEquals((await semaphore.statistics()).value, 1);
  });
}

/** What a semaphore without a bound does. */
export function semaphoreContract(name: string, subject: SemaphoreSubject): void {
  baseSemaphoreContract(name, subject);

  Deno.test(`${name} may be released above its first value [cpython: SemaphoreTests.test_release_unacquired, _TestSemaphore.test_semaphore]`, () =>
    withHandles(subject.open(1, 2), async (semaphore) => {
      const values: number[] = [];
      const note = async () => values.push((await semaphore.statistics()).value);
      await semaphore.acquire();
      await note();
      await semaphore.acquire();
      await note();
      assertStrictEquals(await semaphore.acquire({ timeoutMs: 0 }), false);
      for (let i = 0; i < 4; i++) {
        await semaphore.release();
        await note();
      }
      assertEquals(values, [1, 0, 1, 2, 3, 4]);
    }));

  Deno.test(`${name}.toString() shows the value [cpython: SemaphoreTests.test_repr]`, () =>
    withHandles(subject.open(1, 3), async (semaphore) => {
      if (subject.isElsewhere === true) return assertMatch(semaphore.toString(), ELSEWHERE);
      assertMatch(semaphore.toString(), /value: 3\b/);
      await semaphore.acquire();
      assertMatch(semaphore.toString(), /value: 2\b/);
    }));
}

/** What a semaphore with a bound does. */
export function boundedSemaphoreContract(name: string, subject: SemaphoreSubject): void {
  baseSemaphoreContract(name, subject);

  Deno.test(`${name}.release() above its first value throws and releases nothing [cpython: BoundedSemaphoreTests.test_release_unacquired, ThreadTests.test_BoundedSemaphore_limit]`, () =>
    withHandles(subject.open(1, 3), async (semaphore) => {
      const release = async (n?: number) => await semaphore.release(n);
      await assertRejects(() => release(), RangeError, "3 of 3 places are free");
      await semaphore.acquire();
      await semaphore.acquire();
      await assertRejects(() => release(3), RangeError, "1 of 3 places are free");
      assertEquals((await semaphore.statistics()).value, 1);
      await semaphore.release(2);
      await assertRejects(() => release(), RangeError);
    }));

  Deno.test(`${name} can be acquired and released within its value, as one without a bound [cpython: _TestSemaphore.test_bounded_semaphore]`, () =>
    withHandles(subject.open(1, 2), async (semaphore) => {
      assertEquals([await semaphore.acquire(), await semaphore.acquire()], [true, true]);
      assertStrictEquals(await semaphore.acquire({ timeoutMs: 0 }), false);
      await semaphore.release();
      await semaphore.release();
      assertEquals((await semaphore.statistics()).value, 2);
    }));

  Deno.test(`${name}.toString() shows the value and the bound [cpython: BoundedSemaphoreTests.test_repr]`, () =>
    withHandles(subject.open(1, 3), async (semaphore) => {
      if (subject.isElsewhere === true) return assertMatch(semaphore.toString(), ELSEWHERE);
      await semaphore.acquire();
      assertMatch(semaphore.toString(), /value: 2\b.*bound: 3\b/);
    }));
}
