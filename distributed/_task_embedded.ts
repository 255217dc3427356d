import type { TaskStore } from "./_task_store.ts";

const stores = new WeakMap<object, TaskStore>();

/** The store behind an embedded engine; `undefined` for another kind of engine. */
export function storeOf(engine: object): TaskStore | undefined {
  return stores.get(engine);
}

/** Called by the engine. */
export function setStore(engine: object, store: TaskStore): void {
  stores.set(engine, store);
}
