import { assertEquals, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import { assertPending } from "../support/settle.ts";
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

/** An event as one owner sees it. */
export interface EventHandle {
  isSet(): Answer<boolean>;
  set(): Answer<void>;
  clear(): Answer<void>;
  wait(options?: Wait): Promise<boolean>;
  statistics(): Answer<{ isSet: boolean; waiting: number }>;
  toString(): string;
}

/** Makes events. */
export interface EventSubject {
  open(count: number): Promise<Opened<EventHandle>>;
  /** The object lives in another process than the test, so that its text cannot tell how it is. */
  readonly isElsewhere?: boolean | undefined;
}

const REASON = new Error("enough");

/** What every event does. */
export function eventContract(name: string, subject: EventSubject): void {
  function test(
    title: string,
    count: number,
    run: (...handles: Handles<EventHandle>) => Promise<void>,
  ): void {
    Deno.test(title, () => withHandles(subject.open(count), run));
  }

  test(
    `${name}.isSet() follows set() and clear(), which may be repeated [cpython: EventTests.test_is_set]`,
    1,
    async (event) => {
      const seen = [await event.isSet()];
      for (const change of ["set", "set", "clear", "clear"] as const) {
        await event[change]();
        seen.push(await event.isSet());
      }
      assertEquals(seen, [false, true, true, false, false]);
    },
  );

  test(
    `${name}.set() wakes all who wait, again after clear() [cpython: EventTests.test_notify]`,
    6,
    async (setter, ...others) => {
      for (let round = 0; round < 2; round++) {
        const waiting = others.map((event) => event.wait());
        await untilWaiting(setter, 5);
        await assertPending(Promise.race(waiting), "wait");
        await setter.set();
        assertEquals(await Promise.all(waiting), [true, true, true, true, true]);
        assertStrictEquals(await setter.wait(), true);
        await setter.clear();
      }
    },
  );

  test(
    `${name}.wait() answers false when the time is over, true when it is set [cpython: EventTests.test_timeout]`,
    1,
    async (event) => {
      assertStrictEquals(await event.wait({ timeoutMs: 0 }), false);
      assertStrictEquals(await event.wait({ timeoutMs: SHORT_MS }), false);
      assertEquals((await event.statistics()).waiting, 0);
      await event.set();
      assertStrictEquals(await event.wait({ timeoutMs: 0 }), true);
      assertStrictEquals(await event.wait({ timeoutMs: SHORT_MS }), true);
    },
  );

  test(
    `${name}.set() with clear() right after wakes all who wait [cpython: EventTests.test_set_and_clear]`,
    6,
    async (setter, ...others) => {
      const waiting = others.map((event) => event.wait({ timeoutMs: 30_000 }));
      await untilWaiting(setter, 5);
      await Promise.all([setter.set(), setter.clear()]);
      assertEquals(await Promise.all(waiting), [true, true, true, true, true]);
      assertEquals(await setter.isSet(), false);
    },
  );

  test(
    `${name} is set by one and waited for by another [cpython: _TestEvent.test_event]`,
    2,
    async (a, b) => {
      assertEquals(await a.isSet(), false);
      assertStrictEquals(await a.wait({ timeoutMs: 0 }), false);
      assertStrictEquals(await a.wait({ timeoutMs: SHORT_MS }), false);
      await a.set();
      assertEquals([await a.isSet(), await b.isSet()], [true, true]);
      assertEquals([await a.wait(), await a.wait({ timeoutMs: 0 })], [true, true]);
      await a.clear();
      assertEquals(await a.isSet(), false);
      const waiting = a.wait();
      await untilWaiting(a, 1);
      await b.set();
      assertStrictEquals(await waiting, true);
    },
  );

  test(
    `${name}.toString() says whether it is set [cpython: EventTests.test_repr, _TestEvent.test_repr]`,
    1,
    async (event) => {
      if (subject.isElsewhere === true) return assertMatch(event.toString(), ELSEWHERE);
      assertMatch(event.toString(), /\bunset\b/);
      await event.set();
      assertMatch(event.toString(), /\bset\b/);
      await event.clear();
      assertMatch(event.toString(), /\bunset\b/);
    },
  );

  test(`${name}.wait() refuses a bad time, also when it is set`, 1, async (event) => {
    await event.set();
    await assertRejects(() => event.wait({ timeoutMs: -1 }), RangeError, '"timeoutMs" must be');
  });

  test(`${name}.wait() looks at an aborted signal first`, 1, async (event) => {
    await event.set();
    const signal = AbortSignal.abort(REASON);
    assertEquals((await assertRejects(() => event.wait({ signal }), Error)).message, "enough");
  });

  test(`${name}.wait() that is cancelled leaves the others waiting`, 2, async (a, b) => {
    const controller = new AbortController();
    const cancelled = a.wait({ signal: controller.signal });
    const waiting = b.wait();
    await untilWaiting(a, 2);
    controller.abort(REASON);
    assertEquals((await assertRejects(() => cancelled, Error)).message, "enough");
    await assertPending(waiting, "the other wait");
    assertEquals((await a.statistics()).waiting, 1);
    await a.set();
    assertStrictEquals(await waiting, true);
  });
}
