import type { WaitOptions } from "../coroutine/wait_options.ts";
import type { Outgoing } from "./_native_codec.ts";

/** What is kept for a message beside its bytes: a flood of empty ones must count as well. */
export const MESSAGE_OVERHEAD = 64;

/** So many bytes may be on their way, or lie unread, before who sends has to wait. */
export const WINDOW_BYTES = 1024 * 1024;

/**
 * One end of a way for messages, whatever carries them. It reads ahead within limits, so that whoever waits
 * for one can look without asking.
 */
export interface Channel {
  /** Who is on the other side, for the texts of errors. */
  readonly peer: string;
  /** Whether messages can come. */
  readonly isReadable: boolean;
  /** Whether messages can be sent. */
  readonly isWritable: boolean;
  /** Called when a message may have come, or the end. Set by whoever uses the channel. */
  onInput: () => void;
  /** Whether a message is here. */
  readonly hasInput: boolean;
  /** The next message that is here. It belongs to the caller. */
  take(): Uint8Array<ArrayBuffer> | undefined;
  /** Why no message comes after those that are here. */
  readonly end: Error | undefined;
  /** Somebody is going to take messages. */
  want(): void;
  /**
   * Sends a message; it is copied within the call. Resolves when it is out of this process's
   * hands, or lies where the other side finds it.
   */
  send(message: Outgoing, options: WaitOptions): Promise<void>;
  /** Tells the other side that nothing more comes, after all that was sent. */
  closeWrite(): Promise<void>;
  /** Closes this end, after all that was sent has left. */
  close(): Promise<void>;
  /** Keeps the process alive until {@linkcode letGo}. */
  hold(): void;
  /** Takes one {@linkcode hold} back. */
  letGo(): void;
  /** What crosses in place of this end; throws when it cannot cross. */
  pass(): unknown;
}

const NO_HEAD = new Uint8Array(0);

/** How many bytes a message counts for. */
export function weightOf({ head, body }: Outgoing): number {
  return head.length + body.length + MESSAGE_OVERHEAD;
}

/** A message in one piece, which is a copy. */
export function joinMessage({ head, body }: Outgoing): Uint8Array<ArrayBuffer> {
  const rest = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const bytes = new Uint8Array(head.length + rest.length);
  bytes.set(head);
  bytes.set(rest, head.length);
  return bytes;
}

/** A message of bytes that nobody else uses. */
export function ownMessage(bytes: Uint8Array): Outgoing {
  return { head: NO_HEAD, body: bytes, isOwned: true };
}

/** A message that can wait while its sender goes on to use the bytes. */
export function keepMessage(message: Outgoing): Outgoing {
  const { head, body, isOwned } = message;
  if (typeof body === "string" || isOwned === true) return message;
  return { head, body: body.slice(), isOwned: true };
}
