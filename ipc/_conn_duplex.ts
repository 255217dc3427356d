import type { Duplex } from "node:stream";

/** What is needed of `node:stream` and `node:tls`; loaded when the first connection is encrypted. */
export function loadBuiltin<T>(name: string): T {
  const { process } = globalThis as unknown as {
    process: { getBuiltinModule(name: string): unknown };
  };
  return process.getBuiltinModule(name) as T;
}

/** What else there is to a connection that is a stream of Node's. */
export interface ConnDuplex {
  readonly duplex: Duplex;
  /** Why something could not be sent. Node's TLS does not tell those who write. */
  readonly failure: Error | undefined;
  /** Says that somebody waits for bytes, and there are none. */
  wanted(): void;
}

/**
 * So many bytes are read before somebody waits for more. Node's TLS would read whatever comes, without an end, and
 * does not tell how much it has in store.
 */
const MOST_AHEAD = 256 * 1024;

/**
 * A connection as Node's TLS needs it. The connection stays the caller's: it is closed when the stream is.
 *
 * @param first Bytes that were read from the connection already.
 */
export function toDuplex(conn: Deno.TcpConn, first: Uint8Array = new Uint8Array()): ConnDuplex {
  const { Duplex } = loadBuiltin<typeof import("node:stream")>("node:stream");
  const buffer = new Uint8Array(64 * 1024);
  let early: Uint8Array | undefined = first.length === 0 ? undefined : first;
  /** Bytes that were read since somebody has waited for some. */
  let ahead = 0;
  let isPaused = false;
  let failure: Error | undefined;
  const readNow = () => {
    conn.read(buffer).then(
      (count) => {
        ahead += count ?? 0;
        duplex.push(count === null ? null : buffer.slice(0, count));
      },
      (error) => duplex.destroy(error),
    );
  };
  const duplex: Duplex = new Duplex({
    read() {
      if (early !== undefined) {
        const bytes = early;
        early = undefined;
        this.push(bytes);
      } else if (ahead < MOST_AHEAD) readNow();
      else isPaused = true;
    },
    write(chunk: Uint8Array, _encoding, done) {
      writeAll(conn, chunk).then(() => done(), (error) => {
        failure ??= error;
        done(error);
      });
    },
    destroy(error, done) {
      try {
        conn.close();
      } catch {
        // It is closed already.
      }
      done(error);
    },
  });
  return {
    duplex,
    get failure() {
      return failure;
    },
    wanted() {
      ahead = 0;
      if (!isPaused) return;
      isPaused = false;
      readNow();
    },
  };
}

async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
