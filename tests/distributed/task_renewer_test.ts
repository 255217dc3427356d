import { assertEquals } from "@std/assert";
import { TaskRenewer } from "../../distributed/_task_renewer.ts";
import { FakeTime } from "../support/fake_time.ts";

const DAY_MS = 86_400_000;

Deno.test("TaskRenewer renews a lease three times in its length, also one of months", async () => {
  using time = new FakeTime();
  const renewer = new TaskRenewer();
  const now = performance.now();
  const renewals: number[] = [];
  const lease = {
    leaseMs: 90 * DAY_MS,
    knownMs: now,
    askedMs: now,
    renew(): void {
      renewals.push(Math.round((performance.now() - now) / DAY_MS));
      lease.knownMs = performance.now();
    },
    expired(): void {
      throw new Error("It was renewed");
    },
  };
  renewer.add(lease);
  for (let day = 0; day < 91; day++) await time.tick(DAY_MS);
  assertEquals(renewals, [30, 60, 90]);
  renewer.remove(lease);
  assertEquals(time.timers, 0);
});

Deno.test("TaskRenewer gives up a lease that could not be renewed for its length", async () => {
  using time = new FakeTime();
  const renewer = new TaskRenewer();
  const now = performance.now();
  const told: string[] = [];
  renewer.add({
    leaseMs: 300,
    knownMs: now,
    askedMs: now,
    renew: () => void told.push(`renew ${performance.now() - now}`),
    expired: () => void told.push(`expired ${performance.now() - now}`),
  });
  await time.tick(1_000);
  assertEquals(told, ["renew 100", "renew 200", "expired 300"]);
  assertEquals(time.timers, 0);
});
