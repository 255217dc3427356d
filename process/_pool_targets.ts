import { type PoolTarget, PoolTargets } from "../coroutine/_pool_targets.ts";
import type { FunctionPlace } from "./_pool_worker.ts";

/** The functions that a pool has been asked to call, and the modules that its processes load for them. */
export class ProcessTargets extends PoolTargets {
  /** The URLs of the modules, by number. The workers that start from now on have all of them. */
  readonly modules: string[] = [];

  /** @param module The module whose functions may be given as they are. */
  constructor(module: string | URL | undefined) {
    super(module);
    if (this.module !== undefined) this.modules.push(this.module);
  }

  override find(action: string, target: unknown): PoolTarget {
    const found = super.find(action, target);
    const { module } = found.place;
    if (!this.modules.includes(module)) this.modules.push(module);
    return found;
  }

  /** Where workers find a function. */
  placeOf({ place: { module, name } }: PoolTarget): FunctionPlace {
    return [this.modules.indexOf(module), name];
  }
}
