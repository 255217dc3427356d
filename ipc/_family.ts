import { runOutsideTasks } from "../coroutine/_current_scope.ts";
import { listenForCancel } from "../coroutine/_listen_for_cancel.ts";
import type { LentMethod } from "../coroutine/_lending.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import type { Ticket } from "./_authentication.ts";
import { type Connected, connectSession } from "./_connect.ts";
import { Ending } from "./_ending.ts";
import { familyKey, setFamilyKey } from "./_for_threads.ts";
import { Hub } from "./_hub.ts";
import { Loan } from "./_loan.ts";
import type { Hello } from "./_messages.ts";
import {
  type Borrowed,
  type LentReference,
  type Place,
  placeName,
  type ReferenceScope,
} from "./_reference.ts";
import { type CallOptions, type RemoteObject, rootObject, type Session } from "./_session.ts";
import type { TlsOptions } from "./tls_options.ts";
import type { Address } from "./address.ts";
import { ConnectionClosedError, ConnectionLostError } from "./errors.ts";

/**
 * The family: a process, its children, and theirs. They have one key, which each child gets over its
 * standard input. Every process of the family that lends something, or has children, has one hub on
 * loopback; it is started when it is first needed and closed when nothing needs it any more.
 */

export const LOOPBACK = "127.0.0.1";

/** A child's side of the connection to its parent, and its methods. */
export interface ChildSession {
  readonly session: Session;
  readonly root: RemoteObject;
}

/** A child that was started, or is about to be. */
export interface ExpectedChild {
  /** What the child is told, to be recognised. */
  readonly ticket: Ticket;
  /** Fulfilled when it has connected. */
  readonly arrived: Promise<ChildSession>;
  arrive(child: ChildSession): void;
  /** It will not come any more. */
  forget(error: unknown): void;
  isRedeemed: boolean;
}

/** A connection on which objects are borrowed. */
interface Connection {
  readonly session: Session;
  readonly root: RemoteObject;
  /** Who is on the other side, for the texts of errors. */
  readonly what: string;
  /** Objects that are borrowed over it. */
  borrowed: number;
  /** Whether it stays when nothing is borrowed: the channel to the parent, a manager's. */
  readonly lasting: boolean;
  /** Whether nothing is borrowed over it any more and it is being closed. */
  isLeaving: boolean;
  /** Nobody else is to find it. */
  forget(): void;
}

/** An object that was borrowed, and the connection over which. */
interface Opened {
  readonly connection: Connection;
  readonly object: RemoteObject;
}

let hub: FamilyHub | undefined;
/** The connections that are open, by the names of their places. */
const connections = new Map<string, Promise<Connection>>();

export { familyKey };

/**
 * Makes this process a member of its parent's family, and connects to it.
 *
 * @param parent The parent's key and port, and what this child shows to be recognised.
 * @param methods What the parent may call here.
 */
export async function joinFamily(
  parent: { key: Uint8Array<ArrayBuffer>; port: number; ticket: Ticket },
  methods: Readonly<Record<string, LentMethod>>,
): Promise<Session> {
  const { key, port, ticket } = parent;
  setFamilyKey(key);
  const scope: ReferenceScope = { place: { port }, isFamily: true };
  const address = { hostname: LOOPBACK, port };
  const connected = await connectSession(address, { key, ticket, methods, scope });
  const connection = lastingConnection(connected, "the parent process");
  scope.connection = connection;
  connections.set(placeName({ port }), Promise.resolve(connection));
  return connected.session;
}

/** A connection that stays although nothing is borrowed over it. */
export function lastingConnection(connected: Connected, what: string): Connection {
  return { ...connected, what, borrowed: 0, lasting: true, isLeaving: false, forget() {} };
}

/** Whether a key is that of the family. */
export function isFamilyKey(given: Uint8Array): boolean {
  return given === familyKey() || given.toHex() === familyKey().toHex();
}

/** Where a hub is, for references to what it lends. */
export function placeOf(
  { hostname, port }: Address,
  hubKey: Uint8Array,
  tls?: TlsOptions,
): Place {
  const isFamily = isFamilyKey(hubKey);
  const isHere = ["127.0.0.1", "localhost", "0.0.0.0"].includes(hostname);
  return {
    hostname: isFamily && isHere ? undefined : hostname,
    port,
    key: isFamily ? undefined : hubKey.toHex(),
    tls,
  };
}

class FamilyHub {
  /** How many children and lent objects need the hub. */
  users = 0;
  readonly objects = new Map<string, object>();
  readonly #expected = new Map<string, ExpectedChild>();
  readonly port: number;
  readonly #hub: Hub;

  constructor() {
    this.#hub = new Hub({
      key: familyKey(),
      redeem: (ticket) => this.#redeem(ticket),
      methods: { borrow: (_call, id: string) => this.#borrow(id) },
      onSession: (session, hello) => this.#onSession(session, hello),
      background: true,
    });
    this.port = this.#hub.listen({ hostname: LOOPBACK, port: 0 }).port;
  }

  /** Makes a ticket for a child that is about to be started. */
  expect(): ExpectedChild {
    const { promise, resolve, reject } = Promise.withResolvers<ChildSession>();
    const ticket = crypto.randomUUID();
    const child: ExpectedChild = {
      ticket: { ticket, proof: crypto.randomUUID() },
      arrived: promise,
      arrive: resolve,
      forget: (error) => {
        this.#expected.delete(ticket);
        reject(error);
      },
      isRedeemed: false,
    };
    this.#expected.set(ticket, child);
    return child;
  }

  async close(): Promise<void> {
    await this.#hub.close("its process needs it no more");
  }

  #borrow(id: string): Loan {
    const object = this.objects.get(id);
    if (object === undefined) {
      throw new ReferenceError("Cannot borrow the object: its owner has closed it");
    }
    return new Loan(object);
  }

  #onSession(session: Session, hello: Hello): void {
    const child = this.#expected.get(hello.ticket ?? "");
    if (child?.isRedeemed !== true) return;
    this.#expected.delete(child.ticket.ticket);
    child.arrive({ session, root: rootObject(hello) });
  }

  #redeem(ticket: string): string | undefined {
    const child = this.#expected.get(ticket);
    if (child === undefined || child.isRedeemed) return undefined;
    child.isRedeemed = true;
    return child.ticket.proof;
  }
}

/** Says that the hub is needed. Each call is followed by one of {@linkcode releaseHub}. */
export function acquireHub(): FamilyHub {
  hub ??= runOutsideTasks(() => new FamilyHub());
  hub.users++;
  return hub;
}

/** Says that the hub is not needed any more; the last one closes it. */
export async function releaseHub(used: FamilyHub): Promise<void> {
  if (--used.users > 0) return;
  if (hub === used) hub = undefined;
  await used.close();
}

/** An object that this process lends to its family. */
export class Lending {
  readonly #hub: FamilyHub = acquireHub();
  readonly reference: LentReference;

  constructor(object: object) {
    const id = crypto.randomUUID();
    this.#hub.objects.set(id, object);
    this.reference = { port: this.#hub.port, id };
  }

  /** Ends the lending: who asks for the object from now on learns that it is gone. */
  async end(): Promise<void> {
    this.#hub.objects.delete(this.reference.id);
    await releaseHub(this.#hub);
  }
}

/** An object of another process. */
export class Borrowing implements Borrowed {
  readonly reference: LentReference;
  #opening: Promise<Opened> | undefined;
  #isOpen = false;
  /** Calls that wait for it to be opened: who comes later must not overtake them. */
  #waiting = 0;
  readonly #closed = new Ending();

  constructor(reference: LentReference) {
    this.reference = reference;
  }

  /**
   * Calls a method of the object; the first call borrows it.
   *
   * @param options What ends the call: the task that makes it, unless that is excluded; then that task hears of its
   * cancellation in the next wait.
   */
  async call(
    method: string,
    args: readonly unknown[],
    options: CallOptions = {},
  ): Promise<unknown> {
    const { connection, object } = await this.#reach(args, options);
    return await connection.session.call(object, method, args, {
      withTask: true,
      ...options,
      // Whoever waits for an object that is given back meanwhile must not wait for ever.
      until: this.#closed,
    });
  }

  /** The connection over which the object is borrowed. */
  async session(): Promise<Session> {
    return (await this.#reach([], { withTask: false })).connection.session;
  }

  /** Calls a method without waiting for its answer: it is done before what this process calls later. */
  async notify(method: string, args: readonly unknown[]): Promise<void> {
    const { connection, object } = await this.#reach([], { withTask: false });
    connection.session.notify(object, method, args);
  }

  /** Gives the object back. */
  async close(): Promise<void> {
    if (this.#closed.aborted) return;
    this.#closed.abort(
      new ConnectionClosedError("The object was given back before the call had its answer"),
    );
    const opened = await this.#opening?.catch(() => undefined);
    if (opened === undefined) return;
    opened.connection.session.release(opened.object);
    await leave(opened.connection);
  }

  /** What the object is behind, when it is there. A call that is given up before does not wait for it. */
  #reach(args: readonly unknown[], options: CallOptions): Promise<Opened> {
    const opening = this.#opening ??= this.#open();
    if (this.#isOpen && this.#waiting === 0) return opening;
    const { promise, resolve, reject } = Promise.withResolvers<Opened>();
    this.#waiting++;
    const settled = () => void this.#waiting--;
    promise.then(settled, settled);
    let unlisten: (() => void) | undefined;
    const leave = () => {
      unlisten?.();
      this.#closed.removeEventListener("abort", onClosed);
    };
    const fail = (reason: unknown) => {
      leave();
      reject(reason);
    };
    const onClosed = () => fail(this.#closed.reason);
    this.#closed.addEventListener("abort", onClosed);
    opening.then((opened) => {
      leave();
      resolve(opened);
    }, fail);
    const { signal = (args.at(-1) as WaitOptions | null | undefined)?.signal } = options;
    if (!(signal instanceof AbortSignal) && options.withTask === false) return promise;
    try {
      unlisten = listenForCancel(signal, fail);
    } catch (reason) {
      fail(reason);
    }
    return promise;
  }

  async #open(): Promise<Opened> {
    const connection = await enter(this.reference);
    try {
      const object = await connection.session.call(connection.root, "borrow", [this.reference.id]);
      this.#isOpen = true;
      return { connection, object: object as RemoteObject };
    } catch (error) {
      await leave(connection);
      throw error;
    }
  }
}

/** A connection on which one more object may be borrowed. Each call is followed by {@linkcode leave}. */
async function enter({ hostname, port, key, tls, via }: LentReference): Promise<Connection> {
  if (via !== undefined && share(via as Connection)) return via as Connection;
  const place = { hostname, port, key, tls };
  const name = placeName(place);
  // Between the last look and the entry nothing else runs, so that there are not two to one place.
  for (let known = connections.get(name); known !== undefined; known = connections.get(name)) {
    const connection = await known;
    if (share(connection)) return connection;
    if (connections.get(name) === known) connections.delete(name);
  }
  const scope: ReferenceScope = { place, isFamily: key === undefined };
  const opening: Promise<Connection> = runOutsideTasks(() =>
    connectSession({ hostname: hostname ?? LOOPBACK, port }, {
      key: key === undefined ? familyKey() : Uint8Array.fromHex(key),
      tls,
      scope,
    })
  ).then((connected) => {
    const what = connected.session.peer;
    const connection = {
      ...connected,
      what,
      borrowed: 1,
      lasting: false,
      isLeaving: false,
      forget,
    };
    return scope.connection = connection;
  });
  const forget = () => {
    if (connections.get(name) === opening) connections.delete(name);
  };
  connections.set(name, opening);
  try {
    return await opening;
  } catch (error) {
    forget();
    throw error;
  }
}

/** Has one more object borrowed over a connection, unless it has ended. */
function share(connection: Connection): boolean {
  if (!connection.session.isClosed && !connection.isLeaving) {
    connection.borrowed++;
    return true;
  }
  if (connection.lasting) {
    throw new ConnectionLostError(`Lost the connection to ${connection.what}`);
  }
  return false;
}

async function leave(connection: Connection): Promise<void> {
  if (--connection.borrowed > 0 || connection.lasting) return;
  connection.isLeaving = true;
  connection.forget();
  await connection.session.close();
}

export type { FamilyHub, LentReference };
