import type { Channel } from "./_channel.ts";
import type { Codec } from "./codec.ts";

/** What every connection has, whatever carries it. */
export interface ConnectionSettings {
  readonly maxMessageBytes: number;
  readonly codec: Codec | undefined;
}

/** What this room does with connections and users cannot. */
export interface ConnectionInternals {
  /** Makes a `Connection` of what carries it. (The type would make a circle of imports.) */
  create(channel: Channel, settings: ConnectionSettings): object;
  /** Whether a receive would not wait: a message is here, or the end. */
  isReady(connection: object): boolean;
  /** Calls a function each time that may have changed, until the answer is called. */
  watch(connection: object, onChange: () => void): () => void;
}

/** Set by `connection.ts`. */
export const connectionInternals = {} as ConnectionInternals;
