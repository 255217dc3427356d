import { assertEquals, assertRejects } from "@std/assert";
import { TaskQueue } from "../../distributed/mod.ts";
import { natsEngine } from "../../distributed/engines/nats_engine.ts";
import { NatsSource } from "../../distributed/engines/_nats_owner.ts";
import { NatsDict, NatsEvent, NatsLock } from "../../distributed/engines/nats.ts";
import { AuthenticationError } from "../../ipc/mod.ts";
import { natsTest, startNatsServer } from "../support/nats_server.ts";

/** What the server lets a worker of queue `q` do, and nothing else. */
const WORKER = `
  publish: {
    allow: [
      "$JS.API.STREAM.INFO.MH_q_tasks"
      "$JS.API.STREAM.MSG.GET.MH_q_state"
      "$JS.API.STREAM.MSG.GET.MH_q_results"
      "$JS.API.CONSUMER.INFO.MH_q_tasks.*"
      "$JS.API.CONSUMER.MSG.NEXT.MH_q_tasks.*"
      "$JS.ACK.MH_q_tasks.>"
      "mh.q.r.>"
      "mh.q.x.>"
      "mh.q.s.>"
      "mh.q.b"
      "mh.q.e.>"
    ]
  }
  subscribe: { allow: [ "_W.>", "mh.q.b" ] }
  allow_responses: true
`;

/** What the server lets a reader of dictionary `config` and the holder of locks do. */
const READER = `
  publish: {
    allow: [
      "$JS.API.STREAM.INFO.KV_config"
      "$JS.API.STREAM.MSG.GET.KV_config"
      "$JS.API.CONSUMER.CREATE.KV_config.>"
      "$JS.API.CONSUMER.DELETE.KV_config.>"
      "$JS.API.STREAM.INFO.KV_locks"
      "$JS.API.STREAM.MSG.GET.KV_locks"
      "$KV.locks.>"
      "$JS.FC.>"
    ]
  }
  subscribe: { allow: "_R.>" }
`;

const CONFIG = `
  accounts {
    app {
      jetstream: enabled
      users: [
        { user: "admin", password: "a" }
        { user: "worker", password: "w", permissions: { ${WORKER} } }
        { user: "reader", password: "r", permissions: { ${READER} } }
      ]
    }
    other { jetstream: enabled, users: [ { user: "stranger", password: "s" } ] }
  }
`;

natsTest(
  "a worker with few rights takes and completes tasks, and may do nothing else",
  async () => {
    await using server = await startNatsServer({ config: CONFIG });
    const { url: servers } = server;
    const admin = { servers, user: "admin", password: "a" };
    const account = { servers, user: "worker", password: "w", inboxPrefix: "_W" };
    await using produce = new TaskQueue<number, number>({
      engine: natsEngine(admin, { queue: "q" }),
    });
    const good = await produce.put(20);
    const bad = await produce.put(-1);
    await using work = new TaskQueue<number, number>({
      engine: natsEngine(account, { queue: "q", create: false }),
    });
    for (let i = 0; i < 2; i++) {
      const lease = await work.get({ timeoutMs: 10_000 });
      await lease.touch();
      if (lease.value > 0) await lease.complete(lease.value + 1);
      else await lease.fail(new RangeError("too small"), { retry: false });
    }
    assertEquals(await good.result(), 21);
    await assertRejects(() => bad.result(), RangeError, "too small");
    await assertRejects(() => work.put(1), AuthenticationError, "this account may not publish");
    await assertRejects(() => work.shutdown({ immediate: true }), Error);

    const source = new NatsSource(account);
    const client = await source.open("try");
    const { manager, js, nc } = client;
    const refused: [string, () => Promise<unknown>][] = [
      ["put a task", () => js.publish("mh.q.t.0.x", "1")],
      ["delete the stream", () => manager.streams.delete("MH_q_tasks")],
      ["purge the stream", () => manager.streams.purge("MH_q_tasks")],
      ["list streams", () => manager.streams.list().next()],
      ["make a stream", () => manager.streams.add({ name: "mine", subjects: ["mine"] })],
      ["read tasks of others", () => manager.streams.getMessage("MH_q_tasks", { seq: 1 })],
      ["make a consumer", () => manager.consumers.add("MH_q_tasks", { durable_name: "mine" })],
      ["ask anybody else", () => nc.request("elsewhere", "")],
    ];
    for (const [what, attempt] of refused) {
      const begin = performance.now();
      const error = await attempt().then(() => undefined, (error) => client.explain(error, what));
      assertEquals(error instanceof AuthenticationError, true, `${what}: ${String(error)}`);
      assertEquals(performance.now() - begin < 1_000, true, `${what}: refused late`);
    }
    await source.close();
  },
);

natsTest(
  "a worker with few rights ends tasks that it is handed again, and asks once for what it may not do",
  async () => {
    await using server = await startNatsServer({ config: CONFIG });
    const { url: servers } = server;
    const admin = { servers, user: "admin", password: "a" };
    const account = { servers, user: "worker", password: "w", inboxPrefix: "_W" };
    await using produce = new TaskQueue<number, number>({
      engine: natsEngine(admin, { queue: "q" }),
    });
    await using work = new TaskQueue<number, number>({
      engine: natsEngine(account, { queue: "q", create: false }),
    });
    for (let n = 0; n < 3; n++) {
      const task = await produce.put(n, { id: `task ${n}`, retries: 1 });
      await (await work.get()).fail(new Error("once more"));
      const lease = await work.get();
      assertEquals([lease.attempt, await lease.complete(n), await task.result()], [2, true, n]);
    }
    const refused = server.log().split("\n").filter((line) => line.includes("Publish Violation"))
      .map((line) => /Subject "([^"]*)"/.exec(line)?.[1]);
    assertEquals(refused, [
      "$JS.API.STREAM.MSG.GET.MH_q_tasks",
      "$JS.API.STREAM.PURGE.MH_q_state",
    ]);
  },
);

natsTest(
  "a task that cannot be read is a dead letter, whoever has the right to bury it",
  async () => {
    const config = CONFIG.replace('"mh.q.x.>"\n', "");
    await using server = await startNatsServer({ config });
    const { url: servers } = server;
    const admin = { servers, user: "admin", password: "a" };
    const account = { servers, user: "worker", password: "w", inboxPrefix: "_W" };
    const settings = { queue: "q", leaseMs: 300 };
    await using produce = new TaskQueue({ engine: natsEngine(admin, settings) });
    assertEquals(await produce.qsize(), 0);
    const source = new NatsSource(admin);
    const { js } = await source.open("put");
    await js.publish("mh.q.t.0.broken", new TextEncoder().encode("{"));
    await source.close();
    await using work = new TaskQueue({
      engine: natsEngine(account, { queue: "q", create: false }),
    });
    await assertRejects(() => work.get(), AuthenticationError, "mh.q.x.broken");
    const getting = produce.get({ timeoutMs: 5_000 });
    await produce.join({ timeoutMs: 10_000 });
    assertEquals((await produce.statistics()).deadLetters, 1);
    await produce.put("next");
    assertEquals((await getting).value, "next");
  },
);

natsTest("an account sees nothing of another one", async () => {
  await using server = await startNatsServer({ config: CONFIG });
  const { url: servers } = server;
  await using ours = new NatsDict({ servers, user: "admin", password: "a" }, "config");
  await using theirs = new NatsDict({ servers, user: "stranger", password: "s" }, "config");
  await ours.set("a", 1);
  assertEquals(await theirs.get("a"), undefined);
  await theirs.set("a", 2);
  assertEquals(await ours.get("a"), 1);
});

natsTest("a reader with few rights reads and locks, and writes nothing", async () => {
  await using server = await startNatsServer({ config: CONFIG });
  const { url: servers } = server;
  const admin = { servers, user: "admin", password: "a" };
  const reader = { servers, user: "reader", password: "r", inboxPrefix: "_R" };
  await using config = new NatsDict(admin, "config");
  await using _made = new NatsLock(admin, "l");
  await config.set("a", 1);
  await _made.locked();

  await using read = new NatsDict(reader, "config");
  assertEquals([await read.get("a"), await read.entries()], [1, [["a", 1]]]);
  const denied = 'this account may not publish to "$KV.config.a"';
  await assertRejects(() => read.set("a", 2), AuthenticationError, denied);
  await assertRejects(() => read.clear(), AuthenticationError, "STREAM.PURGE.KV_config");
  await using other = new NatsDict(reader, "other");
  await assertRejects(() => other.get("a"), AuthenticationError, "STREAM.INFO.KV_other");
  await using event = new NatsEvent(reader, "e");
  await assertRejects(() => event.wait(), AuthenticationError, "STREAM.INFO.KV_events");

  // It may not watch locks: it looks now and then.
  await using lock = new NatsLock(reader, "l");
  await _made.acquire();
  const waiting = lock.acquire();
  await _made.release();
  assertEquals(await waiting, true);
  await lock.release();
});
