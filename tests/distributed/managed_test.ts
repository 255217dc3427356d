import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ManagerTable } from "../../distributed/_lending_table.ts";
import { ManagedPool } from "../../distributed/_managed_pool.ts";
import { waitInCall } from "../../distributed/_wait_in_call.ts";
import { BaseManager } from "../../distributed/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { settle } from "../support/settle.ts";
import { ANY } from "./_managers.ts";

/** How a manager lends what it has, and what its clients say about waits. */

const call = { signal: new AbortController().signal };

leakTest(
  "BaseManager: methodToTypeid must name methods, and types that are registered",
  async () => {
    const shop = () => ({ counter: () => ({ add: (n: number) => n }), price: () => 5 });
    const Manager = BaseManager
      .register("odd", { callable: shop, methodToTypeid: { none: "shop" } })
      .register("shop", { callable: shop, methodToTypeid: { counter: "Counter", price: "odd" } });
    await using server = new Manager({ address: ANY, authkey: "key" }).getServer();
    await using client = new Manager({ address: server.address, authkey: "key" });
    await client.connect();
    await assertRejects(
      async () => await client.odd(),
      TypeError,
      'Cannot lend "none": it is no method',
    );
    const lent = await client.shop();
    await assertRejects(
      async () => await lent.counter(),
      TypeError,
      'Cannot lend as "Counter": the manager has odd, shop',
    );
  },
);

leakTest(
  "A manager's pool gives what is there of imap() together, and an error after it",
  async () => {
    const module = import.meta.resolve("./sync_targets.ts");
    const pool = new ManagedPool({ module }, 1);
    try {
      const seat = pool.imap("refuse", [1, 2, 3, 4]).seat();
      while (pool.statistics().done + pool.statistics().failed < 4) await settle();
      await settle();
      const take = () => Promise.try(() => seat.methods.take!(call));
      assertEquals(await take(), [1, 2]);
      await assertRejects(take, RangeError, "not 3");
      // As in Python, what comes after the error is there as well.
      assertEquals([await take(), await take()], [[4], []]);
      seat.leave();
      // Many that are large would be no message any more.
      const large = pool.imap("square", [1n, 2n, 3n]).seat();
      while (pool.statistics().done + pool.statistics().failed < 7) await settle();
      await settle();
      assertEquals([await large.methods.take!(call)], [[1n]]);
      await large.methods.stop!(call);
    } finally {
      await pool.terminate();
    }
  },
);

Deno.test("ManagerTable.borrow() refuses a name that nobody has kept", () => {
  const table = new ManagerTable({ isFamily: false });
  const scope = table.scope();
  assertThrows(() => table.borrow("none", scope), ReferenceError, "nobody has kept it, it is gone");
  const object = { get: () => 1 };
  const id = table.nameOf(object, object);
  table.keep(object, scope);
  assertEquals([...scope.unclaimed], [object]);
  assertEquals([table.borrow(id, scope), scope.unclaimed.size], [table.loanOf(object), 0]);
  assertEquals([table.find(id), table.find("none")], [object, undefined]);
});

Deno.test("waitInCall() knows the methods that wait by what else the object has", () => {
  const options = { timeoutMs: 5 };
  const sure = { wait: options, isSure: true };
  const perhaps = { wait: options, isSure: false };
  const none = { wait: {}, isSure: true };
  for (
    const [methods, method, args, expected] of [
      [["put", "get"], "put", [1, options], sure],
      [["put", "get"], "put", [options], none],
      [["put"], "put", [1, options], perhaps],
      [["put", "get"], "get", [options], sure],
      [["get", "ready"], "get", [options], sure],
      [["get"], "get", [options], perhaps],
      [["put", "get", "join"], "join", [options], sure],
      [["join"], "join", [options], perhaps],
      [["acquire", "release"], "acquire", [options], sure],
      [["acquire"], "acquire", [options], perhaps],
      [["wait", "abort"], "wait", [options], sure],
      [["wait", "is_set"], "wait", [options], sure],
      [["wait"], "wait", [options], perhaps],
      [["save"], "save", [options], perhaps],
      [["save"], "save", [{ timeoutMs: -5 }], none],
      [["save"], "save", [{ timeoutMs: 5, name: "a" }], none],
      [["save"], "save", [null], none],
      [["save"], "save", [], none],
    ] as const
  ) assertEquals(waitInCall(methods, method, args), expected, `${methods} ${method}`);
});

leakTest("Server says that nothing is registered", async () => {
  await using server = new BaseManager({ address: ANY, authkey: "key" }).getServer();
  const Client = BaseManager.register("thing", { proxyType: Object });
  await using client = new Client({ address: server.address, authkey: "key" });
  await client.connect();
  await assertRejects(
    async () => await client.thing(),
    TypeError,
    'Cannot create "thing": the manager has nothing registered',
  );
});
