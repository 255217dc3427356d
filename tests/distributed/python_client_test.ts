import {
  assert,
  assertEquals,
  assertGreater,
  assertInstanceOf,
  assertLess,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { Queue } from "../../coroutine/mod.ts";
import { PickleWriter } from "../../distributed/_pickle_writer.ts";
import { PythonObjects } from "../../distributed/_python_objects.ts";
import {
  BaseManager,
  PythonError,
  PyTuple,
  type Server,
  UnpicklingError,
} from "../../distributed/mod.ts";
import { authenticateServer, readKey } from "../../ipc/_authentication.ts";
import { FrameStream } from "../../ipc/_frame_stream.ts";
import { leakTest } from "../support/leaks.ts";
import { pythonAvailable, runPython, startPython } from "../support/python.ts";

/** Python clients of our server: real ones, and ones made of the bytes that Python sends. */

const ignore = !await pythonAvailable();
if (ignore) console.warn("python_client_test: there is no python3, so half of it is not tested");

const KEY = "a key";

function makeManager(tasks: Queue<unknown>) {
  return BaseManager
    .register("getTasks", { callable: () => tasks })
    .register("Box", { callable: (value: unknown) => ({ get: () => value }) });
}

function startServer(tasks: Queue<unknown>, options: object = {}): Server {
  const Manager = makeManager(tasks);
  return new Manager({ ...options, address: "127.0.0.1:0", authkey: KEY }).getServer();
}

// What Python sends, byte by byte

/** A client that has proved the key. */
async function openRaw(server: Server): Promise<{ conn: Deno.TcpConn; stream: FrameStream }> {
  const { hostname, port } = server.address;
  const conn = await Deno.connect({ hostname, port });
  const stream = new FrameStream(conn, { peer: "the server", maxFrameBytes: 1_000_000 });
  await authenticateServer(stream, readKey(KEY));
  return { conn, stream };
}

async function ask(stream: FrameStream, request: Uint8Array): Promise<Uint8Array | undefined> {
  stream.send(request);
  return await stream.receive();
}

const DUMMY = {
  "protocol 4": "80049510000000000000" + "00284e8c0564756d6d7994297d9474942e",
  "protocol 3, of Python 3.7": "8003284e580500000064756d6d797100297d71017471022e",
  "protocol 4 without frames and memo": "8004284e8c0564756d6d79297d742e",
};

for (const [name, hex] of Object.entries(DUMMY)) {
  leakTest(`Server answers a request of ${name}`, async () => {
    await using server = startServer(new Queue());
    const { stream } = await openRaw(server);
    const answer = await ask(stream, Uint8Array.fromHex(hex));
    // ("#RETURN", None)
    assertStringIncludes(answer!.toHex(), "8c072352455455524e");
    assertEquals(answer!.at(-1), 0x2e);
    // It is the only request of its connection.
    assertEquals(await stream.receive(), undefined);
    stream.close();
  });
}

leakTest(
  "Server sends the beginning of an answer before the request, and reads split frames",
  async () => {
    await using server = startServer(new Queue());
    const { conn, stream } = await openRaw(server);
    const first = new Uint8Array(1);
    // Nothing was asked yet: it acknowledges the last word of the handshake, for which Python waits.
    assertEquals(await conn.read(first), 1);
    assertEquals(first[0], 0);
    const request = Uint8Array.fromHex(DUMMY["protocol 4"]);
    const frame = new Uint8Array(12 + request.length);
    const view = new DataView(frame.buffer);
    // The long form, also of what is short.
    view.setInt32(0, -1);
    view.setBigUint64(4, BigInt(request.length));
    frame.set(request, 12);
    for (const byte of frame) await conn.write(new Uint8Array([byte]));
    const rest = new Uint8Array(3);
    assertEquals(await conn.read(rest), 3);
    assertEquals([...rest.subarray(0, 2)], [0, 0]);
    stream.close();
  },
);

/** Pickles that are no requests. */
const BOMBS: Record<string, Uint8Array> = {
  "a call of os.system": text("\x80\x04cposix\nsystem\n(X\x04\x00\x00\x00truetR."),
  "a call of eval": text("\x80\x04cbuiltins\neval\n(X\x01\x00\x00\x001tR."),
  "deep nesting": text("\x80\x04" + "]".repeat(200_000) + "a".repeat(199_999) + "."),
  "a memo that doubles": text("\x80\x04]\x94" + "(h\x00h\x00t\x94".repeat(5_000) + "."),
  "no end": text("\x80\x04(((("),
  "what is cut": text("\x80\x04\x8c\xff"),
  "a later protocol": text("\x80\x06N."),
};

function text(bytes: string): Uint8Array {
  return Uint8Array.from(bytes, (character) => character.charCodeAt(0));
}

for (const [name, bomb] of Object.entries(BOMBS)) {
  leakTest(`Server refuses ${name}, and serves everybody else`, async () => {
    const refused: unknown[] = [];
    const tasks = new Queue<unknown>();
    await using server = startServer(tasks, { onRefused: (error: unknown) => refused.push(error) });
    const Manager = makeManager(tasks);
    await using other = new Manager({ address: server.address, authkey: KEY });
    await other.connect();
    const { stream } = await openRaw(server);
    const answer = await ask(stream, bomb);
    assertStringIncludes(latin1(answer), "#TRACEBACK");
    assertEquals(await stream.receive(), undefined);
    stream.close();
    assertEquals(refused.length, 1);
    assertInstanceOf(refused[0], UnpicklingError);
    assertEquals(server.statistics().refused, 1);
    assertEquals(await (await other.getTasks()).qsize(), 0);
  });
}

leakTest(
  "Server closes a connection of calls over which something else than data comes",
  async () => {
    const refused: unknown[] = [];
    await using server = startServer(new Queue(), {
      onRefused: (error: unknown) => refused.push(error),
    });
    const { stream } = await openRaw(server);
    const accept = new PyTuple<unknown>(null, "accept_connection", new PyTuple("MainProcess"), {});
    const write = (value: unknown) => new PickleWriter().write(value);
    assertStringIncludes(latin1(await ask(stream, write(accept))), "#RETURN");
    // What is data and no request is answered, and the next one is heard.
    assertStringIncludes(latin1(await ask(stream, write([1, 2]))), "ValueError");
    const call = new PyTuple<unknown>("no id", "get", new PyTuple(), {});
    assertStringIncludes(latin1(await ask(stream, write(call))), "KeyError: 'no id'");
    assertEquals(refused, []);
    const bomb = BOMBS["a call of os.system"]!;
    assertStringIncludes(latin1(await ask(stream, bomb)), "UnpicklingError");
    assertEquals(await stream.receive(), undefined);
    stream.close();
    assertEquals(refused.length, 1);
  },
);

function latin1(bytes: Uint8Array | undefined): string {
  return new TextDecoder("latin1").decode(bytes);
}

leakTest("Server disconnects a Python client that announces a huge frame", async () => {
  await using server = startServer(new Queue(), { maxMessageBytes: 100_000 });
  const { conn, stream } = await openRaw(server);
  const header = new Uint8Array(12).fill(0xff);
  new DataView(header.buffer).setBigUint64(4, 2n ** 32n);
  await conn.write(header);
  await stream.receive().catch(() => {});
  stream.close();
});

leakTest("Server has those wait who try one key after the other", async () => {
  await using server = startServer(new Queue());
  const tryKey = async () => {
    const { hostname, port } = server.address;
    const conn = await Deno.connect({ hostname, port });
    const stream = new FrameStream(conn, { peer: "the server", maxFrameBytes: 256 });
    const begin = performance.now();
    await authenticateServer(stream, readKey("a guess")).catch(() => {});
    stream.close();
    return performance.now() - begin;
  };
  for (let i = 0; i < 4; i++) await tryKey();
  assertGreater(await tryKey(), 90);
  assertGreater(await tryKey(), 190);
  assertEquals(server.statistics().refused, 6);
});

Deno.test("PythonObjects forgets a host, and knows again what something else holds", () => {
  const objects = new PythonObjects();
  const registration = { callable: undefined, exposed: undefined };
  const queue = new Queue<number>();
  const entry = objects.create("getTasks", queue, registration, "10.0.0.1");
  assertEquals(objects.create("getTasks", queue, registration, "10.0.0.2"), entry);
  assertEquals([objects.size, entry.count], [1, 2]);
  objects.forget("10.0.0.1");
  assertEquals([objects.size, entry.count], [1, 1]);
  objects.forget("10.0.0.2");
  assertEquals(objects.size, 0);
  // A client that was asleep comes back with its proxy.
  assertEquals(objects.find(entry.id), entry);
  objects.incref(entry.id, "10.0.0.2");
  assertEquals([objects.size, entry.count], [1, 1]);
  // What was given back in order is gone.
  const other = objects.create("other", new Queue(), registration, "10.0.0.1");
  objects.decref(other.id, "10.0.0.1");
  assertThrows(() => objects.find(other.id), PythonError, other.id);
  assertThrows(() => objects.decref("nonsense", "10.0.0.1"), PythonError, "nonsense");
});

// Real ones

const CLIENT = `
import os, queue, signal, sys, threading, time
from multiprocessing.managers import BaseManager, RemoteError
class Manager(BaseManager): pass
Manager.register('get_tasks')
Manager.register('Box')
manager = Manager(('127.0.0.1', int(sys.argv[1])), b'${KEY}')
manager.connect()
tasks = manager.get_tasks()
`;

leakTest("Server serves Python and native clients on one port", async () => {
  const tasks = new Queue<unknown>();
  await using server = startServer(tasks);
  const Manager = makeManager(tasks);
  await using native = new Manager({ address: server.address, authkey: KEY });
  await native.connect();
  const remote = await native.getTasks();
  const getting = remote.get();
  const port = String(server.address.port);
  const python = runPython(CLIENT + "tasks.put({'from': 'Python'})\nprint(tasks.get(timeout=20))", {
    args: [port],
  });
  assertEquals(await getting, { from: "Python" });
  await remote.put("from here");
  const { stdout, stderr } = await python;
  assertEquals([stdout, stderr], ["from here\n", ""]);
  assertEquals(tasks.qsize(), 0);
}, { ignore });

leakTest("Server does not keep a Python client waiting for acknowledgements", async () => {
  const tasks = new Queue<unknown>();
  await using server = startServer(tasks);
  const { stdout, stderr } = await runPython(
    CLIENT + `
def milliseconds(function, count):
    best = 1e9
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(count): function()
        best = min(best, (time.perf_counter() - begin) * 1000 / count)
    return best
data = b'x' * 20_000
print(milliseconds(manager.connect, 4), milliseconds(lambda: tasks.put(data), 4))
`,
    { args: [String(server.address.port)] },
  );
  const [connecting, putting] = stdout.split(" ").map(Number);
  // Each would take more than 40 ms: Python does not set TCP_NODELAY.
  assertLess(connecting!, 30, stderr);
  assertLess(putting!, 30);
}, { ignore });

leakTest("Server takes back the task of a Python worker that is killed", async () => {
  const tasks = new Queue<unknown>(0, { returnUnfinished: true });
  for (const task of ["done", "in work", "next"]) tasks.putNowait(task);
  await using server = startServer(tasks);
  await using worker = await startPython(
    CLIENT + `
print(tasks.get())
tasks.task_done()
print('READY', tasks.get())
# A proxy sends its own request when it is printed, so that the item is the worker's for sure.
str(tasks)
print('asked')
time.sleep(60)
`,
    { args: [String(server.address.port)] },
  );
  while (await worker.nextLine() !== "asked");
  assertEquals([tasks.qsize(), tasks.statistics().unfinished], [1, 2]);
  worker.kill("SIGKILL");
  await worker.status;
  while (server.statistics().connections > 0) await new Promise((r) => setTimeout(r, 1));
  assertEquals([await tasks.get(), await tasks.get()], ["in work", "next"]);
}, { ignore });

leakTest(
  "Server: a Python client that is killed while it waits for an item takes none",
  async () => {
    const tasks = new Queue<unknown>();
    await using server = startServer(tasks);
    await using worker = await startPython(CLIENT + "print('READY')\ntasks.get()", {
      args: [String(server.address.port)],
    });
    while (tasks.statistics().getting === 0) await new Promise((r) => setTimeout(r, 1));
    worker.kill("SIGKILL");
    await worker.status;
    while (tasks.statistics().getting > 0) await new Promise((r) => setTimeout(r, 1));
    await tasks.put("kept");
    assertEquals(tasks.qsize(), 1);
  },
  { ignore },
);

leakTest("Server counts the references of Python clients", async () => {
  await using server = startServer(new Queue());
  const { stdout, stderr } = await runPython(
    CLIENT + `
box = manager.Box([1, {'a': 2}])
print(box.get(), manager._number_of_objects())
del box, tasks
print(manager._number_of_objects())
`,
    { args: [String(server.address.port)] },
  );
  assertEquals([stdout, stderr], ["[1, {'a': 2}] 2\n0\n", ""]);
  assertEquals(server.statistics().pythonObjects, 0);
}, { ignore });

leakTest("Server lets objects through whose classes were named, and refuses others", async () => {
  const refused: unknown[] = [];
  await using server = startServer(new Queue(), {
    onRefused: (error: unknown) => refused.push(error),
    python: { names: ["__main__.Task"], floats: "exact" },
  });
  const { stdout, stderr } = await runPython(
    CLIENT + `
class Task:
    def __init__(self, n): self.n = n
class Other: pass
tasks.put(Task(3))
print(tasks.get().n)
tasks.put(1.0)
print(tasks.get())
try: tasks.put(Other())
except RemoteError as error: print('refused')
`,
    { args: [String(server.address.port)] },
  );
  assertEquals([stdout, stderr], ["3\n1.0\nrefused\n", ""]);
  assertEquals(refused.length, 1);
}, { ignore });

leakTest("Server ends when a Python client tells it to", async () => {
  await using server = startServer(new Queue());
  const { stdout, stderr } = await runPython(
    CLIENT + `
from multiprocessing.connection import Client
connection = Client(('127.0.0.1', int(sys.argv[1])), authkey=b'${KEY}')
connection.send((None, 'shutdown', (), {}))
print(connection.recv(), connection.recv())
try: print(tasks.get())
except (EOFError, ConnectionError): print('gone')
`,
    { args: [String(server.address.port)] },
  );
  assertEquals([stdout, stderr], ["('#RETURN', None) ('#RETURN', None)\ngone\n", ""]);
  await server.serveForever();
}, { ignore });

leakTest("Queue.shutdown() arrives in Python as what it has for it", async () => {
  const tasks = new Queue<unknown>();
  await using server = startServer(tasks);
  await using client = await startPython(
    CLIENT + `
print('READY')
try: tasks.get()
except getattr(queue, 'ShutDown', RuntimeError) as error: print('shut down:', error)
`,
    { args: [String(server.address.port)] },
  );
  while (tasks.statistics().getting === 0) await new Promise((r) => setTimeout(r, 1));
  tasks.shutdown();
  assertStringIncludes((await client.nextLine())!, "shut down: Cannot get from queue");
  assert((await client.status).success);
}, { ignore });
