import { runOutsideTasks } from "../coroutine/_current_scope.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { type Caller, callTarget, isProxy, makeProxy, targetOf } from "../ipc/_proxy.ts";
import { type CallOptions, RemoteObject } from "../ipc/_session.ts";
import { ConnectionLostError } from "../ipc/errors.ts";
import { countDown } from "./_count_down.ts";
import { type ManagerClient, NativeClient } from "./_manager_client.ts";
import { Reconnector, type ReconnectorOptions } from "./_reconnector.ts";
import { waitInCall } from "./_wait_in_call.ts";

/** What a lasting proxy stands for: what was asked for, and what the manager has lent for it last. */
interface Lasting {
  readonly typeid: string;
  readonly args: readonly unknown[];
  /** The proxy of the connection `client`. */
  proxy: object;
  client: ManagerClient;
  /** Asks for it anew, once for all calls that wait for it. */
  renewing: { readonly client: ManagerClient; readonly proxy: Promise<object> } | undefined;
}

const lasting = new WeakMap<object, Lasting>();

/** What a lasting proxy stands for on the present connection; any other proxy stands for itself. */
export function presentProxy<T extends object>(proxy: T): T {
  return (lasting.get(proxy)?.proxy ?? proxy) as T;
}

/**
 * A client that connects anew when its connection is lost.
 *
 * It does so when a call needs it, and tries for as long as a call waits: a client that nobody uses does nothing. What
 * is in flight when the connection breaks is not repeated, since it may have been done.
 */
export class ReconnectingClient implements ManagerClient, Caller {
  readonly #peer: string;
  readonly #lasting = new WeakMap<RemoteObject, Lasting>();
  readonly #connection: Reconnector<ManagerClient>;

  constructor(options: ReconnectorOptions<ManagerClient>) {
    this.#peer = options.peer;
    this.#connection = new Reconnector(options);
  }

  get isClosed(): boolean {
    return this.#connection.isClosed;
  }

  /** Connects, or fails for good. */
  async connect(options: WaitOptions): Promise<void> {
    await this.#connection.ready(options);
  }

  async create(typeid: string, args: readonly unknown[]): Promise<unknown> {
    const client = await this.#connection.ready({});
    const made = await this.#using(client, () => client.create(typeid, args));
    if (!isProxy(made)) return made;
    return this.#lend({ typeid, args, proxy: made, client, renewing: undefined });
  }

  async call(
    object: RemoteObject,
    method: string,
    args: readonly unknown[],
    options: CallOptions = {},
  ): Promise<unknown> {
    const what = this.#lasting.get(object)!;
    this.#connection.checkOpen();
    let sent = args;
    if (what.client !== this.#connection.present()) {
      const since = performance.now();
      const { wait, isSure } = waitInCall(object.methods, method, args);
      const { signal = wait.signal, timeoutMs = wait.timeoutMs } = options;
      await this.#restore(what, { signal, timeoutMs });
      if (isSure && wait.timeoutMs !== undefined) sent = shorten(args, performance.now() - since);
    }
    const { client, proxy } = what;
    return await this.#using(client, () => callTarget(targetOf(proxy), method, sent, options));
  }

  release(object: RemoteObject): void {
    const what = this.#lasting.get(object);
    if (what === undefined || what.client !== this.#connection.present()) return;
    void (what.proxy as AsyncDisposable)[Symbol.asyncDispose]();
  }

  referenceTo(object: RemoteObject): ReturnType<Caller["referenceTo"]> {
    const { session, object: present } = targetOf(this.#lasting.get(object)!.proxy);
    return session.referenceTo(present);
  }

  async shutdown(): Promise<void> {
    const client = this.#connection.present();
    if (client === undefined) throw new ConnectionLostError(`Lost the connection to ${this.#peer}`);
    await client.shutdown();
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  /** Does something over a connection, and drops the connection when it turns out to be lost. */
  async #using<T>(client: ManagerClient, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      // A native connection knows by itself that it has ended. A client of a Python manager has many.
      const isLost = error instanceof ConnectionLostError && !(client instanceof NativeClient);
      if (isLost) this.#connection.drop(client);
      throw error;
    }
  }

  // Proxies

  #lend(what: Lasting): object {
    const { object } = targetOf(what.proxy);
    const own = new RemoteObject(object.id, object.methods);
    this.#lasting.set(own, what);
    const proxy = makeProxy<object>(this, own, (bare) => {
      // How Python's objects are iterated over.
      if (!(Symbol.asyncIterator in what.proxy)) return;
      Object.defineProperty(bare, Symbol.asyncIterator, {
        value: () => (what.proxy as AsyncIterable<unknown>)[Symbol.asyncIterator](),
      });
    });
    lasting.set(proxy, what);
    return proxy;
  }

  /** Waits until a proxy stands for an object of the present connection. Nothing of the call has been sent. */
  async #restore(what: Lasting, options: WaitOptions): Promise<void> {
    const left = countDown(options);
    while (what.client !== this.#connection.present()) {
      const client = await this.#connection.ready(left());
      const renewing = this.#renew(what, client);
      renewing.catch(() => {});
      try {
        await waitWithin(renewing, left(), (timeoutMs) => {
          throw new TimeoutError(`${this.#peer} did not answer within ${timeoutMs} ms`);
        });
      } catch (error) {
        // It was lost once more: the next one may last.
        if (!(error instanceof ConnectionLostError) || this.#connection.present() === client) {
          throw error;
        }
      }
    }
  }

  async #renew(what: Lasting, client: ManagerClient): Promise<void> {
    if (what.client === client) return;
    if (what.renewing?.client !== client) {
      const proxy = runOutsideTasks(() => this.#askAgain(what, client));
      what.renewing = { client, proxy };
    }
    const { renewing } = what;
    try {
      what.proxy = await renewing.proxy;
      what.client = client;
    } finally {
      if (what.renewing === renewing) what.renewing = undefined;
    }
  }

  async #askAgain({ typeid, args }: Lasting, client: ManagerClient): Promise<object> {
    const made = await this.#using(client, () => client.create(typeid, args));
    if (isProxy(made)) return made;
    throw new TypeError(`Cannot use "${typeid}" again: the manager does not lend an object for it`);
  }
}

/** Takes the time that has been waited from the time limit of a call. */
function shorten(args: readonly unknown[], waitedMs: number): readonly unknown[] {
  const last = args.at(-1) as WaitOptions;
  return [...args.slice(0, -1), { ...last, timeoutMs: Math.max(0, last.timeoutMs! - waitedMs) }];
}
