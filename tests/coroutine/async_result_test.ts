import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { CancelledError, Pool } from "../../coroutine/mod.ts";
import { createGates } from "../support/gate.ts";
import { settle } from "../support/settle.ts";

const REASON = new Error("wrong");

function fail(): never {
  throw REASON;
}

/** What the runtime reports while something runs. */
async function reported(
  kind: "unhandledrejection" | "error",
  run: () => Promise<void>,
): Promise<unknown[]> {
  const seen: unknown[] = [];
  const listener = (event: globalThis.Event) => {
    event.preventDefault();
    seen.push(event instanceof PromiseRejectionEvent ? event.reason : (event as ErrorEvent).error);
  };
  globalThis.addEventListener(kind, listener);
  try {
    await run();
    await settle();
  } finally {
    globalThis.removeEventListener(kind, listener);
  }
  return seen;
}

Deno.test("AsyncResult is ready when the call has ended [cpython: FutureTests.test_done, FutureTests.test_cancelled]", async () => {
  await using pool = new Pool(1);
  const { open } = createGates("open");
  const result = pool.applyAsync(() => open.wait());
  const queued = pool.applyAsync(() => 1);
  await settle();
  assertEquals([result.ready(), result.cancelled()], [false, false]);
  queued.cancel();
  assertEquals([queued.ready(), queued.cancelled()], [true, true]);
  open.open();
  await result;
  assertEquals([result.ready(), result.cancelled(), result.successful()], [true, false, true]);
});

Deno.test("AsyncResult.get() that waits gets what comes [cpython: FutureTests.test_result_with_success]", async () => {
  await using pool = new Pool(1);
  const { open } = createGates("open");
  const result = pool.applyAsync(() => open.wait().then(() => 42));
  const waits = [result.get(), result.get({ timeoutMs: 30_000 }), result.then((value) => value)];
  await settle();
  open.open();
  assertEquals(await Promise.all(waits), [42, 42, 42]);
});

Deno.test("AsyncResult keeps its first outcome [cpython: FutureTests.test_multiple_set_result, FutureTests.test_multiple_set_exception]", async () => {
  await using pool = new Pool(1);
  const good = pool.applyAsync(() => 1);
  await good;
  assertEquals([good.cancel(), await good], [false, 1]);
  const bad = pool.applyAsync(fail);
  assertStrictEquals(await assertRejects(() => bad.get()), REASON);
  assertEquals(bad.cancel(), false);
  assertStrictEquals(await assertRejects(() => bad.get()), REASON);
});

Deno.test("AsyncResult shows its state [cpython: FutureTests.test_repr]", async () => {
  await using pool = new Pool(1);
  const shown = (result: unknown) => [`${result}`, Deno.inspect(result)];
  const good = pool.applyAsync(() => 1);
  assertEquals(shown(good), Array(2).fill("AsyncResult { pending }"));
  await good;
  assertEquals(shown(good), Array(2).fill("AsyncResult { succeeded }"));
  const bad = pool.applyAsync(() => {
    throw new RangeError("no");
  });
  await bad.wait();
  assertEquals(shown(bad), Array(2).fill("AsyncResult { failed with RangeError }"));
  const stopped = pool.applyAsync(() => 1);
  stopped.cancel();
  assertEquals(shown(stopped), Array(2).fill("AsyncResult { cancelled }"));
});

Deno.test("AsyncResult that failed and that nobody asks for is reported by the runtime", async () => {
  await using pool = new Pool(1);
  const seen = await reported("unhandledrejection", async () => {
    pool.applyAsync(fail);
    await settle();
  });
  assertEquals(seen, [REASON]);
});

Deno.test("AsyncResult is not reported when somebody asks, has an errorCallback, or it was cancelled", async () => {
  await using pool = new Pool(1);
  const seen = await reported("unhandledrejection", async () => {
    const waited = pool.applyAsync(fail);
    await waited.wait();
    assertEquals(waited.successful(), false);
    let error: unknown;
    pool.applyAsync(fail, [], { errorCallback: (reason) => error = reason });
    await settle();
    assertStrictEquals(error, REASON);
    pool.applyAsync(() => 1).cancel();
    pool.applyAsync(() => 1, [], { signal: AbortSignal.abort(REASON) });
    const late = pool.applyAsync(fail);
    const signal = AbortSignal.abort(new Error("first"));
    await assertRejects(() => late.get({ signal }), Error, "first");
    await settle();
    const failed = pool.applyAsync(fail);
    while (!failed.ready()) await null;
    // The runtime looks when this turn of the event loop is over.
    assertEquals(await failed.wait(), true);
    await settle();
    const unheard = pool.mapAsync(() => 1, [1]);
    await pool.terminate();
    assert(unheard.cancelled());
  });
  assertEquals(seen, []);
});

Deno.test("AsyncResult keeps the result when a callback throws, and the error is reported [cpython: FutureTests.test_done_callback_raises]", async () => {
  await using pool = new Pool(1);
  const seen = await reported("error", async () => {
    const good = pool.applyAsync(() => 7, [], { callback: fail });
    assertEquals(await good, 7);
    const bad = pool.applyAsync(
      () => {
        throw new RangeError("no");
      },
      [],
      { errorCallback: fail },
    );
    await assertRejects(() => bad.get(), RangeError);
    const empty = pool.mapAsync((n: number) => n, [], { callback: fail });
    assertEquals(await empty, []);
    assertEquals(await pool.apply(() => 8), 8);
  });
  assertEquals(seen, [REASON, REASON, REASON]);
});

Deno.test("AsyncResult keeps the result when onProgress throws", async () => {
  await using pool = new Pool(1);
  const { reportProgress } = await import("../../coroutine/report_progress.ts");
  const seen = await reported("error", async () => {
    const result = await pool.apply(() => (reportProgress(1), 7), [], { onProgress: fail });
    assertEquals(result, 7);
  });
  assertEquals(seen, [REASON]);
});

Deno.test("AsyncResult.cancel() passes a CancelledError on as it is", async () => {
  await using pool = new Pool(1);
  const result = pool.applyAsync(() => 1);
  const error = new CancelledError("mine");
  result.cancel(error);
  assertStrictEquals(await assertRejects(() => result.get()), error);
});
