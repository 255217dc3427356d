import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { CancelledError } from "../../coroutine/mod.ts";
import { ConnectionClosedError } from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { Gate } from "../support/gate.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending } from "../support/settle.ts";
import { createCounter, createWaiter, serve, until } from "./_rpc.ts";

leakTest("RpcClass.create() makes an object that stays on the server", async () => {
  const disposed: string[] = [];
  class Base {
    name: string;
    constructor(name: string) {
      if (name === "") throw new RangeError("no name");
      this.name = name;
    }
    hello() {
      return `hello ${this.name}`;
    }
  }
  class Account extends Base implements Disposable {
    #balance = 0;
    pay(amount: number) {
      return this.#balance += amount;
    }
    *history() {
      yield this.name;
      yield this.#balance;
    }
    async collect(amounts: AsyncIterable<number>) {
      for await (const amount of amounts) this.#balance += amount;
      return this.#balance;
    }
    [Symbol.dispose]() {
      disposed.push(this.name);
    }
  }
  await using served = await serve({ Account });
  const ann = await served.api.Account.create("ann");
  await using bob = await served.api.Account.create("bob");
  assertEquals(await ann.hello(), "hello ann");
  await ann.pay(3);
  assertEquals(await ann.pay(4), 7);
  assertEquals(await bob.pay(1), 1);
  assertEquals(await ann.collect([1, 2].values()), 10);
  assertEquals(await Array.fromAsync(ann.history()), ["ann", 10]);
  assertEquals(served.server.statistics().objects, 2);
  await ann.close();
  await ann.close();
  assertEquals(disposed, ["ann"]);
  await assertRejects(
    () => ann.pay(1),
    ConnectionClosedError,
    'Cannot call "pay": the object was freed',
  );
  await assertRejects(() => served.api.Account.create(""), RangeError, "no name");
  assertEquals(served.server.statistics().objects, 1);
  assertEquals(Object.keys(bob), ["pay", "history", "collect", "hello", "close"]);
});

leakTest("RpcObject is disposed of when nothing of it runs any more", async () => {
  const gate = new Gate();
  const events: string[] = [];
  class Thing {
    async work() {
      await gate.wait();
      events.push("worked");
    }
    close() {
      return "a method of its own";
    }
    [Symbol.dispose]() {
      events.push("disposed");
    }
  }
  await using served = await serve({ Thing });
  const thing = await served.api.Thing.create();
  assertEquals(await thing.close(), "a method of its own");
  const work = thing.work();
  const disposing = Promise.resolve(thing[Symbol.asyncDispose]());
  await assertPending(disposing);
  gate.open();
  await work;
  await disposing;
  assertEquals(events, ["worked", "disposed"]);
});

leakTest("RpcObject has nothing of the runtime's classes that its class extends", async () => {
  class Watcher extends EventTarget {
    watch() {
      return 1;
    }
  }
  await using served = await serve({ Watcher });
  await using watcher = await served.api.Watcher.create();
  assertEquals(Object.keys(watcher), ["watch", "close"]);
});

leakTest("RpcServer.onError is told when an object throws whose client is gone", async () => {
  const told = Promise.withResolvers<unknown>();
  class Thing {
    [Symbol.dispose]() {
      throw new RangeError("stuck");
    }
  }
  await using served = await serve({ Thing }, { onError: told.resolve });
  const thing = await served.api.Thing.create();
  await assertRejects(() => thing.close(), RangeError, "stuck");
  await served.api.Thing.create();
  await served.client.close();
  assertInstanceOf(await told.promise, RangeError);
});

leakTest("RpcServer frees what a client has that was killed, and cancels its calls", async () => {
  const waiter = createWaiter();
  const { count, closed } = createCounter();
  const disposed = new Gate();
  class Thing {
    stay() {
      return waiter.wait();
    }
    [Symbol.dispose]() {
      disposed.open();
    }
  }
  await using served = await serve({ Thing, count });
  await using victim = new Process({
    module: import.meta.resolve("./rpc_targets.ts"),
    target: "holdThing",
    args: [served.server.address],
    permissions: { net: ["127.0.0.1"] },
  });
  await victim.start();
  await waiter.started.wait();
  await until(() => served.server.statistics().streams === 1);
  victim.kill();
  assertInstanceOf(await waiter.ended, CancelledError);
  await closed.wait();
  await disposed.wait();
  await until(() => served.server.statistics().connections === 1);
});

leakTest(
  "RpcServer has no room for more than maxObjects, also of those made together",
  async () => {
    class Thing {
      name() {
        return "thing";
      }
    }
    await using served = await serve({ Thing }, { maxObjects: 2 });
    const made = await Promise.allSettled([1, 2, 3, 4].map(() => served.api.Thing.create()));
    assertEquals(made.map(({ status }) => status), [
      ...["fulfilled", "fulfilled"],
      ...["rejected", "rejected"],
    ]);
    assertEquals(served.server.statistics().objects, 2);
  },
);

leakTest("RpcServer has room again after a constructor that has thrown", async () => {
  class Thing {
    constructor(isFine: boolean) {
      if (!isFine) throw new RangeError("it is not");
    }
    name() {
      return "thing";
    }
  }
  await using served = await serve({ Thing }, { maxObjects: 1 });
  await assertRejects(() => served.api.Thing.create(false), RangeError, "it is not");
  await using thing = await served.api.Thing.create(true);
  assertEquals(await thing.name(), "thing");
});
