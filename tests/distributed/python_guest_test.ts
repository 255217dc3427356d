import { assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { BaseManager, PyTuple, SyncManager } from "../../distributed/mod.ts";
import { Token } from "../../distributed/_pickle_types.ts";
import { Gate } from "../support/gate.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { settle } from "../support/settle.ts";
import { PythonClient } from "./_python_wire.ts";

/** What a Python client may send and is answered, without Python. */

const KEY = "a key";
/** More than the system keeps for one who does not read. */
const FLOOD_BYTES = 32 * 1024 * 1024;
const FLOOD_COUNT = 1024;

/** A server of an object whose method `wait` waits for the test. */
async function serveSlow(options: { maxMessageBytes?: number } = {}) {
  const [entered, gate] = [new Gate(), new Gate()];
  const Manager = BaseManager.register("slow", {
    callable: () => ({
      wait: async () => {
        entered.open();
        await gate.wait();
        return "done";
      },
      measure: (text: string) => text.length,
    }),
  });
  const server = await new Manager({ authkey: KEY, ...options }).getServer();
  using maker = await PythonClient.connect(server.address, KEY);
  const [id] = await maker.ask(null, "create", "slow") as [string];
  return { id, entered, gate, server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

leakTest(
  "Server reads no more of a flood behind a call of a Python client than it may, and answers all of it",
  async () => {
    await using slow = await serveSlow();
    const { id, entered, gate, server } = slow;
    using client = await PythonClient.connectForCalls(server.address, KEY);
    await client.send(id, "wait");
    await entered.wait();
    const text = "x".repeat(FLOOD_BYTES / FLOOD_COUNT);
    let sent = 0;
    const sending = (async () => {
      for (; sent < FLOOD_COUNT; sent++) await client.send(id, "measure", text);
    })();
    // It comes to a standstill before all of it is sent.
    for (let still = 0, before = -1; still < 20; before = sent) {
      await settle();
      still = sent === before ? still + 1 : 0;
    }
    assertLess(sent, FLOOD_COUNT);
    gate.open();
    const answered = async () => {
      assertEquals(await client.receive(), ["#RETURN", "done"]);
      for (let n = 0; n < FLOOD_COUNT; n++) {
        assertEquals(await client.receive(), ["#RETURN", text.length]);
      }
    };
    await guard(Promise.all([answered(), sending]), () => `the answers, ${sent} sent`);
  },
);

leakTest("Server hangs up on a Python client whose frame behind a call is too large", async () => {
  await using slow = await serveSlow({ maxMessageBytes: 1000 });
  const { id, entered, gate, server } = slow;
  using client = await PythonClient.connectForCalls(server.address, KEY);
  // Both are there when the call ends, so that nobody reads in between.
  client.send(id, "wait", "x").catch(() => {});
  await client.send(id, "wait", "x".repeat(2000));
  await entered.wait();
  gate.open();
  const end = async () => {
    while (await client.stream.receive().catch(() => undefined) !== undefined);
  };
  await guard(end(), () => "the end of the connection");
});

leakTest("Server answers a Python client what is wrong with its request", async () => {
  const Manager = SyncManager.register("thing", {
    callable: () => ({ echo: (value: unknown) => value }),
  });
  await using server = new Manager({ authkey: KEY }).getServer();
  using maker = await PythonClient.connect(server.address, KEY);
  const [id] = await maker.ask(null, "create", "thing") as [string];
  const nobody = new PyTuple<unknown>();
  for (
    const [request, text] of [
      [new PyTuple<unknown>(id, "echo", 5, {}), "argument after * must be an iterable"],
      [
        new PyTuple<unknown>(id, "echo", nobody, 5),
        "argument after ** must be a mapping",
      ],
      [
        new PyTuple<unknown>(id, "echo", nobody, null),
        "argument after ** must be a mapping",
      ],
      [
        new PyTuple<unknown>(id, "echo", nobody, []),
        "argument after ** must be a mapping",
      ],
      [
        new PyTuple<unknown>(id, "echo", nobody, new Map([[5, 1]])),
        "keywords must be strings",
      ],
      [new PyTuple<unknown>(id, "echo", nobody), "ValueError: a request has four parts"],
      [new PyTuple<unknown>(id, "none", nobody, {}), "KeyError: 'none'"],
      [new PyTuple<unknown>("none", "echo", nobody, {}), "KeyError: 'none'"],
      [null, "TypeError: cannot unpack a request of type NoneType"],
      ["a text", "TypeError: cannot unpack a request of type str"],
      [{}, "TypeError: cannot unpack a request of type dict"],
    ] as const
  ) {
    using client = await PythonClient.connectForCalls(server.address, KEY);
    client.sendRequest(request);
    const [kind, value] = await client.receive();
    assertStringIncludes(`${kind} ${value}`, text);
    // What its arguments are is a matter of the call.
    assertEquals(
      kind,
      text.includes("argument") || text.includes("keywords") ? "#ERROR" : "#TRACEBACK",
    );
  }
});

leakTest("Server tells a Python client the methods of an object by its token alone", async () => {
  await using server = new SyncManager({ authkey: KEY }).getServer();
  using maker = await PythonClient.connect(server.address, KEY);
  const [id, told] = await maker.ask(null, "create", "Event") as [string, string[]];
  const { hostname, port } = server.address;
  const token = new Token("Event", new PyTuple<string | number>(hostname, port), id);
  {
    using client = await PythonClient.connect(server.address, KEY);
    assertEquals(await client.ask(null, "get_methods", token), told);
  }
  using client = await PythonClient.connect(server.address, KEY);
  await client.send(null, "get_methods", id);
  const [kind, value] = await client.receive();
  assertEquals(kind, "#TRACEBACK");
  assertStringIncludes(String(value), "AttributeError: get_methods() takes a Token");
});
