import { BoundedSemaphore } from "../../ipc/bounded_semaphore.ts";
import { Semaphore } from "../../ipc/semaphore.ts";
import {
  boundedSemaphoreContract,
  semaphoreContract,
  type SemaphoreHandle,
} from "../contracts/semaphore_contract.ts";
import { openInChildren } from "./_children.ts";

semaphoreContract("ipc.Semaphore", {
  open: (count, value) => openInChildren<SemaphoreHandle>(count, new Semaphore(value)),
});
boundedSemaphoreContract("ipc.BoundedSemaphore", {
  open: (count, value) => openInChildren<SemaphoreHandle>(count, new BoundedSemaphore(value)),
});
