import type { Duplex } from "node:stream";

/** What is needed of `node:stream` and `node:tls`; loaded when the first connection is encrypted. */
export function loadBuiltin<T>(name: string): T {
  const { process } = globalThis as unknown as {
    process: { getBuiltinModule(name: string): unknown };
  };
  return process.getBuiltinModule(name) as T;
}

/**
 * A connection as Node's TLS needs it. The connection stays the caller's: it is closed when the stream is.
 *
 * @param first Bytes that were read from the connection already.
 */
export function toDuplex(conn: Deno.TcpConn, first: Uint8Array = new Uint8Array()): Duplex {
  const { Duplex } = loadBuiltin<typeof import("node:stream")>("node:stream");
  const buffer = new Uint8Array(64 * 1024);
  let early: Uint8Array | undefined = first.length === 0 ? undefined : first;
  return new Duplex({
    read() {
      if (early !== undefined) {
        const bytes = early;
        early = undefined;
        this.push(bytes);
        return;
      }
      conn.read(buffer).then(
        (count) => this.push(count === null ? null : buffer.slice(0, count)),
        (error) => this.destroy(error),
      );
    },
    write(chunk: Uint8Array, _encoding, done) {
      writeAll(conn, chunk).then(() => done(), done);
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
}

async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
