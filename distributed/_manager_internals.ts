import { findByClass } from "../coroutine/_lending.ts";
import type { PythonAdopter } from "./_python_adopter.ts";

/** What the classes of managers of this package need of `BaseManager`; set by `base_manager.ts`. */
export interface ManagerInternals {
  /** Has a manager create an object. */
  create(manager: object, typeid: string, args: readonly unknown[]): Promise<unknown>;
}

export const managerInternals = {} as ManagerInternals;

const sealed = new WeakSet<object>();

/** Says that a class is not to be changed by those who register something with it. */
export function seal(manager: object): void {
  sealed.add(manager);
}

/** Whether a class is not to be changed. */
export function isSealed(manager: object): boolean {
  return sealed.has(manager);
}

const adopters = new WeakMap<object, () => PythonAdopter>();

/** Says what managers of a class make of the objects of a manager in Python. */
export function setAdopter(
  manager: { readonly prototype: object },
  make: () => PythonAdopter,
): void {
  adopters.set(manager.prototype, make);
}

/** What a manager makes of the objects of a manager in Python, on a new connection. */
export function adopterOf(manager: object): PythonAdopter | undefined {
  return findByClass(adopters, manager)?.();
}
