import { assertLess } from "@std/assert";
import { BaseManager } from "../../distributed/mod.ts";
import { Gate } from "../support/gate.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { PythonClient } from "./_python_wire.ts";

const KEY = "a key";
/** More than the system keeps for one who does not read. */
const BLOB_LENGTH = 32 * 1024 * 1024;

leakTest("Server.shutdown() does not wait for a Python client that reads nothing", async () => {
  const asked = new Gate();
  const Manager = BaseManager.register("store", {
    callable: () => ({
      read: () => {
        asked.open();
        return "x".repeat(BLOB_LENGTH);
      },
    }),
  });
  await using server = new Manager({ authkey: KEY }).getServer();
  using maker = await PythonClient.connect(server.address, KEY);
  const [id] = await maker.ask(null, "create", "store") as [string];
  using stalled = await PythonClient.connect(server.address, KEY);
  await stalled.ask(null, "accept_connection", "a thread");
  await stalled.send(id, "read");
  await asked.wait();
  const since = performance.now();
  await guard(server.shutdown(), () => "the end of the server");
  assertLess(performance.now() - since, 10_000);
});

leakTest(
  "Server.shutdown() does not wait for what a Python client has made and is never made",
  async () => {
    const asked = new Gate();
    const Manager = BaseManager.register("endless", {
      callable: () => {
        asked.open();
        return new Promise<object>(() => {});
      },
    });
    await using server = new Manager({ authkey: KEY }).getServer();
    using client = await PythonClient.connect(server.address, KEY);
    await client.send(null, "create", "endless");
    await asked.wait();
    await guard(server.shutdown(), () => "the end of the server");
  },
);
