import { currentOwner } from "../coroutine/_owner.ts";

/** What tells this process from all others, and its threads from each other. */
const HERE = `${Deno.pid}:${crypto.randomUUID().slice(0, 8)}`;
/** Those who can own a lock here, each with its number; `0` is the program outside of every task. */
const numbers = new WeakMap<object, number>();
let last = 0;

/**
 * Under which name the homes of locks know who calls: the process, and in it the task, or whom the caller
 * acts for.
 */
export function ownerKey({ owner }: { owner?: object | undefined } = {}): string {
  const self = checkOwner(owner) ?? currentOwner();
  if (self === undefined) return `${HERE}:0`;
  let number = numbers.get(self);
  if (number === undefined) numbers.set(self, number = ++last);
  return `${HERE}:${number}`;
}

/** The process in the name of an owner. */
export function pidOf(key: string): number {
  return Number.parseInt(key);
}

function checkOwner(owner: unknown): object | undefined {
  if (owner === undefined) return undefined;
  if (owner !== null && (typeof owner === "object" || typeof owner === "function")) return owner;
  throw new TypeError(
    `Cannot use the lock: "owner" must be an object, got ${owner === null ? "null" : typeof owner}`,
  );
}
