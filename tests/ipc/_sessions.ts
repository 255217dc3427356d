import { assertInstanceOf } from "@std/assert";
import type { LentCall, LentMethod } from "../../coroutine/_lending.ts";
import { FrameStream } from "../../ipc/_frame_stream.ts";
import { makeProxy } from "../../ipc/_proxy.ts";
import { RemoteObject, rootObject, Session } from "../../ipc/_session.ts";
import type { Remote } from "../../ipc/mod.ts";
import { Gate } from "../support/gate.ts";
import { createMemoryPair, type MemoryEnd } from "./_memory_stream.ts";

export const MIB = 1024 * 1024;

/** What the waits of tests are aborted with. */
export const REASON = new Error("enough");

export type Methods = Readonly<Record<string, LentMethod>>;

/** One side of two that talk in memory. */
export interface Side {
  readonly end: MemoryEnd;
  readonly stream: FrameStream;
  readonly session: Session;
  /** What the other side offers. */
  readonly remote: RemoteObject;
}

/** A client and a server that talk in memory. */
export class SessionPair implements AsyncDisposable {
  readonly client: Side;
  readonly server: Side;

  constructor(methods: Methods, clientMethods: Methods = {}) {
    const [clientEnd, serverEnd] = createMemoryPair();
    this.client = createSide(clientEnd, "the server", clientMethods, methods);
    this.server = createSide(serverEnd, "the client", methods, clientMethods);
  }

  /** Calls a method of the server. */
  call(method: string, ...args: unknown[]): Promise<unknown> {
    return this.client.session.call(this.client.remote, method, args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.client.session.close(), this.server.session.close()]);
  }
}

function createSide(end: MemoryEnd, peer: string, own: Methods, others: Methods): Side {
  const stream = new FrameStream(end, { peer, maxFrameBytes: 256 * 1024 * 1024 });
  const session = new Session(stream, { methods: own, background: true });
  session.start();
  return { end, stream, session, remote: rootObject({ methods: Object.keys(others) }) };
}

/** Lends a queue and gives it to the client, as a proxy. */
export async function borrow<T>(pair: SessionPair): Promise<Remote<T>> {
  const object = await pair.call("lend");
  assertInstanceOf(object, RemoteObject);
  return makeProxy<T>(pair.client.session, object);
}

/** A method that waits until it is told to stop, and what happened to it. */
export function createWaiting(): { method: LentMethod; started: Gate; reasons: unknown[] } {
  const started = new Gate();
  const reasons: unknown[] = [];
  const method: LentMethod = async ({ signal }: LentCall) => {
    started.open();
    const aborted = new Gate();
    signal.addEventListener("abort", () => aborted.open(), { once: true });
    if (!signal.aborted) await aborted.wait();
    reasons.push(signal.reason);
    throw signal.reason;
  };
  return { method, started, reasons };
}
