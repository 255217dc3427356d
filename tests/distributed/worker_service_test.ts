import { assertEquals } from "@std/assert";
import { type InnerPool, WorkerService } from "../../distributed/_worker_service.ts";
import type { JobForm, Report } from "../../distributed/_worker_wire.ts";
import { pack } from "../../distributed/_worker_wire.ts";
import type { TaskLease, TaskQueue } from "../../distributed/mod.ts";
import { QueueShutDownError } from "../../coroutine/mod.ts";
import { FakeTime } from "../support/fake_time.ts";
import { settle } from "../support/settle.ts";

// What a worker does with the tasks of a pool, without either.

const DEATH = new Error("the process died");

/** A lease that notes what the worker says. */
function leaseOf(items: unknown[], log: unknown[]): TaskLease<JobForm, Report[]> {
  const value: JobForm = {
    ...{ name: "run", items: pack(items), spread: false, progress: false, stream: false, lost: 0 },
  };
  const say = (what: string) => (content?: unknown): Promise<boolean> => {
    log.push([what, content]);
    return Promise.resolve(true);
  };
  return {
    ...{ id: "a", attempt: 1, isHeld: true, value, signal: new AbortController().signal },
    ...{ complete: say("complete"), fail: say("fail"), release: say("release") },
    progress: say("progress"),
  } as unknown as TaskLease<JobForm, Report[]>;
}

/** Serves these leases, one after the other, by a function. */
async function serve(
  leases: TaskLease<JobForm, Report[]>[],
  run: (item: unknown) => unknown,
  leave: AbortController = new AbortController(),
  onGet: () => void = () => {},
): Promise<void> {
  const queue = {
    get: () => {
      const lease = leases.shift();
      if (lease === undefined) return Promise.reject(new QueueShutDownError("it is over"));
      onGet();
      return Promise.resolve(lease);
    },
  } as unknown as TaskQueue<unknown, unknown>;
  const service = new WorkerService(queue, {
    pool: {
      apply: async (_target: unknown, args: unknown[]) => await run(args[0]),
    } as unknown as InnerPool,
    find: () => run,
    streams: "by closure",
    isDeath: (error) => error === DEATH,
  });
  await service.serve(1, { leave: leave.signal });
}

/** The reports of what a worker says, in short. */
function reportsIn(log: unknown[]): unknown[] {
  return log.flatMap((entry) => {
    const [what, content] = entry as [string, Report | Report[]];
    const reports = what === "complete" ? content as Report[] : [content as Report];
    return reports.map(([kind, at]) => [what, kind, at]);
  });
}

Deno.test("WorkerService tells items that were lost with an inner worker apart from failures", async () => {
  const log: unknown[] = [];
  await serve([leaseOf([1, 2, 3, 4], log)], (item) => {
    if (item === 2) throw new Error("a failure");
    if (item === 3) throw DEATH;
    return item;
  });
  // What comes after the one that was lost is for others.
  assertEquals(reportsIn(log), [
    ["complete", "values", 0],
    ["complete", "error", 1],
    ["complete", "lost", 2],
  ]);
});

Deno.test("WorkerService gives back what waits behind a long item, and tells what has ended", async () => {
  using time = new FakeTime();
  const log: unknown[] = [];
  const { promise: long, resolve } = Promise.withResolvers<void>();
  const serving = serve([leaseOf([1, 2, 3], log)], (item) => item === 2 ? long : item);
  await settle();
  await time.tick(9);
  assertEquals(log, []);
  await time.tick(1);
  assertEquals(reportsIn(log), [["progress", "values", 0], ["progress", "rest", 2]]);
  resolve();
  await serving;
  assertEquals(reportsIn(log).slice(2), [["complete", "values", 1]]);
  assertEquals(time.timers, 0);
});

Deno.test("WorkerService gives a task back that was on its way when the worker left", async () => {
  const log: unknown[] = [];
  const leave = new AbortController();
  await serve([leaseOf([1], log)], () => log.push("run"), leave, () => leave.abort());
  assertEquals(log, [["release", undefined]]);
});

Deno.test("WorkerService gives back what waits behind an item that has computed for long", async () => {
  const log: unknown[] = [];
  // No timer fires meanwhile.
  const compute = (ms: number): void => {
    for (const end = performance.now() + ms; performance.now() < end;);
  };
  await serve([leaseOf([1, 2, 3, 4], log)], (item) => {
    if (item === 2) compute(30);
    return item;
  });
  assertEquals(reportsIn(log), [
    ["progress", "values", 0],
    ["progress", "rest", 3],
    ["complete", "values", 2],
  ]);
});
