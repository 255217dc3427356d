import { findByClass } from "../coroutine/_lending.ts";

const finders = new WeakMap<object, (object: never) => object | undefined>();

/**
 * Tells how to find where an object of this room lives, for those who keep it or show it to others.
 *
 * @param ownClass The class.
 * @param find Finds its home; `undefined` when it is in another process.
 */
export function setHomeFinder<T extends object>(
  // deno-lint-ignore no-explicit-any -- the constructor is never called
  ownClass: abstract new (...args: any[]) => T,
  find: (object: T) => object | undefined,
): void {
  finders.set(ownClass.prototype, find);
}

/** Whether objects of the class have a home, in some process. */
export function hasHome(object: object): boolean {
  return findByClass(finders, object) !== undefined;
}

/** Where an object lives; `undefined` when it is in another process, or has no home. */
export function homeOf(object: object): object | undefined {
  return (findByClass(finders, object) as ((object: object) => object | undefined) | undefined)?.(
    object,
  );
}
