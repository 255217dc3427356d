import { currentTask, sleep } from "../../coroutine/mod.ts";
import type { Queue } from "../../ipc/mod.ts";
import { exit, Pool } from "../../process/mod.ts";

/** What the tests of pools of processes call, beside the functions of the contract. */

export function echo<T>(value: T): T {
  return value;
}

export function listArguments(...args: unknown[]): unknown[] {
  return args;
}

export function nothing(): void {}

export function makeFunction(): unknown {
  return { inner: () => 1 };
}

export function square(n: number): number {
  return n * n;
}

export function getPid(): number {
  return Deno.pid;
}

export function fail(message: string): never {
  throw new RangeError(message, { cause: "on purpose" });
}

export function exitWith(code: number): never {
  Deno.exit(code);
}

export function leaveBy(code: number): never {
  exit(code);
}

export function killItself(): void {
  Deno.kill(Deno.pid, "SIGKILL");
}

/** An answer whose field ends the process when it is read, to be sent. */
export function answerThatKills(how: "SIGKILL" | "exit"): { field: number } {
  return {
    get field(): number {
      if (how === "exit") Deno.exit(3);
      Deno.kill(Deno.pid, how);
      // The signal arrives when it does.
      for (;;);
    },
  };
}

/** An answer whose field cannot be read. */
export function answerThatThrows(): { field: number } {
  return {
    get field(): number {
      throw new RangeError("not to be read");
    },
  };
}

/** Computes for ever, unless it is given a number that is not 0. */
export function spinIfZero(n: number): number {
  while (n === 0);
  return n;
}

/** Waits for something that it does not share with anybody. */
export async function waitForever(): Promise<never> {
  return await new Promise<never>(() => {});
}

/** Waits as waits of this library do. */
export async function sleepForever(): Promise<void> {
  await sleep(Infinity);
}

/** Ends when its signal aborts. */
export async function heedSignal(running: Queue<number>): Promise<number> {
  const { signal } = currentTask()!;
  const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  // The answer may still be on its way when the call is cancelled.
  await running.put(Deno.pid).catch(() => {});
  await aborted;
  return Deno.pid;
}

/** Computes for so many milliseconds, and tells where. */
export function compute(ms: number): number {
  const end = performance.now() + ms;
  while (performance.now() < end);
  return Deno.pid;
}

let prepared: unknown[] = [];

export function prepare(...args: unknown[]): void {
  prepared.push(...args);
}

export async function prepareLater(queue: Queue<number>): Promise<void> {
  await queue.put(Deno.pid);
}

export function listPrepared(): unknown[] {
  return prepared;
}

export function failToPrepare(): never {
  prepared = [];
  throw new RangeError("not today");
}

export async function squareInPool(n: number): Promise<number> {
  await using pool = new Pool(1, {
    module: import.meta.url,
    permissions: "none",
  });
  return await pool.apply(square, [n]);
}

export async function readConfig(): Promise<string> {
  return await Deno.readTextFile(new URL("../../deno.json", import.meta.url));
}

/** Reports while it computes. */
export function isInTask(): boolean {
  return currentTask() !== undefined && !currentTask()!.signal.aborted;
}
