import type { Loan } from "./_loan.ts";
import type { TlsOptions } from "./tls_options.ts";

/**
 * References: what crosses in place of an object that is lent. How one is written and read depends on the
 * connection it crosses on: an object of the other side needs no address there.
 */

/** Where a hub is, as this process reaches it. */
export interface Place {
  /** Missing for the hub of a process of the family, on this machine. */
  readonly hostname?: string | undefined;
  readonly port: number;
  /** Its key in hexadecimal; missing when it is the family's. */
  readonly key?: string | undefined;
  /** How the connection is encrypted, if it is. */
  readonly tls?: TlsOptions | undefined;
}

/** The way to an object of another process. */
export interface Borrowed {
  readonly reference: LentReference;
  /**
   * Calls a method of the object.
   *
   * @param options Whether the call ends with the task that makes it; it does, unless that is excluded.
   */
  call(
    method: string,
    args: readonly unknown[],
    options?: { withTask?: boolean | undefined },
  ): Promise<unknown>;
  /** Calls a method whose answer is known: it is done before what this process calls later. */
  notify(method: string, args: readonly unknown[]): Promise<void>;
  /** Gives the object back. */
  close(): Promise<void>;
}

/** A way that is of this process alone: what it leads to does not speak the protocol of this package. */
export interface PrivateWay extends Borrowed {
  /** The same way for a copy of the handle, which lasts no longer than this one. */
  again(): PrivateWay;
}

/** An object that another process lends. */
export interface LentReference extends Place {
  readonly id: string;
  /** The way to it, when that is of this process alone. It never crosses. */
  readonly by?: PrivateWay | undefined;
  /** The connection over which it came to be known, when that leads to where it lives. What it is knows `_family.ts`. */
  readonly via?: object | undefined;
}

/** Objects of this process that a manager lends, by their names. */
export interface LendingTable {
  /**
   * The name of an object.
   *
   * @param target What is lent.
   * @param object What stands for it in this process.
   * @param loan How it is lent, when that is not decided by its class.
   */
  nameOf(target: object, object: object, loan?: Loan): string;
  /** How an object that has a name already is lent. */
  loanOf(object: object): Loan | undefined;
  /** The object that has a name. */
  find(id: string): object | undefined;
}

/** What a connection is for the references that cross on it. */
export interface ReferenceScope {
  /** Where the other side is, when this side has connected to it. */
  readonly place?: Place | undefined;
  connection?: object | undefined;
  /** What lends objects of this process to the other side; without it the family's hub does. */
  readonly table?: LendingTable | undefined;
  /** Whether the other side belongs to the family, and may know the keys that this process knows. */
  readonly isFamily: boolean;
}

/** Under which a private way is found. No message carries a symbol, so that none can bring one. */
const WAY = Symbol("way");

/** What crosses. */
export interface WireReference {
  readonly id: string;
  readonly [WAY]?: PrivateWay | undefined;
  /** Whose it is, when it is one of the two who talk. */
  readonly of?: "sender" | "receiver" | undefined;
  readonly port?: number | undefined;
  readonly hostname?: string | undefined;
  readonly key?: string | undefined;
  readonly tls?: TlsOptions | undefined;
}

let current: ReferenceScope | undefined;
let isCopying = false;

/** Runs what writes and reads references that do not leave this process. */
export function copyingReferences<T>(run: () => T): T {
  const outer = isCopying;
  isCopying = true;
  try {
    return run();
  } finally {
    isCopying = outer;
  }
}

/** What a handle is made of that has a private way. */
export function writePrivate(by: PrivateWay): WireReference {
  return { id: by.reference.id, [WAY]: by };
}

/** The private way in what was written. */
export function wayOf(data: unknown): PrivateWay | undefined {
  return (data as Partial<WireReference> | undefined)?.[WAY];
}

/** Runs what writes or reads references that cross on a connection. Outside of it they cross in the family. */
export function inReferenceScope<T>(scope: ReferenceScope | undefined, run: () => T): T {
  const outer = current;
  current = scope;
  try {
    return run();
  } finally {
    current = outer;
  }
}

/** The connection on which references cross that are written or read now. */
export function currentReferenceScope(): ReferenceScope | undefined {
  return current;
}

/** What lends objects to the one to whom is being written, if that is not the family's hub. */
export function currentTable(): LendingTable | undefined {
  return current?.table;
}

/** What crosses in place of an object of this process. */
export function writeOwn(id: string): WireReference {
  return { id, of: "sender" };
}

/**
 * What crosses in place of an object that this process has borrowed.
 *
 * @throws {TypeError} When the other side would need a key that is not its business, or has no way there.
 */
export function writeBorrowed({ hostname, port, key, tls, id, by }: LentReference): WireReference {
  if (by !== undefined) {
    if (isCopying) return writePrivate(by.again());
    throw new TypeError(
      "Cannot pass on the object: it lives in a manager in Python; connect to that manager where it is to be used",
    );
  }
  // In the family everybody knows the way, and the owner may want it for a handle like any other.
  if (hostname === undefined && key === undefined && tls === undefined) return { port, id };
  const there = current?.place;
  if (there !== undefined && isSame(there, { hostname, port, key })) return { id, of: "receiver" };
  if (key === undefined && tls === undefined) return { hostname, port, id };
  if (current !== undefined && !current.isFamily) {
    throw new TypeError(
      `Cannot pass on the object: it lives at ${hostname}:${port}, and the key of that is for this program only`,
    );
  }
  return { hostname, port, key, tls, id };
}

/**
 * Reads what has crossed.
 *
 * @param what What it stands for, for the texts of errors: `a lock`.
 */
export function readReference(data: unknown, what: string): LentReference {
  const { id, of, hostname, port, key, tls } = (data ?? {}) as Partial<WireReference>;
  if (typeof id === "string") {
    const way = wayOf(data);
    if (way !== undefined) return way.reference;
    const place = current?.place;
    if (of === "receiver") return { id, port: 0 };
    if (of === "sender" && place !== undefined) return { ...place, id, via: current?.connection };
    if (
      of === undefined && Number.isInteger(port) &&
      [hostname, key].every((text) => text === undefined || typeof text === "string")
    ) return { hostname, port: port!, key, tls, id };
  }
  throw new TypeError(`Cannot receive ${what}: its reference is not well formed`);
}

const owned = new Map<string, object>();

/** Remembers which object is lent in the family under a name. */
export function setOwned(id: string, object: object): void {
  owned.set(id, object);
}

/** The object is not lent in the family any more. */
export function deleteOwned(id: string): void {
  owned.delete(id);
}

/**
 * The object itself, where a reference to it comes back to the process in which it lives.
 *
 * @param reference What crossed.
 * @param ownClass The class of the object.
 * @throws {ReferenceError} When it lived here and does not any more.
 */
export function ownObject<T extends object>(
  { id, port }: LentReference,
  // deno-lint-ignore no-explicit-any -- the constructor is never called
  ownClass: abstract new (...args: any[]) => T,
): T | undefined {
  const object = current?.table?.find(id) ?? owned.get(id);
  if (object instanceof ownClass) return object;
  if (port === 0) {
    throw new ReferenceError("Cannot receive the object: it does not live here any more");
  }
  return undefined;
}

/** A place as text, by which two can be compared. */
export function placeName({ hostname = "", port, key = "" }: Place): string {
  return `${hostname}:${port}:${key}`;
}

function isSame(one: Place, other: Place): boolean {
  return placeName(one) === placeName(other);
}
