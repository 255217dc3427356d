import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { CancelledError, sleep, spawn, TimeoutError } from "../../coroutine/mod.ts";
import {
  type RetryOptions,
  RpcClient,
  type RpcClientOptions,
  RpcServer,
  rpcTimeLeftMs,
} from "../../distributed/mod.ts";
import {
  type Address,
  AuthenticationError,
  ConnectionClosedError,
  ConnectionLostError,
} from "../../ipc/mod.ts";
import { Relay } from "../faults/relay.ts";
import { freePort } from "../support/free_port.ts";
import { Gate } from "../support/gate.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending, settle } from "../support/settle.ts";
import { KEY, LONG_MS, until } from "./_rpc.ts";
import * as certificates from "./fixtures/tls_certificates.ts";

/** Rpc clients that come back. */

const RETRY: RetryOptions = { minTimeoutMs: 1, maxTimeoutMs: 10 };

/** What one life of a server serves, and knows. */
function createLife() {
  const ran: unknown[] = [];
  const entered = new Gate();
  const gate = new Gate();
  class Counter {
    #count = 0;
    next() {
      return ++this.#count;
    }
  }
  const api = {
    echo: <T>(value: T): T => {
      ran.push(value);
      return value;
    },
    wait: async (value: number) => {
      ran.push(value);
      entered.open();
      await gate.wait();
      return value;
    },
    *count(to: number) {
      for (let n = 0; n < to; n++) yield n;
    },
    sum: async (numbers: AsyncIterable<number>) => {
      let sum = 0;
      for await (const n of numbers) {
        ran.push(n);
        entered.open();
        sum += n;
      }
      return sum;
    },
    left: () => rpcTimeLeftMs(),
    Counter,
  };
  return { api, ran, entered, gate };
}

type Api = ReturnType<typeof createLife>["api"];

function serve(address: Address, life = createLife()): RpcServer {
  return new RpcServer(life.api, { address, authkey: KEY });
}

function somewhere(): Address {
  return { hostname: "127.0.0.1", port: freePort() };
}

function connect(
  address: Address,
  options: Partial<RpcClientOptions> = {},
): Promise<RpcClient<Api>> {
  return RpcClient.connect<Api>({ address, authkey: KEY, retry: RETRY, ...options });
}

/** Shuts a server down, and waits until its client knows. */
async function stop(server: RpcServer, client: RpcClient<Api>): Promise<void> {
  await server.shutdown();
  await until(() => client.isClosed);
}

leakTest("RpcClient.connect() with retry waits for a server that is not up yet", async () => {
  const address = somewhere();
  const connecting = connect(address);
  await assertPending(connecting);
  await using _server = serve(address);
  await using client = await connecting;
  assertEquals(await client.api.echo(1), 1);
});

leakTest("RpcClient.connect() with retry ends with its tries, its time, its signal", async () => {
  const address = somewhere();
  const error = await assertRejects(
    () => connect(address, { retry: { ...RETRY, maxAttempts: 3 } }),
    ConnectionLostError,
    "it could not be reached in 3 tries",
  );
  assertInstanceOf(error.cause, Deno.errors.ConnectionRefused);
  await assertRejects(() => connect(address, { timeoutMs: 20 }), TimeoutError, "within 20 ms");
  const controller = new AbortController();
  const connecting = assertRejects(
    () => connect(address, { signal: controller.signal }),
    Error,
    "enough",
  );
  await settle();
  controller.abort(new Error("enough"));
  await connecting;
  const task = spawn(() => connect(address));
  await settle();
  task.cancel();
  await assertRejects(async () => await task, CancelledError);
  await assertRejects(
    () => connect(address, { retry: undefined }),
    Deno.errors.ConnectionRefused,
  );
});

leakTest("RpcClient without retry stays lost", async () => {
  const address = somewhere();
  const server = serve(address);
  await using client = await connect(address, { retry: undefined });
  await stop(server, client);
  await using _again = serve(address);
  await assertRejects(() => client.api.echo(1), ConnectionLostError, "was shut down");
});

leakTest("RpcClient with retry: later calls wait for the server, in their order", async () => {
  const address = somewhere();
  const first = serve(address);
  await using client = await connect(address);
  assertEquals(await client.api.echo("before"), "before");
  assertEquals(client.isClosed, false);
  await stop(first, client);
  const numbers = Array.from({ length: 50 }, (_, n) => n);
  const calls = numbers.map((n) => client.api.echo(n));
  const counting = Array.fromAsync(client.api.count(3));
  const making = client.api.Counter.create();
  await assertPending(Promise.any([...calls, counting, making]));
  const second = createLife();
  await using again = serve(address, second);
  assertEquals(await Promise.all(calls), numbers);
  assertEquals(second.ran, numbers);
  assertEquals(await counting, [0, 1, 2]);
  await using counter = await making;
  assertEquals(await counter.next(), 1);
  assertEquals(again.statistics().connections, 1);
  assertEquals(client.isClosed, false);
});

leakTest("RpcClient with retry: a call in flight rejects, and does not run again", async () => {
  const address = somewhere();
  const [before, after] = [createLife(), createLife()];
  const first = serve(address, before);
  await using client = await connect(address);
  const waiting = assertRejects(
    () => client.api.wait(1),
    ConnectionLostError,
    `Lost the connection to 127.0.0.1:${address.port} while "wait" was in flight: it may have run or not`,
  );
  await before.entered.wait();
  await stop(first, client);
  assertInstanceOf((await waiting).cause, ConnectionLostError);
  await using _again = serve(address, after);
  assertEquals(await client.api.echo("after"), "after");
  assertEquals([before.ran, after.ran], [[1], ["after"]]);
});

leakTest("RpcClient.within() has calls repeated that may be", async () => {
  const address = somewhere();
  const [before, after] = [createLife(), createLife()];
  const first = serve(address, before);
  await using client = await connect(address);
  const repeating = RpcClient.within(client.api, { mayRepeat: true });
  const waiting = repeating.wait(1);
  await before.entered.wait();
  await stop(first, client);
  await assertPending(waiting);
  after.gate.open();
  await using _again = serve(address, after);
  assertEquals(await waiting, 1);
  assertEquals([before.ran, after.ran], [[1], [1]]);
});

leakTest("RpcClient.within() repeats no call that has given a part of a stream away", async () => {
  const address = somewhere();
  const before = createLife();
  const first = serve(address, before);
  await using client = await connect(address);
  const repeating = RpcClient.within(client.api, { mayRepeat: true });
  const closed = new Gate();
  async function* numbers(): AsyncGenerator<number> {
    try {
      yield 1;
      await sleep(LONG_MS);
    } finally {
      closed.open();
    }
  }
  const summing = assertRejects(
    () => repeating.sum(numbers()),
    ConnectionLostError,
    '"sum" was in flight',
  );
  await before.entered.wait();
  await stop(first, client);
  await summing;
  await closed.wait();
});

leakTest("RpcClient with retry: a stream that had begun rejects", async () => {
  const address = somewhere();
  const first = serve(address);
  await using client = await connect(address, { lookAhead: 0 });
  const values = client.api.count(1_000)[Symbol.asyncIterator]();
  assertEquals(await values.next(), { done: false, value: 0 });
  await stop(first, client);
  await using _again = serve(address);
  await assertRejects(() => values.next(), ConnectionLostError, "Lost the connection");
  assertEquals(await values.next(), { done: true, value: undefined });
  // It can be begun anew.
  assertEquals(await Array.fromAsync(client.api.count(2)), [0, 1]);
});

leakTest("RpcClient with retry: an object ends with its connection", async () => {
  const address = somewhere();
  const first = serve(address);
  await using client = await connect(address);
  const counter = await client.api.Counter.create();
  assertEquals(await counter.next(), 1);
  await stop(first, client);
  await using _again = serve(address);
  assertEquals(await client.api.echo(1), 1);
  await assertRejects(
    () => counter.next(),
    ConnectionLostError,
    'Cannot call "next": its object was freed when the connection to',
  );
  await counter.close();
  await using another = await client.api.Counter.create();
  assertEquals(await another.next(), 1);
});

leakTest("RpcClient with retry: a call waits for the server no longer than it may", async () => {
  const address = somewhere();
  const first = serve(address);
  await using client = await connect(address);
  await stop(first, client);
  const { api } = client;
  const hasty = RpcClient.within(api, { timeoutMs: 20 });
  await assertRejects(() => hasty.echo(1), TimeoutError, "it could not be reached within");
  await assertRejects(() => Array.fromAsync(hasty.count(1)), TimeoutError);
  const controller = new AbortController();
  const inner = new AbortController();
  const stopped = RpcClient.within(api, { signal: controller.signal });
  const calls = [
    assertRejects(() => stopped.echo(1), Error, "enough"),
    // The signal of an argument beside that of the limits.
    assertRejects(() => stopped.echo({ signal: inner.signal }), Error, "of the argument"),
  ];
  await settle();
  inner.abort(new Error("of the argument"));
  await calls[1];
  controller.abort(new Error("enough"));
  await calls[0];
  const task = spawn(() => api.echo(1));
  await settle();
  task.cancel();
  await assertRejects(async () => await task, CancelledError);
  // The server is told what is left.
  const asking = RpcClient.within(api, { timeoutMs: LONG_MS }).left();
  const waited = performance.now();
  await assertPending(asking);
  const life = createLife();
  const atLeast = performance.now() - waited;
  await using _again = serve(address, life);
  const left = await asking;
  assert(left <= LONG_MS - atLeast + 1 && left > LONG_MS / 2, `${left} ms`);
  // Nothing that was given up has run later.
  assertEquals(life.ran, []);
});

leakTest("RpcClient with retry: through a connection that is cut again and again", async () => {
  await using server = serve(somewhere());
  await using relay = new Relay(server.address.port);
  await using client = await connect(relay.address);
  const repeating = RpcClient.within(client.api, { mayRepeat: true });
  for (let round = 0; round < 10; round++) {
    const calls = Array.from({ length: 20 }, (_, n) => repeating.echo(n));
    if (round % 2 === 0) relay.cut();
    assertEquals(await Promise.all(calls), Array.from({ length: 20 }, (_, n) => n));
    relay.cut();
  }
});

leakTest("RpcClient.close() ends the tries and what waits for them", async () => {
  const address = somewhere();
  const first = serve(address);
  const client = await connect(address);
  const counter = await client.api.Counter.create();
  await stop(first, client);
  const calling = assertRejects(
    () => client.api.echo(1),
    ConnectionClosedError,
    "was closed here",
  );
  await settle();
  await client.close();
  await calling;
  await assertRejects(() => client.api.echo(2), ConnectionClosedError);
  await assertRejects(() => counter.next(), ConnectionClosedError);
});

leakTest("RpcClient with retry: a server that refuses the key ends the client", async () => {
  const address = somewhere();
  const first = serve(address);
  await using client = await connect(address);
  await stop(first, client);
  const refused: unknown[] = [];
  await using _other = new RpcServer(createLife().api, {
    address,
    authkey: "another",
    onRefused: (error) => refused.push(error),
  });
  await assertRejects(() => client.api.echo(1), AuthenticationError);
  await assertRejects(() => client.api.echo(2), AuthenticationError);
  assertEquals(refused.length, 1);
});

leakTest("RpcClient with retry over TLS", async () => {
  const address = somewhere();
  const { authority, server: pair } = certificates;
  const open = () => new RpcServer(createLife().api, { address, authkey: KEY, tls: { ...pair } });
  const first = open();
  await using client = await connect(address, { tls: { caCerts: [authority.cert] } });
  await stop(first, client);
  await using _again = open();
  assertEquals(await client.api.echo(1), 1);
});

leakTest("RpcClient.within() refuses to repeat what cannot be repeated", async () => {
  await using server = serve(somewhere());
  await using client = await connect(server.address);
  await using counter = await client.api.Counter.create();
  assertThrows(
    () => RpcClient.within(counter, { mayRepeat: true }),
    TypeError,
    "those of an object cannot be repeated",
  );
  assertThrows(
    () => RpcClient.within(client.api, { mayRepeat: 1 as unknown as boolean }),
    TypeError,
    '"mayRepeat" must be a boolean',
  );
  await using once = await connect(server.address, { retry: false });
  assertThrows(
    () => RpcClient.within(once.api, { mayRepeat: true }),
    TypeError,
    'must have the option "retry"',
  );
  await assertRejects(
    () => connect(server.address, { retry: { maxAttempts: 0 } }),
    RangeError,
    '"retry.maxAttempts" must be a number from 1',
  );
});

leakTest("RpcStream that waits for a connection can be left", async () => {
  const address = somewhere();
  const server = serve(address);
  await using client = await connect(address);
  await stop(server, client);
  const values = client.api.count(3)[Symbol.asyncIterator]();
  await assertRejects(() => values.next({ timeoutMs: 20 }), TimeoutError);
  await values.return();
  const task = spawn(async () => await Array.fromAsync(client.api.count(3)));
  await settle();
  task.cancel();
  await assertRejects(async () => await task, CancelledError);
});

leakTest("RpcClient with retry passes on what a function throws", async () => {
  const api = {
    fail: (): never => {
      throw new RangeError("no luck");
    },
  };
  await using server = new RpcServer(api, { authkey: KEY });
  const { address } = server;
  await using client = await RpcClient.connect<typeof api>({ address, authkey: KEY, retry: RETRY });
  await assertRejects(async () => await client.api.fail(), RangeError, "no luck");
  await assertRejects(async () => await client.api.fail(), RangeError, "no luck");
});
