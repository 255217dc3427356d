import { SYNC_TYPES } from "./_sync_types.ts";
import type { ManagedFunction, Registration } from "./managed.ts";

/** What is registered with classes of managers. */
const registries = new WeakMap<object, Map<string, Registration>>();

/** Registers something with a class. */
export function addRegistration(manager: object, typeid: string, entry: Registration): void {
  const registry = registries.get(manager) ?? new Map(registryOf(manager));
  registry.set(typeid, entry);
  registries.set(manager, registry);
}

/** What is registered with a class, or with the nearest one that it extends. */
export function registryOf(manager: object): ReadonlyMap<string, Registration> {
  for (let at: object | null = manager; at !== null; at = Object.getPrototypeOf(at)) {
    const registry = registries.get(at);
    if (registry !== undefined) return registry;
  }
  return new Map();
}

/** A registration as it is told to the process of a manager. */
export interface RegistrationForm {
  readonly typeid: string;
  /** The name of the function in the user's module. */
  readonly callable: string | null;
  /** Whether the function is the one that every `SyncManager` has under the name. */
  readonly isBuiltin: boolean;
  readonly exposed: readonly string[] | null;
  readonly methodToTypeid: Readonly<Record<string, string>> | null;
}

/**
 * What is told of registered functions to the process of a manager: their names.
 *
 * @throws {TypeError} When one has none.
 */
export function nameFunctions(registry: ReadonlyMap<string, Registration>): RegistrationForm[] {
  return [...registry].map(([typeid, { callable, exposed, methodToTypeid }]) => {
    const isBuiltin = callable !== undefined && callable === SYNC_TYPES.get(typeid);
    if (callable?.name === "" && !isBuiltin) {
      throw new TypeError(
        `Cannot start the manager: the function of "${typeid}" has no name; export a named function`,
      );
    }
    return {
      typeid,
      callable: isBuiltin ? null : callable?.name ?? null,
      isBuiltin,
      exposed: exposed ?? null,
      methodToTypeid: methodToTypeid ?? null,
    };
  });
}

/** Finds the functions again, in the process of the manager. */
export function findFunctions(
  forms: readonly RegistrationForm[],
  find: (name: string) => ManagedFunction,
): ReadonlyMap<string, Registration> {
  return new Map(forms.map(({ typeid, callable, isBuiltin, exposed, methodToTypeid }) => {
    const found = isBuiltin
      ? SYNC_TYPES.get(typeid)
      : callable === null
      ? undefined
      : find(callable);
    return [typeid, {
      callable: found,
      exposed: exposed ?? undefined,
      methodToTypeid: methodToTypeid ?? undefined,
    }];
  }));
}
