import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Msg } from "@nats-io/nats-core";
import { NatsEvent, NatsLock, openNats } from "../../distributed/engines/nats.ts";
import type { NatsBucket } from "../../distributed/engines/_nats_bucket.ts";
import { listBucket } from "../../distributed/engines/_nats_watch.ts";
import { ConnectionClosedError } from "../../ipc/mod.ts";
import { natsTest, startNatsServer } from "../support/nats_server.ts";
import { assertPending, settle } from "../support/settle.ts";
import { until } from "./until.ts";

/** Long enough that nobody waits for it by chance. */
const PATIENCE_MS = 60_000;

/** Nothing of this waits for an engine that is away. */
const SOON_MS = 3_000;

natsTest("a call on a new object goes on when another one is aborted meanwhile", async () => {
  await using server = await startNatsServer();
  await using nats = await openNats({ servers: server.url });
  await server.kill();
  await until(() => !nats.connected, "the connection to be lost");
  await using event = new NatsEvent(nats, "go", { patienceMs: PATIENCE_MS });
  const leaving = new AbortController();
  const left = assertRejects(() => event.wait({ signal: leaving.signal }), Error, "left");
  const asking = event.isSet();
  await settle();
  leaving.abort(new Error("left"));
  await left;
  await assertPending(asking);
  await server.restart();
  assertEquals(await asking, false);
});

natsTest("NatsLock.close() does not wait for an engine that is away", async () => {
  await using server = await startNatsServer();
  await using nats = await openNats({ servers: server.url });
  const lock = new NatsLock(nats, "l", { patienceMs: PATIENCE_MS });
  assertEquals(await lock.locked(), false);
  await server.kill();
  await until(() => !nats.connected, "the connection to be lost");
  const acquiring = assertRejects(() => lock.acquire(), ConnectionClosedError);
  await settle();
  const begin = performance.now();
  await lock.close();
  await acquiring;
  assert(performance.now() - begin < SOON_MS);
});

natsTest("NatsEvent.wait() ends in time though the engine is silent", async () => {
  await using server = await startNatsServer();
  await using nats = await openNats({ servers: server.url, requestTimeoutMs: PATIENCE_MS });
  await using event = new NatsEvent(nats, "go");
  assertEquals(await event.isSet(), false);
  await server.kill("SIGSTOP");
  const begin = performance.now();
  await assertRejects(() => event.wait({ timeoutMs: 50 }), Error, "did not answer for 50 ms");
  assert(performance.now() - begin < SOON_MS);
  await server.kill("SIGCONT");
});

Deno.test("listBucket() ends when what it waited for was taken away meanwhile", async () => {
  let deliver: (error: null, message: Msg) => void = () => {};
  const nc = {
    options: {},
    isClosed: () => false,
    subscribe: (_: string, { callback }: { callback: typeof deliver }) => {
      deliver = callback;
      return { unsubscribe() {} };
    },
  };
  const consumers = {
    add: () => Promise.resolve({ num_pending: 2 }),
    delete: () => Promise.resolve(true),
  };
  const client = { nc, manager: { consumers }, isConnected: true, onLost: () => () => {} };
  const bucket = {
    stream: "KV_b",
    subject: (key: string) => `$KV.b.${key}`,
    ask: (_: string, attempt: (to: unknown) => Promise<unknown>) => attempt(client),
  } as unknown as NatsBucket;
  const listing = listBucket(bucket, { keysOnly: false });
  await settle();
  const reply = "$JS.ACK.KV_b.watch.1.7.1.0.1";
  deliver(null, { subject: "$KV.b.a", reply, data: new Uint8Array([49]) } as Msg);
  const heartbeat = (seen: string): Msg => {
    const get = (name: string): string => name === "Nats-Last-Consumer" ? seen : "";
    return { headers: { code: 100, get } } as unknown as Msg;
  };
  await assertPending(listing);
  deliver(null, heartbeat("1"));
  assertEquals((await listing).map(({ key }) => key), ["a"]);
});
