import { Barrier } from "../../thread/barrier.ts";
import { barrierContract } from "../contracts/barrier_contract.ts";
import { openInThreads } from "./_remote_objects.ts";

barrierContract("thread.Barrier", {
  open: (parties, settings) => {
    const barrier = new Barrier(parties, settings);
    return openInThreads(parties, barrier, settings?.action);
  },
});
