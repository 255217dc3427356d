import { Condition } from "../../thread/condition.ts";
import { RLock } from "../../thread/rlock.ts";
import { conditionContract } from "../contracts/condition_contract.ts";
import { openInThreads } from "./_remote_objects.ts";

// The contract asks for a cancelled wait when another thread has answered: it may have failed before.
addEventListener("unhandledrejection", (event) => {
  if ((event.reason as Error).message === "enough") event.preventDefault();
});

conditionContract("thread.Condition", {
  open: (count) => openInThreads(count, new Condition()),
});
conditionContract("thread.Condition with an RLock", {
  open: (count) => openInThreads(count, new Condition(new RLock())),
});
