// deno run --allow-net=127.0.0.1 examples/twisted_like.ts

// Twisted's first lessons: a deferred with its callbacks, and a protocol of lines over TCP, with a server
// that echoes and a client. A promise is a deferred, a task is what answers a connection, and any program
// that speaks lines (telnet, nc) can be the client.

import { spawn, TaskGroup } from "@manyhands/concurrency/coroutine";
import { TextLineStream } from "@std/streams/text-line-stream";

// Deferred, addCallback, addErrback
const deferred = Promise.withResolvers<string>();
const called = deferred.promise
  .then((text) => Number(text))
  .then((n) => {
    if (Number.isNaN(n)) throw new TypeError("not a number");
    return n;
  })
  .catch((error) => {
    console.log(`errback: ${error.message}`);
    return 0;
  })
  .then((n) => console.log(`callback: ${n}`));
deferred.resolve("forty-two");
await called;

/** A connection that speaks lines: Twisted's LineReceiver. */
class LineConnection implements AsyncIterable<string>, Disposable {
  readonly #conn: Deno.TcpConn;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    this.#lines = conn.readable
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream())
      .getReader();
    this.#writer = conn.writable.getWriter();
  }

  async sendLine(line: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(`${line}\r\n`));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    for (;;) {
      const { done, value } = await this.#lines.read();
      if (done) return;
      yield value;
    }
  }

  /** Says that no more lines come from here. */
  async loseConnection(): Promise<void> {
    await this.#conn.closeWrite();
  }

  [Symbol.dispose](): void {
    try {
      this.#conn.close();
    } catch {
      // The runtime closes a connection whose last line was read.
    }
  }
}

// The server: Echo(LineReceiver), its factory, and the reactor that runs it
async function echo(conn: Deno.TcpConn): Promise<void> {
  using connection = new LineConnection(conn);
  for await (const line of connection) await connection.sendLine(`echo: ${line}`);
}

async function serve(listener: Deno.TcpListener): Promise<void> {
  await TaskGroup.run(async (clients) => {
    for await (const conn of listener) clients.spawn(() => echo(conn));
  });
}

// The client: a deferred for each line that was sent, fired by the line that comes back
async function ask(port: number, lines: readonly string[]): Promise<string[]> {
  using connection = new LineConnection(await Deno.connect({ hostname: "127.0.0.1", port }));
  const waiting: PromiseWithResolvers<string>[] = [];
  const receiving = spawn(async () => {
    for await (const line of connection) waiting.shift()?.resolve(line);
    for (const { reject } of waiting) reject(new Error("the connection was lost"));
  });
  const answers = lines.map(async (line) => {
    const answer = Promise.withResolvers<string>();
    waiting.push(answer);
    await connection.sendLine(line);
    return await answer.promise;
  });
  const all = await Promise.all(answers);
  await connection.loseConnection();
  await receiving;
  return all;
}

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const { port } = listener.addr;
const server = spawn(() => serve(listener));
const answers = await Promise.all([
  ask(port, ["hello", "how are you"]),
  ask(port, ["What a nice day", ""]),
]);
for (const line of answers.flat()) console.log(line);
listener.close();
await server;
console.log("the server has ended");
