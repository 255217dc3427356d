import { ConnectionLostError, type Queue } from "../../ipc/mod.ts";
import { registerErrorClass } from "../../ipc/mod.ts";
import {
  activeChildren,
  currentProcess,
  type CurrentProcessInfo,
  parentProcess,
  Process,
  type ProcessInfo,
} from "../../process/mod.ts";

/** What the tests of this folder run in processes of their own. */

const SELF = import.meta.url;

export function square(n: number): number {
  return n * n;
}

export async function squareLater(n: number): Promise<number> {
  await Promise.resolve();
  return n * n;
}

export function echo(...values: unknown[]): unknown[] {
  return values;
}

export function nothing(): void {}

export function waitForever(): Promise<void> {
  return new Promise(() => {});
}

/** Says that it runs, then keeps its thread busy for ever. */
export async function spin(running: Queue<string>): Promise<void> {
  await running.put("running");
  while (true);
}

/** Says that it runs, then waits for a word. */
export async function waitForWord(running: Queue<string>, words: Queue<string>): Promise<string> {
  await running.put("running");
  return await words.get();
}

export async function ignoreTerm(running: Queue<string>): Promise<void> {
  Deno.addSignalListener("SIGTERM", () => {});
  await running.put("running");
  await waitForever();
}

export async function putAll(queue: Queue<number>, items: readonly number[]): Promise<void> {
  for (const item of items) await queue.put(item);
}

export function exitWith(code: number): void {
  Deno.exit(code);
}

export function setExitCode(code: number): string {
  Deno.exitCode = code;
  return "returned";
}

export function leaveTimer(): string {
  setInterval(() => {}, 1_000);
  return "returned";
}

export function returnFunction(): unknown {
  return { inner: [() => 1] };
}

export async function rejectUnhandled(): Promise<void> {
  Promise.reject(new Error("nobody handles this"));
  await waitForever();
}

// Errors

export class PaymentError extends Error {
  constructor(message: string, readonly account: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "PaymentError";
  }
}
registerErrorClass(PaymentError, "tests/process PaymentError");

class LocalError extends Error {
  override name = "LocalError";
  readonly field = 7;
}

export type Failure = "range" | "payment" | "unknown" | "aggregate" | "text";

export function failWith(failure: Failure): never {
  switch (failure) {
    case "range":
      throw new RangeError("out of range", { cause: new TypeError("the cause") });
    case "payment":
      throw new PaymentError("declined", "DE-1", { cause: "no money" });
    case "unknown":
      throw new LocalError("only there");
    case "aggregate":
      throw new AggregateError([new TypeError("one"), new RangeError("two")], "both");
    case "text":
      throw "just a text";
  }
}

// Where it runs

export interface Self {
  current: CurrentProcessInfo;
  parent: ProcessInfo | undefined;
}

export function tellSelf(): Self {
  return { current: currentProcess(), parent: parentProcess() };
}

export function print(out: string, err: string): void {
  console.log(out);
  console.error(err);
}

export function readEnvironment(): Record<string, string> {
  return Deno.env.toObject();
}

export function readCwd(): string {
  return Deno.cwd();
}

/** The states of permissions, asked of the runtime. */
export function askPermissions(
  descriptors: readonly Deno.PermissionDescriptor[],
): Deno.PermissionState[] {
  return descriptors.map((descriptor) => Deno.permissions.querySync(descriptor).state);
}

/** The same in a child of this process, which inherits. */
export async function askByChild(
  descriptors: readonly Deno.PermissionDescriptor[],
): Promise<Deno.PermissionState[]> {
  await using child = new Process({
    module: SELF,
    target: askPermissions,
    args: [descriptors],
    permissions: "inherit",
  });
  await child.start();
  return await child.result();
}

// Children of children

export interface Generation {
  name: string;
  parentName: string | undefined;
  children: Generation[];
}

/** Starts children, and theirs, down to a depth. */
export async function branch(depth: number, width: number): Promise<Generation> {
  const { current, parent } = tellSelf();
  const children: Generation[] = [];
  for (let i = 0; depth > 0 && i < width; i++) {
    await using child = new Process({
      module: SELF,
      target: branch,
      args: [depth - 1, width],
      permissions: "inherit",
    });
    await child.start();
    children.push(await child.result());
  }
  return { name: current.name, parentName: parent?.name, children };
}

/** Passes a queue on to a child of its own. */
export async function passOn(queue: Queue<number>, items: readonly number[]): Promise<void> {
  await using child = new Process({
    module: SELF,
    target: putAll,
    args: [queue, items],
    // The queue is not at its parent, but at the parent's parent: being passed, it may be reached.
  });
  await child.start();
  await child.result();
}

export interface DaemonReport {
  byDefault: boolean;
  asTold: boolean;
  error: string | undefined;
}

/** Tells what its children would be, and whether it may start one. */
export async function tryToStart(): Promise<DaemonReport> {
  const byDefault = new Process({ module: SELF, target: nothing });
  const asTold = new Process({ module: SELF, target: nothing, daemon: !byDefault.daemon });
  const report = { byDefault: byDefault.daemon, asTold: asTold.daemon };
  try {
    await byDefault.start();
    await byDefault.result();
    return { ...report, error: undefined };
  } catch (error) {
    return { ...report, error: `${(error as Error).name}: ${(error as Error).message}` };
  }
}

export function countChildren(): number {
  return activeChildren().length;
}

/** Fails as a worker does whose manager is gone. */
export function loseConnection(): never {
  throw new ConnectionLostError("the manager of the target is gone");
}
