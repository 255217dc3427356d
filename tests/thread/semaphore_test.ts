import { BoundedSemaphore } from "../../thread/bounded_semaphore.ts";
import { Semaphore } from "../../thread/semaphore.ts";
import { boundedSemaphoreContract, semaphoreContract } from "../contracts/semaphore_contract.ts";
import { openInThreads } from "./_remote_objects.ts";

semaphoreContract("thread.Semaphore", {
  open: (count, value) => openInThreads(count, new Semaphore(value)),
});
boundedSemaphoreContract("thread.BoundedSemaphore", {
  open: (count, value) => openInThreads(count, new BoundedSemaphore(value)),
});
