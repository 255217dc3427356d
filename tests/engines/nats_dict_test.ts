import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { NatsDict, NatsEvent, type NatsOptions, openNats } from "../../distributed/engines/nats.ts";
import { InvalidStateError } from "../../coroutine/mod.ts";
import { EngineUnavailableError } from "../../distributed/mod.ts";
import { ProtocolError, SharedList } from "../../ipc/mod.ts";
import { decodeKey, encodeKey } from "../../distributed/engines/_nats_key.ts";
import { fromBytes, toBytes } from "../../distributed/engines/_nats_encoding.ts";
import { NatsSource } from "../../distributed/engines/_nats_owner.ts";
import { startProgram } from "../support/child_program.ts";
import { leakTest } from "../support/leaks.ts";
import { natsTest, startNatsCluster, startNatsServer } from "../support/nats_server.ts";

const CHILD = new URL("nats_objects_child.ts", import.meta.url);

// ---- Keys and values on the wire ----

Deno.test("keys are told apart as those of a map, and come back as they were", () => {
  const keys = [
    "",
    "a",
    "a.b",
    "a..b",
    ".a",
    "a.",
    ".",
    "*",
    ">",
    " ",
    "=",
    "=e",
    "=n1",
    "ü",
    "日本",
  ];
  const others = [0, 1, -1, 1.5, 1e300, NaN, Infinity, 1n, -5n, true, false, null];
  const all = [...keys, "0", "1", "true", "null", "NaN", ...others];
  const encoded = all.map((key) => encodeKey(key, "a test"));
  assertEquals(new Set(encoded).size, all.length);
  for (const [at, text] of encoded.entries()) {
    // What the engine takes.
    assert(/^[-/_=.a-zA-Z0-9]+$/.test(text) && !/^\.|\.$|\.\./.test(text), text);
    assertEquals(decodeKey(text), all[at]);
  }
  assertEquals(encodeKey(-0, "a test"), encodeKey(0, "a test"));
});

Deno.test("keys as other programs see them", () => {
  const table = [["users/7", "users/7"], ["a.b", "a.b"], ["a b", "a=20b"], ["a..b", "a=2E=2Eb"]];
  for (const [key, text] of table) assertEquals(encodeKey(key!, "a test"), text);
  for (const text of ["=x", "a=2", "a=2e", "=FF", "=p", "a b"]) {
    assertThrows(() => decodeKey(text), Error);
  }
});

Deno.test("keys of another kind, too long or with half a character are refused", () => {
  for (const key of [undefined, {}, Symbol("a"), []]) {
    assertThrows(() => encodeKey(key as never, "the thing"), TypeError, "a key of the thing");
  }
  assertThrows(() => encodeKey("\ud800", "the thing"), TypeError, "half of a character");
  assertThrows(() => encodeKey("a".repeat(1_025), "the thing"), RangeError, "1025 bytes");
  assertThrows(() => encodeKey("ü".repeat(200), "the thing"), RangeError, "1200 bytes");
});

Deno.test("values are JSON where that gives back the same, and have a header elsewhere", () => {
  const text = (value: unknown): string => new TextDecoder().decode(toBytes(value));
  assertEquals(text({ a: [1, "ü", null, true] }), '{"a":[1,"ü",null,true]}');
  assertEquals(text(undefined), "\0nothing\0");
  assertEquals(text(new TextEncoder().encode("raw")), "\0bytes\0raw");
  assert(text(new Map()).startsWith("\0v8\0"));
  const date = new Date(5);
  for (
    const value of [undefined, new Uint8Array([0, 1]), new Map([[1, date]]), NaN, 5n, "\0", -0]
  ) {
    assertEquals(fromBytes(toBytes(value)), value);
  }
});

Deno.test("values that live in a process are refused, and what cannot be read is told", async () => {
  await using list = new SharedList([1]);
  assertThrows(() => toBytes({ list }), TypeError, "an object that lives in a process");
  assertThrows(() => toBytes(() => {}), TypeError);
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  for (const text of ["", "{", "hello", "\0", "\0zip\0x", "\0v8", "\0v8\0x", "\0\0"]) {
    assertThrows(() => fromBytes(bytes(text)), ProtocolError, "neither JSON");
  }
  assertThrows(() => fromBytes(new Uint8Array([0xff])), ProtocolError);
});

// ---- The dictionary ----

leakTest("new NatsDict() refuses what cannot be right, and connects to nothing", async () => {
  const nats: NatsOptions = { servers: "127.0.0.1:1" };
  for (const name of ["", "a.b", "a b", 5, undefined]) {
    assertThrows(() => new NatsDict(nats, name as string), TypeError, "the name of a bucket");
  }
  assertThrows(() => new NatsDict({} as NatsOptions, "a"), TypeError, '"servers"');
  assertThrows(() => new NatsDict(nats, "a", { replicas: 2 }), RangeError, "1, 3 or 5");
  assertThrows(() => new NatsDict(nats, "a", { patienceMs: -1 }), RangeError, "patienceMs");
  await using _dict = new NatsDict(nats, "a");
});

natsTest("NatsDict reads and writes as a map does", async () => {
  await using server = await startNatsServer();
  await using nats = await openNats({ servers: server.url });
  await using dict = new NatsDict<string | number, unknown>(nats, "d");
  await using same = new NatsDict<string | number, unknown>({ servers: server.url }, "d");
  assertEquals(await dict.get("a"), undefined);
  assertEquals([await dict.has("a"), await dict.delete("a")], [false, false]);
  assertEquals([await dict.size(), await dict.keys()], [0, []]);
  await dict.set("a", { deep: [1] });
  await dict.set(1, new Map([["x", 1n]]));
  assertEquals(await same.get("a"), { deep: [1] });
  assertEquals(await same.get(1), new Map([["x", 1n]]));
  assertEquals(await same.get("1"), undefined);
  await dict.set("gone", undefined);
  assertEquals([await same.has("gone"), await same.get("gone")], [true, undefined]);
  assertEquals([await same.delete("gone"), await dict.has("gone")], [true, false]);
  await dict.set("b", 2);
  await dict.set("a", 3);
  assertEquals(await same.entries(), [[1, new Map([["x", 1n]])], ["b", 2], ["a", 3]]);
  assertEquals([await same.keys(), await same.size()], [[1, "b", "a"], 3]);
  assertEquals((await same.values()).slice(1), [2, 3]);
  assertEquals((await same.copy()).get("b"), 2);
  const seen: unknown[] = [];
  for await (const [key] of same) seen.push(key);
  assertEquals(seen, [1, "b", "a"]);
  await same.clear();
  assertEquals(await dict.size(), 0);
});

natsTest(
  "NatsDict.pop() and setDefault() and update() do what those of SharedDict do",
  async () => {
    await using server = await startNatsServer();
    await using dict = new NatsDict<string, number>({ servers: server.url }, "d");
    await dict.update({ a: 1, b: 2 });
    await dict.update([["b", 3], ["c", 4], ["c", 5]]);
    assertEquals(new Map(await dict.entries()), new Map([["a", 1], ["b", 3], ["c", 5]]));
    assertEquals(await dict.pop("a"), 1);
    assertEquals(await dict.pop("a", "none"), "none");
    await assertRejects(() => dict.pop("a"), RangeError, 'there is no key "a"');
    assertEquals([await dict.setDefault("a", 7), await dict.setDefault("a", 8)], [7, 7]);
    await assertRejects(() => dict.update([["x", 1], ["y", (() => {}) as never]]), TypeError);
    assertEquals(await dict.has("x"), false);
    await assertRejects(() => dict.update([5] as never), TypeError, "no pair");
    for (const none of [5, null]) {
      await assertRejects(() => dict.update(none as never), TypeError, "must be pairs, a map or");
    }
    await assertRejects(() => dict.pop(7 as never), RangeError, "there is no key 7");
    await assertRejects(() => dict.add("a", "1" as never), TypeError, "a number, got string");
    const takers = await Promise.all([1, 2, 3].map(() => dict.pop("b", undefined)));
    assertEquals(takers.filter((taken) => taken !== undefined), [3]);
  },
);

natsTest("NatsDict.compareAndSet() writes only what nobody has changed", async () => {
  await using server = await startNatsServer();
  await using dict = new NatsDict<string, number>({ servers: server.url }, "d");
  const first = await dict.compareAndSet("a", 1);
  assert(first !== undefined);
  assertEquals(await dict.compareAndSet("a", 2), undefined);
  assertEquals(await dict.getEntry("a"), { value: 1, revision: first });
  const second = await dict.compareAndSet("a", 2, { revision: first });
  assert(second !== undefined && second > first);
  assertEquals(await dict.compareAndSet("a", 3, { revision: first }), undefined);
  await dict.delete("a");
  assertEquals(await dict.compareAndSet("a", 3, { revision: second }), undefined);
  assert(await dict.compareAndSet("a", 4) !== undefined);
  assertEquals(await dict.get("a"), 4);
});

natsTest("NatsDict.compute() and add() lose no change of another program", async () => {
  await using server = await startNatsServer();
  await using dict = new NatsDict<string, number>({ servers: server.url }, "shared");
  const flags = [`--allow-net=${server.address}`];
  const args = [server.url, "count"];
  const programs = await Promise.all([1, 2].map(() => startProgram(CHILD, { flags, args })));
  for await (const program of programs) {
    assertEquals((await program.status).code, 0, program.stderr);
    await program[Symbol.asyncDispose]();
  }
  assertEquals(await dict.get("n"), 600);
  await Promise.all(Array.from({ length: 20 }, () => dict.add("n", -1)));
  assertEquals(await dict.get("n"), 580);
  assertEquals(await dict.compute("n", () => undefined), undefined);
  assertEquals(await dict.has("n"), false);
  assertEquals(await dict.compute("n", () => Promise.resolve(1)), 1);
  const text = new NatsDict<string, string>({ servers: server.url }, "shared");
  await text.set("t", "x");
  await assertRejects(() => text.add("t" as never, 1), TypeError, "no number");
  await text.close();
});

natsTest("NatsDict refuses what is larger than the engine takes", async () => {
  await using server = await startNatsServer({ config: "max_payload: 1KB" });
  await using dict = new NatsDict<string, string>({ servers: server.url }, "d");
  await assertRejects(
    () => dict.set("a", "x".repeat(2_000)),
    RangeError,
    'Cannot write to dictionary "d": the value takes 2002 bytes, the engine accepts 1024',
  );
  await dict.set("a", "x".repeat(500));
  assertEquals((await dict.get("a"))?.length, 500);
});

natsTest("NatsDict says what another program has written that cannot be read", async () => {
  await using server = await startNatsServer();
  const options = { servers: server.url };
  await using dict = new NatsDict<string, unknown>(options, "d");
  await dict.set("a", 1);
  const source = new NatsSource(options);
  const { js } = await source.open("write");
  await js.publish("$KV.d.a", "hello");
  await js.publish("$KV.d.b", ' {"from": "python"} ');
  await assertRejects(() => dict.get("a"), ProtocolError, "neither JSON");
  await assertRejects(() => dict.entries(), ProtocolError);
  assertEquals(await dict.get("b"), { from: "python" });
  assertEquals(await dict.keys(), ["a", "b"]);
  await source.close();
});

natsTest("NatsDict gets thousands of entries in their order", async () => {
  await using server = await startNatsServer();
  await using dict = new NatsDict<number, string>({ servers: server.url }, "d");
  const wide = "x".repeat(1_000);
  const numbers = Array.from({ length: 3_000 }, (_, at) => at);
  await dict.update(numbers.map((at) => [at, wide] as const));
  assertEquals((await dict.keys()).sort((a, b) => a - b), numbers);
  assertEquals((await dict.entries()).length, 3_000);
});

// ---- Faults ----

natsTest(
  "NatsDict goes on after the server was killed in mid-run, and counts each change once",
  async () => {
    await using server = await startNatsServer();
    // What was asked when it died must not be waited for.
    const options = { servers: server.url, requestTimeoutMs: 600_000 };
    await using dict = new NatsDict<string, number>(options, "d", { patienceMs: 60_000 });
    let added = 0;
    const adding = (async () => {
      for (; added < 400; added++) await dict.add("n", 1);
    })();
    for (let kills = 1; kills <= 3; kills++) {
      while (added < kills * 80) await dict.get("n");
      await server.restart();
    }
    await adding;
    assertEquals(await dict.get("n"), 400);
  },
);

natsTest("NatsDict finds out whether a write was done whose answer was lost", async () => {
  await using server = await startNatsServer();
  await using nats = await openNats({ servers: server.url });
  await using dict = new NatsDict<string, number>(nats, "d");
  await dict.set("n", 1);
  const { js } = await new NatsSource(nats).open("look");
  const publish = js.publish.bind(js);
  const lost = new EngineUnavailableError("The answer was lost");
  let calls = 0;
  /** A cluster looks at the expected revision first, and that is another one after a write that was done. */
  const refuse = () => publish("$KV.d.n", "0", { expect: { lastSubjectSequence: 1_000_000 } });

  js.publish = async (...args) => {
    switch (++calls) {
      case 1:
        await publish(...args);
        // Another one is faster than the second try.
        await publish("$KV.d.n", "10");
        throw lost;
      case 2:
        return await refuse();
    }
    return await publish(...args);
  };
  assertEquals([await dict.add("n", 1), await dict.get("n"), calls], [2, 10, 3]);

  calls = 0;
  js.publish = async (...args) => {
    switch (++calls) {
      case 1:
        // It never comes to the server, and another one changes the key.
        await publish("$KV.d.n", "20");
        throw lost;
      case 2:
        return await refuse();
    }
    return await publish(...args);
  };
  assertEquals([await dict.add("n", 1), await dict.get("n"), calls], [21, 21, 4]);
  assertEquals(await dict.keys(), ["n"]);
});

natsTest("NatsDict says that the engine is away when it is away for too long", async () => {
  await using server = await startNatsServer();
  await using dict = new NatsDict<string, number>({ servers: server.url }, "d", {
    patienceMs: 100,
  });
  await dict.set("a", 1);
  await server.kill();
  await assertRejects(
    () => dict.get("a"),
    EngineUnavailableError,
    `Cannot read dictionary "d": there is no connection to ${server.address}`,
  );
  await assertRejects(() => dict.set("a", 2), EngineUnavailableError, "Cannot write to");
  await assertRejects(() => dict.keys(), EngineUnavailableError);
  await using never = new NatsDict({ servers: server.url, name: "b" }, "d", { patienceMs: 100 });
  await assertRejects(() => never.get("a"), EngineUnavailableError, "nobody is listening");
  await using patient = new NatsDict<string, number>({ servers: server.url }, "d");
  const reading = patient.get("a");
  await server.restart();
  assertEquals(await reading, 1);
});

natsTest("NatsDict of three replicas loses nothing when the leader is killed", async () => {
  await using cluster = await startNatsCluster();
  const options = { servers: cluster.urls, requestTimeoutMs: 500 };
  const source = new NatsSource(options);
  const { manager, nc } = await source.open("look");
  const own = { replicas: 3, patienceMs: 60_000 };
  await using dict = new NatsDict<string, number>(options, "d", own);
  if (isBefore(nc.info!.version, [2, 10, 23])) {
    // It would count wrongly, also when nobody is killed.
    await assertRejects(() => dict.get("n"), InvalidStateError, "or one replica");
    await using event = new NatsEvent(options, "e", own);
    await event.set();
    await cluster.node((await manager.streams.info("KV_events")).cluster!.leader!).kill();
    assertEquals(await event.wait({ timeoutMs: 60_000 }), true);
    await source.close();
    return;
  }
  await dict.add("n", 1);
  let added = 1;
  const lanes = [1, 2, 3].map(async () => {
    for (let i = 0; i < 100; i++, added++) await dict.add("n", 1);
  });
  while (added < 60) await dict.get("n");
  await cluster.node((await manager.streams.info("KV_d")).cluster!.leader!).kill();
  await Promise.all(lanes);
  assertEquals(await dict.get("n"), 301);
  await source.close();
});

function isBefore(version: string, least: readonly number[]): boolean {
  const numbers = version.split(/[.-]/).map(Number);
  const at = least.findIndex((number, index) => numbers[index] !== number);
  return at >= 0 && numbers[at]! < least[at]!;
}
