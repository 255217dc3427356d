import type { Encoded } from "../ipc/_encoding.ts";

/** What a thread is told when it begins. */
export interface Boot {
  readonly module: string;
  /** A function, looked up among the exports of the module. */
  readonly target?: string | undefined;
  /** A class with a `run()` of its own, looked up likewise. */
  readonly subclass?: string | undefined;
  /** Packed by `packShared`. */
  readonly args: unknown;
  /** The fields of the object of that class, packed likewise. */
  readonly fields?: unknown;
  /** Whether nothing in both had to be packed: then the thread does not look. */
  readonly isPlain?: boolean;
  readonly name: string;
  readonly ident: number;
  readonly daemon: boolean;
  /** Whether it can be stopped in the midst of synchronous code. */
  readonly killable?: boolean;
  /** Becomes 1 when the thread is to end. */
  readonly control: Int32Array<SharedArrayBuffer>;
  /** Which threads have ended: see `_ident.ts`. */
  readonly table: SharedArrayBuffer;
  /** With what it reaches the objects of `ipc/` that other threads and processes lend; filled in on the way. */
  readonly familyKey?: Uint8Array<ArrayBuffer>;
  /** The Web Lock that the thread holds for as long as it runs. */
  readonly lock: string;
}

/** What a thread tells whoever started it. */
export type Told =
  /** It holds its Web Lock. */
  | { readonly kind: "held" }
  /** The module is imported, and the target is there. */
  | { readonly kind: "ready" }
  /** The target cannot be run. */
  | { readonly kind: "refused"; readonly error: Encoded }
  | { readonly kind: "returned"; readonly value: unknown }
  | { readonly kind: "thrown"; readonly error: Encoded }
  /** It left by `exit()`. */
  | { readonly kind: "exited" }
  /** All is done, and it can be taken down. */
  | { readonly kind: "done" };

/**
 * Sends a message to the other side, and moves what is to be moved. Without that it is given no list: the first
 * message with a list, an empty one too, costs a thread a millisecond.
 */
export type Post = (message: unknown, moved?: readonly Transferable[]) => void;

/** The field that tells messages of ours from those that the user's code sends by `postMessage`. */
const MARK = "manyhands:thread";

/** Wraps a message. */
export function mark(told: Told): unknown {
  return { [MARK]: told };
}

/** Unwraps a message; `undefined` when it is none of ours. */
export function unmark(data: unknown): Told | undefined {
  return typeof data === "object" && data !== null
    ? (data as Record<string, Told>)[MARK]
    : undefined;
}
