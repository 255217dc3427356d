import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { CancelledError, Queue, spawn, TimeoutError } from "../../coroutine/mod.ts";
import { Reconnector } from "../../distributed/_reconnector.ts";
import { DEFAULT_RETRY, retry } from "../../distributed/_retry.ts";
import {
  BaseManager,
  type BaseManagerOptions,
  EngineUnavailableError,
  type RetryOptions,
  type Server,
  TaskQueue,
} from "../../distributed/mod.ts";
import { explain } from "../../ipc/_connect.ts";
import {
  type Address,
  AuthenticationError,
  ConnectionClosedError,
  ConnectionLostError,
} from "../../ipc/mod.ts";
import { Relay } from "../faults/relay.ts";
import { freePort } from "../support/free_port.ts";
import { createGates, Gate } from "../support/gate.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending, settle } from "../support/settle.ts";

const RETRY: RetryOptions = { minTimeoutMs: 1, maxTimeoutMs: 10 };

/** What one life of a manager knows. */
interface Life {
  readonly made: unknown[][];
  readonly called: unknown[];
  readonly gate: Gate;
  readonly entered: Gate;
}

function newLife(): Life {
  return { made: [], called: [], gate: new Gate(), entered: new Gate() };
}

/** Serves objects that tell which life they are of. */
function serve(address: Address, life: Life, options: BaseManagerOptions = {}): Server {
  const Manager = BaseManager.register("object", {
    callable: (...args: unknown[]) => {
      life.made.push(args);
      return {
        call: (value: unknown) => {
          life.called.push(value);
          return value;
        },
        wait: async (value: unknown) => {
          life.called.push(value);
          life.entered.open();
          await life.gate.wait();
          return value;
        },
        hang: () => new Promise<void>(() => {}),
      };
    },
  });
  return new Manager({ address, authkey: "key", ...options }).getServer();
}

interface Remote {
  call(value: unknown): unknown;
  wait(value: unknown): Promise<unknown>;
  hang(): Promise<void>;
}
declare const remoteType: new () => Remote;
const Client = BaseManager.register("object", {
  proxyType: undefined as unknown as typeof remoteType,
});

function clientOf(address: Address, options: BaseManagerOptions = {}): InstanceType<typeof Client> {
  return new Client({ address, authkey: "key", retry: RETRY, ...options });
}

function somewhere(): Address {
  return { hostname: "127.0.0.1", port: freePort() };
}

/** Shuts a server down, and waits until the client knows, of which a call is in flight. */
async function stopServer(server: Server, hanging: Promise<unknown>): Promise<void> {
  const lost = assertRejects(() => hanging, ConnectionLostError);
  await server.shutdown();
  await lost;
}

/** Time in which a client that tries would have tried several times: another one does. */
async function longEnough(): Promise<void> {
  await using client = clientOf(somewhere());
  await assertRejects(() => client.connect({ timeoutMs: 50 }), TimeoutError);
}

leakTest("BaseManager.connect() with retry waits for a manager that is not up yet", async () => {
  const address = somewhere();
  await using client = clientOf(address);
  const connecting = client.connect();
  await assertPending(connecting);
  await using _server = serve(address, newLife());
  await connecting;
  assertEquals(await (await client.object()).call(1), 1);
});

leakTest(
  "BaseManager.connect() with retry waits for a host whose name is not known yet",
  async () => {
    await using server = serve(somewhere(), newLife());
    const { connect } = Deno;
    const asked: unknown[] = [];
    const isKnown = new Gate();
    // A resolver that learns of the host later.
    Deno.connect = (async (options: Deno.ConnectOptions) => {
      asked.push(options.hostname);
      if (!isKnown.isOpen) {
        throw new Error("failed to lookup address information: Name or service not known");
      }
      return await connect({ ...options, hostname: "127.0.0.1" });
    }) as typeof Deno.connect;
    try {
      const { port } = server.address;
      await using client = clientOf({ hostname: "tasks.invalid", port });
      const connecting = client.connect();
      while (asked.length < 3) await settle();
      await assertPending(connecting);
      isKnown.open();
      await connecting;
      assertEquals(await (await client.object()).call(1), 1);
      assertEquals(new Set(asked), new Set(["tasks.invalid"]));
    } finally {
      Deno.connect = connect;
    }
  },
);

leakTest("BaseManager.connect() gives up a host whose name is not known", async () => {
  const address = { hostname: "no-such-host.invalid", port: 5000 };
  const said = "Cannot connect to no-such-host.invalid:5000: ";
  await using once = clientOf(address, { retry: undefined });
  const { name } = await assertRejects(() => once.connect(), Error, said);
  assertEquals(name, "HostNotFound");
  await using client = clientOf(address, { retry: { ...RETRY, maxAttempts: 2 } });
  const error = await assertRejects(() => client.connect(), ConnectionLostError, "in 2 tries");
  assertInstanceOf(error.cause, Error, said);
});

leakTest("BaseManager.connect() with retry gives up after maxAttempts", async () => {
  const address = somewhere();
  await using client = clientOf(address, { retry: { ...RETRY, maxAttempts: 3 } });
  const error = await assertRejects(
    () => client.connect(),
    ConnectionLostError,
    "it could not be reached in 3 tries",
  );
  assertInstanceOf(error.cause, Deno.errors.ConnectionRefused);
  // It can be tried again.
  await using _server = serve(address, newLife());
  await client.connect();
});

leakTest("BaseManager.connect() with retry ends with its time, its signal, its task", async () => {
  const address = somewhere();
  await using client = clientOf(address);
  await assertRejects(
    () => client.connect({ timeoutMs: 20 }),
    TimeoutError,
    "could not be reached within",
  );
  const stop = new AbortController();
  const connecting = assertRejects(
    () => client.connect({ signal: stop.signal }),
    Error,
    "enough",
  );
  stop.abort(new Error("enough"));
  await connecting;
  const task = spawn(() => client.connect());
  await settle();
  task.cancel();
  await assertRejects(async () => await task, CancelledError);
  await using _server = serve(address, newLife());
  await client.connect();
});

leakTest("BaseManager: without retry a lost manager is an error at once", async () => {
  const address = somewhere();
  const server = serve(address, newLife());
  await using client = clientOf(address, { retry: undefined });
  await client.connect();
  const object = await client.object();
  await server.shutdown();
  await assertRejects(() => object.call(1), ConnectionLostError, "was shut down");
  await using _again = serve(address, newLife());
  await assertRejects(() => object.call(1), ConnectionLostError, "was shut down");
  await assertRejects(() => client.object(), ConnectionLostError, "was shut down");
});

leakTest(
  "BaseManager: proxies go on, with the same arguments, when the manager is back",
  async () => {
    const address = somewhere();
    const [first, second] = [newLife(), newLife()];
    const server = serve(address, first);
    await using client = clientOf(address);
    await client.connect();
    const one = await client.object("one", { n: 1 });
    const two = await client.object("two");
    assertEquals([await one.call(1), await two.call(2)], [1, 2]);
    await stopServer(server, one.hang());
    await using _again = serve(address, second);
    assertEquals(await one.call(3), 3);
    assertEquals(second.made, [["one", { n: 1 }]]);
    // What is not used is not asked for.
    assertEquals(await two.call(4), 4);
    assertEquals(second.made, [["one", { n: 1 }], ["two"]]);
    assertEquals([first.called, second.called], [[1, 2], [3, 4]]);
  },
);

leakTest(
  "BaseManager: calls that are made without a connection wait for it, and ask once",
  async () => {
    const address = somewhere();
    const second = newLife();
    const server = serve(address, newLife());
    await using client = clientOf(address);
    await client.connect();
    const object = await client.object();
    await stopServer(server, object.hang());
    const calls = Array.from({ length: 100 }, (_, n) => object.call(n));
    const limited = object.call({ timeoutMs: 60_000 });
    const asking = client.object("new");
    await assertPending(Promise.any([...calls, asking]));
    await using again = serve(address, second);
    assertEquals(await Promise.all(calls), Array.from({ length: 100 }, (_, n) => n));
    assertEquals(await (await asking).call("new"), "new");
    // What is left of its time.
    const { timeoutMs } = await limited as { timeoutMs: number };
    assert(timeoutMs < 60_000 && timeoutMs > 30_000, `${timeoutMs} ms`);
    assertEquals(second.made.length, 2);
    assertEquals(again.statistics().connections, 1);
  },
);

leakTest("BaseManager: a call outlives a connection that is lost while it waits", async () => {
  const { asked, mayMake } = createGates("asked", "mayMake");
  let made = 0;
  const Slow = BaseManager.register("object", {
    callable: async () => {
      const number = ++made;
      if (number === 2) {
        asked.open();
        await mayMake.wait();
      }
      return { call: (value: unknown) => [number, value], hang: () => new Promise(() => {}) };
    },
  });
  await using server = new Slow({ authkey: "key" }).getServer();
  await using relay = new Relay(server.address.port);
  await using client = clientOf(relay.address);
  await client.connect();
  const object = await client.object();
  const hanging = assertRejects(() => object.hang(), ConnectionLostError);
  assertEquals(await object.call("a"), [1, "a"]);
  relay.cut();
  await hanging;
  const calling = object.call("b");
  await asked.wait();
  // The new connection is lost as well, before the call has been sent.
  relay.cut();
  assertEquals(await calling, [3, "b"]);
  mayMake.open();
});

leakTest("BaseManager: what was in flight rejects, and is not done twice", async () => {
  const address = somewhere();
  const [first, second] = [newLife(), newLife()];
  const server = serve(address, first);
  await using client = clientOf(address);
  await client.connect();
  const object = await client.object();
  const waiting = assertRejects(() => object.wait("once"), ConnectionLostError);
  await first.entered.wait();
  await server.shutdown();
  first.gate.open();
  await using _again = serve(address, second);
  await waiting;
  assertEquals(await object.call("after"), "after");
  assertEquals([first.called, second.called], [["once"], ["after"]]);
});

leakTest("BaseManager: a call waits for the manager no longer than it may", async () => {
  const address = somewhere();
  const queue = new Queue<number>();
  const Master = BaseManager.register("getTasks", { callable: () => queue });
  const server = new Master({ address, authkey: "key" }).getServer();
  await using client = new Master({ address, authkey: "key", retry: RETRY });
  await client.connect();
  const tasks = await client.getTasks();
  queue.putNowait(0);
  await stopServer(server, tasks.join());
  await assertRejects(
    () => tasks.get({ timeoutMs: 20 }),
    TimeoutError,
    "could not be reached within",
  );
  const stop = new AbortController();
  const getting = assertRejects(() => tasks.get({ signal: stop.signal }), Error, "enough");
  await settle();
  stop.abort(new Error("enough"));
  await getting;
  const aborted = AbortSignal.abort(new Error("before"));
  await assertRejects(() => tasks.get({ signal: aborted }), Error, "before");
  const task = spawn(() => tasks.get());
  await settle();
  task.cancel();
  await assertRejects(async () => await task, CancelledError);
  // None of them takes anything later.
  await using _again = new Master({ address, authkey: "key" }).getServer();
  assertEquals(await tasks.qsize(), 1);
  assertEquals(await tasks.get({ timeoutMs: 10_000 }), 0);
});

leakTest("BaseManager: a client that nobody waits for does not try", async () => {
  const server = serve(somewhere(), newLife());
  await using client = clientOf(server.address);
  await client.connect();
  const object = await client.object();
  await stopServer(server, object.hang());
  const stop = new AbortController();
  // An argument that is an option of waiting.
  const calling = assertRejects(() => object.call({ signal: stop.signal }), Error, "enough");
  await settle();
  stop.abort(new Error("enough"));
  await calling;
  let tries = 0;
  using listener = Deno.listen(server.address);
  const accepting = (async () => {
    for await (const conn of listener) {
      tries++;
      conn.close();
    }
  })();
  await longEnough();
  assertEquals(tries, 0);
  const trying = assertRejects(() => client.object(), ConnectionClosedError);
  while (tries < 3) await settle();
  await client.close();
  await trying;
  const before = tries;
  await longEnough();
  assert(tries <= before + 1, `${tries - before} more`);
  listener.close();
  await accepting;
});

leakTest("BaseManager: a manager that refuses the key ends the client at once", async () => {
  const address = somewhere();
  const server = serve(address, newLife());
  await using client = clientOf(address);
  await client.connect();
  const object = await client.object();
  await stopServer(server, object.hang());
  const calls = [1, 2].map((n) => assertRejects(() => object.call(n), AuthenticationError));
  await settle();
  const refused: unknown[] = [];
  const other = serve(address, newLife(), {
    authkey: "other",
    onRefused: (error) => refused.push(error),
  });
  await Promise.all(calls);
  assertEquals(refused.length, 1);
  await assertRejects(() => object.call(3), AuthenticationError);
  await assertRejects(() => client.object(), AuthenticationError);
  assertEquals(refused.length, 1);
  await other.shutdown();
});

leakTest("BaseManager.close() ends the tries and what waits for them", async () => {
  const address = somewhere();
  const server = serve(address, newLife());
  const client = clientOf(address);
  await client.connect();
  const object = await client.object();
  await stopServer(server, object.hang());
  const calling = assertRejects(() => object.call(1), ConnectionClosedError, "was closed here");
  await settle();
  await client.close();
  await calling;
  await assertRejects(() => object.call(1), ConnectionClosedError);
  const unconnected = clientOf(address);
  const connecting = assertRejects(() => unconnected.connect(), ConnectionClosedError);
  await settle();
  await unconnected.close();
  await connecting;
});

leakTest("BaseManager.shutdown() with retry", async () => {
  const address = somewhere();
  const server = serve(address, newLife());
  const client = clientOf(address);
  await client.connect();
  await client.shutdown();
  await server.serveForever();
  // One that is gone already is down.
  const again = serve(address, newLife());
  const late = clientOf(address);
  await late.connect();
  const object = await late.object();
  await stopServer(again, object.hang());
  const calling = assertRejects(() => object.call(1), ConnectionClosedError);
  await settle();
  await late.shutdown();
  await calling;
});

leakTest("BaseManager: a new manager that does not know the name", async () => {
  const address = somewhere();
  const server = serve(address, newLife());
  await using client = clientOf(address);
  await client.connect();
  const object = await client.object();
  await stopServer(server, object.hang());
  const Data = BaseManager.register("object", {
    callable: (how?: string) => how === "hang" ? new Promise<number>(() => {}) : 1,
  });
  const data = new Data({ address, authkey: "key" }).getServer();
  await assertRejects(() => object.call(1), TypeError, "does not lend an object");
  await stopServer(data, client.object("hang"));
  const again = serve(address, newLife());
  assertEquals(await object.call(2), 2);
  await stopServer(again, object.hang());
  const Other = BaseManager.register("another", { callable: () => 1 });
  await using _other = new Other({ address, authkey: "key" }).getServer();
  await assertRejects(() => object.call(3), TypeError, "the manager has another");
});

leakTest("BaseManager: a proxy that was disposed of is not asked for again", async () => {
  const address = somewhere();
  const server = serve(address, newLife());
  await using client = clientOf(address);
  await client.connect();
  const object = await client.object();
  await object[Symbol.asyncDispose]();
  await assertRejects(() => object.call(1), ConnectionClosedError, "the proxy was disposed");
  await server.shutdown();
});

leakTest("TaskQueue.over() a proxy with retry is of its connection only", async () => {
  const address = somewhere();
  const open = () => {
    const queue = new TaskQueue<number, number>();
    const Master = BaseManager.register("getTasks", { callable: () => queue });
    return { queue, server: new Master({ address, authkey: "key" }).getServer() };
  };
  const first = open();
  const Worker = BaseManager.register("getTasks", { proxyType: TaskQueue<number, number> });
  await using client = new Worker({ address, authkey: "key", retry: RETRY });
  await client.connect();
  await using tasks = await TaskQueue.over(await client.getTasks());
  await first.queue.put(1, { retries: 1 });
  const lease = await tasks.get();
  const { promise: lost, resolve } = Promise.withResolvers<void>();
  lease.signal.addEventListener("abort", () => resolve());
  await first.server.shutdown();
  const second = open();
  await lost;
  const task = await second.queue.put(2);
  const near = await second.queue.get();
  await assertRejects(() => tasks.get(), EngineUnavailableError);
  // A lease of the first manager is no lease of the second one, whatever its number.
  await lease.complete(7).catch(() => {});
  assertEquals(await near.complete(2), true);
  assertEquals(await task.result(), 2);
  await assertRejects(() => tasks.get({ timeoutMs: 1_000 }), EngineUnavailableError);
  await using again = await TaskQueue.over(await client.getTasks());
  const next = await second.queue.put(3);
  const far = await again.get();
  assertEquals(await far.complete(3), true);
  assertEquals(await next.result(), 3);
  await second.server.shutdown();
  await first.queue[Symbol.asyncDispose]();
  await second.queue[Symbol.asyncDispose]();
});

leakTest("BaseManager: with retry over TLS, and a certificate that is refused", async () => {
  const { authority, server: pair, expired } = await import("./fixtures/tls_certificates.ts");
  const address = somewhere();
  const server = serve(address, newLife(), { tls: pair });
  await using client = clientOf(address, { tls: { caCerts: [authority.cert] } });
  await client.connect();
  const object = await client.object();
  await stopServer(server, object.hang());
  const again = serve(address, newLife(), { tls: pair });
  assertEquals(await object.call(1), 1);
  await stopServer(again, object.hang());
  await using _last = serve(address, newLife(), { tls: expired });
  await assertRejects(() => object.call(2), AuthenticationError, "it expired on");
  await assertRejects(() => object.call(3), AuthenticationError, "it expired on");
});

leakTest("BaseManager: with retry through a connection that is cut again and again", async () => {
  const life = newLife();
  await using server = serve(somewhere(), life);
  await using relay = new Relay(server.address.port);
  await using client = clientOf(relay.address);
  await client.connect();
  const object = await client.object();
  const kept: number[] = [];
  const lost: number[] = [];
  for (let round = 0; round < 50; round++) {
    const calls = Array.from({ length: 10 }, (_, n) => {
      const value = 10 * round + n;
      return object.call(value).then(
        () => kept.push(value),
        (error) => {
          assertInstanceOf(error, ConnectionLostError);
          lost.push(value);
        },
      );
    });
    if (round % 2 === 0) await Promise.resolve();
    else await calls[0];
    relay.cut();
    await Promise.all(calls);
  }
  assertEquals(kept.length + lost.length, 500);
  assert(kept.length >= 25, `${kept.length} kept`);
  // Nothing was done twice, and what was answered was done.
  assertEquals(new Set(life.called).size, life.called.length);
  for (const value of kept) assert(life.called.includes(value));
});

Deno.test("retry() goes on after what passes, and ends with what does not", async () => {
  const settings = { ...DEFAULT_RETRY, minTimeoutMs: 0 };
  const { signal } = new AbortController();
  // Hosts that are not known, as Linux, macOS and Windows say it.
  for (
    const text of [
      "failed to lookup address information: Name or service not known",
      "failed to lookup address information: nodename nor servname provided, or not known",
      "No such host is known. (os error 11001)",
    ]
  ) {
    let tries = 0;
    const attempt = () => {
      if (++tries < 3) return Promise.reject(explain(new Error(text), "Cannot connect", "", ""));
      return Promise.resolve(tries);
    };
    assertEquals(await retry(attempt, settings, { signal }), 3, text);
  }
  for (const name of ["ConnectionRefused", "ConnectionReset", "HostUnreachable", "TimedOut"]) {
    let tries = 0;
    const attempt = () => {
      // As the network's errors are when they have been explained.
      if (++tries < 3) return Promise.reject(Object.assign(new Error(name), { name }));
      return Promise.resolve(tries);
    };
    assertEquals(await retry(attempt, settings, { signal }), 3, name);
  }
  for (const error of [new TypeError("no"), new AuthenticationError("no")]) {
    let tries = 0;
    const attempt = () => {
      tries++;
      return Promise.reject(error);
    };
    assertEquals(await retry(attempt, settings, { signal }).catch((reason) => reason), error);
    assertEquals(tries, 1);
  }
});

const WRONG: [unknown, string][] = [
  [5, '"retry" must be true or an object'],
  [{ attempts: 5 }, '"retry" has no option "attempts"'],
  [{ maxAttempts: 0 }, '"retry.maxAttempts" must be a number from 1'],
  [{ minTimeoutMs: -1 }, '"retry.minTimeoutMs" must be a number from 0'],
  [{ multiplier: 0.5 }, '"retry.multiplier" must be a number from 1'],
  [{ jitter: 2 }, '"retry.jitter" must be a number from 0 to 1'],
  [{ jitter: "much" }, '"retry.jitter" must be a number from 0 to 1'],
];
for (const [retry, text] of WRONG) {
  Deno.test(`BaseManager() refuses retry ${JSON.stringify(retry)}`, () => {
    const error = assertThrows(() => new BaseManager({ retry: retry as RetryOptions }), Error);
    assert(error.message.includes(text), error.message);
  });
}

Deno.test("Reconnector tries anew for one who asks again before others know that it failed", async () => {
  let tries = 0;
  const connection = { isClosed: false, close: () => Promise.resolve() };
  const reconnector = new Reconnector({
    peer: "a peer",
    settings: { ...DEFAULT_RETRY, maxAttempts: 1 },
    open: () => {
      if (++tries === 1) return Promise.reject(new ConnectionLostError("not yet"));
      return Promise.resolve(connection);
    },
  });
  const again = reconnector.ready({}).catch(() => reconnector.ready({}));
  // With a limit it takes some more turns until the wait has ended.
  const other = assertRejects(
    () => reconnector.ready({ timeoutMs: 60_000 }),
    ConnectionLostError,
    "in 1 tries",
  );
  assertStrictEquals(await again, connection);
  await other;
  assertEquals(tries, 2);
});
