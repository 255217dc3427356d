import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { setLender } from "../../coroutine/_lending.ts";
import { CancelledError, spawn } from "../../coroutine/mod.ts";
import { Borrowing, Lending } from "../../ipc/_family.ts";
import { fromWire, toWire } from "../../ipc/_portable.ts";
import { ConnectionClosedError, ConnectionLostError, type Remote } from "../../ipc/mod.ts";
import { guard } from "../support/guard.ts";
import { assertPending } from "../support/settle.ts";

/** Far less than a connection waits for a handshake. */
const PROMPT_MS = 5_000;

/** A process that is reached and says nothing, as one that is stopped. */
class SilentPlace implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections: Deno.TcpConn[] = [];
  readonly #accepting = this.#accept();

  /** An object that would live there. */
  borrow(): Borrowing {
    return new Borrowing({ port: this.#listener.addr.port, id: "an object" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    for (const connection of this.#connections) connection.close();
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) this.#connections.push(connection);
  }
}

function prompt<T>(promise: Promise<T>, what: string): Promise<T> {
  return guard(promise, () => what, PROMPT_MS);
}

const OBJECT = { echo: (value: unknown) => value };

Deno.test("a borrowed object: a call ends with its signal while its process says nothing", async () => {
  const place = new SilentPlace();
  const object = place.borrow();
  const controller = new AbortController();
  const { signal } = controller;
  const calls = [
    object.call("wait", [{ timeoutMs: 5, signal }]),
    object.call("get", [], { signal }),
  ];
  const other = object.call("echo", [1]);
  for (const call of calls) await assertPending(call, "the call");
  controller.abort(new Error("enough"));
  for (const call of calls) {
    await assertRejects(() => prompt(call, "the aborted call"), Error, "enough");
  }
  await assertRejects(() => prompt(object.call("get", [], { signal }), "another"), Error, "enough");
  await assertPending(other, "the call without a signal");
  await place[Symbol.asyncDispose]();
  await assertRejects(() => prompt(other, "the end of the connection"), ConnectionLostError);
});

Deno.test("a borrowed object: a call ends with its task while its process says nothing", async () => {
  const place = new SilentPlace();
  const object = place.borrow();
  const tasks = [{}, { withTask: false }].map((options) =>
    spawn(async () => await object.call("put", [1], options))
  );
  const [ended, toEnd] = tasks.map(async (task) => await task) as [
    Promise<unknown>,
    Promise<unknown>,
  ];
  await assertPending(ended, "the task");
  for (const task of tasks) task.cancel();
  await assertRejects(() => prompt(ended, "the task"), CancelledError);
  await assertPending(toEnd, "what must not be cut short");
  await place[Symbol.asyncDispose]();
  await assertRejects(() => prompt(toEnd, "the end of the connection"));
});

Deno.test("a borrowed object: calls end when it is closed while its process says nothing", async () => {
  const place = new SilentPlace();
  const object = place.borrow();
  const call = object.call("echo", [1]);
  await assertPending(call, "the call");
  const closing = object.close();
  await assertRejects(() => prompt(call, "the call"), ConnectionClosedError, "was given back");
  await place[Symbol.asyncDispose]();
  await prompt(closing, "the close");
});

Deno.test("a borrowed object is given back although another process says nothing", async () => {
  const place = new SilentPlace();
  const lending = new Lending(OBJECT);
  const object = new Borrowing(lending.reference);
  assertEquals(await object.call("echo", [1]), 1);
  const other = place.borrow();
  const call = other.call("echo", [1]);
  await assertPending(call, "the call of the silent one");
  await prompt(object.close(), "the object to be given back");
  await place[Symbol.asyncDispose]();
  await assertRejects(() => call, ConnectionLostError);
  await lending.end();
});

Deno.test("borrowed objects of one process share a connection, also when they are used at once", async () => {
  const lendings = [new Lending(OBJECT), new Lending(OBJECT)];
  const objects = lendings.map(({ reference }) => new Borrowing(reference));
  const answers = await Promise.all(objects.map((object, n) => object.call("echo", [n])));
  assertEquals(answers, [0, 1]);
  const [one, two] = await Promise.all(objects.map((object) => object.session()));
  assertStrictEquals(one, two);
  for (const object of objects) await object.close();
  for (const lending of lendings) await lending.end();
});

Deno.test("a borrowed object gets its first calls in their order, however they may be given up", async () => {
  const got: number[] = [];
  const lending = new Lending({ take: (n: number) => void got.push(n) });
  const object = new Borrowing(lending.reference);
  const { signal } = new AbortController();
  const calls: Promise<unknown>[] = [];
  // Some before it is open, some in each of the turns in which it becomes so.
  for (let n = 0; n < 400; n++) {
    const options = [{ signal }, { withTask: false }, {}][n % 3];
    calls.push(n % 4 === 3 ? object.notify("take", [n]) : object.call("take", [n], options));
    if (n > 100) await Promise.resolve();
    if (n === 150) await object.session();
  }
  await Promise.all(calls);
  assertEquals(got, Array.from({ length: 400 }, (_, n) => n));
  await object.close();
  await lending.end();
});

Deno.test("a borrowed object: a call in the turn in which it is closed is not made", async () => {
  const got: number[] = [];
  const lending = new Lending({ take: (n: number) => void got.push(n) });
  const object = new Borrowing(lending.reference);
  await object.call("take", [1]);
  const call = object.call("take", [2]);
  const closing = object.close();
  await assertRejects(() => prompt(call, "the call"), ConnectionClosedError, "was given back");
  await closing;
  await lending.end();
  assertEquals(got, [1]);
});

/** An object that counts who has given it back. */
class Echo {
  left = 0;

  static {
    setLender(Echo, (echo) => ({
      methods: { echo: (_call, value: unknown) => value },
      leave: () => void echo.left++,
    }));
  }
}

Deno.test("a proxy that has come from elsewhere is passed on and given back", async () => {
  const echo = new Echo();
  const lending = new Lending(echo);
  const data = { ...lending.reference, methods: ["echo"] };
  const read = () => fromWire({ type: "ipc.Proxy", data }) as Remote<typeof OBJECT>;
  const proxy = read();
  assertEquals(await proxy.echo(1), 1);
  // What crosses is what has come.
  assertEquals(toWire(proxy), { type: "ipc.Proxy", data });
  const other = read();
  assertEquals(await other.echo(2), 2);
  await proxy[Symbol.asyncDispose]();
  assertThrows(() => toWire(proxy), TypeError, "Cannot pass on the proxy: it was disposed");
  await assertRejects(() => proxy.echo(3), ConnectionClosedError, "the proxy was disposed");
  // What is said on one connection is heard in its order.
  assertEquals(await other.echo(4), 4);
  assertEquals(echo.left, 1);
  // The last one closes the connection, so that nothing of it is left when the test is over.
  await other[Symbol.asyncDispose]();
  await lending.end();
});
