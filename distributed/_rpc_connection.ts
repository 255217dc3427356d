import { waitWithin } from "../coroutine/_wait_within.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import { type ConnectOptions, connectSession } from "../ipc/_connect.ts";
import { RemoteObject, type Session } from "../ipc/_session.ts";
import { type Address, formatAddress } from "../ipc/address.ts";
import { ProtocolError } from "../ipc/errors.ts";
import { countDown } from "./_count_down.ts";
import type { Losable } from "./_reconnector.ts";
import type { Inputs } from "./_rpc_inputs.ts";
import { type Description, readDescription } from "./_rpc_wire.ts";

/** How long a server may take to say what it serves. */
const WELCOME_MS = 20_000;

/** Options for {@linkcode RpcConnection.open}. */
export interface RpcConnectOptions extends Omit<ConnectOptions, "methods" | "ticket" | "scope"> {
  /** The streams that the server may pull from. */
  readonly inputs: Inputs;
}

/** A connection to an rpc server, and what it serves. */
export class RpcConnection implements Losable {
  readonly session: Session;
  /** What has the functions. */
  readonly object: RemoteObject;
  readonly description: Description;

  constructor(session: Session, object: RemoteObject, description: Description) {
    this.session = session;
    this.object = object;
    this.description = description;
  }

  /** Connects once, and asks what is served. */
  static async open(address: Address, options: RpcConnectOptions): Promise<RpcConnection> {
    const { inputs, signal, timeoutMs = WELCOME_MS, ...settings } = options;
    const left = countDown({ signal, timeoutMs });
    const peer = formatAddress(address);
    const welcome = Promise.withResolvers<[token: unknown, description: unknown]>();
    const { session, root } = await connectSession(address, {
      ...settings,
      ...left(),
      methods: {
        welcome: (_: unknown, ...said: [unknown, unknown]) => welcome.resolve(said),
        pull: (_: unknown, id: unknown, credit: unknown) => inputs.pull(id, credit),
        end: (_: unknown, id: unknown) => inputs.end([id]),
      },
    });
    try {
      if (!root.methods.includes("open")) {
        throw new ProtocolError(`Cannot connect to ${peer}: no RpcServer listens there`);
      }
      session.hold();
      let object: unknown;
      let description: Description | undefined;
      try {
        const lost = session.closed.then(() => session.call(root, "open", [])) as Promise<never>;
        const [token, described] = await waitWithin(
          Promise.race([welcome.promise, lost]),
          left(),
          (ms) => {
            throw new TimeoutError(`Cannot connect to ${peer}: no answer within ${ms} ms`);
          },
        );
        object = await session.call(root, "open", [token], { ...left(), withTask: true });
        description = readDescription(described);
      } finally {
        session.letGo();
      }
      if (description === undefined || !(object instanceof RemoteObject)) {
        throw new ProtocolError(`Cannot connect to ${peer}: what it serves is not readable`);
      }
      return new RpcConnection(session, object, description);
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  get isClosed(): boolean {
    return this.session.isClosed;
  }

  async close(): Promise<void> {
    await this.session.close();
  }
}
