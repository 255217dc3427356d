/**
 * The bare cost of waking another process and being woken by it: what two processes that sleep while they
 * wait for shared memory cannot save.
 *
 * @module
 */

import { SharedMemory } from "../ipc/mod.ts";
import { expectResult, measure, type Peer } from "./harness.ts";
import { type Futex, hasFutex, openFutex } from "./subjects/futex.ts";

/**
 * Makes a peer in which two processes wake each other by the `futex` system call, and carry nothing.
 *
 * @param goal The least ratio that counts as met: 0.5 means that ours may take twice as long.
 * @param times How many times there and back, one after the other, make a pass.
 * @returns The peer.
 */
export function bareFutexPeer(goal: number, times: number): Peer {
  let child: Deno.ChildProcess | undefined;
  let memory: SharedMemory | undefined;
  let futex: Futex | undefined;
  let turn = 0;
  const tell = (word: Int32Array<ArrayBuffer>, value: number) => {
    Atomics.store(word, 0, value);
    futex!.wake(word);
  };
  return {
    name: "bare futex",
    goal,
    unavailable: () => Promise.resolve(hasFutex ? undefined : "only Linux has the system call"),
    async setup(): Promise<void> {
      memory = SharedMemory.create(8);
      futex = openFutex();
      const program = new URL("./peers/bare_futex.ts", import.meta.url).pathname;
      child = new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-prompt", "--allow-ffi", program, memory.name],
        stdin: "null",
        stdout: "piped",
      }).spawn();
      // Its first output says that it has the memory open.
      for await (const _ of child.stdout) break;
    },
    run: () =>
      measure(() => {
        const request = new Int32Array(memory!.buf.buffer, 0, 1);
        const answer = new Int32Array(memory!.buf.buffer, 4, 1);
        for (let n = 0; n < times; n++) {
          const before = turn++;
          tell(request, turn);
          while (Atomics.load(answer, 0) === before) futex!.wait(answer, before);
        }
        expectResult("the turn", Atomics.load(answer, 0), turn);
        return times;
      }),
    async teardown(): Promise<void> {
      if (memory !== undefined && child !== undefined) {
        tell(new Int32Array(memory.buf.buffer, 0, 1), -1);
        await child.status;
      }
      memory?.unlink();
      memory?.close();
      futex?.[Symbol.dispose]();
      child = memory = futex = undefined;
    },
  };
}
