import type * as wireError from "../ipc/_wire_error.ts";
import { setControlWord, ThreadExit } from "./_control.ts";
import { markEnded, setCurrentIdent, setThreadTable } from "./_ident.ts";
import { type Boot, mark, type Told } from "./_messages.ts";
import { packShared, unpackShared } from "./_shared.ts";
import { state } from "./_state.ts";
import { webLocks } from "./_web_locks.ts";

/**
 * The thread's side of `Thread`. What is imported here is loaded before the user's module, in each
 * thread: it is little, what only errors need is loaded for an error, and no timer is touched.
 */

/**
 * What only some threads load. An `import()` whose text holds the path is part of the module graph, which the
 * runtime prepares before anything runs: that took a quarter of the time of a start.
 */
const WIRE_ERROR: string = import.meta.resolve("../ipc/_wire_error.ts");
const ROOM: string = import.meta.resolve("./mod.ts");

type Target = (...args: unknown[]) => unknown;

let importModule = (module: string): Promise<Record<string, unknown>> => import(module);

/** Tells how to import the user's module, where the thread itself may not read it. */
export function setImporter(importer: () => Promise<Record<string, unknown>>): void {
  importModule = importer;
}

/** Runs a thread from its beginning to its end. */
export async function runThread(boot: Boot, post: (message: unknown) => void): Promise<void> {
  setThreadTable(boot.table);
  setCurrentIdent(boot.ident);
  setControlWord(boot.control);
  state.name = boot.name;
  state.daemon = boot.daemon;
  await holdLock(boot.lock);
  const tell = (told: Told) => post(mark(told));
  tell({ kind: "held" });

  let isOver = false;
  const end = async (last: Told): Promise<void> => {
    if (isOver) return;
    isOver = true;
    try {
      tell(last);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const text = `Cannot return from "${boot.target}": the value cannot be cloned (${reason})`;
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
  let target: Target;
  let args: unknown[];
  try {
    state.importing = true;
    target = findTarget(await importModule(boot.module), boot.target);
    args = await unpackArgs(boot.args);
  } catch (error) {
    return await end(await refuse(error));
  } finally {
    state.importing = false;
  }
  // Listeners of the user's module come first now.
  listen(onError);
  if (isOver) return;
  tell({ kind: "ready" });
  await end(await callTarget(target, args));
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

function findTarget(module: Record<string, unknown>, name: string): Target {
  const target = module[name];
  if (typeof target === "function") return target as Target;
  const functions = Object.keys(module).filter((key) => typeof module[key] === "function");
  throw new TypeError(
    `Cannot run "${name}": the module does not export a function of that name. It exports ${
      functions.join(", ") || "no function"
    }`,
  );
}

async function unpackArgs(packed: unknown): Promise<unknown[]> {
  try {
    return unpackShared(packed) as unknown[];
  } catch {
    // The user's module names the classes as types only, so nobody has loaded them.
    await import(ROOM);
    return unpackShared(packed) as unknown[];
  }
}

async function callTarget(target: Target, args: unknown[]): Promise<Told> {
  try {
    return { kind: "returned", value: packShared(await target(...args)) };
  } catch (error) {
    return await describeThrown(error);
  }
}

async function describeThrown(error: unknown): Promise<Told> {
  if (error instanceof ThreadExit) return { kind: "exited" };
  const { encodeError }: typeof wireError = await import(WIRE_ERROR);
  return { kind: "thrown", error: encodeError(error) };
}

async function refuse(error: unknown): Promise<Told> {
  const told = await describeThrown(error);
  return told.kind === "thrown" ? { kind: "refused", error: told.error } : told;
}
