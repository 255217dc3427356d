/**
 * Data that every thread has for itself.
 *
 * @module
 */

import { registerShared } from "./_shared.ts";

/** An object that crosses as its key. */
class Local {}

const keys = new WeakMap<object, string>();
const locals = new Map<string, Local>();

registerShared(
  Local,
  "local",
  (object) => ({ key: keyOf(object) }),
  ({ key }) => locals.get(key) ?? make(key),
);

/**
 * Makes an object with attributes of its own in every thread (Python's
 * {@link https://docs.python.org/3/library/threading.html#threading.local | threading.local}).
 *
 * - Made at the top of a module, there is one in each thread that imports the module, and what a thread
 *   writes is seen by that thread only. `create` is called once in each.
 * - Passed to another thread as an argument, or returned from one, it arrives as that thread's own: empty the first
 *   time, and afterwards with what that thread has written, since functions cannot cross.
 *
 * What belongs to one *task* of a thread, and follows it across `await`, is a `ContextVar` of
 * `@manyhands/concurrency/coroutine`: all tasks of one thread see the same `local()`.
 *
 * It differs from Python: in JavaScript threads share no variables anyway, so nothing needs to be made
 * local to be safe. It serves to say so, and to pass one name for what is in each thread another thing.
 *
 * @example The current student of each thread
 * ```ts
 * import { local } from "@manyhands/concurrency/thread";
 * import { assertEquals } from "@std/assert";
 *
 * const school = local(() => ({ student: "nobody" }));
 * assertEquals(school.student, "nobody");
 * school.student = "Bob";
 * assertEquals(school.student, "Bob");
 * ```
 *
 * @param create Makes the attributes that it begins with; without it there are none.
 * @returns The object of this thread.
 * @throws {TypeError} When `create` is no function.
 * @typeParam T The attributes.
 */
export function local<T extends object = Record<string, unknown>>(create?: () => T): T {
  if (create !== undefined && typeof create !== "function") {
    throw new TypeError(`Cannot make a local: "create" must be a function, got ${typeof create}`);
  }
  return Object.assign(new Local(), create?.()) as T;
}

/** The key under which the object is known in other threads; made when it crosses for the first time. */
function keyOf(object: object): string {
  const known = keys.get(object);
  if (known !== undefined) return known;
  const key = crypto.randomUUID();
  keep(key, object);
  return key;
}

function make(key: string): Local {
  const object = new Local();
  keep(key, object);
  return object;
}

function keep(key: string, object: object): void {
  keys.set(object, key);
  locals.set(key, object);
}
