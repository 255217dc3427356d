/** What a test asks of a child. */
export type Request = { id: number } & Demand;

/** The same without its number. */
export type Demand =
  | { kind: "settle" }
  | { kind: "end" }
  | { kind: "abort"; call: number; message: string }
  | { kind: "dispose"; call: number }
  | {
    kind: "call";
    handle: number;
    method: string;
    args: unknown[];
    /** Whether the last argument has a signal. */
    abortable: boolean;
    aborted?: string;
  };

/** What it answers. */
export interface Answer {
  id: number;
  value?: unknown;
  error?: { name: string; message: string };
}
