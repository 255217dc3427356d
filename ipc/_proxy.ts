import type { WaitOptions } from "../coroutine/wait_options.ts";
import type { RemoteObject, Session } from "./_session.ts";
import { ConnectionClosedError } from "./errors.ts";
import type { Remote } from "./remote.ts";

/** What carries the calls of proxies: a session, or what stands for one. */
export type Caller = Pick<Session, "call" | "release">;

interface Target {
  readonly session: Caller;
  readonly object: RemoteObject;
  released: boolean;
}

const targets = new WeakMap<object, Target>();

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
  const proxy: Record<string | symbol, unknown> = {};
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

/** What is behind a proxy. */
export function targetOf(proxy: object): Target {
  const target = targets.get(proxy);
  if (target === undefined) throw new TypeError("Cannot use the object: it is no proxy");
  return target;
}

/** Calls a method of what is behind a proxy. */
export function callTarget(
  target: Target,
  name: string,
  args: readonly unknown[],
  options?: WaitOptions,
): Promise<unknown> {
  if (target.released) {
    const error = new ConnectionClosedError(`Cannot call "${name}": the proxy was disposed`);
    return Promise.reject(error);
  }
  return target.session.call(target.object, name, args, { ...options, withTask: true });
}

function releaseTarget(target: Target): void {
  if (target.released) return;
  target.released = true;
  target.session.release(target.object);
}
