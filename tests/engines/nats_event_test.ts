import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { TaskGroup } from "../../coroutine/mod.ts";
import { EngineUnavailableError } from "../../distributed/mod.ts";
import {
  NatsCounter,
  NatsEvent,
  type NatsOptions,
  openNats,
} from "../../distributed/engines/nats.ts";
import { ConnectionClosedError, ProtocolError } from "../../ipc/mod.ts";
import { NatsSource } from "../../distributed/engines/_nats_owner.ts";
import { startProgram } from "../support/child_program.ts";
import { leakTest } from "../support/leaks.ts";
import { natsTest, startNatsServer } from "../support/nats_server.ts";
import { until } from "./until.ts";

const CHILD = new URL("nats_objects_child.ts", import.meta.url);

/** How many of the server's consumers watch. */
async function watchers(options: NatsOptions): Promise<number> {
  const source = new NatsSource(options);
  const { manager } = await source.open("look");
  const { state } = await manager.streams.info("KV_events");
  await source.close();
  return state.consumer_count;
}

leakTest("new NatsEvent() and new NatsCounter() refuse what cannot be right", async () => {
  const nats: NatsOptions = { servers: "127.0.0.1:1" };
  for (const Kind of [NatsEvent, NatsCounter]) {
    assertThrows(() => new Kind(nats, ""), TypeError, "its name must be a text");
    assertThrows(() => new Kind(nats, "a", { replicas: 4 }), RangeError, "replicas");
    assertThrows(() => new Kind({ servers: "" }, "a"), TypeError);
    await using _made = new Kind(nats, "any name");
  }
  await using event = new NatsEvent(nats, "a");
  await assertRejects(() => event.wait({ timeoutMs: NaN }), RangeError);
  const aborted = event.wait({ signal: AbortSignal.abort("no") });
  assertEquals(await aborted.catch((error) => error), "no");
});

// ---- Event ----

natsTest("NatsEvent wakes all who wait, in all programs, and stays set", async () => {
  await using server = await startNatsServer();
  const options = { servers: server.url };
  await using event = new NatsEvent(options, "go");
  await using other = new NatsEvent({ ...options, name: "other" }, "go");
  assertEquals([await event.isSet(), await event.wait({ timeoutMs: 0 })], [false, false]);
  const waiting = [event.wait(), event.wait({ timeoutMs: 60_000 }), other.wait()];
  await until(async () => await watchers(options) === 3, "three to watch");
  await using program = await startProgram(CHILD, {
    flags: [`--allow-net=${server.address}`],
    args: [server.url, "set", "go"],
  });
  await program.status;
  assertEquals(await Promise.all(waiting), [true, true, true]);
  assertEquals([await other.isSet(), await other.wait({ timeoutMs: 0 })], [true, true]);
  assertEquals(await event.wait(), true);
  await other.clear();
  assertEquals([await event.isSet(), await event.wait({ timeoutMs: 50 })], [false, false]);
  await until(async () => await watchers(options) === 0, "nobody to watch");
});

natsTest(
  "NatsEvent.wait() ends with its signal and with its task, and leaves no trace",
  async () => {
    await using server = await startNatsServer();
    const options = { servers: server.url };
    await using event = new NatsEvent(options, "go");
    await event.clear();
    const controller = new AbortController();
    const waiting = event.wait({ signal: controller.signal });
    waiting.catch(() => {});
    await until(async () => await watchers(options) === 1, "somebody to watch");
    controller.abort("enough");
    assertEquals(await waiting.catch((error) => error), "enough");
    await using group = new TaskGroup();
    const task = group.spawn(() => event.wait());
    await until(async () => await watchers(options) === 1, "the task to watch");
    task.cancel();
    await until(async () => await watchers(options) === 0, "nobody to watch");
  },
);

natsTest("NatsEvent.close() ends those who wait, and so does that of its connection", async () => {
  await using server = await startNatsServer();
  const options = { servers: server.url };
  for (const closing of ["event", "connection"]) {
    await using nats = await openNats({ ...options, name: closing });
    await using event = new NatsEvent(nats, "go");
    await event.clear();
    const waiting = assertRejects(() => event.wait(), ConnectionClosedError);
    await until(async () => await watchers(options) === 1, "somebody to watch");
    await (closing === "event" ? event : nats).close();
    await waiting;
    await until(async () => await watchers(options) === 0, "nobody to watch");
  }
});

natsTest("NatsEvent.wait() goes on after a restart of the server", async () => {
  await using server = await startNatsServer();
  await using event = new NatsEvent({ servers: server.url }, "go");
  await using other = new NatsEvent({ servers: server.url, name: "other" }, "go");
  await other.clear();
  const waiting = event.wait();
  await until(async () => await watchers({ servers: server.url }) === 1, "somebody to watch");
  await server.kill();
  const setting = other.set();
  await server.restart();
  await setting;
  assertEquals(await waiting, true);
});

natsTest(
  "NatsEvent.wait() says that the engine is away, which is not the same as unset",
  async () => {
    await using server = await startNatsServer();
    await using event = new NatsEvent({ servers: server.url }, "go", { patienceMs: 50 });
    assertEquals(await event.isSet(), false);
    await server.kill();
    await assertRejects(() => event.wait({ timeoutMs: 100 }), EngineUnavailableError, "100 ms");
    await assertRejects(() => event.wait({ timeoutMs: 0 }), EngineUnavailableError);
    await event.close();
    await assertRejects(() => event.wait(), ConnectionClosedError);
  },
);

// ---- Counter ----

natsTest(
  "NatsCounter adds, sets and exchanges, and programs lose nothing of each other",
  async () => {
    await using server = await startNatsServer();
    await using nats = await openNats({ servers: server.url });
    await using counter = new NatsCounter(nats, "shared");
    assertEquals(await counter.get(), 0);
    const flags = [`--allow-net=${server.address}`];
    const args = [server.url, "add", "shared"];
    const programs = await Promise.all([1, 2].map(() => startProgram(CHILD, { flags, args })));
    for (const program of programs) {
      assertEquals((await program.status).code, 0, program.stderr);
      await program[Symbol.asyncDispose]();
    }
    assertEquals(await counter.get(), 600);
    assertEquals([await counter.add(-0.5), await counter.add(0)], [599.5, 599.5]);
    await counter.set(-0);
    assertEquals(await counter.get(), 0);
    assertEquals(await counter.compareExchange(0, 5), 0);
    assertEquals([await counter.compareExchange(0, 6), await counter.get()], [5, 5]);
    const sums = await Promise.all(Array.from({ length: 30 }, () => counter.add(1)));
    assertEquals(sums.sort((a, b) => a - b), Array.from({ length: 30 }, (_, at) => at + 6));
  },
);

natsTest("NatsCounter refuses what is no number, also of another program", async () => {
  await using server = await startNatsServer();
  const options = { servers: server.url };
  await using counter = new NatsCounter(options, "c");
  for (const value of [NaN, Infinity, "1", 1n, undefined]) {
    await assertRejects(() => counter.add(value as number), TypeError, "a finite number");
    await assertRejects(() => counter.set(value as number), TypeError, "a finite number");
    await assertRejects(() => counter.compareExchange(0, value as number), TypeError);
  }
  await counter.add(1);
  const source = new NatsSource(options);
  const { js } = await source.open("write");
  await js.publish("$KV.counters.c", '"one"');
  await assertRejects(() => counter.get(), ProtocolError, "it holds no number");
  await assertRejects(() => counter.add(1), ProtocolError, "it holds no number");
  await js.publish("$KV.counters.c", "41");
  assertEquals(await counter.add(1), 42);
  await source.close();
});

natsTest(
  "NatsCounter counts each addition once while the server is killed again and again",
  async () => {
    await using server = await startNatsServer();
    await using counter = new NatsCounter({ servers: server.url }, "c");
    let done = 0;
    const lanes = [1, 2].map(async () => {
      for (let i = 0; i < 150; i++, done++) await counter.add(1);
    });
    for (let kills = 1; kills <= 3; kills++) {
      while (done < kills * 50) await counter.get();
      await server.restart();
    }
    await Promise.all(lanes);
    assertEquals(await counter.get(), 300);
    assert(done === 300);
  },
);
