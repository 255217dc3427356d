import { QueueShutDownError } from "../coroutine/errors.ts";
import type { Address } from "../ipc/address.ts";
import type { PythonArrival, PythonGuest } from "../ipc/_python_door.ts";
import type { ManagerContext } from "./_managed_pool.ts";
import { PickleReader } from "./_pickle_reader.ts";
import { type ProxyReference, Token } from "./_pickle_types.ts";
import { PickleWriter } from "./_pickle_writer.ts";
import { type PythonArguments, spread } from "./_python_arguments.ts";
import { Guest, type GuestHost } from "./_python_guest.ts";
import { PythonObjects, unwrap } from "./_python_objects.ts";
import { toNativeName } from "./_python_names.ts";
import type { Registration } from "./managed.ts";
import { PythonError, type UnpicklingError } from "./python_errors.ts";
import { PyGlobal, PyObject, PyTuple } from "./python_types.ts";

/** What {@linkcode PythonSide} needs of the server. */
export interface PythonSideOptions {
  /** What a float becomes that is a whole number. */
  readonly floats?: "number" | "exact" | undefined;
  /** Classes whose objects go through as they are described. */
  readonly names?: readonly string[] | undefined;
  readonly registry: ReadonlyMap<string, Registration>;
  /** What registered functions are called on. */
  readonly context: ManagerContext;
  readonly maxMessageBytes: number | undefined;
  /** Where the server listens. */
  address(): Address;
  shutdown(): void;
  onRefused(error: unknown): void;
}

/** How long the references of a host from which nobody is connected any more are kept. */
const FORGET_MS = 600_000;

/** As if they were registered: what a method with such a type answers is an iterator, or what a pool will give. */
const ANSWERS: ReadonlyMap<string, Registration> = new Map(
  ["Iterator", "AsyncResult"].map((
    typeid,
  ) => [typeid, { callable: undefined, exposed: undefined }]),
);

/** Python's side of a manager's server: the objects, and the nine requests about them. */
export class PythonSide implements GuestHost {
  readonly objects = new PythonObjects();
  readonly reader: PickleReader;
  calls = 0;
  readonly #options: PythonSideOptions;
  /** The addresses under which clients have reached the server. */
  readonly #ownHosts = new Set(["127.0.0.1", "localhost", "0.0.0.0", "::1", ""]);
  readonly #writers = new Map<string, PickleWriter>();
  readonly #hosts = new Map<
    string,
    { connections: number; forget?: ReturnType<typeof setTimeout> | undefined }
  >();

  constructor(options: PythonSideOptions) {
    this.#options = options;
    const { floats = "number", names = [], maxMessageBytes } = options;
    this.reader = new PickleReader({
      dicts: "object",
      floats,
      names,
      maxBytes: maxMessageBytes,
      resolveProxy: (reference) => this.#resolve(reference),
    });
  }

  /** Serves a Python peer. */
  welcome(arrival: PythonArrival): PythonGuest {
    const { hostname } = arrival.remote;
    this.#ownHosts.add(arrival.local.hostname);
    const host = this.#hosts.get(hostname) ?? { connections: 0 };
    this.#hosts.set(hostname, host);
    host.connections++;
    clearTimeout(host.forget);
    host.forget = undefined;
    const guest = new Guest(this, arrival);
    guest.closed.then(() => {
      if (--host.connections > 0) return;
      const timer = setTimeout(() => {
        this.#hosts.delete(hostname);
        this.objects.forget(hostname);
      }, FORGET_MS);
      Deno.unrefTimer(Number(timer));
      host.forget = timer;
    });
    return guest;
  }

  /** Stops what goes on without connections. */
  close(): void {
    for (const { forget } of this.#hosts.values()) clearTimeout(forget);
    this.#hosts.clear();
  }

  /** Tells of a client that was disconnected for what it sent. */
  refuse(error: UnpicklingError): void {
    this.#options.onRefused(error);
  }

  /** Shuts the server down. */
  shutdown(): void {
    this.#options.shutdown();
  }

  /** Answers one of the requests that have a connection of their own. */
  request(name: unknown, given: PythonArguments, host: string): unknown {
    const { args } = given;
    switch (name) {
      case "dummy":
        return null;
      case "create":
        return this.#create(given, host);
      case "incref":
        this.objects.incref(args[0], host);
        return null;
      case "decref":
        this.objects.decref(args[0], host);
        return null;
      case "get_methods": {
        const [token] = args;
        if (!(token instanceof Token)) {
          throw new PythonError("AttributeError", ["get_methods() takes a Token"]);
        }
        return this.objects.find(token.id).told;
      }
      case "number_of_objects":
        return this.objects.size;
      case "debug_info":
        return this.objects.describe();
      default:
        throw new PythonError("AssertionError", [`${JSON.stringify(name)} unrecognized`]);
    }
  }

  /** Lends what a method has answered, under the name of a type. */
  lend(typeid: string, result: unknown, host: string, local: Address): PyTuple {
    const registration = this.#registered(typeid) ?? ANSWERS.get(typeid);
    if (registration === undefined) throw new PythonError("KeyError", [typeid]);
    const object = registration.callable === undefined ? result : registration.callable(result);
    const entry = this.objects.create(typeid, unwrap(object), registration, host);
    const address = new PyTuple<string | number>(local.hostname, local.port);
    return new PyTuple<unknown>(entry.told, new Token(typeid, address, entry.id));
  }

  /** What is sent in place of an error. */
  exception(error: unknown): unknown {
    if (error instanceof QueueShutDownError) return shutDown(error.message);
    return error instanceof Error ? error : new PythonError("RuntimeError", [String(error)]);
  }

  async #create({ args, kwds }: PythonArguments, host: string): Promise<PyTuple> {
    const [typeid, ...rest] = args;
    const registration = this.#registered(typeid);
    if (registration === undefined) throw new PythonError("KeyError", [typeid]);
    const { callable } = registration;
    let object: unknown;
    if (callable !== undefined) {
      object = await callable.apply(
        this.#options.context,
        spread({ args: rest.map(unwrap), kwds }),
      );
    } else if (rest.length === 1 && Object.keys(kwds).length === 0) {
      object = unwrap(rest[0]);
    } else {
      throw new PythonError("ValueError", ["Without callable, must have one non-keyword argument"]);
    }
    const entry = this.objects.create(String(typeid), object, registration, host);
    return new PyTuple<unknown>(entry.id, entry.told);
  }

  #registered(typeid: unknown): Registration | undefined {
    const { registry } = this.#options;
    return registry.get(typeid as string) ?? registry.get(toNativeName(String(typeid)));
  }

  /** What writes messages in which our objects have the address under which the client has reached us. */
  writerFor({ hostname, port }: Address): PickleWriter {
    const key = `${hostname}:${port}`;
    let writer = this.#writers.get(key);
    if (writer === undefined) {
      const address = { hostname, port };
      writer = new PickleWriter({ replace: (value) => this.objects.refer(value, address) });
      this.#writers.set(key, writer);
    }
    return writer;
  }

  #resolve(reference: ProxyReference): unknown {
    const { address, id } = reference.token;
    if (typeof address === "string") return reference;
    const [host, port] = address;
    const own = this.#options.address();
    const isOwn = port === own.port && (host === own.hostname || this.#ownHosts.has(String(host)));
    const found = isOwn ? this.objects.resolve(id) : undefined;
    // One of another manager goes through as it is.
    return found ?? reference;
  }
}

/** `queue.ShutDown` where Python has it, 3.13 and newer; a `RuntimeError` where it has not. */
function shutDown(message: string): PyObject {
  const module = new PyObject(new PyGlobal("importlib", "import_module"), ["queue"]);
  const name = new PyObject(new PyGlobal("builtins", "getattr"), [
    module,
    "ShutDown",
    new PyGlobal("builtins", "RuntimeError"),
  ]);
  return new PyObject(name, [message]);
}
