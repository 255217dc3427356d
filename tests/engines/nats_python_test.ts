import { assertEquals, assertRejects } from "@std/assert";
import { TaskQueue } from "../../distributed/mod.ts";
import { natsEngine } from "../../distributed/engines/nats_engine.ts";
import { NatsCounter, NatsDict, openNats } from "../../distributed/engines/nats.ts";
import { leakTest } from "../support/leaks.ts";
import { hasNatsServer, startNatsServer } from "../support/nats_server.ts";
import { pythonAvailable, runPython, startPython } from "../support/python.ts";

const WORKER = await Deno.readTextFile(new URL("nats_python_worker.py", import.meta.url));

const ignore = !await hasNatsServer() || !await hasNatsPy();

if (ignore) {
  console.log("The test with Python is ignored: it needs python3, nats-py and nats-server");
}

async function hasNatsPy(): Promise<boolean> {
  if (!await pythonAvailable()) return false;
  return (await runPython("import nats.js")).code === 0;
}

leakTest("a worker in Python shares tasks, a dictionary and a counter", async () => {
  await using server = await startNatsServer();
  await using nats = await openNats({ servers: server.url });
  await using words = new NatsDict<string, unknown>(nats, "words");
  await using counter = new NatsCounter(nats, "n");
  const engine = natsEngine(nats, { queue: "q" });
  await using tasks = new TaskQueue<unknown, number>({ engine });
  await words.set("from/typescript", { text: "ü", list: [1, null] });
  await counter.set(100);
  // Makes the queue.
  assertEquals(await tasks.qsize(), 0);
  await using worker = await startPython(WORKER, { args: [server.url] });
  for (let i = 0; i < 50; i++) await counter.add(1);
  const sum = await tasks.put([1, 2, 3.5]);
  assertEquals(await sum.result({ timeoutMs: 20_000 }), 6.5);
  const wrong = await tasks.put([1, "two"]);
  await assertRejects(() => wrong.result({ timeoutMs: 20_000 }), TypeError, "unsupported operand");
  assertEquals((await worker.status).code, 0, worker.stderr);
  assertEquals(await words.get("from/python"), { read: { text: "ü", list: [1, null] } });
  assertEquals(await counter.get(), 200);
  await tasks.join({ timeoutMs: 20_000 });
}, { ignore });
