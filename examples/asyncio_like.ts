// deno run --allow-run=deno examples/asyncio_like.ts

// The words of Python's asyncio: `gather`, `TaskGroup`, `timeout`, `Queue`, and a program of its own beside
// them. An `async` function is a coroutine of Python's; `spawn` is `create_task`.

import {
  CancelledError,
  gather,
  Queue,
  QueueShutDownError,
  sleep,
  spawn,
  TaskGroup,
  timeout,
  TimeoutError,
} from "@manyhands/concurrency/coroutine";

async function factorial(name: string, number: number): Promise<number> {
  let result = 1;
  for (let n = 2; n <= number; n++) {
    console.log(`Task ${name}: ${result} * ${n}`);
    result *= n;
    await sleep(0);
  }
  return result;
}

// asyncio.gather: three at once, the results in order
const factorials = await gather([
  () => factorial("A", 2),
  () => factorial("B", 3),
  () => factorial("C", 4),
]);
console.log("gather:", factorials.join(" "));

// asyncio.TaskGroup: none outlives the block, and a failure ends the others
const sum = await TaskGroup.run(async (group) => {
  const two = group.spawn(() => sleep(2, { result: 2 }));
  const three = group.spawn(() => sleep(1, { result: 3 }));
  return await two + await three;
});
console.log("TaskGroup:", sum);
try {
  await TaskGroup.run((group) => {
    group.spawn(async () => {
      try {
        await sleep(60_000);
      } catch (error) {
        if (error instanceof CancelledError) console.log("TaskGroup: the other one is cancelled");
        throw error;
      }
    });
    group.spawn(async () => {
      await sleep(0);
      throw new RangeError("no such page");
    });
  });
} catch (error) {
  if (!(error instanceof AggregateError)) throw error;
  console.log("TaskGroup:", error.errors.map(String).join(", "));
}

// asyncio.timeout
try {
  await timeout(10, () => sleep(60_000));
} catch (error) {
  if (!(error instanceof TimeoutError)) throw error;
  console.log("timeout: it took too long");
}

// asyncio.Queue: a producer and two workers
const queue = new Queue<number>(2);
const done: number[] = [];
async function work(): Promise<void> {
  for await (const item of queue) {
    await sleep(0);
    done.push(item);
    queue.taskDone();
  }
}
const workers = [spawn(work), spawn(work)];
for (const item of [1, 2, 3, 4, 5]) await queue.put(item);
await queue.join();
queue.shutdown();
await gather(workers);
console.log("Queue:", done.toSorted().join(" "));
try {
  await queue.get();
} catch (error) {
  if (!(error instanceof QueueShutDownError)) throw error;
  console.log("Queue: it is shut down");
}

// asyncio.create_subprocess_exec: Deno has it, and it ends with the task that takes its signal
const child = spawn(async (signal) => {
  const command = new Deno.Command("deno", { args: ["eval", "console.log(6 * 7)"], signal });
  const { success, stdout } = await command.output();
  return success ? new TextDecoder().decode(stdout).trim() : "failed";
});
console.log("subprocess:", await child);
