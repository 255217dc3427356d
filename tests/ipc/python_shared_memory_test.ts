import { assert, assertEquals, assertThrows } from "@std/assert";
import { type ShareableItem, ShareableList, SharedMemory } from "../../ipc/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { pythonAvailable, runPython, startPython } from "../support/python.ts";

const SEED = 20_261_121;
const RANDOM_LISTS = 60;

const hasPython = Deno.build.os !== "windows" && await pythonAvailable();

/** Python 3.8 lays lists out in another way. */
const hasLists = hasPython &&
  (await runPython("import sys; print(sys.version_info >= (3, 9))")).stdout.trim() === "True";

/** A test that needs shared memory and a real Python. */
function pythonTest(name: string, fn: () => Promise<void>): void {
  leakTest(name, fn, { ignore: !hasPython });
}

/** A test that needs a Python whose lists are laid out as they are today. */
function pythonListTest(name: string, fn: () => Promise<void>): void {
  leakTest(name, fn, { ignore: !hasLists });
}

/**
 * What the programs begin with. Before 3.13, Python removes at its end what it has only attached to, unless
 * it is told that this is not its own.
 */
const BEGIN = `
import json, sys
from multiprocessing import resource_tracker, shared_memory

def attach(name):
    memory = shared_memory.SharedMemory(name)
    resource_tracker.unregister(memory._name, "shared_memory")
    return memory

def attach_list(name):
    items = shared_memory.ShareableList(name=name)
    resource_tracker.unregister(items.shm._name, "shared_memory")
    return items
`;

async function python(code: string, ...args: string[]): Promise<string> {
  const { code: exitCode, stdout, stderr } = await runPython(BEGIN + code, { args });
  assertEquals([exitCode, stderr], [0, ""]);
  return stdout.trim();
}

// Segments

pythonTest("SharedMemory of ours is opened by Python", async () => {
  using memory = SharedMemory.create(1000);
  try {
    memory.buf.set([1, 2, 3]);
    const printed = await python(
      `
memory = attach(sys.argv[1])
print(memory.name == sys.argv[1], memory.size, list(memory.buf[:3]))
memory.buf[997:1000] = b"\\x07\\x08\\x09"
memory.close()`,
      memory.name,
    );
    assertEquals(printed, `True ${memory.size} [1, 2, 3]`);
    assertEquals([...memory.buf.subarray(997, 1000)], [7, 8, 9]);
    // It is still there.
    SharedMemory.attach(memory.name).close();
  } finally {
    memory.unlink();
  }
});

pythonTest("SharedMemory of Python is opened by us, and unlinked by either", async () => {
  await using program = await startPython(
    `${BEGIN}
memory = shared_memory.SharedMemory(create=True, size=1000)
named = shared_memory.SharedMemory("test_python_" + sys.argv[1], create=True, size=16)
memory.buf[:5] = b"howdy"
print("READY", memory.name, named.name, flush=True)
sys.stdin.readline()
print(bytes(memory.buf[:5]).decode(), flush=True)
memory.close()
resource_tracker.unregister(memory._name, "shared_memory")
named.close()
named.unlink()
sys.stdin.readline()`,
    { args: [String(Deno.pid)] },
  );
  const [name = "", named = ""] = program.ready.split(" ");
  {
    using memory = SharedMemory.attach(name);
    using other = SharedMemory.attach(named);
    assertEquals(new TextDecoder().decode(memory.buf.slice(0, 5)), "howdy");
    assert(memory.size >= 1000);
    memory.buf.set(new TextEncoder().encode("HELLO"));
    memory.unlink();
    await program.send("read");
    assertEquals(await program.nextLine(), "HELLO");
    other.buf[0] = 1;
  }
  await program.send("end");
  await program.closeInput();
  assertEquals((await program.status).code, 0);
  assertEquals(program.stderr, "");
  for (const gone of [name, named]) {
    assertThrows(() => SharedMemory.attach(gone), Deno.errors.NotFound);
  }
});

pythonTest("SharedMemory: a number that Python and we both see changes at once", async () => {
  using memory = SharedMemory.create(64);
  await using program = await startPython(
    `${BEGIN}
memory = attach(sys.argv[1])
words = memory.buf.cast("q")
print("READY", flush=True)
for turn in range(1, 51):
    while words[0] != 2 * turn - 1:
        pass
    words[1] += turn
    words[0] = 2 * turn
words.release()
memory.close()`,
    { args: [memory.name] },
  );
  memory.unlink();
  const words = new BigInt64Array(memory.buf.buffer, 0, 2);
  const end = performance.now() + 20_000;
  for (let turn = 1n; turn <= 50n; turn++) {
    Atomics.store(words, 0, 2n * turn - 1n);
    while (Atomics.load(words, 0) !== 2n * turn) assert(performance.now() < end, `turn ${turn}`);
  }
  assertEquals(words[1], 1275n);
  await program.closeInput();
  assertEquals((await program.status).code, 0);
});

// Lists

const VALUES: ShareableItem[] = [
  "howdy",
  new TextEncoder().encode("HoWdY"),
  -273.154,
  100,
  null,
  true,
  false,
  "encodés",
  2n ** 62n,
  "12345678",
];
const PYTHON_VALUES =
  `['howdy', b'HoWdY', -273.154, 100, None, True, False, 'encodés', 2**62, '12345678']`;

pythonListTest("ShareableList of ours is read and written by Python", async () => {
  using list = ShareableList.create(VALUES);
  try {
    const printed = await python(
      `
items = attach_list(sys.argv[1])
assert list(items) == ${PYTHON_VALUES}, list(items)
assert [type(item).__name__ for item in items] == "str bytes float int NoneType bool bool str int str".split()
print(items.format, len(items), items.count(100), items.index(True))
items[0] = "tschüs"
items[1] = b"12345678"
items[2] = 7
items[3] = 7.25
items[4] = "some"
items[5] = None
items[6] = b"x"
items[8] = -2**63
items[9] = "1234567890123456"
try:
    items[0] = "far too long"
except ValueError as error:
    print(error)
items.shm.close()`,
      list.shm.name,
    );
    assertEquals(
      printed,
      "8s8sdqxxxxxx?xxxxxxxx?xxxxxxx?8sq16s 10 1 5\nbytes/str item exceeds available storage",
    );
    assertEquals([...list], [
      "tschüs",
      new TextEncoder().encode("12345678"),
      7,
      7.25,
      "some",
      null,
      new TextEncoder().encode("x"),
      "encodés",
      -(2n ** 63n),
      "1234567890123456",
    ]);
  } finally {
    list.shm.unlink();
  }
});

pythonListTest("ShareableList of Python is read and written by us", async () => {
  await using program = await startPython(`${BEGIN}
items = shared_memory.ShareableList(${PYTHON_VALUES})
print("READY", items.shm.name, flush=True)
sys.stdin.readline()
print(list(items), items.format, flush=True)
items.shm.close()
items.shm.unlink()`);
  {
    using list = ShareableList.attach(program.ready);
    assertEquals([...list], VALUES);
    list.set(0, "tschüs");
    list.set(1, "as text");
    list.set(2, 7);
    list.set(3, 7.25);
    list.set(4, new TextEncoder().encode("some"));
    list.set(5, null);
    list.set(6, "b");
    list.set(7, true);
    list.set(8, -(2n ** 63n));
    list.set(9, "1234567890123456");
    assertEquals(list.format, "8s8sqd8sxxxxxx?x8sxxxxxxx?q16s");
  }
  await program.send("print");
  assertEquals(
    await program.nextLine(),
    "['tschüs', 'as text', 7, 7.25, b'some', None, 'b', True, -9223372036854775808, " +
      "'1234567890123456'] 8s8sqd8sxxxxxx?x8sxxxxxxx?q16s",
  );
  await program.closeInput();
  assertEquals((await program.status).code, 0);
  assertEquals(program.stderr, "");
});

/** Numbers from 0 to below 1 that are the same in every run. */
function* randomNumbers(seed: number): Generator<number, never> {
  for (let state = seed;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

/** A value, and how Python writes it. */
type Pair = readonly [value: ShareableItem, python: string];

function randomPair(random: () => number): Pair {
  const upTo = (most: number) => Math.floor(random() * (most + 1));
  const size = upTo(30);
  switch (upTo(6)) {
    case 0:
      return [null, "None"];
    case 1:
      return random() < 0.5 ? [true, "True"] : [false, "False"];
    case 2: {
      const int = (BigInt(upTo(2 ** 32)) << BigInt(upTo(30))) * (random() < 0.5 ? 1n : -1n);
      return [int, String(int)];
    }
    case 3: {
      const float = (random() - 0.5) * 10 ** upTo(20) + 1e-9;
      return Number.isInteger(float) ? [0.5, "0.5"] : [float, String(float)];
    }
    case 4: {
      const bytes = Uint8Array.from({ length: size }, () => 1 + upTo(254));
      return [bytes, `bytes([${bytes.join(",")}])`];
    }
    case 5: {
      const text = Array.from({ length: size }, () => String.fromCharCode(32 + upTo(94))).join("");
      return [text, JSON.stringify(text)];
    }
    default: {
      // As many bytes as Python makes room for, at most: it would cut more.
      const wide = upTo(4);
      const text = "é".repeat(wide) + "a".repeat(upTo(8 - 2 * wide));
      return [text, JSON.stringify(text)];
    }
  }
}

pythonListTest("ShareableList is byte for byte what Python makes of the same values", async () => {
  const numbers = randomNumbers(SEED);
  const random = () => numbers.next().value;
  const lists = Array.from(
    { length: RANDOM_LISTS },
    (_, i) => Array.from({ length: i % 12 }, () => randomPair(random)),
  );
  const printed = await python(`
for items in [${lists.map((list) => `[${list.map(([, python]) => python)}]`)}]:
    made = shared_memory.ShareableList(items)
    print(bytes(made.shm.buf).hex())
    made.shm.close()
    made.shm.unlink()`);
  const hexes = printed.split("\n");
  assertEquals(hexes.length, RANDOM_LISTS);
  for (const [i, list] of lists.entries()) {
    using made = ShareableList.create(list.map(([value]) => value));
    made.shm.unlink();
    const hex = made.shm.buf.toHex();
    // Whole pages on macOS, the same on both sides.
    assertEquals(hex, hexes[i], JSON.stringify(list.map(([, python]) => python)));
  }
});
