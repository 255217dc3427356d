import type { Ticket } from "../ipc/_authentication.ts";
import type { Granted } from "./_granted.ts";

/** What a child is told over its standard input: one line of JSON. */
export interface Boot {
  /** The port of the parent's hub, on loopback. */
  readonly port: number;
  /** The key of the family, in hexadecimal. */
  readonly key: string;
  /** What the child shows to be recognised. */
  readonly ticket: Ticket;
  readonly name: string;
  readonly daemon: boolean;
  readonly identity: readonly number[];
  readonly parent: { readonly name: string; readonly pid: number };
  /** Looked up among the exports of the first module. */
  readonly target?: string | undefined;
  /** The name of a class that has its own `run()`, looked up there as well. */
  readonly subclass?: string | undefined;
  /** What the child may do beside reaching its parent. */
  readonly granted: Granted;
  /** For a process that was forked: what its calls of `fork()` answer, the last one 0; a text is an error. */
  readonly answers?: readonly (number | string)[] | undefined;
}
