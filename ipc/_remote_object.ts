import { decode, encode, type Encoded } from "./_encoding.ts";
import { ENCODING_MASK, Flag, type Hello, isMethodList } from "./_messages.ts";
import type { ReferenceScope } from "./_reference.ts";
import { ProtocolError } from "./errors.ts";

/** An object of the other side: its number and the names of its methods, in the order of their numbers. */
export class RemoteObject {
  /**
   * @param id Its number on this connection.
   * @param methods The names of its methods.
   * @param name What it is called on every connection, if it has such a name.
   */
  constructor(
    readonly id: number,
    readonly methods: readonly string[],
    readonly name?: string | undefined,
  ) {}
}

/** What crosses in place of an object that is lent. */
export interface LoanForm {
  id: number;
  methods: string[];
  name?: string | undefined;
}

/** The object with number 0 of the other side. */
export function rootObject(hello: Hello): RemoteObject {
  return new RemoteObject(0, hello.methods);
}

/** The number of a method, by its name. */
export function methodNumberOf(object: RemoteObject, method: string): number {
  const number = object.methods.indexOf(method);
  if (number === -1) {
    throw new TypeError(
      `Cannot call "${method}": the remote object has ${object.methods.join(", ") || "no methods"}`,
    );
  }
  return number;
}

/** Encodes the arguments of a call. */
export function encodeArguments(args: readonly unknown[], scope?: ReferenceScope): Encoded {
  if (args.length !== 1) return encode(args.length === 0 ? undefined : args, scope);
  const { encoding, payload } = encode(args[0], scope);
  return { encoding: encoding | Flag.ONE_ARGUMENT, payload };
}

/** Decodes them. */
export function decodeArguments(
  flags: number,
  payload: Uint8Array<ArrayBuffer>,
  scope?: ReferenceScope,
): unknown[] {
  const value = decode(flags & ENCODING_MASK, payload, scope);
  if ((flags & Flag.ONE_ARGUMENT) !== 0) return [value];
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new TypeError("Cannot read the arguments of a call: no array");
  return value;
}

/** Reads what the other side lends. */
export function readRemoteObject(value: unknown): RemoteObject {
  const { id, methods, name } = (value ?? {}) as Partial<LoanForm>;
  if (
    !Number.isInteger(id) || !isMethodList(methods) ||
    (name !== undefined && typeof name !== "string")
  ) {
    throw new ProtocolError("Cannot read what the other side lends");
  }
  return new RemoteObject(id as number, methods, name);
}
