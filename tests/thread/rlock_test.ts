import { RLock } from "../../thread/rlock.ts";
import { rlockContract } from "../contracts/rlock_contract.ts";
import { openInThreads } from "./_remote_objects.ts";

rlockContract("thread.RLock", { open: (count) => openInThreads(count, new RLock()) });
