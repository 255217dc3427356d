/**
 * Python's `os.fork()`, as far as it is possible here.
 *
 * @module
 */

import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { encode } from "../ipc/_encoding.ts";
import { Passing } from "../ipc/_passing.ts";
import { ownModule } from "../ipc/_run_by_name.ts";
import { FamilyChild, type FamilyChildOptions } from "./_family_child.ts";
// Only the type: children load it. Without any import `deno pack` would not know that it is a module.
import type * as forkedChild from "./_forked_child.ts";
import { forks } from "./_forks.ts";
import { keepAlive } from "./_keep_alive.ts";
import { resolvePermissions } from "./_permission_flags.ts";
import { processDeath } from "./_process_death.ts";
import { state } from "./_state.ts";
import { ProcessStateError } from "./errors.ts";
import type { Permissions } from "./permissions.ts";

/** What runs in the child before its main module. */
const PRELUDE: keyof typeof forkedChild = "beginForked";

/** Options for {@linkcode fork}. */
export interface ForkOptions extends WaitOptions {
  /**
   * An object whose fields the child gets: in the child, those of the object that it gives to the same call
   * are set to the values that they have in the parent. They are copied; queues of `ipc` cross as
   * references.
   *
   * @default {undefined}
   */
  state?: object | undefined;
  /**
   * What the child may do.
   *
   * @default {"inherit"}
   */
  permissions?: Permissions | undefined;
  /**
   * The environment variables of the child. Without it they are those of this process.
   *
   * @default {undefined}
   */
  env?: Readonly<Record<string, string>> | undefined;
  /**
   * The configuration file of the child, when this process was started with one by `--config`.
   *
   * @default {undefined}
   */
  config?: string | URL | undefined;
  /**
   * The program to run in place of this process's own `deno`.
   *
   * @default {undefined}
   */
  executable?: string | URL | undefined;
}

/**
 * Starts a second process of this program, and answers in both: the child's process id in the parent, 0 in
 * the child (Python's {@link https://docs.python.org/3/library/os.html#os.fork | os.fork}).
 *
 * Deno cannot copy a process that runs. The child runs the main module again, from its beginning, until it
 * comes to the same call. So this is what differs from Python:
 *
 * - What stands before the call runs again in the child, with its effects. Keep it short, and free of them.
 * - Variables have in the child what that run gives them, not what they have in the parent; only the fields
 *   of `state` pass.
 * - Calls are counted, so a program may fork several times, and its children too: a call before the one that
 *   made a child answers in the child what it answered in the parent. A program must therefore come to its
 *   calls in the same order each time.
 * - The child has nothing to read on its standard input: to read there waits for ever.
 * - The parent waits for the child at its own end, and no child outlives its parent.
 *
 * Needs `--allow-run=deno --allow-net=127.0.0.1`. Not possible in a process that runs the target of a
 * {@linkcode Process}, which has no main module of its own, nor in a Worker, in tests and in compiled
 * programs. {@linkcode waitPid} waits for the child.
 *
 * @example Two processes
 * ```ts ignore
 * import { fork, waitPid } from "@manyhands/concurrency/process";
 *
 * const pid = await fork();
 * if (pid === 0) {
 *   console.log(`I am the child (${Deno.pid}), and my parent is ${Deno.ppid}`);
 * } else {
 *   console.log(`I am the parent (${Deno.pid}), and my child is ${pid}`);
 *   await waitPid(pid);
 * }
 * ```
 *
 * @param options What passes to the child, what the child may do, and how long to wait for it to come to
 * this call; a child that takes too long is killed.
 * @returns In the parent the process id of the child, when the child has come to this call; 0 in the child.
 * @throws {ProcessStateError} When this process cannot be forked.
 * @throws {TypeError} When the state is no object, or cannot be carried.
 * @throws {ProcessDiedError} When the child ended before it came to this call.
 * @throws {TimeoutError} When it took longer than `timeoutMs`.
 */
export async function fork(options: ForkOptions = {}): Promise<number> {
  const { state: given, permissions = "inherit" } = options;
  // What is refused here is refused in the child as well, and does not count in either.
  options.signal?.throwIfAborted();
  checkTimeout(options.timeoutMs);
  if (given !== undefined && (typeof given !== "object" || given === null)) {
    throw new TypeError(`Cannot fork: "state" must be an object, got ${String(given)}`);
  }
  const fields = given === undefined ? undefined : { ...given };
  const passing = new Passing();
  const isReplay = forks.calls < forks.replay.length;
  try {
    passing.collect(() => encode([fields]));
    resolvePermissions(permissions);
    if (!isReplay) checkForkable();
  } catch (error) {
    passing.recall();
    throw error;
  }
  // The one that takes it was made by the parent.
  if (isReplay) passing.recall();
  const turn = forks.calls++;
  if (isReplay) return await replay(turn, given);
  // In a process that was forked, the calls before this one may still wait for their states.
  if (forks.parent !== undefined) await keepAlive(forks.parent.released);
  const states = [...Array.from({ length: turn }, (_, i) => forks.states[i]), fields];
  try {
    const child = spawnFork({ ...options, permissions }, states, passing);
    forks.answers[turn] = child.pid;
    await awaitChild(child, () => begin(child, states, passing), options);
    return child.pid;
  } catch (error) {
    forks.answers[turn] = error instanceof Error
      ? `${error.name}: ${error.message}`
      : String(error);
    throw error;
  }
}

/** In a child: answers what the parent was answered at this call, or 0 at the call that made the child. */
async function replay(turn: number, given: object | undefined): Promise<number> {
  const answer = forks.replay[turn]!;
  forks.answers[turn] = answer;
  const parent = forks.parent!;
  parent.called();
  const received = (await keepAlive(parent.states))[turn];
  // A child of this process comes to this call as well.
  forks.states[turn] = received;
  if (typeof answer === "string") {
    throw new ProcessStateError(`Cannot fork: it failed in the parent, too (${answer})`);
  }
  if (given !== undefined && typeof received === "object") Object.assign(given, received);
  if (turn === forks.replay.length - 1) {
    parent.reached();
    // The parent must know before the program goes on, which may keep its thread busy.
    await keepAlive(parent.released);
  }
  return answer;
}

function checkForkable(): void {
  if (state.parent !== undefined && forks.replay.length === 0) {
    throw new ProcessStateError(
      `Cannot fork ${state.name}: it runs a function of a module, and has no main module that could run ` +
        "again; start a Process instead",
    );
  }
  if (
    "WorkerGlobalScope" in globalThis || Deno.build.standalone ||
    /\$deno\$|^data:|^blob:/.test(Deno.mainModule)
  ) {
    throw new ProcessStateError(
      `Cannot fork: the main module of this program cannot be run again (${
        Deno.mainModule.slice(0, 100)
      }); it must be a module that "deno run" was given`,
    );
  }
}

function spawnFork(
  options: ForkOptions & { permissions: Permissions },
  states: readonly unknown[],
  passing: Passing,
): FamilyChild {
  const { permissions, env, config, executable } = options;
  const turn = states.length - 1;
  const familyOptions: FamilyChildOptions = {
    spawn: {
      program: {
        mainModule: Deno.mainModule,
        args: Deno.args,
        prelude: { module: ownModule(import.meta, "./_forked_child.ts"), name: PRELUDE },
      },
      ...{ env, config, executable },
      ...{ cwd: undefined, memoryLimitMb: undefined, niceness: undefined },
      stdout: "inherit",
      stderr: "inherit",
    },
    boot: {
      name: state.name,
      daemon: state.daemon,
      identity: state.identity,
      answers: [...forks.answers.slice(0, turn), 0],
    },
    permissions,
    given: states,
    isBackground: false,
    onEnd: (status) => {
      passing.recall();
      return processDeath({
        name: "The child",
        pid: child.pid,
        status,
        before: `it came to call ${turn + 1} of fork()`,
        memoryLimitMb: undefined,
      });
    },
  };
  let child: FamilyChild;
  try {
    child = passing.collect(() => new FamilyChild(familyOptions));
  } catch (error) {
    passing.recall();
    throw error;
  }
  forks.children.set(child.pid, child);
  void child.exited.then(() => {
    const { ended } = forks;
    forks.ended = Promise.withResolvers();
    ended.resolve();
  });
  return child;
}

/** Waits until the child has come to the call, and kills it when the caller does not want to wait. */
async function awaitChild(
  child: FamilyChild,
  begin: () => Promise<void>,
  options: WaitOptions,
): Promise<void> {
  const begun = begin();
  begun.catch(() => {});
  try {
    await keepAlive(waitWithin(begun, options, (timeoutMs) => {
      throw new TimeoutError(
        `The child (pid ${child.pid}) did not come to this call of fork() within ${timeoutMs} ms`,
      );
    }));
  } catch (error) {
    // One that has not ended by itself would wait at its call for ever.
    child.signal("SIGKILL");
    await keepAlive(child.exited);
    // The caller never learns its id, so nobody can wait for it.
    forks.children.delete(child.pid);
    throw error;
  }
}

async function begin(
  child: FamilyChild,
  states: readonly unknown[],
  passing: Passing,
): Promise<void> {
  const { session, root } = await child.arrived;
  try {
    await session.call(root, "prepare", []);
    await passing.collect(() => session.call(root, "become", [states]));
  } catch (error) {
    if (!session.isClosed) throw error;
    throw await child.death;
  }
  session.call(root, "release", [], { background: true }).catch(() => {
    // It has ended: who waits for it learns how.
  });
}
