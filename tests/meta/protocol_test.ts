import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { Queue, QueueEmptyError } from "@manyhands/concurrency/coroutine";
import { BaseManager, RpcServer, SyncManager, TaskQueue } from "@manyhands/concurrency/distributed";
import { AuthenticationError } from "@manyhands/concurrency/ipc";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending, settle } from "../support/settle.ts";
import {
  CONFIRM,
  KEY,
  KIND,
  LOAN,
  type Loan,
  ONE_ARGUMENT,
  Peer,
  readMethods,
  readTable,
  text,
} from "./_protocol_peer.ts";

// ---- A client ----

/** A manager of this package that lends a queue, and a client of it. */
async function lendQueue<T>(queue: Queue<T>) {
  const Manager = BaseManager.register("getQueue", { callable: () => queue });
  const server = new Manager({ address: "127.0.0.1:0", authkey: KEY }).getServer();
  const peer = await Peer.connect(server.address.port);
  const answer = await peer.ask(peer.root, "create", "getQueue", []);
  assertEquals([answer.kind, answer.flags & LOAN], ["result", LOAN]);
  return { server, peer, queue: answer.value as Loan };
}

leakTest("docs/protocol.md: a client calls a queue, and confirms what it gets", async () => {
  const queue = new Queue<unknown>(0, { returnUnfinished: true });
  const { server, peer, queue: lent } = await lendQueue(queue);
  await using _ = server;
  assertEquals(peer.methods, readMethods("## A manager"));
  assertEquals(lent.methods, readMethods("### A queue of `coroutine`"));

  assertEquals((await peer.ask(lent, "put", { n: 1 }, { timeoutMs: 1000 })).kind, "result");
  assertEquals((await peer.ask(lent, "putNowait", new Uint8Array([1, 2, 3]))).value, undefined);
  assertEquals((await peer.ask(lent, "qsize")).value, 2);

  const item = await peer.ask(lent, "get");
  assertEquals([item.kind, item.flags & CONFIRM, item.value], ["result", CONFIRM, { n: 1 }]);
  await peer.send("confirm", 0, [item.id]);
  const bytes = await peer.ask(lent, "getNowait");
  assertEquals(bytes.value, new Uint8Array([1, 2, 3]));
  await peer.send("confirm", 0, [bytes.id]);
  assertEquals((await peer.ask(lent, "taskDone")).kind, "result");

  // Of the two one was reported as done: the other one goes back.
  await peer.send("release", 0, [lent.id]);
  const late = await peer.ask(lent, "qsize");
  assertEquals([late.kind, (late.value as { class: string }).class], ["error", "ReferenceError"]);
  assertEquals(await queue.get(), new Uint8Array([1, 2, 3]));
  peer.conn.close();
});

leakTest("docs/protocol.md: what is declined, or was never confirmed, goes back", async () => {
  const queue = new Queue<number>();
  const { server, peer, queue: lent } = await lendQueue(queue);
  await using _ = server;
  queue.putNowait(1);
  queue.putNowait(2);
  const declined = await peer.ask(lent, "getNowait");
  assertEquals(declined.value, 1);
  await peer.send("decline", 0, [declined.id]);
  assertEquals((await peer.ask(lent, "qsize")).value, 2);
  assertEquals((await peer.ask(lent, "getNowait")).value, 1);
  peer.conn.close();
  while (server.statistics().connections > 0) await settle();
  assertEquals([queue.getNowait(), queue.getNowait()], [1, 2]);
});

leakTest(
  "docs/protocol.md: a cancelled call is answered with an error, and has taken nothing",
  async () => {
    const queue = new Queue<number>();
    const { server, peer, queue: lent } = await lendQueue(queue);
    await using _ = server;
    const waiting = await peer.call(lent, "get", { timeoutMs: 60_000 });
    while (queue.statistics().getting === 0) await settle();
    await peer.send("cancel", 0, [waiting]);
    const answer = await peer.receive();
    assertEquals([answer.kind, answer.id], ["error", waiting]);
    const { kind, name } = answer.value as { kind: string; name: string };
    assertEquals([kind, name], ["dom-exception", "AbortError"]);
    await queue.put(1);
    assertEquals(queue.qsize(), 1);
    peer.conn.close();
  },
);

leakTest("docs/protocol.md: errors have a class, and answers come in any order", async () => {
  const { server, peer, queue: lent } = await lendQueue(new Queue<number>());
  await using _ = server;
  const waiting = await peer.call(lent, "get");
  const empty = await peer.ask(lent, "getNowait");
  const error = empty.value as Record<string, unknown>;
  assertEquals([empty.kind, error["kind"], error["class"]], ["error", "error", "QueueEmptyError"]);
  await peer.send("notify", ONE_ARGUMENT, [0, lent.id, lent.methods.indexOf("putNowait")], 5);
  const item = await peer.receive();
  assertEquals([item.id, item.value], [waiting, 5]);
  const wrong = await peer.ask(peer.root, "create", "getNothing", []);
  assertEquals([wrong.kind, (wrong.value as { class: string }).class], ["error", "TypeError"]);
  await server.shutdown();
  const goodbye = await peer.receive();
  assertEquals([goodbye.kind, goodbye.value], ["goodbye", "the manager was shut down"]);
  assertEquals(await peer.frame(), undefined);
  peer.conn.close();
});

leakTest(
  "docs/protocol.md: a wrong key, an unknown kind and a frame that is too long are the end",
  async () => {
    const { server, peer } = await lendQueue(new Queue<number>());
    await using _ = server;
    await assertRejects(
      () => Peer.connect(server.address.port, "another key"),
      AuthenticationError,
      "#FAILURE#",
    );
    await peer.sendFrame(new Uint8Array([99, 0, 0, 0, 0, 0]));
    assertEquals(await peer.frame(), undefined);
    peer.conn.close();

    const rude = new Peer(await Deno.connect({ hostname: "127.0.0.1", port: server.address.port }));
    await rude.frame();
    await rude.sendFrame(new Uint8Array(257));
    assertEquals(await rude.frame(), undefined);
    rude.conn.close();
    assertEquals(server.statistics().connections, 0);
  },
);

leakTest(
  "docs/protocol.md: a worker takes a task, and completes it once",
  async () => {
    const tasks = new TaskQueue<number, number>();
    const Manager = BaseManager.register("getTasks", { callable: () => tasks });
    await using server = new Manager({ address: "127.0.0.1:0", authkey: KEY }).getServer();
    const peer = await Peer.connect(server.address.port);
    const lent = (await peer.ask(peer.root, "create", "getTasks", [])).value as Loan;
    assertEquals(lent.methods, readMethods("### A task queue"));

    const task = { id: "a", ownId: true, value: 20, priority: 0, delayMs: 0, retries: 0 };
    assertEquals((await peer.ask(lent, "put", task)).value, "put");
    const leases = await peer.ask(lent, "get", { max: 5 });
    await peer.send("confirm", 0, [leases.id]);
    const [{ lease, ...rest }] = leases.value as [{ lease: number }];
    assertEquals(rest as unknown, { id: "a", value: 20, attempt: 1, leaseMs: 10_000 });
    assertEquals((await peer.ask(lent, "complete", lease, 21)).value, true);
    assertEquals((await peer.ask(lent, "complete", lease, 22)).value, false);
    peer.conn.close();
    await tasks[Symbol.asyncDispose]();
  },
);

leakTest(
  "docs/protocol.md: what a SyncManager shares comes as a reference, and is borrowed",
  async () => {
    const rows = readTable("### What a `SyncManager` shares");
    const made: Record<string, unknown[]> = {
      Lock: [],
      RLock: [],
      Condition: [],
      Semaphore: [1],
      BoundedSemaphore: [1],
      Event: [],
      Barrier: [2],
      Value: ["int32", 1],
      Array: ["int32", 2],
      dict: [],
      Namespace: [],
      list: [],
      Queue: [],
    };
    await using server = new SyncManager({ address: "127.0.0.1:0", authkey: KEY }).getServer();
    const peer = await Peer.connect(server.address.port);
    for (const [typeid, args] of Object.entries(made)) {
      const answer = await receiveReference(
        peer,
        await peer.call(peer.root, "create", typeid, args),
      );
      assertEquals(answer.data.of, "sender");
      const { methods } = (await peer.ask(peer.root, "borrow", answer.data.id)).value as Loan;
      const row = rows.find(([types = ""]) => types.includes(`\`${answer.type}\``));
      const [, listed = ""] = row ?? [];
      const inherited = answer.type === "ipc.Condition" ? (rows[0]?.[1] ?? "") : "";
      const names = answer.type === "ipc.Queue"
        ? [...readMethods("### A queue of `coroutine`"), "putMany"]
        : [...`${inherited} ${listed}`.matchAll(/`(\w+)\(/g)].map(([, name]) => name!);
      assertEquals(names.toSorted(), methods.toSorted(), typeid);
    }
    peer.conn.close();
  },
);

/** What came, with a value of a kind. */
type Message<T> = Awaited<ReturnType<Peer["receive"]>> & { readonly value: T };

/** An answer with references (encoding 4) of which the value is a reference itself. */
async function receiveReference(
  peer: Peer,
  id: number,
): Promise<{ type: string; data: { id: string; of: string } }> {
  const frame = (await peer.frame())!;
  const view = new DataView(frame.buffer);
  assertEquals([frame[0], frame[1]! & 0x0f, view.getUint32(2)], [KIND["result"], 4, id]);
  const length = view.getUint32(6);
  const [{ path, wire }] = JSON.parse(text(frame.subarray(10, 10 + length)));
  assertEquals([path, frame[10 + length], text(frame.subarray(11 + length))], [[], 1, "null"]);
  return wire;
}

leakTest("docs/protocol.md: a function, an object and a stream are called", async () => {
  class Counter {
    #n = 0;
    add(by: number): number {
      return this.#n += by;
    }
  }
  const api = {
    Counter,
    square: (n: number) => n * n,
    *count() {
      yield* ["a", "b", "c"];
    },
  };
  await using server = new RpcServer(api, { address: "127.0.0.1:0", authkey: KEY });
  const peer = await Peer.connect(server.address.port, KEY, ["welcome", "pull", "end"]);
  const { kind, id, method, value: [token, description] } = await peer.receive() as Message<
    [string, Record<string, unknown>]
  >;
  assertEquals([kind, method], ["call", 0]);
  assertEquals(description, {
    Counter: { add: "function" },
    square: "function",
    count: "generator",
  });
  await peer.send("result", 0, [id]);
  const lent = (await peer.ask(peer.root, "open", token)).value as Loan;
  assertEquals((await peer.ask(lent, "square", null, 7)).value, 49);
  assertEquals((await peer.ask(lent, "square", { timeoutMs: 60_000 }, 3)).value, 9);

  const counter = (await peer.ask(lent, "Counter", null)).value as Loan;
  await peer.ask(counter, "add", null, 2);
  assertEquals((await peer.ask(counter, "add", null, 5)).value, 7);
  assertEquals((await peer.ask(counter, "*free")).kind, "result");

  const stream = (await peer.ask(lent, "count", null)).value as Loan;
  const values: unknown[] = [];
  for (let isLast = false; !isLast;) {
    const packed = (await peer.ask(stream, "pull", 2)).value as Uint8Array;
    isLast = packed[0] === 1;
    values.push(...JSON.parse(text(packed.subarray(2))));
  }
  assertEquals(values, ["a", "b", "c"]);
  peer.conn.close();
});

// ---- A server ----

leakTest("docs/protocol.md: a server is one for clients of this package", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const methods = ["put", "get", "getNowait"];
  const seen: unknown[] = [];
  const serving = (async () => {
    const peer = await Peer.accept(listener, ["dummy", "create", "borrow", "shutdown"]);
    for (;;) {
      const { kind, id, object, method, value } = await peer.receive();
      seen.push([kind, object, value]);
      if (kind === "goodbye") return peer.conn.close();
      if (kind === "cancel") {
        await peer.send("error", 0, [id], {
          kind: "dom-exception",
          name: "AbortError",
          message: "",
          stack: "",
        });
      } else if (object === 0) {
        await peer.send("result", LOAN, [id], { id: 1, methods });
      } else if (kind === "call" && methods[method] === "put") {
        await peer.send("result", 0, [id]);
      } else if (kind === "call" && methods[method] === "getNowait") {
        const error = {
          kind: "error",
          class: "QueueEmptyError",
          name: "QueueEmptyError",
          message: "none",
          stack: "",
        };
        await peer.send("error", 0, [id], error);
      }
    }
  })();
  const Manager = BaseManager.register("getQueue", { proxyType: Queue<number> });
  {
    await using manager = new Manager({ address: ["127.0.0.1", port], authkey: KEY });
    await manager.connect();
    const queue = await manager.getQueue();
    await queue.put(3);
    assertInstanceOf(await queue.getNowait().catch((error: unknown) => error), QueueEmptyError);
    const controller = new AbortController();
    const waiting = queue.get({ signal: controller.signal });
    await assertPending(waiting);
    controller.abort(new Error("enough"));
    await assertRejects(() => waiting, Error, "enough");
  }
  await guard(serving, () => "goodbye");
  assertEquals(seen, [
    ["call", 0, ["getQueue", []]],
    ["call", 1, 3],
    ["call", 1, undefined],
    ["call", 1, {}],
    ["cancel", 0, undefined],
    ["goodbye", 0, "it closed the connection"],
  ]);
});
