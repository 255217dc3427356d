import { BaseManager } from "../../distributed/mod.ts";

/** What the managers serve that the tests kill. */

/** Counts; each life of a manager begins at what it is told. */
export class Tally {
  #count: number;

  constructor(start: number) {
    this.#count = start;
  }

  add(n: number): number {
    return this.#count += n;
  }

  pid(): number {
    return Deno.pid;
  }

  hang(): Promise<void> {
    return new Promise(() => {});
  }
}

export function makeTally(start: number): Tally {
  return new Tally(start);
}

/** Dies in the midst of the call. */
export function die(): void {
  Deno.kill(Deno.pid, "SIGKILL");
}

export const TallyManager = BaseManager
  .register("tally", { callable: makeTally })
  .register("die", { callable: die });
