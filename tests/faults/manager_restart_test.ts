import { assertEquals, assertRejects } from "@std/assert";
import {
  BaseManager,
  EngineUnavailableError,
  type RetryOptions,
  serveTasks,
  WorkerPool,
} from "../../distributed/mod.ts";
import { type Address, ConnectionLostError, type TlsOptions } from "../../ipc/mod.ts";
import { activeChildren, type Process } from "../../process/mod.ts";
import * as certificates from "../distributed/fixtures/tls_certificates.ts";
import { freePort } from "../support/free_port.ts";
import { leakTest } from "../support/leaks.ts";
import { pythonAvailable, startPython } from "../support/python.ts";
import { assertPending } from "../support/settle.ts";
import { TallyManager } from "./manager_targets.ts";
import { Relay } from "./relay.ts";

/** Managers that are killed, and come back on the same port. */

const MODULE = import.meta.resolve("./manager_targets.ts");
const RETRY: RetryOptions = { minTimeoutMs: 5, maxTimeoutMs: 50 };
const { authority, server: pair } = certificates;

/** A manager in a process of its own, which can be killed. */
class Life implements AsyncDisposable {
  readonly #manager: InstanceType<typeof TallyManager>;
  readonly process: Process;

  constructor(manager: InstanceType<typeof TallyManager>, process: Process) {
    this.#manager = manager;
    this.process = process;
  }

  static async begin(address: Address, tls?: TlsOptions): Promise<Life> {
    const manager = new TallyManager({
      address,
      authkey: "key",
      module: MODULE,
      tls,
      permissions: { run: true },
    });
    const before = activeChildren();
    await manager.start();
    const process = activeChildren().find((child) => !before.includes(child));
    return new Life(manager, process!);
  }

  async kill(): Promise<void> {
    Deno.kill(this.process.pid!, "SIGKILL");
    await this.process.join();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#manager[Symbol.asyncDispose]();
  }
}

function somewhere(): Address {
  return { hostname: "127.0.0.1", port: freePort() };
}

for (const tls of [undefined, { ...pair, caCerts: [authority.cert] }]) {
  const how = tls === undefined ? "" : ", over TLS";
  leakTest(`BaseManager: clients with retry outlive managers that are killed${how}`, async () => {
    const address = somewhere();
    await using client = new TallyManager({ address, authkey: "key", retry: RETRY, tls });
    const connecting = client.connect();
    let life = await Life.begin(address, tls);
    await connecting;
    const tally = await client.tally(100);
    for (let round = 0; round < 3; round++) {
      assertEquals(await tally.add(1), 101);
      assertEquals(await tally.pid(), life.process.pid!);
      const hanging = assertRejects(() => tally.hang(), ConnectionLostError);
      await life.kill();
      await hanging;
      const adding = tally.add(10);
      await assertPending(adding);
      await life[Symbol.asyncDispose]();
      life = await Life.begin(address, tls);
      // A new object, made with the same argument.
      assertEquals(await adding, 110);
      assertEquals(await tally.add(-10), 100);
    }
    await life[Symbol.asyncDispose]();
  });
}

leakTest("BaseManager: a client without retry is told of a manager that is killed", async () => {
  const address = somewhere();
  await using life = await Life.begin(address);
  await using client = new TallyManager({ address, authkey: "key" });
  await client.connect();
  const tally = await client.tally(0);
  const hanging = assertRejects(() => tally.hang(), ConnectionLostError, "Lost the connection to");
  await life.kill();
  await hanging;
  await using _again = await Life.begin(address);
  await assertRejects(() => tally.add(1), ConnectionLostError);
  await assertRejects(() => client.tally(0), ConnectionLostError);
});

leakTest("BaseManager: a call of which the manager dies is not repeated", async () => {
  const address = somewhere();
  await using _life = await Life.begin(address);
  await using client = new TallyManager({ address, authkey: "key", retry: RETRY });
  await client.connect();
  const tally = await client.tally(0);
  await assertRejects(() => client.die(), ConnectionLostError);
  const adding = tally.add(1);
  await using again = await Life.begin(address);
  assertEquals(await adding, 1);
  assertEquals(again.process.isAlive(), true);
});

leakTest("BaseManager: many clients come back to a manager that was killed", async () => {
  const address = somewhere();
  await using life = await Life.begin(address);
  await using stack = new AsyncDisposableStack();
  const tallies = await Promise.all(Array.from({ length: 20 }, async () => {
    const client = stack.use(new TallyManager({ address, authkey: "key", retry: RETRY }));
    await client.connect();
    return await client.tally(0);
  }));
  const lost = tallies.map((tally) => assertRejects(() => tally.hang(), ConnectionLostError));
  await life.kill();
  await Promise.all(lost);
  const adding = Promise.all(tallies.map((tally, n) => tally.add(n)));
  await using _again = await Life.begin(address);
  assertEquals(await adding, tallies.map((_, n) => n));
});

leakTest("serveTasks() waits for its pool, and comes back when it was cut off", async () => {
  const jobs = { square: (n: number) => n * n };
  const address = somewhere();
  const options = { authkey: "key", module: jobs };
  const early = serveTasks({ ...options, address });
  await assertPending(early);
  await using first = new WorkerPool({ address, authkey: "key" });
  assertEquals(await first.apply(jobs.square, [2]), 4);
  await first.terminate();
  await early;

  await using pool = new WorkerPool({ authkey: "key", retries: 10 });
  await using relay = new Relay(pool.address.port);
  const worker = serveTasks({ ...options, address: relay.address });
  for (let round = 0; round < 3; round++) {
    assertEquals(await pool.map(jobs.square, [1, 2, 3]), [1, 4, 9]);
    relay.cut();
  }
  assertEquals(await pool.apply(jobs.square, [4]), 16);
  await pool.terminate();
  await worker;
  await assertRejects(
    () => serveTasks({ ...options, address, reconnectMs: 30 }),
    EngineUnavailableError,
    "could not be reached for 30 ms",
  );
});

leakTest("BaseManager: with retry, a Python manager that is killed", async () => {
  const code = `
import os, sys
from multiprocessing.managers import BaseManager
class Tally:
    def __init__(self, start): self.count = start
    def add(self, n):
        self.count += n
        return self.count
    def hang(self):
        import time
        time.sleep(1000)
class M(BaseManager): pass
M.register("Tally", Tally)
m = M(address=("127.0.0.1", int(sys.argv[1])), authkey=b"key")
s = m.get_server()
print("READY", flush=True)
s.serve_forever()
`;
  const address = somewhere();
  const args = [String(address.port)];
  const Client = BaseManager.register("Tally", {
    proxyType: undefined as unknown as new (start: number) => {
      add(n: number): number;
      hang(): void;
    },
  });
  await using client = new Client({ address, authkey: "key", retry: RETRY });
  const connecting = client.connect();
  const first = await startPython(code, { args });
  await connecting;
  const tally = await client.Tally(100);
  assertEquals(await tally.add(1), 101);
  const hanging = assertRejects(() => Promise.resolve(tally.hang()), ConnectionLostError);
  first.kill("SIGKILL");
  await hanging;
  await first[Symbol.asyncDispose]();
  const adding = tally.add(10);
  await assertPending(adding);
  await using _second = await startPython(code, { args });
  assertEquals(await adding, 110);
}, { ignore: !await pythonAvailable() });
