import { assertEquals, assertThrows } from "@std/assert";
import { type LineOwner, RemoteLine } from "../../coroutine/_remote_line.ts";
import type { Job } from "../../coroutine/_runner.ts";
import { currentValues } from "../../coroutine/_frame.ts";
import { ContextVar } from "../../coroutine/mod.ts";
import { FakeTime } from "../support/fake_time.ts";

const GRACE_MS = 1_000;
/** How long the line gives an item to end by itself, with such a grace. */
const CHANCE_MS = 100;

/** How long an item runs before those behind it are asked back. */
const LONG_MS = 20;

/** Notes what the line asks of its worker. */
class FakeOwner implements LineOwner {
  readonly name = "fake";
  readonly graceMs = GRACE_MS;
  readonly log: string[] = [];
  changed(): void {}
  emptied(): void {}
  kill(): void {
    this.log.push("kill");
  }
  sendAttempt(): void {}
  sendCancel(_wire: number, index: number): void {
    this.log.push(`cancel ${index}`);
  }
  sendRecall(): void {
    this.log.push("recall");
  }
  sendCredit(): void {}
}

/** A job that notes what it is told. */
function makeJob(items: readonly unknown[], log: string[]): Job {
  return {
    items,
    target: undefined,
    spread: false,
    values: currentValues(),
    losses: 0,
    wantsProgress: false,
    isTimed: false,
    itemOf: (index: number) => index,
    started: () => {},
    progress: () => {},
    succeed: (index: number) => log.push(`done ${index}`),
    succeedAll: (index: number) => log.push(`done ${index}`),
    fail: (index: number) => log.push(`failed ${index}`),
    giveBack: (from: number) => log.push(`back ${from}`),
  } as unknown as Job;
}

Deno.test("RemoteLine.cancel() has a worker killed that does not stop what runs", async () => {
  using time = new FakeTime();
  const owner = new FakeOwner();
  const line = new RemoteLine(owner);
  const job = makeJob([1], owner.log);
  line.add(job, 0, 1);
  line.cancel(job, 0, "why");
  await time.tick(CHANCE_MS - 1);
  assertEquals(owner.log, ["cancel 0"]);
  await time.tick(1);
  assertEquals(owner.log, ["cancel 0", "kill"]);
  line.close();
});

Deno.test("RemoteLine.cancel() lets a worker live that stops in time", async () => {
  using time = new FakeTime();
  const owner = new FakeOwner();
  const line = new RemoteLine(owner);
  const job = makeJob([1], owner.log);
  const { wire } = line.add(job, 0, 1);
  line.cancel(job, 0, "why");
  await time.tick(CHANCE_MS - 1);
  line.onError(wire, 0, new Error("stopped"));
  await time.tick(10 * GRACE_MS);
  assertEquals([owner.log, time.timers], [["cancel 0", "failed 0"], 0]);
});

Deno.test("RemoteLine.cancel() of an item that waits ends it at once, and nobody is killed", async () => {
  using time = new FakeTime();
  const owner = new FakeOwner();
  const line = new RemoteLine(owner);
  const job = makeJob([1, 2], owner.log);
  line.add(job, 0, 2);
  line.cancel(job, 1, "why");
  await time.tick(10);
  assertEquals(owner.log, ["cancel 1", "failed 1"]);
  line.close();
});

Deno.test("RemoteLine asks back what waits behind a long item, once, and not behind short ones", async () => {
  using time = new FakeTime();
  const owner = new FakeOwner();
  const line = new RemoteLine(owner);
  const [long, waiting] = [makeJob([1], owner.log), makeJob([2, 3], owner.log)];
  line.add(long, 0, 1);
  await time.tick(100);
  // Nothing waits behind it.
  assertEquals(owner.log, []);
  const { wire } = line.add(waiting, 0, 2);
  await time.tick(LONG_MS - 1);
  assertEquals(owner.log, []);
  await time.tick(100);
  assertEquals(owner.log, ["recall"]);
  line.onGivenBack(wire, 0);
  assertEquals(owner.log, ["recall", "back 0"]);
  await time.tick(100);
  assertEquals([owner.log.length, time.timers], [2, 0]);
});

Deno.test("RemoteLine.cancel() of an item that has ended tells nobody", () => {
  const owner = new FakeOwner();
  const line = new RemoteLine(owner);
  const job = makeJob([1, 2], owner.log);
  const { wire } = line.add(job, 0, 2);
  line.onValues(wire, 0, [1]);
  line.cancel(job, 0, "why");
  assertEquals(owner.log, ["done 0"]);
  line.onValues(wire, 1, [2]);
  line.close();
});

Deno.test("RemoteLine has a worker killed that starts what was to be stopped, and does not stop it", async () => {
  using time = new FakeTime();
  const owner = new FakeOwner();
  const line = new RemoteLine(owner);
  const job = makeJob([1, 2], owner.log);
  const { wire } = line.add(job, 0, 2);
  line.cancel(job, 1, "why");
  line.onValues(wire, 0, [1]);
  line.onStarted(wire, 1);
  assertEquals(owner.log, ["cancel 1", "failed 1", "done 0"]);
  await time.tick(CHANCE_MS);
  assertEquals(owner.log.at(-1), "kill");
  line.close();
});

Deno.test("RemoteLine is not misled by a worker that tells what cannot be", () => {
  const line = new RemoteLine(new FakeOwner());
  const job = makeJob([1, 2], []);
  const { wire } = line.add(job, 0, 2);
  const tell: [() => void, string][] = [
    [() => line.onValues(wire + 1, 0, [1]), "of a job that it does not hold"],
    [() => line.onValues(wire, 1, [1]), "out of its turn"],
    [() => line.onValues(wire, 0, [1, 2, 3]), "out of its turn"],
    [() => line.onStreamed(wire, 1), "with a value that is not wanted"],
    [() => line.onGivenBack(wire, 2), "about items it does not hold"],
  ];
  for (const [call, text] of tell) {
    assertThrows(call, Error, `Cannot read from fake: a message ${text}`);
  }
  line.onValues(wire, 0, [1, 2]);
  assertEquals(line.isEmpty, true);
  line.close();
});

Deno.test("RemoteLine tells of no attempt for a job that has other context variables only", () => {
  const attempts: number[] = [];
  const owner = new FakeOwner();
  owner.sendAttempt = (...args: unknown[]) => void attempts.push(args[0] as number);
  const line = new RemoteLine(owner);
  const user = new ContextVar<string>("user");
  const job = user.run("ann", () => makeJob([1], []));
  const { wire } = line.add(job, 0, 1);
  line.onValues(wire, 0, [1]);
  assertEquals(attempts, []);
});
