import { assertEquals } from "@std/assert";
import { type BaseManager, PyFloat, SyncManager } from "../../distributed/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { runPython } from "../support/python.ts";
import { noPython, openPython } from "./python_sync_servers.ts";
import { makeReference } from "./python_targets.ts";

/** What Python programs give to objects of this package, right or wrong: it is judged as Python would. */

if (noPython) {
  console.warn("python_values_test: there is no python3, so nothing is tested with it");
}

const KEY = "a key";

const CLIENT = `
import sys
from multiprocessing import current_process
from multiprocessing.connection import Client
from multiprocessing.managers import RemoteError, SyncManager, dispatch
sys.stdout.reconfigure(encoding='utf-8')
current_process().authkey = b'${KEY}'
manager = SyncManager(('127.0.0.1', int(sys.argv[1])), b'${KEY}')
manager.connect()
def fails(function, *args, **kwds):
    try: return function(*args, **kwds)
    except Exception as error: return type(error).__name__
# As it is, with nothing checked on the way, over one connection: Python takes half a second for each.
connections = []
def ask(proxy, method, args=(), kwds={}):
    if not connections:
        connections.append(Client(manager.address, authkey=b'${KEY}'))
        dispatch(connections[0], None, 'accept_connection', ('a thread',))
    return fails(dispatch, connections[0], proxy._token.id, method, args, kwds)
`;

/** What a program writes, line by line, which must not complain. */
async function linesOf(script: string, port: number): Promise<string[]> {
  const { code, stdout, stderr } = await runPython(CLIENT + script, { args: [String(port)] });
  assertEquals([code, stderr], [0, ""]);
  return stdout.trimEnd().split("\n");
}

/** Runs a program with a manager of Python's and with others: it writes the same. */
function sameTest(
  name: string,
  script: string,
  managers: readonly (new (options: { address: string; authkey: string }) => BaseManager)[] = [
    SyncManager,
  ],
): void {
  leakTest(`A program in Python: ${name}`, async () => {
    await using python = await openPython();
    const { port } = (await python.connect()).address as { port: number };
    const expected = await linesOf(script, port);
    for (const Manager of managers) {
      await using server = new Manager({ address: "127.0.0.1:0", authkey: KEY }).getServer();
      assertEquals(await linesOf(script, server.address.port), expected);
    }
  }, { ignore: noPython });
}

sameTest(
  "what is equal is found in a list and a dictionary",
  `
same = [
    (1, 1.0), (True, 1), (0, -0.0), (2**70, 2.0**70), (2**53 + 1, 2.0**53), (2**70, 2**70), (b'ab', b'ab'), (b'ab', b'ac'),
    (b'a', 'a'), ({1, 2}, {2, 1}), ({1, (2, 3)}, {(2, 3), 1}), ({1, (2, 3)}, {(2, 4), 1}), ({1}, {1, 2}), ({1}, [1]),
    ({'a': [1]}, {'a': [1.0]}), ({'a': 1}, {'a': 2}), ({'a': 1}, {'b': 1}), ({'a': 1}, {}), ({1: 'x'}, {1.0: 'x'}),
    ({1: 'x', 'b': 2}, {'b': 2, 1: 'x'}), ([1, [2]], [1, [2]]), ([1], [1, 2]), ((1,), [1]), ((1, (2,)), (1, (2.0,))),
    (None, 0), (None, None), ('', []), ('a', 'a'), (float('nan'), 0), ([{1}], [{1}]), (frozenset([1]), {1}),
]
l = manager.list()
for item, other in same:
    l[:] = [item]
    print(other in l, l.count(other), fails(l.index, other), fails(l.remove, other), len(l))
deep = 1
for n in range(90): deep = [deep]
print(deep in manager.list([deep]), [deep] in manager.list([deep]))
d = manager.dict({1: 'int', (1, 2): 'pair', 'text': 't', None: 'none', 0.5: 'half', 2**70: 'big'})
for key in (True, 1.0, (1.0, 2), (1, 3), 'text', None, 0.5, 2.0**70, False, 'other', b'text', frozenset([1])): print(d.get(key))
keys = manager.dict([((1, 2), 'first'), ((1.0, 2), 'last'), (b'b', 'bytes'), (frozenset([1]), 'set'), ('a', 'text')])
print(len(keys), keys[(1, 2)], keys[b'b'], keys[frozenset([1])], keys['a'], [str(key) for key in keys.keys()][0])
d[True] = 'bool'; d[1.0] = 'float'; d[2.0**70] = 'float'; print(len(d), d[1], d[2**70], list(d.keys())[0])
`,
);

sameTest(
  "a list is sorted, cut and changed",
  `
l = manager.list()
for items in (
    ['b', 'a', 'ab', '', 'é', '😀', '\\uff41', 'B'], [[2], [1, 2], [1], []], [(1, 'b'), (1, 'a'), (0, 'z')], [2**70, 1.5, -2**70, True],
    [[1, [2, 3]], [1, [2, 1]]], ['😀a', '😀', '\\uff41b'], [1, 'a'], [[1], (1,)], [{}, {}], [None, None], [[1, None], [1, None]],
    [[1, None], [1, 2]], [b'b', 1],
):
    l[:] = items; print(fails(l.sort), list(l)); print(fails(l.sort, reverse=True), list(l))
l = manager.list(range(10))
del l[2:4]; print(l); del l[::-3]; print(l)
l[::2] = 'abc'; print(l); l[1:2] = b'xy'; print(l); l[:0] = {'k': 1}; print(l); l[-2:] = {7: 8}; print(l); l[0:0] = {9}; print(l)
l[3:1] = [5]; print(l, l[-100:100:4], l[8:2:-2], l[100:], l[:-100], l[::-1])
print(fails(l.__setitem__, slice(None, None, 2), [1]), fails(l.__setitem__, slice(0, 1), 5), fails(l.__getitem__, slice(0, 1, 0)))
for item in (None, True, 1.5, 2**70, 'text', b'b', (1,), {1}, {'a': 1}, {1: 1}, 1):
    try: print(l + item)
    except TypeError as error: print(error)
    print(fails(l.extend, item), fails(l.__getitem__, item), len(l))
print(fails(l.sort, 1), fails(l.sort, other=1), fails(l.sort, key=None), fails(manager.list().pop), fails(l.pop, 'x'), fails(l.insert, 'x', 1))
print(ask(l, 'sort', (1,)), ask(l, 'append', (1,), {'object': 2}), ask(l, 'append'), ask(l, 'insert'), ask(l, 'insert', (1, 2, 3)))
`,
);

sameTest(
  "what a list and a dictionary hold is shown",
  `
values = [
    0.5, 1e22, float('inf'), -5, 2**70, -2**70, True, None, 'text', "it's", 'both \\' and "', 'line\\n\\t\\\\', '\\x00\\x7f\\xad', '\\u200b\\ud800', '\\U000e0001😀é',
    b'ab\\x00', bytearray(b"it's"), (1,), (), [], {}, set(), {1}, frozenset(), frozenset([1]), [1, [2, (3, {'a': {4}})]],
]
l = manager.list([0]); d = manager.dict()
for value in values: l[0] = d['key'] = value; print(ascii(str(l)), ascii(str(d)))
`,
);

sameTest(
  "a dictionary is updated",
  `
d = manager.dict()
d.update([('a', 1), ['b', 2], 'cd']); d.update({1: 2, 'x': 3}); d.update((), y=4); d.update({}); print(d)
for wrong in ([(1, 2, 3)], [1], 5, 'abc', [('k',)]): print(fails(d.update, wrong))
print(ask(d, 'update', ({}, {})), ask(d, 'get'), ask(d, 'get', (1, 2, 3)), ask(d, 'setdefault'), ask(d, 'get', ([],)), ask(d, 'pop', ({},)), len(d))
`,
);

sameTest(
  "arguments that are none of Python's",
  `
l = manager.list([1, 2])
print(ask(l, 'append', 5), ask(l, 'append', (1,), 5), ask(l, 'append', (1,), [1]), ask(l, 'pop', (), {1: 2}), ask(l, 'pop', [0]), ask(l, '__len__', (), None))
n = manager.Namespace(a=1)
print(ask(n, '__getattribute__', (1,)), ask(n, '__setattr__', (1, 2)), ask(n, '__delattr__', (None,)), ask(n, '__getattribute__', ('a',)))
print(ask(l, 'nothing'), ask(l, '__class__'), ask(l, 5))
`,
);

sameTest(
  "numbers that fit, and others",
  `
for code, values in (('b', [127, -128, True]), ('Q', [2**64 - 1, 0]), ('q', [-2**63]), ('f', [0.5, 2]), ('d', [1, 2**70, True]), ('i', [])):
    a = manager.Array(code, values); print(a, a._getvalue(), len(a), a[:])
    for wrong in ('text', None, [1], 1.5, 2**70, b'1'): print(fails(a.__setitem__, 0, wrong), end=' ')
    print(fails(a.__getitem__, 'x'), fails(a.__getitem__, 99), fails(a.__getitem__, None), fails(a.__setitem__, slice(0, 1), 5))
`,
);

const Synchronizers = makeReference().Manager;

sameTest(
  "locks, semaphores and the like are told how to wait",
  `
for make in (manager.Lock, manager.RLock, manager.Condition):
    lock = make()
    print(fails(lock.acquire, True, 'x'), fails(lock.acquire, False, 1), fails(lock.acquire, True, -2))
    print(lock.acquire(True, None), lock.release(), lock.acquire(False), lock.release(), lock.acquire(1, 1), lock.release(), fails(lock.release))
    print(fails(lock._getvalue), repr(lock)[:1], str(lock)[:1], ask(lock, 'acquire', (1, 2, 3)), ask(lock, 'acquire', (), {'other': 1}))
s = manager.Semaphore(1)
print(fails(s.acquire, False, 1), s.acquire(), ask(s, 'acquire', (True, 'x')))
for wait in (False, 0, 0.0, None, '', [], (), {}, set(), b''): print(s.acquire(wait), end=' ')
for wait in (1, 0.5, 'x', [0], (0,), {'a': 1}, {1}, b'x'): print(s.acquire(wait, 0), end=' ')
# More than one at once there are since 3.9.
if sys.version_info >= (3, 9):
    print(ask(s, 'release', (), {'n': 2}), s.acquire(), s.acquire(), ask(s, 'release', (0,)), ask(s, 'release', ('x',)), s.acquire(False))
b = manager.BoundedSemaphore(1); print(fails(b.release), b.acquire(), b.release(), fails(b.release), fails(b._getvalue), str(b)[:1])
c = manager.Condition(); print(fails(c.wait, 0), fails(c.notify), fails(c.notify_all), c.acquire(), fails(c.wait, 'x'))
e = manager.Event(); print(e.is_set(), e.wait(0), fails(e.wait, 'x'), e.set(), e.wait(), e.clear(), e.is_set(), fails(e._getvalue), str(e)[:1])
b = manager.Barrier(1); print(b.parties, b.n_waiting, b.broken, b.wait(), b.abort(), b.broken, fails(b.wait), b.reset(), fails(b._getvalue), str(b)[:1])
print(ask(b, '__getattribute__', ('none',)), ask(b, '__getattribute__', ('broken',)))
`,
  [SyncManager, Synchronizers],
);

sameTest(
  "queues are told how to wait",
  `
q = manager.Queue(1)
for wait in (False, 0, 0.0, None, '', [], (), {}, set(), b''): print(fails(q.get, wait), end=' ')
for wait in (1, 0.5, 'x', [0], (0,), {'a': 1}, {1}, b'x'): print(fails(q.get, wait, 0), end=' ')
print(fails(q.get, True, 'x'), fails(q.get, True, -1), fails(q.get, True, [1]), q.put(1), fails(q.put, 2, True, 'x'), fails(q.put, 2, True, -1))
print(q.get(True, True), fails(q.task_done), fails(q.task_done), fails(q._getvalue), str(q)[:1], ask(q, 'put'), ask(q, 'put', (1,), {'item': 2}), q.qsize())
`,
);

leakTest(
  "A program in Python: a condition is acquired again by its holder when it is made with an RLock",
  async () => {
    const script = `
for condition in (manager.Condition(manager.RLock()), manager.Condition()):
    print(condition.acquire(), condition.acquire(False), condition.release())
`;
    await using server = new SyncManager({ address: "127.0.0.1:0", authkey: KEY }).getServer();
    assertEquals(await linesOf(script, server.address.port), ["True True None", "True False None"]);
  },
  { ignore: noPython },
);

Deno.test("PyFloat is a number in arithmetic and comparisons", () => {
  const half = new PyFloat(0.5);
  assertEquals([Number(half) + 1, half > new PyFloat(0)], [1.5, true]);
});
