import { type Connected, type ConnectOptions, connectSession } from "../ipc/_connect.ts";
import { isFamilyKey, lastingConnection, placeOf } from "../ipc/_family.ts";
import { makeProxy } from "../ipc/_proxy.ts";
import { RemoteObject } from "../ipc/_session.ts";
import type { ReferenceScope } from "../ipc/_reference.ts";
import { type Address, formatAddress } from "../ipc/address.ts";

/** The connection of a manager's object to a server, whatever it speaks. */
export interface ManagerClient {
  /** Whether the connection is known to have ended. */
  readonly isClosed: boolean;
  /** Asks for an object of what is registered under a name. */
  create(typeid: string, args: readonly unknown[]): Promise<unknown>;
  /** Has the server shut down. */
  shutdown(): Promise<void>;
  /** Disconnects. */
  close(): Promise<void>;
}

/** A client of a server of this package: one connection, any number of calls in flight. */
export class NativeClient implements ManagerClient {
  readonly #connected: Connected;

  constructor(connected: Connected) {
    this.#connected = connected;
  }

  /** Connects, and has both sides prove the key. */
  static async connect(address: Address, options: ConnectOptions): Promise<NativeClient> {
    const scope: ReferenceScope = {
      place: placeOf(address, options.key, options.tls),
      isFamily: isFamilyKey(options.key),
    };
    const connected = await connectSession(address, { ...options, scope });
    scope.connection = lastingConnection(connected, `the manager on ${formatAddress(address)}`);
    return new NativeClient(connected);
  }

  get isClosed(): boolean {
    return this.#connected.session.isClosed;
  }

  async create(typeid: string, args: readonly unknown[]): Promise<unknown> {
    const { session, root } = this.#connected;
    const made = await session.call(root, "create", [typeid, args], { withTask: true });
    return made instanceof RemoteObject ? makeProxy(session, made) : made;
  }

  async shutdown(): Promise<void> {
    const { session, root } = this.#connected;
    await session.call(root, "shutdown", []);
  }

  async close(): Promise<void> {
    await this.#connected.session.close();
  }
}
