import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { decode, encode } from "../../ipc/_encoding.ts";
import { SharedMemory, SharedMemoryError } from "../../ipc/mod.ts";
import { Pool, Process } from "../../process/mod.ts";
import { startProgram } from "../support/child_program.ts";
import { leakTest } from "../support/leaks.ts";
import { utf8 } from "./_bytes.ts";
import { addAtomically, makeMemory, writeInto } from "./shared_memory_targets.ts";

const MODULE = new URL("shared_memory_targets.ts", import.meta.url);
const MODULE_OF_MEMORY = new URL("../../ipc/shared_memory.ts", import.meta.url);
const FFI = { ffi: true } as const;
const IS_LINUX = Deno.build.os === "linux";

/** A test that needs shared memory. */
function memoryTest(name: string, fn: () => void | Promise<void>): void {
  leakTest(name, fn, { ignore: Deno.build.os === "windows" });
}

/** A test that looks into what only Linux shows. */
function linuxTest(name: string, fn: () => void | Promise<void>): void {
  leakTest(name, fn, { ignore: !IS_LINUX });
}

/** A segment that is closed and unlinked at the end, if it is not by then. */
function open(size: number, name?: string): { memory: SharedMemory } & Disposable {
  const memory = SharedMemory.create(size, { name });
  return {
    memory,
    [Symbol.dispose]() {
      memory.close();
      unlinkIfThere(memory);
    },
  };
}

function unlinkIfThere(memory: SharedMemory): void {
  try {
    memory.unlink();
  } catch (error) {
    assertInstanceOf(error, Deno.errors.NotFound);
  }
}

/** The segment as it arrives in another process. */
function cross(memory: SharedMemory): SharedMemory {
  const { encoding, payload } = encode([memory]);
  const bytes = typeof payload === "string" ? utf8(payload) : payload.slice();
  return (decode(encoding, bytes as Uint8Array<ArrayBuffer>) as [SharedMemory])[0];
}

function text(bytes: Uint8Array, length: number): string {
  return new TextDecoder().decode(bytes.slice(0, length));
}

function ownName(word: string): string {
  return `test_${word}_${Deno.pid}`;
}

// A segment and its name

memoryTest(
  "SharedMemory.create() makes what SharedMemory.attach() opens [cpython: _TestSharedMemory.test_shared_memory_basics]",
  () => {
    const name = ownName("basics");
    using opened = open(512, name);
    const { memory } = opened;
    assertEquals(memory.name, name);
    assert(memory.size >= 512);
    assertEquals(memory.buf.length, memory.size);
    assertEquals(String(memory), `SharedMemory("${name}", size=${memory.size})`);
    assert(memory.buf.every((byte) => byte === 0));
    memory.buf[0] = 42;
    using other = SharedMemory.attach(name);
    assertEquals([other.name, other.size, other.buf[0]], [name, memory.size, 42]);
    other.buf[511] = 43;
    assertEquals(memory.buf[511], 43);
    assertStrictEquals(memory.buf, memory.buf);
    assertThrows(
      () => SharedMemory.create(512, { name }),
      Deno.errors.AlreadyExists,
      `Cannot create shared memory "${name}": there is a segment of this name`,
    );
    // The one that was there is not touched.
    assertEquals(SharedMemory.attach(name)[Symbol.dispose](), undefined);
    assertEquals(memory.buf[0], 42);
  },
);

memoryTest("SharedMemory.attach() fails where there is no segment", () => {
  const name = ownName("missing");
  assertThrows(
    () => SharedMemory.attach(name),
    Deno.errors.NotFound,
    `Cannot attach to shared memory "${name}": there is no segment of this name`,
  );
});

memoryTest(
  "SharedMemory.unlink() removes the name once, and those who are attached go on [cpython: _TestSharedMemory.test_shared_memory_basics]",
  () => {
    using opened = open(5000);
    const { memory } = opened;
    {
      using other = SharedMemory.attach(memory.name);
      other.unlink();
      assertThrows(() => SharedMemory.attach(memory.name), Deno.errors.NotFound);
      memory.buf[4999] = 9;
      assertEquals(other.buf[4999], 9);
    }
    memory.close();
    assertThrows(() => memory.unlink(), Deno.errors.NotFound, "Cannot unlink shared memory");
  },
);

memoryTest("SharedMemory.unlink() may come after close()", () => {
  using opened = open(1);
  const { memory } = opened;
  memory.close();
  SharedMemory.attach(memory.name).close();
  memory.unlink();
  assertThrows(() => SharedMemory.attach(memory.name), Deno.errors.NotFound);
});

memoryTest(
  "SharedMemory.create() takes another name when the made one is taken [cpython: _TestSharedMemory.test_shared_memory_recreate, _TestSharedMemory.test_shared_memory_basics]",
  () => {
    const original = crypto.getRandomValues;
    const chances = [1, 1, 1, 2];
    let asked = 0;
    try {
      crypto.getRandomValues = ((array: Uint8Array) => array.fill(chances[asked++]!)) as never;
      using one = open(1);
      using other = open(1);
      assertEquals(asked, 4);
      assertMatch(one.memory.name, /^psm_.*(01){8}$/);
      assertMatch(other.memory.name, /^psm_.*(02){8}$/);
      assertEquals(SharedMemory.attach(other.memory.name)[Symbol.dispose](), undefined);
    } finally {
      crypto.getRandomValues = original;
    }
  },
);

memoryTest(
  "SharedMemory.create() refuses sizes that are none [cpython: _TestSharedMemory.test_invalid_shared_memory_creation, _TestSharedMemory.test_shared_memory_basics]",
  () => {
    for (const size of [-2, -1, 0, -0, 0.5, NaN, Infinity, -Infinity, 2 ** 53]) {
      const name = ownName("size");
      const told = `"size" must be a whole number of 1 or more, got ${size}`;
      assertThrows(() => SharedMemory.create(size, { name }), RangeError, told);
      assertThrows(() => SharedMemory.attach(name), Deno.errors.NotFound);
    }
    for (const size of [undefined, null, "8", 8n]) {
      const told = `"size" must be a number, got ${typeof size}`;
      assertThrows(() => SharedMemory.create(size as never), TypeError, told);
    }
  },
);

memoryTest(
  "SharedMemory refuses names that are none [cpython: _TestSharedMemory.test_shared_memory_name_with_embedded_null]",
  () => {
    const most = IS_LINUX ? 254 : 30;
    const names: [name: string, told: string][] = [
      ["", 'it is ""'],
      [".", 'it is "."'],
      ["..", 'it is ".."'],
      ["a\0b", "it holds a zero character"],
      ["/a", "it holds a slash"],
      ["a/b", "it holds a slash"],
      ["a\ud800", "it holds half of a character"],
      ["é".repeat(most / 2) + "a", `it takes ${most + 1} bytes, and ${most} is the most`],
    ];
    for (const [name, told] of names) {
      assertThrows(() => SharedMemory.create(1, { name }), RangeError, told);
      assertThrows(() => SharedMemory.attach(name), RangeError, told);
    }
    for (const name of [1, null, {}]) {
      const told = '"name" must be a string';
      assertThrows(() => SharedMemory.create(1, { name: name as never }), TypeError, told);
      assertThrows(() => SharedMemory.attach(name as never), TypeError, told);
    }
  },
);

memoryTest("SharedMemory.create() takes the longest name", () => {
  const name = ownName("long").padEnd(IS_LINUX ? 254 : 30, "é").slice(0, 60);
  const longest = name + "a".repeat((IS_LINUX ? 254 : 30) - utf8(name).length);
  using opened = open(1, longest);
  SharedMemory.attach(opened.memory.name).close();
});

memoryTest("new SharedMemory() says what to call", () => {
  assertThrows(() => new SharedMemory(), TypeError, "use SharedMemory.create()");
  // A failed call leaves nothing that the next one would take.
  assertThrows(() => SharedMemory.attach(ownName("missing")), Deno.errors.NotFound);
  assertThrows(() => new SharedMemory(), TypeError);
  using _opened = open(1);
  assertThrows(() => new SharedMemory(), TypeError);
});

// The end of its use

memoryTest("SharedMemory.close() takes the memory away from all views", () => {
  using opened = open(4096);
  const { memory } = opened;
  const { buf } = memory;
  const words = new Int32Array(buf.buffer);
  const view = new DataView(buf.buffer);
  const [buffer] = [buf.buffer];
  words[3] = 5;
  memory.close();
  memory.close();
  assertEquals([buf.length, words.length, buffer.byteLength, buffer.detached], [0, 0, 0, true]);
  words[3] = 6;
  assertEquals(words[3], undefined);
  assertThrows(() => view.getInt8(0), TypeError);
  assertThrows(() => Atomics.add(words, 0, 1), TypeError);
  assertThrows(
    () => memory.buf,
    Deno.errors.BadResource,
    `Cannot use shared memory "${memory.name}": it was closed here`,
  );
  assertEquals([memory.size >= 4096, memory.name.length > 0], [true, true]);
  using again = SharedMemory.attach(memory.name);
  assertEquals(new Int32Array(again.buf.buffer)[3], 5);
});

memoryTest("SharedMemory.close() does no harm to a read that is under way", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  using reader = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  using writer = await accepted;
  using opened = open(1 << 20);
  const { memory } = opened;
  // The runtime reads into the memory that the buffer had when the read began.
  const read = reader.read(memory.buf);
  memory.close();
  // What comes next must not get it.
  using next = open(1 << 20);
  await writer.write(new Uint8Array(5000).fill(1));
  const count = await read;
  assert(count !== null && count > 0);
  assert(next.memory.buf.every((byte) => byte === 0));
  using again = SharedMemory.attach(memory.name);
  assert(again.buf.every((byte) => byte === 0));
});

memoryTest("SharedMemory.close() leaves a buffer that was transferred", () => {
  using opened = open(4096);
  const { memory } = opened;
  memory.buf[7] = 77;
  const moved = new Uint8Array(structuredClone(memory.buf.buffer, {
    transfer: [memory.buf.buffer],
  }));
  memory.close();
  moved[8] = 88;
  assertEquals([moved.length, moved[7], moved[8]], [memory.size, 77, 88]);
  using again = SharedMemory.attach(memory.name);
  assertEquals(again.buf[8], 88);
});

/** How much of the addresses is in use, in KiB. */
function addressesInUse(): number {
  return Number(/^VmSize:\s+(\d+) kB/m.exec(Deno.readTextFileSync("/proc/self/status"))![1]);
}

linuxTest("SharedMemory.close() gives addresses back after many more", () => {
  using opened = open(1 << 20);
  const { name } = opened.memory;
  const attachMany = (times: number) => {
    for (let i = 0; i < times; i++) SharedMemory.attach(name).close();
  };
  attachMany(1_000);
  const before = addressesInUse();
  attachMany(2_000);
  // 2 GiB if they were kept.
  const growth = addressesInUse() - before;
  assert(growth < 200 << 10, `${growth} KiB`);
});

linuxTest("SharedMemory.close() gives large ranges of addresses back sooner", () => {
  const name = ownName("large");
  const path = `/dev/shm/${name}`;
  // Only a size, and no memory.
  Deno.createSync(path).close();
  try {
    Deno.truncateSync(path, 40 * 2 ** 30);
    const before = addressesInUse();
    for (let i = 0; i < 4; i++) {
      using large = SharedMemory.attach(name);
      assertEquals(large.size, 40 * 2 ** 30);
      assertEquals(large.buf.at(-1), 0);
    }
    const growth = addressesInUse() - before;
    assert(growth < 80 * 2 ** 20, `${growth} KiB`);
    // The others stay as long as ever.
    using opened = open(1 << 20);
    const then = addressesInUse();
    for (let i = 0; i < 100; i++) SharedMemory.attach(opened.memory.name).close();
    assert(addressesInUse() - then > 90 << 10, `${addressesInUse() - then} KiB`);
  } finally {
    Deno.removeSync(path);
  }
});

memoryTest("SharedMemory.close() closes no file of others when it is called again", () => {
  using opened = open(1);
  opened.memory.close();
  // It gets the number of the file that was closed.
  using file = Deno.openSync(MODULE);
  opened.memory.close();
  assert(file.statSync().isFile);
});

linuxTest("SharedMemory leaves no file open, and no memory mapped", () => {
  const maps = () => Deno.readTextFileSync("/proc/self/maps").split("/dev/shm/").length;
  const files = () => [...Deno.readDirSync("/proc/self/fd")].length;
  SharedMemory.create(1, { name: ownName("warm") }).unlink();
  const before = [files(), maps()];
  for (let i = 0; i < 50; i++) {
    for (const name of [undefined, ownName("left")]) {
      using opened = open(100, name);
      using _other = SharedMemory.attach(opened.memory.name);
      assertThrows(() => SharedMemory.create(1, { name: opened.memory.name }));
      assertThrows(() => SharedMemory.attach(ownName("missing")));
      assertThrows(() => SharedMemory.create(2 ** 50), SharedMemoryError);
    }
  }
  assertEquals([files(), maps()], before);
});

// No room

linuxTest("SharedMemory.create() fails when there is no room, and leaves no name", () => {
  const name = ownName("huge");
  for (const size of [2 ** 50, Number.MAX_SAFE_INTEGER]) {
    const error = assertThrows(() => SharedMemory.create(size, { name }), SharedMemoryError);
    assertEquals(error.code, "ENOSPC");
    assertStringIncludes(
      error.message,
      `of ${size} bytes: there is not so much shared memory left`,
    );
    assertThrows(() => SharedMemory.attach(name), Deno.errors.NotFound);
  }
});

linuxTest("SharedMemory.create() sets the memory aside", () => {
  using opened = open(1 << 20);
  const { blocks } = Deno.statSync(`/dev/shm/${opened.memory.name}`);
  assertEquals(blocks! * 512, 1 << 20);
});

linuxTest("SharedMemory.create() lets nobody else in", () => {
  using opened = open(1);
  const { mode } = Deno.statSync(`/dev/shm/${opened.memory.name}`);
  assertEquals(mode! & 0o777, 0o600);
});

linuxTest("SharedMemory.attach() says when a segment is another user's", async () => {
  using opened = open(8);
  const { name } = opened.memory;
  if (Deno.uid() !== 0) {
    // Nobody else can be had: one's own segment that one may not open.
    Deno.chmodSync(`/dev/shm/${name}`, 0);
    return void assertThrows(() => SharedMemory.attach(name), Deno.errors.PermissionDenied);
  }
  const code = `
    const { SharedMemory } = await import(Deno.args[0]);
    try {
      SharedMemory.attach(Deno.args[1]);
    } catch (error) {
      console.log(error.name + ": " + error.message);
    }`;
  const folder = await Deno.makeTempDir();
  try {
    await Deno.chmod(folder, 0o777);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-config", "--no-check", code, String(MODULE_OF_MEMORY), name],
      env: { DENO_DIR: folder },
      cwd: folder,
      uid: 65_534,
      gid: 65_534,
    }).output();
    assertEquals(
      new TextDecoder().decode(stdout).trim(),
      `PermissionDenied: Cannot attach to shared memory "${name}": it belongs to another user`,
      new TextDecoder().decode(stderr),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

// Other processes

memoryTest(
  "SharedMemory crosses as a name [cpython: _TestSharedMemory.test_shared_memory_pickle_unpickle]",
  () => {
    using opened = open(512);
    const { memory } = opened;
    memory.buf.set(utf8("pickle"));
    using crossed = cross(memory);
    assertInstanceOf(crossed, SharedMemory);
    assert(crossed.buf.buffer !== memory.buf.buffer);
    assertEquals([crossed.name, text(crossed.buf, 6)], [memory.name, "pickle"]);
    memory.buf.set(utf8("newval"));
    assertEquals(text(crossed.buf, 6), "newval");
    crossed.buf.set(utf8("oldval"));
    assertEquals(text(memory.buf, 6), "oldval");
  },
);

memoryTest(
  "SharedMemory that was unlinked arrives nowhere [cpython: _TestSharedMemory.test_shared_memory_pickle_unpickle_dead_object]",
  () => {
    using opened = open(512);
    opened.memory.unlink();
    assertThrows(() => cross(opened.memory), Deno.errors.NotFound);
    opened.memory.close();
    assertThrows(
      () => cross(opened.memory),
      Deno.errors.BadResource,
      `Cannot pass on shared memory "${opened.memory.name}": it was closed here`,
    );
  },
);

memoryTest(
  "SharedMemory is the same in a child, by name and as an argument [cpython: _TestSharedMemory.test_shared_memory_across_processes]",
  async () => {
    using opened = open(512);
    const { memory } = opened;
    for (const [given, word] of [[memory.name, "howdy"], [memory, "HELLO"]] as const) {
      await using child = new Process({
        module: MODULE,
        target: writeInto,
        args: [given, word],
        permissions: FFI,
      });
      await child.start();
      assertEquals(await child.result(), memory.size);
      assertEquals(text(memory.buf, 5), word);
    }
  },
);

memoryTest("SharedMemory is passed to a pool's tasks, and comes back from them", async () => {
  await using pool = new Pool(1, { module: MODULE, permissions: FFI });
  using opened = open(64);
  assertEquals(await pool.apply(writeInto, [opened.memory, "task"]), opened.memory.size);
  assertEquals(text(opened.memory.buf, 4), "task");
  using made = await pool.apply(makeMemory, ["from there"]);
  made.unlink();
  assertInstanceOf(made, SharedMemory);
  assertEquals(text(made.buf, 10), "from there");
});

memoryTest("SharedMemory tells a child without --allow-ffi what it lacks", async () => {
  using opened = open(64);
  for (const given of [opened.memory, opened.memory.name]) {
    await using child = new Process({
      module: MODULE,
      target: writeInto,
      args: [given, "no"],
      stderr: "null",
    });
    await child.start();
    const error = await assertRejects(() => child.result());
    assertStringIncludes(String(error), "grant --allow-ffi");
    assertStringIncludes(String(error), "permissions: { ffi: true }");
  }
  assertEquals(opened.memory.buf[0], 0);
});

memoryTest("SharedMemory needs --allow-ffi and nothing else", async () => {
  const code = `
    import { SharedMemory } from ${JSON.stringify(new URL("../../ipc/mod.ts", import.meta.url))};
    try {
      using memory = SharedMemory.create(8);
      memory.unlink();
      console.log("READY", "done");
    } catch (error) {
      console.log("READY", error.name + ": " + error.message);
    }`;
  const TOLD =
    /^NotCapable: Cannot use shared memory: .* grant --allow-ffi, without a list of paths/;
  await using without = await startProgram({ code });
  assertMatch(without.ready, TOLD);
  await using within = await startProgram({ code }, { flags: ["--allow-ffi"] });
  assertEquals(within.ready, "done");
  await using list = await startProgram({ code }, { flags: ["--allow-ffi=libc.so.6"] });
  assertMatch(list.ready, TOLD);
});

memoryTest("Atomics on shared memory are atomic between processes", async () => {
  const [processes, times] = [2, 300_000];
  using opened = open(64);
  await using pool = new Pool(processes, { module: MODULE, permissions: FFI });
  const calls = Array.from(
    { length: processes },
    () => pool.apply(addAtomically, [opened.memory, times, processes]),
  );
  assertEquals(await Promise.all(calls), [times, times]);
  const words = new Int32Array(opened.memory.buf.buffer, 0, 4);
  const long = new BigInt64Array(opened.memory.buf.buffer, 16, 1);
  const sum = processes * times;
  assertEquals([words[0], words[1], words[2], long[0]], [processes, sum, sum, BigInt(sum)]);
});
