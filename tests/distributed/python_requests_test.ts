import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { Queue } from "../../coroutine/mod.ts";
import { BaseManager, PyFloat, PyTuple, SyncManager } from "../../distributed/mod.ts";
import { PickleReader } from "../../distributed/_pickle_reader.ts";
import { PickleWriter } from "../../distributed/_pickle_writer.ts";
import { type Codec, connect, Listener } from "../../ipc/mod.ts";
import type { Address } from "../../ipc/mod.ts";
import { startProgram } from "../support/child_program.ts";
import { leakTest } from "../support/leaks.ts";
import { runPython, startPython } from "../support/python.ts";
import { makeReference } from "./python_targets.ts";
import { noPython, openPython } from "./python_sync_servers.ts";

/** Requests, messages and references between this package and Python, one by one. */

if (noPython) {
  console.warn("python_requests_test: there is no python3, so nothing is tested with it");
}

const KEY = "a key";

function readFixture(name: string): Promise<string> {
  return Deno.readTextFile(new URL(`fixtures/${name}`, import.meta.url));
}

/** What a server of this package does in another way than Python's: it hangs up on what is no message of Python's. */
const DIFFERENT: Readonly<Record<string, readonly [python: string, here: string]>> = {
  "no pickle": ["#TRACEBACK UnpicklingError closed", "closed closed"],
  "protocol 6": ["#TRACEBACK ValueError closed", "#TRACEBACK UnpicklingError closed"],
  "an empty message": ["#TRACEBACK EOFError closed", "closed closed"],
  "a length of -2": ["#TRACEBACK", "closed"],
  "a body that ends": ["#TRACEBACK", "closed"],
  "a header that ends": ["#TRACEBACK", "closed"],
  nothing: ["#TRACEBACK", "closed"],
  // There is no such object here.
  "the object 0": ["#TRACEBACK ValueError", "#TRACEBACK KeyError"],
  // The one that every Python 3 can read.
  "the module of queue.Empty": ["_queue", "queue"],
};

leakTest("Server and Python's own answer what no proxy would ask alike", async () => {
  const probe = await readFixture("python_probe.py");
  await using python = await startPython(await readFixture("python_reference.py"), { args: [KEY] });
  const port = /\d+$/.exec(python.ready)![0];
  const expected = await runPython(probe, { args: [port, KEY] });
  assertEquals(expected.stderr, "");

  const { Manager } = makeReference();
  await using server = new Manager({ address: "127.0.0.1:0", authkey: KEY }).getServer();
  const seen = await runPython(probe, { args: [String(server.address.port), KEY] });
  assertEquals(seen.stderr, "");
  const lines = expected.stdout.trimEnd().split("\n");
  assertEquals(
    seen.stdout.trimEnd().split("\n"),
    lines.map((line) => {
      const [label] = line.split(": ", 1) as [string];
      const different = DIFFERENT[label];
      if (different === undefined) return line;
      assertEquals(line, `${label}: ${different[0]}`);
      return `${label}: ${different[1]}`;
    }),
  );
  assertEquals(lines.filter((line) => line.split(": ", 1)[0]! in DIFFERENT).length, 9);
}, { ignore: noPython });

leakTest("Server knows its objects by every address that a Python client has for it", async () => {
  await using server = new SyncManager({ address: ["", 0], authkey: KEY }).getServer();
  const script = `
import sys
from multiprocessing import current_process
from multiprocessing.managers import SyncManager
current_process().authkey = b'${KEY}'
managers = [SyncManager((host, int(sys.argv[1])), b'${KEY}') for host in ('127.0.0.1', 'localhost', '0.0.0.0')]
for manager in managers: manager.connect()
outer = managers[0].dict()
for i, manager in enumerate(managers):
    inner = manager.list([i])
    outer[i] = inner
    outer[i].append('seen')
    print(inner, outer[i]._token.address[0], len(outer[i]))
    del inner
print([outer[i][0] for i in range(3)], managers[1]._number_of_objects())
`;
  const { stdout, stderr } = await runPython(script, { args: [String(server.address.port)] });
  assertEquals(stderr, "");
  assertEquals(stdout.trimEnd().split("\n"), [
    "[0, 'seen'] 127.0.0.1 2",
    "[1, 'seen'] 127.0.0.1 2",
    "[2, 'seen'] 127.0.0.1 2",
    "[0, 1, 2] 1",
  ]);
  // Everywhere is no place to go to: this machine is meant.
  await using client = new SyncManager({ address: ["", server.address.port], authkey: KEY });
  await client.connect();
  assertEquals(await (await client.list([1])).length(), 1);
}, { ignore: noPython });

leakTest("Server tells Python no names that it cannot have", async () => {
  const Manager = BaseManager.register("Odd", {
    callable: () => ({ fine: () => 1, "delete$": () => 2, import: () => 3, "a b": () => 4 }),
  });
  await using server = new Manager({ address: "127.0.0.1:0", authkey: KEY }).getServer();
  const script = `
import sys
from multiprocessing.managers import BaseManager
class Manager(BaseManager): pass
Manager.register('Odd')
manager = Manager(('127.0.0.1', int(sys.argv[1])), b'${KEY}')
manager.connect()
odd = manager.Odd()
print(odd._exposed_, odd.fine())
`;
  const { stdout, stderr } = await runPython(script, { args: [String(server.address.port)] });
  assertEquals([stdout, stderr], ["('fine',) 1\n", ""]);
}, { ignore: noPython });

leakTest("Listener and Python's Client send each other objects, in both directions", async () => {
  const values = [null, true, 1, 1.5, 2n ** 70n, "é中😀", [1, [2]], new PyTuple<unknown>(1, "a")];
  const writer = new PickleWriter();
  const reader = new PickleReader();
  const codec: Codec = {
    encode: (value) => writer.write(value),
    decode: (bytes) => reader.read(bytes),
  };
  const echo = `
import sys
from multiprocessing.connection import Client, Listener
key = b'${KEY}'
if len(sys.argv) > 1:
    connection = Client(('127.0.0.1', int(sys.argv[1])), authkey=key)
    print('READY', flush=True)
else:
    listener = Listener(('127.0.0.1', 0), authkey=key)
    print('READY', listener.address[1], flush=True)
    connection = listener.accept()
for _ in range(${values.length}):
    value = connection.recv()
    print(repr(value), flush=True)
    connection.send(value)
connection.close()
`;
  const reprs = ["None", "True", "1", "1.5", String(2n ** 70n), "'é中😀'", "[1, [2]]", "(1, 'a')"];
  const talk = async (
    connection: Awaited<ReturnType<typeof connect>>,
    nextLine: () => Promise<string>,
  ): Promise<void> => {
    for (const [i, value] of values.entries()) {
      await connection.send(value);
      assertEquals(await nextLine(), reprs[i]);
      assertEquals(await connection.recv(), value);
    }
  };
  await using listener = new Listener("127.0.0.1:0", { authkey: KEY, codec });
  const accepted = listener.accept();
  const { port } = listener.address as Address;
  await using client = await startPython(echo, { args: [String(port)] });
  await using here = await accepted;
  await talk(here, () => client.nextLine());

  await using server = await startPython(echo);
  const address = { hostname: "127.0.0.1", port: Number(server.ready) };
  await using there = await connect(address, { authkey: KEY, codec });
  await talk(there, () => server.nextLine());
}, { ignore: noPython });

leakTest(
  "BaseManager does not wait for acknowledgements of a manager in Python",
  async () => {
    await using server = await openPython();
    const client = await server.connect();
    const best = async (run: () => Promise<unknown>): Promise<number> => {
      let least = Infinity;
      for (let i = 0; i < 10; i++) {
        const begin = performance.now();
        await run();
        least = Math.min(least, performance.now() - begin);
      }
      return least;
    };
    // Each is a connection of its own, with a handshake; Nagle's algorithm would cost 40 ms.
    assertLess(await best(() => client.list()), 30);
    const list = await client.list<Uint8Array>();
    const large = new Uint8Array(20_000);
    assertLess(await best(() => list.push(large)), 30);
  },
  { ignore: noPython },
);

leakTest("A handle of an object in Python that is dropped is given back", async () => {
  await using server = await openPython();
  const client = await server.connect();
  const inspector = await client.inspector();
  const before = await inspector.count();
  const { port } = client.address as { port: number };
  const code = `
import { SyncManager } from "@manyhands/concurrency/distributed";
const manager = new SyncManager({ address: ["127.0.0.1", ${port}], authkey: "${KEY}" });
await manager.connect();
const kept = await manager.list(["kept"]);
for (let i = 0; i < 10; i++) await (await manager.list([i])).length();
console.log("READY");
const asked = Deno.stdin.read(new Uint8Array(1));
const timer = setInterval(() => globalThis.gc(), 5);
await asked;
clearInterval(timer);
console.log(await kept.at(0));
await manager.close();
`;
  const flags = ["--allow-net=127.0.0.1", "--no-check", "--v8-flags=--expose-gc"];
  await using program = await startProgram({ code }, { flags });
  let isOver = false;
  void program.status.then(() => isOver = true);
  // All but the one that it keeps.
  while (await inspector.count() !== before + 1) assert(!isOver, "The program has ended");
  await program.send("now");
  assertEquals(await program.nextLine(), "kept");
  assertEquals((await program.status).code, 0);
  assertEquals(await inspector.count(), before);
}, { ignore: noPython });

leakTest(
  "A float that is kept exactly is a PyFloat to native clients, and goes back as one",
  async () => {
    const tasks = new Queue<unknown>();
    const back = new Queue<unknown>();
    const Manager = BaseManager.register("tasks", { callable: () => tasks })
      .register("back", { callable: () => back });
    await using server = new Manager({
      address: "127.0.0.1:0",
      authkey: KEY,
      python: { floats: "exact" },
    }).getServer();
    const script = `
import sys
from multiprocessing.managers import BaseManager
class Manager(BaseManager): pass
Manager.register('tasks')
Manager.register('back')
manager = Manager(('127.0.0.1', int(sys.argv[1])), b'${KEY}')
manager.connect()
tasks, back = manager.tasks(), manager.back()
inf = float('inf')
tasks.put(1.0); tasks.put([2.0, {'a': -0.0, 'b': 1.5, 'c': 1}, inf])
print('READY', flush=True)
print(*(back.get(timeout=20) for _ in range(5)))
tasks.put({1: 2.0})
`;
    await using python = await startPython(script, { args: [String(server.address.port)] });
    await using client = new Manager({ address: server.address, authkey: KEY });
    await client.connect();
    const [remote, answers] = [await client.tasks(), await client.back()];
    const [one, list] = [await remote.get(), await remote.get()];
    assertEquals(one, new PyFloat(1));
    assertEquals(list, [new PyFloat(2), { a: -0, b: 1.5, c: 1 }, Infinity]);
    await answers.put(one);
    await answers.put(list);
    for (const n of [NaN, -0, -Infinity]) await answers.put(new PyFloat(n));
    assertEquals(
      await python.nextLine(),
      "1.0 [2.0, {'a': -0.0, 'b': 1.5, 'c': 1}, inf] nan -0.0 -inf",
    );
    // It stays where it is.
    await assertRejects(() => remote.get(), TypeError, "inside");
    assertEquals(await tasks.get(), new Map([[1, new PyFloat(2)]]));
  },
  { ignore: noPython },
);
