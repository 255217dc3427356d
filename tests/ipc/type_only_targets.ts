import { canRead } from "../../ipc/_portable.ts";
import type { Connection, Lock, Queue, SharedMemory, Value } from "../../ipc/mod.ts";

/**
 * Targets of processes whose module loads nothing of the room: it needs its types alone. (No class of it
 * may be imported here.)
 */

export async function putOne(queue: Queue<string>): Promise<void> {
  await queue.put("put");
}

export async function sendOne(connection: Connection<string>): Promise<void> {
  await connection.send("sent");
}

export async function lockOnce(lock: Lock): Promise<boolean> {
  const isFree = await lock.acquire();
  await lock.release();
  return isFree;
}

export function readByte(memory: SharedMemory): number {
  return memory.buf[0]!;
}

export async function addOne(
  data: { readonly inside: readonly Value<"int32">[] },
): Promise<number> {
  return await data.inside[0]!.add(1);
}

/** Whether the class that stands under this name in what crosses is loaded. */
export function isKnown(type: string): boolean {
  return canRead({ type, data: undefined });
}
