import { Condition } from "../../thread/condition.ts";
import { RLock } from "../../thread/rlock.ts";
import { conditionContract } from "../contracts/condition_contract.ts";
import { openInThreads } from "./_remote_objects.ts";

conditionContract("thread.Condition", {
  open: (count) => openInThreads(count, new Condition()),
});
conditionContract("thread.Condition with an RLock", {
  open: (count) => openInThreads(count, new Condition(new RLock())),
});
