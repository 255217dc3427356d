import { assertEquals } from "@std/assert";
import { SyncManager } from "../../distributed/mod.ts";
import { startProgram } from "../support/child_program.ts";
import { leakTest } from "../support/leaks.ts";

/**
 * Every Python 3 that is found: those on the PATH by the names of their versions, and those whose paths are in the
 * variable `PYTHONS`, with `:` (on Windows `;`) between them. They differ in the form of the handshake and in the
 * protocol of their pickles.
 */

const NAMES = Array.from({ length: 10 }, (_, minor) => `python3.${minor + 6}`);

async function findAll(): Promise<[version: string, executable: string][]> {
  const given = Deno.env.get("PYTHONS")?.split(Deno.build.os === "windows" ? ";" : ":") ?? [];
  const script = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)";
  const found = await Promise.all([...NAMES, ...given].map(async (name) => {
    try {
      const { success, stdout } = await new Deno.Command(name, { args: ["-c", script] }).output();
      if (!success) return [];
      const [version, ...path] = new TextDecoder().decode(stdout).trim().split(" ");
      return [[version!, path.join(" ")] as [string, string]];
    } catch {
      // There is none of that name.
      return [];
    }
  }));
  return [...new Map(found.flat())];
}

const pythons = await findAll();
if (pythons.length === 0) {
  console.warn("python_versions_test: no Python has the name of its version, so nothing is tested");
}

const KEY = "a key";

/** A client first, and then a server: what it prints is what it saw of the other side. */
const PROGRAM = `
import queue, sys
from multiprocessing import current_process
from multiprocessing.managers import SyncManager
key = b'${KEY}'
current_process().authkey = key
manager = SyncManager(('127.0.0.1', int(sys.argv[1])), key)
manager.connect()
seen = []
tasks, table = manager.Queue(), manager.dict(a=1)
tasks.put({'n': [1, 2.5, None, b'x', 2**70, (1, 'é')]})
seen.append(repr(tasks.get()))
try: tasks.get(timeout=0.05)
except queue.Empty: seen.append('Empty')
seen.append([key for key in table])
table['inner'] = manager.list([1])
seen.append(len(table['inner']))
with manager.Lock(): seen.append('locked')
seen.append(manager.Namespace(x=1).x)
seen.append(manager.Value('i', 7).value)
server = SyncManager(('127.0.0.1', 0), key).get_server()
sys.stdout.write('READY %d %s\\n' % (server.address[1], seen))
sys.stdout.flush()
server.serve_forever()
`;

for (const [version, executable] of pythons) {
  leakTest(`Python ${version} is a client of SyncManager, and a server for it`, async () => {
    await using server = new SyncManager({ address: "127.0.0.1:0", authkey: KEY }).getServer();
    await using python = await startProgram({ command: executable }, {
      args: ["-c", PROGRAM, String(server.address.port)],
    });
    const [, port, seen] = /^(\d+) (.*)$/.exec(python.ready)!;
    assertEquals(
      seen,
      `["{'n': [1, 2.5, None, b'x', ${2n ** 70n}, (1, 'é')]}", 'Empty', ['a'], 1, 'locked', 1, 7]`,
    );
    await using client = new SyncManager({ address: ["127.0.0.1", Number(port)], authkey: KEY });
    await client.connect();
    await using tasks = await client.queue<unknown>();
    const item = { n: [1, 2.5, null, new Uint8Array([1]), 2n ** 70n, "é"] };
    await tasks.put(item);
    assertEquals(await tasks.get(), item);
    assertEquals(
      await tasks.get({ timeoutMs: 20 }).catch((error) => error.name),
      "QueueEmptyError",
    );
    await using dict = await client.dict<string, unknown>({ a: 1 });
    await using list = await client.list([1]);
    await dict.set("list", list);
    assertEquals(await dict.keys(), ["a", "list"]);
    assertEquals(await (await dict.get("list") as typeof list).toArray(), [1]);
    await using lock = await client.lock();
    assertEquals([await lock.acquire(), await lock.tryAcquire()], [true, false]);
    await using pool = await client.pool(1);
    assertEquals(await pool.map("math.sqrt", [4, 9]), [2, 3]);
    await client.shutdown();
    assertEquals((await python.status).code, 0);
  });
}
