import type { WaitOptions } from "../coroutine/wait_options.ts";
import { Borrowing } from "./_family.ts";
import { setPortable } from "./_portable.ts";
import { isMethodList } from "./_messages.ts";
import { type LentReference, ownObject, readReference, writeBorrowed } from "./_reference.ts";
import { type CallOptions, RemoteObject, type Session } from "./_session.ts";
import { ConnectionClosedError } from "./errors.ts";
import type { Remote } from "./remote.ts";

/** What carries the calls of proxies: a session, or what stands for one. */
export type Caller = Pick<Session, "call" | "release" | "referenceTo">;

interface Target {
  readonly session: Caller;
  readonly object: RemoteObject;
  released: boolean;
}

const targets = new WeakMap<object, Target>();

/** What all proxies are. */
class Proxied {
  static {
    setPortable(
      Proxied,
      "ipc.Proxy",
      (proxy) => {
        const { session, object, released } = targetOf(proxy);
        const reference = released ? undefined : session.referenceTo(object);
        if (reference === undefined) {
          throw new TypeError(
            released
              ? "Cannot pass on the proxy: it was disposed"
              : "Cannot pass on the proxy: it is for its own connection only",
          );
        }
        return { ...writeBorrowed(reference), methods: object.methods };
      },
      (data) => {
        const reference = readReference(data, "a proxy");
        const own = ownObject(reference, Object);
        if (own !== undefined) return own as Proxied;
        const { methods } = data as { methods?: unknown };
        if (!isMethodList(methods)) {
          throw new TypeError("Cannot receive a proxy: its reference is not well formed");
        }
        return makeProxy(new Borrower(new Borrowing(reference)), new RemoteObject(0, methods));
      },
    );
  }
}

/** Carries the calls of a proxy that has come from elsewhere. */
class Borrower implements Caller {
  readonly #borrowing: Borrowing;

  constructor(borrowing: Borrowing) {
    this.#borrowing = borrowing;
  }

  async call(
    _object: RemoteObject,
    method: string,
    args: readonly unknown[],
    options: CallOptions,
  ): Promise<unknown> {
    const answer = await this.#borrowing.call(method, args, options);
    if (!(answer instanceof RemoteObject)) return answer;
    return makeProxy(await this.#borrowing.session(), answer);
  }

  release(): void {
    void this.#borrowing.close();
  }

  referenceTo(): LentReference {
    return this.#borrowing.reference;
  }
}

/**
 * Makes the proxy of a remote object.
 *
 * @param more Gives it more than its methods.
 */
export function makeProxy<T>(
  session: Caller,
  object: RemoteObject,
  more?: (proxy: object) => void,
): Remote<T> {
  const target: Target = { session, object, released: false };
  const proxy: Record<string | symbol, unknown> = Object.create(Proxied.prototype);
  for (const name of object.methods) {
    // A promise is what has a method `then`; a proxy must not be taken for one when it is awaited.
    if (name === "then") continue;
    Object.defineProperty(proxy, name, {
      value: (...args: unknown[]) => callTarget(target, name, args),
      enumerable: true,
    });
  }
  Object.defineProperty(proxy, Symbol.asyncDispose, {
    value: () => Promise.resolve(releaseTarget(target)),
  });
  more?.(proxy);
  targets.set(proxy, target);
  return Object.freeze(proxy) as unknown as Remote<T>;
}

/** Whether it is a proxy. */
export function isProxy(value: unknown): value is object {
  return typeof value === "object" && value !== null && targets.has(value);
}

/** What is behind a proxy. */
export function targetOf(proxy: object): Target {
  const target = targets.get(proxy);
  if (target === undefined) throw new TypeError("Cannot use the object: it is no proxy");
  return target;
}

/** Calls a method of what is behind a proxy. What it lends is a proxy as well. */
export async function callTarget(
  target: Target,
  name: string,
  args: readonly unknown[],
  options?: WaitOptions,
): Promise<unknown> {
  if (target.released) {
    throw new ConnectionClosedError(`Cannot call "${name}": the proxy was disposed`);
  }
  const { session, object } = target;
  const answer = await session.call(object, name, args, { ...options, withTask: true });
  return answer instanceof RemoteObject ? makeProxy(session, answer) : answer;
}

function releaseTarget(target: Target): void {
  if (target.released) return;
  target.released = true;
  target.session.release(target.object);
}
