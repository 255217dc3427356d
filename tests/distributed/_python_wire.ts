import { assertEquals } from "@std/assert";
import { PickleReader } from "../../distributed/_pickle_reader.ts";
import { PickleWriter } from "../../distributed/_pickle_writer.ts";
import { PyTuple } from "../../distributed/mod.ts";
import { authenticateServer, hmac } from "../../ipc/_authentication.ts";
import { FrameStream } from "../../ipc/_frame_stream.ts";
import type { Address } from "../../ipc/mod.ts";

/** Both sides of Python's protocol, without Python: every step is said by the test. */

const MAX_FRAME_BYTES = 1024 * 1024;
const encoder = new TextEncoder();

/** A Python client: one connection to a server. */
export class PythonClient implements Disposable {
  readonly stream: FrameStream;

  constructor(stream: FrameStream) {
    this.stream = stream;
  }

  static async connect({ hostname, port }: Address, authkey: string): Promise<PythonClient> {
    const conn = await Deno.connect({ hostname, port });
    const stream = new FrameStream(conn, { peer: "the server", maxFrameBytes: MAX_FRAME_BYTES });
    await authenticateServer(stream, encoder.encode(authkey));
    return new PythonClient(stream);
  }

  /** Connects for calls. */
  static async connectForCalls(address: Address, authkey: string): Promise<PythonClient> {
    const client = await PythonClient.connect(address, authkey);
    await client.ask(null, "accept_connection", "a thread");
    return client;
  }

  async send(id: string | null, name: string, ...args: unknown[]): Promise<void> {
    this.sendRequest(new PyTuple<unknown>(id, name, PyTuple.from(args), {}));
    await this.stream.flushed();
  }

  /** Sends what need not be a request. */
  sendRequest(request: unknown): void {
    this.stream.send(new PickleWriter().write(request));
  }

  /** The next answer: its kind, and its value. */
  async receive(): Promise<[kind: string, value: unknown]> {
    const [kind, value] = new PickleReader().read((await this.stream.receive())!) as unknown[];
    return [kind as string, value];
  }

  /** Asks for what is not refused. */
  async ask(id: string | null, name: string, ...args: unknown[]): Promise<unknown> {
    await this.send(id, name, ...args);
    const [kind, value] = await this.receive();
    assertEquals(kind, "#RETURN");
    return value;
  }

  [Symbol.dispose](): void {
    this.stream.close();
  }
}

/** A request as a server gets it. */
export interface PythonRequest {
  readonly id: string | null;
  readonly name: string;
  readonly args: unknown[];
  readonly kwds: unknown;
}

/** What a server answers: a message, bytes, or nothing at all. */
export type PythonAnswer = PyTuple<unknown> | Uint8Array | "nothing" | "the end";

/** Options for {@linkcode PythonServer}. */
export interface PythonServerOptions {
  readonly authkey: string;
  /** What is done before a connection is greeted, the first of which is number 0. */
  readonly beforeHandshake?: (count: number) => Promise<void> | void;
  /** Answers requests; those for which there is no function are answered with `None`. */
  readonly answers?: Readonly<Record<string, (request: PythonRequest) => PythonAnswer>>;
}

/** A server that speaks as Python's managers do, or not. */
export class PythonServer implements AsyncDisposable {
  readonly address: Address;
  /** What it was asked, without what opens connections. */
  readonly requests: PythonRequest[] = [];
  readonly #options: PythonServerOptions;
  readonly #listener: Deno.TcpListener;
  readonly #streams = new Set<FrameStream>();
  readonly #serving = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;
  #accepted = 0;
  #ended = 0;

  constructor(options: PythonServerOptions, port = 0) {
    this.#options = options;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port });
    this.address = { hostname: "127.0.0.1", port: this.#listener.addr.port };
    this.#accepting = this.#accept();
  }

  /** How many connections there are. */
  get connections(): number {
    return this.#accepted - this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const stream of this.#streams) stream.close();
    await this.#accepting;
    await Promise.all(this.#serving);
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) {
      const stream = new FrameStream(conn, { peer: "a client", maxFrameBytes: MAX_FRAME_BYTES });
      this.#streams.add(stream);
      const serving = this.#serve(stream, this.#accepted++).catch(() => {}).finally(() => {
        this.#ended++;
        stream.close();
        this.#serving.delete(serving);
      });
      this.#serving.add(serving);
    }
  }

  async #serve(stream: FrameStream, count: number): Promise<void> {
    await this.#options.beforeHandshake?.(count);
    const random = crypto.getRandomValues(new Uint8Array(32));
    stream.send(encoder.encode("#CHALLENGE#{sha256}"), random);
    await stream.receive();
    stream.send(encoder.encode("#WELCOME#"));
    const challenge = (await stream.receive())!.subarray("#CHALLENGE#".length);
    const mac = await hmac("sha256", encoder.encode(this.#options.authkey), challenge);
    stream.send(encoder.encode("{sha256}"), mac);
    await stream.receive();
    for (;;) {
      const frame = await stream.receive();
      if (frame === undefined) return;
      const [id, name, args, kwds] = new PickleReader().read(frame) as unknown[];
      const request = { id, name, args, kwds } as PythonRequest;
      if (request.name !== "accept_connection") this.requests.push(request);
      const answer = this.#options.answers?.[request.name]?.(request) ?? returned(null);
      if (answer === "the end") return;
      if (answer === "nothing") continue;
      stream.send(answer instanceof Uint8Array ? answer : new PickleWriter().write(answer));
    }
  }
}

/** What a call has returned. */
export function returned(value: unknown): PyTuple<unknown> {
  return new PyTuple<unknown>("#RETURN", value);
}
