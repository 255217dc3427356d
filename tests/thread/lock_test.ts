import { Lock } from "../../thread/lock.ts";
import { lockContract } from "../contracts/lock_contract.ts";
import { openInThreads } from "./_remote_objects.ts";

lockContract("thread.Lock", { open: (count) => openInThreads(count, new Lock()) });
