import type { Queue } from "../../ipc/mod.ts";
import { channel } from "../../process/_child.ts";
import { sendMessage } from "../../process/_pool_wire.ts";

/** What the pools of this folder call. */

export function double(n: number): number {
  return 2 * n;
}

/** Half of the numbers take a little while, waiting or computing. */
export async function doubleSomehow(n: number): Promise<number> {
  if (n % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  if (n % 5 === 0) { for (let x = 0; x < 20_000; x++); }
  return 2 * n;
}

/** Tells where it is, then computes for ever. */
export async function spin(running: Queue<number>): Promise<void> {
  await running.put(Deno.pid);
  while (true);
}

/** As {@linkcode spin}, and takes no notice of SIGTERM. */
export async function resist(running: Queue<number>): Promise<void> {
  Deno.addSignalListener("SIGTERM", () => {});
  await spin(running);
}

/** Tells where it is, then waits for ever. */
export async function stay(running: Queue<number>): Promise<void> {
  await running.put(Deno.pid);
  await new Promise(() => {});
}

/** Is killed with the first item. */
export function dieAtZero(n: number): number {
  if (n === 0) Deno.kill(Deno.pid, "SIGKILL");
  return n;
}

export function exitWithZero(): never {
  Deno.exit(0);
}

/** Closes the channel to the pool, and goes on. */
export async function closeChannel(): Promise<void> {
  await channel!.close();
  await new Promise(() => {});
}

/**
 * Has text written to the channel from now on, in place of whatever is sent. (Of random bytes one in sixteen begins
 * like a large message that the reader has to wait for.)
 */
export async function writeGarbage(port: number): Promise<string> {
  const listener = await Deno.connect({ hostname: "127.0.0.1", port });
  const prototype = Object.getPrototypeOf(Object.getPrototypeOf(listener)) as Deno.TcpConn;
  const original = prototype.write;
  prototype.write = function (bytes: Uint8Array): Promise<number> {
    return original.call(this, bytes.slice().fill("?".charCodeAt(0)));
  };
  return "lost";
}

/** Sends messages that are well formed and make no sense. */
export async function lie(how: "kind" | "job" | "index" | "list"): Promise<void> {
  const session = channel!;
  if (how === "kind") sendMessage(session, 99, { job: 1 });
  if (how === "job") sendMessage(session, 17, { job: 4711, number: 1 });
  if (how === "index") sendMessage(session, 17, { job: 1, index: 3, number: 1 });
  if (how === "list") session.sendData(new Uint8Array(8));
  await new Promise(() => {});
}

/** Needs more memory than there is. */
export function fillHeap(): number {
  const all: number[][] = [];
  while (true) all.push(Array.from({ length: 10_000 }, (_, n) => n + 0.5));
}

export function getPid(): number {
  return Deno.pid;
}
