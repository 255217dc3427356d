import type * as workerThreads from "node:worker_threads";
import { familyKey } from "../ipc/_for_threads.ts";
import { ownModule } from "../ipc/_run_by_name.ts";
import { noteKilled } from "./_ident.ts";
import { type Boot, type Told, unmark } from "./_messages.ts";
import { webLocks } from "./_web_locks.ts";
import type { ThreadPermissions } from "./thread_options.ts";

/**
 * Never called. Written out like this, the entries of threads are part of the module graph, and `deno compile` takes
 * them along.
 */
export const entries = (): Promise<unknown>[] => [
  import("./_bootstrap.ts"),
  import("./_killable_bootstrap.ts"),
];

/** What {@linkcode startWorker} needs. */
export interface WorkerOptions {
  readonly boot: Boot;
  /** Whether it is to be stoppable in the midst of synchronous code. */
  readonly isKillable: boolean;
  readonly permissions: ThreadPermissions | undefined;
  /** What of the arguments is moved, and not copied. */
  readonly transfer: readonly Transferable[] | undefined;
  /** Called with what the thread tells. */
  readonly onTold: (told: Told) => void;
  /** Called when the thread cannot run, or failed in a way that it could not tell. */
  readonly onFailure: (message: string) => void;
}

/** A Worker that was started. */
export interface StartedWorker {
  /** Resolves when it has ended, and not before: a thread that cannot be stopped has not. */
  readonly ended: Promise<void>;
  /** Takes it down: in the midst of whatever it does when it is killable, else at its next turn. */
  terminate(): void;
}

/** So long after a thread has ended the runtime may say why. */
const LATE_MS = 100;

/** A Worker of either kind. */
interface Handle {
  terminate(): void;
}

/**
 * Starts a Worker, and sends it what it is to do.
 *
 * @throws {DOMException} When the arguments cannot be cloned; nothing is left then.
 */
export function startWorker(given: WorkerOptions): StartedWorker {
  const options = { ...given, boot: { ...given.boot, familyKey: familyKey() } };
  const ended = Promise.withResolvers<void>();
  const { lock } = options.boot;
  let isWatched = false;
  const watch = () => {
    if (isWatched) return;
    isWatched = true;
    // Granted when the thread has ended, and with it its hold on the lock: no sooner, whatever the runtime
    // says of the Worker. The request keeps the program alive, so it is not made for a daemon that runs.
    webLocks.request(lock, () => {}).then(() => ended.resolve());
  };
  const onMessage = (data: unknown) => {
    const told = unmark(data);
    if (told === undefined) return;
    if (told.kind === "held" && !options.isKillable) watch();
    options.onTold(told);
    if (told.kind === "done") handle.terminate();
  };
  const onFailure = (message: string) => {
    options.onFailure(message);
    handle.terminate();
    if (!options.isKillable) watch();
  };
  const handle = options.isKillable
    ? startKillable(options, onMessage, onFailure, watch)
    : startPlain(options, onMessage, onFailure);
  return {
    ended: ended.promise,
    terminate: () => {
      handle.terminate();
      if (!options.isKillable) watch();
    },
  };
}

function startPlain(
  { boot, permissions, transfer = [] }: WorkerOptions,
  onMessage: (data: unknown) => void,
  onFailure: (message: string) => void,
): Handle {
  const url = permissions === undefined
    ? ownModule(import.meta, "./_bootstrap.ts")
    : restrictedEntry(boot.module);
  const worker = new Worker(url, {
    type: "module",
    name: boot.name,
    ...(permissions === undefined ? {} : { deno: { permissions } }),
  });
  worker.onmessage = ({ data }) => onMessage(data);
  worker.onerror = (event) => {
    // Else it would end the program.
    event.preventDefault();
    onFailure(event.message);
  };
  try {
    transfer.length === 0 ? worker.postMessage(boot) : worker.postMessage(boot, [...transfer]);
  } catch (error) {
    worker.terminate();
    throw error;
  }
  return worker;
}

/**
 * An entry in which the import of the user's module is written out, and what of ours may be needed: so they are
 * part of the module graph, and are loaded with the permissions of this thread and not with those that the
 * new one has.
 */
function restrictedEntry(module: string): URL {
  const resolve = (path: string) => JSON.stringify(ownModule(import.meta, path));
  return toDataUrl(
    `import { setImporter } from ${resolve("./_run_thread.ts")};\n` +
      `import ${resolve("./_bootstrap.ts")};\n` +
      `setImporter(() => import(${JSON.stringify(module)}));\n` +
      `export const needed = () => [import(${resolve("../ipc/_wire_error.ts")}), import(${
        resolve("./mod.ts")
      }), import(${resolve("../ipc/mod.ts")})];`,
  );
}

function toDataUrl(code: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`);
}

/**
 * A Worker of `node:worker_threads`, whose entry cannot be an https: URL, but can import one. Only such a
 * Worker can be stopped in the midst of synchronous code, and only such a one lets the program end before it.
 */
function startKillable(
  { boot, transfer = [] }: WorkerOptions,
  onMessage: (data: unknown) => void,
  onFailure: (message: string) => void,
  onExit: () => void,
): Handle {
  // Not imported: that would cost time where no such thread is started.
  const { MessageChannel, Worker } = (globalThis as unknown as {
    process: { getBuiltinModule(name: "node:worker_threads"): typeof workerThreads };
  }).process.getBuiltinModule("node:worker_threads");
  const entry = JSON.stringify(ownModule(import.meta, "./_killable_bootstrap.ts"));
  // The runtime says "exit", and gives the Web Lock back, when it has asked the thread to stop: one that has no
  // processor just then goes on for some instructions when it gets one. What the thread alone has is closed when
  // no instruction of it can follow.
  const { port1: here, port2: lifeline } = new MessageChannel();
  let worker: workerThreads.Worker;
  try {
    worker = new Worker(toDataUrl(`import ${entry};`), {
      workerData: { ...boot, lifeline },
      name: boot.name,
      transferList: [lifeline, ...transfer] as workerThreads.WorkerOptions["transferList"],
    });
  } catch (error) {
    for (const port of [here, lifeline]) port.close();
    throw error;
  }
  worker.on("message", onMessage);
  worker.on("error", (error: Error) => onFailure(error.message));
  let isStopped = false;
  let hasExited = false;
  worker.on("exit", () => hasExited = true);
  here.on("close", () => {
    if (isStopped || hasExited) return onExit();
    // It has ended by itself: why, the runtime tells before it says "exit".
    const late = setTimeout(onExit, LATE_MS);
    worker.on("exit", () => {
      clearTimeout(late);
      onExit();
    });
  });
  // Only a port that is listened to notices that the other one is gone.
  here.on("message", () => {});
  if (boot.daemon) {
    worker.unref();
    here.unref();
  }
  return {
    terminate: () => {
      isStopped = true;
      void worker.terminate();
      noteKilled(boot.ident);
    },
  };
}
