import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { TimeoutError } from "../../coroutine/mod.ts";
import { exceptionObject } from "../../distributed/_pickle_errors.ts";
import { ProxyReference, Token } from "../../distributed/_pickle_types.ts";
import {
  BaseManager,
  type BaseManagerOptions,
  PythonError,
  PyTuple,
} from "../../distributed/mod.ts";
import { AuthenticationError, ConnectionLostError, ProtocolError } from "../../ipc/mod.ts";
import { Gate } from "../support/gate.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { settle } from "../support/settle.ts";
import {
  type PythonAnswer,
  PythonServer,
  type PythonServerOptions,
  returned,
} from "./_python_wire.ts";

/** Clients of a Python server that stalls, or answers what makes no sense. */

const KEY = "a key";
/** Its methods are said by the server. */
abstract class Thing {}

const Client = BaseManager.register("thing", { proxyType: Thing });

/** What the server says that it has made. */
function made(...methods: string[]): PyTuple<unknown> {
  return returned(new PyTuple<unknown>("7f00", PyTuple.from(methods)));
}

function raised(name: string): PyTuple<unknown> {
  return new PyTuple<unknown>("#ERROR", exceptionObject(new PythonError(name, ["wrong"])));
}

/** Calls a method by its name, which the types do not know. */
function ask(thing: unknown, name: string, ...args: readonly unknown[]): Promise<unknown> {
  return (thing as Record<string, (...args: readonly unknown[]) => Promise<unknown>>)[name]!(
    ...args,
  );
}

interface Opened extends AsyncDisposable {
  readonly server: PythonServer;
  readonly client: InstanceType<typeof Client>;
}

async function open(
  answers: PythonServerOptions["answers"],
  { beforeHandshake, ...options }:
    & Pick<PythonServerOptions, "beforeHandshake">
    & BaseManagerOptions = {},
): Promise<Opened> {
  const stack = new AsyncDisposableStack();
  const server = stack.use(new PythonServer({ authkey: KEY, answers, beforeHandshake }));
  const client = stack.use(new Client({ address: server.address, authkey: KEY, ...options }));
  await client.connect();
  return { server, client, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

leakTest("BaseManager.connect() gives up on a Python server that does not answer", async () => {
  await using server = new PythonServer({ authkey: KEY, answers: { dummy: () => "nothing" } });
  await using client = new Client({ address: server.address, authkey: KEY });
  await assertRejects(() => client.connect({ timeoutMs: 100 }), TimeoutError, "did not answer");
});

leakTest("BaseManager: what a Python server has made must be readable", async () => {
  const answers = [
    null,
    "7f00",
    new PyTuple<unknown>(5, ["get"]),
    new PyTuple<unknown>("7f00", null),
    new PyTuple<unknown>("7f00", [5]),
  ];
  await using opened = await open({ create: () => returned(answers.shift()) });
  while (answers.length > 0) {
    await assertRejects(
      () => opened.client.thing(),
      ProtocolError,
      "Cannot read what 127.0.0.1",
    );
  }
});

leakTest(
  "BaseManager: an answer of a Python server that is none of a manager's fails the call",
  async () => {
    const token = new Token("thing", new PyTuple<string | number>("127.0.0.1", 1), "7f01");
    const answers: unknown[] = [
      5,
      "#RETURN",
      new PyTuple<unknown>("#OTHER", 1),
      new PyTuple<unknown>("#PROXY", 5),
      new PyTuple<unknown>("#PROXY", new PyTuple<unknown>([5], token)),
      new PyTuple<unknown>("#PROXY", new PyTuple<unknown>(["get"], "7f01")),
    ];
    await using opened = await open({
      create: () => made("get"),
      get: () => answers.shift() as PythonAnswer,
    });
    const thing = await opened.client.thing();
    while (answers.length > 0) {
      await assertRejects(
        () => ask(thing, "get"),
        ProtocolError,
        "it is none of a manager's",
      );
    }
    // Such an answer costs its connection alone.
    answers.push(returned(5));
    assertEquals(await ask(thing, "get"), 5);
  },
);

leakTest("BaseManager: a proxy of another Python manager can be passed on", async () => {
  const elsewhere = [
    new Token("list", new PyTuple<string | number>("127.0.0.1", 1), "7f01"),
    new Token("list", "/a/socket", "7f01"),
  ];
  const references = elsewhere.map((token) => new ProxyReference("ListProxy", token));
  await using opened = await open({
    create: () => made("get", "put"),
    get: () => returned(references.shift()),
  });
  const { client, server } = opened;
  const thing = await client.thing();
  for (const { id, address } of elsewhere) {
    const reference = await ask(thing, "get");
    assertInstanceOf(reference, ProxyReference);
    assertEquals([reference.token.id, reference.token.address], [id, address]);
    await ask(thing, "put", reference);
    assertEquals((server.requests.at(-1)!.args as ProxyReference[])[0]!.token.address, address);
  }
});

leakTest(
  "BaseManager: a Python server that refuses a connection for calls fails the call alone",
  async () => {
    let refusals = 1;
    await using opened = await open({
      create: () => made("get"),
      get: () => returned(5),
      accept_connection: () => refusals-- > 0 ? raised("OSError") : returned(null),
    });
    const { client, server } = opened;
    const thing = await client.thing();
    await assertRejects(() => ask(thing, "get"), PythonError, "wrong");
    while (server.connections > 0) await settle();
    assertEquals(await ask(thing, "get"), 5);
  },
);

leakTest("BaseManager: a connection for calls whose handshake fails tells why", async () => {
  let refused = 0;
  // The first three are for the native protocol, to connect, and to create.
  await using opened = await open({ create: () => made("get") }, {
    beforeHandshake: (count) => {
      if (count < 3) return;
      refused++;
      throw new Error("it hangs up");
    },
  });
  const thing = await opened.client.thing();
  await assertRejects(() => ask(thing, "get"), ConnectionLostError, "in the handshake");
  assertEquals(refused, 1);
});

leakTest("BaseManager.close() closes the connections that are being opened", async () => {
  const entered = new Gate();
  const gate = new Gate();
  await using opened = await open({ create: () => made("get") }, {
    beforeHandshake: async (count) => {
      if (count !== 3) return;
      entered.open();
      await gate.wait();
    },
  });
  const { client, server } = opened;
  const thing = await client.thing();
  const failed = assertRejects(() => ask(thing, "get"), ConnectionLostError);
  await entered.wait();
  await client.close();
  gate.open();
  await guard(failed, () => "the end of the call");
  while (server.connections > 0) await settle();
  assertEquals(server.requests.some(({ name }) => name === "get"), false);
});

leakTest(
  "A proxy of a Python object is iterated over until it fails with anything else than an end",
  async () => {
    for (const [method, ends] of [["__next__", "StopIteration"], ["__getitem__", "IndexError"]]) {
      for (const end of [ends!, "ValueError"]) {
        let items = 2;
        await using opened = await open({
          create: () => made(method!),
          [method!]: () => items-- > 0 ? returned(items) : raised(end),
        });
        const thing = await opened.client.thing() as AsyncIterable<unknown>;
        const seen: unknown[] = [];
        const iterate = async () => {
          for await (const item of thing) seen.push(item);
        };
        if (end === ends) await iterate();
        else await assertRejects(iterate, PythonError, "wrong");
        assertEquals(seen, [1, 0]);
      }
    }
  },
);

leakTest("A proxy of a Python object says what its options mean in Python's words", async () => {
  for (
    const [exposed, method, given, args, kwds] of [
      [["get", "put", "shutdown"], "shutdown", [{ immediate: true }], [], { immediate: true }],
      [["get", "put", "shutdown"], "shutdown", [], [], {}],
      [["get", "put", "shutdown"], "shutdown", [true], [true], {}],
      [["shutdown"], "shutdown", [{ immediate: true }], [{ immediate: true }], {}],
      [["abort", "wait"], "wait", [{ timeoutMs: 1500 }], [1.5], {}],
      [["abort", "wait"], "wait", [], [], {}],
      [["wait"], "wait", [{ timeoutMs: 1500 }], [{ timeoutMs: 1500 }], {}],
      [["ready", "get"], "get", [{ timeoutMs: 500 }], [0.5], {}],
      [["get"], "get", [{ timeoutMs: 500 }], [{ timeoutMs: 500 }], {}],
      [["acquire"], "acquire", [true], [true], {}],
      [["join"], "join", [5], [5], {}],
    ] as const
  ) {
    await using opened = await open({ create: () => made(...exposed) });
    const { client, server } = opened;
    await ask(await client.thing(), method, ...given);
    const request = server.requests.find(({ name }) => name === method)!;
    const seen = { args: [...request.args], kwds: plain(request.kwds) };
    assertEquals(plain(seen), plain({ args, kwds }), JSON.stringify([exposed, given]));
  }
});

/** Without the classes that tell what a value is to Python. */
function plain(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [k, plain(v)]));
  if (Array.isArray(value)) return Array.from(value, plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
}

leakTest("BaseManager.connect() refuses a Python server with another key", async () => {
  await using server = new PythonServer({ authkey: "another key" });
  await using client = new Client({ address: server.address, authkey: KEY });
  await assertRejects(() => client.connect(), AuthenticationError, "the keys differ");
});
