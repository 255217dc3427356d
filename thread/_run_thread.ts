import { setFamilyKey } from "../ipc/_for_threads.ts";
import { findRun, ownModule, type Run } from "../ipc/_run_by_name.ts";
import type * as wireError from "../ipc/_wire_error.ts";
import { isThreadExit, setControlWord } from "./_control.ts";
import { markEnded, setCurrentIdent, setThreadTable } from "./_ident.ts";
import { type Boot, mark, type Post, type Told } from "./_messages.ts";
import { findMissingRooms, packShared, unpackShared } from "./_shared.ts";
import { moving, revival, state } from "./_state.ts";
import { webLocks } from "./_web_locks.ts";

/**
 * The thread's side of `Thread`. What is imported here is loaded before the user's module, in each
 * thread: it is little, what only errors need is loaded for an error, and no timer is touched.
 */

/**
 * What only some threads load. An `import()` whose text holds the path is part of the module graph, which the
 * runtime prepares before anything runs: that took a quarter of the time of a start.
 */
const WIRE_ERROR = "../ipc/_wire_error.ts";
const ROOMS = { thread: "./mod.ts", ipc: "../ipc/mod.ts" };

let importModule = (module: string): Promise<Record<string, unknown>> => import(module);

/** Tells how to import the user's module, where the thread itself may not read it. */
export function setImporter(importer: () => Promise<Record<string, unknown>>): void {
  importModule = importer;
}

/** Runs a thread from its beginning to its end. */
export async function runThread(boot: Boot, post: Post): Promise<void> {
  setThreadTable(boot.table);
  if (boot.familyKey !== undefined) setFamilyKey(boot.familyKey);
  setCurrentIdent(boot.ident);
  setControlWord(boot.control);
  state.name = boot.name;
  state.daemon = boot.daemon;
  state.killable = boot.killable === true;
  await holdLock(boot.lock);
  const tell = (told: Told, moved: readonly Transferable[] = []) =>
    moved.length === 0 ? post(mark(told)) : post(mark(told), moved);
  tell({ kind: "held" });

  let isOver = false;
  const end = async (last: Told, moved?: readonly Transferable[]): Promise<void> => {
    if (isOver) return;
    isOver = true;
    try {
      tell(last, moved);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const what = boot.subclass === undefined ? `"${boot.target}"` : `${boot.subclass}.run()`;
      const text = `Cannot return from ${what}: the value cannot be cloned (${reason})`;
      tell(await describeThrown(new TypeError(text)));
    }
    while (state.children.size > 0) await Promise.all(state.children);
    markEnded(boot.ident);
    // The parent takes the thread down: closed from here, the last message could be lost.
    tell({ kind: "done" });
  };
  const onError = (event: ErrorEvent | PromiseRejectionEvent) => {
    // The user's code has dealt with it.
    if (event.defaultPrevented) return;
    event.preventDefault();
    void describeThrown("reason" in event ? event.reason : event.error).then(end);
  };
  listen(onError);
  let run: Run;
  let args: unknown[];
  let fields: Record<string, unknown>;
  try {
    state.importing = true;
    run = findRun(await importModule(boot.module), boot, revival, "Thread");
    [args, fields] = await unpack(boot);
  } catch (error) {
    return await end(await refuse(error));
  } finally {
    state.importing = false;
  }
  // Listeners of the user's module come first now.
  listen(onError);
  if (isOver) return;
  tell({ kind: "ready" });
  await end(...await call(() => run(args, fields)));
}

/**
 * Holds a Web Lock for as long as the thread runs: the runtime gives it back when, and only when, the
 * thread has ended, so the parent knows the truth. (It also makes a Worker of `node:worker_threads` one that
 * can be stopped in the midst of synchronous code.)
 */
function holdLock(name: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  void webLocks.request(name, () => {
    resolve();
    return new Promise(() => {});
  });
  return promise;
}

function listen(onError: (event: ErrorEvent | PromiseRejectionEvent) => void): void {
  for (const type of ["error", "unhandledrejection"] as const) {
    removeEventListener(type, onError as EventListener);
    addEventListener(type, onError as EventListener);
  }
}

async function unpack(boot: Boot): Promise<[unknown[], Record<string, unknown>]> {
  const packed = [boot.args, boot.fields ?? {}];
  if (boot.isPlain === true) return packed as [unknown[], Record<string, unknown>];
  // The user's module may name the classes as types only: then nobody has loaded them.
  for (const room of findMissingRooms(packed)) await import(ownModule(import.meta, ROOMS[room]));
  return unpackShared(packed) as [unknown[], Record<string, unknown>];
}

async function call(run: () => unknown): Promise<[told: Told, moved?: readonly Transferable[]]> {
  try {
    const value = await run();
    return [{ kind: "returned", value: packShared(value) }, moving.takeMoved?.([value])];
  } catch (error) {
    return [await describeThrown(error)];
  }
}

async function describeThrown(error: unknown): Promise<Told> {
  if (isThreadExit(error)) return { kind: "exited" };
  const { encodeError }: typeof wireError = await import(ownModule(import.meta, WIRE_ERROR));
  return { kind: "thrown", error: encodeError(error) };
}

async function refuse(error: unknown): Promise<Told> {
  const told = await describeThrown(error);
  return told.kind === "thrown" ? { kind: "refused", error: told.error } : told;
}
