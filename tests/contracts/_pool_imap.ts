import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { TimeoutError } from "../../coroutine/mod.ts";
import { settle } from "../support/settle.ts";
import {
  byValue,
  collect,
  NUMBERS,
  type PoolSubject,
  poolTester,
  REASON,
  RemoteGate,
  SQUARES,
  upTo,
} from "./_pool_subject.ts";
import {
  failIfOdd,
  type GateToken,
  passGateWith,
  record,
  square,
  squareLater,
} from "./pool_functions.ts";

/** The rules of `imap` and `imapUnordered`. */
export function poolImapContract(name: string, subject: PoolSubject): void {
  const test = poolTester(name, subject);

  // imap

  test(".imap() gives the results in order, then the end [cpython: _TestPool.test_imap]", async (pool) => {
    assertEquals(await collect(pool.imap(squareLater, NUMBERS)), SQUARES);
    for (const chunkSize of [1, 3, 100]) {
      const results = pool.imap(square, upTo(50), { chunkSize });
      for (let n = 0; n < 50; n++) {
        assertEquals(await results.next(), { done: false, value: n * n });
      }
      assertEquals(await results.next(), { done: true, value: undefined });
      assertEquals(await results.next(), { done: true, value: undefined });
    }
  });

  test(".imapUnordered() gives all results [cpython: _TestPool.test_imap_unordered]", async (pool) => {
    for (const chunkSize of [undefined, 1, 7]) {
      const results = await collect(pool.imapUnordered(squareLater, upTo(100), { chunkSize }));
      assertEquals(results.sort(byValue), Array.from(upTo(100), square));
    }
  });

  test(".imapUnordered() gives what is done first", async (pool) => {
    const slow = new RemoteGate(subject);
    const fast = new RemoteGate(subject);
    const items = [{ gate: slow.token, n: 1 }, { gate: fast.token, n: 2 }];
    const results = pool.imapUnordered(passGateWith, items);
    await fast.pass(1);
    assertEquals((await results.next()).value, 2);
    await slow.pass(1);
    assertEquals((await results.next()).value, 1);
  });

  test(".imap() reads an async input", async (pool) => {
    async function* later(): AsyncGenerator<number> {
      for (const n of NUMBERS) {
        await 0;
        yield n;
      }
    }
    assertEquals(await collect(pool.imap(square, later())), SQUARES);
  });

  test(".imap() takes no more from its input than it may", async (pool) => {
    let taken = 0;
    function* count(): Generator<number> {
      for (;;) yield taken++;
    }
    // In chunks it would take a few at a time, when there is room for them.
    const results = pool.imap(square, count(), { lookAhead: 5, chunkSize: 1 });
    await settle();
    assertEquals(taken, 5);
    await results.next();
    await results.next();
    await settle();
    assertEquals(taken, 7);
    await results.return();
    await settle();
    assertEquals(taken, 7);
  });

  test(
    ".imap() ends, and closes its input, when the loop is left [cpython: ThreadPoolExecutorTest.test_executor_map_current_future_cancel]",
    async (pool) => {
      const gate = new RemoteGate(subject);
      let isClosed = false;
      function* items(): Generator<{ gate: GateToken; n: number }> {
        try {
          for (let n = 0;; n++) yield { gate: gate.token, n };
        } finally {
          isClosed = true;
        }
      }
      await gate.pass(1);
      for await (const n of pool.imap(passGateWith, items(), { lookAhead: 4 })) {
        assertEquals(n, 0);
        break;
      }
      assert(isClosed);
      const { queued, running } = pool.statistics();
      assertEquals([queued, running], [0, 0]);
      assertEquals(await pool.apply(square, [2]), 4);
    },
    1,
  );

  test(".imap() gives the results before an error of its input [cpython: _TestPool.test_imap_handle_iterable_exception]", async (pool) => {
    for (const chunkSize of [undefined, 1, 4]) {
      for (const good of [0, 1, 6]) {
        const results = pool.imap(square, upTo(good, REASON), { chunkSize });
        for (let n = 0; n < good; n++) assertEquals((await results.next()).value, n * n);
        assertStrictEquals(await assertRejects(() => results.next()), REASON);
        assertEquals((await results.next()).done, true);
      }
    }
  });

  test(".imap() gives the results before an error of its async input", async (pool) => {
    async function* failing(good: number): AsyncGenerator<number> {
      await 0;
      yield* upTo(good, REASON);
    }
    for (const good of [0, 1, 6]) {
      const results = pool.imap(square, failing(good));
      for (let n = 0; n < good; n++) assertEquals((await results.next()).value, n * n);
      assertStrictEquals(await assertRejects(() => results.next()), REASON);
      assertEquals((await results.next()).done, true);
    }
  });

  test(".imapUnordered() gives the error of its input last [cpython: _TestPool.test_imap_unordered_handle_iterable_exception]", async (pool) => {
    const results = pool.imapUnordered(square, upTo(6, REASON));
    const seen: number[] = [];
    for (let n = 0; n < 6; n++) seen.push((await results.next()).value!);
    assertEquals(seen.sort(byValue), [0, 1, 4, 9, 16, 25]);
    assertStrictEquals(await assertRejects(() => results.next()), REASON);
  });

  test(".imap() gives the results before a failed item, and next() goes on after it [cpython: ExecutorTest.test_map_exception]", async (pool) => {
    const results = pool.imap(failIfOdd, [0, 2, 3, 4]);
    assertEquals((await results.next()).value, 0);
    assertEquals((await results.next()).value, 2);
    await assertRejects(() => results.next(), RangeError, "3 is odd");
    assertEquals((await results.next()).value, 4);
    assertEquals((await results.next()).done, true);
  });

  test(".imap() ends a loop at the first error, and stops the rest", async (pool) => {
    const seen: number[] = [];
    await assertRejects(
      async () => {
        for await (const n of pool.imap(failIfOdd, upTo(1_000_000))) seen.push(n);
      },
      RangeError,
      "1 is odd",
    );
    assertEquals(seen, [0]);
    const { queued, running } = pool.statistics();
    assertEquals([queued, running], [0, 0]);
  });

  test(".imap() can be looped over by the iterator that a loop asks for", async (pool) => {
    const loop = pool.imap(failIfOdd, [0, 2, 3, 4])[Symbol.asyncIterator]();
    const seen: number[] = [];
    await assertRejects(async () => {
      for await (const n of loop) seen.push(n);
    }, RangeError);
    assertEquals(seen, [0, 2]);
    assertStrictEquals(loop[Symbol.asyncIterator](), loop);
    assertEquals(await loop.next(), { done: true, value: undefined });
  });

  test(".imap().next() waits for a limited time, and takes nothing then [cpython: ExecutorTest.test_map_timeout]", async (pool) => {
    const gate = new RemoteGate(subject);
    const results = pool.imap(passGateWith, [{ gate: gate.token, n: 1 }]);
    for (const timeoutMs of [0, 1]) {
      await assertRejects(() => results.next({ timeoutMs }), TimeoutError);
    }
    await gate.pass(1);
    assertEquals(await results.next({ timeoutMs: 30_000 }), { done: false, value: 1 });
  });

  test(".imap() starts before anybody takes results [cpython: ThreadPoolExecutorTest.test_map_submits_without_iteration]", async (pool) => {
    const queue = subject.createQueue();
    const results = pool.imap(record, [{ queue, n: 1 }, { queue, n: 2 }]);
    assertEquals([await queue.get(), await queue.get()].sort(byValue), [1, 2]);
    await results.return();
  });
}
