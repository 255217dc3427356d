import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { InvalidStateError } from "../../coroutine/mod.ts";
import { BaseManager, type Server } from "../../distributed/mod.ts";
import {
  Barrier,
  BoundedSemaphore,
  Condition,
  Event,
  JoinableQueue,
  LifoQueue,
  Lock,
  Namespace,
  PriorityQueue,
  Queue,
  RLock,
  Semaphore,
  SharedArray,
  SharedDict,
  SharedList,
  Value,
} from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { pythonAvailable, runPython, startPython } from "../support/python.ts";
import { putInner } from "../ipc/shared_data_targets.ts";

/** What Python clients see of dictionaries, lists, locks and the like that processes share here. */

const ignore = !await pythonAvailable();
if (ignore) console.warn("python_shared_test: there is no python3, so it is not tested");

const KEY = "a key";

/** Objects under the names of Python's `SyncManager`, each made anew unless the test has one for it. */
function startServer(objects: Record<string, object> = {}): Server {
  const makers: Record<string, (...args: never[]) => object> = {
    dict: (entries?: Map<string, unknown>) => new SharedDict(entries),
    list: (items?: unknown[]) => new SharedList(items),
    Namespace: (values?: object) => new Namespace(values),
    Value: (code: string, value: number) => new Value(code === "d" ? "float64" : "int32", value),
    Array: (_code: string, values: number[]) => new SharedArray("int32", values),
    Lock: () => new Lock(),
    RLock: () => new RLock(),
    Semaphore: (n = 1) => new Semaphore(n),
    BoundedSemaphore: (n = 1) => new BoundedSemaphore(n),
    Condition: (lock?: RLock) => new Condition(lock),
    Event: () => new Event(),
    Barrier: (parties: number) => new Barrier(parties),
    Queue: (size = 0) => new Queue(size),
    JoinableQueue: (size = 0) => new JoinableQueue(size),
    LifoQueue: () => new LifoQueue(),
    PriorityQueue: () => new PriorityQueue(),
  };
  class Manager extends BaseManager {}
  for (const [typeid, callable] of Object.entries(makers)) {
    const object = objects[typeid];
    Manager.register(typeid, { callable: object === undefined ? callable : () => object });
  }
  return new Manager({ address: "127.0.0.1:0", authkey: KEY }).getServer();
}

/** A client of a manager at the port that it is told, or of one of Python's own when there is none. */
const CLIENT = `
import sys, threading, time, queue
from multiprocessing import current_process, get_context
from multiprocessing.managers import SyncManager, BaseManager, AutoProxy, RemoteError
# A proxy inside of other data is made with the key of the process.
current_process().authkey = b'${KEY}'
class Manager(SyncManager): pass
for name in ('LifoQueue', 'PriorityQueue'): Manager.register(name, getattr(queue, name))
if len(sys.argv) > 1:
    manager = Manager(address=('127.0.0.1', int(sys.argv[1])), authkey=b'${KEY}')
    manager.connect()
else:
    manager = Manager(ctx=get_context('fork'))
    manager.start()
def fails(function, *args):
    try: return function(*args)
    except Exception as error: return type(error).__name__
`;

/** Runs a script with our manager and with Python's own: both write the same. */
function sameTest(name: string, script: string, expected: string[]): void {
  leakTest(name, async () => {
    const server = startServer();
    try {
      const [ours, theirs] = await Promise.all([
        runPython(CLIENT + script, { args: [String(server.address.port)] }),
        runPython(CLIENT + script),
      ]);
      assertEquals([ours.stderr, theirs.stderr], ["", ""]);
      assertEquals(ours.stdout, theirs.stdout);
      assertEquals(ours.stdout.trimEnd().split("\n"), expected);
    } finally {
      await server[Symbol.asyncDispose]();
    }
  }, { ignore });
}

sameTest(
  "SharedDict is a dict in Python",
  `
d = manager.dict({'a': 1})
d['b'] = [1, (2, 3)]; d[1] = 'one'; d[0.25] = 'quarter'; d[None] = True; d[(1, 2)] = 'pair'
print(d, len(d), 'a' in d, 'z' in d, d['b'], d[1.0], d[(1, 2)])
print(d.keys(), d.values(), sorted(d.items(), key=str))
print(d.get('z'), d.get('z', 5), d.pop('a'), d.pop('a', 'none'), fails(d.pop, 'a'), d.popitem())
d.update({'x': 1}, y=2); d.setdefault('x', 9); print(d.copy(), [key for key in d])
del d['x']; print(fails(d.__getitem__, 'x'), fails(d.__delitem__, 'x'), type(d).__name__)
iterator = iter(d); next(iterator); d['new'] = 1; print(fails(next, iterator))
d.clear(); print(d, d._getvalue())
`,
  [
    "{'a': 1, 'b': [1, (2, 3)], 1: 'one', 0.25: 'quarter', None: True, (1, 2): 'pair'} 6 True False [1, (2, 3)] one pair",
    "['a', 'b', 1, 0.25, None, (1, 2)] [1, [1, (2, 3)], 'one', 'quarter', True, 'pair'] [('a', 1), ('b', [1, (2, 3)]), ((1, 2), 'pair'), (0.25, 'quarter'), (1, 'one'), (None, True)]",
    "None 5 1 none KeyError ((1, 2), 'pair')",
    "{'b': [1, (2, 3)], 1: 'one', 0.25: 'quarter', None: True, 'x': 1, 'y': 2} ['b', 1, 0.25, None, 'x', 'y']",
    "KeyError KeyError DictProxy",
    "RuntimeError",
    "{} {}",
  ],
);

sameTest(
  "SharedList is a list in Python",
  `
l = manager.list(list(range(5)))
l.append('x'); l.extend([1.5, None]); l += ['more']; l.insert(0, (1, 2)); l[-1] = {'a': 1}; l[1:3] = ['s']
print(l, len(l), l[2], l[-1], l[1:3], (1, 2) in l, 7 in l, l.index('x'), l.count(2))
print(l.pop(), l.pop(0), fails(l.pop, 99), fails(l.remove, 99), fails(l.__getitem__, 99))
l.remove('s'); del l[0]; l.reverse(); print(l, [item for item in l], l * 2, l + [1])
n = manager.list([3, 1, 2]); n.sort(); print(n); n.sort(reverse=True); print(n, fails(l.sort), n._getvalue())
`,
  [
    "[(1, 2), 's', 2, 3, 4, 'x', 1.5, None, {'a': 1}] 9 2 {'a': 1} ['s', 2] True False 5 1",
    "{'a': 1} (1, 2) IndexError ValueError IndexError",
    "[None, 1.5, 'x', 4, 3] [None, 1.5, 'x', 4, 3] [None, 1.5, 'x', 4, 3, None, 1.5, 'x', 4, 3] [None, 1.5, 'x', 4, 3, 1]",
    "[1, 2, 3]",
    "[3, 2, 1] TypeError [3, 2, 1]",
  ],
);

sameTest(
  "Namespace has attributes in Python [cpython: TestSyncManagerTypes.test_namespace]",
  `
n = manager.Namespace(x=1)
n.y = [1, 2]; n._z = 12.5
print(n, n.x, n.y, hasattr(n, 'x'), hasattr(n, 'none'), fails(getattr, n, 'none'))
n.x += 1; print(n.x)
del n.y; print(hasattr(n, 'y'), fails(delattr, n, 'y'), n, n._getvalue())
`,
  [
    "Namespace(x=1, y=[1, 2]) 1 [1, 2] True False AttributeError",
    "2",
    "False AttributeError Namespace(x=2) Namespace(x=2)",
  ],
);

sameTest(
  "Value and SharedArray are those of a manager in Python [cpython: TestSyncManagerTypes.test_value, TestSyncManagerTypes.test_array]",
  `
v = manager.Value('i', 5)
v.value += 2; v.set(v.get() * 2); print(v, v.value, v._getvalue())
f = manager.Value('d', 1.0); print(f.value, f); f.value = 2.5; print(f.value)
a = manager.Array('i', [1, 2, 3])
a[0] = 10; a[-1] += 5; print(len(a), a[0], a[-1], a[1:], list(a), a, fails(a.__getitem__, 3))
print(fails(a.__setitem__, 0, 'text'), fails(a.__setitem__, 0, 2**40), fails(a.__setitem__, 5, 1), a._getvalue())
`,
  [
    "Value('i', 14) 14 Value('i', 14)",
    "1.0 Value('d', 1.0)",
    "2.5",
    "3 10 8 array('i', [2, 8]) [10, 2, 8] array('i', [10, 2, 8]) IndexError",
    "TypeError OverflowError IndexError array('i', [10, 2, 8])",
  ],
);

sameTest(
  "Lock, RLock and semaphores are acquired and released in Python [cpython: TestSyncManagerTypes.test_lock, TestSyncManagerTypes.test_rlock, TestSyncManagerTypes.test_semaphore, TestSyncManagerTypes.test_bounded_semaphore]",
  `
def elsewhere(function, *args):
    results = []
    thread = threading.Thread(target=lambda: results.append(fails(function, *args)))
    thread.start(); thread.join()
    return results[0]
lock = manager.Lock()
print(lock.acquire(), lock.acquire(False), lock.acquire(True, 0.01), lock.release(), fails(lock.release))
with lock: print(elsewhere(lock.acquire, False))
rlock = manager.RLock()
print(rlock.acquire(), rlock.acquire(), elsewhere(rlock.acquire, False), elsewhere(rlock.release))
print(rlock.release(), elsewhere(rlock.acquire, False), rlock.release(), fails(rlock.release))
s = manager.Semaphore(2)
print(s.acquire(), s.acquire(), s.acquire(False), s.acquire(True, 0.01), s.release(), s.acquire(), s.release(), s.release(), s.release())
b = manager.BoundedSemaphore(1)
print(b.acquire(), b.acquire(blocking=False), b.release(), fails(b.release), fails(b.acquire, False, 1))
`,
  [
    "True False False None RuntimeError",
    "False",
    "True True False RuntimeError",
    "None False None RuntimeError",
    "True True False False None True None None None",
    "True False None ValueError ValueError",
  ],
);

sameTest(
  "Condition, Event and Barrier work between threads of Python [cpython: TestSyncManagerTypes.test_condition, TestSyncManagerTypes.test_event, TestSyncManagerTypes.test_barrier]",
  `
c = manager.Condition(); state = manager.list()
print(fails(c.wait), fails(c.notify), c.acquire(), c.wait(0.01), c.release())
def consume():
    with c:
        c.wait_for(lambda: len(state) > 0)
        state.append('seen')
        c.notify_all()
thread = threading.Thread(target=consume); thread.start()
with c:
    state.append('put'); c.notify()
    print(c.wait_for(lambda: len(state) == 2, 20), state[:])
thread.join()
e = manager.Event()
print(e.is_set(), e.wait(0.01), e.set(), e.is_set(), e.wait(), e.clear(), e.is_set())
b = manager.Barrier(2); passed = []
thread = threading.Thread(target=lambda: passed.append(b.wait())); thread.start()
passed.append(b.wait(20)); thread.join()
print(sorted(passed), b.parties, b.n_waiting, b.broken, fails(b.wait, 0.01), b.broken, fails(b.wait))
b.reset(); print(b.broken); b.abort(); print(b.broken)
`,
  [
    "RuntimeError RuntimeError True False None",
    "True ['put', 'seen']",
    "False False None True True None False",
    "[0, 1] 2 0 False BrokenBarrierError True BrokenBarrierError",
    "False",
    "True",
  ],
);

sameTest(
  "Queues of every order are queues in Python [cpython: TestSyncManagerTypes.test_queue, TestSyncManagerTypes.test_joinable_queue]",
  `
for make in (manager.Queue, manager.JoinableQueue, manager.LifoQueue, manager.PriorityQueue):
    q = make()
    for item in (2, 3, 1): q.put(item)
    print(q.qsize(), q.empty(), q.full(), [q.get() for _ in range(3)], fails(q.get, False), fails(q.get, True, 0.01))
    for _ in range(3): q.task_done()
    q.join(); print(fails(q.task_done))
q = manager.Queue(1); q.put('only'); print(q.full(), fails(q.put, 2, False), fails(q.put_nowait, 2), q.get_nowait())
`,
  [
    "3 False False [2, 3, 1] Empty Empty",
    "ValueError",
    "3 False False [2, 3, 1] Empty Empty",
    "ValueError",
    "3 False False [1, 3, 2] Empty Empty",
    "ValueError",
    "3 False False [1, 2, 3] Empty Empty",
    "ValueError",
    "True Full Full only",
  ],
);

sameTest(
  "Objects within others stay shared in Python",
  `
outer = manager.dict(); inner = manager.dict({'n': 1}); items = manager.list([inner])
outer['inner'] = inner; outer['items'] = items; outer['queue'] = manager.Queue(); outer['ns'] = manager.Namespace(x=1)
outer['inner']['n'] += 1; outer['items'][0]['n'] += 1; outer['queue'].put('in'); outer['ns'].x = 5
print(inner.copy(), items[0].copy(), outer['queue'].get(), outer['ns'].x, type(outer['inner']).__name__)
del inner, items
print(outer['inner']['n'], outer['items'][0]['n'])
`,
  ["{'n': 3} {'n': 3} in 5 DictProxy", "3 3"],
);

// Processes of both languages

leakTest("Processes here and Python clients see the same dictionary", async () => {
  await using dict = new SharedDict<string, unknown>({ count: 1 });
  await using go = new Event();
  await using server = startServer({ dict, Event: go });
  const args = [String(server.address.port)];
  await using list = new SharedList<unknown>();
  await using python = await startPython(
    CLIENT + `
d = manager.dict()
d['pair'] = (1, [2]); d[(1, 2)] = 'by tuple'
print('READY')
manager.Event().wait(30)
d['count'] += 5; d['added'] = 1
d['list'].append('python'); print(d['list'][:], type(d['list']).__name__, d['late'])
`,
    { args },
  );
  assertEquals(await dict.get("pair"), [1, [2]]);
  assertEquals(
    await dict.entries(),
    [["count", 1], ["pair", [1, [2]]], [[1, 2], "by tuple"]] as never,
  );
  await list.push("native");
  await dict.update({ list, late: { since: "1991" } });
  await dict.update(Array.from({ length: 3_000 }, (_, i): [string, number] => [`${i}`, i]));
  const iterator = dict[Symbol.asyncIterator]();
  await iterator.next();
  await go.set();
  assertEquals(await python.nextLine(), "['native', 'python'] ListProxy {'since': '1991'}");
  assertEquals((await python.status).success, true);
  assertEquals([await dict.get("count"), await list.toArray()], [6, ["native", "python"]]);
  // What Python adds is noticed by those who iterate here.
  await assertRejects(
    async () => {
      for await (const _ of iterator);
    },
    InvalidStateError,
    "keys were added or removed meanwhile",
  );
}, { ignore });

leakTest(
  "A Python client uses an object of another process that it finds in a dictionary",
  async () => {
    await using outer = new SharedDict<string, unknown>();
    await using isThere = new Event();
    await using done = new Queue<string>();
    await using child = new Process({
      module: import.meta.resolve("../ipc/shared_data_targets.ts"),
      target: putInner,
      args: [outer, isThere, done],
      permissions: "inherit",
    });
    await child.start();
    await Promise.race([isThere.wait(), child.result()]);
    await using server = startServer({ dict: outer });
    const { stdout, stderr } = await runPython(
      CLIENT + `
[theirs] = manager.dict()['theirs']
print(theirs.keys(), theirs.has('list'), hasattr(theirs, 'close'))
theirs.get('list').push(7, 8)
print(theirs.get('list').to_array())
`,
      { args: [String(server.address.port)] },
    );
    assertEquals([stdout, stderr], ["['list'] True False\n[1, 7, 8]\n", ""]);
    await done.put("done");
    assertEquals(await child.result(), 8);
    const [theirs] = await outer.get("theirs") as [SharedDict];
    await theirs.close();
  },
  { ignore },
);

leakTest("A Python client learns that a dictionary was closed", async () => {
  const dict = new SharedDict<string, number>({ a: 1 });
  await using go = new Event();
  await using server = startServer({ dict, Event: go });
  await using python = await startPython(
    CLIENT + `
d = manager.dict()
print('READY')
manager.Event().wait(30)
try: d['a']
except Exception as error: print(type(error).__name__, error)
`,
    { args: [String(server.address.port)] },
  );
  await dict.close();
  await go.set();
  assertStringIncludes(
    (await python.nextLine())!,
    "Cannot use the dictionary: its owner has closed it",
  );
  assert((await python.status).success);
}, { ignore });

// A dead Python client

const HOLD = {
  Lock: () => new Lock(),
  RLock: () => new RLock(),
  Semaphore: () => new Semaphore(),
  BoundedSemaphore: () => new BoundedSemaphore(),
};

for (const [typeid, make] of Object.entries(HOLD)) {
  leakTest(
    `ipc.${typeid} is taken back from a Python client that is killed, and tells`,
    async () => {
      await using lock = make();
      await using server = startServer({ [typeid]: lock });
      await using python = await startPython(
        CLIENT + `l = manager.${typeid}(); l.acquire(); print('READY'); time.sleep(60)`,
        { args: [String(server.address.port)] },
      );
      assertEquals(await lock.acquire({ timeoutMs: 0 }), false);
      const waiting = lock.acquire();
      python.kill("SIGKILL");
      assertEquals([await waiting, lock.ownerDied], [true, true]);
      await lock.markConsistent();
      await lock.release();
    },
    { ignore },
  );
}

leakTest(
  "Condition: a Python client that is killed while it waits leaves the lock free",
  async () => {
    await using condition = new Condition();
    await using server = startServer({ Condition: condition });
    await using python = await startPython(
      CLIENT + `c = manager.Condition(); c.acquire(); print('READY'); c.wait()`,
      { args: [String(server.address.port)] },
    );
    // It has the lock until it waits.
    await condition.acquire();
    while ((await condition.statistics()).waiting === 0) await condition.wait({ timeoutMs: 1 });
    python.kill("SIGKILL");
    await python.status;
    while ((await condition.statistics()).waiting > 0) await condition.wait({ timeoutMs: 1 });
    await condition.notify();
    await condition.release();
    assertEquals(await condition.acquire({ timeoutMs: 10_000 }), true);
    await condition.release();
  },
  { ignore },
);

leakTest("Barrier is broken by a Python client that is killed while it waits", async () => {
  await using barrier = new Barrier(2);
  await using server = startServer({ Barrier: barrier });
  await using python = await startPython(
    CLIENT + `
b = manager.Barrier(2)
threading.Thread(target=b.wait, daemon=True).start()
while b.n_waiting == 0: pass
print('READY'); time.sleep(60)
`,
    { args: [String(server.address.port)] },
  );
  python.kill("SIGKILL");
  while (!(await barrier.statistics()).broken) await new Promise((r) => setTimeout(r, 1));
}, { ignore });

leakTest("A Python client holds a lock whichever way it uses it", async () => {
  await using server = startServer();
  const { stdout, stderr } = await runPython(
    CLIENT + `
lock = manager.RLock(); condition = manager.Condition(lock)
lock.acquire(); condition.notify(); print(condition.wait(0.01)); lock.release()
with condition: print(lock.acquire(False), lock.release())
print(fails(lock.release), fails(condition.notify))
`,
    { args: [String(server.address.port)] },
  );
  assertEquals([stdout, stderr], ["False\nTrue None\nRuntimeError RuntimeError\n", ""]);
}, { ignore });
