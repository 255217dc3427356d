import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { Queue, SharedMemory, SharedMemoryError } from "../../ipc/mod.ts";
import { Process, ProcessDiedError } from "../../process/mod.ts";
import { makeAndWait, readLater } from "../ipc/shared_memory_targets.ts";
import { startProgram } from "../support/child_program.ts";
import { leakTest } from "../support/leaks.ts";

const MODULE = new URL("../ipc/shared_memory_targets.ts", import.meta.url);
const MEMORY = new URL("../../ipc/shared_memory.ts", import.meta.url).href;
const FFI = { ffi: true } as const;
const FOLDER = "/dev/shm";

/** A test that looks into what only Linux shows. */
function linuxTest(name: string, fn: () => Promise<void>): void {
  leakTest(name, fn, { ignore: Deno.build.os !== "linux" });
}

/** Starts a child that makes a segment and waits, and kills it once the segment is there. */
async function makeAndKill(
  { name, before = () => {} }: { name?: string; before?: (name: string) => void } = {},
): Promise<string> {
  await using names = new Queue<string>();
  await using child = new Process({
    module: MODULE,
    target: makeAndWait,
    args: [names, name],
    permissions: FFI,
  });
  await child.start();
  const made = await names.get({ timeoutMs: 20_000 });
  before(made);
  Deno.kill(child.pid!, "SIGKILL");
  await assertRejects(() => child.result(), ProcessDiedError);
  return made;
}

/** Makes a name for a segment, which removes what is left over, and says which files are open. */
const SWEEP = `
  const { SharedMemory } = await import(Deno.args[0]);
  using memory = SharedMemory.create(8);
  memory.unlink();
  memory.close();
  const files = Array.from(Deno.readDirSync("/proc/self/fd"), ({ name }) => {
    try {
      return Deno.readLinkSync("/proc/self/fd/" + name);
    } catch {
      return "";
    }
  });
  console.log(files.filter((file) => file.startsWith("/dev/shm/")).join());`;

/** Does so in a new process, of another user if one is told. */
async function sweep(uid?: number): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.chmod(folder, 0o777);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-config", "--no-check", SWEEP, MEMORY],
      ...(uid === undefined ? {} : { uid, gid: uid, cwd: folder, env: { DENO_DIR: folder } }),
    }).output();
    const told = [code, ...[stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim())];
    assertEquals(told, [0, "", ""]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function isThere(name: string): boolean {
  try {
    SharedMemory.attach(name).close();
    return true;
  } catch (error) {
    assertInstanceOf(error, Deno.errors.NotFound);
    return false;
  }
}

// Dead processes

linuxTest(
  "SharedMemory of a killed process is removed by the next one that makes a name [cpython: _TestSharedMemory.test_shared_memory_cleaned_after_process_termination]",
  async () => {
    const name = await makeAndKill();
    assert(isThere(name));
    await sweep();
    assert(!isThere(name));
  },
);

linuxTest("SharedMemory of a killed process serves those who have it open", async () => {
  let memory: SharedMemory | undefined;
  const name = await makeAndKill({
    before: (name) => {
      memory = SharedMemory.attach(name);
    },
  });
  using mine = memory!;
  assert(mine.buf.every((byte) => byte === 7));
  // It is in use here: nobody removes it.
  await sweep();
  assert(isThere(name));
  mine.buf[0] = 8;
  using other = SharedMemory.attach(name);
  assertEquals(other.buf[0], 8);
  mine.close();
  await sweep();
  assert(isThere(name));
  other.close();
  await sweep();
  assert(!isThere(name));
});

linuxTest("SharedMemory that was closed stays as long as its maker lives", async () => {
  using memory = SharedMemory.create(8);
  memory.close();
  await sweep();
  assert(isThere(memory.name));
  memory.unlink();
});

linuxTest(
  "SharedMemory with a name of one's own is never removed, nor are those of others",
  async () => {
    const name = await makeAndKill({ name: `test_own_${Deno.pid}` });
    // A namespace that is not ours, where a dead number may live; and a name that Python made.
    const others = [`psm_ns1_pid${2 ** 30}_0123456789abcdef`, `psm_${Deno.pid}`];
    for (const other of others) await Deno.writeFile(`${FOLDER}/${other}`, new Uint8Array(8));
    try {
      await sweep();
      for (const left of [name, ...others]) assert(isThere(left), left);
    } finally {
      for (const left of [name, ...others]) await Deno.remove(`${FOLDER}/${left}`);
    }
  },
);

linuxTest("SharedMemory of a process that died between name and size is removed, too", async () => {
  const own = SharedMemory.create(1);
  own.close();
  own.unlink();
  // A process that cannot exist in this namespace: numbers end before.
  const name = own.name.replace(`_pid${Deno.pid}_`, `_pid${2 ** 30}_`);
  await Deno.writeFile(`${FOLDER}/${name}`, new Uint8Array());
  const error = assertThrows(() => SharedMemory.attach(name), SharedMemoryError, "it has no size");
  assertEquals(error.code, "EINVAL");
  await sweep();
  assert(!isThere(name));
});

leakTest("SharedMemory of a living process of another user is left alone", async () => {
  using own = SharedMemory.create(8);
  const other = 65_534;
  const [name, dead] = [1, 2 ** 30].map((pid) =>
    own.name.replace(`_pid${Deno.pid}_`, `_pid${pid}_`)
  );
  try {
    // Whether process 1 lives, the other user may ask, and may not be told by a signal.
    for (const made of [name!, dead!]) {
      await Deno.writeFile(`${FOLDER}/${made}`, new Uint8Array(8));
      await Deno.chown(`${FOLDER}/${made}`, other, other);
    }
    await sweep(other);
    assert(isThere(name!));
    assert(!isThere(dead!));
    assert(isThere(own.name));
  } finally {
    own.unlink();
    await Deno.remove(`${FOLDER}/${name}`);
  }
}, { ignore: Deno.build.os !== "linux" || Deno.uid() !== 0 });

linuxTest("SharedMemory.attach() finds nothing where somebody is removing it", async () => {
  using memory = SharedMemory.create(8);
  try {
    memory.close();
    using remover = await Deno.open(`${FOLDER}/${memory.name}`, { read: true });
    await remover.lock(true);
    assertThrows(() => SharedMemory.attach(memory.name), Deno.errors.NotFound);
    await remover.unlock();
    SharedMemory.attach(memory.name).close();
  } finally {
    memory.unlink();
  }
});

// Names that go, and memory that goes

linuxTest("SharedMemory.unlink() leaves it to a child that has it open", async () => {
  await using ready = new Queue<string>();
  await using go = new Queue<string>();
  using memory = SharedMemory.create(1 << 20);
  await using child = new Process({
    module: MODULE,
    target: readLater,
    args: [memory, ready, go],
    permissions: FFI,
  });
  await child.start();
  await ready.get({ timeoutMs: 20_000 });
  memory.unlink();
  memory.buf.fill(5);
  memory.close();
  await go.put("go");
  assertEquals(await child.result(), 5);
});

linuxTest(
  "SharedMemory that another program cuts kills who touches it, and the parent is told",
  async () => {
    await using ready = new Queue<string>();
    await using go = new Queue<string>();
    using memory = SharedMemory.create(1 << 20);
    try {
      await using child = new Process({
        module: MODULE,
        target: readLater,
        args: [memory, ready, go],
        permissions: FFI,
      });
      await child.start();
      await ready.get({ timeoutMs: 20_000 });
      await Deno.truncate(`${FOLDER}/${memory.name}`, 4096);
      await go.put("go");
      const { signal } = await assertRejects(() => child.result(), ProcessDiedError);
      assertEquals(signal, "SIGBUS");
      // Who comes later sees what is left.
      using rest = SharedMemory.attach(memory.name);
      assertEquals([rest.size, rest.buf[4095]], [4096, 0]);
      await Deno.truncate(`${FOLDER}/${memory.name}`, 0);
      assertThrows(() => SharedMemory.attach(memory.name), SharedMemoryError, "it has no size");
    } finally {
      memory.unlink();
    }
  },
);

// Limits of the system

linuxTest(
  "SharedMemory.create() says that there are too many open files, and leaves nothing",
  async () => {
    const code = `
    import { SharedMemory } from ${JSON.stringify(new URL("../../ipc/mod.ts", import.meta.url))};
    const held = [];
    let error;
    try {
      while (held.length < 1_000) held.push(SharedMemory.create(8));
    } catch (thrown) {
      error = thrown;
    }
    const { length } = held;
    for (const memory of held) {
      memory.unlink();
      memory.close();
    }
    using again = SharedMemory.create(8);
    again.unlink();
    console.log("READY", JSON.stringify([error.name, error.code, error.message, length > 0]));`;
    const file = await Deno.makeTempFile({ suffix: ".ts" });
    try {
      await Deno.writeTextFile(file, code);
      const limited = 'ulimit -n 150; exec "$0" run --no-prompt --no-check --allow-ffi "$1"';
      await using program = await startProgram({ command: "sh" }, {
        args: ["-c", limited, Deno.execPath(), file],
      });
      assertEquals(JSON.parse(program.ready), [
        "SharedMemoryError",
        "EMFILE",
        "Cannot create shared memory: this process has too many open files",
        true,
      ]);
      const left = [...Deno.readDirSync(FOLDER)].filter(({ name }) =>
        name.includes(`_pid${program.pid}_`)
      );
      assertEquals(left, []);
    } finally {
      await Deno.remove(file);
    }
  },
);
