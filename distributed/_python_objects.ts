import type { LentCall } from "../coroutine/_lending.ts";
import { Queue } from "../coroutine/queue.ts";
import type { Address } from "../ipc/address.ts";
import { ProxyReference, Token } from "./_pickle_types.ts";
import type { PythonArguments } from "./_python_arguments.ts";
import { ListView } from "./_python_list_view.ts";
import { DictView } from "./_python_dict_view.ts";
import { isPythonName, toPythonName } from "./_python_names.ts";
import { isIterator, IteratorView, ObjectView } from "./_python_object_view.ts";
import { QueueView } from "./_python_queue_view.ts";
import { isShared, methodsOf, sharedView, typeidOf } from "./_python_shared_view.ts";
import { synchronizerView } from "./_python_lock_views.ts";
import {
  type HasPythonView,
  PYTHON_VIEW,
  type PythonSeat,
  type PythonView,
} from "./_python_view.ts";
import type { Registration } from "./managed.ts";
import { PythonError } from "./python_errors.ts";
import { PyTuple } from "./python_types.ts";

/** An object that Python clients refer to. */
export class PythonEntry {
  /** What clients call it by. */
  readonly id: string;
  readonly typeid: string;
  readonly object: unknown;
  readonly view: PythonView;
  /** The methods that clients may call. */
  readonly exposed: ReadonlySet<string>;
  readonly typeids: ReadonlyMap<string, string>;
  /** What the clients of each connection have of it. */
  readonly seats = new Map<object, PythonSeat>();
  /** How many references clients have, by the host they are on. */
  readonly holders = new Map<string, number>();
  /** References that were taken and not given back. */
  count = 0;
  /** Whether it may be used without a reference: something here that clients can reach has it. */
  isKept = false;

  constructor(id: string, typeid: string, object: unknown, registration: Registration) {
    const { exposed, methodToTypeid } = registration;
    const view = viewOf(object, exposed);
    this.id = id;
    this.typeid = typeid;
    this.object = object;
    this.view = view;
    this.exposed = new Set(
      exposed === undefined ? view.methods : exposed.map(toPythonName).filter(isPythonName),
    );
    this.typeids = new Map([
      ...view.typeids ?? [],
      ...Object.entries(methodToTypeid ?? {}).map((
        [method, typeid],
      ): [string, string] => [toPythonName(method), typeid]),
    ]);
  }

  /** The names that a client is told: those with a type of their own come once more, as in Python. */
  get told(): PyTuple<string> {
    return PyTuple.from([...this.exposed, ...this.typeids.keys()]) as PyTuple<string>;
  }

  /** Whether clients may call a method, and its name if so: it may be asked for in our case. */
  resolve(method: string): string | undefined {
    if (this.exposed.has(method) || this.typeids.has(method)) return method;
    const name = toPythonName(method);
    return this.exposed.has(name) || this.typeids.has(name) ? name : undefined;
  }

  /** Nobody refers to it: what connections had of it goes back. */
  leaveAll(): void {
    for (const seat of this.seats.values()) seat.leave();
    this.seats.clear();
  }
}

/** Of what processes share, and nobody has registered. */
const SHARED: Registration = { callable: undefined, exposed: undefined };

/** How many names are made of one beginning: they look like addresses in memory, as Python's do. */
const ID_STEP = 0x40;

/**
 * The objects that Python clients refer to, with the count of their references.
 *
 * An object keeps its name as long as it lives. One to which nobody refers any more is not held here; when
 * something else holds it, and a client that has a proxy inside of other data asks for it, it is here again.
 */
export class PythonObjects {
  readonly #held = new Map<string, PythonEntry>();
  /** The entries of all objects that live, by registration. */
  readonly #known = new WeakMap<object, Map<Registration, PythonEntry>>();
  readonly #living = new Map<string, WeakRef<PythonEntry>>();
  readonly #gone = new FinalizationRegistry<string>((id) => this.#living.delete(id));
  #lastId = 0x7f00_0000_0000 + crypto.getRandomValues(new Uint32Array(1))[0]! * ID_STEP;

  /** How many of them clients refer to. */
  get size(): number {
    return this.#held.size;
  }

  /** Finds or makes the entry of an object, and takes a reference for whoever asked. */
  create(typeid: string, object: unknown, registration: Registration, host: string): PythonEntry {
    const identity = typeof object === "object" && object !== null ? object : {};
    const entry = this.#known.get(identity)?.get(registration) ??
      this.#enter(typeid, object, registration, identity);
    this.#take(entry, host);
    return entry;
  }

  /** What clients may call methods of. */
  find(id: unknown): PythonEntry {
    const entry = this.#held.get(id as string);
    if (entry !== undefined) return entry;
    const kept = this.#living.get(id as string)?.deref();
    if (kept?.isKept === true) return kept;
    throw new PythonError("KeyError", [id]);
  }

  /** Takes one more reference. */
  incref(id: unknown, host: string): void {
    this.#take(this.find(id), host);
  }

  /** Gives a reference back. Without any, nobody here holds the object. */
  decref(id: unknown, host: string): void {
    const entry = this.find(id);
    if (entry.count === 0) return;
    // Another host's, when a proxy was passed on from one to another.
    const from = entry.holders.has(host) ? host : entry.holders.keys().next().value!;
    const left = entry.holders.get(from)! - 1;
    if (left === 0) entry.holders.delete(from);
    else entry.holders.set(from, left);
    this.#drop(entry, 1);
  }

  /** Gives back all references of a host that is gone. What something else holds can still be used. */
  forget(host: string): void {
    for (const entry of [...this.#held.values()]) {
      const count = entry.holders.get(host);
      if (count === undefined) continue;
      entry.holders.delete(host);
      entry.isKept = true;
      this.#drop(entry, count);
    }
  }

  /** What `debug_info` tells. */
  describe(): string {
    return [...this.#held.values()]
      .sort((a, b) => a.id < b.id ? -1 : 1)
      .map(({ id, count, view }) => {
        const text = (view.str?.(id) ?? view.repr(id)).slice(0, 75);
        return `  ${id}:       refcount=${count}\n    ${text}`;
      })
      .join("\n");
  }

  /** What stands in a message for an object that clients know, `undefined` for any other. */
  refer(object: object, address: Address): ProxyReference | undefined {
    if (object instanceof HeldObject) return referTo(object.entry, address);
    const [known] = this.#known.get(object)?.values() ?? [];
    if (known === undefined && !isShared(object)) return undefined;
    // What processes share was perhaps put into other data here, or came with it from another process.
    const entry = known ?? this.#enter(typeidOf(object), object, SHARED, object);
    entry.isKept = true;
    return referTo(entry, address);
  }

  /** What a proxy of one of these objects becomes when it arrives inside of a message. */
  resolve(id: string): unknown {
    const entry = this.#held.get(id) ?? this.#living.get(id)?.deref();
    if (entry === undefined) return undefined;
    entry.isKept = true;
    return isData(entry.object) ? new HeldObject(entry) : entry.object;
  }

  #enter(
    typeid: string,
    object: unknown,
    registration: Registration,
    identity: object,
  ): PythonEntry {
    const id = (this.#lastId += ID_STEP).toString(16);
    const entry = new PythonEntry(id, typeid, object, registration);
    const entries = this.#known.get(identity);
    if (entries === undefined) this.#known.set(identity, new Map([[registration, entry]]));
    else entries.set(registration, entry);
    this.#living.set(entry.id, new WeakRef(entry));
    this.#gone.register(entry, entry.id);
    return entry;
  }

  #take(entry: PythonEntry, host: string): void {
    entry.count++;
    entry.holders.set(host, (entry.holders.get(host) ?? 0) + 1);
    this.#held.set(entry.id, entry);
  }

  #drop(entry: PythonEntry, count: number): void {
    entry.count -= count;
    if (entry.count > 0) return;
    this.#held.delete(entry.id);
    entry.leaveAll();
  }
}

/** A proxy of data that a client has sent: it keeps the data alive, and goes out as a proxy again. */
export class HeldObject {
  readonly entry: PythonEntry;

  constructor(entry: PythonEntry) {
    this.entry = entry;
  }
}

/** The arguments of a call with our own objects in place of their proxies. */
export function unwrap(value: unknown): unknown {
  return value instanceof HeldObject ? value.entry.object : value;
}

/** Calls a method of a view. */
export function callEntry(
  entry: PythonEntry,
  guest: object,
  method: string,
  call: LentCall,
  args: PythonArguments,
): unknown {
  let seat = entry.seats.get(guest);
  if (seat === undefined) entry.seats.set(guest, seat = entry.view.seat(guest));
  if (!(entry.view instanceof ObjectView)) return seat.call(method, call, args);
  return seat.call(method, call, { args: args.args.map(unwrap), kwds: args.kwds });
}

function referTo(entry: PythonEntry, { hostname, port }: Address): ProxyReference {
  const address = new PyTuple<string | number>(hostname, port);
  const token = new Token(entry.typeid, address, entry.id);
  const { proxyType } = entry.view;
  if (proxyType !== undefined) return new ProxyReference(proxyType, token);
  return new ProxyReference("AutoProxy", token, entry.told);
}

/** Whether it would go out as a copy: nobody could tell that it is more than data. */
function isData(object: unknown): boolean {
  return typeof object !== "object" || object === null || Array.isArray(object) ||
    object instanceof Map || object instanceof Set || object instanceof Uint8Array;
}

function viewOf(object: unknown, exposed: readonly string[] | undefined): PythonView {
  if (object instanceof Queue) return new QueueView(object as Queue<unknown>);
  if (Array.isArray(object)) return new ListView(object);
  if (object instanceof Map) return new DictView(object);
  if (isIterator(object)) return new IteratorView(object);
  if (typeof object === "object" && object !== null) {
    if (PYTHON_VIEW in object) return (object as HasPythonView)[PYTHON_VIEW]();
    const view = synchronizerView(object) ?? sharedView(object);
    if (view !== undefined) return view;
    // It lives elsewhere: what is here is the way to it, for all who ask for it.
    if (isShared(object)) return new ObjectView(object, exposed ?? methodsOf(object));
  }
  return new ObjectView(object, exposed);
}
