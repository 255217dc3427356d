import { assertEquals } from "@std/assert";
import { type WorkerChannel, type WorkerJob, WorkerLine } from "../../coroutine/_worker_line.ts";
import { createGates, type Gate } from "../support/gate.ts";
import { settle } from "../support/settle.ts";

/** Notes what the worker tells its pool. */
function createChannel(log: string[]): WorkerChannel {
  return {
    reports: {
      started: (wire, index) => void log.push(`${wire} started ${index}`),
      values: (wire, index, values) => void log.push(`${wire} values ${index}: ${values}`),
      error: (wire, index, error) => void log.push(`${wire} error ${index}: ${error}`),
      skipped: (wire, index) => void log.push(`${wire} skipped ${index}`),
      progress: (wire, index, value) => void log.push(`${wire} progress ${index}: ${value}`),
      streamed: (wire, value) => void log.push(`${wire} streamed ${value}`),
      givenBack: (wire, index) => void log.push(`${wire} given back ${index}`),
    },
    look: (then) => queueMicrotask(then),
    flush: (then) => then(),
  };
}

function makeJob(
  wire: number,
  items: readonly unknown[],
  rest: Partial<WorkerJob> = {},
): WorkerJob {
  return {
    wire,
    items,
    first: 0,
    target: (value: unknown) => value,
    spread: false,
    wantsProgress: false,
    isTimed: false,
    ...rest,
  };
}

async function waitAt(gate: unknown): Promise<string> {
  await (gate as Gate).wait();
  return "passed";
}

Deno.test("WorkerLine tells of each item of a timed job when it starts", async () => {
  const log: string[] = [];
  const line = new WorkerLine(createChannel(log));
  line.take(makeJob(1, [7, 8, 9], { isTimed: true }));
  await settle();
  // Of the first one the pool knows.
  assertEquals(log, [
    "1 values 0: 7",
    "1 started 1",
    "1 values 1: 8",
    "1 started 2",
    "1 values 2: 9",
  ]);
});

Deno.test("WorkerLine.recall() gives back what has not started, the last job first", async () => {
  const log: string[] = [];
  const { go } = createGates("go");
  const line = new WorkerLine(createChannel(log));
  line.take(makeJob(1, [go, go], { target: waitAt }));
  line.take(makeJob(2, [1, 2]));
  line.take(makeJob(3, [3]));
  line.recall();
  assertEquals(log, ["3 given back 0", "2 given back 0", "1 given back 1"]);
  go.open();
  await settle();
  assertEquals(log.slice(3), ["1 values 0: passed"]);
  line.stop();
  await line.finished;
});

Deno.test("WorkerLine.recall() gives a job back once, from the first item that has not started", async () => {
  const log: string[] = [];
  const { go, end } = createGates("go", "end");
  const line = new WorkerLine(createChannel(log));
  line.take(makeJob(1, [go], { target: waitAt }));
  line.take(makeJob(2, [end, end, end, end, end], { target: waitAt }));
  for (const index of [3, 1]) line.cancel(2, index);
  go.open();
  await settle();
  line.recall();
  end.open();
  await settle();
  assertEquals(log, ["1 values 0: passed", "2 given back 1", "2 values 0: passed"]);
});

Deno.test("WorkerLine.cancel() of an item behind the one that runs lets the others run", async () => {
  const log: string[] = [];
  const { go } = createGates("go");
  const line = new WorkerLine(createChannel(log));
  line.take(makeJob(1, [go, go, go], { target: waitAt }));
  line.cancel(1, 1);
  go.open();
  await settle();
  assertEquals(log, ["1 values 0: passed", "1 skipped 1", "1 values 2: passed"]);
});

Deno.test("WorkerLine makes as many values of a generator as are wanted", async () => {
  const log: string[] = [];
  const line = new WorkerLine(createChannel(log));
  const target = (n: unknown) => Array.from({ length: n as number }, (_, at) => at);
  line.take(makeJob(1, [4], { target, room: 0 }));
  await settle();
  assertEquals(log, []);
  line.credit(1, 2);
  await settle();
  assertEquals(log, ["1 streamed 0", "1 streamed 1"]);
  line.credit(1, 5);
  await settle();
  assertEquals(log.slice(2), ["1 streamed 2", "1 streamed 3", "1 values 0: "]);
});
