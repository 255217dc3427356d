import { assertRejects } from "@std/assert";
import { InvalidStateError } from "../../coroutine/mod.ts";
import { ConnectionClosedError } from "../../ipc/errors.ts";
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

Deno.test("ipc.Semaphore.markConsistent() is for those who hold a place", async () => {
  await using semaphore = new Semaphore(2);
  await assertRejects(
    () => semaphore.markConsistent(),
    InvalidStateError,
    "no place of the semaphore is held here, acquire one first",
  );
  await semaphore.acquire();
  await semaphore.markConsistent();
});

Deno.test("ipc.Semaphore that its owner closes ends every wait", async () => {
  const semaphore = new Semaphore(1);
  await semaphore.acquire();
  const waits = [1, 2].map(() => assertRejects(() => semaphore.acquire(), ConnectionClosedError));
  while ((await semaphore.statistics()).waiting < 2);
  await semaphore.close();
  await Promise.all(waits);
});
