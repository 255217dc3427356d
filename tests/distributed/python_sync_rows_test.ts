import { assertEquals } from "@std/assert";
import { SyncManager } from "../../distributed/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { runPython } from "../support/python.ts";
import { noPython, openPython } from "./python_sync_servers.ts";

/** A Python program with a `SyncManager` of this package and one of Python's: it sees the same. */

if (noPython) {
  console.warn("python_sync_rows_test: there is no python3, so nothing is tested with it");
}

const KEY = "a key";

const CLIENT = `
import sys
from multiprocessing import current_process
from multiprocessing.managers import RemoteError, SyncManager
# A proxy inside of other data is made with the key of the process.
current_process().authkey = b'${KEY}'
manager = SyncManager(('127.0.0.1', int(sys.argv[1])), b'${KEY}')
manager.connect()
def fails(function, *args, **kwds):
    try: return function(*args, **kwds)
    except Exception as error: return type(error).__name__
`;

function sameTest(name: string, script: string): void {
  leakTest(name, async () => {
    await using python = await openPython();
    const { port } = (await python.connect()).address as { port: number };
    const expected = await runPython(CLIENT + script, { args: [String(port)] });
    assertEquals([expected.code, expected.stderr], [0, ""]);
    await using server = new SyncManager({ address: "127.0.0.1:0", authkey: KEY }).getServer();
    const seen = await runPython(CLIENT + script, { args: [String(server.address.port)] });
    assertEquals(seen.stderr, "");
    assertEquals(seen.stdout.split("\n"), expected.stdout.split("\n"));
  }, { ignore: noPython });
}

sameTest(
  "SyncManager makes every type with Python's arguments, and tells what it has",
  `
import copy
from multiprocessing.connection import Client
from multiprocessing.managers import dispatch
made = [
    ('Queue', (1,), {}), ('Queue', (), {'maxsize': 1}), ('JoinableQueue', (), {}), ('Lock', (), {}), ('RLock', (), {}),
    ('Semaphore', (2,), {}), ('Semaphore', (), {'value': 2}), ('BoundedSemaphore', (), {'value': 2}),
    ('Condition', (), {}), ('Event', (), {}), ('Barrier', (2, None, 5), {}), ('Barrier', (), {'parties': 2, 'timeout': 5}),
    ('list', (), {}), ('list', ((1, 2),), {}), ('list', ('ab',), {}), ('list', (range(3),), {}), ('dict', ([('a', 1)],), {'b': 2}),
    ('Namespace', (), {'a': 1}), ('Value', ('i', 7), {}), ('Value', ('d', 7.5, False), {}), ('Value', ('i', 7), {'lock': True}),
    ('Array', ('i', range(3)), {}), ('Array', ('d', [1.5]), {'lock': False}),
]
for typeid, args, kwds in made:
    with Client(manager.address, authkey=manager._authkey) as connection:
        ident, exposed = dispatch(connection, None, 'create', (typeid, *args), kwds)
    # What Python has since 3.13 and 3.14 is there for all.
    newer = {'shutdown', 'locked'} | ({'clear', 'copy'} if typeid == 'list' else set())
    print(typeid, type(ident).__name__, type(exposed).__name__, *sorted(set(exposed) - newer))
for proxy in (manager.list([1]), manager.dict(a=1), manager.Namespace(a=1), manager.Value('i', 7), manager.Array('i', [1])):
    print(proxy, copy.deepcopy(proxy), type(proxy._getvalue()).__name__, str(repr(proxy)).split(' ')[0])
for make, args in ((manager.Semaphore, (-1,)), (manager.list, (5,)), (manager.dict, (5,)), (manager.Value, ()), (manager.Array, ('i',))):
    try: print(make(*args))
    except RemoteError as error: print(str(error).strip('- \\n').split('\\n')[-1].split(':')[0].split('.')[-1])
`,
);

sameTest(
  "The proxies of SyncManager send nothing that is not answered",
  `
l = manager.list([3, 1, 2])
l.sort(reverse=True); print(l, list(reversed(l)), l.index(1, 1), l.index(1, 1, 3), fails(l.index, 1, 0, 1))
l *= 2; print(l, 2 * l, l[::2]); l[1:] = []; print(l, l[:], list(l), len(l))
lock = manager.Lock(); condition = manager.Condition(lock)
with lock: print(condition.acquire(False), lock.acquire(False))
with condition: print(lock.acquire(False), condition.wait(0.01), condition.notify(2), condition.notify_all())
shared = manager.dict(lock=lock, inner=manager.list([manager.list([1])]))
print(shared['lock'].acquire(), lock.acquire(False), lock.release(), shared['inner'][0][0], len(shared['inner'][0]))
iterator = iter(manager.dict(a=1, b=2))
print(next(iterator), iterator.__next__(), fails(next, iterator))
n = manager.Namespace(); n.a = 1; n.b = (1, 2); print(n.b, n, '_x' in dir(n))
barrier = manager.Barrier(2, None, 0.01); print(fails(barrier.wait), barrier.broken)
print(manager.Event().wait(timeout=0.01), manager.Queue(maxsize=1).full(), manager.Lock().acquire(True, timeout=0.01))
a = manager.Array('i', [3, 1, 2]); a[0:2] = __import__('array').array('i', [7, 8]); print(a, a[::2], [x for x in a])
d = manager.dict(); d.update({'x': 1}, y=2); d.update(z=3); print(d, d.setdefault('n'), d.get('x', 0), 'x' in d, d == {}, d.popitem())
q = manager.Queue(); q.put((1, 2), timeout=1); q.put(item=5, block=False); print(q.get(block=True, timeout=1), q.get(False), fails(q.get, True, 0.01))
`,
);
