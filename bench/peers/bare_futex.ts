/** Answers over shared memory, by the `futex` system call alone: the other process of the bare futex. */

import { SharedMemory } from "../../ipc/shared_memory.ts";
import { openFutex } from "../subjects/futex.ts";

using memory = SharedMemory.attach(Deno.args[0]!);
using futex = openFutex();
const request = new Int32Array(memory.buf.buffer, 0, 1);
const answer = new Int32Array(memory.buf.buffer, 4, 1);
console.log("ready");
for (let turn = 0;;) {
  while (Atomics.load(request, 0) === turn) futex.wait(request, turn);
  turn = Atomics.load(request, 0);
  if (turn < 0) break;
  Atomics.store(answer, 0, turn);
  futex.wake(answer);
}
