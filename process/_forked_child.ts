import { joinFamily } from "../ipc/_family.ts";
import { readBoot } from "./_child.ts";
import { forks } from "./_forks.ts";

/**
 * The beginning of a process that `fork()` has started, before its main module runs. The channel to the
 * parent does not keep the process alive: it ends when its main module has nothing left to do.
 */
export async function beginForked(): Promise<void> {
  const boot = readBoot();
  const called = Promise.withResolvers<void>();
  const received = Promise.withResolvers<readonly unknown[]>();
  const reached = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  forks.replay = boot.answers ?? [];
  forks.parent = {
    called: called.resolve,
    states: received.promise,
    reached: reached.resolve,
    released: released.promise,
  };
  const session = await joinFamily({
    key: Uint8Array.fromHex(boot.key),
    port: boot.port,
    ticket: boot.ticket,
  }, {
    // What the states are made of is known here when the main module has been loaded, and not before.
    prepare: () => called.promise,
    become: async (_call, states: unknown[]) => {
      received.resolve(states);
      await reached.promise;
    },
    release: () => released.resolve(),
  });
  // Its standard input cannot be watched: a read would keep it alive. The reaper ends it in any case.
  void session.closed.then(() => Deno.kill(Deno.pid, "SIGKILL"));
}
