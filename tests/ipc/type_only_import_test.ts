import { assertEquals } from "@std/assert";
import { Lock, pipe, Queue, SharedMemory, Value } from "../../ipc/mod.ts";
import { Process, type TargetFunction } from "../../process/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { pipeTest } from "./_connections.ts";
import { addOne, isKnown, lockOnce, putOne, readByte, sendOne } from "./type_only_targets.ts";

const MODULE = new URL("type_only_targets.ts", import.meta.url);

async function run<F extends TargetFunction>(
  target: F,
  args: Parameters<F>,
  permissions: { ffi: true } | "none" = "none",
): Promise<Awaited<ReturnType<F>>> {
  await using child = new Process<F>({ module: MODULE, target, args, permissions });
  await child.start();
  return await child.result();
}

leakTest("Process gives a Queue to a module that imports only its type", async () => {
  await using queue = new Queue<string>();
  await run(putOne, [queue]);
  assertEquals(await queue.get(), "put");
});

pipeTest("Process gives a Connection to a module that imports only its type", async () => {
  const [here, there] = pipe<string>();
  await run(sendOne, [there]);
  assertEquals(await here.recv(), "sent");
  await here.close();
  await there.close();
});

leakTest("Process gives a Lock to a module that imports only its type", async () => {
  await using lock = new Lock();
  assertEquals(await run(lockOnce, [lock]), true);
});

leakTest("Process gives what is within data to a module that imports only its type", async () => {
  await using value = new Value("int32", 1);
  assertEquals(await run(addOne, [{ inside: [value] }]), 2);
});

leakTest("Process does not load the room for a module that is given nothing of it", async () => {
  assertEquals(await run(isKnown, ["ipc.Queue"]), false);
});

leakTest("Process gives a SharedMemory to a module that imports only its type", async () => {
  using memory = SharedMemory.create(16);
  try {
    memory.buf[0] = 7;
    assertEquals(await run(readByte, [memory], { ffi: true }), 7);
  } finally {
    memory.unlink();
  }
}, { ignore: Deno.build.os === "windows" });
