import type { Mutant } from "./mutant.ts";
import { coroutineMutants } from "./mutants/coroutine.ts";
import { distributedMutants } from "./mutants/distributed.ts";
import { engineMutants } from "./mutants/engines.ts";
import { ipcMutants } from "./mutants/ipc.ts";
import { processMutants } from "./mutants/process.ts";
import { threadMutants } from "./mutants/thread.ts";

/** All mutants, chosen by hand: lines on which a promise of the documents hangs. */
export const mutants: readonly Mutant[] = [
  ...coroutineMutants,
  ...ipcMutants,
  ...threadMutants,
  ...processMutants,
  ...distributedMutants,
  ...engineMutants,
];
