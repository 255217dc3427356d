import { assert, assertRejects } from "@std/assert";
import { CancelledError, spawn } from "../../coroutine/mod.ts";
import { BaseManager } from "../../distributed/mod.ts";
import type { Remote } from "../../ipc/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { pythonAvailable, startPython } from "../support/python.ts";

/** What a Python server gives to one who does not wait for it any more. */

const KEY = "a key";
const noPython = !await pythonAvailable();

abstract class Gate {
  abstract countWaiting(): number;
  abstract countMade(): number;
  abstract count(): number;
  abstract open(): void;
}

abstract class Thing {
  abstract lend(): Promise<unknown>;
}

const Client = BaseManager
  .register("gate", { proxyType: Gate })
  .register("slow", { proxyType: Thing })
  .register("thing", { proxyType: Thing });

interface Served extends AsyncDisposable {
  readonly client: InstanceType<typeof Client>;
  /** Of another client. */
  readonly gate: Remote<Gate>;
}

async function serve(): Promise<Served> {
  const stack = new AsyncDisposableStack();
  const file = new URL("fixtures/python_slow_server.py", import.meta.url);
  const server = await startPython(await Deno.readTextFile(file), { args: [KEY] });
  stack.use(server);
  const port = Number(/\d+$/.exec(server.ready)![0]);
  const connect = async () => {
    const client = stack.use(new Client({ address: ["127.0.0.1", port], authkey: KEY }));
    await client.connect();
    return client;
  };
  const client = await connect();
  const gate = await (await connect()).gate();
  return { client, gate, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Asks until something is so. */
async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  const since = performance.now();
  while (!await isSo()) assert(performance.now() - since < 15_000, `Waited for ${what}`);
}

for (const then of ["while the client goes on", "while the client closes"]) {
  leakTest(
    `An object that Python makes for a task that was cancelled is given back ${then}`,
    async () => {
      await using served = await serve();
      const { client, gate } = served;
      const before = await gate.count();
      const task = spawn(() => client.slow());
      await until(async () => await gate.countWaiting() === 1, "the request");
      task.cancel();
      await assertRejects(async () => await task, CancelledError);
      const closing = then === "while the client closes" ? client.close() : undefined;
      await gate.open();
      await until(async () => await gate.countMade() === 2, "the object");
      await closing;
      await until(async () => await gate.count() === before, "the end of the object");
    },
    { ignore: noPython },
  );
}

leakTest("What a method in Python lends to one who has left is given back", async () => {
  await using served = await serve();
  const { client, gate } = served;
  const thing = await client.thing();
  const before = await gate.count();
  const task = spawn(() => thing.lend());
  await until(async () => await gate.countWaiting() === 1, "the call");
  task.cancel();
  await assertRejects(async () => await task, CancelledError);
  await gate.open();
  await until(async () => await gate.countMade() === 3, "what is lent");
  await until(async () => await gate.count() === before, "the end of what was lent");
}, { ignore: noPython });
