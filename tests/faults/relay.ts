/** Passes TCP connections on to a port of this machine, until it falls silent. */
export class Relay implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #target: number;
  readonly #conns = new Set<Deno.TcpConn>();
  readonly #running: Promise<void>[] = [];
  #speech = Promise.withResolvers<void>();
  #isSilent = false;
  #isClosed = false;

  constructor(target: number) {
    this.#target = target;
    this.#running.push(this.#accept());
  }

  get address(): { hostname: string; port: number } {
    return { hostname: "127.0.0.1", port: this.#listener.addr.port };
  }

  /** From now on nothing arrives, and nothing is closed. */
  fallSilent(): void {
    this.#isSilent = true;
  }

  /** What was held back arrives, and all that follows. */
  speak(): void {
    this.#isSilent = false;
    this.#speech.resolve();
    this.#speech = Promise.withResolvers<void>();
  }

  /** Closes the connections that are open; new ones are taken. */
  cut(): void {
    for (const conn of this.#conns) conn.close();
    this.#conns.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listener.close();
    this.cut();
    this.speak();
    await Promise.all(this.#running);
  }

  async #accept(): Promise<void> {
    for (;;) {
      let near: Deno.TcpConn;
      try {
        near = await this.#listener.accept();
      } catch {
        return;
      }
      const far = await Deno.connect({ hostname: "127.0.0.1", port: this.#target });
      for (const conn of [near, far]) {
        conn.setNoDelay(true);
        this.#conns.add(conn);
      }
      this.#running.push(this.#pass(near, far), this.#pass(far, near));
    }
  }

  async #pass(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (let count; (count = await from.read(buffer)) !== null;) {
        while (this.#isSilent) await this.#speech.promise;
        for (let sent = 0; sent < count;) sent += await to.write(buffer.subarray(sent, count));
      }
    } catch {
      // One of the two was closed.
    }
    for (const conn of [from, to]) {
      if (!this.#conns.delete(conn)) continue;
      try {
        conn.close();
      } catch {
        // It was closed with the relay.
      }
    }
  }
}
