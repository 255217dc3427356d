import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  assertNoLeaks,
  leakTest,
  listChildren,
  listChildrenByPs,
  listWorkerThreads,
  WorkerCount,
} from "./leaks.ts";

const IDLE = "data:text/javascript,postMessage(1);";
const CLOSING = "data:text/javascript,postMessage(1);self.close();";
const SYSTEM_LISTS_CHILDREN = Deno.build.os !== "windows";

/** Starts a Worker, and waits until it runs. */
async function startWorker(specifier: string): Promise<Worker> {
  const worker = new Worker(specifier, { type: "module" });
  await new Promise((resolve) => worker.onmessage = resolve);
  return worker;
}

function startChild(): Deno.ChildProcess {
  // It ends with its standard input.
  return new Deno.Command(Deno.execPath(), {
    args: ["eval", "await new Response(Deno.stdin.readable).text()"],
    stdin: "piped",
  }).spawn();
}

async function endChild(child: Deno.ChildProcess): Promise<void> {
  await child.stdin.close();
  await child.status;
}

Deno.test("assertNoLeaks() accepts a test that ends what it starts", async () => {
  await assertNoLeaks(async () => {
    const worker = await startWorker(IDLE);
    worker.terminate();
    await endChild(startChild());
  });
});

Deno.test("assertNoLeaks() waits for an exit that is under way", async () => {
  const children: Deno.ChildProcess[] = [];
  await assertNoLeaks(() => {
    const child = startChild();
    children.push(child);
    setTimeout(() => child.stdin.close(), 50);
  });
  for (const child of children) await child.status;
});

Deno.test({
  name: "assertNoLeaks() fails when a child is left",
  ignore: !SYSTEM_LISTS_CHILDREN,
  async fn() {
    const children: Deno.ChildProcess[] = [];
    const leave = (): void => void children.push(startChild());
    const { message } = await assertRejects(
      () => assertNoLeaks(leave, { exitTimeoutMs: 50 }),
      Error,
    );
    assertStringIncludes(message, `child process ${children[0]?.pid}`);
    for (const child of children) await endChild(child);
  },
});

Deno.test("assertNoLeaks() fails when a Worker is left", async () => {
  const workers: Worker[] = [];
  const leave = async (): Promise<void> => void workers.push(await startWorker(IDLE));
  const { message } = await assertRejects(() => assertNoLeaks(leave, { exitTimeoutMs: 50 }), Error);
  assertStringIncludes(message, "Worker");
  for (const worker of workers) worker.terminate();
});

Deno.test({
  name: "assertNoLeaks() accepts a Worker that closes itself",
  ignore: Deno.build.os !== "linux",
  fn: () => assertNoLeaks(async () => void await startWorker(CLOSING)),
});

Deno.test("assertNoLeaks() passes on the error of the test", async () => {
  await assertRejects(() => assertNoLeaks(() => Promise.reject(new Error("own"))), Error, "own");
});

Deno.test("WorkerCount.list() tells the Workers that nobody terminated", async () => {
  const original = globalThis.Worker;
  {
    using count = new WorkerCount();
    const [first, second] = [await startWorker(IDLE), await startWorker(IDLE)];
    assert(first instanceof original);
    assertEquals(count.list().length, 2);
    first.terminate();
    assertEquals(count.list().length, 1);
    assertStringIncludes(count.list()[0]?.description ?? "", IDLE);
    second.terminate();
    assertEquals(count.list(), []);
  }
  assertEquals(globalThis.Worker, original);
});

Deno.test({
  name: "listWorkerThreads() tells a Worker that runs on after terminate()",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const ids = (): string[] => listWorkerThreads()?.map(({ id }) => id) ?? [];
    const before = ids();
    const flag = new Int32Array(new SharedArrayBuffer(4));
    const worker = await startWorker(
      "data:text/javascript,onmessage=({data})=>{postMessage(2);Atomics.wait(data,0,0)};postMessage(1)",
    );
    worker.postMessage(flag);
    await new Promise((resolve) => worker.onmessage = resolve);
    const [thread] = ids().filter((id) => !before.includes(id));
    worker.terminate();
    if (listWorkerThreads() !== undefined) assert(thread !== undefined && ids().includes(thread));
    await assertNoLeaks(() => {
      Atomics.store(flag, 0, 1);
      Atomics.notify(flag, 0);
    });
  },
});

Deno.test({
  name: "listChildren() and listChildrenByPs() tell the same living children",
  ignore: !SYSTEM_LISTS_CHILDREN,
  async fn() {
    const child = startChild();
    const has = (hands: { id: string }[]): boolean =>
      hands.some(({ id }) => id === `child ${child.pid}`);
    assert(has(await listChildren()));
    assert(has(await listChildrenByPs()));
    await endChild(child);
    assert(!has(await listChildren()));
    assert(!has(await listChildrenByPs()));
  },
});

leakTest("leakTest() runs a test, with its steps", async (context) => {
  let ran = false;
  await context.step("step", () => {
    ran = true;
  });
  assert(ran);
});
