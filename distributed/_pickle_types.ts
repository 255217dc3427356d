import type { PyTuple } from "./python_types.ts";

/** Names an object in a manager: Python's `multiprocessing.managers.Token`. */
export class Token {
  /** The name under which its type is registered. */
  readonly typeid: string;
  /** Where its manager listens: host and port, or the path of a socket. */
  readonly address: PyTuple<string | number> | string;
  /** Which object of the manager it is. */
  readonly id: string;

  constructor(typeid: string, address: PyTuple<string | number> | string, id: string) {
    this.typeid = typeid;
    this.address = address;
    this.id = id;
  }
}

/** A proxy inside a message: Python's `RebuildProxy(proxyType, token, "pickle", kwds)`. */
export class ProxyReference {
  /** The name of the class of the proxy in `multiprocessing.managers`: `"ListProxy"`, `"AutoProxy"`. */
  readonly proxyType: string;
  /** Which object it stands for. */
  readonly token: Token;
  /** The methods of an `AutoProxy`. */
  readonly exposed: readonly string[] | undefined;

  constructor(proxyType: string, token: Token, exposed?: readonly string[] | undefined) {
    this.proxyType = proxyType;
    this.token = token;
    this.exposed = exposed;
  }
}
