import { assertEquals, assertRejects } from "@std/assert";
import { TimeoutError } from "../../coroutine/mod.ts";
import { RpcClient, type RpcClientOptions } from "../../distributed/mod.ts";
import { readKey } from "../../ipc/_authentication.ts";
import { Hub } from "../../ipc/_hub.ts";
import { Loan } from "../../ipc/_loan.ts";
import { rootObject } from "../../ipc/_session.ts";
import { type Address, ProtocolError } from "../../ipc/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { KEY } from "./_rpc.ts";

/** Rpc clients of a server that says nothing, or what makes no sense. */

interface Served extends AsyncDisposable {
  readonly address: Address;
  readonly hub: Hub;
}

/** A server that has the key, and answers as is said here. */
function serve(
  { description, open }: { description?: unknown; open: () => unknown },
): Served {
  const hub = new Hub({
    key: readKey(KEY),
    methods: { open },
    onSession: (session, hello) => {
      if (description === undefined) return;
      session.call(rootObject(hello), "welcome", ["a token", description], { background: true })
        .catch(() => {});
    },
  });
  const address = hub.listen({ hostname: "127.0.0.1", port: 0 });
  return { hub, address, [Symbol.asyncDispose]: () => hub.close("the test is over") };
}

interface Api {
  count(): AsyncIterable<number>;
  Counter: new () => { next(): number };
}

function connect(
  { address }: Served,
  options: Partial<RpcClientOptions> = {},
): Promise<RpcClient<Api>> {
  return RpcClient.connect<Api>({ address, authkey: KEY, ...options });
}

leakTest("RpcClient.connect() gives up on a server that does not say what it serves", async () => {
  await using server = serve({ open: () => new Loan({}) });
  await assertRejects(() => connect(server, { timeoutMs: 50 }), TimeoutError, "no answer within");
});

leakTest("RpcClient.connect() refuses a server that says what makes no sense", async () => {
  for (
    const [description, made] of [
      [{ add: "no kind" }, new Loan({})],
      [{ add: "function" }, "no object"],
    ]
  ) {
    await using server = serve({ description, open: () => made });
    await assertRejects(() => connect(server), ProtocolError, "what it serves is not readable");
  }
});

leakTest(
  "RpcClient: no stream and no object can be had from a server that answers none",
  async () => {
    await using server = serve({
      description: { count: "generator", Counter: { next: "function" } },
      open: () => new Loan({ count: () => 5, Counter: () => 5 }),
    });
    await using client = await connect(server);
    const { api } = client;
    await assertRejects(
      () => Array.fromAsync(api.count()),
      ProtocolError,
      'Cannot take from "count": the server did not answer a stream',
    );
    await assertRejects(
      () => api.Counter.create(),
      ProtocolError,
      'Cannot create "Counter": the server did not answer an object',
    );
    assertEquals(client.isClosed, false);
  },
);
