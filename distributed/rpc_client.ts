/**
 * Calling functions on other machines.
 *
 * @module
 */

import { checkCount } from "../coroutine/_call_settings.ts";
import { checkTimeout } from "../coroutine/_check_timeout.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { readKey } from "../ipc/_authentication.ts";
import { familyKey } from "../ipc/_family.ts";
import {
  type Address,
  type AddressLike,
  formatAddress,
  parseAddress,
  type TlsOptions,
} from "../ipc/mod.ts";
import { checkTls } from "../ipc/_tls.ts";
import { type Losable, Reconnector } from "./_reconnector.ts";
import { checkRetry } from "./_retry.ts";
import { type Line, makeRemote, withLimits } from "./_rpc_caller.ts";
import { RpcConnection } from "./_rpc_connection.ts";
import { Inputs } from "./_rpc_inputs.ts";
import { checkLimits } from "./_server_limits.ts";
import type { RetryOptions } from "./retry_options.ts";
import type { Rpc } from "./rpc.ts";

/** Options for {@linkcode RpcClient.connect}. */
export interface RpcClientOptions extends WaitOptions {
  /** Where the server listens. */
  address: AddressLike;
  /**
   * The key that the server has as well; text is taken as UTF-8.
   *
   * @default {the key that this process shares with those that it has started}
   */
  authkey?: string | Uint8Array | undefined;
  /**
   * Encrypts the connection, when the server does so too.
   *
   * @default {undefined: it is not encrypted}
   */
  tls?: TlsOptions | undefined;
  /**
   * Connects anew when the connection is lost, and already at first, when nobody listens yet. Calls wait meanwhile.
   *
   * @default {undefined: it does not}
   */
  retry?: boolean | RetryOptions | undefined;
  /**
   * How many values of a stream the server may make before they are asked for; 0 has each one made when it is
   * wanted. With more than about a megabyte in store the server waits, whatever this says.
   *
   * @default {256}
   */
  lookAhead?: number | undefined;
  /**
   * The largest message that is accepted, in bytes.
   *
   * @default {268435456}
   */
  maxMessageBytes?: number | undefined;
  /**
   * Whether HMAC-MD5 is accepted in the handshake.
   *
   * @default {true}
   */
  allowLegacyAuth?: boolean | undefined;
}

/** Options for {@linkcode RpcClient.within}. */
export interface RpcLimits extends WaitOptions {
  /**
   * Whether a call that was in flight when the connection was lost is made again on the next one. It may run twice:
   * say so of functions that only read, or for which once more makes no difference. It needs a client with `retry`,
   * and goes for calls of its `api` without streams among the arguments.
   *
   * @default {false}
   */
  mayRepeat?: boolean | undefined;
}

/**
 * Calls the functions and classes that an {@linkcode RpcServer} serves (Python's
 * {@link https://docs.python.org/3/library/xmlrpc.client.html | xmlrpc.client.ServerProxy}, and what rpyc's
 * connections are).
 *
 * - {@linkcode api} has what is served, with the types of `typeof api` on the server: a function answers a promise, a
 *   generator is iterated with `for await`, a class makes objects by `create()`. See {@linkcode Rpc}.
 * - Any number of calls are in flight on the one connection. When it is lost, all of them reject with a
 *   `ConnectionLostError`, and so do later ones.
 * - With the option `retry` later ones wait until there is a connection again. Those in flight reject all the same,
 *   since nobody knows whether they ran, unless {@linkcode RpcClient.within} was told that they may be repeated;
 *   streams that had begun reject, and objects that the client had are freed: they have to be made anew.
 * - A call ends with the task that makes it, with the `signal` of a last argument, or as {@linkcode within} says; the
 *   function on the server is cancelled then. One that does not heed it goes on there, and its result is thrown away.
 * - Arguments are copied. A generator, a `ReadableStream`, or anything else that is iterable and no data is pulled
 *   by the function as it needs values, until the call has ended; then it is closed.
 * - What the function throws is thrown here: with its class if that is known here, its message, cause, own fields
 *   and stack.
 * - An open connection does not keep the process alive; a call in flight does.
 *
 * Needs `--allow-net` for the address.
 *
 * @example Streams in both directions
 * ```ts
 * import { RpcClient, RpcServer } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const api = {
 *   async *double(numbers: AsyncIterable<number>) {
 *     for await (const n of numbers) yield 2 * n;
 *   },
 * };
 * await using server = new RpcServer(api, { authkey: "key" });
 * await using client = await RpcClient.connect<typeof api>({
 *   address: server.address,
 *   authkey: "key",
 * });
 *
 * function* naturals() {
 *   for (let n = 1;; n++) yield n; // read as far as it is needed
 * }
 * const doubled: number[] = [];
 * for await (const n of client.api.double(naturals())) {
 *   doubled.push(n);
 *   if (n === 6) break; // ends the generators on both sides
 * }
 * assertEquals(doubled, [2, 4, 6]);
 * ```
 *
 * @typeParam Api What the server serves: `typeof api`, imported from it as a type.
 */
export class RpcClient<Api> implements AsyncDisposable {
  readonly #connection: Losable;
  readonly #address: Address;
  readonly #api: Rpc<Api>;

  /** @ignore Clients are made by {@linkcode RpcClient.connect}. */
  protected constructor(connection: Losable, address: Address, api: Rpc<Api>) {
    this.#connection = connection;
    this.#address = address;
    this.#api = api;
  }

  /**
   * Connects to a server. It tries once; with `retry` it tries again while nobody is there, until `timeoutMs` if that
   * is given. A server that refuses this client, for another key or protocol, is not asked again.
   *
   * @typeParam Api What the server serves: `typeof api`.
   * @param options Where it is, the key, and what stops the wait.
   * @returns The client, to be closed or disposed of.
   * @throws {TypeError} When the address cannot be read, or an option is of the wrong kind.
   * @throws {RangeError} When a number is outside its range.
   * @throws {Deno.errors.ConnectionRefused} When nobody listens there.
   * @throws {ConnectionLostError} When no try of `retry` is left, or the server left before it said what it serves.
   * @throws {Deno.errors.NotCapable} When the permission to connect is missing.
   * @throws {AuthenticationError} When the keys differ.
   * @throws {ProtocolError} When another kind of program listens there.
   * @throws {TimeoutError} When there was no answer in time; one try takes 20 seconds at most.
   */
  static async connect<Api>(options: RpcClientOptions): Promise<RpcClient<Api>> {
    const { signal, authkey, lookAhead = 256, maxMessageBytes, allowLegacyAuth, tls } = options;
    checkCount("connect", "lookAhead", lookAhead, 0);
    checkLimits("connect", { maxMessageBytes });
    checkTls("connect", tls);
    const retry = checkRetry("connect", options.retry);
    checkTimeout(options.timeoutMs);
    const address = parseAddress(options.address);
    const peer = formatAddress(address);
    const inputs = new Inputs();
    const settings = {
      key: authkey === undefined ? familyKey() : readKey(authkey),
      maxMessageBytes,
      allowLegacy: allowLegacyAuth,
      tls,
      inputs,
    };
    signal?.throwIfAborted();
    if (retry === undefined) {
      const { timeoutMs } = options;
      const connection = await RpcConnection.open(address, { ...settings, signal, timeoutMs });
      return RpcClient.#of<Api>({ peer, inputs, lookAhead, connection }, address, connection);
    }
    const connection = new Reconnector({
      peer,
      settings: retry,
      open: (wait) => RpcConnection.open(address, { ...settings, ...wait }),
    });
    const first = await connection.ready(options);
    return RpcClient.#of<Api>({ peer, inputs, lookAhead, connection }, address, first);
  }

  static #of<Api>(line: Line, address: Address, { description }: RpcConnection): RpcClient<Api> {
    return new RpcClient<Api>(line.connection, address, makeRemote(line, description) as Rpc<Api>);
  }

  /**
   * The same functions, or the same object, with limits: for calls that may take so long, or that a signal ends.
   *
   * - When `timeoutMs` is over the call rejects, and the function on the server is cancelled; it can ask for the time
   *   that is left with `rpcTimeLeftMs()`, and calls that it makes to other servers have the limit as well.
   * - Of a stream, it is the time for all of its values.
   * - With `retry`, the time that a call waits for a connection counts as well.
   *
   * @example A call that may take two seconds
   * ```ts
   * import { RpcClient, RpcServer } from "@manyhands/concurrency/distributed";
   * import { sleep, TimeoutError } from "@manyhands/concurrency/coroutine";
   * import { assertEquals, assertRejects } from "@std/assert";
   *
   * const api = { wait: (ms: number) => sleep(ms, { result: "done" }) };
   * await using server = new RpcServer(api, { authkey: "key" });
   * await using client = await RpcClient.connect<typeof api>({
   *   address: server.address,
   *   authkey: "key",
   * });
   * assertEquals(await RpcClient.within(client.api, { timeoutMs: 2000 }).wait(1), "done");
   * const hasty = RpcClient.within(client.api, { timeoutMs: 1 });
   * await assertRejects(() => hasty.wait(60_000), TimeoutError);
   * ```
   *
   * @example A client that outlives the server's restarts
   * ```ts
   * import { RpcClient, RpcServer } from "@manyhands/concurrency/distributed";
   * import { assertEquals } from "@std/assert";
   *
   * const api = { version: () => 7 };
   * await using server = new RpcServer(api, { authkey: "key" });
   * await using client = await RpcClient.connect<typeof api>({
   *   address: server.address,
   *   authkey: "key",
   *   retry: true,
   * });
   * // To ask twice does no harm.
   * const { version } = RpcClient.within(client.api, { mayRepeat: true });
   * assertEquals(await version(), 7);
   * ```
   *
   * @typeParam T The type of the functions or of the object.
   * @param remote The `api` of a client, or an object that `create()` answered.
   * @param limits How long each call may take, what ends it, and whether it may be repeated.
   * @returns The same, with these limits and no others.
   * @throws {TypeError} When it is neither of the two, or its calls cannot be repeated.
   */
  static within<T extends object>(remote: T, limits: RpcLimits): T {
    return withLimits(remote, limits);
  }

  /** What the server serves. */
  get api(): Rpc<Api> {
    return this.#api;
  }

  /** Where the server listens. */
  get address(): Address {
    return this.#address;
  }

  /** Whether the connection has ended, whoever ended it. With `retry`, the next call makes another one. */
  get isClosed(): boolean {
    return this.#connection.isClosed;
  }

  /**
   * Closes the connection in order. Calls in flight reject with a `ConnectionClosedError`; the server cancels them,
   * and frees the objects of this client.
   *
   * @returns When it is closed.
   */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  /** Closes the connection, as {@linkcode close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
