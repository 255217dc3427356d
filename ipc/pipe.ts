/**
 * A pair of connections that are joined.
 *
 * @module
 */

import { connectionInternals } from "./_connection_internals.ts";
import { checkCodec, checkMessageLimit } from "./_connection_options.ts";
import { DEFAULT_MAX_MESSAGE_BYTES } from "./_limits.ts";
import { Mailbox } from "./_mailbox.ts";
import { LocalChannel, PipeEnd } from "./_pipe_end.ts";
import type { Codec } from "./codec.ts";
import "./connection.ts";
import type { Connection } from "./connection.ts";

/** Options for {@linkcode pipe}. */
export interface PipeOptions {
  /**
   * Whether both ends send and receive. With `false` the first one only receives, and the second one only
   * sends.
   *
   * @default {true}
   */
  duplex?: boolean | undefined;
  /**
   * The largest message, in bytes.
   *
   * @default {268_435_456}
   */
  maxMessageBytes?: number | undefined;
  /**
   * Makes bytes of objects, in place of this package's own way. An end with a codec stays in its process.
   *
   * @default {undefined}
   */
  codec?: Codec | undefined;
}

/** Sessions carry no larger frames; a message has a head besides. */
const HEAD_BYTES = 16;

/**
 * Makes two connections that are joined: what is sent into one comes out of the other
 * (Python's {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Pipe | multiprocessing.Pipe}).
 *
 * - Both are usable here, and each can be passed to a process of the family, as an argument or in a message.
 *   It can be passed to several; each message is received by one of them.
 * - What lies in the pipe is where the pipe was made: when that process ends, the pipe ends.
 * - A receive rejects with an `EofError` when the other end is closed in every process that has it. An end
 *   that was passed on, and is not used here afterwards, does not count here: when the child that has it dies,
 *   or dies before it has taken the argument, the other end learns of it, although nobody has closed the copy
 *   that was left. (In Python one has to close it, or waits for ever.)
 * - A process that passes on an end which it did not make has to live until that is taken, or the end stays
 *   open until all copies of it are closed.
 * - Messages that were on their way to a process that died are lost with it.
 *
 * Needs no permission while both ends are in one process, and `--allow-net=127.0.0.1` once one is passed on.
 *
 * @example In one process
 * ```ts
 * import { pipe } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * const [reader, writer] = pipe<string>({ duplex: false });
 * for (const word of ["one", "two"]) await writer.send(word);
 * await writer.close();
 * assertEquals(await Array.fromAsync(reader), ["one", "two"]);
 * ```
 *
 * @example With a child
 * ```ts
 * import { type Connection, pipe } from "@manyhands/concurrency/ipc";
 * import { Process } from "@manyhands/concurrency/process";
 *
 * export async function answer(connection: Connection<string>): Promise<void> {
 *   for await (const name of connection) await connection.send(`hello, ${name}`);
 * }
 *
 * if (import.meta.main) {
 *   const [here, there] = pipe<string>();
 *   await using _here = here;
 *   await using child = new Process({ module: import.meta.url, target: answer, args: [there] });
 *   await child.start();
 *   await here.send("world");
 *   console.log(await here.recv()); // hello, world
 * }
 * ```
 *
 * @typeParam A What the first end sends, and the second one receives.
 * @typeParam B What the second end sends, and the first one receives.
 * @param options Whether both ends send, the largest message, and how objects become bytes.
 * @returns The two ends.
 * @throws {TypeError} When an option is of the wrong kind.
 * @throws {RangeError} When `maxMessageBytes` is outside its range.
 */
export function pipe<A = unknown, B = A>(
  options: PipeOptions = {},
): [Connection<A, B>, Connection<B, A>] {
  const { duplex = true } = options;
  if (typeof duplex !== "boolean") {
    throw new TypeError(`Cannot make a pipe: "duplex" must be true or false, got ${typeof duplex}`);
  }
  const codec = checkCodec("Cannot make a pipe", options.codec);
  const maxMessageBytes = checkMessageLimit("Cannot make a pipe", options.maxMessageBytes);
  if (maxMessageBytes > DEFAULT_MAX_MESSAGE_BYTES) {
    throw new RangeError(
      `Cannot make a pipe: "maxMessageBytes" must be at most ${DEFAULT_MAX_MESSAGE_BYTES}, got ${maxMessageBytes}`,
    );
  }
  const limit = Math.min(maxMessageBytes, DEFAULT_MAX_MESSAGE_BYTES - HEAD_BYTES);
  const there = duplex ? new Mailbox() : undefined;
  const back = new Mailbox();
  const settings = { maxMessageBytes: limit, codec };
  const first = new PipeEnd(back, there, limit);
  const second = new PipeEnd(there, back, limit);
  PipeEnd.join(first, second);
  return [
    connectionInternals.create(new LocalChannel(first), settings) as Connection<A, B>,
    connectionInternals.create(new LocalChannel(second), settings) as Connection<B, A>,
  ];
}
