import { assertEquals, assertStringIncludes } from "@std/assert";
import { PyTuple, SyncManager } from "../../distributed/mod.ts";
import type { Token } from "../../distributed/_pickle_types.ts";
import { leakTest } from "../support/leaks.ts";
import { PythonClient } from "./_python_wire.ts";

/** Pools as Python clients see them, without Python. */

const KEY = "a key";

leakTest(
  "A pool and its results are shown to Python clients as Python's, and cannot be copied",
  async () => {
    await using server = new SyncManager({
      authkey: KEY,
      module: import.meta.resolve("./sync_targets.ts"),
      permissions: { run: ["deno"], net: ["127.0.0.1"] },
    }).getServer();
    using maker = await PythonClient.connect(server.address, KEY);
    const [pool] = await maker.ask(null, "create", "Pool", 1) as [string];
    using client = await PythonClient.connectForCalls(server.address, KEY);
    const lend = async (name: string, ...args: unknown[]): Promise<string> => {
      await client.send(pool, name, ...args);
      const [kind, value] = await client.receive();
      assertEquals(kind, "#PROXY");
      const [, token] = value as [unknown, Token];
      return token.id;
    };
    const items = new PyTuple<unknown>(2, 3);
    for (
      const [id, shown, why] of [
        [pool, "Pool", "NotImplementedError: pool objects cannot be passed between processes"],
        [await lend("apply_async", "square", [2]), "ApplyResult", "TypeError: cannot pickle"],
        [await lend("imap", "square", items), "IMapIterator", "TypeError: cannot pickle"],
      ] as const
    ) {
      const text = `<multiprocessing.pool.${shown} object at 0x${id}>`;
      assertEquals(await client.ask(id, "__repr__"), text);
      assertEquals(await client.ask(id, "__str__"), text);
      await client.send(id, "#GETVALUE");
      const [kind, value] = await client.receive();
      assertEquals(kind, "#UNSERIALIZABLE");
      assertStringIncludes(String(value), why);
    }
    await client.ask(pool, "terminate");
    await client.ask(pool, "join");
  },
);
