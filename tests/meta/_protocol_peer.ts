import { assert, assertEquals } from "@std/assert";
import { AuthenticationError } from "@manyhands/concurrency/ipc";
import { guard } from "../support/guard.ts";

// One side of docs/protocol.md, from the document alone: its numbers are read from the tables there, and nothing of
// the package's own protocol is imported.

const DOCUMENT = await Deno.readTextFile(new URL("../../docs/protocol.md", import.meta.url));
/** The key of both sides. */
export const KEY = "the key";

/** The rows of the first table after a line of the document. */
export function readTable(after: string): string[][] {
  const rest = DOCUMENT.slice(DOCUMENT.indexOf(`\n${after}`)).split("\n");
  const from = rest.findIndex((line) => line.startsWith("|"));
  const to = rest.findIndex((line, at) => at > from && !line.startsWith("|"));
  return rest.slice(from + 2, to).map((line) => line.split("|").slice(1, -1).map((s) => s.trim()));
}

/** What the methods of a table are called, in their order. */
export function readMethods(after: string): string[] {
  return readTable(after).map(([signature = ""]) => /^`(\w+)\(/.exec(signature)?.[1] ?? signature);
}

const KINDS = readTable("## Messages").map(([kind = "", number]) =>
  [kind, Number(number)] as const
);
export const KIND = Object.fromEntries(KINDS);
const NAMES = new Map(KINDS.map(([kind, number]) => [number, kind]));
const ENCODINGS = new Map(readTable("## Values").map(([number, text]) => [text, Number(number)]));
const [NOTHING, JSON_TEXT] = [ENCODINGS.get("none: `undefined`")!, ENCODINGS.get("JSON")!];
const BYTES = ENCODINGS.get("the bytes of a `Uint8Array`")!;
const FLAGS = readTable("The lower four bits").map(([, flag]) => Number(flag));
export const [ONE_ARGUMENT = 0, , CONFIRM = 0, LOAN = 0] = FLAGS;

export interface Loan {
  readonly id: number;
  readonly methods: string[];
}

interface Message {
  readonly kind: string;
  readonly flags: number;
  readonly id: number;
  readonly object: number;
  readonly method: number;
  readonly value: unknown;
}

const join = (...parts: (string | Uint8Array)[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(parts.flatMap((part) => [...typeof part === "string" ? ascii(part) : part]));
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

async function hmac(key: string, message: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", join(key), algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, message));
}

/** One side of a connection. */
export class Peer {
  methods: string[] = [];
  #rest = new Uint8Array();
  #calls = 0;

  constructor(readonly conn: Deno.TcpConn) {}

  static async connect(port: number, key = KEY, methods: string[] = []): Promise<Peer> {
    const peer = new Peer(await Deno.connect({ hostname: "127.0.0.1", port }));
    try {
      await peer.answer(key);
      await peer.challenge(key);
      await peer.sendFrame(join(`manyhands/1 ${JSON.stringify({ methods })}`));
      await peer.#readHello();
      return peer;
    } catch (error) {
      peer.conn.close();
      throw error;
    }
  }

  static async accept(listener: Deno.TcpListener, methods: string[]): Promise<Peer> {
    const peer = new Peer(await listener.accept());
    await peer.challenge(KEY);
    await peer.answer(KEY);
    await peer.#readHello();
    await peer.sendFrame(join(`manyhands/1 ${JSON.stringify({ methods })}`));
    return peer;
  }

  async challenge(key: string): Promise<void> {
    const random = crypto.getRandomValues(new Uint8Array(32));
    const message = join("{sha256}", random, "manyhnd1");
    await this.sendFrame(join("#CHALLENGE#", message));
    assertEquals(await this.frame(), join("{sha256}", await hmac(key, message)));
    await this.sendFrame(join("#WELCOME#"));
  }

  async answer(key: string): Promise<void> {
    const challenge = (await this.frame())!;
    assertEquals(text(challenge.subarray(0, 19)), "#CHALLENGE#{sha256}");
    assertEquals([challenge.length, text(challenge.subarray(-8))], [11 + 48, "manyhnd1"]);
    await this.sendFrame(join("{sha256}", await hmac(key, challenge.slice(11))));
    const verdict = text((await this.frame())!);
    if (verdict !== "#WELCOME#") throw new AuthenticationError(verdict);
  }

  async #readHello(): Promise<void> {
    const [, version, json] = /^(manyhands\/1) (.*)$/s.exec(text((await this.frame())!)) ?? [];
    assertEquals(version, "manyhands/1");
    this.methods = JSON.parse(json!).methods;
  }

  async sendFrame(content: Uint8Array): Promise<void> {
    const bytes = join(new Uint8Array(4), content);
    new DataView(bytes.buffer).setInt32(0, content.length);
    for (let at = 0; at < bytes.length;) at += await this.conn.write(bytes.subarray(at));
  }

  /** The next frame; `undefined` at the end of the connection. */
  async frame(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    for (;;) {
      const rest = this.#rest;
      const length = rest.length < 4 ? Infinity : new DataView(rest.buffer).getInt32(0);
      if (rest.length >= 4 + length) {
        this.#rest = rest.slice(4 + length);
        return rest.slice(4, 4 + length);
      }
      const buffer = new Uint8Array(65_536);
      const count = await guard(this.conn.read(buffer).catch(() => null), () => "a message");
      if (count === null) return undefined;
      this.#rest = join(rest, buffer.subarray(0, count));
    }
  }

  async send(kind: string, flags: number, numbers: number[], value?: unknown): Promise<void> {
    const head = new Uint8Array([2, 6, 10, 12][numbers.length]!);
    const view = new DataView(head.buffer);
    const [id = 0, object = 0, method = 0] = numbers;
    view.setUint32(2, id);
    if (numbers.length === 3) {
      view.setUint32(6, object);
      view.setUint16(10, method);
    }
    const encoding = value === undefined
      ? NOTHING
      : value instanceof Uint8Array
      ? BYTES
      : JSON_TEXT;
    const body = value instanceof Uint8Array
      ? value
      : encoding === NOTHING
      ? ""
      : JSON.stringify(value);
    head.set([KIND[kind]!, flags | encoding]);
    await this.sendFrame(join(head, body));
  }

  async receive(): Promise<Message> {
    const frame = await this.frame();
    assert(frame !== undefined, "the connection has ended");
    const [number = 0, flags = 0] = frame;
    const kind = NAMES.get(number)!;
    const view = new DataView(frame.buffer);
    const isCall = kind === "call" || kind === "notify";
    const body = frame.slice(isCall ? 12 : 6);
    const encoding = flags & 0x0f;
    const value = encoding === JSON_TEXT
      ? JSON.parse(text(body))
      : encoding === BYTES
      ? body
      : undefined;
    const [object, method] = isCall ? [view.getUint32(6), view.getUint16(10)] : [0, 0];
    return { kind, flags, id: view.getUint32(2), object, method, value };
  }

  /** Calls a method, and says under which number. */
  async call(object: Loan, method: string, ...args: unknown[]): Promise<number> {
    const number = object.methods.indexOf(method);
    assert(number !== -1, `${method} is none of ${object.methods}`);
    const id = ++this.#calls;
    const isOne = args.length === 1;
    const value = isOne ? args[0] : args.length === 0 ? undefined : args;
    await this.send("call", isOne ? ONE_ARGUMENT : 0, [id, object.id, number], value);
    return id;
  }

  /** Calls a method, and waits for the answer. */
  async ask(object: Loan, method: string, ...args: unknown[]): Promise<Message> {
    const id = await this.call(object, method, ...args);
    const answer = await this.receive();
    assertEquals(answer.id, id);
    return answer;
  }

  get root(): Loan {
    return { id: 0, methods: this.methods };
  }
}
