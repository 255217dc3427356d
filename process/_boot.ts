import type { Ticket } from "../ipc/_authentication.ts";

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
  readonly target: string;
}
