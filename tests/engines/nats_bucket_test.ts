import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Msg } from "@nats-io/nats-core";
import { EngineUnavailableError } from "../../distributed/mod.ts";
import { NatsEvent, NatsLock, openNats } from "../../distributed/engines/nats.ts";
import type { NatsBucket } from "../../distributed/engines/_nats_bucket.ts";
import { listBucket } from "../../distributed/engines/_nats_watch.ts";
import { ConnectionClosedError } from "../../ipc/mod.ts";
import { natsTest, startNatsServer } from "../support/nats_server.ts";
import { assertPending, settle } from "../support/settle.ts";
import { until } from "./until.ts";

type Callback = (error: Error | null, message: Msg) => void;

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

/** A list of a bucket with two keys that is being read, from an engine that says what the test says. */
class Listing {
  readonly entries: Promise<string[]>;
  /** Whom the engine was asked to go on for, and what was answered to it. */
  readonly said: string[] = [];
  #deliver: Callback = () => {};

  constructor() {
    const nc = {
      options: {},
      isClosed: () => false,
      publish: (subject: string) => this.said.push(subject),
      subscribe: (_: string, { callback }: { callback: Callback }) => {
        this.#deliver = callback;
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
    this.entries = listBucket(bucket, { keysOnly: false })
      .then((changes) => changes.map(({ key }) => key));
    this.entries.catch(() => {});
  }

  /** Delivers a key, of which so many follow. */
  async deliver(key: string, { number = 1, pending = 1, domain = "" } = {}): Promise<void> {
    await settle();
    const reply = `$JS.ACK.${domain}KV_b.watch.1.7.${number}.0.${pending}`;
    this.#deliver(null, { subject: `$KV.b.${key}`, reply, data: new Uint8Array([49]) } as Msg);
  }

  /** The engine says something that is no key. */
  async say(headers: Record<string, string | number>, { reply = "" } = {}): Promise<void> {
    await settle();
    const get = (name: string): string => String(headers[name] ?? "");
    const respond = () => this.said.push("an answer");
    const { code, description } = headers;
    const form = { headers: { code, description, get }, reply, respond };
    this.#deliver(null, form as unknown as Msg);
  }

  /** The subscription is refused. */
  async refuse(error: Error): Promise<void> {
    await settle();
    this.#deliver(error, {} as Msg);
  }
}

Deno.test("listBucket() ends when what it waited for was taken away meanwhile", async () => {
  const listing = new Listing();
  await listing.deliver("a");
  await assertPending(listing.entries);
  await listing.say({ code: 100, "Nats-Last-Consumer": "1" });
  assertEquals(await listing.entries, ["a"]);
});

Deno.test("listBucket() tells an engine that waits to go on", async () => {
  const listing = new Listing();
  await listing.deliver("a", { domain: "hub.account." });
  await listing.say({ code: 100 }, { reply: "flow.1" });
  await listing.say({ code: 100, "Nats-Consumer-Stalled": "flow.2", "Nats-Last-Consumer": "1" });
  assertEquals(listing.said, ["an answer", "flow.2"]);
  await assertPending(listing.entries);
  await listing.deliver("b", { number: 2, pending: 0, domain: "hub.account." });
  assertEquals(await listing.entries, ["a", "b"]);
});

Deno.test("listBucket() begins anew when something was missed, or went wrong", async () => {
  const missed = "a change was missed";
  const cases: [(listing: Listing) => Promise<void>, string][] = [
    [(listing) => listing.deliver("b", { number: 3 }), missed],
    [(listing) => listing.say({ code: 100, "Nats-Last-Consumer": "2" }), missed],
    [(listing) => listing.say({ code: 409, description: "Consumer Deleted" }), "Consumer Deleted"],
    [(listing) => listing.say({ code: 503 }), "503"],
  ];
  for (const [happens, why] of cases) {
    const listing = new Listing();
    await listing.deliver("a");
    await happens(listing);
    await assertRejects(() => listing.entries, EngineUnavailableError, why);
  }
  const listing = new Listing();
  const error = new Error("not to be listened to");
  await listing.refuse(error);
  await assertRejects(() => listing.entries, Error, "not to be listened to");
});
