/**
 * A port that speaks TLS from the first byte on, in front of a server that does not: as servers do that have
 * `handshake_first`, which those of Debian do not know.
 */
export class TlsFront implements AsyncDisposable {
  readonly #listener: Deno.TlsListener;
  readonly #behind: number;
  readonly #open = new Set<Deno.Conn>();
  readonly #accepting: Promise<void>;
  readonly #pouring = new Set<Promise<unknown>>();

  /** @param behind The port of 127.0.0.1 to which the bytes go. */
  constructor(behind: number, { cert, key }: { cert: string; key: string }) {
    this.#behind = behind;
    this.#listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
    this.#accepting = this.#accept();
  }

  /** Where it is: `127.0.0.1:PORT`. */
  get address(): string {
    return `127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  /** Cuts all connections. */
  cut(): void {
    for (const conn of this.#open) close(conn);
    this.#open.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    this.cut();
    await Promise.all(this.#pouring);
  }

  async #accept(): Promise<void> {
    for (;;) {
      let conn: Deno.TlsConn;
      try {
        conn = await this.#listener.accept();
      } catch {
        return;
      }
      const pouring: Promise<unknown> = this.#connect(conn)
        .finally(() => this.#pouring.delete(pouring));
      this.#pouring.add(pouring);
    }
  }

  async #connect(front: Deno.TlsConn): Promise<void> {
    this.#open.add(front);
    try {
      // One who does not trust it goes before that.
      await front.handshake();
      const behind = await Deno.connect({ hostname: "127.0.0.1", port: this.#behind });
      this.#open.add(behind);
      await Promise.race([pour(front, behind), pour(behind, front)]);
      close(behind);
      this.#open.delete(behind);
    } catch {
      // It is not there any more.
    }
    close(front);
    this.#open.delete(front);
  }
}

async function pour(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  await from.readable.pipeTo(to.writable).catch(() => {});
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // It is closed already.
  }
}
