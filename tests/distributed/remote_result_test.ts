import { assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import {
  CancelledError,
  InvalidStateError,
  spawn,
  type Task,
  TimeoutError,
} from "../../coroutine/mod.ts";
import { RemoteResult } from "../../distributed/_remote_result.ts";
import { leakTest } from "../support/leaks.ts";
import { settle } from "../support/settle.ts";

/** What a call elsewhere will give. */

/** A call that ends when it is told to. */
function open() {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const result = new RemoteResult<number>((signal) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    return promise;
  });
  return { result, resolve, reject };
}

leakTest("RemoteResult tells its state, also to the console", async () => {
  const { result, resolve } = open();
  assertEquals(Deno.inspect(result), "AsyncResult { pending }");
  assertEquals(result.ready(), false);
  try {
    result.successful();
  } catch (error) {
    assertInstanceOf(error, InvalidStateError);
  }
  assertEquals(await result.wait({ timeoutMs: 0 }), false);
  await assertRejects(() => result.get({ timeoutMs: 0 }), TimeoutError, "Cannot get the result");
  resolve(7);
  assertEquals([await result, await result.get(), await result.wait()], [7, 7, true]);
  assertEquals([Deno.inspect(result), result.successful()], ["AsyncResult { succeeded }", true]);
});

leakTest("RemoteResult waits for nobody whose signal is aborted", async () => {
  const { result, resolve } = open();
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  for (const wait of [() => result.get({ signal }), () => result.wait({ signal })]) {
    assertStrictEquals(await assertRejects(wait), reason);
  }
  resolve(1);
  for (const wait of [() => result.get({ signal }), () => result.wait({ signal })]) {
    assertStrictEquals(await assertRejects(wait), reason);
  }
});

leakTest("RemoteResult.cancel() ends the call with a reason", async () => {
  const why = new Error("why");
  for (const reason of [undefined, why, new CancelledError("stop")]) {
    const { result } = open();
    assertEquals([result.cancel(reason), result.cancel()], [true, false]);
    const error = await assertRejects(() => result.get(), CancelledError);
    if (reason instanceof CancelledError) assertStrictEquals(error, reason);
    else assertEquals([error.message, error.cause], ["The call was cancelled", reason]);
    assertEquals([result.cancelled(), result.successful()], [true, false]);
    assertEquals(Deno.inspect(result), "AsyncResult { cancelled }");
  }
});

leakTest("RemoteResult that a task awaits is cancelled with the task", async () => {
  const { result } = open();
  const task = spawn(async () => await result);
  await settle();
  const reason = new CancelledError("no more");
  task.cancel(reason);
  assertStrictEquals(await assertRejects(async () => await task), reason);
  assertEquals(result.cancelled(), true);
  // One that was cancelled before it waits does not begin to.
  const late = open();
  const other: Task<number> = spawn(async () => {
    await settle();
    other.cancel(reason);
    return await late.result;
  });
  assertStrictEquals(await assertRejects(async () => await other), reason);
  assertEquals(late.result.cancelled(), true);
  // What is there already is taken all the same.
  const there = open();
  there.resolve(3);
  await there.result.wait();
  assertEquals(await spawn(async () => await there.result), 3);
});
